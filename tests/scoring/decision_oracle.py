"""The decision once more, in plain Python and as slowly as one likes: the oracle of the engine's version."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from features.as_of import AsOf
from scoring.arms import arm_of, unit_hash_of
from scoring.decision_params import DecisionParams

Row = dict[str, Any]
CENT = Decimal("0.01")


def decide_slowly(
    scores: dict[tuple[str, str], float],
    customers: list[str],
    offers: list[Row],
    contacts: list[Row],
    responses: list[Row],
    params: DecisionParams,
    as_of: AsOf,
    margin: float,
    incentive: float,
) -> dict[tuple[str, str], Row]:
    """(customer, offer) -> dropped_by, priority, cost, arm, propensity; one channel, no reach or uplift known."""
    p, cut, zone = params, as_of.ts, ZoneInfo(as_of.time_zone)
    contacts = [c for c in contacts if c["event_ts"] < cut and c["available_ts"] < cut]
    responses = [r for r in responses if r["event_ts"] < cut and r["available_ts"] < cut]
    found: dict[tuple[str, str], Row] = {}
    by_customer: dict[str, list[Row]] = defaultdict(list)
    for customer in customers:
        mine = [c for c in contacts if c["customer_id"] == customer]
        answers = [r for r in responses if r["customer_id"] == customer]
        within = {n: sum(c["event_ts"] >= as_of.plus(-n).ts for c in mine) for n in (7, 30)}
        for o in offers:
            if o["available_ts"] > cut or o["ends_on"] < as_of.day - timedelta(days=p.recently_ended_days):
                continue
            days = [c["event_ts"].astimezone(zone).date() for c in mine if c["offer_id"] == o["offer_id"]]
            kinds = {(r["offer_id"], r["response_kind"]) for r in answers}
            score = scores.get((customer, o["offer_id"]))
            paid = float(o.get("incentive_value") or incentive)
            cost = None if score is None else p.contact_cost_default + score * paid
            priority = None if score is None else round(score * p.incrementality_prior * margin - (cost or 0), 6)
            checks = [
                ("offer_not_started", o["starts_on"] > as_of.day),
                ("offer_ended", o["ends_on"] < as_of.day),
                ("offer_ends_too_soon", (o["ends_on"] - as_of.day).days + 1 < p.min_days_left),
                ("unsubscribed", any(k == "unsubscribe" for _, k in kinds)),
                ("already_redeemed", (o["offer_id"], "redeem") in kinds),
                (
                    "recent_complaint",
                    any(
                        r["response_kind"] == "complaint" and r["event_ts"] >= as_of.plus(-p.complaint_pause_days).ts
                        for r in answers
                    ),
                ),
                ("cool_down", bool(days) and (as_of.day - max(days)).days <= p.cool_down_days),
                ("cap_7_days", within[7] >= p.cap_7_days),
                ("cap_30_days", within[30] >= p.cap_30_days),
                ("no_response_score", score is None),
                ("below_min_priority", priority is not None and priority < p.min_priority),
            ]
            row = {
                "customer_id": customer,
                "offer_id": o["offer_id"],
                "p": score,
                "priority": priority,
                "cost": None if cost is None else Decimal(str(round(cost, 6))).quantize(CENT, ROUND_HALF_UP),
                "dropped_by": next((name for name, broken in checks if broken), None),
                "arm": arm_of(customer, p.arms),
                "within": within,
            }
            found[customer, o["offer_id"]] = row
            if row["dropped_by"] is None:
                by_customer[customer].append(row)
    _allocate(by_customer, params)
    return found


def _allocate(by_customer: dict[str, list[Row]], p: DecisionParams) -> None:
    """Places, one sorted budget, arms; sets `dropped_by` and `propensity` of sendable candidates."""
    places = []
    for customer, rows in by_customer.items():
        room = min(
            p.per_customer, len(rows), p.cap_7_days - rows[0]["within"][7], p.cap_30_days - rows[0]["within"][30]
        )
        ranked = sorted(rows, key=lambda r: (-r["priority"], r["offer_id"]))[: max(room, 0)]
        reserve = max(r["cost"] for r in rows)
        for i, r in enumerate(ranked):
            places.append((-r["priority"], customer, i, reserve if p.arms.explores else r["cost"]))
    spent, funded = Decimal(0), dict.fromkeys(by_customer, 0)
    for _, customer, _, reserve in sorted(places):
        spent += reserve
        if p.budget is not None and spent > Decimal(str(p.budget)):
            break
        funded[customer] += 1
    count = {c: sum(1 for place in places if place[1] == c) for c in by_customer}
    for customer, rows in by_customer.items():
        arm, n = arm_of(customer, p.arms), funded[customer]
        orders = {
            "nba": sorted(rows, key=lambda r: (-r["priority"], r["offer_id"])),
            "propensity_only": sorted(rows, key=lambda r: (-r["p"], r["offer_id"])),
            "random_eligible": sorted(
                rows, key=lambda r: unit_hash_of(p.arms.salt, "explore", customer, r["offer_id"], "direct_mail")
            ),
        }
        for rank, r in enumerate(orders.get(arm, orders["nba"])):
            if rank >= count[customer]:
                r["dropped_by"] = "per_customer"
            elif rank >= n:
                r["dropped_by"] = "budget"
            elif arm == "global_holdout":
                r["dropped_by"] = "held_out"
        for r in rows:
            r["propensity"] = (
                p.arms.nba * (orders["nba"].index(r) < n)
                + p.arms.propensity_only * (orders["propensity_only"].index(r) < n)
                + p.arms.random_eligible * min(1, n / len(rows))
            )
