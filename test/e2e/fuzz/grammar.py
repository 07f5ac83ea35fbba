"""A grammar of queries: nodes that render and reduce themselves, and the registry of its productions.

A production makes a node of one kind: "query", "from", "condition", "int", "aggregate int" … It is a function of
the generator that may return None if it does not fit here; it is found by its decorator, and needs no code to be
shrunk: a node is replaced by one of its own kind inside it, a list loses its members, an expression becomes a
literal. References to what went away become NULL. What is no valid query then does not fail in the same way.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field

SCALARS = ("int", "bigint", "numeric", "float8", "text", "timestamptz", "bool", "date")


@dataclass
class Node:
    kind: str
    form: str                                      # with {0}, {1} … for the parts
    parts: list = field(default_factory=list)
    columns: list = field(default_factory=list)    # of a query or FROM item: the Refs that it offers
    alias: str = ""                                # the name it defines, or refers to

    def sql(self) -> str:
        return self.form.format(*(part.sql() for part in self.parts))


@dataclass
class Many:
    """A list that may lose members; `least` stay."""
    before: str
    between: str
    parts: list
    least: int = 0
    kind: str = "list"
    alias: str = ""
    fixed: bool = False                            # what is inside stays as it is

    def sql(self) -> str:
        return self.before + self.between.join(part.sql() for part in self.parts) if self.parts else ""


@dataclass(frozen=True)
class Ref:
    """A column of a FROM item."""
    alias: str
    name: str
    type: str
    moves: bool = False

    def node(self) -> Node:
        return Node(self.type, f"{self.alias}.{self.name}", alias=self.alias)


def walk(node):
    yield node
    for part in node.parts:
        yield from walk(part)


# ---- reductions ----

def reductions(root):
    """Smaller trees, each one edit away."""
    count = sum(1 for _ in open_nodes(root))
    for n in range(count):
        for edit in range(64):
            tree = copy.deepcopy(root)
            holder = Node("", "{0}", [tree])
            node, parent, at = find(holder, n)
            if not apply_edit(node, parent, at, edit):
                break
            repair(holder.parts[0])
            yield holder.parts[0]


def open_nodes(node):
    yield node
    if not getattr(node, "fixed", False):
        for part in node.parts:
            yield from open_nodes(part)


def find(holder, n):
    """The nth node below, with its parent and place."""
    stack = [(holder, 0)]
    while True:
        parent, at = stack.pop()
        node = parent.parts[at]
        if n == 0:
            return node, parent, at
        n -= 1
        if not getattr(node, "fixed", False):
            stack += [(node, i) for i in reversed(range(len(node.parts)))]


def apply_edit(node, parent, at, edit) -> bool:
    if isinstance(node, Many):
        if node.fixed or edit >= len(node.parts) or len(node.parts) <= node.least:
            return False
        del node.parts[edit]
        return True
    inner = [below for below in walk(node) if below is not node and below.kind == node.kind]
    if edit < len(inner):
        parent.parts[at] = inner[edit]
        return True
    plain = {"condition": "true", "bool": "true"}.get(node.kind, f"NULL::{node.kind}" if node.kind in SCALARS else "")
    if edit == len(inner) and plain and node.form not in (plain, "NULL"):
        parent.parts[at] = Node(node.kind, plain)
        return True
    return False


def repair(root):
    defined = {node.alias for node in walk(root) if node.alias and (node.kind == "from" or node.kind == "with")}
    for node in open_nodes(root):
        for i, part in enumerate(node.parts if not getattr(node, "fixed", False) else []):
            if part.alias and part.kind in SCALARS and part.alias not in defined:
                node.parts[i] = Node(part.kind, f"NULL::{part.kind}")


# ---- productions ----

PRODUCTIONS: dict[str, list] = {}


def production(kind: str, weight: float = 1):
    """Registers a function (generator, …) → Node or None for a kind."""
    def register(function):
        PRODUCTIONS.setdefault(kind, []).append((weight, function))
        return function
    return register


class Generator:
    """Makes one query. Depth bounds what is inside what, leaves bounds the tables."""

    def __init__(self, rng: random.Random, relations: dict[str, list], leaves: int = 5):
        self.rng = rng
        self.relations = relations     # name → [(column, type, moves)]
        self.leaves = leaves
        self.depth = 0
        self.outer: list[Ref] = []     # what a subquery may refer to
        self.named: list = []          # common table expressions in reach: (name, columns)
        self.used: list[str] = []      # productions, as made
        self.read: list[str] = []      # relations, as often as they are read
        self.count = 0

    def fresh(self, letter: str) -> str:
        self.count += 1
        return f"{letter}{self.count}"

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def deep(self) -> bool:
        return self.depth <= 0 or self.leaves <= 0

    def make(self, kind: str, *arguments, otherwise=None):
        """A node of the kind by one of its productions, or `otherwise()` if none fits."""
        left = list(PRODUCTIONS.get(kind, []))
        while left:
            pick = self.rng.choices(left, [weight for weight, _ in left])[0]
            left.remove(pick)
            before = len(self.used), len(self.read), self.leaves
            self.depth -= 1
            made = pick[1](self, *arguments)
            self.depth += 1
            if made is not None:
                self.used.append(pick[1].__name__)
                return made
            del self.used[before[0]:], self.read[before[1]:]
            self.leaves = before[2]
        return otherwise()
