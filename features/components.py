"""Who is one person: connected components of accounts over shared identifier values, kept apart where they must be.

The graph is bipartite, account to value: k accounts that share a value are k edges, not k squared. Nearly all
components come straight from SciPy; only those that hold a contradiction, a person's decision, a fuzzy link or too many
accounts go through `features/constrained_parts.py`. Everything depends on account and value numbers alone, never on
the order of rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from features.constrained_parts import Apart, Constraints, Refused, constrained_parts

Ints = NDArray[np.integer]
Floats = NDArray[np.floating]
UNUSED = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Links:
    """Links between two accounts that no shared value explains.

    `first`, `second`: account numbers, same length; `probability`: that both are one person (ignored for links that a
    person decided).
    """

    first: Ints
    second: Ints
    probability: Floats

    def touching(self, chosen: NDArray[np.bool_]) -> Links:
        """The links whose first account is chosen."""
        keep = chosen[self.first]
        return Links(self.first[keep], self.second[keep], self.probability[keep])


NO_LINKS = Links(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


@dataclass(frozen=True)
class Graph:
    """Edges of `n_accounts` accounts, numbered 0 to n - 1, sorted by value and then account, each pair once.

    `value` numbers an identifier value (of one kind), `kind` is its code, `weight` how much the edge counts against
    others of its kind. `fuzzy` are links of the fuzzy matcher, `forced` those a person made, `apart` says per account
    which side of which decision it is on.
    """

    n_accounts: int
    account: Ints
    value: Ints
    kind: Ints
    weight: Floats
    fuzzy: Links = NO_LINKS
    forced: Links = NO_LINKS
    apart: Apart = field(default_factory=dict)


@dataclass(frozen=True)
class Components:
    """`raw`: the component of each account before constraints; `label`: after. Both name the smallest account in it.

    `constrained`: whether the account's raw component had to be looked at; `refused`: links left out there.
    """

    raw: Ints
    label: Ints
    constrained: NDArray[np.bool_]
    refused: list[Refused]


def resolve_components(
    account: Ints,
    value: Ints,
    kind: Ints,
    weight: Floats,
    n_accounts: int,
    constraints: Constraints,
    extra_links: Links | None = None,
) -> Ints:
    """The component of every account, named by its smallest account number: int64, `n_accounts` long.

    `account` (0 to n_accounts - 1), `value` (any numbers, one per distinct identifier value of a kind), `kind` (codes
    of `features.source_people.IDENTIFIER_KINDS`) and `weight` are one row per edge, in any order; an account and value
    given twice count once, with the larger weight. Values on more accounts than the kind's cap are left out whole.
    `extra_links` are fuzzy: taken after all shared values, best first, and only where each side has at most
    `constraints.fuzzy_max_cluster` accounts, so they never join big clusters.
    """
    order = np.lexsort((-weight, account, value))
    account, value, kind, weight = account[order], value[order], kind[order], weight[order]
    first = np.ones(len(account), bool)
    first[1:] = (account[1:] != account[:-1]) | (value[1:] != value[:-1])
    _, number, counts = np.unique(value[first], return_inverse=True, return_counts=True)
    keep = counts[number] <= np.asarray(constraints.cap)[kind[first]]
    chosen = np.flatnonzero(first)[keep]
    graph = Graph(n_accounts, account[chosen], number[keep], kind[chosen], weight[chosen], extra_links or NO_LINKS)
    return find_components(graph, constraints).label


def find_components(graph: Graph, constraints: Constraints) -> Components:
    """Components of a graph whose hubs are left out already."""
    raw = raw_components(graph)
    troubled = _troubled(graph, raw, constraints)
    label = raw.copy()
    refused: list[Refused] = []
    if troubled.any():
        label, refused = _resolve_troubled(graph, raw, troubled, constraints)
    return Components(raw, label, troubled[raw], refused)


def raw_components(graph: Graph) -> Ints:
    """Connected components over all edges and links: the smallest account number of each account's component.

    Accounts of a value are chained, one link fewer than accounts, which connects the same accounts with half the nodes.
    """
    n = graph.n_accounts
    same = graph.value[1:] == graph.value[:-1]
    ends = [
        (graph.account[:-1][same], graph.account[1:][same]),
        (graph.fuzzy.first, graph.fuzzy.second),
        (graph.forced.first, graph.forced.second),
    ]
    first, second = (np.concatenate([e[side] for e in ends]) for side in (0, 1))
    links = coo_matrix((np.ones(len(first), np.int8), (first, second)), shape=(n, n))
    count, component = connected_components(links, directed=False)
    smallest = np.empty(count, np.int64)
    smallest[component[::-1]] = np.arange(n)[::-1]  # the last write wins: the smallest account
    return smallest[component]


def _troubled(graph: Graph, raw: Ints, constraints: Constraints) -> NDArray[np.bool_]:
    """Per account number that names a component: whether it needs more than connected components."""
    troubled = np.bincount(raw, minlength=graph.n_accounts) > constraints.max_component
    for kind in constraints.unique_kinds:
        troubled |= _several_values(graph, raw, kind)
    weak = np.zeros(graph.n_accounts, bool)
    weak[raw[graph.account[np.isin(graph.kind, constraints.weak_kinds)]]] = True
    for kind in constraints.separating_kinds:
        troubled |= weak & _several_values(graph, raw, kind)
    for links in (graph.fuzzy, graph.forced):
        troubled[raw[links.first]] = True
    if graph.apart:
        troubled[raw[np.fromiter(graph.apart, np.int64, len(graph.apart))]] = True
    return troubled


def _several_values(graph: Graph, raw: Ints, kind: int) -> NDArray[np.bool_]:
    """Per account number that names a component: whether it shows two values or more of the kind."""
    of_kind = graph.kind == kind
    component, value = raw[graph.account[of_kind]], graph.value[of_kind]
    low, high = np.full(graph.n_accounts, UNUSED), np.full(graph.n_accounts, -1)
    np.minimum.at(low, component, value)
    np.maximum.at(high, component, value)
    return (low != high) & (high >= 0)


def _resolve_troubled(
    graph: Graph, raw: Ints, troubled: NDArray[np.bool_], constraints: Constraints
) -> tuple[Ints, list[Refused]]:
    """Labels after constraints, and what was left out, component by component."""
    label = raw.copy()
    inside = troubled[raw]
    members = np.flatnonzero(inside)
    label[members] = members
    edges = np.flatnonzero(inside[graph.account])
    edges = edges[np.argsort(raw[graph.account[edges]], kind="stable")]
    starts = np.flatnonzero(np.diff(raw[graph.account[edges]], prepend=-1))
    stops = [*starts[1:], len(edges)]
    fuzzy, forced = (_by_component(links, raw) for links in (graph.fuzzy, graph.forced))
    spans = {int(raw[graph.account[edges[a]]]): (a, b) for a, b in zip(starts, stops)}
    refused: list[Refused] = []
    for root in np.flatnonzero(troubled).tolist():
        a, b = spans.get(root, (0, 0))
        rows = edges[a:b]
        columns = (graph.account[rows], graph.value[rows], graph.kind[rows], graph.weight[rows])
        parts, left_out = constrained_parts(
            list(zip(*(c.tolist() for c in columns))),
            constraints,
            fuzzy=fuzzy.get(root, []),
            forced=forced.get(root, []),
            apart=graph.apart,
        )
        for account, part in parts.items():
            label[account] = part
        refused += left_out
    return label, refused


def _by_component(links: Links, raw: Ints) -> dict[int, list[tuple[int, int, float]]]:
    """Links as tuples, by the component they lie in."""
    found: dict[int, list[tuple[int, int, float]]] = {}
    for a, b, p in zip(links.first.tolist(), links.second.tolist(), links.probability.tolist()):
        found.setdefault(int(raw[a]), []).append((a, b, p))
    return found
