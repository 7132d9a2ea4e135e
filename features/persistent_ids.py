"""Ids that outlive a change: a new component keeps the id of the old customer it holds most of.

Customers are numbers here: account numbers first (an account's own id), then ids made for parts split off. Ties and
order follow from the numbers, so the same components give the same ids whatever the order of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]


@dataclass
class CustomerIds:
    """All customer ids ever used. `accounts` are the account ids, sorted; `made` those of the form `account~2`."""

    accounts: Sequence[str]
    made: list[str] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)  # account number that each made id is named after
    code: dict[str, int] = field(default_factory=dict)  # of made ids

    def __len__(self) -> int:
        """How many ids there are."""
        return len(self.accounts) + len(self.made)

    def name(self, code: int) -> str:
        """The id as text."""
        n = len(self.accounts)
        return self.accounts[code] if code < n else self.made[code - n]

    def base(self) -> Ints:
        """Per id, the account it is named after."""
        return np.concatenate([np.arange(len(self.accounts)), np.asarray(self.bases, np.int64)])

    def add(self, name: str, account: int) -> int:
        """The number of a made id, registered when it is new."""
        if name not in self.code:
            self.code[name] = len(self)
            self.made.append(name)
            self.bases.append(account)
        return self.code[name]

    def make(self, account: int, known: set[str]) -> int:
        """A new id `account~n` with the smallest n never used; `known` are ids that other accounts own."""
        name = self.accounts[account]
        n = 1
        while f"{name}~{n}" in self.code or f"{name}~{n}" in known:
            n += 1
        return self.add(f"{name}~{n}", account)


@dataclass(frozen=True)
class Members:
    """Accounts under change: number, new component (0 to parts - 1), customer before, local day first seen."""

    account: Ints
    part: Ints
    old: Ints
    first_seen: Ints


def keep_ids(members: Members, parts: int, base: Ints) -> Ints:
    """The customer each part keeps, or -1: largest overlap first, each customer once.

    Ties: the part that holds the account the customer is named after, then the overlap seen first, then the
    smaller id. `base` names that account per customer.
    """
    kept = np.full(parts, -1, np.int64)
    if not parts:
        return kept
    width = len(base)
    keys, index, where, overlap = np.unique(
        members.part * width + members.old, return_index=True, return_inverse=True, return_counts=True
    )
    founder = np.zeros(len(keys), bool)
    founder[where[base[members.old] == members.account]] = True
    seen = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(seen, where, members.first_seen)
    part, old = members.part[index], members.old[index]
    order = np.lexsort((part, old, seen, ~founder, -overlap))
    part, old = part[order], old[order]
    taken = np.zeros(width, bool)
    while len(part):  # pairs that are the best left for both sides; the same as going through them one by one
        best_of_part, best_of_old = _first(part), _first(old)
        both = np.intersect1d(best_of_part, best_of_old, assume_unique=True)
        kept[part[both]] = old[both]
        taken[old[both]] = True
        left = (kept[part] < 0) & ~taken[old]
        part, old = part[left], old[left]
    return kept


def _first(values: Ints) -> Ints:
    """The place of each value's first occurrence."""
    return np.unique(values, return_index=True)[1]


def found_id(
    accounts: Ints, first_seen: Ints, held: dict[int, int], live: NDArray[np.bool_], ids: CustomerIds, known: set[str]
) -> int:
    """An id for a part that kept none.

    Of the ids named after its accounts that nobody has now: the one that most of its accounts held before (`held`,
    id -> accounts), then the one whose account was seen first, then the smallest. When all are in use, a new one named
    after the account seen first.
    """
    order = sorted(zip(first_seen.tolist(), accounts.tolist()))
    inside = set(accounts.tolist())
    seen = dict(zip(accounts.tolist(), first_seen.tolist()))
    base = {code: code if code < len(ids.accounts) else ids.bases[code - len(ids.accounts)] for code in held}
    free = [c for c in {*inside, *held} if base.get(c, c) in inside and not (c < len(live) and live[c])]
    if free:
        return min(free, key=lambda c: (-held.get(c, 0), seen[base.get(c, c)], c))
    return ids.make(order[0][1], known)
