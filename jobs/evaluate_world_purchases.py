"""Next-best products and categories against what the persons of a world buy when nobody contacts them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix

from features.as_of import AsOf
from jobs.console import say, show_table
from jobs.evaluate_world_inputs import Standing, customers_at
from jobs.simulate.dynamics import live, no_contacts
from jobs.simulate.model import PAID, Array
from jobs.tables import Lake
from recommend.metrics import Interval, bootstrap_interval, ndcg_at_k, recall_at_k

K = 10
LISTS = (
    ("products", "next_best_products", "product_id", "kind"),
    ("categories", "next_best_categories", "category", "state"),
)


def score_lists(
    lake: Lake, as_of: AsOf, owner: pd.Series, s: Standing, horizon: int, replications: int
) -> list[dict[str, Any]]:
    """Recall and NDCG at 10 of the published lists and of GP-TopFreq, and calibration of p_buy per kind.

    Truth of the ranking is one future (the first); calibration averages over all of them. A person who is several
    customers to the shop is judged by the one with most purchases, and so is the baseline: both know as much of her.
    Her truth is all that she buys, also under accounts that were never stitched.
    """
    owner = _main_customers(lake, as_of, owner)
    bought = {name: _futures(s, horizon, replications, name) for name, *_ in LISTS}
    past = _past(lake, as_of, owner)
    rows: list[dict[str, Any]] = []
    for name, table, column, kind in LISTS:
        if lake.table(table) is None or as_of.day not in lake.dates(table):
            say(f"  {table} as of {as_of.day} is not there: not scored")
            continue
        ids = list(s.world.catalogue.product_id if name == "products" else s.world.catalogue.category)
        code = {v: i for i, v in enumerate(ids)}
        rows_of = lake.arrow(table, as_of=as_of.day).select(["customer_id", "rank", column, kind, "p_buy"]).to_pandas()
        rows_of = rows_of.assign(person=rows_of.customer_id.map(owner), item=rows_of[column].map(code))
        rows_of = rows_of[rows_of.person.notna() & rows_of.item.notna()].astype({"person": np.int64, "item": np.int64})
        rows_of = rows_of.sort_values(["person", "rank", "customer_id"]).drop_duplicates(["person", "item"])
        listed = _lists(rows_of, s.n)
        truth = bought[name][0]
        own = past[column].map(code)
        frequent = _most_frequent(past.person[own.notna()], own[own.notna()].astype(np.int64), s.n, len(ids))
        compared = rows_of.person.unique()
        rows += _ranking_rows(name, {"published": listed, "GP-TopFreq": frequent}, truth, compared)
        rows += _calibration_rows(name, rows_of, kind, bought[name])
    _report(rows)
    return rows


def _futures(s: Standing, horizon: int, replications: int, level: str) -> list[csr_matrix]:
    """(n, items) of what is bought within the horizon without contacts, per future."""
    n_items = len(s.world.catalogue.product_id) if level == "products" else len(s.world.catalogue.category)
    found = []
    for r in range(1, replications + 1):
        log = live(s.world, s.people, s.state.copy(), horizon, no_contacts, r)
        paid = log.trips.outcome[log.lines.trip] == PAID
        who = log.trips.person[log.lines.trip][paid]
        item = (log.lines.product if level == "products" else log.lines.category)[paid].astype(np.int64)
        pairs = np.unique(who * n_items + item)
        shape = (s.n, n_items)
        found.append(csr_matrix((np.ones(len(pairs)), (pairs // n_items, pairs % n_items)), shape))
    return found


def _past(lake: Lake, as_of: AsOf, owner: pd.Series) -> pd.DataFrame:
    """Purchases before the cut by person: product_id, category."""
    lines = _customer_lines(lake, as_of)
    products = lake.arrow("products").select(["product_id", "category"]).to_pandas().drop_duplicates("product_id")
    person = lines.customer_id.map(owner)
    category = lines.product_id.map(products.set_index("product_id").category)
    past = pd.DataFrame({"person": person, "product_id": lines.product_id, "category": category})
    return past[past.person.notna()].astype({"person": np.int64})


def _customer_lines(lake: Lake, as_of: AsOf) -> pd.DataFrame:
    """Lines known at the cut: customer_id, product_id."""
    cut = pd.Timestamp(as_of.ts)
    lines = lake.arrow("transactions").select(["account_id", "product_id", "event_ts", "available_ts"]).to_pandas()
    lines = lines[(lines.event_ts < cut) & (lines.available_ts < cut)]
    return lines.assign(customer_id=lines.account_id.map(customers_at(lake, as_of)))


def _main_customers(lake: Lake, as_of: AsOf, owner: pd.Series) -> pd.Series:
    """Of `owner`, one customer per person: the one with most lines before the cut (ties: the smaller id)."""
    lines = _customer_lines(lake, as_of).customer_id.value_counts()
    table = owner.rename("person").rename_axis("customer_id").reset_index()
    table["lines"] = table.customer_id.map(lines).fillna(0)
    table = table.sort_values(["person", "lines", "customer_id"], ascending=[True, False, True])
    return table.drop_duplicates("person").set_index("customer_id").person


def _lists(rows: pd.DataFrame, n: int) -> Array:
    """(n, K) positions, -1 where a list ends."""
    place = rows.groupby("person").cumcount().to_numpy()
    keep = place < K
    lists = np.full((n, K), -1, np.int32)
    lists[rows.person.to_numpy()[keep], place[keep]] = rows.item.to_numpy()[keep]
    return lists


def _most_frequent(person: pd.Series, item: pd.Series, n: int, n_items: int) -> Array:
    """(n, K): own items by how often bought, then everybody's (GP-TopFreq); ties by popularity, then position."""
    popular = np.bincount(item, minlength=n_items)
    order = np.argsort(-popular, kind="stable")
    counts = pd.DataFrame({"person": person.to_numpy(), "item": item.to_numpy()}).value_counts().reset_index(name="n")
    counts["popular"] = popular[counts.item]
    counts = counts.sort_values(["person", "n", "popular", "item"], ascending=[True, False, False, True])
    lists = _lists(counts, n)
    for row in lists:
        have = int((row >= 0).sum())
        if have < K:
            others = order[: 2 * K][~np.isin(order[: 2 * K], row[:have])]
            row[have : have + len(others)] = others[: K - have]
    return lists


