"""What the recommender knows of items at a cut: popularity, rhythm, factors and item-item weights, in .npy files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.buyer_counts import RECENT, BuyerCounts
from recommend.fresh import days_since_first_sale, days_since_last_sale
from recommend.histories import Floats, Histories, Ints, run_starts
from recommend.list_params import CandidateParams

Array32 = NDArray[np.float32]


@dataclass(frozen=True)
class ItemSide:
    """Per item, at one cut; float32 unless said otherwise, shape (n_items,).

    pop7, pop28, pop56: customers who bought in the last so many days. new28: customers whose first purchase of it was
    in the last 28 days. buyers: customers ever. again: share of buyers who came back for it. gap: median days between
    two purchases by one customer (nan below 5 gaps). price: mean amount per unit. since: days since its first sale.
    can_offer, can_repeat: bool. customers: how many there are, shape (). factors (n_items, f): ALS item factors.
    similar_items (s,) int64 positions and similar_weights (s, s): score of column from owned row. parts: what sources
    learned beside, by name (`recommend/sources/registry.py`).
    """

    pop7: Array32
    pop28: Array32
    pop56: Array32
    new28: Array32
    buyers: Array32
    again: Array32
    gap: Array32
    price: Array32
    since: Array32
    can_offer: NDArray[np.bool_]
    can_repeat: NDArray[np.bool_]
    customers: NDArray[np.int64]
    factors: Array32
    similar_items: Ints
    similar_weights: Array32
    parts: Mapping[str, NDArray]

    def save(self, folder: Path, prefix: str) -> None:
        """One .npy file per array, `<prefix>.<name>.npy`, and `<prefix>.part.<name>.npy` for what sources learned."""
        for name in _arrays():
            np.save(folder / f"{prefix}.{name}.npy", getattr(self, name), allow_pickle=False)
        for name, values in self.parts.items():
            np.save(folder / f"{prefix}.part.{name}.npy", values, allow_pickle=False)

    @staticmethod
    def open(folder: Path, prefix: str) -> ItemSide:
        """The arrays saved in `folder`, memory-mapped."""

        def load(path: Path) -> NDArray:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

        start = f"{prefix}.part."
        found = sorted(folder.glob(f"{start}*.npy"))
        parts = {p.name.removeprefix(start).removesuffix(".npy"): load(p) for p in found}
        return ItemSide(**{n: load(folder / f"{prefix}.{n}.npy") for n in _arrays()}, parts=parts)


def _arrays() -> list[str]:
    """The fields that are one array each."""
    return [f.name for f in fields(ItemSide) if f.name != "parts"]


def fit_item_side(
    h: Histories,
    factors: Array32,
    similar_items: Ints,
    similar_weights: Array32,
    params: CandidateParams,
    parts: Mapping[str, NDArray] | None = None,
    fresh: NDArray[np.bool_] | None = None,
    counts: BuyerCounts | None = None,
) -> ItemSide:
    """Item statistics of the histories, beside what was fitted on the same; `fresh` items are offered however few
    bought them. Where `h` is a sample, `counts` are the buyers and days of sale among all customers."""
    n = h.n_items
    pair = run_starts(h.customer, h.item)
    item, first_age = h.item[pair], h.age[pair]  # ages fall within a pair: the first is the oldest
    buyers = np.bincount(item, minlength=n)
    bought_days = np.diff(np.append(pair, len(h.item)))
    again = np.bincount(item, weights=bought_days > 1, minlength=n) / np.maximum(buyers, 1)

    def within(days: int) -> Array32:
        rows = h.age <= days
        start = run_starts(h.customer[rows], h.item[rows])
        return np.bincount(h.item[rows][start], minlength=n).astype(np.float32)

    units = np.bincount(h.item, weights=np.maximum(h.quantity, 1.0), minlength=n)
    amount = np.bincount(h.item, weights=h.amount, minlength=n)
    if counts is None:
        new28 = np.bincount(item[first_age <= 28], minlength=n).astype(np.float32)
        pop7, pop28, pop56 = (within(days) for days in RECENT)
        ever = (new28, buyers.astype(np.float32), days_since_first_sale(h), days_since_last_sale(h))
        counts = BuyerCounts(len(np.unique(h.customer)), pop7, pop28, pop56, *ever)
    sold = counts.idle <= params.max_idle_days
    can_offer = (counts.buyers >= params.min_customers) & sold
    return ItemSide(
        pop7=counts.pop7,
        pop28=counts.pop28,
        pop56=counts.pop56,
        new28=counts.new28,
        buyers=counts.buyers,
        again=again.astype(np.float32),
        gap=_median_gap(h).astype(np.float32),
        price=(amount / np.maximum(units, 1.0)).astype(np.float32),
        since=counts.since,
        can_offer=can_offer if fresh is None else can_offer | fresh,
        can_repeat=sold,
        customers=np.asarray(counts.customers, dtype=np.int64),
        factors=factors,
        similar_items=similar_items,
        similar_weights=similar_weights,
        parts={} if parts is None else parts,
    )


def _median_gap(h: Histories, support: int = 5) -> Floats:
    """Median days between two purchases of an item by one customer; nan below `support` gaps."""
    same = (h.customer[1:] == h.customer[:-1]) & (h.item[1:] == h.item[:-1])
    item, gap = h.item[1:][same], (h.age[:-1] - h.age[1:])[same].astype(np.float64)
    order = np.lexsort((gap, item))
    item, gap = item[order], gap[order]
    out = np.full(h.n_items, np.nan)
    start = run_starts(item)
    size = np.diff(np.append(start, len(item)))
    middle = (gap[start + (size - 1) // 2] + gap[start + size // 2]) / 2 if len(start) else gap
    enough = size >= support
    out[item[start][enough]] = middle[enough]
    return out


def popularity_order(popularity: NDArray) -> Ints:
    """Item positions, most popular first, ties by position (that is, by id)."""
    return np.lexsort((np.arange(len(popularity)), -popularity.astype(np.float64))).astype(np.int64)
