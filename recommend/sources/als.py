"""Items whose ALS factors fit hers best."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from recommend.histories import Floats, Ints
from recommend.sources.block import DIGITS, Block
from recommend.sources.spread import als_spread, scaled
from recommend.topk import top_k

NAME = "als"
SCORES = ("als", "als_scaled")


def propose(b: Block, k: int) -> Ints:
    """Keys of the `k` best items per customer that are neither hers nor banned."""
    if k == 0:
        return np.empty(0, dtype=np.int64)
    offered = b.s.offered
    column = np.full(b.h.n_items, -1, dtype=np.int64)
    column[offered] = np.arange(len(offered))
    customer, item = b.split(b.closed)
    inside = column[item] >= 0
    at = (customer[inside], column[item[inside]])
    shape = (b.h.n, len(offered))
    exclude = csr_matrix((np.ones(int(inside.sum()), dtype=np.float32), at), shape=shape)
    found, _ = top_k(b.s.blocks, b.vectors, k, exclude)
    row, place = np.nonzero(found >= 0)
    return np.asarray(row * b.h.n_items + offered[found[row, place]])


def scores(b: Block, customer: Ints, item: Ints) -> dict[str, Floats]:
    """Inner products of factors, and the same beside how far hers lie apart."""
    product = np.einsum("ij,ij->i", b.vectors[customer].astype(np.float64), b.s.side.factors[item])
    return {"als": np.round(product, DIGITS), "als_scaled": scaled(product, als_spread(b)[customer])}
