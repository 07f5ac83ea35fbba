"""The grammar's productions. One that is missing is a function with @production away from being tried in every place that takes its kind.

    query(types)          the types of its columns, or None for any; .columns are what it offers
    from(scope)           one FROM item; what is to the left of it may be referred to if it is LATERAL
    condition(scope), int(scope), text(scope) …     over the Refs in scope
    aggregate T(scope), window T(scope)              of type T
    tail(query)           a query made of a query

Which of equal rows comes first must not be seen: LIMIT, DISTINCT ON, ROWS frames and ordered aggregates order by everything.
"""

from __future__ import annotations

from .grammar import SCALARS, Many, Node, Ref, production, walk
from .schema import VALUES

NUMBERS = ("int", "bigint", "numeric")
ORDERED = tuple(kind for kind in SCALARS if kind != "bool")


# ---- words ----

def literal(g, kind):
    if g.chance(0.08):
        return Node(kind, f"NULL::{kind}")
    text = g.rng.choice(VALUES[kind])
    return Node(kind, text if kind in ("int", "bool") else f"{text}::{kind}")


def expression(g, scope, kind):
    """A column, a literal, or something made of those."""
    fits = [ref for ref in scope if ref.type == kind]
    if g.outer and g.chance(0.15):
        fits += [ref for ref in g.outer if ref.type == kind]
    if g.deep() or (fits and g.chance(0.6)):
        return g.rng.choice(fits).node() if fits else literal(g, kind)
    return g.make(kind, scope, otherwise=lambda: literal(g, kind))


def condition(g, scope):
    return g.make("condition" if not g.deep() else "plain condition", scope, otherwise=lambda: Node("condition", "true"))


def conditions(g, scope, share=0.4):
    found = []
    while len(found) < 3 and g.chance(share):
        found.append(condition(g, scope))
    return found


def match(g, left, right, words=("=",)):
    """A comparison between two scopes, mostly of keys; None if no types fit."""
    pairs = [(a, b) for a in left for b in right if a.type == b.type or {a.type, b.type} <= {"int", "bigint"}]
    if not pairs:
        return None
    keys = [(a, b) for a, b in pairs if {a.name, b.name} & {"id", "up"}]
    a, b = g.rng.choice(keys if keys and g.chance(0.6) else pairs)
    return Node("condition", "{0} " + g.rng.choice(words) + " {1}", [a.node(), b.node()])


def types_of(g, scope, most=4):
    kinds = sorted({ref.type for ref in scope}) or ["int"]
    return [g.rng.choice(kinds) for _ in range(g.rng.randint(1, most))]


def target(g, node):
    """node AS a name of its own."""
    name = g.fresh("c")
    return Node("target", "{0} AS " + name, [node], [Ref("", name, node.kind)])


def select(g, targets, source, where=(), rest=(), word="SELECT "):
    """A SELECT of targets; rest are further clauses, each a Node or Many."""
    parts = [Many(word, ", ", targets, 1), source, Many(" WHERE ", " AND ", list(where)), *rest]
    return Node("query", "{0} FROM {1}{2}" + "".join("{" + str(i) + "}" for i in range(3, len(parts))), parts, [t.columns[0] for t in targets])


def derived(g, query, word=""):
    alias = g.fresh("r")
    return Node("from", word + "({0}) " + alias, [query], [Ref(alias, c.name, c.type) for c in query.columns], alias)


def query(g, types=None):
    return g.make("query", types, otherwise=lambda: values(g, types or ["int"]))


def inside(g, scope, make):
    """What make() makes, as a subquery of a query whose scope is this."""
    kept, named = g.outer, list(g.named)
    g.outer = scope
    made = make()
    g.outer, g.named = kept, named
    return made


def source(g, joins=True):
    """A whole FROM list."""
    item = g.make("from", [], otherwise=lambda: derived(g, values(g, ["int", "text"])))
    while joins and not g.deep() and g.chance(0.4):
        item = g.make("join", item, otherwise=lambda: item)
    return item


def by(g, names):
    return ", ".join(name + g.rng.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) for name in names)


# ---- FROM ----

@production("from", 6)
def table(g, left):
    name = g.rng.choice(sorted(g.relations))
    alias = g.fresh("r")
    g.leaves -= 1
    g.read.append(name)
    return Node("from", f"{name} {alias}", [], [Ref(alias, *column) for column in g.relations[name]], alias)


