"""What training and scoring of the recommender read: the same logs, cut and cleaned in the same way."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import DataFrame

from jobs.runs import Job
from scoring.recommender_inputs import known_purchase_days, known_view_days

LOGS = ("browsing", "cart_events")  # optional sources


@dataclass(frozen=True)
class Logs:
    """Days of purchases, of views and of tags, each per customer; None where no source was delivered."""

    purchases: DataFrame
    views: DataFrame | None
    tags: DataFrame | None


def read_logs(job: Job) -> Logs:
    """What was known before the cut, customers and product attributes as they were then."""
    params, customer_map = job.settings.recommender, job.read("customer_map")
    browsing, carts = (job.read(name) if job.has(name) else None for name in ("browsing", "cart_events"))
    return Logs(
        known_purchase_days(
            job.read("transactions"), job.read("products"), customer_map, job.as_of, params.drop_departments
        ),
        known_view_days(browsing, carts, customer_map, job.as_of, params.view_history_days(job.settings.horizon_days)),
        None,
    )
