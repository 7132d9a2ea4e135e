"""Table contracts: the one mechanism behind check on read, check on write and the data dictionary.

A contract names a table, its grain (key), its columns with types and meanings, and how it is partitioned.
It is the only place where a column is named.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import reduce

import pyarrow as pa
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.errors import ContractError

# kind -> (arrow type, Spark type). Money is decimal so that sums are equal on every engine.
KINDS: dict[str, tuple[pa.DataType, str]] = {
    "string": (pa.string(), "string"),
    "int": (pa.int32(), "int"),
    "long": (pa.int64(), "bigint"),
    "double": (pa.float64(), "double"),
    "bool": (pa.bool_(), "boolean"),
    "date": (pa.date32(), "date"),
    "timestamp": (pa.timestamp("us", tz="UTC"), "timestamp"),
    "money": (pa.decimal128(18, 2), "decimal(18,2)"),
    "strings": (pa.list_(pa.string()), "array<string>"),
}


@dataclass(frozen=True)
class Column:
    """One column: its kind (see `KINDS`), what it means, and what values are allowed.

    `low` and `high` are inclusive bounds. `values` closes the set of a string column. A source may leave a
    nullable column out; it is then filled with null. A `private` value is in its clean table only: quarantine
    keeps its length.
    """

    name: str
    kind: str
    meaning: str
    nullable: bool = False
    values: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    private: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type stored in the lake."""
        return KINDS[self.kind][0]

    @property
    def spark_type(self) -> str:
        """The Spark SQL type, as in a DDL string."""
        return KINDS[self.kind][1]


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    `mode` is how the lake keeps it: "snapshot" (partitioned by `as_of`, one date replaced at a time), "whole"
    (replaced as one) or "append" (only ever grows). A snapshot with `parts`, string columns, has just one combination
    of their values of a date replaced at a time. `role` is "source", "product" or "internal".
    """

    name: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    mode: str = "whole"
    role: str = "product"
    required: bool = False
    retention: str = "every version until `tables vacuum`"
    example: dict[str, object] = field(default_factory=dict, compare=False)
    parts: tuple[str, ...] = ()

    @property
    def partition_by(self) -> list[str]:
        """Partition columns of the Delta table."""
        return ["as_of", *self.parts] if self.mode == "snapshot" else []

    @property
    def names(self) -> list[str]:
        """Column names in contract order."""
        return [c.name for c in self.columns]

    @property
    def private_names(self) -> list[str]:
        """Columns whose values are in no other table, log or message."""
        return [c.name for c in self.columns if c.private]

    def column(self, name: str) -> Column:
        """The column called `name`; `ContractError` when there is none."""
        for c in self.columns:
            if c.name == name:
                return c
        raise ContractError(f"{self.name}: no column {name!r}{nearest(name, self.names)}")

    def arrow_schema(self) -> pa.Schema:
        """The schema of the Parquet files, in contract order."""
        return pa.schema([pa.field(c.name, c.arrow_type, nullable=c.nullable) for c in self.columns])

    def ddl(self) -> str:
        """The schema as a Spark DDL string, for `spark.read.schema` and `mapInArrow`."""
        return ", ".join(f"`{c.name}` {c.spark_type}" for c in self.columns)

    def differences(self, schema: pa.Schema, *, partial: bool = False) -> list[str]:
        """Every way in which `schema` departs from the contract, one sentence each.

        With `partial`, a nullable column may be absent and an extra column is no fault (the way a source
        arrives); without it the names and types must match exactly (the way a table is stored).
        """
        found = {f.name: f.type for f in schema}
        faults = []
        for c in self.columns:
            if c.name not in found:
                if partial and c.nullable:
                    continue
                extra = [n for n in found if n not in self.names]
                faults.append(f"column {c.name!r} ({c.kind}) is missing{nearest(c.name, extra, 'is it now called')}")
            elif not _compatible(found[c.name], c.arrow_type, loose=partial):
                faults.append(f"column {c.name!r}: expected {c.kind} ({c.arrow_type}), found {found[c.name]}")
        if not partial:
            faults += [f"column {n!r} is not in the contract" for n in found if n not in self.names]
        return faults

    def check_schema(self, schema: pa.Schema, where: str, *, partial: bool = False) -> None:
        """Raise `ContractError` listing every difference between `schema` and this contract."""
        faults = self.differences(schema, partial=partial)
        if faults:
            raise ContractError(
                f"{self.name} ({where}) does not match its contract:\n"
                + "\n".join(f"  - {f}" for f in faults)
                + f"\n  see `nextbest tables describe {self.name}` for the columns expected"
            )

    def conform(self, df: DataFrame) -> DataFrame:
        """`df` with the contract's columns only, by name, in order, cast to the contract's types."""
        missing = [n for n in self.names if n not in df.columns]
        if missing:
            raise ContractError(f"{self.name}: the job did not compute {', '.join(missing)}")
        return df.select([F.col(c.name).cast(c.spark_type).alias(c.name) for c in self.columns])

    def rule_columns(self) -> dict[str, SparkColumn]:
        """Rule name -> boolean Column that is true where a row breaks the rule. One pass can count them all."""
        rules: dict[str, SparkColumn] = {}
        for c in self.columns:
            col = F.col(c.name)
            if not c.nullable:
                rules[f"{c.name} is null"] = col.isNull()
            if c.kind == "double":
                rules[f"{c.name} is not finite"] = F.isnan(col) | (F.abs(col) == F.lit(float("inf")))
            if c.values:
                rules[f"{c.name} not in {', '.join(c.values)}"] = col.isNotNull() & ~col.isin(list(c.values))
            if c.low is not None:
                rules[f"{c.name} below {c.low:g}"] = col < _bound(c, c.low)
            if c.high is not None:
                # NaN sorts above every number; it is counted by its own rule
                rules[f"{c.name} above {c.high:g}"] = col > _bound(c, c.high)
        return rules

    def audit_counts(self, df: DataFrame) -> DataFrame:
        """One row: `rows`, then for each rule of the contract how many rows break it (`r0`, `r1`, ...)."""
        counts = [
            F.sum(F.when(broken, F.lit(1)).otherwise(F.lit(0))).cast("bigint").alias(f"r{i}")
            for i, broken in enumerate(self.rule_columns().values())
        ]
        return df.agg(F.count(F.lit(1)).alias("rows"), *counts)

    def duplicate_keys(self, df: DataFrame) -> DataFrame:
        """The keys that occur more than once, with their count `n`."""
        return df.groupBy(*self.key).agg(F.count(F.lit(1)).alias("n")).where(F.col("n") > 1)

    def faults(self, counts: dict[str, int]) -> list[str]:
        """Sentences for the rules that `audit_counts` found broken."""
        return [f"{counts[f'r{i}']:,} rows: {rule}" for i, rule in enumerate(self.rule_columns()) if counts[f"r{i}"]]


def nearest(name: str, known: Iterable[str], lead: str = "did you mean") -> str:
    """A hint naming the closest known name, or an empty string.

    >>> nearest("amout", ["amount", "store_id"])
    " (did you mean 'amount'?)"
    """
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f" ({lead} {close[0]!r}?)" if close else ""


def _bound(column: Column, value: float) -> SparkColumn:
    """A bound in the column's own type: Sail compares a decimal with a double through an inexact decimal."""
    return F.lit(Decimal(f"{value:.2f}")) if column.kind == "money" else F.lit(value)


