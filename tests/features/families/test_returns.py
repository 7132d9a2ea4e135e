"""What came back, and why."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from pyspark.sql import SparkSession

from features.browsed import with_customer_ids
from features.families import returns
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import AS_OF, Row, line, local

DAY = timedelta(days=1)


def refund(order: str, age: float, product: str | None = None, reason: str | None = "size", **others: object) -> Row:
    """A refund so many days before the cut, of one product or of the whole order."""
    ts = AS_OF.ts - timedelta(days=age)
    row = {"order_id": order, "status": "refunded", "status_no": 1, "account_id": "any", "event_ts": ts}
    return row | {"available_ts": ts, "product_id": product, "reason": reason, "sales_channel": "web"} | others


def oracle(lines: list[Row], log: list[Row]) -> dict[str, Row]:
    """The features again, line by line."""
    bought = known(lines)
    order_age: dict[str, int] = {}
    for x in bought:
        order_age[x["order_id"]] = max(order_age.get(x["order_id"], 0), days_ago(x))
    refunds = [r for r in known(log) if r["status"] == "refunded"]
    total: Counter[str] = Counter()
    per: dict[str, Row] = {}
    for x in bought:
        mine = per.setdefault(
            x["account_id"], {"n": 0, "back": 0, "reasons": Counter(), "why": 0, "fit": 0, "cross": 0}
        )
        age = order_age[x["order_id"]]
        own = [r for r in refunds if r["order_id"] == x["order_id"] and r["product_id"] in (None, x["product_id"])]
        if 30 < age <= 365:
            first = max((min(days_ago(r), age) for r in own), default=-99)
            back = bool(own) and age - first <= 30
            mine["n"], mine["back"] = mine["n"] + 1, mine["back"] + back
            total.update(n=1, back=back)
        reasons = {r["reason"] for r in own} - {None}
        if age <= 365:
            mine["reasons"].update(reasons)
            mine["why"] += bool(reasons)
            mine["fit"] += bool(reasons & {"size", "fit"})
        mine["cross"] += x["sales_channel"] not in (None, "store") and any(r["sales_channel"] == "store" for r in own)
    mean, found = round(total["back"] / total["n"], 6), {}
    for who, m in per.items():
        found[who] = {
            "return_rate": pytest.approx((m["back"] + 10 * mean) / (m["n"] + 10), abs=1e-6) if m["n"] else None,
            "return_reason_mode": min(m["reasons"], key=lambda r: (-m["reasons"][r], r)) if m["reasons"] else None,
            "size_return_share": round(m["fit"] / m["why"], 6) if m["why"] else None,
            "exchange_cross_channel": m["cross"],
        }
    return found


def test_returns_equal_a_plain_loop(spark: SparkSession) -> None:
    """Random orders and refunds, some twice, early, late, of unknown orders or in other channels, as a loop says."""
    rng = random.Random(7)
    lines, log = [], []
    for o in range(150):
        age = rng.choice([rng.randint(-3, 500), 30, 31, 365, 366, 60])
        ts = local(AS_OF.day - timedelta(days=age), rng.uniform(0, 23.9))
        channel = rng.choice(["store", "web", "app", None])
        products = rng.sample(range(5), rng.randint(1, 4))
        for n, p in enumerate([*products, products[0]]):
            at = ts + timedelta(hours=rng.choice([0, 1]))
            lines.append(line(f"a{o % 7}", f"o{o}", at, f"p{p}", line_no=n, sales_channel=channel))
        for no in range(rng.choice([0, 0, 1, 1, 2, 3])):
            product = rng.choice([None, f"p{rng.randint(0, 5)}"])
            others = {"sales_channel": rng.choice(["store", "web", None]), "status_no": no}
            gone = age - rng.choice([rng.uniform(0, 45), 30, -3])
            log.append(refund(f"o{o}", gone, product, rng.choice(["size", "fit", "quality", "late", None]), **others))
            if rng.random() < 0.2:
                log[-1]["available_ts"] += 20 * DAY
    log += [refund("unknown", 3), refund("o1", 3) | {"status": "closed"}]
    found = family_rows(returns.features(facts_of(spark, {"transactions": lines, "order_status": log})))
    names = [d.name for d in returns.DEFINITIONS]
    for who, row in oracle(lines, log).items():
        mine = {n: found.get(who, {}).get(n) for n in names}
        assert mine | {"exchange_cross_channel": mine["exchange_cross_channel"] or 0} == row, who


def test_refunds_that_do_not_add_up(spark: SparkSession) -> None:
    """A line comes back once; before its purchase counts; of unknown orders or products does not; nor after the cut."""
    at = local(AS_OF.day - timedelta(days=60))
    names = ("twice", "early", "wrong", "late", "future", "after")
    lines = [line(n, n, at, p, sales_channel="app") for n in names for p in ("p0", "p1")]
    log = [
        refund("twice", 50, "p0", amount=None),
        refund("twice", 49, "p0", "quality"),
        refund("twice", 48, None, "late"),  # more than was paid: both lines again, and now p1 as well
        refund("early", 99, "p0", sales_channel="store"),
        refund("wrong", 50, "p9"),
        refund("unknown", 50),
        refund("late", 29, "p0"),  # 31 days after: a return, but not one of the first 30 days
        refund("future", 50, "p0") | {"available_ts": AS_OF.ts},
        refund("after", 0, "p0"),
    ]
    facts = facts_of(spark, {"transactions": lines, "order_status": log})
    rows = with_customer_ids(facts, returns.return_counts(facts)).collect()
    counts = {r["customer_id"]: (r["n_lines"], r["n_back"]) for r in rows}
    expected = {"twice": 2, "early": 1, "wrong": 0, "late": 0, "future": 0, "after": 0}
    assert counts == {n: (2, back) for n, back in expected.items()}
    (saved,) = returns.fitted(facts)[0].collect()
    assert (saved["feature"], saved["value"]) == ("return_rate_mean", 0.25)
    found = family_rows(returns.features(facts))
    assert found["early"]["return_rate"] == 0.291667  # (1 + 10 x 0.25) / (2 + 10)
    assert found["early"]["exchange_cross_channel"] == 1
    # late is said of both lines, quality and size of one: of equals the first
    assert found["twice"]["return_reason_mode"] == "late"
    assert found["twice"]["size_return_share"] == 0.5
    assert "return_reason_mode" not in found["wrong"]
