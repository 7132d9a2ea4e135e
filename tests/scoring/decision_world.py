"""A small world for tests of decisions: rows with defaults, as DataFrames of their contracts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.contract import Contract
from features.output_tables import CHANNEL_SCORES, NEXT_BEST_OFFERS
from features.source_tables import CONTACTS, OFFERS, RESPONSES
from scoring.allocation import place_funding
from scoring.decide_offers import DecisionInputs, decided_candidates, ranked_candidates
from scoring.decision_params import DecisionParams

ZONE = "America/New_York"
AS_OF = AsOf(date(2017, 12, 4), ZONE)
ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)
SCORES = (
    "customer_id string, offer_id string, channel string, p_response double, horizon_days int, reasons array<string>"
)
VALUES = "offer_kind string, responders bigint, response_margin double, response_incentive double"
# an order brings 10 of margin to a responder whose coupon costs 1
RESPONSE_VALUES = [("A", 100, 10.0, 1.0), (None, 100, 10.0, 1.0)]
Row = dict[str, Any]


def local(day: date, hour: int = 0) -> datetime:
    """The UTC moment of a wall clock in the shop's time zone."""
    return datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(ZONE)).astimezone(UTC)


def frame(spark: SparkSession, contract: Contract, rows: Iterable[Row]) -> DataFrame:
    """Rows as a DataFrame of the contract's columns; what a row leaves out is null."""
    return spark.createDataFrame([tuple(r.get(n) for n in contract.names) for r in rows], contract.ddl())


def offer(offer_id: str, **given: Any) -> Row:
    """An offer by mail, live from 1 November to 31 December unless told otherwise."""
    fallback = {
        "offer_kind": "A",
        "name": f"name of {offer_id}",
        "channel": "direct_mail",
        "starts_on": date(2017, 11, 1),
        "ends_on": date(2017, 12, 31),
        "available_ts": ALWAYS,
    }
    return {"offer_id": offer_id} | fallback | given


def contact(customer_id: str, offer_id: str, event_ts: datetime, channel: str = "direct_mail") -> Row:
    """A send, known when it happened."""
    return {
        "customer_id": customer_id,
        "offer_id": offer_id,
        "channel": channel,
        "event_ts": event_ts,
        "available_ts": event_ts,
    }


def response(customer_id: str, offer_id: str, kind: str, event_ts: datetime) -> Row:
    """A response, known when it happened."""
    return {
        "customer_id": customer_id,
        "offer_id": offer_id,
        "response_kind": kind,
        "event_ts": event_ts,
        "available_ts": event_ts,
    }


def logs(spark: SparkSession, contract: Contract, rows: Iterable[Row]) -> DataFrame:
    """Rows of a source log with `customer_id` in place of the account."""
    renamed = [{"account_id": r["customer_id"], **r} for r in rows]
    return frame(spark, contract, renamed).withColumnRenamed("account_id", "customer_id")


def inputs(
    spark: SparkSession,
    scores: dict[tuple[str, str], float],
    offers: Iterable[Row],
    contacts: Iterable[Row] = (),
    responses: Iterable[Row] = (),
    channels: Iterable[Row] = (),
    open_rows: DataFrame | None = None,
    customers: Iterable[str] | None = None,
) -> DecisionInputs:
    """The inputs of a decision; customers are those with scores unless given."""
    people = sorted({c for c, _ in scores}) if customers is None else sorted(customers)
    if open_rows is None:
        open_rows = spark.createDataFrame([], NEXT_BEST_OFFERS.ddl() + ", is_issued boolean")
    return DecisionInputs(
        customers=spark.createDataFrame([(c,) for c in people], "customer_id string"),
        offers=frame(spark, OFFERS, offers),
        contacts=logs(spark, CONTACTS, contacts),
        responses=logs(spark, RESPONSES, responses),
        offer_scores=spark.createDataFrame(
            [(c, o, "direct_mail", p, 28, ["bought lately"]) for (c, o), p in scores.items()], SCORES
        ),
        channel_scores=frame(spark, CHANNEL_SCORES, channels),
        response_values=spark.createDataFrame(RESPONSE_VALUES, VALUES),
        open_rows=open_rows,
    )


def channel(customer_id: str, **given: Any) -> Row:
    """A row of channel scores for mail and kind A."""
    return {"customer_id": customer_id, "channel": "direct_mail", "offer_kind": "A", "uplift_basis": "none"} | given


def decide(given: DecisionInputs, params: DecisionParams, as_of: AsOf = AS_OF) -> tuple[DataFrame, DataFrame]:
    """Decided candidates and the funding of places; what is used twice is computed once, as in the job."""
    ranked = settled(ranked_candidates(given, params, as_of))
    funding = settled(place_funding(ranked, params))
    return settled(decided_candidates(ranked, funding)), funding


def settled(df: DataFrame) -> DataFrame:
    """The same rows, computed."""
    table = df.toArrow()  # brings the schema along
    return df.sparkSession.createDataFrame(table if table.num_rows else [], None if table.num_rows else df.schema)


def money(text: str) -> Decimal:
    """An amount."""
    return Decimal(text)
