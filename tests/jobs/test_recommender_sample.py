"""Learning from a sample: fewer customers, the same popularity."""

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.errors import DataError
from features.output_tables import CUSTOMER_MAP
from features.source_tables import PRODUCTS, TRANSACTIONS
from jobs.recommender_levels import read_levels
from jobs.runs import Job
from jobs.settings import load_settings
from models.recommender_params import RankerParams
from recommend.catalogue import Catalogue
from recommend.dealings import Dealings
from recommend.histories import histories_before
from recommend.item_side import ItemSide, fit_item_side
from recommend.list_params import CandidateParams
from scoring.recommender_inputs import Levels
from scoring.stage_sources import counts_at
from tests.features.purchase_world import as_self, frame
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources

AS_OF = AsOf(SMALL_AS_OF, SMALL_TIME_ZONE)


def levels_of(spark: SparkSession, wanted: int, counts: dict[str, float], ranker: RankerParams | None = None) -> Levels:
    """Both levels of the small shop, from a sample of `wanted` customers."""
    sources = small_sources()
    lines = sources["transactions"].to_pylist()
    tables = {
        "transactions": frame(spark, TRANSACTIONS, lines),
        "products": frame(spark, PRODUCTS, sources["products"].to_pylist()),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(str(r["account_id"]) for r in lines)),
    }
    settings = load_settings(None)
    params = replace(settings.recommender, learn_from_customers=wanted, ranker=ranker or settings.recommender.ranker)

    def kept(_: str, df: DataFrame) -> DataFrame:
        return spark.createDataFrame(df.toArrow())

    job = SimpleNamespace(
        settings=settings.model_copy(update={"recommender": params}),
        as_of=AS_OF,
        pinned={},
        read=tables.__getitem__,
        has=lambda name: name in tables,
        write_read=kept,
        say=lambda _: None,
        count=counts.__setitem__,
    )
    return read_levels(cast(Job, job))


def test_a_sample_has_the_popularity_of_all_customers(spark: SparkSession):
    """Half of the customers are learned from; items and categories count the buyers among all, at every cut."""
    counts: dict[str, float] = {}
    moved = RankerParams(windows=2, step_days=14, embargo_days=7)  # windows overlap, and an embargo moves them
    every, half = levels_of(spark, 0, {}), levels_of(spark, 30, counts, moved)
    assert 15 < half.products.n_customers < 45
    assert set(half.products.purchases.customers) < set(every.products.purchases.customers)
    assert half.products.purchases.products.tolist() == every.products.purchases.products.tolist()
    with pytest.raises(DataError, match="were counted at the days"):
        counts_at(half.products, AS_OF.epoch_day - 28)
    assert counts_at(every.products, AS_OF.epoch_day - 28) is None
    assert counts["customers_of_all"] == every.products.purchases.n_customers
    days = (AS_OF.epoch_day, AS_OF.epoch_day - 35, AS_OF.epoch_day - 49)
    for one, other in ((half.products, every.products), (half.categories, every.categories)):
        catalogue = half.catalogue if one is half.products else half.upper
        for day in days:
            assert_same_counts(one, other, catalogue, day)
    # the sample alone tells other days of sale, so that this says something
    alone, true = (items(replace(d.products, counts={}), half.catalogue, days[0]) for d in (half, every))
    assert not np.array_equal(alone.since, true.since)
    assert not np.array_equal(alone.can_repeat, true.can_repeat)


def assert_same_counts(one: Dealings, other: Dealings, catalogue: Catalogue, day: int) -> None:
    """The counts and days of sale handed over are those of the full histories."""
    side = [items(d, catalogue, day) for d in (one, other)]
    for name in ("pop7", "pop28", "pop56", "new28", "buyers", "customers", "since", "can_offer", "can_repeat"):
        np.testing.assert_array_equal(getattr(side[0], name), getattr(side[1], name), err_msg=name)
    assert not np.array_equal(side[0].again, side[1].again)


def items(data: Dealings, catalogue: Catalogue, day: int) -> ItemSide:
    """What is known of items, few of which are still sold."""
    none = np.zeros((len(catalogue), 2), dtype=np.float32), np.empty(0, np.int64), np.empty((0, 0), np.float32)
    params = CandidateParams(max_idle_days=7)
    return fit_item_side(histories_before(data, catalogue, day), *none, params, counts=counts_at(data, day))
