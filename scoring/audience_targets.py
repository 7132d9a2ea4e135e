"""What of the recommender stands for a subject: the product or category itself, or others where it has no sales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from features.audience_tables import MODEL, NEIGHBOURS
from features.contract import nearest
from features.errors import DataError
from recommend.catalogue import UNKNOWN, Catalogue, as_objects
from recommend.histories import Ints
from recommend.neighbours import attribute_neighbours
from scoring.recommendations import Recommender
from scoring.second_stage import SecondStage


@dataclass(frozen=True)
class Target:
    """Positions of items on a level of the recommender ("products" or "categories"), ascending.

    A customer's score is the mean of their p_buy, or with `any_of` P(buys at least one of them), taken as independent.
    `basis` as in `audiences.score_basis`; `likeness` says what stands in for a product without sales.
    """

    level: str
    items: tuple[int, ...]
    basis: str = MODEL
    any_of: bool = False
    likeness: str = ""

    def stage(self, model: Recommender) -> SecondStage:
        """The level's recommender."""
        return model.products if self.level == "products" else model.categories


def product_target(model: Recommender, product_id: str, row: Mapping[str, str | None], most: int) -> Target:
    """The product where the model knows buyers of it, else its neighbours by attributes.

    `row` holds product_type, brand and category. `DataError` when nothing sold is like it.
    """
    stage = model.products
    at = int(stage.catalogue.positions([product_id])[0])
    if at >= 0 and float(stage.sources.side.buyers[at]) > 0:
        return Target("products", (at,))
    widened = with_item(stage.catalogue, product_id, row)
    side = stage.sources.side
    # a launch without sales is on the axis too, and neither it nor others like that tell who buys
    among, sold = np.append(side.can_offer & (np.asarray(side.buyers) > 0), False), np.append(side.pop28, 0.0)
    found = attribute_neighbours(widened, np.array([len(widened) - 1]), among, sold).indices
    if not len(found):
        raise DataError(
            f"product {product_id} was never sold, and neither was anything of its type "
            f"({row.get('product_type')}) or category ({row.get('category')}): there is no one to learn from. "
            "Ask for a tag (--tag) or a category that sells (--category)"
        )
    best = np.lexsort((found, -sold[found]))[:most]
    items = np.sort(found[best])
    return Target("products", tuple(int(i) for i in items), NEIGHBOURS, likeness=_likeness(widened, items))


def category_target(model: Recommender, category: str) -> Target:
    """The category; `DataError` naming the nearest one when nothing was ever sold in it."""
    known = model.categories.catalogue
    at = int(known.positions([category])[0])
    if at < 0:
        raise DataError(
            f"the recommender knows no category {category!r}{nearest(category, [str(c) for c in known.items])}; "
            "`nextbest train-recommender` learns those in which something was sold"
        )
    return Target("categories", (at,))


def offer_target(model: Recommender, product_ids: Sequence[str], category: str | None, most: int) -> Target | None:
    """The offer's products that sell best, at most `most`; else its category; None where it names neither."""
    at = np.unique(model.products.catalogue.positions(list(product_ids))) if product_ids else np.empty(0, np.int64)
    at = at[at >= 0]
    if len(at):
        sold = np.asarray(model.products.sources.side.pop28)[at]
        best: Ints = np.sort(at[np.lexsort((at, -sold))[:most]])
        return Target("products", tuple(int(i) for i in best), any_of=True)
    known = category is not None and int(model.categories.catalogue.positions([category])[0]) >= 0
    return category_target(model, str(category)) if known else None


def with_item(catalogue: Catalogue, product_id: str, row: Mapping[str, str | None]) -> Catalogue:
    """The catalogue and one more item behind the others, so that likeness can be looked up; not for scoring."""
    codes, names = {}, {}
    for level, known in catalogue.names.items():
        name = row.get(level) or UNKNOWN
        place = np.flatnonzero(known == name)
        names[level] = known if len(place) else as_objects([*known, name])
        code = place[0] if len(place) else len(known)
        codes[level] = np.append(np.asarray(catalogue.codes[level]), np.int32(code)).astype(np.int32)
    items, labels = as_objects([*catalogue.items, product_id]), as_objects([*catalogue.labels, product_id])
    return Catalogue(items, labels, codes, names)


def _likeness(widened: Catalogue, items: Ints) -> str:
    """What the last item of the catalogue shares with all of `items`."""

    def shared(level: str) -> bool:
        codes = widened.codes[level]
        return bool(np.all(codes[items] == codes[-1])) and widened.names[level][codes[-1]] != UNKNOWN

    if shared("product_type"):
        return "type and brand" if shared("brand") else "type"
    return "category"
