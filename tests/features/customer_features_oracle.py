"""The main features again, as plain loops over raw events: slow, obvious, and sharing no code with what it checks."""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import mean, median, stdev
from typing import Any
from zoneinfo import ZoneInfo

from features.as_of import AsOf
from tests.features.purchase_world import ALWAYS, World

Row = dict[str, Any]


def oracle_rows(world: World, as_of: AsOf) -> dict[str, Row]:
    """customer_id -> expected values of the main features of each family."""
    lines = _known_lines(world, as_of)
    prices = _price_ranks([x for x in lines if x["days_ago"] <= 365])
    refunded = _refunds(world, as_of)
    return {
        c: _features([x for x in lines if x["customer_id"] == c], as_of, prices, refunded)
        for c in {x["customer_id"] for x in lines}
    }


def _owners(world: World, as_of: AsOf) -> dict[str, str]:
    cut = as_of.ts
    return {
        m["account_id"]: m["customer_id"]
        for m in sorted(world.customer_map, key=lambda m: m["valid_from"])
        if m["valid_from"] < cut and (m.get("valid_to") is None or m["valid_to"] >= cut)
    }


def _known_lines(world: World, as_of: AsOf) -> list[Row]:
    cut = as_of.ts
    owner = _owners(world, as_of)
    lines = []
    for t in world.transactions:
        if (
            t["event_ts"] >= cut
            or t["available_ts"] is None
            or t["available_ts"] >= cut
            or t["account_id"] not in owner
        ):
            continue
        p = _then(world.products, t["product_id"], t["event_ts"], cut)
        wall = t["event_ts"].astimezone(ZoneInfo(as_of.time_zone))
        lines.append(
            {
                **t,
                "customer_id": owner[t["account_id"]],
                "days_ago": (as_of.day - wall.date()).days,
                "wall": wall,
                **{k: p.get(k) for k in ("category", "brand", "own_brand")},
            }
        )
    return lines


def _then(products: list[Row], product_id: str, moment: datetime, cut: datetime) -> Row:
    """The attributes of a product at a moment: the last version known by the cut that had begun, or else the first."""
    versions = [p | {"start": p.get("valid_from") or ALWAYS} for p in products if p["product_id"] == product_id]
    versions = sorted((p for p in versions if p["start"] < cut), key=lambda p: p["start"])
    begun = [p for p in versions if p["start"] <= moment]
    return begun[-1] if begun else versions[0] if versions else {}


