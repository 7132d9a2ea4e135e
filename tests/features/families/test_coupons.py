"""Coupons given, used, and padded for."""

import random
from datetime import timedelta
from decimal import Decimal

from pyspark.sql import SparkSession

from features.definitions import FeatureParams
from features.families import coupons
from features.family_params import CouponParams
from tests.features.families.family_facts import days_ago, facts_of, family_rows, known
from tests.features.purchase_world import AS_OF, Row, line

DAY = timedelta(days=1)
PARAMS = FeatureParams(coupons=CouponParams(open_days=30, redeem_prior=0.1, prior_weight=5.0))


def coupon(number: str, account: str, age: float, **others: object) -> Row:
    """A coupon given `age` days before the cut, without an end or a threshold unless said."""
    ts = AS_OF.ts - timedelta(days=age)
    return {"coupon_id": number, "account_id": account, "event_ts": ts, "available_ts": ts} | others


def oracle(issued: list[Row], used: list[Row], lines: list[Row]) -> dict[str, Row]:
    """The features again, coupon by coupon."""
    found: dict[str, Row] = {}
    spent: dict[tuple[str, str], Decimal] = {}
    for x in known(lines):
        key = (x["account_id"], x["order_id"])
        spent[key] = spent.get(key, Decimal(0)) + x["amount"]
    uses = {u["coupon_id"]: u for u in known(used)}
    counts: dict[str, list[int]] = {}
    for c in known(issued, days=365):
        end, use = c.get("expires_ts"), uses.get(c["coupon_id"])
        if not (end < AS_OF.ts if end is not None else days_ago(c) > 30):
            continue
        hit = use is not None and use["account_id"] == c["account_id"]
        if use is not None:
            hit = hit and (use["event_ts"] <= end if end is not None else days_ago(c) - days_ago(use) <= 30)
        n = counts.setdefault(c["account_id"], [0, 0])
        n[0] += 1
        n[1] += hit
    for who, (n_given, n_used) in counts.items():
        rate = round((n_used + 0.5) / (n_given + 5), 6)
        found[who] = {"n_coupons_matured_365": n_given, "coupon_redeem_rate": rate}
    limits = {c["coupon_id"]: c.get("min_amount") for c in known(issued)}
    baskets: dict[str, list[bool]] = {}
    for u in known(used, days=365):
        least, basket = limits.get(u["coupon_id"]), spent.get((u["account_id"], str(u.get("order_id"))))
        if least and basket is not None:
            baskets.setdefault(u["account_id"], []).append(least <= basket <= least * Decimal("1.1"))
    for who, hits in baskets.items():
        found.setdefault(who, {})["min_basket_for_coupon_hit"] = round(sum(hits) / len(hits), 6)
    return found


def test_coupons_equal_a_plain_loop(spark: SparkSession) -> None:
    """Random coupons and uses, among them late, unknown and another's ones, come out as a loop over them says."""
    rng = random.Random(3)
    issued, used, lines = [], [], []
    for i in range(160):
        who = f"a{i % 6}"
        age = rng.choice([rng.uniform(-3, 420), 365, 365.001, 30, 31])
        valid = rng.choice([None, rng.uniform(1, 60), age])  # that of `age` ends exactly at the cut
        given = coupon(f"c{i}", who, age, min_amount=rng.choice([None, Decimal(0), Decimal(100)]))
        end = None if valid is None else given["event_ts"] + timedelta(days=valid)
        issued.append(given | {"expires_ts": end})
        if rng.random() < 0.7:
            ts = given["event_ts"] + timedelta(days=rng.uniform(0, 70))
            user = rng.choice([who, who, who, "a0"])
            used.append(coupon(f"c{i}", user, 0, order_id=rng.choice([f"o{i}", None])) | {"event_ts": ts})
            used[-1]["available_ts"] = ts + rng.choice([timedelta(0), 9 * DAY])
            amount = rng.choice(["99.99", "100.00", "110.00", "110.01", "40.00"])
            lines.append(line(user, f"o{i}", ts, amount=amount))
    used.append(coupon("never", "a1", 5, order_id="o1"))
    facts = facts_of(spark, {"transactions": lines, "coupons_issued": issued, "coupons_redeemed": used}, params=PARAMS)
    assert family_rows(coupons.features(facts)) == oracle(issued, used, lines)


def test_boundaries_of_a_coupon(spark: SparkSession) -> None:
    """What counts is what ended strictly before the cut; used at its last instant is used in time, later is not."""
    end = AS_OF.ts - 9 * DAY
    ids = {"kept": end, "late": end, "today": AS_OF.ts, "open": None, "fresh": None}
    ages = {"open": 31, "fresh": 30}
    issued = [coupon(n, n, ages.get(n, 20), expires_ts=e, min_amount=Decimal(50)) for n, e in ids.items()]
    used = [
        coupon("kept", "kept", 9),
        coupon("late", "late", 8.999, order_id="o"),
        coupon("ghost", "ghost", 3, order_id="g"),
    ]
    lines = [line("late", "o", end, amount="55.00"), line("ghost", "g", end, amount="55.00")]
    facts = facts_of(spark, {"transactions": lines, "coupons_issued": issued, "coupons_redeemed": used}, params=PARAMS)
    found = family_rows(coupons.features(facts))
    assert found["kept"]["coupon_redeem_rate"] == 0.25  # (1 + 0.5) / (1 + 5)
    # accepted after its end: not a use in time, but a basket filled up to the threshold
    assert (found["late"]["coupon_redeem_rate"], found["late"]["min_basket_for_coupon_hit"]) == (0.083333, 1.0)
    assert found["open"]["n_coupons_matured_365"] == 1
    # ends at the cut, given 30 days ago without an end, used but never given: not counted
    assert not {"today", "fresh", "ghost"} & set(found)
