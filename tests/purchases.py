"""Interactions written in place, for tests of anything that learns from purchases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.interactions import Interactions, from_columns

CUT = 100  # day before which the histories below lie


def purchases(
    rows: Sequence[tuple[str, str, int, int]], customers: Sequence[str] = (), products: Sequence[str] = ()
) -> Interactions:
    """Interactions of (customer, product, day, orders) rows; more `customers` and `products` widen the axes."""
    who = np.array(sorted({r[0] for r in rows} | set(customers)), dtype=object)
    what = np.array(sorted({r[1] for r in rows} | set(products)), dtype=object)
    return from_columns(
        who,
        what,
        np.searchsorted(who, np.array([r[0] for r in rows], dtype=object)).astype(np.int32),
        np.searchsorted(what, np.array([r[1] for r in rows], dtype=object)).astype(np.int32),
        np.array([r[2] for r in rows], dtype=np.int32),
        np.ones(len(rows), dtype=np.float32),
        np.ones(len(rows), dtype=np.float32),
        np.array([r[3] for r in rows], dtype=np.int32),
    )


def random_purchases(seed: int = 0, customers: int = 40, products: int = 30, rows: int = 600) -> Interactions:
    """Purchases on days 0..99 with popular and rare products; the last customer has none."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, products + 1)
    what = rng.choice(products, rows, p=popularity / popularity.sum())
    who, day, orders = rng.integers(0, customers - 1, rows), rng.integers(0, CUT, rows), rng.integers(1, 4, rows)
    names = [f"p{i:02d}" for i in rng.permutation(products)]
    return purchases(
        [(f"c{w:02d}", names[p], int(d), int(o)) for w, p, d, o in zip(who, what, day, orders)],
        customers=[f"c{customers - 1:02d}"],
        products=names,
    )