def _refunds(world: World, as_of: AsOf) -> dict[str, Decimal]:
    """What was paid back per order, to whomever, as known before the cut."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for r in world.order_status:
        known = r["event_ts"] < as_of.ts and r["available_ts"] < as_of.ts
        if known and r["status"] == "refunded" and r["amount"]:
            found[r["order_id"]] += r["amount"]
    return found


def _price_ranks(lines: list[Row]) -> dict[tuple[str, int], float]:
    """(category, unit price in cents) -> mid-rank percentile over lines of the year."""
    prices = defaultdict(list)
    for x in lines:
        if (cents := _unit_cents(x)) is not None:
            prices[x["category"]].append(cents)
    return {
        (c, v): (sum(u < v for u in values) + sum(u == v for u in values) / 2) / len(values)
        for c, values in prices.items()
        for v in values
    }


def _unit_cents(x: Row) -> int | None:
    if x["category"] is None or not x["list_amount"] or not x["quantity"]:
        return None
    return math.floor(x["list_amount"] * 100 / x["quantity"] + Decimal("0.5"))


def _ratio(top: Any, bottom: Any) -> float | None:
    return round(float(top) / float(bottom), 6) if bottom else None


def _features(lines: list[Row], as_of: AsOf, prices: dict[tuple[str, int], float], refunded: dict[str, Decimal]) -> Row:
    orders: dict[str, list[Row]] = defaultdict(list)
    for x in lines:
        orders[x["order_id"]].append(x)
    first = {o: min(xs, key=lambda x: x["event_ts"]) for o, xs in orders.items()}
    ago = {o: x["days_ago"] for o, x in first.items()}
    paid = {o: sum(x["amount"] for x in xs) for o, xs in orders.items()}
    net = {o: max(paid[o] - refunded.get(o, Decimal(0)), Decimal(0)) for o in orders}
    row: Row = {"has_orders": True, "recency_days": min(ago.values()), "days_since_first_order": max(ago.values())}
    for w in (7, 30, 90, 180, 365, None):
        inside = [o for o in orders if w is None or ago[o] <= w]
        name = w or "l"
        row[f"n_orders_{name}"] = len(inside)
        row[f"net_amt_{name}"] = sum((net[o] for o in inside), Decimal(0))
        row[f"gross_amt_{name}"] = sum((paid[o] for o in inside), Decimal(0))
        if w:
            row |= _window_features(w, inside, orders, paid, lines)
            row[f"aov_{w}"] = _ratio(sum(net[o] for o in inside), len(inside))
    year = [o for o in orders if ago[o] <= 365]
    row |= _trend(net, ago, bool(year)) | _rhythm(first, as_of) | _basket(year, orders)
    row |= _category_features(lines) | _brand_features(lines, year, orders)
    row |= _price_features(lines, prices) | _daypart_features([x for o, x in first.items() if ago[o] <= 180])
    return row


def _window_features(w: int, inside: list[str], orders: dict[str, list[Row]], paid: Row, lines: list[Row]) -> Row:
    listed = [x for o in inside for x in orders[o] if x["list_amount"]]
    return {
        f"max_order_amt_{w}": max((paid[o] for o in inside), default=None),
        f"n_cats_{w}": len({x["category"] for x in lines if x["days_ago"] <= w} - {None}),
        f"discount_depth_{w}": _ratio(
            sum(x["list_amount"] - x["amount"] for x in listed), sum(x["list_amount"] for x in listed)
        ),
        f"discounted_line_share_{w}": _ratio(
            sum(x["amount"] < x["list_amount"] * Decimal("0.9") for x in listed), len(listed)
        ),
    }


def _trend(net: Row, ago: dict[str, int], any_in_year: bool) -> Row:
    months = [Decimal(0)] * 12
    for o, days in ago.items():
        if days <= 360:
            months[11 - (days - 1) // 30] += net[o]
    xs, ys = range(12), [float(m) for m in months]
    slope = sum((x - 5.5) * (y - mean(ys)) for x, y in zip(xs, ys)) / sum((x - 5.5) ** 2 for x in xs)
    return {"amt_trend": round(slope, 6) if any_in_year else None}


def _rhythm(first: dict[str, Row], as_of: AsOf) -> Row:
    moments = sorted(x["event_ts"] for x in first.values())
    days = sorted({x["wall"].date() for x in first.values()})
    gaps = [(b - a).days for a, b in itertools.pairwise(days)][-20:]
    recency = (as_of.day - days[-1]).days
    by_moment = sorted(first.values(), key=lambda x: x["event_ts"])
    second = (by_moment[1]["wall"].date() - by_moment[0]["wall"].date()).days if len(moments) > 1 else None
    months = {(as_of.day - d).days - 1 for d in days}
    tenure = min(12, math.ceil((as_of.day - days[0]).days / 30))
    spread = stdev(gaps) if len(gaps) > 1 else None
    return {
        "ipt_n": len(gaps),
        "has_rhythm": bool(gaps),
        "ipt_mean": round(mean(gaps), 6) if gaps else None,
        "ipt_median": float(median(gaps)) if gaps else None,
        "ipt_std": round(spread, 6) if spread is not None else None,
        "overdue_ratio": _ratio(recency, median(gaps)) if gaps else None,
        "overdue_z": round((recency - mean(gaps)) / spread, 6) if spread else None,
        "expected_next_date": days[-1] + timedelta(days=math.floor(median(gaps) + 0.5)) if gaps else None,
        "days_first_to_second": second,
        "active_months_share": _ratio(len({m // 30 for m in months if m // 30 < 12}), tenure),
    }


def _basket(year: list[str], orders: dict[str, list[Row]]) -> Row:
    return {
        "units_per_order": _ratio(sum(x["quantity"] for o in year for x in orders[o]), len(year)),
        "lines_per_order": _ratio(sum(len(orders[o]) for o in year), len(year)),
        "cats_per_order": _ratio(sum(len({x["category"] for x in orders[o]} - {None}) for o in year), len(year)),
    }


def _category_features(lines: list[Row]) -> Row:
    inside = [x for x in lines if x["category"] is not None and x["days_ago"] <= 365]
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for x in inside:
        amounts[x["category"]] += x["amount"]
    total = sum(amounts.values())
    top = sorted(((-a, c) for c, a in amounts.items() if a > 0))
    new = sum(_first_order_lines([x for x in lines if x["category"] == c]) for c in amounts)
    shares = [float(a / total) for a in amounts.values() if a > 0]
    return {
        "cat_entropy_365": round(-sum(p * math.log(p) for p in shares), 6) + 0.0 if total else None,
        "top_cat_1": top[0][1] if top else None,
        "top_cat_3": top[2][1] if len(top) > 2 else None,
        "top_cat_1_share": _ratio(-top[0][0], total) if top else None,
        "new_cat_rate_365": _ratio(new, len(inside)),
    }


def _first_order_lines(mine: list[Row]) -> int:
    """Lines of the first order with a category, 0 when that is over a year ago."""
    orders = Counter(x["order_id"] for x in mine)
    ago = {o: max(x["days_ago"] for x in mine if x["order_id"] == o) for o in orders}
    first = max(ago.values())
    return max(n for o, n in orders.items() if ago[o] == first) if first <= 365 else 0


def _brand_features(lines: list[Row], year: list[str], orders: dict[str, list[Row]]) -> Row:
    inside = [x for x in lines if x["brand"] is not None and x["days_ago"] <= 365]
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    for x in inside:
        amounts[x["brand"]] += x["amount"]
    total = sum(amounts.values())
    pairs = []
    for c in {x["category"] for x in inside} - {None}:
        mine = [x for x in inside if x["category"] == c]
        mine.sort(key=lambda x: (x["event_ts"], x["brand"]))
        pairs += [a["brand"] != b["brand"] for a, b in itertools.pairwise(mine)]
    known = [x for o in year for x in orders[o] if x["own_brand"] is not None]
    return {
        "top_brand": min(((-a, b) for b, a in amounts.items() if a > 0), default=(0, None))[1],
        "brand_share_top1": _ratio(max(amounts.values(), default=0), total),
        "brand_hhi": round(sum(float(a) ** 2 for a in amounts.values()) / float(total) ** 2, 6) if total else None,
        "brand_switch_rate": _ratio(sum(pairs), len(pairs)),
        "own_brand_share": _ratio(sum(x["amount"] for x in known if x["own_brand"]), sum(x["amount"] for x in known)),
    }


def _price_features(lines: list[Row], prices: dict[tuple[str, int], float]) -> Row:
    ranks = [prices[x["category"], u] for x in lines if x["days_ago"] <= 365 and (u := _unit_cents(x)) is not None]
    bands = Counter(math.floor(r * 5 + 1e-12) + 1 for r in ranks)
    return {
        **{f"price_band_share_{b}": _ratio(bands[b], len(ranks)) for b in range(1, 6)},
        "price_band_mode": min(bands, key=lambda b: (-bands[b], b)) if ranks else None,
        "price_pctl_mean": round(mean(ranks), 6) if ranks else None,
        "max_price_pctl": round(max(ranks), 6) if ranks else None,
    }


def _daypart_features(moments: list[Row]) -> Row:
    # several orders of one local hour are one active hour
    active = {(x["wall"].date(), x["wall"].hour) for x in moments}
    n = len(active)
    hours = [hour for _, hour in active]
    days: list[date] = [day for day, _ in active]
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return {
        "daypart_night_share": _ratio(sum(h < 5 or h >= 23 for h in hours), n),
        "daypart_midday_share": _ratio(sum(12 <= h < 15 for h in hours), n),
        "daypart_evening_share": _ratio(sum(18 <= h < 23 for h in hours), n),
        **{f"dow_{name}_share": _ratio(sum(d.weekday() == i for d in days), n) for i, name in enumerate(names)},
        "weekend_ratio": _ratio(sum(d.weekday() >= 5 for d in days) * 7, 2 * n),
    }
