"""Going through the cuts: at each only the components that new, lapsed or withdrawn edges touch are found again.

A full search at every cut gives the same customers (a test); the work here is a few passes over arrays per cut.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from features.components import NO_LINKS, Components, Graph, Links, find_components
from features.constrained_parts import Apart, Constraints, Refused
from features.evidence import Evidence, Intervals, active_intervals
from features.identity_params import IdentityParams
from features.link_strength import Support, support
from features.persistent_ids import CustomerIds, Members, found_id, keep_ids

Ints = NDArray[np.integer]
Flags = NDArray[np.bool_]
UNSEEN = 2**31  # first day of an account that was never sighted


@dataclass(frozen=True)
class Decisions:
    """What persons, or the fuzzy matcher, decided, by account number: in force at every cut of the run."""

    forced: Links = NO_LINKS
    apart: Apart = field(default_factory=dict)
    fuzzy: Links = NO_LINKS


@dataclass(frozen=True)
class Moves:
    """Accounts that changed customer at a cut: parallel arrays, and what speaks for the new customer."""

    cut: int  # index of the cut
    account: Ints
    old: Ints
    new: Ints
    is_merge: Flags  # the new customer was there before; else a part was split off
    support: Support


@dataclass
class Replay:
    """State between cuts. `code` is each account's customer; `held` are (account, customer) pairs ever in the map."""

    evidence: Evidence
    params: IdentityParams
    ids: CustomerIds
    code: Ints
    held: tuple[Ints, Ints]
    decisions: Decisions = field(default_factory=Decisions)
    refused: list[tuple[int, Refused]] = field(default_factory=list)
    full: bool = False  # find everything again at every cut

    def __post_init__(self) -> None:
        """Nothing holds yet."""
        n, p, e = len(self.code), self.params, self.evidence
        self.constraints = Constraints(
            p.strengths(),
            p.caps(),
            p.codes(p.unique_kinds),
            p.max_component,
            p.fuzzy_max_cluster,
            p.codes(p.weak_kinds),
            p.codes(p.separating_kinds),
        )
        self.cap = np.asarray(p.caps())[e.value_kind] if len(e.value_kind) else np.empty(0, np.int64)
        self.active = np.zeros(len(e.account), bool)
        self.seen = np.zeros(len(e.account), np.int64)  # sightings per edge
        self.first_seen = np.full(n, UNSEEN, np.int64)
        self.count = np.zeros(len(e.value_kind), np.int64)  # accounts per value
        self.raw = np.arange(n)
        self.troubled = np.zeros(n, bool)
        self.known = set(self.ids.accounts)

    def run(self, days: list[int]) -> list[Moves]:
        """Replays all cuts (epoch days), the first in full; returns the moves of each cut that has any."""
        intervals = active_intervals(self.evidence, days, self.params.expiries())
        starts, stops = _by_cut(intervals.start, len(days)), _by_cut(intervals.stop, len(days))
        rows = _by_cut(self.evidence.cut, len(days))
        found = []
        for cut in range(len(days)):
            touched = self._advance(intervals, starts[cut], stops[cut], rows[cut], everything=cut == 0 or self.full)
            if touched is not None:
                moves = self._resolve(touched, cut)
                if len(moves.account):
                    found.append(moves)
        return found

    def _advance(
        self, intervals: Intervals, starts: Ints, stops: Ints, rows: Ints, *, everything: bool
    ) -> Flags | None:
        """Brings the edges to a cut. Returns the accounts whose components may change, or None when none does."""
        e = self.evidence
        if not (everything or len(starts) or len(stops) or len(rows)):
            return None
        np.minimum.at(self.first_seen, e.account[e.edge[rows]], e.first_day[rows])
        self.seen[e.edge[rows]] += e.n[rows]
        on, off = intervals.edge[starts], intervals.edge[stops]
        changed = np.zeros(len(self.cap), bool)
        changed[e.value[on]] = changed[e.value[off]] = True
        values = np.flatnonzero(changed)
        was_hub = self.count[values] > self.cap[values]
        self.active[off] = False
        self.active[on] = True
        np.add.at(self.count, e.value[on], 1)
        np.add.at(self.count, e.value[off], -1)
        if everything:
            return np.ones(len(self.code), bool)
        is_hub = self.count[values] > self.cap[values]
        changed[values[was_hub & is_hub]] = False
        touched = np.zeros(len(self.code), bool)
        touched[e.account[changed[e.value] & self.active]] = True
        touched[e.account[off]] = True
        again = e.account[e.edge[rows]]  # more sightings change weights, which only matter under constraints
        touched[again[self.troubled[again]]] = True
        return touched if touched.any() else None

    def _resolve(self, touched: Flags, cut: int) -> Moves:
        """Finds the components of touched accounts again and gives them their customers."""
        chosen = np.zeros(len(self.code), bool)
        chosen[self.raw[touched]] = True
        inside = chosen[self.raw]
        members = np.flatnonzero(inside)
        graph = self._graph(inside, members)
        components = find_components(graph, self.constraints)
        self.refused = [(a, r) for a, r in self.refused if not inside[a]]
        self.refused += [(int(members[r.account]), r) for r in components.refused]
        self.raw[members] = members[components.raw]
        self.troubled[members] = components.constrained
        return self._assign(members, graph, components, cut)

    def _graph(self, inside: Flags, members: Ints) -> Graph:
        """The graph of the chosen accounts, renumbered."""
        e, p = self.evidence, self.params
        place = np.cumsum(inside) - 1
        edges = np.flatnonzero(self.active & inside[e.account] & (self.count <= self.cap)[e.value])
        more = np.minimum(np.maximum(self.seen[edges], 1) - 1, p.repeat_limit)
        forced, fuzzy = (
            Links(place[links.first], place[links.second], links.probability)
            for links in (self.decisions.forced.touching(inside), self.decisions.fuzzy.touching(inside))
        )
        apart = {int(place[a]): sides for a, sides in self.decisions.apart.items() if inside[a]}
        weight = 1 + p.repeat_weight * more
        return Graph(len(members), place[e.account[edges]], e.value[edges], e.kind[edges], weight, fuzzy, forced, apart)

    def _assign(self, members: Ints, graph: Graph, components: Components, cut: int) -> Moves:
        """Customers of the new components; the moves against those before."""
        old = self.code[members]
        names, part = np.unique(components.label, return_inverse=True)
        kept = keep_ids(Members(members, part, old, self.first_seen[members]), len(names), self.ids.base())
        self.code[members] = kept[part]
        was_live = np.zeros(len(self.ids) + len(names), bool)
        was_live[old] = True
        self._found_ids(members, part, kept)
        new = kept[part]
        moved = np.flatnonzero(new != old)
        self.held = tuple(np.concatenate(x) for x in zip(self.held, (members[moved], new[moved])))  # type: ignore[assignment]
        why = support(graph, components.label, self.constraints.strength).of(moved)
        return Moves(cut, members[moved], old[moved], new[moved], was_live[new[moved]], why)

    def _found_ids(self, members: Ints, part: Ints, kept: Ints) -> None:
        """Gives the parts that kept no customer one, in place."""
        homeless = np.flatnonzero((kept < 0)[part])
        if not len(homeless):
            return
        homeless = homeless[np.argsort(part[homeless], kind="stable")]
        live = np.zeros(len(self.ids) + len(kept), bool)
        live[self.code[self.code >= 0]] = True
        mine = np.zeros(len(self.code), bool)
        mine[members[homeless]] = True
        held: dict[int, set[int]] = {}
        rows = mine[self.held[0]]
        for account, customer in zip(self.held[0][rows].tolist(), self.held[1][rows].tolist()):
            held.setdefault(account, set()).add(customer)
        starts = np.flatnonzero(np.diff(part[homeless], prepend=-1))
        for group in np.split(homeless, starts[1:]):
            accounts = members[group]
            counts = Counter(c for a in accounts.tolist() for c in held.get(a, ()))
            found = found_id(accounts, self.first_seen[accounts], counts, live, self.ids, self.known)
            live[found] = True
            kept[part[group[0]]] = found
            self.code[accounts] = found


def _by_cut(cuts: Ints, n: int) -> list[Ints]:
    """Places of each cut index 0 to n - 1."""
    order = np.argsort(cuts, kind="stable")
    bounds = np.searchsorted(cuts[order], np.arange(n + 1))
    return [order[a:b] for a, b in pairwise(bounds)]
