"""Channel scores and offer scores: the response model asked about typical and about live offers.

`p_response` is P(the customer responds, say redeems a coupon, within horizon_days | the contact is delivered).
In `offer_scores` the offer is a live one and the horizon is what is left of it. In `channel_scores` it is a typical
offer of the kind (the one that started last) sent at `as_of`, and the horizon is its whole length.

What the sources do not record stays null and is not guessed: opens, clicks, refusals, reachability, uplift.
`uplift` is the mean effect of the channel and kind (`scoring/experiments.py`), the same for every customer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.batches import map_batches
from features.contact_pairs import with_answered_channel
from features.contract import Column as C
from features.contract import Contract
from models.response import ResponseModel, load_response
from scoring.channel_params import ChannelParams
from scoring.channel_rates import RATES
from scoring.response_reasons import response_reasons

PAIR_SCORES = Contract(
    "pair_scores",
    "Contact features' keys with the response model's answer.",
    ("customer_id", "offer_id", "channel", "window_days"),
    (
        C("customer_id", "string", "customer"),
        C("offer_id", "string", "offer"),
        C("channel", "string", "channel"),
        C("offer_kind", "string", "kind of offer"),
        C("window_days", "int", "days the offer can be used from the cut"),
        C("fatigue", "double", "earlier sends in the channel, each halved every 7 days since"),
        C("p_response", "double", "P(responds within window_days | delivered)"),
        C("reasons", "strings", "why, strongest first"),
    ),
    role="internal",
)


@dataclass(frozen=True)
class ScorePairs:
    """Batches of contact features to PAIR_SCORES, inside a worker; `path` gives the model's folder there."""

    path: Callable[[], str]
    reasons: int

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        """One table per batch; the model is opened once per process."""
        model = _model(self.path())
        for batch in batches:
            yield score_table(model, pa.Table.from_batches([batch]), self.reasons)


@lru_cache(maxsize=2)
def _model(folder: str) -> ResponseModel:
    return load_response(Path(folder))


def score_table(model: ResponseModel, table: pa.Table, reasons: int = 3) -> pa.Table:
    """PAIR_SCORES of a table of contact features, in this process."""
    scored = table.append_column("p_response", pa.array(model.predict(table), pa.float64()))
    words = pa.array(response_reasons(model, table, reasons), pa.list_(pa.string()))
    return scored.append_column("reasons", words).select(PAIR_SCORES.names)


def score_pairs(path: Callable[[], str], features: DataFrame, params: ChannelParams) -> DataFrame:
    """PAIR_SCORES for every row of contact features; `path` is what `Engine.ship` returned for the model's folder."""
    return map_batches(features, ScorePairs(path, params.reasons), PAIR_SCORES)


def score_offers(scores: DataFrame, options: DataFrame, as_of: AsOf) -> DataFrame:
    """Rows of `offer_scores`: the PAIR_SCORES of live offers (`live_options`)."""
    live = scores.join(F.broadcast(options), on=["offer_id", "channel", "window_days"], how="left_semi")
    return live.select(
        F.lit(as_of.day).alias("as_of"),
        "customer_id",
        "offer_id",
        "channel",
        "offer_kind",
        "p_response",
        F.col("window_days").alias("horizon_days"),
        "reasons",
    )


@dataclass(frozen=True)
class ChannelFacts:
    """What is known of customers and channels beside the response model; None where the sources do not say."""

    best_times: DataFrame | None = None  # see `as_best_times`
    reach: DataFrame | None = None  # see `features.reach.as_reach`
    rates: Callable[[DataFrame], DataFrame] | None = None  # adds the columns of `scoring.channel_rates.RATES`
    effects: DataFrame | None = None  # table `contact_effects`


