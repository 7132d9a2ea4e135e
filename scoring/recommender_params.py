"""Settings of the recommender in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.gate import GateParams
from models.recommender_params import AlsParams, EaseParams, RankerParams
from models.tuning_params import TuningParams
from recommend.list_params import CandidateParams, CategoryParams, ListParams


@dataclass(frozen=True)
class Level:
    """What is recommended and how kinds are told apart: `products` by list kind, `categories` by state."""

    name: str
    lists: ListParams
    lapsed_days: int = 84

    @property
    def by_state(self) -> bool:
        """Whether the kinds are the states of a category."""
        return self.name == "categories"


@dataclass(frozen=True)
class StageParams:
    """Everything that training one level needs."""

    candidates: CandidateParams = field(default_factory=CandidateParams)
    als: AlsParams = field(default_factory=lambda: AlsParams(factors=32, iterations=8))
    ease: EaseParams = field(default_factory=lambda: EaseParams(max_products=3000))
    ranker: RankerParams = field(default_factory=RankerParams)
    gate: GateParams = field(default_factory=GateParams)
    horizon_days: int = 28
    threads: int = 1
    # cut -> (sorted item ids, factors), learned elsewhere from all customers; None: learned here
    outside: Callable[[int], tuple[NDArray[np.object_], NDArray[np.float32]]] | None = None


@dataclass(frozen=True)
class RecommenderParams:
    """What the recommender learns from, how, and what its lists look like."""

    language: Literal["en", "zh"] = "en"  # of reasons
    drop_departments: tuple[str, ...] = ()  # teach nothing about taste: fuel, coupons
    tags: Literal["targeting", "all", "none"] = "targeting"  # tags that may lead to products
    learn_from_customers: int = 300_000  # more are sampled, by hash of their id; 0: all
    als: AlsParams = field(default_factory=lambda: AlsParams(factors=32, iterations=8))
    ease: EaseParams = field(default_factory=lambda: EaseParams(max_products=3000))
    candidates: CandidateParams = field(default_factory=CandidateParams)
    ranker: RankerParams = field(default_factory=RankerParams)
    gate: GateParams = field(default_factory=GateParams)
    lists: ListParams = field(default_factory=ListParams)
    categories: CategoryParams = field(default_factory=CategoryParams)
    tuning: TuningParams = field(default_factory=TuningParams)

    @property
    def view_days(self) -> int:
        """Days of views and carts that count for a list."""
        return self.candidates.view_days

    def products(self, horizon_days: int, threads: int) -> tuple[Level, StageParams]:
        """What training the product level needs."""
        stage = StageParams(
            self.candidates, self.als, self.ease, self.ranker, self.gate, horizon_days, self.als.threads or threads
        )
        return Level("products", self.lists), stage

    def category_level(self, horizon_days: int, threads: int) -> tuple[Level, StageParams]:
        """What training the category level needs."""
        _, stage = self.products(horizon_days, threads)
        stage = as_category_stage(stage, self.categories)
        return Level("categories", self.categories.lists(self.lists), self.categories.lapsed_days), stage


def as_category_stage(stage: StageParams, categories: CategoryParams) -> StageParams:
    """What training the category level needs, from what the product level does."""
    return replace(
        stage,
        candidates=categories.candidates(stage.candidates.view_days),
        als=replace(
            stage.als,
            factors=categories.factors,
            regularization=categories.als_regularization,
            alpha=categories.als_alpha,
        ),
        ease=replace(stage.ease, regularization=categories.regularization),
        ranker=replace(
            stage.ranker, windows=categories.windows, leaves=categories.leaves, negatives=categories.negatives
        ),
    )
