"""Many channels at scale: reach, and decisions over customers x live offers x channels with channel limits.

Run: python tests/benchmarks/bench_channels.py [customers]
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.contract import contract_index
from features.output_tables import CHANNEL_SCORES, NEXT_BEST_OFFERS
from features.reach import ReachParams, ReachSources, as_reach
from features.source_tables import SOURCES
from jobs.memory import peak_memory_gb
from jobs.session import Engine, SessionParams
from scoring.allocation import place_funding
from scoring.arms import unit_hash
from scoring.decide_offers import DecisionInputs, decided_candidates, ranked_candidates
from scoring.decision_params import ChannelTerms, DecisionParams

CHANNELS = [f"channel{i}" for i in range(10)]
OFFERS = [f"o{i}" for i in range(6)]
AS_OF = AsOf(date(2026, 3, 31))
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
CONTRACTS = contract_index([SOURCES])


def timed(label: str, write: Callable[[], None]) -> float:
    """Seconds that `write` takes; printed."""
    start = time.monotonic()
    write()
    seconds = time.monotonic() - start
    print(f"{label}: {seconds:.1f} s")
    return seconds


def conformed(name: str, df: DataFrame) -> DataFrame:
    """`df` with every column of a source table; what it lacks is null."""
    contract = CONTRACTS[name]
    columns = [F.col(c.name) if c.name in df.columns else F.lit(None).alias(c.name) for c in contract.columns]
    return contract.conform(df.select(*columns))


def empty(engine: Engine, name: str) -> DataFrame:
    """A source table without rows."""
    return engine.spark.createDataFrame([], CONTRACTS[name].ddl())


def main(customers: int) -> None:
    """Prints seconds, candidates a second, use of the limits and peak memory."""
    terms = {c: ChannelTerms(daily_capacity=customers // 100, monthly_limit=4) for c in CHANNELS[:3]}
    params = DecisionParams(budget=customers * 0.1, channels=terms, incrementality_prior=1.0)
    with tempfile.TemporaryDirectory() as folder, Engine("embedded", SessionParams(), Path(folder)) as engine:
        spark, path = engine.spark, lambda name: f"{folder}/{name}"
        ids = spark.range(customers).select(F.concat(F.lit("c"), F.col("id").cast("string")).alias("customer_id"))
        channels = spark.createDataFrame([(c,) for c in CHANNELS], "channel string")
        people = ids.withColumn("account_id", F.col("customer_id"))
        seen = ids.select(
            F.col("customer_id").alias("account_id"),
            F.lit("phone").alias("identifier_kind"),
            F.lit("h").alias("identifier"),
            F.lit(LONG_AGO).alias("event_ts"),
            F.lit(LONG_AGO).alias("available_ts"),
        )
        said = seen.select(
            "account_id",
            "event_ts",
            "available_ts",
            F.lit("any").alias("channel"),
            F.lit("marketing").alias("purpose"),
            F.when(unit_hash("y", "", "account_id") < 0.6, F.lit("granted"))
            .otherwise(F.lit("withdrawn"))
            .alias("action"),
        )
        reach_sources = ReachSources(
            channels=conformed(
                "channels",
                channels.select("*", F.lit("phone").alias("address_kind"), F.lit(0.05).alias("contact_cost")),
            ),
            customers=people,
            transactions=empty(engine, "transactions"),
            accounts=conformed("accounts", seen),
            consents=conformed("consents", said),
            contacts=empty(engine, "contacts"),
            responses=empty(engine, "responses"),
        )
        pairs = ids.crossJoin(channels).withColumn("cut", F.lit(AS_OF.ts))
        reach = as_reach(pairs, reach_sources, ReachParams())
        timed("reach", lambda: reach.write.parquet(path("reach")))
        plans = [(o, "A", o, date(2026, 3, 1), date(2026, 4, 30)) for o in OFFERS]
        offers = spark.createDataFrame(
            plans, "offer_id string, offer_kind string, name string, starts_on date, ends_on date"
        )
        scores = (
            ids.crossJoin(spark.createDataFrame([(o,) for o in OFFERS], "offer_id string"))
            .crossJoin(channels)
            .select(
                "*",
                F.lit("A").alias("offer_kind"),
                F.round(unit_hash("q", "", "customer_id", "offer_id", "channel"), 6).alias("p_response"),
                F.lit(28).alias("horizon_days"),
                F.array(F.lit("made up")).alias("reasons"),
            )
        )
        scores.write.parquet(path("scores"))
        null = {n: F.lit(None) for n in CHANNEL_SCORES.names}
        known = null | {"as_of": F.lit(AS_OF.day), "offer_kind": F.lit("A"), "uplift_basis": F.lit("none")}
        facts = spark.read.parquet(path("reach"))
        channel_scores = CHANNEL_SCORES.conform(
            facts.select(*facts.columns, *[v.alias(k) for k, v in known.items() if k not in facts.columns])
        )
        channel_scores.write.parquet(path("channel_scores"))
        log = {n: empty(engine, n).withColumnRenamed("account_id", "customer_id") for n in ("contacts", "responses")}
        given = DecisionInputs(
            customers=ids,
            offers=conformed("offers", offers.withColumn("available_ts", F.lit(LONG_AGO))),
            contacts=log["contacts"],
            responses=log["responses"],
            offer_scores=spark.read.parquet(path("scores")),
            channel_scores=spark.read.parquet(path("channel_scores")),
            response_values=spark.createDataFrame(
                [], "offer_kind string, responders bigint, response_margin double, response_incentive double"
            ),
            open_rows=spark.createDataFrame([], NEXT_BEST_OFFERS.ddl() + ", is_issued boolean"),
        )

        def settled(name: str, df: DataFrame) -> DataFrame:
            df.write.parquet(path(name))
            return spark.read.schema(df.schema).parquet(path(name))

        start = time.monotonic()
        ranked = ranked_candidates(given, params, AS_OF, settled)
        ranked.write.parquet(path("ranked"))
        total = time.monotonic() - start
        print(f"rules, values, channel limits, arms, ranks: {total:.1f} s")
        ranked = spark.read.parquet(path("ranked"))
        total += timed("budget", lambda: place_funding(ranked, params).write.parquet(path("funding")))
        decided = decided_candidates(ranked, spark.read.parquet(path("funding")))
        total += timed("drops", lambda: decided.write.parquet(path("decided")))
        sent = spark.read.parquet(path("decided")).where("dropped_by is null").groupBy("channel").count()
        print({r["channel"]: r["count"] for r in sent.orderBy("channel").collect()})
        print(f"limit of {', '.join(terms)}: {customers // 100 * params.send_within_days:,}")
    n = customers * len(OFFERS) * len(CHANNELS)
    print(f"{n:,} candidates, {n / total:,.0f} a second; peak memory {peak_memory_gb():.2f} GB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
