"""Orders around festivals."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.facts import Facts
from features.families.holidays import FESTIVALS, features, fitted
from features.family_params import FestivalParams, HolidayParams
from features.output_tables import CUSTOMER_MAP
from features.source_tables import CALENDAR, PRODUCTS, TRANSACTIONS
from tests.features.purchase_world import Row, as_self, frame, line, local, product

AS_OF = AsOf(date(2026, 2, 10), "America/New_York")
LATE = datetime(2026, 2, 11, tzinfo=UTC)
DAYS = {"spring_festival": (21, 0), "national_day": (0, 6), "qixi": (7, 0), "mothers_day": (7, 0)}
CALENDAR_ROWS: list[Row] = [
    {"day": date(2024, 2, 10), "event": "spring_festival"},
    {"day": date(2025, 1, 29), "event": "春节"},  # another name of the same
    {"day": date(2026, 2, 17), "event": "spring_festival"},  # after the cut, known long before
    {"day": date(2024, 10, 1), "event": "national_day"},
    {"day": date(2025, 10, 1), "event": "national_day"},
    {"day": date(2025, 10, 1), "event": "国庆节"},  # the same days twice
    {"day": date(2025, 8, 29), "event": "qixi"},
    {"day": date(2024, 8, 10), "event": "qixi", "available_ts": LATE},  # told too late
    {"day": date(2025, 6, 18), "event": "618"},
]  # nobody told of mothers' day


def facts_of(spark: SparkSession, transactions: list[Row], calendar: list[Row]) -> Facts:
    """Facts of order lines and a calendar."""
    kinds = [{"event_kind": "festival"} | r for r in calendar]
    tables = {
        "transactions": frame(spark, TRANSACTIONS, transactions),
        "products": frame(spark, PRODUCTS, [product("p0")]),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(r["account_id"] for r in transactions)),
        "calendar": frame(spark, CALENDAR, kinds),
    }
    return Facts(tables, AS_OF)


def random_orders(seed: int) -> list[Row]:
    """Orders of eight customers over three years, several a day at times, some early, at the edges or too late."""
    rng = Random(seed)
    edges = [AS_OF.ts, AS_OF.plus(-730).ts, AS_OF.plus(-730).ts - timedelta(microseconds=1)]
    edges += [local(date(2025, 8, 22), h) for h in (0, 23.99)] + [local(date(2025, 8, 21), 23.99)]
    rows = [line("one", "one", local(date(2025, 1, 28)))]  # a lone order on a festival day
    for i in range(300):
        ts = rng.choice(edges) if rng.random() < 0.2 else AS_OF.ts - timedelta(hours=rng.randrange(-48, 24 * 900))
        known = ts if rng.random() < 0.95 else AS_OF.ts
        rows.append(line(f"c{rng.randrange(8)}", f"o{i}", ts, available_ts=known))
    return rows


def festival_days() -> dict[str, set[date]]:
    """The days of each festival by hand."""
    names = {"春节": "spring_festival", "国庆节": "national_day"}
    days: dict[str, set[date]] = {h: set() for h in FESTIVALS}
    for row in CALENDAR_ROWS:
        h = names.get(row["event"], row["event"])
        if h in DAYS and "available_ts" not in row:
            before, after = DAYS[h]
            days[h] |= {row["day"] + timedelta(d) for d in range(-before, after + 1)}
    return days


def expected(rows: list[Row]) -> dict[str, dict[str, tuple[int, int, int, int]]]:
    """customer -> festival -> orders and days on it, orders and days beside it, by a plain loop."""
    known = [r for r in rows if r["event_ts"] < AS_OF.ts and r["available_ts"] < AS_OF.ts]
    found: dict[str, dict[str, tuple[int, int, int, int]]] = {}
    for c in {r["account_id"] for r in known}:
        ordered = [r["event_ts"].astimezone(ZoneInfo(AS_OF.time_zone)).date() for r in known if r["account_id"] == c]
        start = max(min(ordered) + timedelta(1), AS_OF.day - timedelta(730))
        could = [start + timedelta(d) for d in range((AS_OF.day - start).days)]
        per_day = Counter(ordered)
        found[c] = {}
        for h, days in festival_days().items():
            on, off = [d for d in could if d in days], [d for d in could if d not in days]
            found[c][h] = (sum(per_day[d] for d in on), len(on), sum(per_day[d] for d in off), len(off))
    return found


def test_equals_a_plain_loop(spark: SparkSession) -> None:
    """Support and smoothed lift of every customer, and the population's lift, follow from counting days by hand."""
    rows = random_orders(3)
    facts = facts_of(spark, rows, CALENDAR_ROWS)
    want = expected(rows)
    saved = {r["subject"]: r["value"] for r in fitted(facts)[0].collect()}
    assert set(saved) == {"spring_festival", "national_day", "qixi"}
    for h, lift in saved.items():
        n, d, m, e = (sum(v[h][i] for v in want.values()) for i in range(4))
        assert lift == pytest.approx(n / d / (m / e))
    found = {r["customer_id"]: r for r in features(facts)[0].collect()}
    assert set(found) == set(want)
    for c, festivals in want.items():
        for h, (n, d, m, e) in festivals.items():
            assert found[c][f"holiday_orders_{h}"] == n, (c, h)
            if not d or not e or h not in saved:
                assert found[c][f"holiday_lift_{h}"] is None
                continue
            prior = 5 * saved[h] * d / (saved[h] * d + e)
            lift = ((n + prior) / d) / ((m + 5 - prior) / e)
            assert found[c][f"holiday_lift_{h}"] == pytest.approx(lift, abs=1.1e-6), (c, h)
    assert found["one"]["holiday_orders_spring_festival"] == 0  # her first order is no habit


def test_a_calendar_without_festivals(spark: SparkSession) -> None:
    """Nothing to compare with: null lifts, no support, nothing fitted."""
    facts = facts_of(spark, [line("c", "o", local(date(2025, 9, 1))), line("c", "p", local(date(2025, 10, 1)))], [])
    (row,) = features(facts)[0].collect()
    assert {row[f"holiday_lift_{h}"] for h in FESTIVALS} == {None}
    assert {row[f"holiday_orders_{h}"] for h in FESTIVALS} == {0}
    assert fitted(facts)[0].collect() == []


def test_settings_that_mean_nothing_are_refused() -> None:
    """A prior without weight leaves who buys on festivals only without a lift; a window is no half year."""
    with pytest.raises(ValueError, match="prior_orders"):
        HolidayParams(prior_orders=0)
    with pytest.raises(ValueError, match="days_before"):
        FestivalParams(("qixi",), days_before=400)