@production("from", 2)
def derived_table(g, left):
    return None if g.deep() else derived(g, inside(g, [], lambda: query(g)))


@production("from", 4)
def with_name(g, left):
    if not g.named:
        return None
    name, columns = g.rng.choice(g.named)
    alias = g.fresh("r")
    return Node("from", f"{name} {alias}", [], [Ref(alias, c.name, c.type) for c in columns], alias)


@production("from", 0.3)
def values_table(g, left):
    return derived(g, values(g, [g.rng.choice(SCALARS) for _ in range(2)]))


@production("join", 4)
def inner_join(g, left):
    right = g.make("from", [], otherwise=lambda: None)
    on = [m for m in [match(g, left.columns, right.columns)] if m] + conditions(g, left.columns + right.columns, 0.2)
    return Node("from", "{0} JOIN {1} ON {2}", [left, right, Many("", " AND ", on, 1) if on else Node("condition", "true")], left.columns + right.columns)


@production("join", 3)
def outer_join(g, left):
    right = g.make("from", [], otherwise=lambda: None)
    on = [m for m in [match(g, left.columns, right.columns)] if m] + conditions(g, left.columns + right.columns, 0.25)
    word = g.rng.choice(["LEFT", "LEFT", "RIGHT"])
    return Node("from", "{0} " + word + " JOIN {1} ON {2}", [left, right, Many("", " AND ", on, 1) if on else Node("condition", "true")], left.columns + right.columns)


@production("join", 1.5)
def full_join(g, left):
    right = g.make("from", [], otherwise=lambda: None)
    on = match(g, left.columns, right.columns)
    more = [c for c in [temporal(g, left.columns + right.columns), condition(g, left.columns + right.columns)] if c and g.chance(0.2)]
    return on and Node("from", "{0} FULL JOIN {1} ON {2}", [left, right, Many("", " AND ", [on, *more], 1)], left.columns + right.columns)


@production("join", 0.7)
def nested_join(g, left):
    right = g.make("join", g.make("from", [], otherwise=lambda: None), otherwise=lambda: None)
    on = right and match(g, left.columns, right.columns)
    more = conditions(g, left.columns + right.columns, 0.2) if on else []
    return on and Node("from", "{0} " + g.rng.choice(["JOIN", "LEFT JOIN"]) + " ({1}) ON {2}", [left, right, Many("", " AND ", [on, *more], 1)], left.columns + right.columns)


@production("join", 0.7)
def using_join(g, left):
    right = table(g, [])
    names = [c.name for c in right.columns if sum(c.name == l.name for l in left.columns) == 1]
    names = [n for n in names if sum(n == c.name for c in right.columns) == 1]
    if not names:
        return None
    return Node("from", "{0} " + g.rng.choice(["JOIN", "LEFT JOIN"]) + " {1} USING (" + g.rng.choice(names) + ")", [left, right], left.columns + right.columns)


@production("join", 0.7)
def theta_join(g, left):
    right = table(g, [])
    on = match(g, left.columns, right.columns, ("<", ">=", "<>", "IS NOT DISTINCT FROM"))
    return on and Node("from", "{0} " + g.rng.choice(["JOIN", "LEFT JOIN"]) + " {1} ON {2}", [left, right, on], left.columns + right.columns)


@production("join", 1.2)
def lateral_query(g, left):
    inner = inside(g, left.columns, lambda: g.make("correlated", left.columns, otherwise=lambda: None))
    if inner is None:
        return None
    right = derived(g, inner, "LATERAL ")
    return Node("from", g.rng.choice(["{0} CROSS JOIN {1}", "{0} LEFT JOIN {1} ON true"]), [left, right], left.columns + right.columns)


@production("join", 1)
def lateral_function(g, left):
    alias = g.fresh("f")
    ints = [ref for ref in left.columns if ref.type == "int"]
    texts = [ref for ref in left.columns if ref.type == "text"]
    forms = [("unnest(ARRAY[{0}, {1}])", [expression(g, left.columns, "text"), literal(g, "text")], "text")]
    if ints:
        forms.append(("generate_series(1, least({0}, 3))", [g.rng.choice(ints).node()], "int"))
    if texts:
        forms.append(("regexp_split_to_table({0}, '')", [g.rng.choice(texts).node()], "text"))
    text, parts, kind = g.rng.choice(forms)
    columns, names = [Ref(alias, "x", kind)], "(x)"
    if g.chance(0.4):
        columns, text, names = [*columns, Ref(alias, "n", "bigint")], text + " WITH ORDINALITY", "(x, n)"
    right = Node("from", f"LATERAL {text} {alias}{names}", parts, columns, alias)
    return Node("from", g.rng.choice(["{0} CROSS JOIN {1}", "{0} LEFT JOIN {1} ON true"]), [left, right], left.columns + columns)


