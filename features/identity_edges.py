"""From identifier sightings to edges of account and value, in the engine, and onto the driver within a stated limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.errors import DataError
from features.source_people import IDENTIFIER_KINDS


@dataclass(frozen=True)
class Cuts:
    """The cuts of a run, oldest first, as local days: `first`, then every `step` days, and `last` at the end."""

    first: int
    step: int
    last: int

    @property
    def regular(self) -> int:
        """How many cuts lie before the last."""
        return max(0, -(-(self.last - self.first) // self.step))

    @property
    def days(self) -> list[int]:
        """Epoch days of all cuts.

        >>> Cuts(3, 7, 18).days
        [3, 10, 17, 18]
        """
        return [*(self.first + i * self.step for i in range(self.regular)), self.last]


def as_accounts(tables: Iterable[DataFrame]) -> DataFrame:
    """Every account seen in any of the tables: account_id, one row each."""
    return reduce(DataFrame.unionByName, [df.select("account_id") for df in tables]).distinct()


def as_sightings(accounts: DataFrame, as_of: AsOf) -> DataFrame:
    """Every row of `accounts` with what counts for stitching.

    Columns: account_id, kind (code), identifier_kind, value (64-bit hash of kind and identifier; tables show its
    hexadecimal form as a pointer), known_day and event_day (local epoch days: first known, and happened), state: `ok`,
    `blocked`, `malformed`, `blank` or `future` (not known before the cut). What is told ahead of its time counts from
    its time.
    """
    text = F.trim(F.col("identifier"))
    known = F.greatest(F.col("event_ts"), F.coalesce(F.col("available_ts"), F.col("event_ts")))
    state = (
        F.when(text.isNull() | (text == ""), F.lit("blank"))
        .when(F.col("identifier_state").isNotNull() & (F.col("identifier_state") != "ok"), F.col("identifier_state"))
        .when(known.isNull() | (known >= F.lit(as_of.ts)), F.lit("future"))
        .otherwise(F.lit("ok"))
    )
    return accounts.select(
        "account_id",
        F.coalesce(*[F.when(F.col("identifier_kind") == k, F.lit(i)) for i, k in enumerate(IDENTIFIER_KINDS)])
        .cast("int")
        .alias("kind"),
        "identifier_kind",
        F.xxhash64(F.col("identifier_kind"), text).alias("value"),
        _local_day(known, as_of).alias("known_day"),
        _local_day(F.col("event_ts"), as_of).alias("event_day"),
        state.alias("state"),
    )


def as_sighting_counts(sightings: DataFrame) -> DataFrame:
    """identifier_kind, state, n, first_day (first local day on which one was known)."""
    return sightings.groupBy("identifier_kind", "state").agg(
        F.count(F.lit(1)).cast("bigint").alias("n"), F.min("known_day").cast("int").alias("first_day")
    )


def as_edges(sightings: DataFrame, cuts: Cuts, kinds: Iterable[str]) -> DataFrame:
    """Usable sightings per edge and first cut that knows them.

    Columns: account_id, kind, value, cut (index into `cuts.days`), first_day and last_day (local days of the first and
    last sighting among them), n (sightings). All that was known before the first cut falls on index 0.
    """
    later = F.ceil((F.col("known_day") + 1 - F.lit(cuts.first)) / F.lit(cuts.step))
    index = F.least(F.greatest(later, F.lit(0)), F.lit(cuts.regular)).cast("int")
    return (
        sightings.where((F.col("state") == "ok") & F.col("identifier_kind").isin(list(kinds)))
        .withColumn("cut", index)
        .groupBy("account_id", "kind", "value", "cut")
        .agg(
            F.min("event_day").cast("int").alias("first_day"),
            F.max("event_day").cast("int").alias("last_day"),
            F.count(F.lit(1)).cast("int").alias("n"),
        )
    )


def collect_edges(edges: DataFrame, max_edges: int) -> pa.Table:
    """The edges on the driver; `DataError` naming limit, found and setting when there are too many."""
    found = edges.count()
    if found > max_edges:
        raise DataError(
            f"accounts: {found:,} edges of account and identifier to resolve, and the limit is {max_edges:,}. "
            "Raise identity.max_edges if the driver has memory for them (about 150 bytes each), "
            "or resolve a history in larger steps with identity.replay_days"
        )
    return edges.toArrow()


def _local_day(moment: Column, as_of: AsOf) -> Column:
    return F.unix_date(F.to_date(F.from_utc_timestamp(moment, as_of.time_zone)))
