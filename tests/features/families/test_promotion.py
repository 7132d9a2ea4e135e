"""Days of promotion, and what they do to customers."""

import random
from datetime import timedelta
from math import isclose, log

import numpy as np
from pyspark.sql import SparkSession

from features.families import promotion
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import AS_OF, Row, line, local


def promoted(*ages: int, kind: str = "promotion", **others: object) -> list[Row]:
    """Days of the calendar, so many days before the cut's own."""
    return [{"day": AS_OF.day - timedelta(days=a), "event": f"e{a}", "event_kind": kind} | others for a in ages]


def oracle(lines: list[Row], days: set[int]) -> dict[str, Row]:
    """Both features again, customer by customer and week by week."""
    orders: dict[str, dict[str, int]] = {}
    for x in known(lines):
        mine = orders.setdefault(x["account_id"], {})
        mine[x["order_id"]] = max(mine.get(x["order_id"], 0), days_ago(x))
    weeks_on = {(d - 1) // 7 for d in days}
    found: dict[str, Row] = {}
    o_e_v: dict[str, tuple[float, float]] = {}
    for who, mine in orders.items():
        year = [d for d in mine.values() if d <= 365]
        if year:
            found[who] = {"promo_day_share": round(sum(d in days for d in year) / len(year), 6)}
        first = min(104, max((d - 1) // 7 for d in mine.values()))
        bought = {(d - 1) // 7 for d in mine.values()}
        table = [[0, 0], [0, 0]]
        for week in range(first):
            table[week in weeks_on][week in bought] += 1
        (a, b), (c, d) = table
        n, n1, m = a + b + c + d, c + d, b + d
        if n > 1 and (v := n1 * (n - n1) * m * (n - m) / (n * n * (n - 1))) > 0:
            o_e_v[who] = (d - n1 * m / n, v)
    pairs = list(o_e_v.values())
    mean = sum(o for o, _ in pairs) / sum(v for _, v in pairs)
    q = sum(v * (o / v - mean) ** 2 for o, v in pairs)
    total, squares = sum(v for _, v in pairs), sum(v * v for _, v in pairs)
    between = max(0.0, (q - len(pairs) + 1) / (total - squares / total))
    for who, (over, variance) in o_e_v.items():
        own, noise = over / variance, 1 / variance
        found.setdefault(who, {})["discount_elasticity"] = (between * own + noise * mean) / (between + noise)
    return found


def test_promotions_equal_a_plain_loop(spark: SparkSession) -> None:
    """Random orders around random promotions, some of which were not known in time, come out as a loop says."""
    rng = random.Random(5)
    ages = {1, 7, 8, 365, 366, 728, *rng.sample(range(10, 700), 14)}
    calendar = [
        *promoted(*ages),
        *promoted(0, -5),
        *promoted(40, kind="festival"),
        *promoted(41, available_ts=AS_OF.ts),
    ]
    calendar.append(promoted(7)[0] | {"event": "a second event of that day"})
    lines = []
    for c in range(30):
        keen = c % 2
        for o in range(rng.choice([0, 1, 2, 40, 60])):
            age = rng.choice(sorted(ages)) if keen and rng.random() < 0.5 else rng.randint(-5, 900)
            lines.append(line(f"a{c}", f"o{c}-{o}", local(AS_OF.day - timedelta(days=age), rng.uniform(0, 23.9))))
    found = family_rows(promotion.features(facts_of(spark, {"transactions": lines, "calendar": calendar})))
    expected = oracle(lines, ages)
    assert found.keys() == expected.keys()
    for who, row in expected.items():
        assert found[who].get("promo_day_share") == row.get("promo_day_share"), who
        mine, theirs = found[who].get("discount_elasticity"), row.get("discount_elasticity")
        assert (mine is None) == (theirs is None), who
        if mine is not None and theirs is not None:
            assert isclose(mine, theirs, abs_tol=2e-5), who


def test_elasticity_finds_what_promotions_do(spark: SparkSession) -> None:
    """Of customers whose log-odds rise by 1, and by 0, in weeks of promotion, the groups come apart."""
    draws = np.random.default_rng(1)
    weeks_on = set(range(2, 104, 4))
    lines = [line(f"a{c}", f"o{c}-first", local(AS_OF.day - timedelta(days=750))) for c in range(60)]
    for c in range(60):
        for week in range(104):
            odds = log(0.3) + (c % 2) * (week in weeks_on)
            if draws.random() < 1 / (1 + np.exp(-odds)):
                lines.append(line(f"a{c}", f"o{c}-{week}", local(AS_OF.day - timedelta(days=7 * week + 3))))
    facts = facts_of(spark, {"transactions": lines, "calendar": promoted(*[7 * w + 2 for w in weeks_on])})
    found = family_rows(promotion.features(facts))
    means = [np.mean([found[f"a{c}"]["discount_elasticity"] for c in range(60) if c % 2 == k]) for k in (0, 1)]
    # half a customer's distance from the mean is noise with so few weeks, and is taken off
    assert -0.1 < means[0] < 0.35
    assert 0.65 < means[1] < 1.1
    saved = {r["feature"]: r["value"] for r in promotion.fitted(facts)[0].collect()}
    assert abs(saved["discount_elasticity_mean"] - 0.5) < 0.2
    assert saved["discount_elasticity_variance"] > 0.05


def test_a_calendar_without_promotions_says_nothing(spark: SparkSession) -> None:
    """Then the features are null, and nothing is fitted."""
    lines = [line("a", f"o{d}", local(AS_OF.day - timedelta(days=d))) for d in (3, 30, 90)]
    facts = facts_of(spark, {"transactions": lines, "calendar": promoted(3, kind="festival")})
    assert family_rows(promotion.features(facts)) == {}
    assert promotion.fitted(facts)[0].collect() == []