# ---- queries ----

@production("query", 4)
def plain(g, types):
    item = source(g)
    targets = [target(g, expression(g, item.columns, kind)) for kind in types or types_of(g, item.columns)]
    return select(g, targets, item, conditions(g, item.columns), word=g.rng.choice(["SELECT "] * 5 + ["SELECT DISTINCT "]))


@production("query", 4)
def grouped(g, types):
    item = source(g)
    scope = item.columns
    where = conditions(g, scope, 0.3)
    keys = [g.rng.choice(scope).node() if g.chance(0.8) else expression(g, scope, g.rng.choice(scope).type) for _ in range(g.rng.choice([0, 1, 1, 2, 2, 3]))]
    keys = [key for key in keys if any(part.alias for part in walk(key))]
    nodes = []
    for kind in types or [k.kind for k in keys if g.chance(0.9)] + [g.rng.choice(["int", "bigint", "numeric", "text"]) for _ in range(g.rng.choice([1, 1, 2]))]:
        mine = [key for key in keys if key.kind == kind and key not in nodes]
        nodes.append(mine[0] if mine and g.chance(0.8) else aggregate(g, scope, kind))
    rest = grouping(g, keys, nodes, types)
    having = []
    if g.chance(0.2):
        kind = g.rng.choice(["bigint", "int"])
        having = [Node("condition", "{0} " + g.rng.choice([">", "<=", "<>"]) + " {1}", [aggregate(g, scope, kind), Node(kind, g.rng.choice("012"))])]
    elif g.chance(0.1):
        having = [Node("condition", "{0} >= ({1})", [aggregate(g, scope, "int"), inside(g, [], lambda: one_value(g, "int"))])]
    return select(g, [target(g, n) for n in nodes], item, where, [*rest, Many(" HAVING ", " AND ", having)])


def grouping(g, keys, nodes, types):
    """GROUP BY, perhaps of grouping sets; grouping sets of expressions that are not columns are for the server to tell apart."""
    if len(keys) > 1 and g.chance(0.25):
        g.used.append("grouping_sets")
        names = [key.sql() for key in keys]
        if types is None and g.chance(0.5):
            nodes.append(Node("int", f"GROUPING({', '.join(names)})"))
        return [Node("group", g.rng.choice([f" GROUP BY ROLLUP ({', '.join(names)})", f" GROUP BY CUBE ({', '.join(names[:3])}){''.join(', ' + n for n in names[3:])}",
                                            f" GROUP BY GROUPING SETS (({', '.join(names)}), ({names[0]}), ())"]))]
    return [Many(" GROUP BY ", ", ", keys)]


def aggregate(g, scope, kind):
    return g.make(f"aggregate {kind}", scope, otherwise=lambda: Node(kind, "max({0})", [expression(g, scope, kind)]) if kind != "bool" else Node("bool", "count(*) > 1"))


