"""What a view can say: a tree of expressions and selects that renders itself as SQL,
and that lists its own reductions so that a failing view can be made small.
"""

import copy
from dataclasses import dataclass, field


@dataclass
class Expr:
    type: str
    loose: bool = False    # equal values may print differently here (a group's representative)

    def parts(self):
        """(container, key) of every expression directly inside."""
        return []


@dataclass
class Ref(Expr):
    alias: str = ""
    name: str = ""
    moves: bool = False

    def sql(self):
        return f"{self.alias}.{self.name}"


@dataclass
class Literal(Expr):
    text: str = "NULL"

    def sql(self):
        return f"{self.text}::{self.type}" if self.text == "NULL" or self.type not in ("int", "bool") else self.text


@dataclass
class Op(Expr):
    form: str = ""         # with {0}, {1} … for the arguments
    args: list = field(default_factory=list)

    def sql(self):
        return self.form.format(*(a.sql() for a in self.args))

    def parts(self):
        return [(self.args, i) for i in range(len(self.args))]


@dataclass
class Aggregate(Expr):
    form: str = ""
    args: list = field(default_factory=list)
    only: list = field(default_factory=list)    # FILTER, none or one

    def sql(self):
        text = self.form.format(*(a.sql() for a in self.args))
        return f"{text} FILTER (WHERE {self.only[0].sql()})" if self.only else text

    def parts(self):
        return [(self.args, i) for i in range(len(self.args))] + [(self.only, i) for i in range(len(self.only))]


@dataclass
class Available:
    """A column that a FROM item offers."""
    name: str
    type: str
    loose: bool = False
    moves: bool = False


@dataclass
class Leaf:
    alias: str
    table: str = ""                # a table or stream table …
    columns: list = field(default_factory=list)
    query: object = None           # … or a derived table …
    cte: str = ""                  # … or, under this name, a common table expression

    def sql(self):
        if self.cte:
            return f"{self.cte} {self.alias}"
        return f"({self.query.sql()}) {self.alias}" if self.query else f"{self.table} {self.alias}"

    def leaves(self):
        return [self]

    def offers(self):
        return self.query.offers() if self.query else self.columns

    def parts(self):
        return []


@dataclass
class Call(Leaf):
    """A FROM item that is computed, from columns of items before it if args have any."""
    form: str = ""
    args: list = field(default_factory=list)

    def sql(self):
        return f"LATERAL {self.form.format(*(a.sql() for a in self.args))} AS {self.alias}({', '.join(c.name for c in self.columns)})"

    def parts(self):
        return [(self.args, i) for i in range(len(self.args))]


@dataclass
class Join:
    kind: str                      # JOIN, LEFT JOIN, RIGHT JOIN, FULL JOIN, CROSS JOIN
    left: object
    right: object
    on: list = field(default_factory=list)

    def sql(self):
        right = f"({self.right.sql()})" if isinstance(self.right, Join) else self.right.sql()
        text = f"{self.left.sql()} {self.kind} {right}"
        return text if self.kind == "CROSS JOIN" else f"{text} ON {' AND '.join(e.sql() for e in self.on) or 'true'}"

    def leaves(self):
        return self.left.leaves() + self.right.leaves()

    def parts(self):
        return [(self.on, i) for i in range(len(self.on))] + self.left.parts() + self.right.parts()


