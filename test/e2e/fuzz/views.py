"""Random views over random tables.

What the engine promises to maintain by deltas is built freely; anything beyond it is
noted in `extras`, and then a refusal in DIFFERENTIAL is an answer, not a failure.
"""

from dataclasses import dataclass, field

from .query import Aggregate, Available, Call, Join, Leaf, Literal, Op, Recursive, Ref, Select, Union, ctes, reductions, render, tables, varies
from .schema import FAMILY, VALUES

DEPTH = 3                                        # of a recursion that would not end by itself
NUMBERS = ("int", "bigint", "numeric(10,2)", "numeric", "float8")


@dataclass
class View:
    name: str
    query: object
    mode: str = "DIFFERENTIAL"
    schedule: str = "1h"
    extras: set = field(default_factory=set)
    also: set = field(default_factory=set)       # relations of subqueries in expressions

    def sql(self):
        return render(self.query)

    def reads(self):
        return tables(self.query) | self.also

    def reads_each(self):
        """Names of the relations in FROM, each as often as it is there, and of those that subqueries read for each row."""
        again = [q.branches[1] for q in ctes(self.query).values() if isinstance(q, Recursive)] * (DEPTH - 1)
        return [leaf.table for q in [self.query] + again for s in q.selects() for leaf in s.leaves() if leaf.table] + sorted(self.also)

    def temporal(self):
        text = self.sql()
        return "now()" in text or "current_" in text.lower()

    def create(self):
        return (f"SELECT pgtrickle.create_stream_table(name => '{self.name}', schedule => '{self.schedule}', refresh_mode => '{self.mode}', "
                f"query => $q${self.sql()}$q$)")

    def alter(self, mode=None):
        return f"SELECT pgtrickle.alter_stream_table(name => '{self.name}', refresh_mode => '{mode or self.mode}', query => $q${self.sql()}$q$)"

    def columns(self):
        return [Available(c.name, c.type, c.loose, c.moves) for c in self.query.offers()]

    def reductions(self):
        return reductions(self.query)


