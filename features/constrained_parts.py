"""Splitting one component that holds a contradiction: unions in order of strength, refusing those that may not be.

Kruskal's maximum-weight spanning forest with constraints. Pure Python on small lists: only contradictory, oversize or
hand-decided components come here.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

Edge = tuple[int, int, int, float]  # account, value, kind, weight
FIRST_MORE = -(2**62)  # further places of a value are numbered down from here
Link = tuple[int, int, float]  # account, account, probability
Apart = dict[int, dict[str, int]]  # account -> decision -> side: two sides of one decision never meet


@dataclass(frozen=True)
class Constraints:
    """What a component must satisfy. `strength` and `cap` (accounts per value) are per kind code."""

    strength: tuple[float, ...]
    cap: tuple[int, ...]
    unique_kinds: tuple[int, ...] = ()  # kinds of which a person has one value
    max_component: int = 50  # accounts
    fuzzy_max_cluster: int = 3  # accounts on each side of a fuzzy link
    weak_kinds: tuple[int, ...] = ()  # kinds that several persons may share, such as a family's tablet
    separating_kinds: tuple[int, ...] = ()  # two values of one of these are not joined by weak kinds alone


@dataclass(frozen=True)
class Refused:
    """A link left out. `account` lies in the component; `kind` is -1 for links without a kind."""

    cause: str  # unique, kept_apart, size, fuzzy_size
    account: int
    value: int
    kind: int


@dataclass
class _Forest:
    """Union-find over accounts (0 and up) and values (-1 and down)."""

    parent: dict[int, int] = field(default_factory=dict)
    size: dict[int, int] = field(default_factory=dict)  # accounts, by root
    marks: dict[int, dict[Hashable, frozenset[int]]] = field(default_factory=dict)  # unique values held, by root
    own: dict[int, bool] = field(default_factory=dict)  # whether the node brought marks
    more: dict[int, list[int]] = field(default_factory=dict)  # further places of values that lie between two parts

    def add(self, node: int, marks: Mapping[Hashable, frozenset[int]]) -> None:
        """A new node on its own."""
        if node not in self.parent:
            self.parent[node] = node
            self.own[node] = bool(marks)
            self.size[node] = 1 if node >= 0 else 0
            self.marks[node] = dict(marks)

    def place_of(self, account: int, value: int) -> int | None:
        """The root of the value that the account may join; of a value that must not join them, a place of its own.

        So the accounts on either side of a contradiction still join one another. None: the value itself contradicts.
        """
        a = self.find(account)
        for node in (~value, *self.more.get(value, ())):
            if self.clash(a, self.find(node)) is None:
                return self.find(node)
        if self.own[~value]:
            return None
        node = FIRST_MORE - sum(map(len, self.more.values()))
        self.add(node, {})
        self.more.setdefault(value, []).append(node)
        return node

    def find(self, node: int) -> int:
        """The root of a node."""
        root = node
        while self.parent[root] != root:
            root = self.parent[root]
        while self.parent[node] != root:
            self.parent[node], node = root, self.parent[node]
        return root

    def clash(self, a: int, b: int) -> Hashable | None:
        """What keeps two roots apart: a kind, or a decision, of which they hold different values."""
        few, many = sorted((self.marks[a], self.marks[b]), key=len)
        for what, held in few.items():
            other = many.get(what)
            if other is not None and not (held <= other or other <= held):
                return what
        return None

    def union(self, a: int, b: int) -> None:
        """Joins two roots."""
        low, high = sorted((a, b), key=lambda r: (self.size[r], -r))
        self.parent[low] = high
        self.size[high] += self.size[low]
        for what, held in self.marks[low].items():
            self.marks[high][what] = self.marks[high].get(what, frozenset()) | held

    def copy(self) -> _Forest:
        """The forest as it is now."""
        marks = {r: dict(m) for r, m in self.marks.items()}
        return _Forest(dict(self.parent), dict(self.size), marks, self.own, self.more)


def constrained_parts(
    edges: Iterable[Edge],
    constraints: Constraints,
    fuzzy: Iterable[Link] = (),
    forced: Iterable[Link] = (),
    apart: Apart | None = None,
) -> tuple[dict[int, int], list[Refused]]:
    """The part of each account that has an edge or link here, named by its smallest account; and what was left out.

    Order: edges of unique kinds, links that a person forced, other kinds by strength (weak kinds last), fuzzy links
    by probability.
    Inside a kind the heaviest edge goes first, then the smaller account and value. A union that would bring two
    values of a unique kind, or two sides of a decision, together is refused. From the first weak kind on, parts that
    show different values of a separating kind stay apart too. A kind that makes a part larger than `max_component` is
    left out of that part whole: of an oversize component its weakest kinds go.
    """
    forest, refused = _Forest(), list[Refused]()
    apart = apart or {}
    edges, fuzzy, forced = list(edges), list(fuzzy), list(forced)
    for account in {e[0] for e in edges} | {a for link in (*fuzzy, *forced) for a in link[:2]}:
        forest.add(account, {d: frozenset((side,)) for d, side in apart.get(account, {}).items()})
    for _, value, kind, _ in edges:
        forest.add(~value, {kind: frozenset((value,))} if kind in constraints.unique_kinds else {})
    large = sum(n >= 0 for n in forest.parent) > constraints.max_component
    separated = False
    for unique, group in _groups(edges, constraints):
        if not unique and forced:
            refused += _force(forest, forced)
            forced = []
        if not separated and group[0][2] in constraints.weak_kinds:
            _mark_separating(forest, edges, constraints)
            separated = True
        before = forest.copy() if large else None
        refused += _join(forest, group)
        if before is not None:
            taken = _take_back(forest, before, group, constraints.max_component)
            refused += taken
            if unique:
                _remember(forest, taken)
    refused += _force(forest, forced)
    refused += _join_fuzzy(forest, fuzzy, constraints)
    accounts = sorted(n for n in forest.parent if n >= 0)
    names: dict[int, int] = {}
    return {a: names.setdefault(forest.find(a), a) for a in accounts}, refused


def _groups(edges: list[Edge], constraints: Constraints) -> Iterator[tuple[bool, list[Edge]]]:
    """Edges by kind, in the order in which kinds are joined, each group in its own order."""

    def place(edge: Edge) -> tuple[bool, bool, float, int]:
        weak = edge[2] in constraints.weak_kinds
        return edge[2] not in constraints.unique_kinds, weak, -constraints.strength[edge[2]], edge[2]

    ordered = sorted(edges, key=lambda e: (*place(e), -e[3], e[0], e[1]))
    for where, group in groupby(ordered, key=place):
        yield not where[0], list(group)


def _join(forest: _Forest, group: list[Edge]) -> list[Refused]:
    refused = []
    for account, value, kind, _ in group:
        a, b = forest.find(account), forest.find(~value)
        if a == b:
            continue
        clash = forest.clash(a, b)
        place = forest.place_of(account, value)
        if place is not None and place != a:
            forest.union(a, place)
        if clash is not None:
            refused.append(Refused("unique" if isinstance(clash, int) else "kept_apart", account, value, kind))
    return refused


def _mark_separating(forest: _Forest, edges: list[Edge], constraints: Constraints) -> None:
    """Each part is marked with the values of separating kinds that its accounts show by now."""
    for account, value, kind, _ in edges:
        if kind in constraints.separating_kinds:
            marks = forest.marks[forest.find(account)]
            marks[kind] = marks.get(kind, frozenset()) | {value}


def _force(forest: _Forest, links: list[Link]) -> list[Refused]:
    """Joins what a person said is one; only another person's decision stops it."""
    refused = []
    for first, second, _ in sorted(links):
        a, b = forest.find(first), forest.find(second)
        if a == b:
            continue
        if isinstance(forest.clash(a, b), str):
            refused.append(Refused("kept_apart", first, -1, -1))
        else:
            forest.union(a, b)
    return refused