def _ranking_rows(name: str, lists: Mapping[str, Array], truth: csr_matrix, compared: Array) -> list[dict[str, Any]]:
    """Recall and NDCG of each list over persons with a published list and a purchase, differences paired."""
    mask = np.zeros(truth.shape[0], bool)
    mask[compared] = True
    values = {}
    for which, metric in (("recall", recall_at_k), ("ndcg", ndcg_at_k)):
        for label, found in lists.items():
            value = metric(found, truth, K)
            values[which, label] = np.where(mask, value, np.nan)
    rows = []
    for label in lists:
        for which in ("recall", "ndcg"):
            mean = bootstrap_interval(values[which, label])
            gain = bootstrap_interval(values[which, label] - values[which, "GP-TopFreq"])
            rows.append(_row(f"{name}: {which}@{K}", label, mean, gain))
    return rows


def _row(what: str, who: str, value: Interval, gain: Interval | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "who": who, "value": value.mean, "low": value.low, "high": value.high}
    if gain is not None:
        row |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
    return row


def _calibration_rows(name: str, rows: pd.DataFrame, kind: str, futures: list[csr_matrix]) -> list[dict[str, Any]]:
    """Observed over expected purchases of published rows, per kind, with an interval over persons."""
    observed = np.zeros(len(rows))
    for truth in futures:
        observed += np.asarray(truth[rows.person.to_numpy(), rows["item"].to_numpy()]).ravel()
    table = rows.assign(observed=observed / len(futures))
    found = []
    for value, part in table.groupby(kind):
        sums = part.groupby("person")[["observed", "p_buy"]].sum().to_numpy()
        rng = np.random.default_rng(0)
        draws = []
        for _ in range(200):
            total = sums[rng.integers(0, len(sums), len(sums))].sum(axis=0)
            draws.append(total[0] / total[1] if total[1] > 0 else np.nan)
        low, high = np.nanquantile(draws, [0.025, 0.975])
        ratio = float(sums[:, 0].sum() / sums[:, 1].sum()) if sums[:, 1].sum() > 0 else float("nan")
        found.append(_row(f"{name}: observed / expected", str(value), Interval(ratio, float(low), float(high))))
    return found


def _report(rows: list[dict[str, Any]]) -> None:
    shown = []
    for r in rows:
        gain = f"{r['gain']:+.4f} [{r['gain_low']:+.4f}, {r['gain_high']:+.4f}]" if "gain" in r else ""
        shown.append((r["what"], r["who"], f"{r['value']:.4f}", f"[{r['low']:.4f}, {r['high']:.4f}]", gain))
    show_table("lists against purchases without contact", ["", "", "value", "95 %", "against GP-TopFreq"], shown)
