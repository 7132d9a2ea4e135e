"""Tiers and points, against plain loops and at the edges."""

from datetime import timedelta
from decimal import Decimal

from pyspark.sql import SparkSession

from features.families import membership
from tests.features.families.people_world import (
    INSTANT,
    Draws,
    Row,
    Tables,
    assert_equals_oracle,
    known,
    net_orders_of,
    order,
    owners,
    refund,
    wide,
    with_future,
)
from tests.features.purchase_world import AS_OF, line

TIERS = {"bronze": Decimal(500), "silver": Decimal(1500), "gold": None}


def tables_of(seed: int) -> Tables:
    """Random tiers, points and orders; of an account, no two tiers begin at one moment."""
    draws = Draws(seed, (0, 30, 365))
    tiers: dict[tuple[str, object], Row] = {}
    for _ in range(25):
        row = draws.log()
        row["valid_from"] = row.pop("event_ts")
        tier = draws.rng.choice(list(TIERS))
        ends = AS_OF.day + timedelta(days=draws.rng.choice([-200, -1, 0, 1, 100]))
        row |= {"tier": tier, "next_tier_amount": TIERS[tier], "expires_on": draws.rng.choice([ends, ends, None])}
        tiers[row["account_id"], row["valid_from"]] = row
    ledger = []
    for i in range(120):
        kind = draws.rng.choice(["earn", "earn", "burn", "expire", "adjust"])
        points = draws.rng.randint(0, 200) * (1 if kind == "earn" else -1 if kind != "adjust" else (-1) ** i)
        ends = draws.rng.choice([None, AS_OF.plus(draws.rng.choice([-9, 0, 30, 200])).ts, AS_OF.plus(30).ts - INSTANT])
        ledger.append(draws.log(entry_id=f"pt-{i}", entry_kind=kind, points=points, expires_ts=ends))
    orders = [order(draws, i) for i in range(60)]
    refunds = [refund(draws, i, o) for i, o in enumerate(orders[:30])]
    return {
        "tier_history": list(tiers.values()),
        "points_ledger": ledger,
        "transactions": orders,
        "order_status": refunds,
    }


def oracle(tables: Tables, customer: str) -> Row:
    """What loops over the raw rows find."""
    return _tier(tables, customer) | _points(
        [r for r in known(tables["points_ledger"]) if r["customer_id"] == customer]
    )


def _tier(tables: Tables, customer: str) -> Row:
    last = {r["account_id"]: r for r in known(tables["tier_history"], moment="valid_from")}
    mine = [r for r in last.values() if r["customer_id"] == customer]
    holding = [r for r in mine if r["expires_on"] is None or r["expires_on"] >= AS_OF.day]
    found: Row = {"tier": None, "amt_to_next_tier": None, "days_to_tier_expiry": None}
    if not holding:
        return found | {"has_lapsed_tier": bool(mine)}
    # the last to begin; of equals the smaller account
    best = min(sorted(holding, key=lambda r: r["account_id"]), key=lambda r: AS_OF.ts - r["valid_from"])
    spent = sum(o["net"] for o in net_orders_of(tables) if o["customer_id"] == customer and o["days_ago"] <= 365)
    found["tier"], bar, ends = best["tier"], best["next_tier_amount"], best["expires_on"]
    found["amt_to_next_tier"] = None if bar is None else max(bar - spent, Decimal(0))
    found["days_to_tier_expiry"] = None if ends is None else (ends - AS_OF.day).days
    return found | {"has_lapsed_tier": False}