class Maker:
    """Makes one view; scope is a list of Ref that may be used in an expression."""

    def __init__(self, rng, relations):
        self.rng = rng
        self.relations = relations       # name → [Available]
        self.extras = set()
        self.also = set()
        self.named = []                  # common table expressions made so far
        self.count = 0

    def fresh(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    # expressions -----------------------------------------------------------------

    def ref(self, scope, kinds):
        fits = [r for r in scope if r.type in kinds]
        return self.rng.choice(fits) if fits else None

    def op(self, kind, form, *args):
        return Op(kind, any(a.loose for a in args), form, list(args))

    def literal(self, kind):
        if self.rng.random() < 0.1:
            return Literal(kind)
        return Literal(kind, False, self.rng.choice(VALUES[kind]))

    def expr(self, scope, kind, depth=2):
        """An expression of exactly this type."""
        rng = self.rng
        plain = self.ref(scope, (kind,))
        if depth == 0 or (plain and rng.random() < 0.55):
            return plain or self.literal(kind)
        if rng.random() < 0.2:
            return self.op(kind, "CASE WHEN {0} THEN {1} ELSE {2} END", self.condition(scope, depth - 1), self.expr(scope, kind, depth - 1), self.expr(scope, kind, depth - 1))
        if rng.random() < 0.2:
            return self.op(kind, "COALESCE({0}, {1})", self.expr(scope, kind, depth - 1), self.expr(scope, kind, depth - 1))
        if rng.random() < 0.1:
            return self.op(kind, "NULLIF({0}, {1})", self.expr(scope, kind, depth - 1), self.literal(kind))
        again = lambda k: self.expr(scope, k, depth - 1)
        if kind == "int":
            return rng.choice([lambda: self.op("int", "({0} + {1})", again("int"), self.literal("int")),
                               lambda: self.op("int", "({0} % NULLIF({1}, 0))", again("int"), again("int")),
                               lambda: self.op("int", "length({0})", again("text")),
                               lambda: self.op("int", "({0})::int", again("bool")),
                               lambda: self.op("int", "abs({0})", again("int")),
                               lambda: self.op("int", "extract(day FROM {0})::int", again("date"))])()
        if kind == "bigint":
            return rng.choice([lambda: self.op("bigint", "({0})::bigint", again("int")),
                               lambda: self.op("bigint", "({0} - {1})", again("bigint"), again("int"))])()
        if kind == "numeric(10,2)":
            return plain or self.op(kind, "({0} % 1000)::numeric(10,2)", again("int"))
        if kind == "float8":
            return self.op(kind, "({0} / 2.0::float8)", again("int"))
        if kind == "numeric":
            number = self.ref(scope, NUMBERS) or self.literal("numeric")
            return rng.choice([lambda: self.op("numeric", "({0} * {1})::numeric", number, again("numeric")),
                               lambda: self.op("numeric", "({0} / NULLIF({1}, 0))", again("numeric"), again("int")),
                               lambda: self.op("numeric", "round({0}::numeric, 1)", number)])()
        if kind == "text":
            forms = [lambda: self.op("text", "upper({0})", again("text")), lambda: self.op("text", "({0} || {1})", again("text"), again("text")),
                     lambda: self.op("text", "left({0}, 1)", again("text")), lambda: self.op("text", "({0})::text", again("int")),
                     lambda: self.op("text", "to_char({0}, 'YYYY-MM')", again("timestamptz")),
                     lambda: self.op("text", "concat_ws('-', {0}, {1})", again("text"), again("bool"))]
            tight = [r for r in scope if r.type in ("numeric", "numeric(10,2)") and not r.loose]
            if tight:
                forms += [lambda: self.op("text", "({0})::text", rng.choice(tight))] * 2
            return rng.choice(forms)()
        if kind == "timestamptz":
            return rng.choice([lambda: self.op(kind, "date_trunc('day', {0})", again(kind)), lambda: self.op(kind, "({0} + interval '1 day')", again(kind)),
                               lambda: self.op(kind, "({0})::timestamptz", again("date"))])()
        if kind == "date":
            return rng.choice([lambda: self.op("date", "({0})::date", again("timestamptz")), lambda: self.op("date", "({0} + 1)", again("date"))])()
        return self.condition(scope, depth - 1)

    def condition(self, scope, depth=1):
        rng = self.rng
        pick = rng.random()
        if depth > 0 and pick < 0.25:
            a, b = self.condition(scope, depth - 1), self.condition(scope, depth - 1)
            return self.op("bool", rng.choice(["({0} AND {1})", "({0} OR {1})", "(NOT {0})", "(({0}) IS NOT TRUE)"]), a, b) if pick < 0.2 else self.op("bool", "(NOT {0})", a)
        kind = rng.choice(sorted({r.type for r in scope})) if scope else "int"
        a = self.expr(scope, kind, depth)
        if kind == "bool" and pick < 0.5:
            return a
        b = self.ref(scope, (kind,)) if rng.random() < 0.4 else None
        b = b or Literal(kind, False, rng.choice(VALUES[kind]))
        form = rng.choice(["{0} = {1}", "{0} = {1}", "{0} <> {1}", "{0} > {1}", "{0} <= {1}", "{0} IS DISTINCT FROM {1}", "{0} IS NULL", "{0} IS NOT NULL", "{0} IN ({1}, {0})"])
        return self.op("bool", f"({form})", a, b) if "{1}" in form else self.op("bool", f"({form})", a)

    def temporal(self, scope):
        """A comparison of a moving column with now(), or None."""
        moving = [r for r in scope if r.moves]
        if not moving:
            return None
        r = self.rng
        a = r.choice(moving)
        first, second = f"interval '{r.choice([150, 300, 600])} ms'", f"interval '{r.choice([100, 400])} ms'"
        form = r.choice(["{0} >= now() - " + first, "{0} >= now() - " + first, "{0} > now() - " + first, "{0} < now() - " + first, "{0} <= now() + " + second,
                         "{0} + " + first + " > now()", "now() <= {0} + " + first, "{0} BETWEEN now() - " + first + " AND now() + " + second,
                         "{0} >= current_timestamp - " + first, "{0} > now()", "now() - " + first + " < {0}"])
        if r.random() < 0.1:
            form = r.choice(["(now() - {0}) < " + first, "({0} > now() OR {0} IS NULL)", "NOT ({0} < now() - " + first + ")", "{0}::date >= current_date"])
        if r.random() < 0.25:
            form = r.choice(["{0} + interval '1 day' > now() + interval '23:59:59.7'", "{0} - interval '1 month' < now() - interval '1 month'", "extract(epoch FROM now() - {0}) < 0.3",
                             "CASE WHEN {0} + interval '1 day' <= now() + interval '1 day' THEN {0} < now() - interval '200 ms' END", "({0} + interval '1 day' < now() + interval '1 day' OR {0} IS NULL)",
                             "{0} + COALESCE({1}, 1) * interval '100 ms' >= now()", "COALESCE({0}, now()) <= now()", "LEAST({0}, {0} + {1} * interval '150 ms') < now() - " + second])
        numbers = [c for c in scope if c.type == "int"]
        if "{1}" in form:
            return self.op("bool", f"({form})", a, r.choice(numbers)) if numbers else None
        return self.op("bool", f"({form})", a)

    # sources ---------------------------------------------------------------------

    def leaf(self, depth):
        rng = self.rng
        if self.named and rng.random() < 0.25:
            name, query = rng.choice(self.named)
            return Leaf(self.fresh("r"), query=query, cte=name)
        if depth > 0 and rng.random() < 0.1:
            found = self.recursive()
            if found:
                return found
        if depth > 0 and rng.random() < 0.3:
            query = self.query(depth - 1)
            if rng.random() < 0.35:
                name = self.fresh("w")
                self.named.append((name, query))
                return Leaf(self.fresh("r"), query=query, cte=name)
            return Leaf(self.fresh("r"), query=query)
        name = rng.choice(sorted(self.relations))
        return Leaf(self.fresh("r"), table=name, columns=self.relations[name])

    def scope(self, item):
        return [Ref(a.type, a.loose, leaf.alias, a.name, a.moves) for leaf in item.leaves() for a in leaf.offers()]

    def match(self, left, right):
        """An equality between two scopes, mostly on keys; None if no types fit."""
        pairs = [(a, b) for a in left for b in right if FAMILY[a.type] == FAMILY[b.type]]
        if not pairs:
            return None
        keys = [(a, b) for a, b in pairs if {a.name, b.name} & {"id", "up"} and FAMILY[a.type] == "number"]
        a, b = self.rng.choice(keys if keys and self.rng.random() < 0.6 else pairs)
        return self.op("bool", "{0} = {1}", a, b)

    def on(self, left, right, outer):
        rng = self.rng
        conditions = [m for m in [self.match(left, right)] if m]
        if conditions and rng.random() < 0.15:
            conditions += [m for m in [self.match(left, right)] if m]
        if not conditions or rng.random() < 0.1:
            a, b = rng.choice(left), rng.choice(right)
            conditions = [self.op("bool", "({0} < {1})", a, b)] if FAMILY[a.type] == FAMILY[b.type] else conditions
        if rng.random() < 0.35:
            conditions.append(self.condition(rng.choice([left, right, left + right]), 1))
        if outer and rng.random() < 0.06:
            t = self.temporal(rng.choice([left, right]))
            if t:
                conditions.append(t)
        return conditions

    def call(self, scope):
        """A FROM item computed from the scope, or from nothing."""
        rng = self.rng
        plain = [r for r in scope if r.type in ("int", "bigint", "text", "bool", "date", "timestamptz")]
        a = rng.choice(plain) if plain else self.literal("int")
        b = lambda: self.ref(scope, (a.type,)) or self.literal(a.type)
        one = Available(self.fresh("f"), a.type, a.loose)
        pick = rng.random()
        if pick < 0.25:
            return Call(self.fresh("r"), columns=[one], form="unnest(ARRAY[{0}, {1}])", args=[a, b()])
        if pick < 0.4:
            return Call(self.fresh("r"), columns=[one, Available(self.fresh("f"), "bigint")], form="unnest(ARRAY[{0}, {1}]) WITH ORDINALITY", args=[a, b()])
        if pick < 0.55:
            return Call(self.fresh("r"), columns=[Available(self.fresh("f"), "int")], form="generate_series(1, LEAST({0}, 3))", args=[self.expr(scope, "int", 1)])
        if pick < 0.65:
            return Call(self.fresh("r"), columns=[one, Available(self.fresh("f"), "text")], form="(VALUES ({0}, 'first'), ({1}, NULL::text))", args=[a, b()])
        if pick < 0.75 and a.type != "bool":
            return Call(self.fresh("r"), columns=[one], form="(SELECT max(x) FROM unnest(ARRAY[{0}, {1}]) x)", args=[a, b()])
        if pick < 0.85:
            return Call(self.fresh("r"), columns=[Available(self.fresh("f"), "text")], form="regexp_split_to_table({0}, '')", args=[self.expr(scope, "text", 1)])
        if pick < 0.93:
            return Call(self.fresh("r"), columns=[Available(self.fresh("f"), "int")], form="generate_series(0, 2)")
        return Call(self.fresh("r"), columns=[Available(self.fresh("f"), "int"), Available(self.fresh("f"), "text")], form="(VALUES (1, 'a'), (2, NULL::text))")

    def source(self, depth):
        rng = self.rng
        item = self.leaf(depth)
        for _ in range(rng.choice([0, 0, 0, 1, 1, 1, 2, 2, 3])):
            right = self.leaf(depth)
            if rng.random() < 0.15:
                more = self.leaf(depth)
                kind = rng.choice(["JOIN", "LEFT JOIN"])
                right = Join(kind, right, more, self.on(self.scope(right), self.scope(more), kind != "JOIN"))
            kind = rng.choice(["JOIN", "JOIN", "JOIN", "LEFT JOIN", "LEFT JOIN"])
            if rng.random() < 0.15:
                kind = rng.choice(["RIGHT JOIN", "FULL JOIN"])
            on = self.on(self.scope(item), self.scope(right), kind != "JOIN")
            if kind == "FULL JOIN":
                on = on[:1]
            item = Join(kind, item, right, on)
            if rng.random() < 0.15:
                item = self.computed(item)
        if rng.random() < 0.15:
            item = self.computed(item)
        items = [item]
        where = []
        if rng.random() < 0.12:
            other = self.leaf(depth)
            m = self.match(self.scope(item), self.scope(other))
            if m:
                items.append(other)
                where.append(m)
        return items, where

    def recursive(self):
        """A walk along the rows of a table; None if the types do not fit."""
        rng = self.rng
        plain = lambda: Leaf(self.fresh("r"), table=(t := rng.choice(sorted(self.relations))), columns=self.relations[t])
        start, name, every = plain(), self.fresh("w"), rng.random() < 0.45
        bounded = every or rng.random() < 0.3
        may = [r for r in self.scope(start) if every or not r.type.startswith(("numeric", "float"))]
        if not may:
            return None
        exactly = lambda e: self.op(e.type, f"({{0}})::{e.type}", e)
        picks = [r for r in may if r.name in ("id", "up")] + [rng.choice(may) for _ in range(rng.choice([0, 1, 2]))]
        base = Select([[exactly(r), self.fresh("c")] for r in picks], [start], [self.condition(self.scope(start), 1) for _ in range(rng.choice([0, 1, 1]))])
        if bounded:
            base.targets.append([Literal("int", False, "0"), self.fresh("c")])
        before = Leaf(self.fresh("r"), cte=name, columns=[Available(n, e.type) for e, n in base.targets])
        own, step = self.scope(before), plain()
        match = self.match(own[:-1] if bounded else own, self.scope(step))
        if not match:
            return None
        item = Join("JOIN", before, step, [match] + [self.condition(own + self.scope(step), 1) for _ in range(rng.choice([0, 0, 1]))])
        if rng.random() < 0.35:
            more = plain()
            on = self.match(self.scope(item), self.scope(more))
            item = Join(rng.choice(["JOIN", "LEFT JOIN"]), item, more, [on]) if on else item
        scope = self.scope(item)
        targets = []
        for (e, _), mine in zip(base.targets[:-1] if bounded else base.targets, own):
            new = self.expr(scope, e.type) if bounded and rng.random() < 0.4 else self.ref(self.scope(step), (e.type,)) or mine
            targets.append([exactly(new), self.fresh("c")])
        where = [self.condition(scope, 1)] if rng.random() < 0.3 else []
        if bounded:
            targets.append([self.op("int", "({0} + 1)", own[-1]), self.fresh("c")])
            where.append(self.op("bool", f"({{0}} < {DEPTH})", own[-1]))
        if rng.random() < 0.2:
            where += [t for t in [self.temporal(self.scope(step))] if t]
        query = Recursive([base, Select(targets, [item], where, distinct=not every and rng.random() < 0.2)], "UNION ALL" if every else "UNION")
        self.named.append((name, query))
        return Leaf(self.fresh("r"), query=query, cte=name)

    def computed(self, item):
        rng = self.rng
        call = self.call(self.scope(item))
        kind = rng.choice(["CROSS JOIN", "JOIN", "LEFT JOIN"])
        both = self.scope(item) + self.scope(call)
        on = [] if kind == "CROSS JOIN" else [c for c in [self.match(self.scope(item), self.scope(call)), self.condition(both, 1)] if c and rng.random() < 0.5]
        return Join(kind, item, call, on)

    # selects ---------------------------------------------------------------------

    def query(self, depth, shape=None):
        rng = self.rng
        if shape is None and rng.random() < 0.12:
            out = self.united(depth, [rng.choice(list(VALUES)) for _ in range(rng.choice([1, 1, 2, 3]))])
            if rng.random() < 0.15:
                out.limit = self.limit()
            return out
        return self.select(depth, shape)

    def united(self, depth, shape, levels=2, names=None):
        """A set operation whose operands are selects or, levels deep, set operations."""
        rng = self.rng
        names = names or [self.fresh("c") for _ in shape]
        branches = []
        for _ in range(rng.choice([2, 2, 2, 3])):
            if levels and rng.random() < 0.25:
                branches.append(self.united(max(depth - 1, 0), shape, levels - 1, names))
                continue
            branches.append(self.select(max(depth - 1, 0) if branches else depth, shape))
            for target, name in zip(branches[-1].targets, names):
                target[1] = name
        return Union(branches, rng.choice(["UNION ALL", "UNION ALL", "UNION", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL", "EXCEPT ALL"]))

    def select(self, depth, shape=None):
        rng = self.rng
        if shape is None and rng.random() < 0.12:
            found = self.fan_out(depth)
            if found:
                return found
        if shape is None and depth > 0 and rng.random() < 0.1:
            return self.first_of_each(depth)
        items, where = self.source(depth)
        scope = [r for i in items for r in self.scope(i)]
        while rng.random() < 0.35 and len(where) < 3:
            where.append(self.condition(scope))
        while rng.random() < 0.25 and len(where) < 4:
            asked = self.asks(scope)
            where.append(asked if rng.random() < 0.75 else self.op("bool", rng.choice(["({0} OR {1})", "(CASE WHEN {0} THEN {1} END)", "(({1}) IS NOT TRUE AND {0})"]), self.condition(scope, 0), asked))
        if rng.random() < 0.45:
            where += [t for t in [self.temporal(scope)] if t]
        if shape is None and rng.random() < 0.5:
            return self.grouped(items, where, scope)
        fixed = shape is not None
        if shape is None:
            shape = [rng.choice([r.type for r in scope]) for _ in range(rng.choice([1, 2, 3, 4]))]
        targets = [[self.expr(scope, kind), self.fresh("c")] for kind in shape]
        out = Select(targets, items, where, distinct=rng.random() < 0.15)
        if rng.random() < 0.12 and not fixed:
            targets.append([self.asks(scope) if rng.random() < 0.5 else self.asked(scope), self.fresh("c")])
        first = len(targets)
        while rng.random() < 0.2 and len(targets) < 6 and not fixed:
            targets.append([self.window(scope, scope, peers=len(targets) > first), self.fresh("c")])
        self.choose(out, scope)
        t = self.temporal(scope) if not fixed and rng.random() < 0.15 else None
        if t:
            out.targets.append([rng.choice([lambda: t, lambda: self.op("text", "CASE WHEN {0} THEN 'in' ELSE 'out' END", t),
                                            lambda: self.op("int", "floor(extract(epoch FROM now() - {0}) * 5)::int", t.args[0])])(), self.fresh("c")])
        if not fixed and not (out.on or out.limit) and len(targets) == first and rng.random() < 0.12:
            kind = rng.choice(["int", "text", "bigint"])
            out.targets.append([self.op(kind, "unnest(ARRAY[{0}, {1}])", self.expr(scope, kind, 1), self.expr(scope, kind, 1)), self.fresh("c")])
            if rng.random() < 0.4:
                out.targets.append([self.op("int", "generate_series(1, LEAST({0}, 3))", self.expr(scope, "int", 1)), self.fresh("c")])
        return out

    def limit(self):
        """With OFFSET only a complete order says which ties are left out."""
        rng = self.rng
        if rng.random() < 0.15:
            name = rng.choice(sorted(self.relations))
            self.also.add(name)
            return rng.choice(["LIMIT", "OFFSET", "LIMIT 2 OFFSET"]) + f" (SELECT count(*) % 5 FROM {name})"
        return rng.choice(["LIMIT 1", "LIMIT 2", "LIMIT 3", "LIMIT 5 OFFSET 1", "OFFSET 2", "LIMIT 0", "LIMIT 1 + 1", "LIMIT ALL", "LIMIT NULL OFFSET 1",
                           "FETCH FIRST 2 ROWS WITH TIES", "FETCH FIRST 1 ROW WITH TIES"])

    def choose(self, out, scope):
        """Some of its rows: DISTINCT ON, LIMIT, or both."""
        rng = self.rng
        if not out.distinct and rng.random() < 0.1:
            out.on = [rng.choice(scope) for _ in range(rng.choice([1, 1, 2]))]
        if rng.random() < 0.12:
            out.limit = self.limit()
        if (out.on or out.limit) and not out.distinct:
            out.order = [rng.choice(scope) for _ in range(rng.choice([0, 1, 1, 2]))]

    def window(self, scope, complete, arguments=None, peers=False):
        """A window function; the columns of complete tell rows apart, up to rows that are alike in all.

        Such rows may have different results; which of them have those of another window too is not determined, so
        this is only of peers if there is one already.
        """
        rng = self.rng
        arguments = arguments or (lambda kind: self.expr(scope, kind, 1))
        args = []

        def put(e):
            args.append(e)
            return "{%d}" % (len(args) - 1)

        def some(kinds=None):
            return put(arguments(rng.choice(sorted({r.type for r in scope} - {"bool"} | {"int"} if kinds is None else kinds))))

        direction = lambda: rng.choice(["", "", " DESC", " NULLS FIRST", " DESC NULLS LAST"])
        by = [rng.choice(scope) for _ in range(rng.choice([0, 1, 1, 1, 2]))]
        partition = f"PARTITION BY {', '.join(put(r) for r in by)} " if by else ""
        few = [put(rng.choice(scope)) + direction() for _ in range(rng.choice([0, 1, 1, 2]))]
        order = f"ORDER BY {', '.join(few)} " if few else ""
        total = "ORDER BY " + ", ".join(few + [put(r) + direction() for r in rng.sample(complete, len(complete))]) + " "
        frame = rng.choice(["ROWS BETWEEN 1 PRECEDING AND CURRENT ROW", "ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING", "ROWS 1 PRECEDING",
                            "ROWS UNBOUNDED PRECEDING", "ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "ROWS BETWEEN 1 FOLLOWING AND 3 FOLLOWING",
                            "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING", "ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE CURRENT ROW",
                            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"])
        groups = rng.choice(["", "", "RANGE UNBOUNDED PRECEDING", "RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING", "GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                            "GROUPS 1 PRECEDING", "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE GROUP", "RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"])
        if groups.startswith("GROUPS") and not order:
            order = total
        numbers = [r for r in scope if r.type in ("int", "bigint", "numeric(10,2)")]
        days = [r for r in scope if r.type in ("date", "timestamptz")]
        if numbers and rng.random() < 0.15:
            order, groups = f"ORDER BY {put(rng.choice(numbers))}{direction()} ", rng.choice(["RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING", "RANGE 2 PRECEDING", "RANGE BETWEEN 1 FOLLOWING AND 2 FOLLOWING"])
        elif days and rng.random() < 0.3:
            order, groups = f"ORDER BY {put(rng.choice(days))}{direction()} ", rng.choice(["RANGE BETWEEN interval '1 day' PRECEDING AND CURRENT ROW", "RANGE BETWEEN interval '1 day' PRECEDING AND interval '2 days' FOLLOWING EXCLUDE TIES"])
        pick = rng.random()
        if pick < 0.25:        # of positions
            kind, form, over = rng.choice([("bigint", "rank()", order), ("bigint", "dense_rank()", order), ("float8", "cume_dist()", order),
                                           ("float8", "percent_rank()", order)] + [("bigint", "row_number()", total), ("int", "ntile(3)", total)] * (not peers))
            return Op(kind, False, f"{form} OVER ({partition}{over})", args)
        if pick < 0.5 and not peers:         # of single rows
            value = some()
            kind, loose = args[-1].type, varies(args[-1])
            form = rng.choice([f"lag({value})", f"lead({value})", f"lag({value}, 2)", f"lead({value}, 1, {value})", f"first_value({value})", f"last_value({value})", f"nth_value({value}, 2)"])
            return Op("numeric" if kind == "numeric(10,2)" else kind, loose, f"{form} OVER ({partition}{total}{'' if form.startswith('l') and 'value' not in form else frame})", args)
        over = f"{partition}{order}{groups}" if peers or rng.random() < 0.5 else f"{partition}{total}{frame}"
        only = ""
        if rng.random() < 0.2 and arguments is not None:
            only = f" FILTER (WHERE {put(self.condition(scope))})"
        name = rng.choice(["count(*)", "count", "sum", "sum", "min", "max", "avg"])
        if name == "count(*)":
            return Op("bigint", False, f"count(*){only} OVER ({over})", args)
        value = some(("int", "bigint", "numeric", "numeric(10,2)")) if name in ("sum", "avg") else some()
        kind, loose = args[-1].type, varies(args[-1])
        kind = {"count": "bigint", "sum": "bigint" if kind == "int" else "numeric", "avg": "numeric"}.get(name, "numeric" if kind == "numeric(10,2)" else kind)
        return Op(kind, loose and kind == "numeric", f"{name}({value}){only} OVER ({over})", args)

    def first_of_each(self, depth):
        """Rows whose number within a group is small, as a condition on a derived table."""
        rng = self.rng
        items, where = self.source(depth - 1)
        scope = [r for i in items for r in self.scope(i)]
        targets = [[r, self.fresh("c")] for r in rng.sample(scope, min(len(scope), rng.choice([2, 3, 4])))]
        args = [rng.choice(scope) for _ in range(rng.choice([0, 1, 1]))]
        partition = f"PARTITION BY {', '.join('{%d}' % i for i in range(len(args)))} " if args else ""
        name = rng.choice(["row_number", "row_number", "rank", "dense_rank"])
        by = [t[0] for t in targets] if name == "row_number" else [rng.choice(scope)]
        order = ", ".join("{%d}%s" % (len(args) + i, rng.choice(["", " DESC", " NULLS FIRST"])) for i in range(len(by)))
        number = self.fresh("c")
        targets.append([Op("bigint", False, f"{name}() OVER ({partition}ORDER BY {order})", args + by), number])
        inner = Select(targets, items, where)
        leaf = Leaf(self.fresh("r"), query=inner)
        offered = self.scope(leaf)
        rank = next(r for r in offered if r.name == number)
        few = rng.choice(["({0} <= 1)", "({0} <= 2)", "({0} < 3)", "({0} = 1)", "(2 >= {0})", "({0} BETWEEN 1 AND 2)", "({0} <= 0)", "({0} <= 2 AND {0} > 1)"])
        return Select([[r, self.fresh("c")] for r in offered if r is not rank or rng.random() < 0.3] or [[rank, self.fresh("c")]], [leaf], [self.op("bool", few, rank)])

    def aggregate(self, scope):
        rng = self.rng
        name = rng.choice(["count(*)", "count", "sum", "sum", "avg", "min", "max", "distinct", "any"])
        only = [self.condition(scope)] if rng.random() < 0.25 else []
        if only and rng.random() < 0.15:
            t = self.temporal(scope)
            if t:
                only = [t]
        if name == "count(*)":
            return Aggregate("bigint", False, "count(*)", [], only)
        if name == "any":
            return self.any_aggregate(scope, only)
        if name in ("sum", "avg"):
            a = self.expr(scope, rng.choice(NUMBERS), 1)
            if a.type == "float8":
                name = "sum"     # an average may be inexact, and sums of it would then depend on their order
            kind = "float8" if a.type == "float8" else "numeric" if name == "avg" or a.type != "int" else "bigint"
            # A sum of numerics prints with the largest scale among them.
            return Aggregate(kind, varies(a), name + "({0})", [a], only)
        kinds = sorted({r.type for r in scope} - ({"bool"} if name in ("min", "max") else set())) or ["int"]
        a = self.expr(scope, rng.choice(kinds), 1)
        if name in ("min", "max"):
            return Aggregate("numeric" if a.type == "numeric(10,2)" else a.type, varies(a), name + "({0})", [a], only)
        return Aggregate("bigint", False, "count(DISTINCT {0})" if name == "distinct" else "count({0})", [a], only)

    def any_aggregate(self, scope, only):
        """One of the many that are worked out from a group's values.  What depends on their order says which."""
        rng = self.rng
        again = lambda kind: self.expr(scope, kind, 1)
        exact = [r for r in scope if r.type in ("int", "bigint", "numeric", "numeric(10,2)") and not r.loose]
        plain = lambda: again(rng.choice(["int", "text", "bool", "date"]))
        make = lambda kind, form, *args: Aggregate(kind, False, form, list(args), only)
        forms = [lambda: make("text", "string_agg({0}, ',' ORDER BY {1} DESC, {0})", again("text"), plain()),
                 lambda: make("text", "string_agg(DISTINCT {0}, '$1')", again("text")),
                 lambda: make("text", "(array_agg({0} ORDER BY {1}, {0}))::text", plain(), plain()),
                 lambda: make("text", "(jsonb_agg({0} ORDER BY {0}))::text", plain()),
                 lambda: make("text", "JSON_ARRAYAGG({0} ORDER BY {0} NULL ON NULL RETURNING text)", again("int")),
                 lambda: make("bool", rng.choice(["bool_and({0})", "bool_or({0})", "every({0})"]), self.condition(scope)),
                 lambda: make("int", rng.choice(["bit_and({0})", "bit_or({0})", "bit_xor({0})", "sum(DISTINCT {0})::int"]), again("int")),
                 lambda: make("float8", "percentile_cont(0.5) WITHIN GROUP (ORDER BY {0})", again("int")),
                 lambda: make("int", "mode() WITHIN GROUP (ORDER BY {0} DESC)", again("int")),
                 lambda: make("bigint", rng.choice(["rank(1) WITHIN GROUP (ORDER BY {0})", "dense_rank(1) WITHIN GROUP (ORDER BY {0} DESC)"]), again("int")),
                 lambda: (lambda a: Aggregate(a.type, varies(a), "percentile_disc(0.3) WITHIN GROUP (ORDER BY {0})", [a], only))(plain())]
        if exact:
            forms += [lambda: make("text", rng.choice(["stddev({0})::text", "var_pop({0})::text", "variance({0})::text", "stddev_pop({0})::text"]), rng.choice(exact))] * 2
        a = rng.choice(forms)()
        if only and a.form.endswith(("::text", "::int")):
            a.only = []
        return a

    def over(self, scope, keys, depth=1):
        """An expression of aggregates and group keys."""
        rng = self.rng
        a = self.aggregate(scope)
        if rng.random() < 0.7:
            return a
        same = next((k for k in keys if k.type == a.type), None)
        if a.type in ("bigint", "numeric"):
            return rng.choice([lambda: self.op("numeric", "({0} / NULLIF({1}, 0))::numeric", a, Aggregate("bigint", False, "count(*)")) if a.type == "numeric" else self.op("bigint", "COALESCE({0}, 0)", a),
                               lambda: self.op(a.type, "({0} + 1)", a),
                               lambda: self.op(a.type, "COALESCE({0}, {1})", a, same or Literal(a.type, False, "0")),
                               lambda: self.op("text", "CASE WHEN {0} > 1 THEN 'many' WHEN {0} = 0 THEN 'none' ELSE 'few' END", a)])()
        return self.op(a.type, "COALESCE({0}, {1})", a, same or self.literal(a.type))

    def fan_out(self, depth):
        """A group for each row of a table, over all that joins it: such groups may be made before the join."""
        rng = self.rng
        keyed = [name for name in sorted(self.relations) if any(a.name == "id" for a in self.relations[name])]
        if not keyed:
            return None
        table = rng.choice(keyed)
        one, many = Leaf(self.fresh("r"), table=table, columns=self.relations[table]), self.leaf(depth)
        match = self.match(self.scope(one), self.scope(many))
        if not match:
            return None
        kind = rng.choice(["JOIN", "LEFT JOIN", "LEFT JOIN"])
        on = [match] + [self.condition(self.scope(rng.choice([many, many, one])), 1) for _ in range(rng.choice([0, 0, 1]))]
        item = Join(kind, many, one, on) if kind == "JOIN" and rng.random() < 0.5 else Join(kind, one, many, on)
        if rng.random() < 0.2:
            more = self.leaf(0)
            also = self.match(self.scope(one), self.scope(more))
            item = Join(rng.choice(["JOIN", "LEFT JOIN"]), item, more, [also]) if also else item
        mine = self.scope(one)
        group = [next(r for r in mine if r.name == "id")] + [rng.choice(mine) for _ in range(rng.choice([0, 1, 2]))]
        for g in group:
            g.loose = varies(g)
        where = [self.condition(self.scope(item))] if rng.random() < 0.15 else []
        return self.grouped([item], where, self.scope(many), group)

    def grouped(self, items, where, scope, group=None):
        rng = self.rng
        group = group or []
        for _ in range(0 if group else rng.choice([0, 1, 1, 1, 2, 2, 3])):
            g = rng.choice(scope) if rng.random() < 0.7 else self.expr(scope, rng.choice([r.type for r in scope]), 1)
            if not isinstance(g, Literal) and any(True for _ in _refs(g)):
                g.loose = varies(g)
                group.append(g)
        keys = [g for g in group if rng.random() < 0.9]
        targets = [[k, self.fresh("c")] for k in keys]
        for _ in range(rng.choice([1, 1, 2, 3]) if keys and rng.random() < 0.93 else 1 if not keys else 0):
            targets.append([self.over(scope, keys), self.fresh("c")])
        having = []
        if rng.random() < 0.25:
            a = self.aggregate(scope)
            having = [self.op("bool", rng.choice(["({0} > {1})", "({0} <= {1})", "({0} IS NOT NULL)"]), a, Literal(a.type, False, rng.choice(VALUES[a.type])))]
        aggregates = [1 for e, _ in targets if any(isinstance(x, Aggregate) for x in _all(e))]
        if not group and not aggregates:
            targets.append([Aggregate("bigint", False, "count(*)"), self.fresh("c")])
        sets = self.sets(group) if group and rng.random() < 0.2 else None
        if sets and rng.random() < 0.5:
            targets.append([self.op("int", "GROUPING({0})", rng.choice(group)), self.fresh("c")])
        if group and not sets and rng.random() < 0.12:      # what sets leave NULL would tie
            inner = lambda kind: next((a for a in (self.aggregate(scope) for _ in range(8)) if a.type == kind), None) or next((g for g in group if g.type == kind), self.literal(kind))
            targets.append([self.window(group, group, inner), self.fresh("c")])
        out = Select(targets, items, where, group, sets, having, distinct=rng.random() < 0.05)
        if rng.random() < 0.08:
            out.limit = self.limit()
        return out

    def sets(self, group):
        rng = self.rng
        some = lambda: rng.sample(range(len(group)), rng.randint(0, len(group)))
        lists = [some() for _ in range(rng.randint(1, 4))]
        rest = [i for i in range(len(group)) if not any(i in s for s in lists)]     # a key must be in one of them
        return rng.choice(["ROLLUP", "CUBE", lists + [rest] if rest else lists])

    # subqueries -------------------------------------------------------------------

    def inner(self, scope):
        """A relation under a name of its own, pairs of a column of scope and a like one of it, and its columns."""
        name = self.rng.choice(sorted(self.relations))
        self.also.add(name)
        alias, columns = self.fresh("z"), self.relations[name]
        pairs = [(a, c) for a in scope for c in columns if FAMILY[a.type] == FAMILY[c.type]]
        return name, alias, pairs, columns

    def asks(self, scope, depth=1):
        """A condition with a subquery; {n} stands for a column of what is outside it."""
        rng = self.rng
        name, z, pairs, columns = self.inner(scope)
        if not pairs:
            return self.op("bool", rng.choice(["EXISTS ({0})", "NOT EXISTS ({0})"]).format(f"SELECT FROM {name} {z} WHERE {z}.{rng.choice(columns).name} IS NOT NULL"))
        keys = [(a, c) for a, c in pairs if {a.name, c.name} & {"id", "up"}]
        (a, c), (b, d) = rng.choice(keys if keys and rng.random() < 0.5 else pairs), rng.choice(pairs)
        compare = rng.choice(["=", "=", "<>", "<", ">="])
        also = rng.choice(["", "", f" AND {z}.{d.name} {compare} {{1}}", f" AND {z}.{d.name} IS NULL", f" AND ({z}.{d.name} IS NULL OR {z}.{d.name} > {{1}})"])
        pick = rng.random()
        if depth > 0 and pick < 0.2:
            other, y, more, _ = self.inner([Ref(e.type, False, z, e.name) for e in columns])
            if more:
                (e, f), (g, h) = rng.choice(more), rng.choice(more)
                word = rng.choice(["EXISTS", "NOT EXISTS"])
                deep = rng.choice([f" AND {y}.{h.name} <> {g.sql()}", f" AND {y}.{f.name} IS NOT NULL", ""])
                also += f" AND {word} (SELECT FROM {other} {y} WHERE {y}.{f.name} = {e.sql()}{deep})"
        if pick < 0.45:
            return self.op("bool", f"{rng.choice(['EXISTS', 'NOT EXISTS'])} (SELECT FROM {name} {z} WHERE {z}.{c.name} = {{0}}{also})", a, b)
        if pick < 0.8:
            where = rng.choice(["", f" WHERE {z}.{d.name} {compare} {{1}}", f" WHERE {z}.{d.name} IS NOT NULL"])
            form = rng.choice(["{0} IN (%s)", "{0} NOT IN (%s)", "{0} NOT IN (%s)", f"{{0}} {compare} ANY (%s)", f"{{0}} {compare} ALL (%s)"])
            return self.op("bool", "(" + form % f"SELECT {z}.{c.name} FROM {name} {z}{where}" + ")", a, b)
        return self.op("bool", rng.choice(["({0} > 1)", "({0} = 0)", "({0} IN (1, 2))"]), self.asked(scope))

    def asked(self, scope):
        """A number from a subquery."""
        rng = self.rng
        name, z, pairs, columns = self.inner(scope)
        what = rng.choice(["count(*)", f"count(DISTINCT {z}.{rng.choice(columns).name})", "1 + count(*)"])
        if not pairs or rng.random() < 0.2:
            return self.op("bigint", f"(SELECT {what} FROM {name} {z})")
        (a, c), (b, d) = rng.choice(pairs), rng.choice(pairs)
        where = rng.choice([f"{z}.{c.name} = {{0}}", f"{z}.{c.name} = {{0}}", f"{z}.{c.name} < {{0}}", f"{z}.{c.name} IS NOT DISTINCT FROM {{0}}",
                            f"{z}.{c.name} = {{0}} AND {z}.{d.name} <> {{1}}", f"({z}.{c.name} = {{0}} OR {z}.{d.name} = {{1}})"])
        if rng.random() < 0.15:
            return self.op("bigint", f"(SELECT count(*) FROM (SELECT {z}.{d.name} FROM {name} {z} WHERE {where} GROUP BY {z}.{d.name} HAVING count(*) < 3) {z}g)", a, b)
        return self.op("bigint", f"(SELECT {what} FROM {name} {z} WHERE {where})", a, b)


def _all(e):
    yield e
    for box, key in e.parts():
        yield from _all(box[key])


def _refs(e):
    return (x for x in _all(e) if isinstance(x, Ref))


def degree(views, table):
    """How often the view that reads a table most often does, through others too: n equal rows become n to the power of it."""
    found = {}
    for view in views:
        found[view.name] = sum(found.get(name, name == table) for name in view.reads_each())
    return max([1, *found.values()])


def random_view(rng, name, relations, schedule="1h"):
    mode = rng.choice(["DIFFERENTIAL"] * 8 + ["AUTO", "FULL"])
    maker = Maker(rng, relations)
    query = maker.query(rng.choice([0, 0, 1, 1, 2]))
    return View(name, query, mode, schedule, maker.extras, maker.also)
