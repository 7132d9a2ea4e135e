"""The ways to contact the customers of an audience, as frames: reach, rates, prices, and the contact policy."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.rounding import rounded
from scoring.candidates import join_contacts, join_responses
from scoring.channel_terms import per_channel
from scoring.decision_params import DecisionParams
from scoring.eligibility import contact_rules
from scoring.funnel import CHANNEL_LIMIT, first_broken
from scoring.priority import join_measured_margins, with_priority, with_response_values

KEY = ["customer_id", "channel"]
# rules of the contact policy that hold for any contact, and those that know the offer
POLICY = ("recent_complaint", "cap_7_days", "cap_30_days", CHANNEL_LIMIT)
OFFER_POLICY = ("already_redeemed", "recent_complaint", "cool_down", "cap_7_days", "cap_30_days", CHANNEL_LIMIT)


@dataclass(frozen=True)
class ContactTables:
    """What is known of contacts; None where a table is not there. Logs carry `customer_id` in place of the account."""

    reach: DataFrame | None = None  # customer_reach
    channel_scores: DataFrame | None = None
    effects: DataFrame | None = None  # contact_effects
    values: DataFrame | None = None  # see scoring/redemptions.py
    contacts: DataFrame | None = None
    responses: DataFrame | None = None


def contact_options(customers: DataFrame, channels: DataFrame, tables: ContactTables) -> DataFrame:
    """`customer_id, channel, reachable, unreachable_because, p_open, p_unsubscribe` of every customer and channel.

    `customer_reach` has no row of customers whom no channel reaches: all channels are closed to them.
    """
    grid = customers.select("customer_id").crossJoin(F.broadcast(channels.select("channel")))
    if tables.reach is not None:
        known = tables.reach.select(*KEY, "reachable", "unreachable_because", F.lit(True).alias("_listed"))
        closed = F.col("_listed").isNull()
        grid = grid.join(known, on=KEY, how="left").select(
            *KEY, F.when(closed, F.lit(False)).otherwise(F.col("reachable")).alias("reachable"), "unreachable_because"
        )
    if tables.channel_scores is None:
        return _with_nulls(grid, reachable="boolean", unreachable_because="string", p_open="double",
                           p_unsubscribe="double")  # fmt: skip
    rates = tables.channel_scores.groupBy(*KEY).agg(
        F.max("p_open").alias("p_open"),
        F.max("p_unsubscribe").alias("p_unsubscribe"),
        F.max("reachable").alias("_open"),
    )
    joined = grid.join(rates, on=KEY, how="left")
    if tables.reach is None:
        joined = joined.withColumnRenamed("_open", "reachable")
    return _with_nulls(joined.drop("_open"), unreachable_because="string")


def _with_nulls(df: DataFrame, **columns: str) -> DataFrame:
    """`df` with the columns that it lacks, null."""
    missing = [F.lit(None).cast(kind).alias(name) for name, kind in columns.items() if name not in df.columns]
    return df.select("*", *missing)


def priced_contacts(scores: DataFrame, tables: ContactTables, params: DecisionParams) -> DataFrame:
    """`customer_id, channel, p_response, value, cost, value_basis`: what decisions would call the priority.

    scores: customer_id, channel, offer_kind, p_response, incentive_value, one row per kind of offer; the kind that is
    worth most stands for the channel, ties by its name.
    """
    assert tables.channel_scores is not None
    assert tables.values is not None
    kinds = [*KEY, "offer_kind"]
    channel = tables.channel_scores.select(
        *kinds,
        F.col("uplift").alias("measured_uplift"),
        F.col("uplift_basis").alias("measured_basis"),
        "p_unsubscribe",
    )
    priced = scores.join(channel, on=kinds, how="left").transform(with_response_values, tables.values, params)
    if tables.effects is None:
        priced = priced.withColumn("measured_margin", F.lit(None).cast("double"))
    else:
        priced = join_measured_margins(priced, tables.effects, scores, tables.channel_scores, params)
    best = Window.partitionBy(*KEY).orderBy(F.col("priority").desc_nulls_last(), F.col("offer_kind").asc())
    return (
        priced.transform(with_priority, params)
        .withColumn("_place", F.row_number().over(best))
        .where(F.col("_place") == 1)
        .select(
            *KEY,
            "p_response",
            F.col("priority").alias("value"),
            contact_cost(params).alias("cost"),
            F.col("uplift_basis").alias("value_basis"),
        )
    )


def contact_cost(params: DecisionParams) -> Column:
    """What a contact in the row's channel costs."""
    costs = {channel: float(cost) for channel, cost in params.contact_cost.items()}
    return per_channel(costs, float(params.contact_cost_default))


