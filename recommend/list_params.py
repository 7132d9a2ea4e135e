"""Parameters of candidates and lists, apart from the code that uses them, so that settings load quickly."""

from __future__ import annotations

from dataclasses import dataclass, replace

EVERY = 1_000_000


@dataclass(frozen=True)
class CandidateParams:
    """Which items a customer's candidates are taken from.

    One number per source (`recommend/sources/`): at most so many items per customer; `repeat` are her own. An item
    she does not own is offered when at least `min_customers` customers bought it; any item only when somebody bought
    it in the last `max_idle_days`, so that what is no longer sold drops out.
    """

    repeat: int = 400
    als: int = 80
    similar: int = 80
    popular: int = 80
    min_customers: int = 5
    max_idle_days: int = 84


@dataclass(frozen=True)
class ListParams:
    """What a published list looks like.

    Rows are ranked by p_buy, so the slots decide what the whole list holds and hardly its first ten: with K 20 and 8
    discovery slots recall at 10 is that of the ranking; with K 10 and 2 of them it loses a tenth (measured on public
    grocery data, `tests/benchmarks/bench_recommender.py`).
    """

    k: int = 20  # rows per customer
    discovery_slots: int = 8  # at least so many rows never bought before, where there are candidates
    repeat_slots: int = 4  # at least so many rows bought before, where there are candidates
    max_per_category: int = 5  # at most so many rows of one category; 0 for no limit
    trending_ratio: float = 1.3  # the last week's sales over the usual pace, from which popular is called trending
    trending_min: int = 10  # customers in the last week, below which nothing trends


@dataclass(frozen=True)
class CategoryParams:
    """The list of next best categories and what the model behind it needs."""

    k: int = 10  # rows per customer
    never_slots: int = 4  # at least so many categories never bought in, where there are any
    bought_slots: int = 3  # at least so many bought in before
    lapsed_days: int = 84  # not bought in for longer: lapsed
    factors: int = 24  # ALS dimensions; there are few categories
    min_customers: int = 20  # customers below which a category is not suggested to whom it is new

    def candidates(self) -> CandidateParams:
        """Every category with enough customers is a candidate of everybody."""
        return CandidateParams(
            repeat=EVERY, als=0, similar=0, popular=EVERY, min_customers=self.min_customers, max_idle_days=EVERY
        )

    def lists(self, products: ListParams) -> ListParams:
        """The list rules, in the form of those for products."""
        return replace(
            products,
            k=self.k,
            discovery_slots=self.never_slots,
            repeat_slots=self.bought_slots,
            max_per_category=0,
        )