def _compatible(found: pa.DataType, expected: pa.DataType, *, loose: bool) -> bool:
    """Whether `found` holds `expected` without loss (exactly, or by a documented widening when `loose`)."""
    if found == expected:
        return True
    if pa.types.is_timestamp(expected):  # unit may differ; sources without a zone are read as UTC
        return pa.types.is_timestamp(found) and (loose or found.tz is not None)
    if pa.types.is_list(expected):
        return pa.types.is_list(found) and found.value_type == expected.value_type
    if pa.types.is_string(expected):
        return pa.types.is_large_string(found) or pa.types.is_string_view(found)
    if not loose:
        return False
    if pa.types.is_decimal(expected) or pa.types.is_floating(expected):
        return pa.types.is_decimal(found) or pa.types.is_floating(found) or pa.types.is_integer(found)
    if pa.types.is_integer(expected):
        return pa.types.is_integer(found)
    if pa.types.is_date(expected):
        return pa.types.is_date(found)
    return False


def contract_index(groups: Iterable[Iterable[Contract]]) -> dict[str, Contract]:
    """Contracts by name; `ContractError` when two share one."""

    def add(index: dict[str, Contract], contract: Contract) -> dict[str, Contract]:
        if contract.name in index:
            raise ContractError(f"two contracts are called {contract.name}")
        return index | {contract.name: contract}

    return reduce(add, (c for group in groups for c in group), {})
