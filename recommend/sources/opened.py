"""What all sources read, opened once per process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.fold_in import FoldIn
from recommend.histories import Ints
from recommend.item_side import ItemSide, popularity_order
from recommend.list_params import CandidateParams
from recommend.sources.shelves import Shelves, build_shelves
from recommend.topk import ItemBlocks


@dataclass(frozen=True)
class FoldInParams:
    """How a customer's vector is solved from her history; the values that the item factors were fitted with.

    `alpha`, `regularization`, `half_life_days`, `weight` ("log1p" or "capped" at `cap`) and `bias` as in the ALS.
    """

    alpha: float = 5.0
    regularization: float = 60.0
    half_life_days: float | None = 120.0
    weight: str = "log1p"
    cap: float = 5.0
    bias: bool = True


@dataclass(frozen=True)
class Sources:
    """Item side, catalogue, fold-in, the positions of items that may be offered to whom they are new (`offered`),
    their factors in blocks, and the same positions by sales of the last 28 days (`popular`). `learned` (n_items,) is
    what could be offered when it was learned, whatever is closed since."""

    side: ItemSide
    catalogue: Catalogue
    params: CandidateParams
    fold_params: FoldInParams
    fold: FoldIn
    offered: Ints
    blocks: ItemBlocks
    popular: Ints
    learned: NDArray[np.bool_]

    @cached_property
    def memo(self) -> dict[tuple[str | int, ...], Ints]:
        """What sources found once and need again, by their names; changes no result."""
        return {}

    @cached_property
    def offered_moments(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Sum (columns,) and sum of outer products (columns, columns) of the factors of `learned`."""
        factors = np.asarray(self.side.factors)[self.learned].astype(np.float64)
        return factors.sum(axis=0), factors.T @ factors

    @cached_property
    def sold(self) -> Ints:
        """Positions of all items that are sold, by sales of the last 28 days, then by buyers ever."""
        side = self.side
        items = np.flatnonzero(np.asarray(side.can_offer) | np.asarray(side.can_repeat)).astype(np.int64)
        return items[np.lexsort((items, -np.asarray(side.buyers)[items], -np.asarray(side.pop28)[items]))]

    @cached_property
    def categories(self) -> Ints:
        """(n_items,) position of each item's category."""
        return np.asarray(self.catalogue.codes["category"]).astype(np.int64)

    @cached_property
    def types(self) -> Ints:
        """(n_items,) position of each item's type."""
        return np.asarray(self.catalogue.codes["product_type"]).astype(np.int64)

    @cached_property
    def type_shelves(self) -> Shelves:
        """The best selling items of each type."""
        return self._shelves("product_type", self.types)

    @cached_property
    def category_shelves(self) -> Shelves:
        """The best selling items of each category."""
        return self._shelves("category", self.categories)

    def _shelves(self, level: str, codes: Ints) -> Shelves:
        sales, can_offer = np.asarray(self.side.pop28), np.asarray(self.side.can_offer)
        return build_shelves(codes, len(self.catalogue.names[level]), sales, can_offer)

    def without(self, closed: NDArray[np.bool_]) -> Sources:
        """The same sources where the items `closed` (n_items,) may be proposed to nobody."""
        if not closed.any():
            return self
        side = replace(self.side, can_offer=self.side.can_offer & ~closed, can_repeat=self.side.can_repeat & ~closed)
        offered = self.offered[~closed[self.offered]]
        blocks = ItemBlocks.of(np.asarray(side.factors[offered]), self.fold_params.bias)
        return replace(self, side=side, offered=offered, blocks=blocks, popular=self.popular[~closed[self.popular]])

    @staticmethod
    def of(side: ItemSide, catalogue: Catalogue, params: CandidateParams, fold: FoldInParams) -> Sources:
        """Prepares the item side for lookups."""
        offered = np.flatnonzero(side.can_offer).astype(np.int64)
        order = popularity_order(side.pop28)
        return Sources(
            side,
            catalogue,
            params,
            fold,
            FoldIn(np.asarray(side.factors), fold.alpha, fold.regularization, fold.bias),
            offered,
            ItemBlocks.of(np.asarray(side.factors[offered]), fold.bias),
            order[np.asarray(side.can_offer)[order]],
            np.asarray(side.can_offer),
        )
