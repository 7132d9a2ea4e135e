"""Histories and what followed them, for `nextbest evaluate lifetime`: from the lake, or from public purchase data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import EPOCH, AsOf
from features.contract import Contract
from features.definitions import FeatureParams
from features.errors import DataError
from features.facts import Facts
from features.order_days import histories
from features.output_tables import CUSTOMER_MAP
from features.source_tables import PRODUCTS, TRANSACTIONS
from jobs.runs import write_read
from jobs.session import Engine
from models.lifetime_evaluation import OrderDays

MAX_CUSTOMERS = 50_000  # more are a sample by hash: intervals are narrow by then
BUCKETS = 10_000
PUBLIC = ("cdnow", "online-retail")


@dataclass(frozen=True)
class Held:
    """A cut: facts before it, its customers' histories, and their order days before and after it (epoch days)."""

    facts: Facts
    histories: pa.Table  # sorted by customer_id; row i is customer i of the arrays
    past: OrderDays
    future: OrderDays
    end: int  # first day that is not known

    @property
    def cut(self) -> int:
        """The first day held out."""
        return self.facts.as_of.epoch_day


def public_tables(kind: str, path: Path, folder: Path, engine: Engine) -> dict[str, DataFrame]:
    """A public file as the sources of a shop with one product, written to `folder`."""
    try:
        rows = _cdnow(path) if kind == "cdnow" else _online_retail(path)
    except (OSError, pa.ArrowException, KeyError, ValueError) as e:
        raise DataError(f"{path} cannot be read as {kind} purchases: {e}") from e
    rows = rows[rows["amount"] >= 0].sort_values(["account_id", "day", "order_id"], kind="stable")
    moments = pa.array((rows["day"].to_numpy() * 86_400_000_000).astype(np.int64)).cast(pa.timestamp("us", tz="UTC"))
    n = len(rows)
    amount = [Decimal(int(cents)).scaleb(-2) for cents in np.round(rows["amount"].to_numpy() * 100)]
    found = {
        "order_id": pa.array(rows["order_id"].astype(str)),
        "line_no": pa.array(np.arange(n, dtype=np.int32)),
        "account_id": pa.array(rows["account_id"].astype(str)),
        "product_id": pa.array(["all"] * n),
        "event_ts": moments,
        "available_ts": moments,
        "quantity": pa.array(np.ones(n, dtype=np.int64)),
        "amount": amount,
    }
    accounts = sorted(set(found["account_id"].to_pylist()))
    long_ago = pa.array([0] * len(accounts), pa.timestamp("us", tz="UTC"))
    mapped = {"account_id": accounts, "customer_id": accounts, "valid_from": long_ago}
    tables = {
        "transactions": _conform(TRANSACTIONS, found, n),
        "products": _conform(PRODUCTS, {"product_id": ["all"], "valid_from": pa.array([0], long_ago.type)}, 1),
        "customer_map": _conform(CUSTOMER_MAP, mapped, len(accounts)),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: engine.spark.read.parquet(str(folder / f"{name}.parquet")) for name in tables}


def _conform(contract: Contract, columns: Mapping[str, Any], n: int) -> pa.Table:
    return pa.table({c.name: pa.array(columns.get(c.name, [None] * n), c.arrow_type) for c in contract.columns})


def _cdnow(path: Path) -> pd.DataFrame:
    rows = pq.read_table(path, columns=["users_id", "date", "amt"]).to_pandas()
    day = pd.to_datetime(rows["date"]).to_numpy().astype("datetime64[D]").astype(np.int64)
    return pd.DataFrame(
        {
            "order_id": np.arange(len(rows)),
            "account_id": rows["users_id"].map("{:06d}".format),
            "day": day,
            "amount": rows["amt"],
        }
    )


def _online_retail(path: Path) -> pd.DataFrame:
    """One row per invoice and day; without cancellations, lines without a customer and lines without a price."""
    names = ["InvoiceNo", "CustomerID", "InvoiceDate", "Quantity", "UnitPrice"]
    rows = pq.read_table(path, columns=names).to_pandas()
    rows = rows[rows["CustomerID"].notna() & (rows["Quantity"] > 0) & (rows["UnitPrice"] > 0)]
    rows = rows.assign(
        day=rows["InvoiceDate"].to_numpy().astype("datetime64[D]").astype(np.int64),
        amount=rows["Quantity"] * rows["UnitPrice"],
        account_id=rows["CustomerID"].astype(int).map("{:06d}".format),
        order_id=rows["InvoiceNo"],
    )
    return rows.groupby(["order_id", "account_id", "day"], as_index=False)["amount"].sum()


def hold_out(tables: Mapping[str, DataFrame], cut: AsOf, horizon: int, params: FeatureParams, scratch: Path) -> Held:
    """Facts before the cut, and what their customers did in `horizon` days from it; `DataError` when too little."""
    first = next(iter(tables.values()))

    def keep(name: str, df: DataFrame) -> DataFrame:
        return write_read(first.sparkSession, scratch / name, df)

    facts = Facts(_sampled(dict(tables)), cut, params, keep)
    known = histories(facts).toArrow().sort_by("customer_id")
    if known.num_rows == 0:
        raise DataError(f"nobody has an order known before {cut.day}; choose a later --cut")
    ids = known.column("customer_id").to_pylist()
    end = AsOf(cut.day + timedelta(days=horizon), cut.time_zone)
    past = _order_days(facts, cut, ids)
    future = _order_days(facts, end, ids).within(cut.epoch_day, end.epoch_day)
    return Held(facts, known, past, future, end.epoch_day)


def _sampled(tables: dict[str, DataFrame]) -> dict[str, DataFrame]:
    """The same tables, with a customer_map of at most about MAX_CUSTOMERS customers."""
    mapped = tables["customer_map"]
    n = mapped.select("customer_id").distinct().count()
    if n > MAX_CUSTOMERS:
        bucket = F.pmod(F.xxhash64("customer_id"), F.lit(BUCKETS))
        tables["customer_map"] = mapped.where(bucket < F.lit(BUCKETS * MAX_CUSTOMERS // n))
    return tables


def _order_days(facts: Facts, until: AsOf, ids: list[str]) -> OrderDays:
    """Order days before `until` of the customers that accounts had at the cut of `facts`."""
    lines = facts.tables["transactions"].where(
        (F.col("event_ts") < F.lit(until.ts)) & (F.col("available_ts") < F.lit(until.ts))
    )
    local = F.unix_date(F.to_date(F.from_utc_timestamp(F.col("event_ts"), until.time_zone)))
    table = (
        lines.join(F.broadcast(facts.accounts), "account_id", how="inner")
        .groupBy("customer_id", local.alias("day"))
        .agg(F.sum("amount").cast("double").alias("amount"))
        .toArrow()
        .sort_by([("customer_id", "ascending"), ("day", "ascending")])
    )
    places = pd.Index(ids).get_indexer(table.column("customer_id").to_pandas())
    known = places >= 0  # who has no order before the cut is not forecast
    day = table.column("day").to_numpy().astype(np.int64)
    return OrderDays(places[known].astype(np.int64), day[known], table.column("amount").to_numpy()[known], len(ids))


def day_of(epoch_day: int) -> str:
    """An epoch day as a date."""
    return str(EPOCH + timedelta(days=epoch_day))