def score_channels(scores: DataFrame, options: DataFrame, facts: ChannelFacts, as_of: AsOf) -> DataFrame:
    """Rows of `channel_scores`: the PAIR_SCORES of typical offers (`typical_options`), with what else is known."""
    scored = scores.join(F.broadcast(options), on=["offer_id", "channel", "window_days"], how="left_semi")
    keys = ["customer_id", "channel"]
    scored = _joined(scored, facts.best_times, keys, {"best_weekday": "int", "best_hour": "int"})
    scored = _joined(scored, facts.reach, keys, {"reachable": "boolean"})
    if facts.rates is None:
        scored = _joined(scored, None, keys, dict.fromkeys(RATES.values(), "double"))
    else:
        scored = facts.rates(scored)
    measured = None
    if facts.effects is not None:
        measured = facts.effects.where(F.col("basis") == "randomised").select(
            "channel", "offer_kind", F.col("effect_buy").alias("uplift")
        )
    scored = _joined(scored, measured, ["channel", "offer_kind"], {"uplift": "double"})
    return scored.select(
        F.lit(as_of.day).alias("as_of"),
        "customer_id",
        "channel",
        "offer_kind",
        "reachable",
        "p_open",
        "p_click",
        "p_response",
        F.col("window_days").alias("horizon_days"),
        "uplift",
        F.when(F.col("uplift").isNotNull(), F.lit("randomised")).otherwise(F.lit("none")).alias("uplift_basis"),
        "p_unsubscribe",
        "fatigue",
        "best_weekday",
        "best_hour",
        "reasons",
    )


def _joined(df: DataFrame, known: DataFrame | None, keys: list[str], columns: dict[str, str]) -> DataFrame:
    """`df` with the columns of `known`, or with nulls of their types when nothing is known."""
    if known is None:
        return df.withColumns({name: F.lit(None).cast(kind) for name, kind in columns.items()})
    return df.join(known.select(*keys, *columns), on=keys, how="left")


def as_best_times(
    responses: DataFrame, contacts: DataFrame, customers: DataFrame, as_of: AsOf, params: ChannelParams
) -> DataFrame:
    """`best_weekday` (1 is Monday) and `best_hour` per customer and channel: when most opens and clicks came.

    Only opens and clicks tell when a message is looked at; a coupon is redeemed when one shops. A customer with
    fewer than `best_time_support` of them in the channel has no row. Ties go to the earlier day or hour.
    `customers` holds `account_id, customer_id` at the cut.
    """
    cut = F.lit(as_of.ts)
    local = F.from_utc_timestamp(F.col("event_ts"), as_of.time_zone)
    seen = responses.where(F.col("response_kind").isin("open", "click"))
    looks = (
        with_answered_channel(seen.where((F.col("event_ts") < cut) & (F.col("available_ts") < cut)), contacts)
        .drop("channel")
        .withColumnRenamed("answered_channel", "channel")
        .where(F.col("channel").isNotNull())
        .join(customers.select("account_id", "customer_id"), on="account_id", how="inner")
        # from the day number (1970-01-01 was a Thursday): `weekday` is wrong for Sundays on the embedded engine
        .withColumn("best_weekday", (F.pmod(F.unix_date(F.to_date(local)) + 3, F.lit(7)) + 1).cast("int"))
        .withColumn("best_hour", F.hour(local).cast("int"))
    )
    keys = ["customer_id", "channel"]
    enough = (
        looks.groupBy(*keys).agg(F.count(F.lit(1)).alias("looks")).where(F.col("looks") >= params.best_time_support)
    )
    return (
        enough.select(*keys)
        .join(_mode(looks, keys, "best_weekday"), on=keys, how="inner")
        .join(_mode(looks, keys, "best_hour"), on=keys, how="inner")
    )


def _mode(looks: DataFrame, keys: list[str], value: str) -> DataFrame:
    """The most frequent `value` per key, the smaller on a tie."""
    place = Window.partitionBy(*keys).orderBy(F.col("n").desc(), F.col(value).asc())
    counted = looks.groupBy(*keys, value).agg(F.count(F.lit(1)).alias("n"))
    return counted.withColumn("place", F.row_number().over(place)).where(F.col("place") == 1).select(*keys, value)
