"""Past campaigns as two sides to compare, with what was bought before and after.

A campaign is an offer on one local day: a holdout must carry the day on which she would have been contacted, and days
without holdouts are not compared. A holdout does not say through which channel she would have been contacted, so she
stands against each channel of the campaign in which she could be reached at that moment; unreachable contacts are left
out likewise, so that both sides are of one population.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before, with_local_time
from features.output_tables import CONTACT_EFFECTS
from scoring.arms import unit_hash
from scoring.experiment_params import ExperimentParams
from scoring.experiments import DAY, ContactEffect, Floats, Units

NO_ORDER_DAYS = 365.0  # recency of who has not bought for so long, or ever
SECONDS_BITS = 34  # seconds since 1970 in the lower bits of a key, the customer's code above
CAMPAIGN = ["offer_id", "day_no"]


@dataclass(frozen=True)
class Orders:
    """Orders of the customers compared, arrays (m,): customer code, seconds since 1970, margin, amount."""

    customer: NDArray[np.int64]
    ts: NDArray[np.int64]
    margin: Floats
    amount: Floats


def as_sides(
    contacts: DataFrame, holdouts: DataFrame, offers: DataFrame, customers: DataFrame, as_of: AsOf, horizon_days: int
) -> DataFrame:
    """`customer_id, offer_id, day_no, offer_kind, channel, cut, contacted, logging_propensity` of matured campaigns.

    Matured: `horizon_days` lie between the contact and the cut. One row per customer, campaign and channel (the first
    send); a customer on both sides of a campaign is left out of it. customers: `account_id, customer_id` at the cut.
    """
    matured = F.col("event_ts") < F.lit(as_of.plus(-horizon_days).ts)
    plans = offers.select("offer_id", "offer_kind", "starts_on")
    columns = ["customer_id", *CAMPAIGN, "offer_kind"]

    def known(log: DataFrame) -> DataFrame:
        return (
            known_before(log, as_of)
            .where(matured)
            .transform(with_local_time, as_of.time_zone)
            .join(customers, on="account_id", how="inner")
            .join(plans, on="offer_id", how="inner")
            .withColumn("day_no", F.datediff(F.col("local_day"), F.col("starts_on")))
        )

    # the smallest of a struct is the first send, and its own propensity
    first = F.min(F.struct("event_ts", F.coalesce(F.col("logging_propensity"), F.lit(-1.0)).alias("p"))).alias("first")
    facts = [F.col("first.event_ts").alias("cut"), F.expr("nullif(first.p, -1.0D)").alias("logging_propensity")]
    sent = known(contacts).groupBy(*columns, "channel").agg(first).select(*columns, "channel", *facts)
    held = known(holdouts).groupBy(*columns).agg(first).select(*columns, *facts)
    hers = ["customer_id", *CAMPAIGN]
    both = sent.select(*hers).distinct().join(held.select(*hers), on=hers, how="inner")
    through = sent.select(*CAMPAIGN, "channel").distinct()
    names = [*columns, "channel", "cut", "logging_propensity", "contacted"]
    away = held.join(through, on=CAMPAIGN, how="inner").withColumn("contacted", F.lit(False)).select(*names)
    return sent.withColumn("contacted", F.lit(True)).unionByName(away).join(both, on=hers, how="left_anti")


def filter_sampled(df: DataFrame, share: float) -> DataFrame:
    """Rows of a fixed share of the customers, by hash of their id."""
    return df if share >= 1 else df.where(unit_hash("experiments", "sample", "customer_id") < F.lit(share))


def filter_reachable(sides: DataFrame, reach: DataFrame | None) -> DataFrame:
    """Rows of customers not known to be out of the channel's reach then; reach: see `features.reach.as_reach`."""
    if reach is None:
        return sides
    out = reach.where(~F.col("reachable")).select("customer_id", "channel", "cut")
    return sides.join(out, on=["customer_id", "channel", "cut"], how="left_anti")


def as_margin_orders(
    transactions: DataFrame, products: DataFrame, customers: DataFrame, as_of: AsOf, margin_rate: float
) -> DataFrame:
    """`customer_id, order_id, ts, margin, amount` of orders known before the cut; products' own margin rate, if any."""
    rates = products.groupBy("product_id").agg(F.max("margin_rate").alias("margin_rate"))
    rate = F.coalesce(F.col("margin_rate"), F.lit(margin_rate)).cast("decimal(9,6)")
    margin = (F.col("amount").cast("decimal(18,2)") * rate).cast("decimal(24,6)")
    return (
        known_before(transactions, as_of)
        .join(customers, on="account_id", how="inner")
        .join(rates, on="product_id", how="left")
        .groupBy("customer_id", "order_id")
        .agg(
            F.min(F.unix_timestamp("event_ts")).alias("ts"),
            F.sum(margin).cast("double").alias("margin"),
            F.sum("amount").cast("double").alias("amount"),
        )
    )


