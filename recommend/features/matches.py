"""How the item fits her: what the sources say of the pair, its price, and its place among the items of its type."""

from __future__ import annotations

import numpy as np

from recommend.features.asked import Asked
from recommend.features.customers import mean_price
from recommend.histories import Floats
from recommend.sources.registry import SCORES

NAMES = (*SCORES, "price_ratio", "type_share", "type_pull")


def columns(a: Asked) -> Floats:
    """Columns `NAMES`. `type_share` is the item's part of the sales of its type in the last 28 days, `type_pull` that
    times her decayed orders of the type."""
    price = np.log((np.asarray(a.side.price)[a.item] + 0.1) / (mean_price(a)[a.customer] + 0.1))
    codes, sales = a.codes("product_type"), np.asarray(a.side.pop28).astype(np.float64)
    of_type = np.bincount(codes, weights=sales, minlength=len(a.catalogue.names["product_type"]))
    share = (sales / np.maximum(of_type[codes], 1.0))[a.item]
    at, there = a.groups["product_type"].find(a.group_key("product_type"))
    pull = np.zeros(len(a.key))
    pull[there] = share[there] * a.groups["product_type"].counts[at[there], 2]
    return np.stack([*(a.scores[name] for name in SCORES), price, share, pull], axis=1)
