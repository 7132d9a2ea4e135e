"""Parameters of candidates and lists, apart from the code that uses them, so that settings load quickly."""

from __future__ import annotations

from dataclasses import dataclass, fields

EVERY = 1_000_000


@dataclass(frozen=True)
class CandidateParams:
    """Which items a customer's candidates are taken from.

    One number per source (`recommend/sources/`): at most so many items per customer; `repeat` are her own. An item
    she does not own is offered when at least `min_customers` customers bought it; any item only when somebody bought
    it in the last `max_idle_days`, so that what is no longer sold drops out. An item launched in the last `new_days`,
    or looked at in that time by as many customers, needs no buyers. Looks count for `view_days`.
    """

    repeat: int = 400
    als: int = 80
    similar: int = 80
    popular: int = 80
    viewed: int = 40
    event: int = 20
    launch: int = 20
    complement: int = 0
    store_popular: int = 0
    segment_popular: int = 40
    min_customers: int = 5
    max_idle_days: int = 84
    view_days: int = 90
    new_days: int = 56


@dataclass(frozen=True)
class ListParams:
    """What a published list looks like (`recommend/lists.py`).

    Rows are ranked by p_buy, so the slots decide what the whole list holds and hardly its first ten: with K 20 and 8
    discovery slots recall at 10 is that of the ranking; with K 10 and 2 of them it loses a tenth (measured on public
    grocery data, `tests/benchmarks/bench_recommender.py`). The rules that `conf/base.yaml` leaves off bend lists
    away from the ranking.
    """

    k: int = 20  # rows per customer
    discovery_slots: int = 8  # at least so many rows never bought before, where there are candidates
    repeat_slots: int = 4  # at least so many rows bought before, where there are candidates
    max_per_category: int = 5  # at most so many rows of one category; 0 for no limit
    max_per_brand: int = 0  # at most so many rows of one brand; 0 for no limit
    min_departments: int = 0  # rows from at least so many departments, where there are candidates
    max_discover: int = 0  # at most so many rows of the kind; 0 for no limit
    max_cross_category: int = 0
    max_trending: int = 0
    cross_category_slots: int = 0  # at least so many rows of the kind, where there are candidates
    trending_slots: int = 0
    diversity: float = 0.0  # each further item of a product type counts for 1 - diversity of the one before it
    trending_ratio: float = 1.3  # the last week's sales over the usual pace, from which popular is called trending
    trending_min: int = 10  # customers in the last week, below which nothing trends

    def __post_init__(self) -> None:
        """Refuses numbers that no list can follow; all faults at once."""
        counts = [f.name for f in fields(self) if f.type == "int" and f.name != "k"]
        faults = [f"{name} must not be negative" for name in counts if getattr(self, name) < 0]
        faults += [] if self.k >= 1 else ["k must be at least 1"]
        faults += [] if 0 <= self.diversity <= 1 else ["diversity must lie between 0 and 1"]
        faults += [] if self.trending_ratio > 0 else ["trending_ratio must be above 0"]
        if self.min_departments + self.cross_category_slots + self.trending_slots > self.k:
            faults.append("min_departments, cross_category_slots and trending_slots together must not exceed k")
        for kind in ("cross_category", "trending"):
            most = getattr(self, f"max_{kind}")
            if 0 < most < getattr(self, f"{kind}_slots"):
                faults.append(f"{kind}_slots must not exceed max_{kind}")
        if faults:
            raise ValueError("; ".join(faults))

    @property
    def kind_limits(self) -> tuple[int, ...]:
        """At most so many rows of each product kind, in the order of `PRODUCT_KINDS`; 0 for no limit."""
        return (0, self.max_discover, self.max_cross_category, self.max_trending)

    @property
    def kind_slots(self) -> tuple[int, ...]:
        """At least so many rows of each product kind, in the same order."""
        return (0, 0, self.cross_category_slots, self.trending_slots)


@dataclass(frozen=True)
class CategoryParams:
    """The list of next best categories and what the model behind it needs."""

    k: int = 10  # rows per customer
    never_slots: int = 4  # at least so many categories never bought in, where there are any
    bought_slots: int = 3  # at least so many bought in before
    lapsed_days: int = 84  # not bought in for longer: lapsed
    factors: int = 64  # ALS dimensions; with few categories they cost nothing
    als_regularization: float = 30.0  # with that of products new categories rank hardly better than by sales
    als_alpha: float = 1.5
    regularization: float = 1500.0  # of the item-item weights: everybody owns many categories
    windows: int = 2  # label windows learned from before the latest; older ones teach other seasons
    leaves: int = 15  # per tree of the ranker
    negatives: float = 0.3  # share of the new categories not bought that is learned from; there are few of them
    min_customers: int = 20  # customers below which a category is not suggested to whom it is new

    def candidates(self, view_days: int = CandidateParams.view_days) -> CandidateParams:
        """Every category with enough customers is a candidate of everybody; the other sources only say what they think
        of it."""
        return CandidateParams(
            repeat=EVERY,
            als=0,
            similar=0,
            popular=EVERY,
            viewed=0,
            event=0,
            launch=0,
            complement=0,
            store_popular=0,
            segment_popular=0,
            min_customers=self.min_customers,
            max_idle_days=EVERY,
            view_days=view_days,
        )

    def lists(self, products: ListParams) -> ListParams:
        """The list rules, in the form of those for products."""
        return ListParams(
            k=self.k,
            discovery_slots=self.never_slots,
            repeat_slots=self.bought_slots,
            max_per_category=0,
            trending_ratio=products.trending_ratio,
            trending_min=products.trending_min,
        )
