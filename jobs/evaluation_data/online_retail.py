"""Online Retail (UCI 352): a year of a British wholesaler of gifts, 2010-12-01 to 2011-12-09.

There are descriptions but no categories, so only the product level is evaluated; variants of one stock number (colours,
letters) share a type.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from jobs.evaluation_data.shop import Shop, as_shop, data_path, day_numbers, drop_lines, need_columns, read_table

ADVICE = "the UCI data set 352 as one Parquet or CSV file"
COLUMNS = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID")


def load_online_retail(path: Path | None) -> Shop:
    """Purchases of known customers; `DataError` when the file is missing or is something else."""
    path = data_path(path, "online-retail", ADVICE)
    lines = read_table(path, "online-retail")
    need_columns(lines, COLUMNS, path, "online-retail")
    code = lines["StockCode"].astype(str).str.strip().str.upper()
    bought, dropped = drop_lines(
        lines.assign(code=code),
        {
            "lines without customer": lines["CustomerID"].isna(),
            "cancellations": lines["InvoiceNo"].astype(str).str.startswith("C") | (lines["Quantity"] <= 0),
            "lines without price": lines["UnitPrice"] <= 0,
            # postage, discounts, fees, samples, vouchers
            "lines of no product": ~code.str.match(r"\d{5}"),
        },
    )
    kept = pd.DataFrame(
        {
            "customer": bought["CustomerID"].astype(int).map("{:06d}".format),
            "product": bought["code"],
            "day": day_numbers(pd.to_datetime(bought["InvoiceDate"])),
            "order": bought["InvoiceNo"],
            "quantity": bought["Quantity"],
            "amount": bought["Quantity"] * bought["UnitPrice"],
        }
    )
    ids = pd.Index(sorted(set(kept["product"])), dtype=object)
    return as_shop(kept, pd.DataFrame({"product_type": ids.str.slice(0, 5)}, index=ids), dropped)
