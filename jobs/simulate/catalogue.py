"""What the shop sells: categories from `conf/world_catalogue.yaml`, products drawn from the seed.

Sales per product follow Zipf's law within a category. Substitutes are products of one `product_type`. Style and
colour are -1 where they do not apply.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from typing import Any

import numpy as np
import yaml

from jobs.simulate.draws import Array, bits, choose, integers, normal, opaque_ids, uniform
from jobs.simulate.errors import WorldError
from jobs.simulate.model import Catalogue

STYLES = ("minimal", "casual", "classic", "sweet", "street", "sporty")
STYLES_ZH = ("简约", "休闲", "经典", "甜美", "街头", "运动")
STYLE_SHARES = np.array([0.22, 0.26, 0.18, 0.14, 0.11, 0.09])
COLOURS = ("black", "white", "grey", "blue", "beige", "pink", "red", "green", "brown", "purple")
COLOURS_ZH = ("黑色", "白色", "灰色", "蓝色", "米色", "粉色", "红色", "绿色", "棕色", "紫色")
COLOUR_SHARES = np.array([0.21, 0.19, 0.12, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03])
BANDS = 5
BAND_SHARES = np.array([0.18, 0.26, 0.28, 0.18, 0.1])
BAND_PRICES = np.exp(0.42 * (np.arange(BANDS) - 2))  # list price relative to the middle band
_MONTHS = {
    "all": (1,) * 12,
    "spring": (0.8, 1.0, 1.35, 1.4, 1.2, 1.0, 0.8, 0.8, 0.95, 1.0, 0.9, 0.8),
    "summer": (0.4, 0.5, 0.8, 1.2, 1.6, 1.8, 1.7, 1.4, 0.9, 0.7, 0.5, 0.5),
    "autumn": (0.9, 0.8, 0.9, 0.9, 0.8, 0.7, 0.7, 1.0, 1.4, 1.5, 1.3, 1.1),
    "winter": (1.6, 1.2, 0.8, 0.6, 0.5, 0.4, 0.4, 0.6, 0.9, 1.4, 1.8, 1.8),
    "school": (0.9, 1.3, 1.1, 0.9, 0.9, 0.8, 0.7, 1.2, 1.4, 0.9, 1.0, 0.9),
    "gift": (1.2, 1.2, 0.9, 0.85, 1.0, 1.0, 0.85, 1.05, 1.0, 0.9, 1.0, 1.05),
}


@dataclass(frozen=True)
class CatalogueParams:
    """Size and shape of the assortment."""

    products: int = 3000  # products, launches included
    zipf: float = 1.05  # exponent of sales over rank within a category
    own_brand_share: float = 0.12  # share of products with the shop's own label
    launch_share: float = 0.12  # share of products first sold within 365 days of the world
    complement_strength: float = 1.0  # exponent on the table of complements; 0 for none

    def __post_init__(self) -> None:
        """Check ranges."""
        if not 500 <= self.products <= 30_000:
            raise ValueError(f"products must be in [500, 30000], found {self.products}")
        for name, high in (
            ("zipf", 2.0),
            ("own_brand_share", 0.9),
            ("launch_share", 0.9),
            ("complement_strength", 3.0),
        ):
            if not 0 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be in [0, {high}], found {getattr(self, name)}")


@lru_cache(maxsize=1)
def category_table() -> tuple[Mapping[str, Any], ...]:
    """Rows of the category table, in its order."""
    return tuple(_tables()["categories"])


@lru_cache(maxsize=1)
def _tables() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(resources.files("conf").joinpath("world_catalogue.yaml").read_text("utf-8"))
    return parsed


def make_catalogue(params: CatalogueParams, seed: int, days: int) -> Catalogue:
    """Categories and products; launches fall on days 0 to `days` - 1."""
    rows = category_table()
    column = {r["category"]: i for i, r in enumerate(rows)}
    appeal = np.array([r["appeal"] for r in rows], np.float64)
    appeal *= np.exp(0.1 * normal(seed, "catalogue.appeal", np.arange(len(rows))))
    category, counts = _category_of_product(params.products, rows)
    number = np.arange(params.products)
    first = np.concatenate([[0], np.cumsum(counts)])
    drawn = _drawn_attributes(seed, number, category, rows)
    own = uniform(seed, "product.own", number) < params.own_brand_share
    brand = np.where(own, 0, drawn["brand"])
    middle = np.array([r["price"] for r in rows])[category]
    spread = np.exp(0.12 * normal(seed, "product.price", number)) * np.where(own, 0.88, 1.0)
    margin = np.array([r["margin"] for r in rows], np.float64)
    margin_rate = margin[category] + np.where(own, 0.08, 0.0) + 0.04 * normal(seed, "product.margin", number)
    return Catalogue(
        category=tuple(column),
        department=tuple(r["department"] for r in rows),
        interval_days=np.array([r["interval"] for r in rows], np.float64),
        price=np.array([r["price"] for r in rows], np.float64),
        margin=margin,
        season=np.array([np.array(_MONTHS[r["season"]]) / np.mean(_MONTHS[r["season"]]) for r in rows]),
        appeal=appeal / appeal.sum(),
        complement=_complements(column, params.complement_strength),
        sizes=np.array([r["sizes"] for r in rows], np.int8),
        first_product=first,
        product_id=tuple(opaque_ids(seed, "product", "p-", number)),
        name=_names(rows, category, drawn, brand),
        product_type=tuple(list(rows[c]["types"])[t] for c, t in zip(category, drawn["type"], strict=True)),
        brand=tuple(_brand_names()[0][b] for b in brand),
        own_brand=own,
        product_category=category.astype(np.int16),
        style=drawn["style"].astype(np.int8),
        colour=drawn["colour"].astype(np.int8),
        band=drawn["band"].astype(np.int8),
        list_price=_shelf_price(middle * BAND_PRICES[drawn["band"]] * spread),
        margin_rate=np.round(np.clip(margin_rate, 0.05, 0.8), 4),
        popularity=_popularity(params.zipf, seed, first),
        launch_day=_launch_days(params.launch_share, seed, number, days),
        product_season=drawn["season"].astype(np.int8),
    )


def _category_of_product(products: int, rows: Sequence[Mapping[str, Any]]) -> tuple[Array, Array]:
    """Category per product and products per category: by appeal, fashion wider than the rest, four at least."""
    weight = np.array([r["appeal"] ** 0.6 * (2.0 if r["style"] else 1.0) for r in rows])
    counts = 4 + np.floor((products - 4 * len(rows)) * weight / weight.sum()).astype(np.int64)
    counts[np.argsort(-weight, kind="stable")[: products - counts.sum()]] += 1
    return np.repeat(np.arange(len(rows)), counts), counts


def _drawn_attributes(seed: int, number: Array, category: Array, rows: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    def pick(purpose: str, shares: Array) -> Array:
        return choose(np.cumsum(shares), uniform(seed, f"product.{purpose}", number))

    styled = np.array([r["style"] for r in rows])[category]
    seasonal = styled & (uniform(seed, "product.seasonal", number) < 0.55)
    types = np.array([len(r["types"]) for r in rows])[category]
    # every department carries a third of the brands, drawn per department; brands beyond the shop's own count from 1
    brands = len(_tables()["brands"])
    departments = {d: i for i, d in enumerate(dict.fromkeys(r["department"] for r in rows))}
    department = np.array([departments[r["department"]] for r in rows])[category]
    slot = integers(seed, "product.brand", brands // 3, number)
    return {
        "type": np.minimum((uniform(seed, "product.type", number) * types).astype(np.int64), types - 1),
        "style": np.where(styled, pick("style", STYLE_SHARES), -1),
        "colour": np.where(styled, pick("colour", COLOUR_SHARES), -1),
        "band": pick("band", BAND_SHARES),
        "season": np.where(seasonal, 1 + integers(seed, "product.season", 4, number), 0),
        "brand": 1 + (bits(seed, "catalogue.brand", department, slot) % np.uint64(brands)).astype(np.int64),
    }


def _popularity(zipf: float, seed: int, first: Array) -> Array:
    """Shares within each category: Zipf over a drawn order (Mandelbrot's shift of 1)."""
    share = np.empty(first[-1])
    for c, (start, end) in enumerate(pairwise(first)):
        rank = np.argsort(np.argsort(bits(seed, "product.rank", c, np.arange(end - start))))
        weight = (rank + 2.0) ** -zipf
        share[start:end] = weight / weight.sum()
    return share


def _launch_days(share: float, seed: int, number: Array, days: int) -> Array:
    u = uniform(seed, "product.launch", number)
    launched = uniform(seed, "product.is_launch", number) < min(0.9, share * days / 365)
    return np.where(launched, np.floor(u * days), -30 - np.floor(u * 1000)).astype(np.int32)


def _complements(column: Mapping[str, int], strength: float) -> Array:
    factor = np.ones((len(column), len(column)))
    for bought, raised, effect in _tables()["complements"]:
        if bought not in column or raised not in column:
            raise WorldError(f"complement {bought}, {raised} in conf/world_catalogue.yaml names no category")
        factor[column[bought], column[raised]] = effect**strength
    return factor


def _shelf_price(price: Array) -> Array:
    """Prices as shops print them: 9.90 below 100, whole and ending in 9 above."""
    return np.where(price < 100, np.maximum(np.round(price), 2) - 0.1, np.round(price / 10) * 10 - 1)


def _brand_names() -> tuple[list[str], list[str]]:
    table = {**_tables()["own_brand"], **_tables()["brands"]}
    return list(table), list(table.values())


def _names(
    rows: Sequence[Mapping[str, Any]], category: Array, drawn: Mapping[str, Array], brand: Array
) -> tuple[str, ...]:
    """Brand, colour, style and type in Chinese."""
    chinese = _brand_names()[1]
    types = [list(r["types"].values()) for r in rows]
    colours, styles = (*COLOURS_ZH, ""), (*STYLES_ZH, "")  # the last is that of -1
    return tuple(
        " ".join(filter(None, (chinese[b], colours[colour], styles[style] + types[c][t])))
        for b, c, t, style, colour in zip(brand, category, drawn["type"], drawn["style"], drawn["colour"], strict=True)
    )
