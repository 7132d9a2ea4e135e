"""Purchases and hierarchy of one source, and what was dropped on the way; how files of many kinds are opened."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from features.errors import DataError
from features.hierarchy import Hierarchy, Labels
from features.interactions import Interactions, from_columns


@dataclass(frozen=True)
class Shop:
    """`hierarchy` is aligned with the products of `purchases`; `dropped` counts lines by reason."""

    purchases: Interactions
    hierarchy: Hierarchy
    dropped: Mapping[str, int]


def as_shop(lines: pd.DataFrame, products: pd.DataFrame, dropped: Mapping[str, int]) -> Shop:
    """A shop from order lines (customer, product, day, order, quantity, amount) and a product table by id.

    `products` is indexed by id and may hold category, product_type, department and brand; what it lacks is unknown.
    """
    if not len(lines):
        raise DataError("no line of the data is a purchase of a known product")
    days = (
        lines.groupby(["customer", "product", "day"])
        .agg(quantity=("quantity", "sum"), amount=("amount", "sum"), orders=("order", "nunique"))
        .reset_index()
    )
    who, customer = np.unique(days["customer"].astype(str), return_inverse=True)
    what, product = np.unique(days["product"].astype(str), return_inverse=True)
    purchases = from_columns(
        who.astype(object),
        what.astype(object),
        customer.astype(np.int32),
        product.astype(np.int32),
        days["day"].to_numpy(np.int32),
        days["quantity"].to_numpy(np.float32),
        days["amount"].to_numpy(np.float32),
        days["orders"].to_numpy(np.int32),
    )
    about = products.reindex(purchases.products)
    names: dict[str, Labels] = {}
    for name in ("category", "product_type", "department", "brand"):
        column = about[name] if name in about else pd.Series([None] * len(about))
        names[name] = np.array(["" if pd.isna(v) else str(v) for v in column], dtype=object)
    kind = np.where(names["product_type"] == "", names["category"], names["product_type"])
    ids = purchases.products
    return Shop(purchases, Hierarchy(ids, kind, names["category"], names["department"], names["brand"]), dropped)


def drop_lines(lines: pd.DataFrame, reasons: Mapping[str, pd.Series]) -> tuple[pd.DataFrame, dict[str, int]]:
    """The lines for which no reason holds, and how many fell to each reason, the first one counting."""
    left = np.ones(len(lines), dtype=bool)
    counts = {}
    for reason, holds in reasons.items():
        counts[reason] = int((left & holds.to_numpy()).sum())
        left &= ~holds.to_numpy()
    return lines[left], counts


def day_numbers(moments: pd.Series) -> pd.Series:
    """Days since 1970-01-01."""
    return (moments.dt.floor("D") - pd.Timestamp("1970-01-01")).dt.days.astype(np.int32)


def data_path(path: Path | None, protocol: str, advice: str) -> Path:
    """`path` if it is there; else `DataError` with what to get."""
    if path is None:
        raise DataError(f"--protocol {protocol} needs --data: {advice}")
    if not path.exists():
        raise DataError(f"--data {path} does not exist. {advice}")
    return path


def read_table(path: Path, protocol: str, text: tuple[str, ...] = ()) -> pd.DataFrame:
    """A Parquet, CSV or zipped CSV file; of CSV the columns `text` stay text (an id may begin with zeros)."""
    try:
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, dtype=dict.fromkeys(text, str))
    except (OSError, ValueError) as e:
        raise DataError(f"--data {path} cannot be read for --protocol {protocol}: {str(e).splitlines()[0]}") from e


def member_of_zip(path: Path, ending: str) -> io.BytesIO | None:
    """The bytes of the first file in a zip (a wheel is one) whose name ends so; None when there is none."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        name = next((n for n in sorted(archive.namelist()) if n.endswith(ending)), None)
        return io.BytesIO(archive.read(name)) if name else None


def need_columns(table: pd.DataFrame, names: tuple[str, ...], path: Path, protocol: str) -> None:
    """`DataError` that lists every column that is missing."""
    missing = [n for n in names if n not in table.columns]
    if missing:
        raise DataError(f"--data {path} has no {', '.join(missing)}, so it is not what --protocol {protocol} reads")
