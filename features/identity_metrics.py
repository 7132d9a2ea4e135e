"""How well customers match persons: pairs of accounts, counted without listing them, with intervals over persons.

Pairwise precision: of the pairs of accounts put into one customer, those of one person. Pairwise recall: of the pairs
of one person's accounts, those put into one customer. Observable recall: the same over pairs that evidence connects.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer]
Numbers = NDArray[np.number]


@dataclass(frozen=True)
class Share:
    """A ratio with its 95 % bootstrap interval over persons; nan where there is nothing to divide by."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class IdentityScores:
    """What stitching got right, in pairs of accounts and in customers."""

    accounts: int
    persons: int
    customers: int
    precision: Share
    recall: Share
    observable_recall: Share | None  # None where no evidence is marked
    largest: int  # accounts of the largest customer
    merged_customers: int  # with accounts of more than one person
    merged_persons: int  # with an account in such a customer
    split_persons: int  # whose observable links (all accounts, where none are marked) lie in several customers


def score_identities(
    customer: Ints, person: Ints, group: Ints | None = None, seed: int = 0, draws: int = 500
) -> IdentityScores:
    """Compares customers with persons; all arrays have one element per account.

    `customer`, `person` and `group` (accounts of a person that evidence connects) are any integers that name them.

    >>> s = score_identities(np.array([1, 1, 2, 2]), np.array([7, 7, 7, 8]))
    >>> s.precision.value, round(s.recall.value, 3), s.merged_customers
    (0.5, 0.333, 1)
    """
    customer, person = _codes(customer), _codes(person)
    part = _codes(group) if group is not None else person
    n_persons = int(person.max(initial=-1)) + 1
    sizes = np.bincount(customer)
    cell_customer, cell_person, within = _cells(customer, person)
    right = np.bincount(cell_person, within * (within - 1) / 2, n_persons)
    # a wrong pair is half of each of its two persons
    wrong = np.bincount(cell_person, within * (sizes[cell_customer] - within) / 2, n_persons)
    accounts = np.bincount(person)
    every = accounts * (accounts - 1) / 2
    linked, found = _observable(customer, person, part, n_persons)
    people_of = np.bincount(cell_customer, minlength=len(sizes))
    merged = people_of > 1
    scattered = np.bincount(_cells(customer, part)[1], minlength=int(part.max(initial=-1)) + 1) > 1
    owner = np.zeros(int(part.max(initial=-1)) + 1, np.int64)
    owner[part] = person
    weights = _Bootstrap(n_persons, seed, draws)
    return IdentityScores(
        accounts=len(person),
        persons=n_persons,
        customers=len(sizes),
        precision=weights.share(right, right + wrong),
        recall=weights.share(right, every),
        observable_recall=weights.share(found, linked) if group is not None else None,
        largest=int(sizes.max(initial=0)),
        merged_customers=int(merged.sum()),
        merged_persons=len(np.unique(cell_person[merged[cell_customer]])),
        split_persons=len(np.unique(owner[scattered])),
    )


def wrong_accounts(customer: Ints, person: Ints, group: Ints) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Per account: whether its customer holds another person's account, and whether an observable link is missing."""
    customer, person, group = _codes(customer), _codes(person), _codes(group)
    merged = np.bincount(_cells(customer, person)[0], minlength=int(customer.max(initial=-1)) + 1) > 1
    lost = np.bincount(_cells(group, customer)[0], minlength=int(group.max(initial=-1)) + 1) > 1
    return merged[customer], lost[group]


def _observable(customer: Ints, person: Ints, part: Ints, n_persons: int) -> tuple[Numbers, Numbers]:
    """Per person: pairs that evidence connects, and those of them that are in one customer."""
    size = np.bincount(part)
    owner = np.zeros(len(size), np.int64)
    owner[part] = person
    linked = np.bincount(owner, size * (size - 1) / 2, n_persons)
    _, cell_part, within = _cells(customer, part)
    return linked, np.bincount(owner[cell_part], within * (within - 1) / 2, n_persons)


def _cells(first: Ints, second: Ints) -> tuple[Ints, Ints, Ints]:
    """Both codes and size of every combination that occurs."""
    width = int(second.max(initial=-1)) + 1
    known, size = np.unique(first * width + second, return_counts=True)
    return known // max(width, 1), known % max(width, 1), size


def _codes(names: Ints) -> Ints:
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


@dataclass(frozen=True)
class _Bootstrap:
    persons: int
    seed: int
    draws: int

    def share(self, above: Numbers, below: Numbers) -> Share:
        """Ratio of sums, persons drawn with replacement."""
        whole = float(below.sum())
        if whole == 0:
            return Share(float("nan"), float("nan"), float("nan"))
        rng = np.random.default_rng(self.seed)
        ratios = np.empty(self.draws)
        for i in range(self.draws):
            times = np.bincount(rng.integers(0, self.persons, self.persons), minlength=self.persons)
            drawn = float(times @ below)
            ratios[i] = times @ above / drawn if drawn else np.nan
        low, high = np.nanquantile(ratios, [0.025, 0.975])
        return Share(float(above.sum() / whole), float(low), float(high))
