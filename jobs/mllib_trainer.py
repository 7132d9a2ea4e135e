"""Item factors from the engine instead of this process, where the settings ask for it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import functions as F

from features.as_of import EPOCH
from features.errors import SettingsError
from jobs.recommender_logs import read_logs
from jobs.runs import Job

Trainer = Callable[[int], tuple[NDArray[np.object_], NDArray[np.float32]]]


def mllib_trainer(job: Job) -> Trainer | None:
    """Cut -> (sorted product ids, factors), learned by Spark from all customers; None with `als.trainer: implicit`."""
    als = job.settings.recommender.als
    if als.trainer != "mllib":
        return None
    if job.engine.name != "spark":
        raise SettingsError(
            f"recommender.als.trainer: mllib needs engine: spark (MLlib runs in Java), this is {job.engine.name}; "
            "use trainer: implicit, which learns from a sample of customers (learn_from_customers)"
        )
    days = job.write_read("purchase_days_of_all", read_logs(job).purchases)

    def train(cut: int) -> tuple[NDArray[np.object_], NDArray[np.float32]]:
        from models.als_mllib import collect_mllib_factors

        day = EPOCH + timedelta(days=cut)
        # what was bought before an earlier cut and delivered after it was not known then
        found = collect_mllib_factors(days.where(F.col("known_day") < F.lit(day)), day, als)
        return found.products, found.item_factors

    return train
