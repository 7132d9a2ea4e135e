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
