"""Channels, stores, and looking in one place to buy in another."""

import math
from collections import Counter
from datetime import date, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.facts import Facts
from features.families import channel_crossings, home_store, sales_channels
from features.family_params import SalesChannelParams
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import ALWAYS, Row, line, local, product

# the clocks of the zone were set back on 5 November, within the windows
AS_OF = AsOf(date(2017, 12, 4), "America/New_York")
INSTANT = timedelta(microseconds=1)
MOVED = AS_OF.plus(-100).ts  # when p2 became soap
PRODUCTS = [
    product("p0", "MILK"),
    product("p1", "SOAP"),
    product("p2", "MILK"),
    product("p2", "SOAP", valid_from=MOVED),
    product("p3", None),
]


def sale(account: str, order: str, ts: Any, channel: str | None, store: str | None = None, item: str = "p0") -> Row:
    """One order line in a channel."""
    return line(account, order, ts, item, sales_channel=channel, store_id=store)


def view(n: int, account: str, ts: Any, item: str | None = "p0", category: str | None = None) -> Row:
    """One page view."""
    row = {"event_id": f"b{n}", "account_id": account, "event_ts": ts, "available_ts": ts, "event_kind": "view"}
    return row | {"product_id": item, "category": category}


def visit(n: int, account: str, ts: Any, store: str = "s0", km: float | None = None) -> Row:
    """One visit to a store."""
    row = {"visit_id": f"v{n}", "account_id": account, "event_ts": ts, "available_ts": ts}
    return row | {"store_id": store, "distance_km": km}


def by_letter(spark: SparkSession, **sources: list[Row]) -> Facts:
    """Facts in which all accounts of one letter are one customer."""
    accounts = sorted({r["account_id"] for rows in sources.values() for r in rows})
    owners = [{"account_id": a, "customer_id": a[:1], "valid_from": ALWAYS} for a in accounts]
    return facts_of(spark, {"products": PRODUCTS, **sources}, AS_OF, customer_map=owners)


def built(facts: Facts) -> dict[str, Row]:
    """The features of all three modules by customer."""
    modules = (sales_channels, home_store, channel_crossings)
    return family_rows([f for module in modules for f in module.features(facts)])


def random_sources(seed: int) -> dict[str, list[Row]]:
    """Five customers of two accounts each; ties, orders of two channels, edges of windows, late arrivals."""
    rng = Random(seed)
    edges = [AS_OF.ts, AS_OF.plus(-365).ts, AS_OF.plus(-365).ts - INSTANT, AS_OF.plus(-180).ts]
    edges += [AS_OF.plus(-379).ts, AS_OF.plus(-379).ts - INSTANT, MOVED, MOVED - INSTANT]
    edges += [local(date(2017, 11, 5), h / 2) for h in range(8)]

    def moment() -> Any:
        if rng.random() < 0.2:
            return rng.choice(edges)
        return AS_OF.ts - timedelta(hours=rng.choice([rng.randrange(-20, 2000), rng.randrange(10000)]))

    def account() -> str:
        return f"{rng.choice('cdefg')}{rng.randrange(2)}"

    channels = ["store", "store", "store", "app", "web", "mini_program", None]
    sources: dict[str, list[Row]] = {"transactions": [], "browsing": [], "store_visits": []}
    for o in range(160):
        who, ts = account(), moment()
        for n in range(rng.choice([1, 1, 2])):
            channel = rng.choice(channels)
            store = rng.choice(["s0", "s1", "s2", None])
            row = sale(who, f"o{o}", ts + timedelta(minutes=n), channel, store, f"p{rng.randrange(5)}")
            sources["transactions"].append(row | {"line_no": n})
    for n in range(200):
        item = rng.choice(["p0", "p1", "p2", "p3", None])
        sources["browsing"].append(view(n, account(), moment(), item, rng.choice([None, None, "SOAP"])))
        if n % 3 == 0:
            km = rng.choice([None, rng.randrange(900) / 10])
            sources["store_visits"].append(visit(n, account(), moment(), f"s{rng.randrange(3)}", km))
    for rows in sources.values():
        for row in rows:
            if rng.random() < 0.04:
                row["available_ts"] = AS_OF.ts + timedelta(hours=rng.randrange(2))
    return sources