def chosen_contacts(priced: DataFrame, options: DataFrame) -> DataFrame:
    """The row of `priced` per customer that `scoring.audience_value.best_contacts` chooses: of the channels that are
    not closed the one worth most, ties by channel; where all are closed, the one worth most.

    `options` are those of `contact_options` for the customers and channels of `priced`.
    """
    best = Window.partitionBy("customer_id").orderBy(
        F.col("_closed").asc(), F.col("value").desc_nulls_last(), F.col("channel").asc()
    )
    closed = (~F.coalesce(F.col("reachable"), F.lit(True))).cast("int").alias("_closed")
    return (
        priced.join(options.select(*KEY, closed), on=KEY, how="inner")
        .withColumn("_place", F.row_number().over(best))
        .where(F.col("_place") == 1)
        .select(*priced.columns)
    )


def with_held_back(
    options: DataFrame, tables: ContactTables, offer_id: str | None, params: DecisionParams, as_of: AsOf
) -> DataFrame:
    """Adds `held_back_by`: the first rule of the contact policy that would drop the contact today, null if none.

    Rules on past contacts, complaints and (with an offer) its redemption; decisions that a tool already holds are not
    looked at, nor budget and capacities.
    """
    if tables.contacts is None or tables.responses is None:
        return options.withColumn("held_back_by", F.lit(None).cast("string"))
    names = POLICY if offer_id is None else OFFER_POLICY
    nobody_holds = {"issued_others": F.lit(0), "channel_issued_others": F.lit(0)}
    facts = (
        options.withColumn("offer_id", F.lit(offer_id).cast("string"))
        .transform(join_contacts, tables.contacts, as_of)
        .transform(join_responses, tables.responses, tables.contacts, as_of, params)
        .withColumns(nobody_holds)
    )
    rules = {name: broken for name, broken in contact_rules(params, as_of).items() if name in names}
    return facts.withColumn("held_back_by", first_broken(rules)).select(*options.columns, "held_back_by")


def purchase_margin(
    purchases: DataFrame, products: DataFrame, chosen: DataFrame, as_of: AsOf, days: int, default_rate: float
) -> DataFrame:
    """One row `margin, purchases`: mean margin of what one customer bought of the `chosen` products on one day.

    purchases: rows of `as_purchase_days`, of which the last `days` days count. products: the current ones. chosen:
    `product_id`. Sums of decimals over counts, so engines agree; null without a sale.
    """
    rates = products.select(
        "product_id", F.coalesce(F.col("margin_rate"), F.lit(default_rate)).cast("decimal(9,6)").alias("rate")
    )
    earned = (F.col("amount").cast("decimal(18,2)") * F.col("rate")).cast("decimal(24,6)")
    per_day = (
        purchases.where((F.col("day") >= F.lit(as_of.plus(-days).day)) & (F.col("day") < F.lit(as_of.day)))
        .join(chosen.select("product_id"), on="product_id", how="left_semi")
        .join(rates, on="product_id", how="inner")
        .groupBy("customer_id", "day")
        .agg(F.sum(earned).alias("margin"))
    )
    n = F.count(F.lit(1))
    mean = F.sum("margin").cast("decimal(28,6)").cast("double") / n
    return per_day.agg(rounded(F.when(n > 0, mean)).alias("margin"), n.alias("purchases"))


def best_customers(scores: DataFrame, n: int) -> DataFrame:
    """The `n` customers with the largest `score`, then `raw`, then `recency` where there is one, ties by id."""
    keys = [F.col(c).desc() for c in ("score", "raw", "recency") if c in scores.columns]
    return scores.orderBy(*keys, F.col("customer_id").asc()).limit(n)


def consenting_customers(consents: DataFrame, accounts: DataFrame, purpose: str, as_of: AsOf) -> DataFrame:
    """`customer_id` of those whose last word on the purpose, over all their accounts, is a grant; of two words at one
    moment the withdrawal wins."""
    cut = F.lit(as_of.ts)
    said = consents.where((F.col("event_ts") < cut) & (F.col("available_ts") < cut) & (F.col("purpose") == purpose))

    def last(action: str) -> Column:
        return F.max(F.when(F.col("action") == action, F.col("event_ts"))).alias(action)

    words = said.join(accounts, on="account_id", how="inner").groupBy("customer_id")
    found = words.agg(*[last(action) for action in ("granted", "withdrawn")])
    given, taken = F.col("granted"), F.col("withdrawn")
    return found.where(given.isNotNull() & (taken.isNull() | (given > taken))).select("customer_id")