def collect_units(sides: DataFrame, orders: DataFrame, horizon_days: int, params: ExperimentParams) -> Units:
    """Both sides in memory with outcomes and covariates, from rows of `as_sides` and of `as_margin_orders`."""
    rows = sides.select(
        "customer_id",
        F.concat_ws("|", F.col("offer_id"), F.col("day_no").cast("string")).alias("campaign"),
        "offer_kind",
        "channel",
        "contacted",
        F.col("logging_propensity").cast("double").alias("propensity"),
        F.unix_timestamp("cut").alias("ts"),
    ).toArrow()
    bought = orders.toArrow()
    who = pa.chunked_array([*rows["customer_id"].chunks, *bought["customer_id"].chunks], pa.string())
    code, n = _codes(who)[0], rows.num_rows
    units = Units(
        channel=_texts(rows, "channel"),
        offer_kind=_texts(rows, "offer_kind"),
        campaign=_texts(rows, "campaign"),
        customer=code[:n].astype(np.int64),
        contacted=rows["contacted"].to_numpy().astype(bool),
        propensity=rows["propensity"].to_numpy().astype(np.float64),
    )
    made = Orders(
        code[n:].astype(np.int64),
        bought["ts"].to_numpy().astype(np.int64),
        bought["margin"].to_numpy().astype(np.float64),
        bought["amount"].to_numpy().astype(np.float64),
    )
    return with_purchases(units, rows["ts"].to_numpy().astype(np.int64), made, horizon_days, params.covariate_days)


def _codes(texts: pa.ChunkedArray) -> tuple[NDArray[np.int64], NDArray[np.str_]]:
    """Places of each text among the sorted different ones, and these; the same in whatever order the rows come."""
    encoded = texts.combine_chunks().dictionary_encode()
    values = np.array(encoded.dictionary.to_pylist(), dtype=str)
    order = np.argsort(values)
    rank = np.empty(len(values), np.int64)
    rank[order] = np.arange(len(values))
    return rank[encoded.indices.to_numpy(zero_copy_only=False)], values[order]


def _texts(table: pa.Table, name: str) -> NDArray[np.str_]:
    codes, values = _codes(table[name])
    return values[codes]


def with_purchases(
    units: Units, ts: NDArray[np.int64], orders: Orders, horizon_days: int, covariate_days: int
) -> Units:
    """Adds outcomes (`bought`, `margin` within `horizon_days` from `ts`) and covariates (strictly before `ts`).

    Covariates are `spend` and `orders` of `covariate_days`, and `recency_days`, at most `NO_ORDER_DAYS`.
    """
    key = (orders.customer << SECONDS_BITS) + orders.ts
    order = np.lexsort((orders.amount, orders.margin, key))
    key, at = key[order], orders.ts[order]
    margin, amount = (np.concatenate([[0.0], np.cumsum(v[order])]) for v in (orders.margin, orders.amount))
    base = units.customer << SECONDS_BITS

    def place(moment: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.searchsorted(key, base + np.maximum(moment, 0), side="left").astype(np.int64)

    here, after = place(ts), place(ts + int(horizon_days * DAY))
    since, ever = place(ts - int(covariate_days * DAY)), place(np.zeros_like(ts))
    recency = np.full(len(units), NO_ORDER_DAYS)
    has = here > ever
    recency[has] = np.minimum(NO_ORDER_DAYS, (ts[has] - at[here[has] - 1]) / DAY)
    return replace(
        units,
        outcomes={"bought": (after > here).astype(np.float64), "margin": np.round(margin[after] - margin[here], 6)},
        covariates={
            "spend": np.round(amount[here] - amount[since], 6),
            "orders": (here - since).astype(np.float64),
            "recency_days": recency,
        },
    )


def _basis(e: ContactEffect) -> str:
    if e.refused_because:
        return "prior"
    return "undecided" if e.margin_used is None else "randomised"


def effects_table(
    effects: list[ContactEffect],
    as_of: AsOf,
    horizon_days: int,
    assumed: Mapping[tuple[str, str], tuple[float, float]] | None = None,
) -> pa.Table:
    """Rows of the table `contact_effects`, numbers rounded to 6 places.

    assumed: by (channel, kind), the margin of a response and of a contact that decisions go by without an experiment.
    """
    rows = []
    known = assumed or {}
    for e in effects:
        row = {
            "as_of": as_of.day,
            "channel": e.channel,
            "offer_kind": e.offer_kind,
            "n_contacted": e.n_contacted,
            "n_held_out": e.n_held_out,
            "horizon_days": horizon_days,
            "margin_used": None if e.margin_used is None else round(e.margin_used, 6),
            "basis": _basis(e),
            "refused_because": e.refused_because,
            "response_margin": known.get((e.channel, e.offer_kind), (None, None))[0],
            "assumed_margin": known.get((e.channel, e.offer_kind), (None, None))[1],
        }
        for name, effect in (("effect_buy", e.buy), ("effect_margin", e.margin)):
            low, high = effect.interval if effect else (None, None)
            middle = effect.value if effect else None
            for column, value in ((name, middle), (f"{name}_low", low), (f"{name}_high", high)):
                row[column] = None if value is None else round(value, 6)
        rows.append(row)
    return pa.Table.from_pylist(rows, schema=CONTACT_EFFECTS.arrow_schema())