@dataclass
class Select:
    targets: list                  # [expression, name]
    source: list                   # FROM items, joined by commas
    where: list = field(default_factory=list)
    group: object = None           # None, or a list of expressions; [] is the global group
    sets: object = None            # of the group: ROLLUP, CUBE, or lists of positions in it
    having: list = field(default_factory=list)
    distinct: bool = False
    on: list = field(default_factory=list)       # DISTINCT ON
    order: list = field(default_factory=list)    # ORDER BY, completed by all columns unless all ties are kept
    limit: str = ""

    def sql(self):
        on = f"DISTINCT ON ({', '.join(e.sql() for e in self.on)}) " if self.on else ""
        text = "SELECT " + ("DISTINCT " if self.distinct else on) + ", ".join(f"{e.sql()} AS {n}" for e, n in self.targets)
        text += " FROM " + ", ".join(s.sql() for s in self.source)
        if self.where:
            text += " WHERE " + " AND ".join(e.sql() for e in self.where)
        if self.group:
            text += " GROUP BY " + self.grouping()
        if self.having:
            text += " HAVING " + " AND ".join(e.sql() for e in self.having)
        return text + tail(self, [e.sql() for e in self.on])

    def grouping(self):
        keys = [e.sql() for e in self.group]
        if isinstance(self.sets, list):
            return "GROUPING SETS (" + ", ".join("(" + ", ".join(keys[i] for i in s if i < len(keys)) + ")" for s in self.sets or [[]]) + ")"
        return f"{self.sets} ({', '.join(keys)})" if self.sets else ", ".join(keys)

    def leaves(self):
        return [leaf for s in self.source for leaf in s.leaves()]

    def offers(self):
        # Rows are told apart by equality: of equal numerics of different scale in a bag any may be shown.
        alone = self.group is not None and self.sets is None and all(any(g is e for e, _ in self.targets) for g in self.group) and not self.distinct
        # now() is compared with columns of tables, so the comparison must get beneath.
        chosen = self.on or self.limit or any(" OVER (" in e.sql() for e, _ in self.targets)
        return [Available(name, e.type, e.loose or (not alone and varies(e)), isinstance(e, Ref) and e.moves and not chosen)
                for e, name in self.targets]

    def parts(self):
        own = [(t, 0) for t in self.targets]
        for items in (self.where, self.group or [], self.having, self.on, self.order):
            own += [(items, i) for i in range(len(items))]
        return own + [p for s in self.source for p in s.parts()]

    def selects(self):
        return [self] + [s for leaf in self.leaves() if leaf.query for s in leaf.query.selects()]


@dataclass
class Union:
    """Any set operation."""
    branches: list
    word: str = "UNION ALL"
    order: list = field(default_factory=list)
    limit: str = ""

    def sql(self):
        return f" {self.word} ".join(f"({b.sql()})" if isinstance(b, Union) or b.on or b.limit else b.sql() for b in self.branches) + tail(self)

    def offers(self):
        columns = self.branches[0].offers()
        for other in self.branches[1:]:
            columns = [Available(a.name, a.type, a.loose or b.loose or (self.word != "UNION ALL" and a.type.startswith("numeric")),
                                 a.moves and b.moves and not self.limit)
                       for a, b in zip(columns, other.offers())]
        return columns

    def leaves(self):
        return [leaf for b in self.branches for leaf in b.leaves()]

    def selects(self):
        return [s for b in self.branches for s in b.selects()]


def tail(query, first=()):
    """ORDER BY and LIMIT.  By all columns in the end, so that one result is right."""
    if not query.limit and not first:
        return ""
    by = list(first) + [e.sql() + f" {word}" for e, word in zip(query.order, ("DESC", "NULLS FIRST", "ASC", "DESC NULLS LAST"))]
    if "TIES" not in query.limit or first or not by:
        columns = len(query.offers())
        by += [str(i + 1) for i in range(columns)]
    return f" ORDER BY {', '.join(by)} {query.limit}".rstrip()


@dataclass
class Recursive(Union):
    """What a WITH RECURSIVE begins with, and its recursive term; that reads a leaf with the name alone."""

    def offers(self):
        return [Available(a.name, a.type, a.type.startswith("numeric")) for a in self.branches[0].offers()]


def varies(expr):
    """Whether equal values of it can print differently."""
    return expr.loose or expr.type == "numeric"


def ctes(query):
    """Name → query of every common table expression, inner ones first."""
    found = {}

    def visit(q):
        for leaf in q.leaves():
            if leaf.query is not None:
                visit(leaf.query)
                if leaf.cte:
                    found.setdefault(leaf.cte, leaf.query)

    visit(query)
    return found


def render(query):
    """The whole statement, with its WITH list."""
    named = ctes(query)
    head = ("WITH RECURSIVE " if any(isinstance(q, Recursive) for q in named.values()) else "WITH ") + ", ".join(f"{n} AS ({q.sql()})" for n, q in named.items()) + " " if named else ""
    return head + query.sql()


