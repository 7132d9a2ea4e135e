"""Which tags count at a moment: not older than they last, halved with age, not ended by a later one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.runs import Floats, Ints, run_starts
from recommend.signals import Tagged
from recommend.sources.context import Context


@dataclass(frozen=True)
class TagTable:
    """Rules by position of the tag: `half_life` and `expiry` in days, `proposes`, `nameable`; `ends` (n, 3) rows of
    (tag, tag that ends it, days before itself from which it does)."""

    half_life: Floats
    expiry: Ints
    proposes: NDArray[np.bool_]
    nameable: NDArray[np.bool_]
    ends: Ints

    @staticmethod
    def of(context: Context) -> TagTable:
        """The rules of a context as arrays."""
        place = {str(name): i for i, name in enumerate(context.tags)}
        rules = [context.rule(name) for name in place]
        ends = [
            (i, place[other], days)
            for i, rule in enumerate(rules)
            for other, days in rule.closed_by
            if other in place
        ]  # fmt: skip
        return TagTable(
            np.array([r.half_life_days for r in rules], dtype=np.float64),
            np.array([r.expiry_days for r in rules], dtype=np.int64),
            np.array([r.proposes for r in rules], dtype=bool),
            np.array([not r.never_named for r in rules], dtype=bool),
            np.array(ends, dtype=np.int64).reshape(-1, 3),
        )

    def parts(self, prefix: str) -> dict[str, NDArray]:
        """Arrays to save."""
        return {f"{prefix}.{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @staticmethod
    def open(parts: Mapping[str, NDArray], prefix: str) -> TagTable:
        """What `parts` made."""
        return TagTable(**{name: np.asarray(parts[f"{prefix}.{name}"]) for name in TagTable.__dataclass_fields__})


@dataclass(frozen=True)
class Live:
    """Tags that count, one element per customer and tag, sorted by both; `weight` in (0, 1]."""

    customer: Ints
    tag: Ints
    weight: Floats


def live_tags(tagged: Tagged, table: TagTable, days_ago: int = 0) -> Live:
    """The tags that counted `days_ago` days before the cut, from what had been known by then."""
    n = max(len(table.expiry), 1)
    age = tagged.age - days_ago
    kept = (age >= 1) & (age <= table.expiry[tagged.tag])
    kept &= age < _ended(tagged, table, days_ago, n)
    customer, tag = tagged.customer[kept], tagged.tag[kept]
    weight: Floats = tagged.confidence[kept] * np.exp2((1.0 - age[kept]) / table.half_life[tag])
    start = run_starts(customer, tag)
    best = np.maximum.reduceat(weight, start) if len(start) else np.empty(0)
    return Live(customer[start], tag[start], np.round(best, 9))


def _ended(tagged: Tagged, table: TagTable, days_ago: int, n: int) -> Floats:
    """Per entry the age from which on it is ended; infinite where nothing ended it."""
    out = np.full(len(tagged.age), np.inf)
    if not len(table.ends) or not len(out):
        return out
    key, ends = [], []
    there = np.bincount(tagged.tag, minlength=n) > 0
    for tag, other, days in table.ends[there[table.ends[:, 0]] & there[table.ends[:, 1]]]:
        # only what was known then: ages of the ending entries count from the same moment
        rows = (tagged.tag == other) & (tagged.age > days_ago)
        key.append(tagged.customer[rows] * n + tag)
        ends.append(tagged.age[rows] - days_ago - days)
    if not key:
        return out
    keys, ages = np.concatenate(key), np.concatenate(ends).astype(np.float64)
    order = np.lexsort((ages, keys))
    keys, ages = keys[order], ages[order]
    first = run_starts(keys)
    if not len(first):
        return out
    keys, ages = keys[first], ages[first]
    mine = tagged.customer * n + tagged.tag
    at = np.minimum(np.searchsorted(keys, mine), len(keys) - 1)
    return np.where(keys[at] == mine, ages[at], out)
