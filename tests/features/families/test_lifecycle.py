"""Stages of customers on the engine, and the signs before a first order."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from pyspark.sql import SparkSession

from features.contract import Contract
from features.facts import Facts
from features.families import lifecycle
from features.output_tables import CUSTOMER_MAP
from features.source_tables import CART_EVENTS, ORDER_STATUS, PRODUCTS, SOCIAL_INTERACTIONS, TRANSACTIONS
from tests.features.purchase_world import AS_OF, Row, as_self, frame, line, local, product


def ago(days: int, hour: float = 12) -> dict[str, Any]:
    """A moment so many local days before the cut, known at once."""
    ts = local(AS_OF.day - timedelta(days=days), hour)
    return {"event_ts": ts, "available_ts": ts}


def cart(account: str, days: int, kind: str = "add", **more: Any) -> Row:
    """Something put into a cart."""
    return {
        "event_id": f"{account}{days}{kind}",
        "account_id": account,
        "event_kind": kind,
        "product_id": "p0",
        "quantity": 1,
    } | (ago(days) | more)


def follow(account: str, days: int, kind: str = "follow", network: str | None = "weibo") -> Row:
    """A follow, or its end."""
    row = {"interaction_id": f"{account}{days}{kind}", "account_id": account, "network": network}
    return row | {"interaction_kind": kind} | ago(days)


def stages(spark: SparkSession, lines: list[Row], **others: tuple[Contract, list[Row]]) -> dict[str, tuple[Any, ...]]:
    """customer -> (stage, days ago it began, stage before)."""
    rows = [*lines, *[r for _, listed in others.values() for r in listed]]
    tables = {
        "transactions": frame(spark, TRANSACTIONS, lines),
        "products": frame(spark, PRODUCTS, [product("p0")]),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(r["account_id"] for r in rows)),
    } | {name: frame(spark, contract, listed) for name, (contract, listed) in others.items()}
    facts = Facts(tables, AS_OF)
    (found,) = lifecycle.features(facts)
    found = found.join(facts.customers, "customer_no", how="inner")
    return {
        r["customer_id"]: (r["lifecycle_stage"], _days_ago(r["stage_since"]), r["previous_stage"])
        for r in found.collect()
    }


def _days_ago(day: date | None) -> int | None:
    return None if day is None else (AS_OF.day - day).days


def orders(account: str, *days: int) -> list[Row]:
    """One order on each of these days."""
    return [line(account, f"{account}-{d}", **{"ts": ago(d)["event_ts"]}) for d in days]


def test_stages_and_signs(spark: SparkSession) -> None:
    """Every stage, what came before it and since when; nothing at the cut or known too late counts."""
    late = ago(1)["event_ts"] + timedelta(days=3)
    lines = [
        *orders("new", 3),
        *orders("repeat", 30, 3),
        *orders("loyal", 63, 43, 23, 3),
        *orders("at_risk", 103, 93, 83, 73),
        *orders("lapsed", 800),
        *orders("won_back", 500, 480, 460, 5),
        *orders("carted_first", 5),
        *orders("same_day", 5),
        *orders("at_cut", 40, 0),  # today's order is not known yet
        {**orders("late", 2)[0], "available_ts": late},
    ]
    found = stages(
        spark,
        lines,
        cart_events=(
            CART_EVENTS,
            [
                cart("prospect", 20),
                cart("prospect", 2),
                cart("carted_first", 9),
                cart("same_day", 5),
                cart("removed", 9, "remove"),
                cart("today", 0),
            ],
        ),
        order_status=(
            ORDER_STATUS,
            [
                {"order_id": "u1", "status_no": 1, "account_id": "unpaid", "status": "placed"} | ago(4),
                {"order_id": "u2", "status_no": 1, "account_id": "closed", "status": "closed"} | ago(4),
            ],
        ),
        social_interactions=(
            SOCIAL_INTERACTIONS,
            [
                follow("follower", 50),
                follow("prospect", 30),
                follow("left", 50),
                follow("left", 40, "unfollow"),
                follow("again", 50),
                follow("again", 40, "unfollow"),
                follow("again", 30),
                follow("elsewhere", 50),
                follow("elsewhere", 40, "unfollow", "wechat"),
                follow("liked", 3, "like"),
            ],
        ),
    )
    assert found == {
        "new": ("new", 3, None),
        "repeat": ("repeat", 3, "new"),
        "loyal": ("loyal", 3, "repeat"),
        "at_risk": ("at_risk", found["at_risk"][1], "loyal"),
        "lapsed": ("lapsed", found["lapsed"][1], "at_risk"),
        "won_back": ("won_back", 5, "lapsed"),
        "carted_first": ("new", 5, "prospect"),
        "same_day": ("new", 5, None),
        "at_cut": ("new", 40, None),
        "prospect": ("prospect", 20, "follower"),
        "unpaid": ("prospect", 4, None),
        "follower": ("follower", 50, None),
        "again": ("follower", 30, None),
        "elsewhere": ("follower", 50, None),
    }


def test_without_optional_sources(spark: SparkSession) -> None:
    """Purchases alone are enough; nobody with a gap means the assumed one, and an empty shop has no stages."""
    assert stages(spark, orders("a", 3)) == {"a": ("new", 3, None)}
    assert stages(spark, []) == {}


def test_the_usual_gap_is_rounded_alike_everywhere(spark: SparkSession) -> None:
    """41 days in 640 gaps are 0.0640625, which `round` takes down on one engine and up on another: halves go up."""
    days = spark.createDataFrame([([1] * 640 + [42],)], "days array<int>")
    assert [r["value"] for r in lifecycle.fit_usual_gap(days).collect()] == [0.064063]
    none = spark.createDataFrame([([7],)], "days array<int>")
    assert [r["value"] for r in lifecycle.fit_usual_gap(none).collect()] == [lifecycle.USUAL_GAP]
