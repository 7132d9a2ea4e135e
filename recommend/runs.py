"""Runs of equal keys in sorted arrays: where they begin, their sums, and looking keys up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


def is_in(sorted_keys: Ints, keys: Ints) -> NDArray[np.bool_]:
    """Whether each of `keys` is among `sorted_keys`."""
    if not len(sorted_keys):
        return np.zeros(len(keys), dtype=bool)
    at = np.minimum(np.searchsorted(sorted_keys, keys), len(sorted_keys) - 1)
    return np.asarray(sorted_keys[at] == keys)


def run_starts(*columns: NDArray) -> Ints:
    """Positions where a new combination of the sorted columns begins."""
    n = len(columns[0])
    if n == 0:
        return np.empty(0, dtype=np.int64)
    new = np.ones(n, dtype=bool)
    new[1:] = False
    for column in columns:
        new[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(new).astype(np.int64)


def sum_runs(values: Floats, start: Ints) -> Floats:
    """Sum of each run of `values` that begins at `start`."""
    return np.add.reduceat(values, start) if len(start) else np.empty(0, dtype=np.float64)


def rank_in(group: Ints) -> Ints:
    """0-based position of each element within its run of equal values."""
    start = run_starts(group)
    return np.arange(len(group)) - np.repeat(start, np.diff(np.append(start, len(group))))


def sort_order(*columns: NDArray[np.integer]) -> Ints:
    """Positions by the first column, then the second and so on, equal rows as they came: `np.lexsort` the other way
    round. Integers of which all columns fit into 63 bits together are sorted as one, several times faster.

    >>> sort_order(np.array([2, 1, 1]), np.array([0, 5, 4])).tolist()
    [2, 1, 0]
    """
    n = len(columns[0])
    if n == 0:
        return np.empty(0, dtype=np.int64)
    lows = [int(c.min()) for c in columns]
    bits = [(int(c.max()) - low).bit_length() for c, low in zip(columns, lows, strict=True)]
    place = (n - 1).bit_length()
    if sum(bits) + place > 63:
        return np.lexsort(columns[::-1]).astype(np.int64)
    key = np.zeros(n, dtype=np.int64)
    for column, low, width in zip(columns, lows, bits, strict=True):
        key <<= width
        key |= column.astype(np.int64) - low
    key <<= place
    key |= np.arange(n)
    key.sort()
    key &= (1 << place) - 1
    return key


def unique_keys(keys: Ints) -> Ints:
    """Sorted distinct keys; `np.unique` hashes integers first, which takes many times longer than sorting them."""
    found = np.sort(keys)
    return found[run_starts(found)]
