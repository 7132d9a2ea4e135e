"""Family L: the stage of a customer's life with the shop (feature 130), replayed from her own history.

The rules are in `features/stages.py`. No earlier snapshot is an input, so an old cut is rebuilt exactly. Who is on
record and has neither ordered, nor carted, nor followed, has no stage.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.batches import map_batches
from features.contract import Column, Contract
from features.definitions import FeatureDef, FeatureParams
from features.facts import Facts
from features.order_days import order_days
from features.rounding import rounded
from features.stages import FOLLOWER, NEVER, PROSPECT, STAGES, Ints, Stages, replay_stages

FAMILY = "L lifecycle and lifetime"
NEEDS: tuple[str, ...] = ()
USUAL_GAP = 30.0  # days, where nobody has a gap
REPLAYED = (
    "replayed from order days, carts, placed orders and follows before the cut; the population's usual gap is saved"
)

DEFINITIONS = (
    FeatureDef(
        "lifecycle_stage",
        130,
        FAMILY,
        "string",
        "follower, prospect (cart or placed order, never bought), new, repeat, loyal, at_risk, lapsed, won_back; "
        "null for who is only on record",
        leak_note=REPLAYED,
    ),
    FeatureDef("stage_since", 130, FAMILY, "date", "local day on which the stage began", leak_note=REPLAYED),
    FeatureDef("previous_stage", 130, FAMILY, "string", "the stage before it; null for the first", leak_note=REPLAYED),
)

STAGE_ROWS = Contract(
    "stages",
    "What the replay gives back.",
    ("customer_no",),
    (
        Column("customer_no", "long", "customer"),
        Column("lifecycle_stage", "string", "stage", True),
        Column("stage_since", "date", "its first day", True),
        Column("previous_stage", "string", "stage before", True),
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Feature 130 for everybody who has a stage."""
    histories = order_days(facts).select("customer_no", "days").join(_signs(facts), "customer_no", how="full")
    gap = facts.kept("usual_gap", lambda: fit_usual_gap(order_days(facts)))
    rows = histories.join(F.broadcast(gap.select(F.col("value").alias("usual_gap"))), how="cross")
    return [with_stages(rows, facts.as_of, facts.params)]


def fitted(facts: Facts) -> list[DataFrame]:
    """The population's usual gap."""
    return [facts.kept("usual_gap", lambda: fit_usual_gap(order_days(facts)))]


def fit_usual_gap(days: DataFrame) -> DataFrame:
    """One row (feature, subject, position, value): the median over customers of their mean days between order days."""
    n = F.size("days")
    mean = (F.array_max("days") - F.array_min("days")).cast("double") / (n - 1)
    found = days.where(n > 1).agg(F.percentile(mean, F.lit(0.5)).alias("value"))
    return found.select(
        F.lit("lifecycle_usual_gap").alias("feature"),
        F.lit("").alias("subject"),
        F.lit(0).alias("position"),
        F.coalesce(rounded(F.col("value")), F.lit(USUAL_GAP)).alias("value"),
    )


def _signs(facts: Facts) -> DataFrame:
    """customer_no, prospect_days and follow_days: how many days ago the first cart or order, and the follow, were."""
    found = []
    if facts.has("cart_events"):
        carted = facts.log("cart_events", "customer_no", "event_kind").where(F.col("event_kind") == "add")
        found.append(_earliest(carted, "prospect_days"))
    if facts.has("order_status"):
        placed = facts.log("order_status", "customer_no", "status").where(F.col("status") == "placed")
        found.append(_earliest(placed, "prospect_days"))
    if facts.has("social_interactions"):
        found.append(_earliest(_lasting_follows(facts), "follow_days"))
    none = [F.lit(None).cast("int").alias(name) for name in ("prospect_days", "follow_days")]
    columns = ("customer_no", "prospect_days", "follow_days")
    same = [f.select(*f.columns, *[c for c, n in zip(none, columns[1:]) if n not in f.columns]) for f in found]
    if not same:
        return order_days(facts).where(F.lit(False)).select("customer_no", *none)
    return (
        reduce(DataFrame.unionByName, same)
        .groupBy("customer_no")
        .agg(*[F.max(name).cast("int").alias(name) for name in columns[1:]])
    )