def _take_back(forest: _Forest, before: _Forest, group: list[Edge], limit: int) -> list[Refused]:
    """Undoes the group inside the parts that it made too large; a part too large before it stays as it was."""
    over = {r for r in {forest.find(n) for n in forest.parent} if forest.size[r] > limit}
    if not over:
        return []
    inside = [n for n in forest.parent if forest.find(n) in over]
    refused = [Refused("size", e[0], e[1], e[2]) for e in group if forest.find(e[0]) in over]
    for node in inside:
        forest.parent[node] = before.parent.get(node, node)
        forest.size[node] = before.size.get(node, 0)
        forest.marks[node] = before.marks.get(node, {})
    return refused


def _remember(forest: _Forest, taken: list[Refused]) -> None:
    """An account whose unique value links nobody any more still has it: the first, so the heaviest, counts."""
    for edge in taken:
        marks = forest.marks[forest.find(edge.account)]
        marks.setdefault(edge.kind, frozenset((edge.value,)))


def _join_fuzzy(forest: _Forest, links: list[Link], constraints: Constraints) -> list[Refused]:
    refused = []
    for first, second, _ in sorted(links, key=lambda x: (-x[2], *sorted(x[:2]))):
        a, b = forest.find(first), forest.find(second)
        if a == b:
            continue
        clash = forest.clash(a, b)
        largest = max(forest.size[a], forest.size[b])
        if clash is not None:
            refused.append(Refused("unique" if isinstance(clash, int) else "kept_apart", first, -1, -1))
        elif largest > constraints.fuzzy_max_cluster or forest.size[a] + forest.size[b] > constraints.max_component:
            refused.append(Refused("fuzzy_size", first, -1, -1))
        else:
            forest.union(a, b)
    return refused
