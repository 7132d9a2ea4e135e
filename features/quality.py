"""Judging the source tables: which rows are good, which go to quarantine and why, and how many of each.

Row rules are compiled into one pass that adds, per row, the names of the rules it breaks: `broken` (the row goes
to `quarantine_<table>`) and `warned` (the row stays). Set rules look across rows: a repeated key keeps its first
row, a reference to an unknown product or offer is a warning (see set_rules.py). No row is lost:
in = good + quarantined.

A source is judged in its *arriving* form: money as double and whole numbers as 64 bits, so that a bad value
survives until a rule has named it; then `as_contract` casts the good rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.as_of import OPEN_START
from features.contract import Contract
from features.quality_params import Rule
from features.quality_rules import DUPLICATE_KEY
from features.quarantine import PLACE

DUPLICATE = "duplicate of "


def arriving_contract(contract: Contract) -> Contract:
    """The form in which a source is judged: every column may be null, no money or 32 bits yet, and its place."""
    kinds = {"money": "double", "int": "long"}
    columns = tuple(replace(c, kind=kinds.get(c.kind, c.kind), nullable=True) for c in contract.columns)
    name = f"arriving_{contract.name}"
    return Contract(name, contract.meaning, ("source_file", "source_row"), columns + PLACE, role="internal")


def with_broken_rules(df: DataFrame, rules: list[Rule]) -> DataFrame:
    """Adds `broken` (severity quarantine or stop) and `warned` (warn), arrays of rule names, in one pass."""

    def names(chosen: list[Rule]) -> SparkColumn:
        none = F.array().cast("array<string>")
        if not chosen:
            return none
        any_broken = chosen[0].broken
        for rule in chosen[1:]:
            any_broken = any_broken | rule.broken
        # the list is built for the few rows that need it
        hit = F.array_compact(F.array(*[F.when(r.broken, F.lit(r.name)) for r in chosen]))
        return F.when(any_broken, hit).otherwise(none)

    return df.withColumns(
        {
            "broken": names([r for r in rules if r.severity != "warn"]),
            "warned": names([r for r in rules if r.severity == "warn"]),
        }
    )


def repeated_keys(df: DataFrame, contract: Contract) -> DataFrame:
    """`key_hash` of the keys that seem to occur more than once; a superset of those that do, and mostly empty.

    Hashes keep the look at every row small: grouping by the key itself takes several times the memory.
    """
    counted = df.groupBy(_key_hash(contract).alias("key_hash")).agg(F.count(F.lit(1)).alias("n"))
    return counted.where(F.col("n") > 1).select("key_hash")


def later_copies(df: DataFrame, contract: Contract, repeated: DataFrame) -> DataFrame:
    """Place and `duplicate` ("duplicate of FILE row N") of every row but the first with its key.

    Looks at rows of `df` that broke no rule and whose hash is in `repeated`; the first is the smallest
    (source_file, source_row).
    """
    names = [f"_key{i}" for i in range(len(contract.key))]
    keys = dict(zip(names, _keys(contract), strict=True))
    suspects = df.where(F.size("broken") == 0).withColumns(keys | {"key_hash": _key_hash(contract)})
    suspects = suspects.join(repeated, on="key_hash", how="left_semi")
    by_key = Window.partitionBy(*names).orderBy("source_file", "source_row")
    frame = by_key.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    first_row = F.first("source_row").over(frame).cast("string")
    reason = F.concat(F.lit(DUPLICATE), F.first("source_file").over(frame), F.lit(" row "), first_row)
    numbered = suspects.select(
        "source_file", "source_row", F.row_number().over(by_key).alias("n"), reason.alias("duplicate")
    )
    return numbered.where(F.col("n") > 1).drop("n")


def with_duplicates(df: DataFrame, copies: DataFrame) -> DataFrame:
    """Adds the reason of `later_copies` to `broken`."""
    joined = df.join(copies, on=["source_file", "source_row"], how="left")
    broken = F.when(F.col("duplicate").isNotNull(), F.array("duplicate")).otherwise(F.col("broken"))
    return joined.withColumn("broken", broken).select(*df.columns)


def _keys(contract: Contract) -> list[SparkColumn]:
    """The key's columns; an unknown part ("from always") equals itself."""
    return [F.coalesce(F.col(k), F.lit(OPEN_START)) if contract.column(k).nullable else F.col(k) for k in contract.key]


def _key_hash(contract: Contract) -> SparkColumn:
    return F.xxhash64(*_keys(contract))