def _earliest(log: DataFrame, name: str) -> DataFrame:
    return log.groupBy("customer_no").agg(F.max("days_ago").alias(name))


def _lasting_follows(facts: Facts) -> DataFrame:
    """Follows that were not taken back: those after the last unfollow of the same network."""
    kind = F.col("interaction_kind")
    log = facts.log("social_interactions", "customer_no", "network", kind).where(kind.isin("follow", "unfollow"))
    network = Window.partitionBy("customer_no", F.coalesce("network", F.lit("")))
    left = F.max(F.when(kind == "unfollow", F.col("event_ts"))).over(network)
    return log.withColumn("left_ts", left).where(
        (kind == "follow") & (F.col("left_ts").isNull() | (F.col("event_ts") > F.col("left_ts")))
    )


def with_stages(histories: DataFrame, as_of: AsOf, params: FeatureParams) -> DataFrame:
    """The stage of each row: customer_no and the columns of DEFINITIONS.

    `histories` holds customer_no, days (array of days_ago, or null), prospect_days, follow_days, usual_gap.
    """
    cut, gaps = as_of.epoch_day, params.rhythm_gaps

    def replay(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        for batch in batches:
            n = batch.num_rows
            if n == 0:
                continue
            days = batch.column("days")
            lengths = np.asarray(days.value_lengths().fill_null(0).to_numpy(zero_copy_only=False), dtype=np.int64)
            ago = np.asarray(days.flatten().to_numpy(zero_copy_only=False), dtype=np.int64)
            customer = np.repeat(np.arange(n), lengths)
            usual = float(batch.column("usual_gap")[0].as_py())
            stages = replay_stages(customer, cut - ago, cut, usual, params.lifecycle, gaps, n)
            first = np.full(n, cut + 1)
            np.minimum.at(first, customer, cut - ago)
            prospect, follow = (_days(batch, name, cut) for name in ("prospect_days", "follow_days"))
            yield _table(batch, with_first_signs(stages, first, prospect, follow))

    wanted = histories.select("customer_no", "days", "prospect_days", "follow_days", "usual_gap")
    return map_batches(wanted, replay, STAGE_ROWS)


def with_first_signs(stages: Stages, first_order: Ints, prospect: Ints, follow: Ints) -> Stages:
    """Adds what came before the first order: days of the first cart or placed order and of the follow, or `NEVER`.

    A sign counts when it came before the next one; on the day of the first order it is a part of that order.
    """
    prospect = np.where(prospect < first_order, prospect, NEVER)
    until = np.where(prospect != NEVER, np.minimum(prospect, first_order), first_order)
    follow = np.where(follow < until, follow, NEVER)
    was_prospect, was_follower = prospect != NEVER, follow != NEVER
    before = np.where(was_prospect, PROSPECT, np.where(was_follower, FOLLOWER, NEVER))
    none = stages.stage == NEVER
    return Stages(
        np.where(none, before, stages.stage),
        np.where(none, np.where(was_prospect, prospect, follow), stages.since),
        np.where(
            none,
            np.where(was_prospect & was_follower, FOLLOWER, NEVER),
            np.where(stages.previous == NEVER, before, stages.previous),
        ),
    )


def _days(batch: pa.RecordBatch, name: str, cut: int) -> Ints:
    """Epoch days from a column of days_ago; `NEVER` where it is null."""
    ago = np.asarray(batch.column(name).fill_null(cut - NEVER).to_numpy(zero_copy_only=False), dtype=np.int64)
    return cut - ago


def _table(batch: pa.RecordBatch, stages: Stages) -> pa.Table:
    names = np.array([*STAGES, None], dtype=object)  # NEVER, the last, is null
    since = pa.array(stages.since.astype(np.int32), pa.int32(), mask=stages.since == NEVER).cast(pa.date32())
    return pa.table(
        {
            "customer_no": batch.column("customer_no"),
            "lifecycle_stage": pa.array(names[stages.stage], pa.string()),
            "stage_since": since,
            "previous_stage": pa.array(names[stages.previous], pa.string()),
        }
    )