def category_at(row: Row) -> str | None:
    """The category of a row's product when it happened, by hand."""
    if row["product_id"] == "p2":
        return "SOAP" if row["event_ts"] >= MOVED else "MILK"
    return {"p0": "MILK", "p1": "SOAP"}.get(row["product_id"])


def wall_day(row: Row) -> date:
    """The local day of a row."""
    return row["event_ts"].astimezone(ZoneInfo(AS_OF.time_zone)).date()


def looked(row: Row, looks: list[Row]) -> bool:
    """Whether any of the looks led to a purchase."""
    return any(
        1 <= (wall_day(row) - wall_day(look)).days <= 14
        or (wall_day(row) == wall_day(look) and look["event_ts"] < row["event_ts"])
        for look in looks
    )


def expected(sources: dict[str, list[Row]], c: str) -> tuple[Row, list[bool], list[bool]]:
    """Features of one customer, and of her offline and online purchases whether she looked before, by plain loops."""
    mine = {name: [r for r in known(rows, AS_OF) if r["account_id"][0] == c] for name, rows in sources.items()}
    orders = []
    for order in {r["order_id"] for r in mine["transactions"]}:
        rows = [r for r in mine["transactions"] if r["order_id"] == order]
        first = min(rows, key=lambda r: r["event_ts"])
        channel = min((r["sales_channel"] for r in rows if r["sales_channel"]), default=None)
        store = min((r["store_id"] for r in rows if r["store_id"]), default=None)
        orders.append(first | {"sales_channel": channel, "store_id": store})
    orders.sort(key=lambda r: (r["event_ts"], r["order_id"]))
    dated = [r for r in orders if r["sales_channel"]]
    year = [r for r in dated if days_ago(r, AS_OF) <= 365]
    lately = [r["sales_channel"] == "store" for r in dated if days_ago(r, AS_OF) <= 180]
    n = Counter(r["sales_channel"] for r in year)
    shares = {k: v / len(year) for k, v in n.items()}
    began = dated[0]["sales_channel"] == "store"
    row: Row = {
        "offline_order_share": shares.get("store", 0) if year else None,
        "app_share": shares.get("app", 0) if year else None,
        "mini_program_share": shares.get("mini_program", 0) if year else None,
        "channel_entropy": abs(sum(p * math.log(p) for p in shares.values())) if year else None,
        "first_channel": dated[0]["sales_channel"],
        "last_channel": dated[-1]["sales_channel"],
        "migrated_off_to_on": began and sum(lately) * 2 < len(lately),
        "migrated_on_to_off": not began and sum(lately) * 2 > len(lately),
    }
    days: dict[str, set[int]] = {}
    for r in [r for r in orders if r["sales_channel"] in ("store", None)] + mine["store_visits"]:
        if days_ago(r, AS_OF) <= 365 and r["store_id"]:
            days.setdefault(r["store_id"], set()).add(days_ago(r, AS_OF))
    home = min(days, key=lambda s: (-len(days[s]), min(days[s]), s), default=None)
    told = [r for r in mine["store_visits"] if r["store_id"] == home and r["distance_km"] is not None]
    told = sorted((r["event_ts"], r["distance_km"]) for r in told if days_ago(r, AS_OF) <= 365)
    row |= {"home_store": home, "n_stores": len(days), "dist_home_store_km": told[-1][1] if told else None}
    bought: dict[tuple[str, str], Row] = {}
    for r in sorted(mine["transactions"], key=lambda r: r["event_ts"]):
        if r["sales_channel"] == "store" and category_at(r) and days_ago(r, AS_OF) <= 365:
            bought.setdefault((r["order_id"], str(category_at(r))), r)
    roto = [
        looked(r, [v for v in mine["browsing"] if (category_at(v) or v["category"]) == category])
        for (_, category), r in bought.items()
    ]
    online = [r for r in year if r["sales_channel"] != "store"]
    return row, roto, [looked(r, mine["store_visits"]) for r in online]


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_a_plain_loop(spark: SparkSession, seed: int) -> None:
    """Shares, first and last, stores, distances and both rates follow from loops over the raw rows."""
    sources = random_sources(seed)
    facts = by_letter(spark, **sources)
    found = built(facts)
    want = {c: expected(sources, c) for c in "cdefg"}
    rates = {}
    for name, i in (("roto", 1), ("showroom", 2)):
        everyone = [hit for w in want.values() for hit in w[i]]
        rates[name] = sum(everyone) / len(everyone)
        assert 0 < rates[name] < 1
    fitted = {r["feature"]: r["value"] for df in channel_crossings.fitted(facts) for r in df.collect()}
    assert fitted == {f"{name}_rate": pytest.approx(rate) for name, rate in rates.items()}
    for c, (row, *hits) in want.items():
        for name, value in row.items():
            same = pytest.approx(value, abs=1.1e-6) if isinstance(value, float) else value
            assert found[c][name] == same, (c, name)
        for name, base, mine in zip(("roto", "showroom"), ("purchases", "orders"), hits, strict=True):
            assert found[c][f"{name}_{base}"] == len(mine), (c, name)
            smoothed = (sum(mine) + 5 * rates[name]) / (len(mine) + 5)
            assert found[c][f"{name}_rate"] == pytest.approx(smoothed, abs=1.1e-6), (c, name)


