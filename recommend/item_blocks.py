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
    """Exclusions of some customers by item rank: a mask when they are many, else a list sorted by block.

    Block b has the elements `row[ends[b]:ends[b + 1]]` and `rank[...]`.
    """

    mask: NDArray[np.bool_] | None
    row: Positions
    rank: Positions
    ends: Rows

    @classmethod
    def of(cls, items: ItemBlocks, exclude: csr_matrix | None, rows: slice, edges: Rows) -> Banned | None:
        """The stored elements of those rows; None without any."""
        if exclude is None:
            return None
        start = exclude.indptr[rows.start : rows.stop + 1]
        if start[0] == start[-1]:
            return None
        indices, n = exclude.indices[start[0] : start[-1]], len(start) - 1
        if len(indices) > DENSE * n * items.n_items:
            mask = np.zeros((n, items.n_items), dtype=np.bool_)
            for line, (low, high) in enumerate(zip(start[:-1] - start[0], start[1:] - start[0], strict=True)):
                mask[line, items.rank[indices[low:high]]] = True
            none = np.empty(0, dtype=np.int32)
            return cls(mask, none, none, edges[:0])
        rank = items.rank[indices]
        # blocks are whole steps, so a short table says which block a rank is in; small numbers are sorted by radix
        table = np.searchsorted(edges, np.arange(0, items.n_items, STEP), side="right") - 1
        block = table.astype(np.uint8 if len(edges) <= 256 else np.uint16)[rank // STEP]
        order = np.argsort(block, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(block, minlength=len(edges) - 1))])
        return cls(None, np.repeat(np.arange(n, dtype=np.int32), np.diff(start))[order], rank[order], ends)

    def ban(self, scores: Singles, number: int, start: int, active: Rows, n: int) -> None:
        """Writes -inf into `scores` (`active` of `n` customers x items of block `number`, which begins at `start`)."""
        every = len(active) == n
        if self.mask is not None:
            part = slice(start, start + scores.shape[1])
            np.copyto(scores, -np.inf, where=self.mask[:, part] if every else self.mask[active, part])
            return
        at = slice(self.ends[number], self.ends[number + 1])
        row, column = self.row[at], self.rank[at] - np.int32(start)
        if not every:
            place = np.full(n, NOBODY, dtype=np.int32)
            place[active] = np.arange(len(active), dtype=np.int32)
            here = place[row] >= 0
            row, column = place[row[here]], column[here]
        scores[row, column] = -np.inf