def tables(query):
    """Names of the relations it reads."""
    return {leaf.table for s in query.selects() for leaf in s.leaves() if leaf.table}


def everything(query):
    """Every (container, key) that holds an expression, at any depth."""
    stack = [p for s in query.selects() for p in s.parts()]
    while stack:
        box, key = stack.pop()
        yield box, key
        stack += box[key].parts()


def repair(query):
    """References to what a reduction removed become NULL."""
    for select in query.selects():
        known = {(leaf.alias, a.name) for leaf in select.leaves() for a in leaf.offers()}
        stack = select.parts()
        while stack:
            box, key = stack.pop()
            e = box[key]
            if isinstance(e, Ref) and (e.alias, e.name) not in known:
                box[key] = Literal(e.type)
            stack += e.parts()


def _joins(box, key):
    item = box[key]
    if isinstance(item, Join):
        yield box, key
        yield from _joins(item.__dict__, "left")
        yield from _joins(item.__dict__, "right")


def _sites(holder):
    """Edits that make holder[0], a query, smaller; each changes it in place."""
    query = holder[0]

    def put(box, key, item):
        return lambda: box.__setitem__(key, item)

    def drop(items, i):
        return lambda: items.pop(i)

    def drop_column(q, i):
        if isinstance(q, Union):
            return [step for b in q.branches for step in drop_column(b, i)]
        return [drop(q.targets, i)]

    def width(q):
        return width(q.branches[0]) if isinstance(q, Union) else len(q.targets)

    def queries(q):
        yield q
        if isinstance(q, Union):
            for b in q.branches:
                yield from queries(b)
        for leaf in q.leaves():
            if leaf.query is not None:
                yield from queries(leaf.query)

    for inner in list(queries(query))[1:]:
        yield put(holder, 0, inner)
    for select in query.selects():
        if len(select.source) > 1:
            for i in range(len(select.source)):
                yield drop(select.source, i)
        for i in range(len(select.source)):
            for box, key in _joins(select.source, i):
                yield put(box, key, box[key].left)
                yield put(box, key, box[key].right)
                if box[key].kind != "JOIN":
                    yield put(box[key].__dict__, "kind", "JOIN")
        for items in (select.where, select.having):
            for i in range(len(items)):
                yield drop(items, i)
        if select.group:
            for i in range(len(select.group)):
                yield drop(select.group, i)
        if select.sets:
            yield put(select.__dict__, "sets", None)
        if isinstance(select.sets, list):
            for i in range(len(select.sets)):
                yield drop(select.sets, i)
        if select.distinct:
            yield put(select.__dict__, "distinct", False)
        if select.limit:
            yield put(select.__dict__, "limit", "")
        for items in (select.on, select.order):
            for i in range(len(items)):
                yield drop(items, i)
        for leaf in select.leaves():
            if leaf.query is not None and isinstance(leaf.query, Union):
                for b in leaf.query.branches:
                    yield put(leaf.__dict__, "query", b)
            if leaf.query is not None:
                for deeper in leaf.query.leaves():
                    if deeper.table:
                        yield lambda leaf=leaf, deeper=deeper: leaf.__dict__.update(query=None, cte="", table=deeper.table, columns=deeper.columns)
    for q in {id(q): q for q in queries(query)}.values():
        if width(q) > 1:
            for i in range(width(q)):
                steps = drop_column(q, i)
                yield lambda steps=steps: [step() for step in steps]
    for box, key in list(everything(query)):
        e = box[key]
        if isinstance(e, Aggregate) and e.only:
            yield put(e.__dict__, "only", [])
        for inner_box, inner_key in e.parts():
            if inner_box[inner_key].type == e.type:
                yield put(box, key, inner_box[inner_key])
        if not isinstance(e, (Ref, Literal)):
            if e.type == "bool":
                yield put(box, key, Literal("bool", False, "true"))
            elif not isinstance(e, Aggregate):
                yield put(box, key, Literal(e.type))


def reductions(query):
    """Smaller queries, each one edit away; many of them are not valid SQL."""
    n = 0
    while True:
        holder = [copy.deepcopy(query)]
        sites = list(_sites(holder))
        if n >= len(sites):
            return
        sites[n]()
        repair(holder[0])
        yield holder[0]
        n += 1