def test_orders_of_one_moment_follow_their_ids(spark: SparkSession) -> None:
    """o1 comes before o10, whose id begins with it, and both before o2."""
    ts = AS_OF.plus(-3).ts
    rows = [sale("c", "o10", ts, "app"), sale("c", "o1", ts, "web"), sale("d", "o2", ts, "app")]
    rows += [sale("d", "o10", ts, "store"), sale("e", "o1", ts, "web"), sale("e", "o10", ts, "app")]
    found = built(by_letter(spark, transactions=rows))
    assert [(found[c]["first_channel"], found[c]["last_channel"]) for c in "cde"] == [
        ("web", "app"),
        ("store", "app"),
        ("web", "app"),
    ]


def test_looking_before_and_after(spark: SparkSession) -> None:
    """Fourteen days before counts and fifteen do not; on the same day the view must come first."""
    bought = local(date(2017, 11, 10), 12)
    looks = {"c": -14, "d": -15, "e": 0, "f": 0, "g": 1}
    hours = {"c": 0.0, "d": 23.9, "e": 11.9, "f": 12.1, "g": 1.0}
    views = [view(i, c, local(date(2017, 11, 10) + timedelta(looks[c]), hours[c])) for i, c in enumerate("cdefg")]
    views += [view(9, "d", bought - timedelta(hours=1), "p1")]  # soap, and milk was bought
    rows = [sale(c, f"o-{c}", bought, "store") for c in "cdefg"]
    counts = channel_crossings._roto_counts(by_letter(spark, transactions=rows, browsing=views)).collect()
    # customers are numbered in the order of their ids
    assert {r["customer_no"]: r["n_looked"] for r in counts} == {1: 1, 2: 0, 3: 1, 4: 0, 5: 0}


def test_what_is_not_delivered_is_not_there(spark: SparkSession) -> None:
    """Orders without channels or stores give no shares and no store; without logs there are no rates."""
    facts = by_letter(spark, transactions=[sale("c", "o", AS_OF.plus(-3).ts, None)])
    assert built(facts) == {}
    assert channel_crossings.fitted(facts) == []


def test_logs_without_purchases(spark: SparkSession) -> None:
    """Who looks and never buys has no rate, and nothing is fitted; settings without meaning are refused."""
    ts = AS_OF.plus(-3).ts
    facts = by_letter(spark, transactions=[], browsing=[view(1, "c", ts)], store_visits=[visit(1, "c", ts, km=2.0)])
    found = built(facts)
    assert found == {"c": {"home_store": "s0", "n_stores": 1, "dist_home_store_km": 2.0}}
    assert [df.collect() for df in channel_crossings.fitted(facts)] == [[], []]
    with pytest.raises(ValueError, match="look_days"):
        SalesChannelParams(look_days=0)
