"""Habits in the day, the week and the month."""

from collections import Counter
from datetime import date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.definitions import FeatureParams
from features.facts import Facts
from features.families.daypart import (
    active_hours,
    as_cells,
    as_totals,
    daypart_share_features,
    features,
    fit_cell_shares,
    fitted,
    habit_features,
    paydays,
    with_lift,
)
from features.families.daypart_features import rows
from features.output_tables import CUSTOMER_MAP
from features.source_tables import BROWSING, CART_EVENTS, PRODUCTS, STORE_VISITS, TRANSACTIONS
from tests.features.purchase_world import ALWAYS, Row, frame, line, local, product

AS_OF = AsOf(date(2017, 12, 4))
MONDAY = 7  # days ago


def habits(spark: SparkSession, hours: list[tuple[str, int, int]]) -> dict[str, dict[str, object]]:
    """The features by customer, from (customer, days ago, local hour)."""
    cells = as_cells(spark.createDataFrame(hours, "customer_no string, days_ago int, hour int"), AS_OF)
    totals = as_totals(cells)
    shares = daypart_share_features(totals, AS_OF)
    lifted = with_lift(cells, totals, fit_cell_shares(cells)).withColumnRenamed("customer_no", "customer_id")
    rows = shares.withColumnRenamed("customer_no", "customer_id")
    top = habit_features(lifted, FeatureParams())
    return {r["customer_id"]: r.asDict() for r in rows.join(top, "customer_id", how="left").collect()}


def test_a_habit_needs_support_and_lift(spark: SparkSession) -> None:
    """Five Saturday afternoons of five are a habit among shoppers of other hours; four are not enough."""
    saturdays = [MONDAY - 5 + 7 * week for week in range(5)]
    hours = [("sat", d, 15) for d in saturdays] + [("few", d, 15) for d in saturdays[:4]]
    hours += [("all", d, 9 + d % 12) for d in range(1, 170)]
    found = habits(spark, hours)
    assert found["sat"]["dow_daypart_top"] == "sat_afternoon"
    assert found["sat"]["dow_daypart_top_lift"] > 1.5  # type: ignore[operator]
    assert (found["few"]["dow_daypart_top"], found["few"]["dow_daypart_top_lift"]) == (None, None)
    assert (found["sat"]["daypart_afternoon_share"], found["sat"]["weekend_ratio"]) == (1.0, 3.5)


def test_hours_belong_to_parts_of_the_day(spark: SparkSession) -> None:
    """Each part begins at its first hour; the night runs from 23 to 5."""
    limits = {0: "night", 4: "night", 5: "early", 9: "morning", 12: "midday", 15: "afternoon", 18: "evening"}
    limits |= {8: "early", 11: "morning", 14: "midday", 17: "afternoon", 22: "evening", 23: "night"}
    found = habits(spark, [(str(hour), 1, hour) for hour in limits])
    assert {h: p for h, p in limits.items() if found[str(h)][f"daypart_{p}_share"] != 1.0} == {}


def test_payday_ratio_is_1_for_who_does_not_care(spark: SparkSession) -> None:
    """An hour every day gives the share of such days itself; an hour on a 26th only gives its inverse."""
    found = habits(spark, [("daily", d, 9) for d in range(1, 181)] + [("paid", 8, 9)])
    assert found["daily"]["payday_ratio"] == 1.0
    assert found["paid"]["payday_ratio"] == round(180 / len(paydays(AS_OF)), 6)


NEW_YORK = AsOf(date(2017, 12, 4), "America/New_York")
KATHMANDU = AsOf(date(2017, 12, 4), "Asia/Kathmandu")  # 5:45 hours from UTC: hours begin at quarters


def random_logs(seed: int, as_of: AsOf) -> dict[str, list[Row]]:
    """Events of five customers with two accounts each, many in one hour, some at the edges of the window."""
    rng = Random(seed)
    names = {"transactions": "o", "browsing": "b", "cart_events": "k", "store_visits": "v"}
    # the second account of each customer is theirs only; `cookie` was never stitched, `visitor` only looked
    accounts = [f"{c}{i}" for c in "cdefg" for i in (1, 2)] + ["cookie", "visitor"]
    edges = [as_of.ts, as_of.plus(-180).ts, as_of.plus(-180).ts - timedelta(seconds=1), as_of.plus(-1).ts]
    edges += [local(date(2017, 11, 5), 0.6 + h / 2, as_of.time_zone) for h in range(6)]  # New York sets its clocks back
    logs: dict[str, list[Row]] = {name: [] for name in names}
    for i in range(600):
        name = rng.choice(list(names))
        ts = (
            rng.choice(edges) if rng.random() < 0.15 else as_of.ts - timedelta(minutes=rng.randrange(-2000, 190 * 1440))
        )
        account = rng.choice(accounts)
        if account == "visitor":
            name = "browsing"
        known = ts if rng.random() < 0.9 else ts + timedelta(days=rng.choice([0, 5, 300]))
        row = line(account, f"o{i}", ts, available_ts=known) | {f"{kind}_id": f"{i}" for kind in ("event", "visit")}
        row |= {"store_id": "s", "event_kind": "view" if name == "browsing" else "add"}
        logs[name] += [row] * (1 if name == "transactions" else rng.choice([1, 1, 3]))
    return logs