@production("query", 2)
def set_operation(g, types):
    if g.deep():
        return None
    types = types or [g.rng.choice(SCALARS) for _ in range(g.rng.choice([1, 2, 2, 3]))]
    left, right = query(g, types), query(g, types)
    word = g.rng.choice(["UNION ALL", "UNION", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL"])
    return Node("query", "({0}) " + word + " ({1})", [left, right], left.columns)


@production("query", 1.5)
def top(g, types):
    if g.deep():
        return None
    item = derived(g, query(g, types))
    names = [c.name for c in item.columns]
    if g.chance(0.3):
        tail, numbers = f" ORDER BY {by(g, names[:1])} FETCH FIRST ({{0}}) ROWS WITH TIES", [number_of_rows(g, [])]
    else:
        g.rng.shuffle(names)
        offset = g.rng.choice(["", "", " OFFSET 1", " OFFSET {1}"])
        tail, numbers = f" ORDER BY {by(g, names)} LIMIT {{0}}{offset}", [number_of_rows(g, []), number_of_rows(g, [])]
    return Node("query", "SELECT * FROM {0}{1}", [item, Node("tail", tail, numbers)], item.columns)


def number_of_rows(g, scope):
    """What LIMIT and OFFSET may say: a number, or what is worked out without a column of their own level."""
    given = [r for r in scope if r.type in ("int", "bigint")]
    if given and g.chance(0.3):
        return Node("count", "abs({0} % 3)", [g.rng.choice(given).node()])
    if g.chance(0.2) and not g.deep():
        return Node("count", "abs(({0}) % 4)", [inside(g, scope, lambda: one_value(g, g.rng.choice(["int", "bigint"])))])
    if g.chance(0.03):
        return Node("count", "(extract(epoch FROM now()) * 2)::bigint % 4")
    return Node("count", str(g.rng.randint(1, 5)))


@production("query", 1)
def distinct_on(g, types):
    if g.deep():
        return None
    item = derived(g, query(g, types))
    names = [c.name for c in item.columns]
    g.rng.shuffle(names)
    count = g.rng.randint(1, max(1, len(names) - 1))
    return Node("query", f"SELECT DISTINCT ON ({', '.join(names[:count])}) * FROM {{0}} ORDER BY {by(g, names)}", [item], item.columns)


@production("query", 2)
def windowed(g, types):
    item = source(g)
    scope = item.columns
    kinds = types or types_of(g, scope, 2) + [g.rng.choice(["bigint", "numeric", "int", "text"])]
    # Two windows may put equal rows in different orders: only one of them may see it.
    targets = [target(g, window(g, scope, kind, last) if last or g.chance(0.2) else expression(g, scope, kind)) for kind, last in [(kind, i == len(kinds) - 1) for i, kind in enumerate(kinds)]]
    if types is None and g.chance(0.1):
        g.used.append("set_beside_window")
        targets.append(target(g, Node("text", "unnest(ARRAY[{0}, {1}])", [expression(g, scope, "text"), literal(g, "text")])))
    made = select(g, targets, item, conditions(g, scope, 0.25))
    if g.chance(0.25):      # the first of each partition, as users write it
        inner = derived(g, select(g, [target(g, r.node()) for r in scope[:3]] + [target(g, Node("bigint", "row_number() OVER (PARTITION BY {0} ORDER BY {1})", [g.rng.choice(scope).node(), everything(scope)]))], item))
        if types is None:
            g.used.append("first_of_partition")
            return select(g, [target(g, r.node()) for r in inner.columns], inner, [Node("condition", f"{inner.alias}.{inner.columns[-1].name} <= {g.rng.randint(1, 2)}")])
    return made


def everything(scope):
    return Many("", ", ", [r.node() for r in scope], fixed=True)


def window(g, scope, kind, may_be_total):
    """A window function over partitions; with frames that depend on the order of equals only where everything is ordered by."""
    partition = Many("PARTITION BY ", ", ", [g.rng.choice(scope).node() for _ in range(g.rng.choice([0, 1, 1, 2]))])
    if not may_be_total or g.chance(0.4):
        order, frames = Many(" ORDER BY ", ", ", [g.rng.choice(scope).node()]), ["", "", " RANGE UNBOUNDED PRECEDING", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                                                                                   " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", " GROUPS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE GROUP",
                                                                                   " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE TIES"]
        total = False
    else:
        order, frames = Node("order", " ORDER BY {0}", [everything(scope)]), ["", " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING", " ROWS UNBOUNDED PRECEDING", " ROWS BETWEEN CURRENT ROW AND 2 FOLLOWING",
                                                                               " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW", " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING"]
        total = True
    over = " OVER ({0}{1}" + g.rng.choice(frames) + ")"
    argument = expression(g, [r for r in scope if r.type == kind] or scope, kind)
    calls = ["max({2})", "min({2})"] if kind != "bool" else ["bool_or({2})", "bool_and({2})"]
    if kind == "bigint":
        calls += ["count(*)", "count({2})", "rank()", "dense_rank()"] + (["row_number()"] * 2 if total else [])
        argument = expression(g, scope, "int")
        calls += ["sum({2})"]
        calls = [c for c in calls if not c.startswith(("max", "min"))]
    if kind == "numeric":
        calls += ["sum({2})", "avg({2})"]
    if kind == "float8":
        calls += ["percent_rank()", "cume_dist()"]
    if kind == "int" and total:
        calls += ["ntile(3)"]
    if total:
        calls += [] if kind == "bigint" else ["first_value({2})", "last_value({2})", "nth_value({2}, 2)", "lag({2})", "lead({2}, 2)"]
    call = g.rng.choice(calls)
    g.used.append("window_" + call.split("(")[0])
    if call.startswith(("count", "sum", "max")) and g.chance(0.15):
        call += " FILTER (WHERE {3})"
    return Node(kind, call + over, [partition, order, argument, condition_in_place(g, scope)])


def condition_in_place(g, scope):
    return g.make("plain condition", scope, otherwise=lambda: Node("condition", "true"))


@production("query", 1)
def with_query(g, types):
    if g.deep():
        return None
    inner = inside(g, [], lambda: query(g))
    name = g.fresh("w")
    head = Node("with", name + " AS " + g.rng.choice(["", "", "MATERIALIZED "]) + "({0})", [inner], alias=name)
    g.named.append((name, inner.columns))
    outer = query(g, types)
    g.named.pop()
    return Node("query", "WITH {0} SELECT * FROM ({1}) " + g.fresh("r"), [head, outer], outer.columns)


@production("query", 1)
def recursion(g, types):
    """What is reached over two columns of a table; UNION ALL counts its steps, or it would not end."""
    if types is not None or g.deep():
        return None
    edges = table(g, [])
    ints = [c for c in edges.columns if c.type in ("int", "bigint")]
    if len(ints) < 2:
        return None
    a, b = g.rng.sample(ints, 2)
    name, step = g.fresh("w"), g.fresh("r")
    where = Many(" WHERE ", " AND ", conditions(g, edges.columns, 0.25))
    counted = g.chance(0.5)
    first = f"SELECT {a.alias}.{a.name}::bigint AS a, {b.alias}.{b.name}::bigint AS b{', 1 AS n' if counted else ''} FROM {{0}}{{1}}"
    again = f"{name}.a, {step}.{b.name}::bigint{f', {name}.n + 1' if counted else ''} FROM {name} JOIN {edges.form.replace(edges.alias, step)} ON {step}.{a.name} = {name}.b"
    more = f"UNION ALL SELECT {again} WHERE {name}.n < 3" if counted else f"UNION SELECT {again}"
    head = Node("with", f"{name} AS ({first} {more})", [edges, where], alias=name)
    columns = [Ref("", "a", "bigint"), Ref("", "b", "bigint")] + ([Ref("", "n", "int")] if counted else [])
    g.read.append(g.read[-1])
    alias = g.fresh("r")
    item = Node("from", f"{name} {alias}", [], [Ref(alias, c.name, c.type) for c in columns], alias)
    if g.chance(0.4):
        item = g.make("join", item, otherwise=lambda: item)
    targets = [target(g, r.node()) for r in item.columns[:3]] if g.chance(0.6) else [target(g, item.columns[0].node()), target(g, Node("bigint", "count(*)"))]
    rest = [Node("group", f" GROUP BY {item.columns[0].alias}.{item.columns[0].name}")] if len(targets) == 2 and targets[1].sql().startswith("count") else []
    body = select(g, targets, item, conditions(g, item.columns, 0.25), rest)
    return Node("query", "WITH RECURSIVE {0} {1}", [head, body], body.columns)


@production("query", 0.7)
def functions_in_list(g, types):
    if types is not None:
        return None
    item = source(g)
    targets = [target(g, expression(g, item.columns, kind)) for kind in types_of(g, item.columns, 2)]
    targets.append(target(g, Node("text", "unnest(ARRAY[{0}, {1}])", [expression(g, item.columns, "text"), literal(g, "text")])))
    return select(g, targets, item, conditions(g, item.columns, 0.25))


def values(g, types):
    names = [g.fresh("c") for _ in types]
    rows = [Many("(", ", ", [literal(g, kind) for kind in types], len(types)) for _ in range(g.rng.randint(1, 3))]
    return Node("query", "SELECT * FROM (VALUES " + ", ".join("{" + str(i) + "})" for i in range(len(rows))) + f") {g.fresh('r')}({', '.join(names)})", rows, [Ref("", n, t) for n, t in zip(names, types)])


# ---- subqueries ----

def one_value(g, kind):
    """A query of one row and column."""
    item = source(g, joins=False)
    where = [m for m in [match(g, item.columns, g.outer)] if m] if g.outer and g.chance(0.75) else []
    return select(g, [target(g, aggregate(g, item.columns, kind))], item, where + conditions(g, item.columns, 0.2))


@production("correlated", 3)
def matching_rows(g, scope):
    item = source(g)
    on = match(g, item.columns, scope, ("=", "=", "=", "<"))
    targets = [target(g, r.node()) for r in g.rng.sample(item.columns, min(3, len(item.columns)))]
    return select(g, targets, item, [m for m in [on] if m] + conditions(g, item.columns, 0.2))


@production("correlated", 2)
def matching_groups(g, scope):
    item = source(g, joins=False)
    on = match(g, item.columns, scope)
    return on and select(g, [target(g, aggregate(g, item.columns, g.rng.choice(["bigint", "numeric", "text"]))) for _ in range(2)], item, [on])


@production("correlated", 2)
def matching_top(g, scope):
    item = source(g, joins=False)
    on = match(g, item.columns, scope)
    if not on:
        return None
    order = by(g, [f"{r.alias}.{r.name}" for r in item.columns])
    return select(g, [target(g, r.node()) for r in item.columns[:3]], item, [on], [Node("tail", f" ORDER BY {order} LIMIT {{0}}", [number_of_rows(g, scope)])])


@production("condition", 2)
def exists(g, scope):
    inner = inside(g, scope, lambda: g.make("correlated", scope, otherwise=lambda: None))
    return inner and Node("condition", g.rng.choice(["EXISTS ({0})", "NOT EXISTS ({0})"]), [inner])


@production("condition", 2)
def in_query(g, scope):
    if not scope:
        return None
    kinds = [g.rng.choice(scope).type for _ in range(g.rng.choice([1, 1, 1, 2]))]
    inner = inside(g, scope if g.chance(0.3) else [], lambda: query(g, kinds))
    left = [expression(g, scope, kind) for kind in kinds]
    tuples = "{0}" if len(kinds) == 1 else "({0}, {1})"
    word = g.rng.choice(["IN", "IN", "NOT IN", "NOT IN"] + (["= ANY", "<> ALL", ">= ALL", "< ANY"] if len(kinds) == 1 and kinds[0] != "bool" else []))
    return Node("condition", f"{tuples} {word} ({{{len(kinds)}}})", [*left, inner])


@production("condition", 1.5)
def compare_with_query(g, scope):
    kind = g.rng.choice(["int", "bigint", "numeric", "text", "date"])
    return Node("condition", "{0} " + g.rng.choice(["=", "<", ">=", "<>"]) + " ({1})", [expression(g, scope, kind), inside(g, scope if g.chance(0.6) else [], lambda: one_value(g, kind))])


@production("condition", 1)
def pass_a_value(g, scope):
    """A column beside the one value of a subquery: rows come and go as it moves past them."""
    ordered = [r for r in scope if r.type in ORDERED]
    if not ordered:
        return None
    column = g.rng.choice(ordered)
    form = g.rng.choice(["{0} < ({1})", "{0} <= ({1})", "{0} > ({1})", "({1}) <= {0}", "({1}) > {0}"])
    return Node("condition", form, [column.node(), inside(g, [], lambda: one_value(g, column.type))])


def scalar_query(kind):
    @production(kind, 0.6)
    def scalar_subquery(g, scope):
        return Node(kind, "({0})", [inside(g, scope if g.chance(0.6) else [], lambda: one_value(g, kind))])


for _kind in ("int", "bigint", "numeric", "text", "date", "timestamptz"):
    scalar_query(_kind)


@production("text", 0.4)
def array_of_query(g, scope):
    """ARRAY(subquery) in the order of what its values look like, which leaves nothing open."""
    def make():
        if g.chance(0.4):
            item = derived(g, query(g, [g.rng.choice(ORDERED)]))
        else:
            item = source(g, joins=False)
        on = match(g, item.columns, g.outer) if g.outer and g.chance(0.7) else None
        column = g.rng.choice(item.columns)
        limit = f" LIMIT {g.rng.randint(1, 3)}" if g.chance(0.2) else ""
        return select(g, [target(g, Node("text", "({0})::text", [column.node()]))], item, [m for m in [on] if m] + conditions(g, item.columns, 0.2),
                      [Node("tail", " ORDER BY ({0})::text" + limit, [column.node()])])
    return Node("text", "(ARRAY({0}))::text", [inside(g, scope if g.chance(0.7) else [], make)])


def row_of(g, scope):
    aliases = sorted({ref.alias for ref in scope if ref.alias})
    return Node("row", g.rng.choice(aliases), alias="") if aliases else None


@production("text", 0.3)
def whole_row(g, scope):
    row = row_of(g, scope)
    return row and Node("text", g.rng.choice(["to_jsonb({0})::text", "row_to_json({0})::text"]), [row])


@production("aggregate text", 0.4)
def rows_aggregate(g, scope):
    row = row_of(g, scope)
    return row and Node("text", g.rng.choice(["jsonb_agg({0} ORDER BY {0}::text)::text", "json_agg({0} ORDER BY {0}::text)::text"]), [row])


@production("aggregate bigint", 0.3)
def rows_count(g, scope):
    row = row_of(g, scope)
    return row and Node("bigint", g.rng.choice(["count({0})", "count(DISTINCT {0})"]), [row])


@production("bool", 0.5)
def exists_value(g, scope):
    test = exists(g, scope)
    return test and Node("bool", "({0})", [test])


# ---- conditions ----

@production("condition", 6)
@production("plain condition", 6)
def comparison(g, scope):
    if not scope:
        return None
    kind = g.rng.choice(scope).type
    form = g.rng.choice(["{0} = {1}", "{0} = {1}", "{0} <> {1}", "{0} > {1}", "{0} <= {1}", "{0} IS DISTINCT FROM {1}", "{0} IN ({1}, {0})", "{0} BETWEEN {1} AND {2}"])
    depth, g.depth = g.depth, min(g.depth, 1)
    node = Node("condition", form, [expression(g, scope, kind), literal(g, kind) if g.chance(0.6) else expression(g, scope, kind), literal(g, kind)])
    g.depth = depth
    return node


@production("condition", 1)
@production("plain condition", 1)
def null_test(g, scope):
    return scope and Node("condition", "{0} IS " + g.rng.choice(["", "NOT "]) + "NULL", [g.rng.choice(scope).node()])


@production("condition", 1.5)
def connected(g, scope):
    return Node("condition", g.rng.choice(["({0} OR {1})", "({0} OR {1})", "({0} AND {1})", "NOT ({0} AND {1})", "({0}) IS NOT TRUE"]), [condition(g, scope), condition(g, scope)])


@production("condition", 0.8)
def row_comparison(g, scope):
    if len(scope) < 2:
        return None
    a, b = g.rng.sample(scope, 2)
    return Node("condition", "({0}, {1}) " + g.rng.choice(["<", "=", ">="]) + " ({2}, {3})", [a.node(), b.node(), literal(g, a.type), literal(g, b.type)])


@production("condition", 1)
def temporal(g, scope):
    moving = [r for r in [*scope, *g.outer] if r.moves]
    if not moving:
        return None
    numbers = [r for r in [*scope, *g.outer] if r.type == "int"]
    if numbers and g.chance(0.3):
        return Node("condition", g.rng.choice(["{0} + {1} % 4 * interval '100 ms' > now()", "{0} < now() - {1} % 3 * interval '150 ms'"]), [g.rng.choice(moving).node(), g.rng.choice(numbers).node()])
    return Node("condition", g.rng.choice(["{0} > now() - interval '300 ms'", "{0} <= now()", "{0} BETWEEN now() - interval '150 ms' AND now() + interval '200 ms'", "{0} + interval '100 ms' < now()", "{0} + interval '1 day' < now() + interval '1 day'",
                                         "extract(epoch FROM now() - {0}) < 0.2", "GREATEST({0}, now() - interval '1 day') > now() - interval '250 ms'"]),
                [g.rng.choice(moving).node()])


# ---- expressions ----

def operators(kind, *forms):
    """Productions of a type from a form and the types of its arguments."""
    for weight, form, *arguments in forms:
        def operator(g, scope, form=form, arguments=arguments):
            return Node(kind, form, [expression(g, scope, a) if a != "condition" else condition(g, scope) for a in arguments])
        operator.__name__ = f"{kind}_operator"
        production(kind, weight)(operator)


for _kind in SCALARS:
    operators(_kind, (1, "CASE WHEN {0} THEN {1} ELSE {2} END", "condition", _kind, _kind), (1, "COALESCE({0}, {1})", _kind, _kind), (0.5, "NULLIF({0}, {1})", _kind, _kind))
operators("int", (1, "({0} + 1)", "int"), (1, "length({0})", "text"), (1, "({0} % NULLIF({1}, 0))", "int", "int"), (0.5, "extract(day FROM {0})::int", "date"), (0.5, "abs({0})", "int"))
operators("bigint", (1, "({0})::bigint", "int"), (1, "({0} - 1)", "bigint"))
operators("numeric", (1, "({0} + {1})", "numeric", "int"), (1, "({0} * 2)", "numeric"), (0.5, "round({0}, 1)", "numeric"))
operators("float8", (1, "({0} / 2.0::float8)", "int"))
operators("text", (1, "upper({0})", "text"), (1, "({0} || {1})", "text", "text"), (1, "({0})::text", "int"), (0.5, "left({0}, 1)", "text"), (0.5, "concat_ws('-', {0}, {1})", "text", "int"))
operators("timestamptz", (1, "date_trunc('day', {0})", "timestamptz"), (0.5, "({0})::timestamptz", "date"), (0.5, "({0} + interval '1 day')", "timestamptz"))
operators("date", (1, "({0})::date", "timestamptz"), (1, "({0} + 1)", "date"))
operators("bool", (2, "({0})", "condition"), (1, "({0} = {1})", "int", "int"), (1, "({0} IS NULL)", "text"))


# ---- aggregates ----

def aggregates(kind, *forms):
    """Aggregates of a type from a form and the types of its arguments; each may have a FILTER, at the | if not at the end."""
    for weight, form, *arguments in forms:
        def operator(g, scope, form=form, arguments=arguments):
            call, _, after = form.partition("|")
            outer, g.outer = g.outer, []      # an aggregate of outer columns alone would belong to the outer query
            depth, g.depth = g.depth, min(g.depth, 1)
            parts = [expression(g, scope, a if a != "any" else g.rng.choice(scope).type) for a in arguments]
            if g.chance(0.15):
                node = Node(kind, f"{call} FILTER (WHERE {{{len(parts)}}}){after}", [*parts, condition_in_place(g, scope)])
            else:
                node = Node(kind, call + after, parts)
            g.outer, g.depth = outer, depth
            # Without a column of its own it would be the outer query's, or none at all.
            return node if not arguments or any(r.alias in {s.alias for s in scope} for p in parts for r in walk(p)) else None
        operator.__name__ = (form.split("(")[0] or "array_agg") + ("_distinct" if "DISTINCT" in form else "")
        production(f"aggregate {kind}", weight)(operator)


for _kind in ORDERED:
    aggregates(_kind, (2, "min({0})", _kind), (2, "max({0})", _kind), (0.5, "mode() WITHIN GROUP (ORDER BY {0})", _kind), (0.5, "percentile_disc(0.5) WITHIN GROUP (ORDER BY {0})", _kind),
               (0.4, "(array_agg({0} ORDER BY {0} DESC)|)[1]", _kind))
aggregates("int", (1, "count(*)|::int"), (0.5, "bit_or({0})", "int"), (0.3, "cardinality(array_agg({0})|)", "any"))
aggregates("bigint", (3, "count(*)"), (2, "count({0})", "any"), (2, "sum({0})", "int"), (2, "count(DISTINCT {0})", "any"), (0.5, "sum(DISTINCT {0})", "int"), (0.3, "regr_count({0}, {1})", "int", "int"),
           (0.3, "rank(1) WITHIN GROUP (ORDER BY {0})", "int"))
aggregates("numeric", (2, "sum({0})", "numeric"), (2, "avg({0})", "int"), (1, "avg({0})", "numeric"), (1, "sum({0})", "bigint"), (0.5, "stddev_samp({0})", "int"), (0.5, "var_pop({0})", "numeric"), (0.5, "avg(DISTINCT {0})", "int"))
aggregates("text", (2, "string_agg({0}, ',' ORDER BY {0})", "text"), (1, "string_agg(DISTINCT {0}, '')", "text"), (0.5, "array_agg({0} ORDER BY {0})|::text", "int"), (0.5, "jsonb_agg({0} ORDER BY {0})|::text", "int"),
           (0.5, "jsonb_object_agg(COALESCE({0}, 7), {1} ORDER BY {0}, {1})|::text", "int", "int"), (0.3, "range_agg(int4range({0}, {0} + 2))|::text", "int"))
aggregates("float8", (1, "sum({0})", "float8"), (0.5, "percentile_cont(0.5) WITHIN GROUP (ORDER BY {0})", "int"))
aggregates("bool", (1, "bool_and({0})", "bool"), (1, "every({0} > 0)", "int"), (1, "bool_or({0})", "bool"))
