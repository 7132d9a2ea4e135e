"""How much of each limit the decisions use, and what one more unit would bring."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.rounding import rounded
from scoring.channel_limits import window_capacities
from scoring.decision_params import DecisionParams
from scoring.funnel import CHANNEL_CAPACITY, CHANNEL_LIMIT


def constraint_usage(decided: DataFrame, funding: DataFrame, params: DecisionParams, as_of: AsOf) -> DataFrame:
    """The `constraint_usage` table: `budget`, `budget_reserved`, `per_customer` and the two contact caps.

    `budget` uses the cost of what is sent; `budget_reserved` what was set aside for it (never above the limit). Their
    `shadow_price` is the priority per unit of reserve of the first place without money, null when all have some: the
    gain from a little more budget under the greedy order, not a dual value. Use of `per_customer` and the caps is
    the largest over customers, contacts of the window included. A channel with limits adds `channel_capacity.<channel>`
    (sends of this run; the limit is that of the whole sending window) and `channel_limit_30_days.<channel>`.
    """
    issued = F.col("is_issued").cast("int")
    sent = decided.where(F.col("dropped_by").isNull())
    per_customer = sent.groupBy("customer_id").agg(
        F.count(F.lit(1)).alias("rows"),
        F.sum("cost").alias("cost"),
        *[F.max(f"contacts_{days}").alias(f"before_{days}") for days in (7, 30)],
        # decisions that a tool holds already, those sent again left out
        (F.max(F.col("issued_others") + issued) - F.sum(issued)).alias("held"),
    )
    used = per_customer.agg(
        _number(F.sum("cost")).alias("spent"),
        _number(F.max("rows")).alias("most"),
        *[_number(F.max(F.col(f"before_{d}") + F.col("held") + F.col("rows"))).alias(f"most_{d}") for d in (7, 30)],
    )
    reserved = funding.agg(_number(F.sum(F.when(F.col("is_funded"), F.col("reserve")))).alias("reserved"))
    left_out = (
        funding.where(~F.col("is_funded") & (F.col("reserve") > 0))
        .groupBy()
        .agg(F.max(F.struct("priority", "reserve")).alias("best"))
    )
    price = left_out.select(rounded(F.col("best.priority") / F.col("best.reserve").cast("double")).alias("price"))
    budget = None if params.budget is None else float(params.budget)
    rows: list[tuple[str, float | None, str, Column]] = [
        ("budget", budget, "spent", F.col("price")),
        ("budget_reserved", budget, "reserved", F.col("price")),
        ("per_customer", float(params.per_customer), "most", _null()),
        ("cap_7_days", float(params.cap_7_days), "most_7", _null()),
        ("cap_30_days", float(params.cap_30_days), "most_30", _null()),
    ]
    sums, more = _channel_limits(params)
    rows += more
    found = used.crossJoin(reserved).crossJoin(price)
    if sums:
        found = found.crossJoin(_per_channel_use(sent, params).agg(*sums))
    structs = [
        F.struct(
            F.lit(name).alias("constraint"),
            F.lit(limit).cast("double").alias("limit"),
            F.col(column).alias("used"),
            shadow.alias("shadow_price"),
        )
        for name, limit, column, shadow in rows
    ]
    return found.select(F.explode(F.array(*structs)).alias("row")).select(F.lit(as_of.day).alias("as_of"), "row.*")


def _per_channel_use(sent: DataFrame, params: DecisionParams) -> DataFrame:
    """`channel, n, most`: sends of the run, and the most that a customer has in 30 days with them."""
    issued = F.col("is_issued").cast("int")
    return (
        sent.where(F.col("channel").isin(list(params.channels)))
        .groupBy("channel", "customer_id")
        .agg(
            F.count(F.lit(1)).alias("n"),
            F.max("channel_contacts_30").alias("before"),
            (F.max(F.col("channel_issued_others") + issued) - F.sum(issued)).alias("held"),
        )
        .groupBy("channel")
        .agg(F.sum("n").alias("n"), F.max(F.col("n") + F.col("before") + F.col("held")).alias("most"))
    )


def _channel_limits(params: DecisionParams) -> tuple[list[Column], list[tuple[str, float | None, str, Column]]]:
    """Columns that pick each limited channel's use, and the rows that report them."""
    sums: list[Column] = []
    rows: list[tuple[str, float | None, str, Column]] = []
    limits = {
        CHANNEL_CAPACITY: ("n", window_capacities(params)),
        CHANNEL_LIMIT: ("most", params.limits("monthly_limit")),
    }
    for name, (column, by_channel) in limits.items():
        for channel, limit in by_channel.items():
            alias = f"l{len(sums)}"
            sums.append(_number(F.max(F.when(F.col("channel") == channel, F.col(column)))).alias(alias))
            rows.append((f"{name}.{channel}", float(limit), alias, _null()))
    return sums, rows


def _number(column: Column) -> Column:
    return F.coalesce(column.cast("double"), F.lit(0.0))


def _null() -> Column:
    return F.lit(None).cast("double")