def _points(mine: list[Row]) -> Row:
    balance = sum(r["points"] for r in mine)
    # what was taken away is taken lot by lot from the points that end first
    never = AS_OF.plus(10**4).ts
    gone = -sum(r["points"] for r in mine if r["points"] < 0)
    expiring = 0
    for lot in sorted((r for r in mine if r["points"] > 0), key=lambda r: r["expires_ts"] or never):
        left = lot["points"] - min(gone, lot["points"])
        gone -= lot["points"] - left
        if AS_OF.ts <= (lot["expires_ts"] or never) < AS_OF.plus(30).ts:
            expiring += left
    earned = sum(r["points"] for r in mine if r["entry_kind"] == "earn")
    burnt = -sum(r["points"] for r in mine if r["entry_kind"] == "burn")
    return {
        "points_balance": balance,
        "points_below_zero": balance < 0,
        "points_expiring_30": expiring,
        "burn_rate": burnt / earned if earned else None,
        "can_redeem_lowest": balance >= 100,
    }


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature of random tiers, points and orders; rows at or after the cut change nothing."""
    for seed in (1, 2):
        tables = tables_of(seed)
        found = wide(spark, membership, tables)
        assert_equals_oracle(found, lambda c: oracle(tables, c), set(owners().values()), membership.DEFINITIONS)  # noqa: B023
    assert wide(spark, membership, with_future(tables)) == found


def tier(account: str, name: str, days: int, ends: int | None = 100, bar: str | None = "500") -> Row:
    """A tier from so many days before the cut, whose last day is so many after it."""
    return {
        "account_id": account,
        "tier": name,
        "valid_from": AS_OF.plus(-days).ts,
        "available_ts": AS_OF.plus(-days).ts,
        "expires_on": None if ends is None else AS_OF.day + timedelta(days=ends),
        "next_tier_amount": None if bar is None else Decimal(bar),
    }


def test_edges_of_tiers(spark: SparkSession) -> None:
    """A tier lasts to the end of its last day; merged accounts have the one that still holds; no spend is no fault."""
    year = AS_OF.plus(-365).ts
    tables = {
        "tier_history": [
            tier("a5", "silver", 30),  # never spent anything: the whole amount is missing
            tier("a6", "silver", 30, 0),  # ends with the day of the cut
            tier("a7", "gold", 400, -1, None),  # ended the day before
            tier("a0", "bronze", 300),
            tier("a1", "gold", 500, None, None) | {"valid_from": AS_OF.plus(-200).ts},
            tier("a8", "bronze", 300),
            tier("a8", "gold", 200, -5, None),  # a later row ends the earlier one, and ran out itself
            tier("a9", "bronze", 9),
            tier("a9", "gold", 0),  # begins at the cut: not yet
        ],
        "transactions": [
            line("a9", "in", year, amount="120.00"),
            line("a9", "out", year - INSTANT, amount="300.00"),
            line("a6", "more", year, amount="900.00"),
        ],
    }
    found = wide(spark, membership, tables)
    assert (found["c-a5"]["tier"], found["c-a5"]["amt_to_next_tier"]) == ("silver", Decimal(500))
    assert (found["c-a6"]["days_to_tier_expiry"], found["c-a6"]["amt_to_next_tier"]) == (0, Decimal(0))
    assert (found["c-a7"]["tier"], found["c-a7"]["has_lapsed_tier"]) == (None, True)
    assert found["c-a7"]["days_to_tier_expiry"] is None
    assert (found["c-a0"]["tier"], found["c-a0"]["amt_to_next_tier"]) == ("gold", None)
    assert (found["c-a8"]["tier"], found["c-a8"]["has_lapsed_tier"]) == (None, True)
    assert (found["c-a9"]["tier"], found["c-a9"]["amt_to_next_tier"]) == ("bronze", Decimal(380))


def test_points_below_zero_are_kept_and_flagged(spark: SparkSession) -> None:
    """A ledger that spends more than was earned keeps its sum; nothing of it can end or be redeemed."""

    def entry(number: int, kind: str, points: int, **more: object) -> Row:
        ts = AS_OF.plus(-number).ts
        return {"account_id": "a5", "entry_id": str(number), "entry_kind": kind, "points": points} | {
            "event_ts": ts,
            "available_ts": ts,
            **more,
        }

    ledger = [entry(9, "earn", 100, expires_ts=AS_OF.ts), entry(8, "burn", -130)]
    found = wide(spark, membership, {"points_ledger": ledger})["c-a5"]
    assert (found["points_balance"], found["points_below_zero"]) == (-30, True)
    assert (found["points_expiring_30"], found["can_redeem_lowest"], found["burn_rate"]) == (0, False, 1.3)