def with_violations(df: DataFrame, found: DataFrame, on: Sequence[str], severity: Mapping[str, str]) -> DataFrame:
    """Marks the rows that `found` (columns `on` and `rule`) names: `warned` or `broken`, by the rule's severity."""
    names = sorted(severity)
    hits = [F.max(F.col("rule") == F.lit(name)).alias(f"_hit{i}") for i, name in enumerate(names)]
    joined = df.join(found.groupBy(*on).agg(*hits), on=list(on), how="left")
    marked = {}
    for target in ("broken", "warned"):
        chosen = [i for i, name in enumerate(names) if (severity[name] == "warn") == (target == "warned")]
        if chosen:
            new = F.array(*[F.when(F.col(f"_hit{i}"), F.lit(names[i])) for i in chosen])
            marked[target] = F.concat(F.col(target), F.array_compact(new))
    return joined.withColumns(marked).select(*df.columns)


def good_rows(judged: DataFrame) -> DataFrame:
    """Rows that broke no rule."""
    return judged.where(F.size("broken") == 0)


def as_contract(df: DataFrame, contract: Contract, lag: timedelta = timedelta()) -> DataFrame:
    """Good rows in the contract's columns and types, with unknown times filled in.

    `available_ts` defaults to `event_ts` plus `lag`, in a table without `event_ts` to the first day of validity
    plus `lag`, and else to "always". Money is rounded to cents, half a cent away from zero.
    """
    names = contract.names
    filled: dict[str, SparkColumn] = {c.name: _cents(F.col(c.name)) for c in contract.columns if c.kind == "money"}
    if "available_ts" in names:
        filled["available_ts"] = F.coalesce(F.col("available_ts"), _known_from(names, lag))
    if "valid_from" in names:
        filled["valid_from"] = F.coalesce(F.col("valid_from"), F.lit(OPEN_START))
    return contract.conform(df.withColumns(filled) if filled else df)


def _known_from(names: list[str], lag: timedelta) -> SparkColumn:
    if "event_ts" in names:
        start = F.col("event_ts")
    elif "starts_on" in names:
        start = F.col("starts_on").cast("timestamp")
    else:
        return F.lit(OPEN_START)
    seconds = int(lag.total_seconds())
    return start + F.expr(f"interval {seconds} seconds") if seconds else start


def _cents(col: SparkColumn) -> SparkColumn:
    """Double to decimal(18,2), the same on every engine (a plain cast of 1.005 is 1.00 on one and 1.01 on another).

    A double within a millionth of a cent below half a cent counts as half a cent, as its shortest text does.
    """
    cents = F.floor(F.abs(col) * F.lit(100.0) + F.lit(0.500001)).cast("decimal(18,0)")
    value = (cents * F.lit("0.01").cast("decimal(3,2)")).cast("decimal(18,2)")
    return F.when(col < F.lit(0.0), -value).otherwise(value).cast("decimal(18,2)")


def outcome_counts(judged: DataFrame) -> DataFrame:
    """One row: `rows`, `good`, `quarantined`, `warned` (good rows with a warning), `newest` (last good event_ts)."""

    def total(condition: SparkColumn) -> SparkColumn:
        return F.coalesce(F.sum(F.when(condition, F.lit(1)).otherwise(F.lit(0))), F.lit(0)).cast("bigint")

    good = F.size("broken") == 0
    timed = "event_ts" in judged.columns
    newest = F.max(F.when(good, F.col("event_ts"))) if timed else F.max(F.lit(None).cast("timestamp"))
    return judged.agg(
        F.count(F.lit(1)).alias("rows"),
        total(good).alias("good"),
        total(~good).alias("quarantined"),
        total(good & (F.size("warned") > 0)).alias("warned"),
        newest.alias("newest"),
    )


def rule_counts(judged: DataFrame) -> DataFrame:
    """`rule`, `rows`: how many rows broke each rule (a row may break several), and `first`: the place of one.

    `first` has the fields source_file and source_row: the smallest of them.
    """
    hit = judged.where((F.size("broken") > 0) | (F.size("warned") > 0))
    rules = hit.select(
        F.explode(F.concat("broken", "warned")).alias("rule"), F.struct("source_file", "source_row").alias("place")
    )
    return rules.groupBy(rule_name(F.col("rule")).alias("rule")).agg(
        F.count(F.lit(1)).alias("rows"), F.min("place").alias("first")
    )


def rule_name(reason: SparkColumn) -> SparkColumn:
    """The rule that a reason belongs to: duplicates name the row they repeat."""
    return F.when(reason.startswith(DUPLICATE), F.lit(DUPLICATE_KEY)).otherwise(reason)
