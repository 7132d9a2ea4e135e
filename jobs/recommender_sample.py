"""Learning from a sample where there are more customers than one machine should hold; popularity stays that of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from pyspark.sql import functions as F

from features.as_of import EPOCH
from features.buyer_counts import (
    BuyerCounts,
    collect_buyer_counts,
    count_customers,
    filter_sample,
    on_axis,
)
from jobs.recommender_logs import Logs
from jobs.runs import Job
from scoring.learned_days import learned_days
from scoring.recommender_inputs import Levels, catalogue_rows

Counts = tuple[list[str], Mapping[int, BuyerCounts]]


@dataclass(frozen=True)
class Sampled:
    """The logs of the sample, and buyers among all customers per product and per category; None without a sample."""

    logs: Logs
    products: Counts | None = None
    categories: Counts | None = None


def sample_logs(job: Job, logs: Logs) -> Sampled:
    """The logs of a sample of `recommender.learn_from_customers`, or all of them where there are no more than that.

    Taken by the engine, so that the memory of this process does not grow with the shop.
    """
    wanted = job.settings.recommender.learn_from_customers
    known = job.read("customer_map").select("customer_id").distinct().count()
    if not wanted or known <= wanted:
        return Sampled(logs)
    days = job.write_read("purchase_days", logs.purchases)
    customers = int(count_customers(days).collect()[0]["customers"])
    if customers <= wanted:
        return Sampled(replace(logs, purchases=days))
    share = wanted / customers
    job.say(f"learning from {share:.1%} of {customers:,} customers, by hash of their id (learn_from_customers)")
    job.count("customers_of_all", customers)
    settings = job.settings
    learned = learned_days(settings.recommender, settings.horizon_days, job.as_of.epoch_day)
    cuts = [EPOCH + timedelta(days=day) for day in learned]
    shelf = catalogue_rows(job.read("products"), job.as_of).select("product_id", "category")
    on_shelves = shelf.join(days, on="product_id", how="right").where(F.col("category").isNotNull())
    part = replace(
        logs,
        purchases=filter_sample(days, share, settings.seed),
        views=None if logs.views is None else filter_sample(logs.views, share, settings.seed),
        tags=filter_sample(logs.tags, share, settings.seed),
    )
    return Sampled(part, collect_buyer_counts(days, cuts), collect_buyer_counts(on_shelves, cuts, "category"))


def with_true_counts(levels: Levels, sampled: Sampled) -> Levels:
    """Both levels with the buyers among all customers."""
    if sampled.products is None or sampled.categories is None:
        return levels
    of_products = _placed(sampled.products, levels.products.purchases.products)
    of_categories = _placed(sampled.categories, levels.categories.purchases.products)
    return replace(
        levels,
        products=replace(levels.products, counts=of_products),
        categories=replace(levels.categories, counts=of_categories),
    )


def _placed(counts: Counts, axis: object) -> dict[int, BuyerCounts]:
    """The counts on the positions of `axis`."""
    items, by_cut = counts
    return {cut: on_axis(found, items, axis) for cut, found in by_cut.items()}  # type: ignore[arg-type]
