"""Item factors prepared for exact top-K, and per-customer exclusions in the same order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Positions = NDArray[np.int32]
Scores = NDArray[np.float64]
Singles = NDArray[np.float32]
Rows = NDArray[np.int64]

NOBODY = -1  # position in a list's unused places
STEP = 512  # items: a block is a number of steps; the first is small, it only has to give everyone a score to beat
LARGEST_BLOCK = 4096
DENSE = 0.02  # share of all pairs from which exclusions are kept as a mask


@dataclass(frozen=True)
class ItemBlocks:
    """Item factors prepared for `top_k`: `order[r]` is the item position of row r of `factors`; `norms` fall with r.

    `item_factors` are the factors as learned, in item order (they may be memory-mapped); `rank` is the inverse of
    `order`.
    """

    item_factors: Singles
    factors: Singles
    order: Positions
    rank: Positions
    norms: Scores
    bias: bool

    @classmethod
    def of(cls, item_factors: Singles, bias: bool = False) -> ItemBlocks:
        """Blocks of (n_items, columns) factors.

        With `bias` (column 0 is 1 for all items, column 1 is the item's bias), column 0 is left out and the smallest
        bias becomes 0: it shifts all scores of a customer alike, and rare items, whose bias is low, get a small norm.
        """
        factors = np.array(item_factors, dtype=np.float32)
        if bias:
            factors = np.ascontiguousarray(factors[:, 1:])
            factors[:, 0] -= factors[:, 0].min(initial=0.0)
        norms = np.sqrt(np.square(factors, dtype=np.float64).sum(axis=1))
        order = np.argsort(-norms, kind="stable").astype(np.int32)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order), dtype=np.int32)
        return cls(item_factors, np.ascontiguousarray(factors[order]), order, rank, norms[order], bias)

    @property
    def n_items(self) -> int:
        """Items in the catalogue."""
        return len(self.order)

    def edges(self, k: int) -> Rows:
        """Where blocks begin and the last one ends: each twice as large as the one before, all of whole steps."""
        width = STEP * -(-2 * k // STEP)
        edges = [0]
        while edges[-1] < self.n_items:
            edges.append(min(edges[-1] + width, self.n_items))
            width = max(width, min(2 * width, LARGEST_BLOCK))
        return np.asarray(edges, dtype=np.int64)


@dataclass(frozen=True)
class Banned:
    """Exclusions of some customers by item rank: a mask when they are many, else a list with each one's block."""

    mask: NDArray[np.bool_] | None
    row: Positions
    rank: Positions
    block: NDArray[np.uint16]

    @classmethod
    def of(cls, items: ItemBlocks, exclude: csr_matrix | None, rows: slice, edges: Rows) -> Banned | None:
        """The stored elements of those rows; None without any."""
        if exclude is None:
            return None
        start = exclude.indptr[rows.start : rows.stop + 1]
        if start[0] == start[-1]:
            return None
        indices, n = exclude.indices[start[0] : start[-1]], len(start) - 1
        none = np.empty(0, dtype=np.int32)
        if len(indices) > DENSE * n * items.n_items:
            mask = np.zeros((n, items.n_items), dtype=np.bool_)
            for row, (low, high) in enumerate(zip(start[:-1] - start[0], start[1:] - start[0], strict=True)):
                mask[row, items.rank[indices[low:high]]] = True
            return cls(mask, none, none, none.astype(np.uint16))
        rank = items.rank[indices]
        # blocks are whole steps, so a short table says which block a rank is in
        number = np.searchsorted(edges, np.arange(0, items.n_items, STEP), side="right") - 1
        owner = np.repeat(np.arange(n, dtype=np.int32), np.diff(start))
        return cls(None, owner, rank, number.astype(np.uint16)[rank // STEP])

    def ban(self, scores: Singles, number: int, start: int, active: Rows) -> None:
        """Writes -inf into `scores` (active customers x items of block `number`, which begins at rank `start`)."""
        if self.mask is not None:
            part = slice(start, start + scores.shape[1])
            every = len(active) == len(self.mask)
            np.copyto(scores, -np.inf, where=self.mask[:, part] if every else self.mask[active, part])
            return
        at = np.flatnonzero(self.block == number)
        if not len(at):
            return
        place = np.full(self.row[-1] + 1, NOBODY, dtype=np.int64)
        known = active[active < len(place)]
        place[known] = np.arange(len(known))
        row = place[self.row[at]]
        flat = row * scores.shape[1] + (self.rank[at] - start)
        scores.reshape(-1)[flat[row >= 0]] = -np.inf