def expected_hours(logs: dict[str, list[Row]], as_of: AsOf) -> dict[str, set[datetime]]:
    """Customer -> local hours with anything, by a plain loop."""
    hours: dict[str, set[datetime]] = {}
    start = as_of.plus(-180).ts
    for log in logs.values():
        for row in log:
            if not (start <= row["event_ts"] < as_of.ts and row["available_ts"] < as_of.ts):
                continue
            wall = row["event_ts"].astimezone(ZoneInfo(as_of.time_zone)).replace(minute=0, second=0, microsecond=0)
            customer = row["account_id"][0] if len(row["account_id"]) == 2 else row["account_id"]
            if customer not in ("cookie", "visitor"):
                hours.setdefault(customer, set()).add(wall.replace(tzinfo=None, fold=0))
    return hours


def facts_of(spark: SparkSession, logs: dict[str, list[Row]], as_of: AsOf) -> Facts:
    """Facts of the logs; `cookie` belongs to nobody."""
    contracts = {c.name: c for c in (TRANSACTIONS, BROWSING, CART_EVENTS, STORE_VISITS)}
    accounts = {r["account_id"] for log in logs.values() for r in log} - {"cookie"}
    owners = [{"account_id": a, "customer_id": a[0] if len(a) == 2 else a, "valid_from": ALWAYS} for a in accounts]
    tables: dict[str, DataFrame] = {name: frame(spark, contracts[name], log) for name, log in logs.items()}
    tables |= {"customer_map": frame(spark, CUSTOMER_MAP, owners), "products": frame(spark, PRODUCTS, [product("p0")])}
    return Facts(tables, as_of)


@pytest.mark.parametrize("as_of", [NEW_YORK, KATHMANDU], ids=["new_york", "kathmandu"])
def test_equals_a_plain_loop_over_all_logs(spark: SparkSession, as_of: AsOf) -> None:
    """Hours, shares, cells and lifts from orders, views, carts and visits; a passing visitor is not a customer."""
    logs = random_logs(7, as_of)
    hours = expected_hours(logs, as_of)
    facts = facts_of(spark, logs, as_of)
    wide = {r["customer_id"]: r for r in features(facts)[0].collect()}
    assert {c: len(h) for c, h in hours.items()} == {c: r["n_active_hours"] for c, r in wide.items()}
    for c, mine in hours.items():
        assert wide[c]["daypart_evening_share"] == pytest.approx(
            sum(18 <= h.hour < 23 for h in mine) / len(mine), abs=1e-6
        )
        assert wide[c]["dow_sun_share"] == pytest.approx(sum(h.weekday() == 6 for h in mine) / len(mine), abs=1e-6)

    def cell(hour: datetime) -> tuple[str, str]:
        parts = ((23, "night"), (18, "evening"), (15, "afternoon"), (12, "midday"), (9, "morning"), (5, "early"))
        return hour.strftime("%a").lower(), next((p for first, p in parts if hour.hour >= first), "night")

    everyone = Counter(cell(h) for mine in hours.values() for h in mine)
    cells = {(c, *key): n for c, mine in hours.items() for key, n in Counter(map(cell, mine)).items()}
    found = {(r["customer_id"], r["weekday"], r["daypart"]): r for r in rows(facts).collect()}
    assert {key: r["n_events"] for key, r in found.items()} == cells
    saved = {r["subject"]: r["value"] for r in fitted(facts)[0].collect()}
    for (c, day, part), r in found.items():
        share = cells[c, day, part] / len(hours[c])
        assert saved[f"{day}_{part}"] == pytest.approx(everyone[day, part] / everyone.total())
        assert r["lift"] == pytest.approx(share / saved[f"{day}_{part}"], abs=1e-6)


def test_orders_alone(spark: SparkSession) -> None:
    """Where only orders are delivered they are what is counted, two of one hour once."""
    at = local(date(2017, 12, 1), 9)
    logs = {"transactions": [line("c1", f"o{i}", at + timedelta(minutes=i)) for i in (0, 20, 70)]}
    found = active_hours(facts_of(spark, logs, NEW_YORK)).collect()
    assert sorted((r["days_ago"], r["hour"]) for r in found) == [(3, 9), (3, 10)]
