"""A folder of one's own: `transactions` and `products` as Parquet or CSV, columns named as in the source contracts."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from features.errors import DataError
from jobs.evaluation_data.shop import Shop, as_shop, data_path, day_numbers, drop_lines, need_columns, read_table

ADVICE = (
    "a folder with transactions and products as .parquet or .csv: order_id, account_id, product_id, event_ts, amount "
    "(and quantity); product_id (and category, product_type, department, brand)"
)
IDS = ("order_id", "account_id", "product_id", "category", "product_type", "department", "brand")


def load_folder(path: Path | None, time_zone: str, drop_departments: tuple[str, ...] = ()) -> Shop:
    """Purchases by local day, one customer per account; products of `drop_departments` are left out and counted."""
    path = data_path(path, "folder", ADVICE)
    lines, products = _table(path, "transactions"), _table(path, "products")
    need_columns(lines, ("order_id", "account_id", "product_id", "event_ts", "amount"), path / "transactions", "folder")
    need_columns(products, ("product_id",), path / "products", "folder")
    products = products.assign(product_id=products["product_id"].astype(str))
    if "valid_from" in products:
        products = products.sort_values("valid_from", kind="stable")
    products = products.drop_duplicates("product_id", keep="last").set_index("product_id")
    department = products["department"] if "department" in products else pd.Series(None, products.index, dtype=object)
    what = lines["product_id"].astype(str)
    kept, dropped = drop_lines(
        lines.assign(product_id=what),
        {
            "lines of unknown products": ~what.isin(products.index),
            **{f"lines of department {d}": what.map(department) == d for d in drop_departments},
        },
    )
    moment = pd.to_datetime(kept["event_ts"], utc=True, format="ISO8601").dt.tz_convert(time_zone).dt.tz_localize(None)
    rows = pd.DataFrame(
        {
            "customer": kept["account_id"].astype(str),
            "product": kept["product_id"],
            "day": day_numbers(moment),
            "order": kept["order_id"].astype(str),
            "quantity": kept.get("quantity", 1),
            "amount": kept["amount"].astype(float),
        }
    )
    return as_shop(rows, products, dropped)


def _table(folder: Path, name: str) -> pd.DataFrame:
    for ending in ("parquet", "csv"):
        path = folder / f"{name}.{ending}"
        if path.exists():
            return read_table(path, "folder", IDS)
    raise DataError(f"--data {folder} holds no {name}.parquet or {name}.csv. {ADVICE}")
