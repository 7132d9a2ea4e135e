"""What an item without a history of its own is like: the items that share its type and brand, else its type, else its
category."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.catalogue import UNKNOWN, Catalogue
from recommend.runs import Floats, Ints

MOST = 50  # neighbours per item


def attribute_neighbours(
    catalogue: Catalogue, items: Ints, among: NDArray[np.bool_], popularity: NDArray | None = None
) -> csr_matrix:
    """(len(items), n_items) weights of the neighbours of each of `items`, which sum to 1; a row without any is empty.

    Neighbours are taken from `among` (n_items,), never the item itself: at most `MOST`, those with the largest
    `popularity` (n_items,), ties by position, all with the same weight. Unknown types, brands and categories are no
    likeness.
    """
    n = len(catalogue)
    rank = np.lexsort((np.arange(n), -np.zeros(n) if popularity is None else -np.asarray(popularity, dtype=np.float64)))
    known = rank[np.asarray(among)[rank]].astype(np.int64)
    found: dict[int, Ints] = {}
    for keys in _likeness(catalogue):
        open_rows = [r for r in range(len(items)) if r not in found and keys[items[r]] >= 0]
        if not open_rows:
            continue
        place = known[np.argsort(keys[known], kind="stable")]  # by key, best first within
        low = np.searchsorted(keys[place], keys[items[open_rows]], side="left")
        high = np.searchsorted(keys[place], keys[items[open_rows]], side="right")
        for r, start, end in zip(open_rows, low, high, strict=True):
            near = place[start : min(end, start + MOST + 1)]
            near = near[near != items[r]][:MOST]
            if len(near):
                found[r] = near
    rows = np.array(sorted(found), dtype=np.int64)
    size = np.array([len(found[r]) for r in rows], dtype=np.int64)
    column = np.concatenate([found[r] for r in rows]) if len(rows) else np.empty(0, np.int64)
    weight = np.repeat(1.0 / np.maximum(size, 1), size)
    out = csr_matrix((weight, (np.repeat(rows, size), column)), shape=(len(items), n))
    out.sort_indices()
    return out


def stand_in(neighbours: csr_matrix, values: NDArray) -> Floats:
    """(n rows, ...) mean of `values` (n_items, ...) over the neighbours; zero where there are none."""
    return np.asarray(neighbours @ np.asarray(values, dtype=np.float64))


def _likeness(catalogue: Catalogue) -> tuple[Ints, Ints, Ints]:
    """A key per item for each degree of likeness, nearest first; -1 where the attributes are not known."""
    codes = {level: np.asarray(values).astype(np.int64) for level, values in catalogue.codes.items()}
    known = {level: np.asarray(catalogue.names[level] != UNKNOWN)[codes[level]] for level in codes}
    kind, brand, category = codes["product_type"], codes["brand"], codes["category"]
    both = kind * (len(catalogue.names["brand"]) + 1) + brand
    return (
        np.where(known["product_type"] & known["brand"], both, -1),
        np.where(known["product_type"], kind, -1),
        np.where(known["category"], category, -1),
    )
