"""The features of browsing again, as plain loops over raw events: slow, obvious, and sharing no code with them."""

from __future__ import annotations

import math
import unicodedata
from collections import defaultdict
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.features.browsing_world import AS_OF, CAP, World

Row = dict[str, Any]
CUT = AS_OF.ts
DEVICES = ("pc", "ios", "android", "mini_program")
WEEK = timedelta(days=7)
GAP = timedelta(minutes=30)
KNOWN = {f"p{i}" for i in range(7)}  # p7 is in no table


def known(world: World, table: str) -> list[Row]:
    """Facts known before the cut, with customer and days_ago."""
    owner = {
        m["account_id"]: m["customer_id"]
        for m in sorted(world["customer_map"], key=lambda m: m["valid_from"])
        if m["valid_from"] < CUT
    }
    found = []
    for r in world.get(table, []):
        if r["event_ts"] < CUT and r["available_ts"] < CUT and r["account_id"] in owner:
            day = r["event_ts"].astimezone(ZoneInfo(AS_OF.time_zone)).date()
            found.append(r | {"customer": owner[r["account_id"]], "ago": (AS_OF.day - day).days, "ts": r["event_ts"]})
    return found


def at(world: World, product_id: str | None, ts: Any) -> Row:
    """The version of a product that held at a moment; the first reaches back."""
    versions = sorted(
        (p for p in world["products"] if p["product_id"] == product_id and p["valid_from"] < CUT),
        key=lambda p: p["valid_from"],
    )
    held = [p for p in versions if p["valid_from"] <= ts] or versions[:1]
    return held[-1] if held else {}


def dwell(r: Row) -> float:
    """Seconds, capped, to the millisecond."""
    return math.floor(min(r["dwell_seconds"] or 0.0, CAP) * 1000 + 0.5) / 1000


def wide(world: World) -> dict[str, Row]:
    """customer -> features of the wide row."""
    events = known(world, "browsing")
    carts, lines = known(world, "cart_events"), known(world, "transactions")
    rows: dict[str, Row] = defaultdict(dict)
    for c in {e["customer"] for e in events if e["ago"] <= 365}:
        own = [e for e in events if e["customer"] == c]
        bought = [x for x in lines if x["customer"] == c]
        rows[c] |= _visits(own) | _products(world, own, bought)
    rows_funnel(rows, events, carts, lines, known(world, "order_status"))
    return rows


def _visits(own: list[Row]) -> Row:
    starts: list[int] = []
    row: Row = {"has_browsing": True}
    loose = sorted((e["ts"], e["ago"]) for e in own if not e["session_id"])
    for i, (ts, ago) in enumerate(loose):
        if i == 0 or ts - loose[i - 1][0] > GAP:
            starts.append(ago)
    # a session that began more than a year ago may go on after: it counts from where the year read begins
    named: dict[str, list[int]] = defaultdict(list)
    for e in own:
        if e["session_id"] and e["ago"] <= 366:
            named[e["session_id"]].append(e["ago"])
    starts += [max(ago) for ago in named.values()]
    for w in (7, 30, 90, 180, 365):
        row[f"n_sessions_{w}"] = sum(s <= w for s in starts)
        row[f"active_days_{w}"] = len({e["ago"] for e in own if e["ago"] <= w})
    views = [e for e in own if e["event_kind"] == "view"]
    for w in (7, 30):
        row[f"views_{w}"] = sum(e["ago"] <= w for e in views)
        row[f"distinct_skus_viewed_{w}"] = len({e["product_id"] for e in views if e["ago"] <= w} & KNOWN)
    devices = [e["device"] for e in own if e["ago"] <= 90 and e["device"] in DEVICES]
    for d in DEVICES:
        row[f"device_share_{d}"] = round(devices.count(d) / len(devices), 6) if devices else None
    return row


def _products(world: World, own: list[Row], bought: list[Row]) -> Row:
    def sold(product_id: str, since: Any) -> bool:
        return any(x["product_id"] == product_id and x["ts"] >= since and x["ago"] <= 90 for x in bought)

    drops = stock = favourites = 0
    for p in {e["product_id"] for e in own} & KNOWN:
        mine = [e for e in own if e["product_id"] == p]
        viewed = [e["ts"] for e in mine if e["event_kind"] == "view" and e["ago"] <= 30]
        if viewed and not sold(p, max(viewed)):
            then, now = at(world, p, max(viewed)), at(world, p, CUT)
            if then and then["list_price"] and now["list_price"]:
                drops += now["list_price"] * 10 <= then["list_price"] * 9
            stock += bool(then) and then["in_stock"] is False and now["in_stock"] is True
        moves = sorted(
            (e["ts"], e["event_id"], e["event_kind"])
            for e in mine
            if e["event_kind"] in ("favourite", "unfavourite") and e["ago"] <= 90
        )
        favourites += bool(moves) and moves[-1][2] == "favourite" and not sold(p, moves[-1][0])
    return {"price_drop_on_viewed": drops, "back_in_stock_on_viewed": stock, "fav_not_bought_n": favourites}


def rows_funnel(rows: dict[str, Row], events: list[Row], carts: list[Row], lines: list[Row], status: list[Row]) -> None:
    """Adds features 86 to 88."""
    views = [
        (e["customer"], e["product_id"], e) for e in events if e["event_kind"] == "view" and e["product_id"] in KNOWN
    ]
    adds = [(c["customer"], c["product_id"], c) for c in carts if c["event_kind"] == "add" and c["product_id"] in KNOWN]
    orders = [(c["customer"], c["product_id"], c) for c in carts if c["event_kind"] == "order"]
    orders += [(x["customer"], x["product_id"], x) for x in lines]
    placed = [(s["customer"], s["order_id"], s) for s in status if s["status"] == "placed"]
    paid = [(s["customer"], s["order_id"], s) for s in status if s["status"] == "paid"]
    for name, cases, outcomes in (
        ("view_to_cart", views, adds),
        ("cart_to_order", adds, orders),
        ("order_to_paid", placed, paid),
    ):
        first: dict[tuple[str, str], Any] = {}
        for c, key, r in cases:
            if r["ago"] <= 90:
                first[c, key] = min(r["ts"], first.get((c, key), r["ts"]))
        ripe = {k: ts for k, ts in first.items() if ts + WEEK <= CUT}
        hits = {
            k for k, ts in ripe.items() if any((c, key) == k and ts <= r["ts"] < ts + WEEK for c, key, r in outcomes)
        }
        rate = round(len(hits) / len(ripe), 6) if ripe else 0
        for c in {c for c, _ in ripe}:
            n, k = sum(x == c for x, _ in ripe), sum(x == c for x, _ in hits)
            rows[c][name] = round((k + 10 * rate) / (n + 10), 6)


def interest(world: World) -> dict[tuple[str, str], Row]:
    """(customer, category) -> features of `customer_category_interest`."""
    found: dict[tuple[str, str], list[tuple[str, int, float]]] = defaultdict(list)
    for e in known(world, "browsing"):
        category = at(world, e["product_id"], e["ts"]).get("category") or e["category"]
        if e["event_kind"] == "view" and category:
            found[e["customer"], category].append(("view", e["ago"], dwell(e)))
    for c in known(world, "cart_events"):
        category = at(world, c["product_id"], c["ts"]).get("category")
        if c["event_kind"] == "add" and category:
            found[c["customer"], category].append(("cart", c["ago"], 0))
    orders: dict[tuple[str, str, str], int] = {}
    for x in known(world, "transactions"):
        category = at(world, x["product_id"], x["ts"]).get("category")
        if category and x["ago"] <= 365:
            key = (x["customer"], category, x["order_id"])
            orders[key] = max(x["ago"], orders.get(key, 0))
    for (customer, category, _), ago in orders.items():
        found[customer, category].append(("order", ago, 0))
    rows: dict[tuple[str, str], Row] = {}
    for pair, every in found.items():
        events = [e for e in every if e[1] <= 365]
        if events:
            rows[pair] = _interest(events)
    return rows


def _interest(events: list[tuple[str, int, float]]) -> Row:
    weight = {"view": 1, "cart": 4, "order": 10}

    def decayed(half_life: float, sign: int) -> float:
        return sum((sign if kind == "order" else 1) * weight[kind] * 2 ** (-ago / half_life) for kind, ago, _ in events)

    seen = [a for k, a, _ in events if k != "order"]
    return {
        "recency_days": min(seen, default=None),
        "days_since_first": max(seen, default=None),
        **{f"views_{w}": sum(k == "view" and a <= w for k, a, _ in events) for w in (30, 90)},
        "carts_30": sum(k == "cart" and a <= 30 for k, a, _ in events),
        **{f"dwell_{w}": sum(d for _, a, d in events if a <= w) for w in (30, 90)},
        "cat_affinity_decay_short": decayed(14, 1),
        "cat_affinity_decay_long": decayed(60, 1),
        "wanted_not_bought": max(decayed(30, -1), 0.0),
    }


def terms(world: World) -> dict[tuple[str, str], Row]:
    """(customer, term) -> features of `customer_search_terms`, of terms that three customers used."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for e in known(world, "browsing"):
        if e["event_kind"] == "search" and e["query"] is not None and e["ago"] <= 90:
            term = " ".join(unicodedata.normalize("NFKC", e["query"]).lower().split())
            if term:
                found[e["customer"], term].append(e["ago"])
    users = [term for _, term in found]
    return {
        key: {
            "search_terms_decay": sum(2 ** (-a / 14) for a in ago),
            "n_searches": len(ago),
            "days_since_search": min(ago),
        }
        for key, ago in found.items()
        if users.count(key[1]) >= 3
    }


def styles(world: World, bands: dict[tuple[str, int], int]) -> dict[tuple[str, str, int], Row]:
    """(customer, style, band) -> features of `customer_style_band_features`; `bands` is (category, band) -> cents."""
    cells: dict[tuple[str, str, int], list[tuple[str, int, float]]] = defaultdict(list)

    def add(r: Row, ts: Any, kind: str, value: float) -> None:
        p = at(world, r["product_id"], ts)
        if p.get("style"):
            cells[r["customer"], p["style"], _band(p, bands)].append((kind, r["ago"], value))

    views = [e for e in known(world, "browsing") if e["event_kind"] == "view" and e["product_id"] and e["ago"] <= 90]
    for e in views:
        same = [v["ts"] for v in views if all(v[k] == e[k] for k in ("account_id", "product_id", "ago"))]
        add(e, max(same), "view", dwell(e))
    for c in known(world, "cart_events"):
        if c["event_kind"] == "add" and c["ago"] <= 365:
            add(c, c["ts"], "cart", 0)
    for x in known(world, "transactions"):
        if x["ago"] <= 365:
            add(x, x["ts"], "buy", float(x["amount"]))
    weight = {"view": 1, "cart": 4, "buy": 10}
    rows: dict[tuple[str, str, int], Row] = {}
    for (who, s, b), events in cells.items():
        style = [e for (c2, s2, _), es in cells.items() if (c2, s2) == (who, s) for e in es]
        spent = sum(v for (c2, _, _), es in cells.items() if c2 == who for k, _, v in es if k == "buy")
        rows[who, s, b] = {
            **{f"views_{w}": sum(k == "view" and a <= w for k, a, _ in events) for w in (30, 90)},
            **{f"dwell_style_band_{w}": sum(v for k, a, v in events if k == "view" and a <= w) for w in (30, 90)},
            "n_buys_365": sum(k == "buy" for k, _, _ in events),
            "style_share": sum(v for k, _, v in style if k == "buy") / spent if spent else None,
            "style_decay": sum(weight[k] * 2 ** (-a / 30) for k, a, _ in style),
        }
    return rows


def _band(p: Row, bands: dict[tuple[str, int], int]) -> int:
    limits = {b: cents for (category, b), cents in bands.items() if category == p["category"]}
    if p["list_price"] is None or not limits:
        return 0
    return min((b for b, cents in limits.items() if p["list_price"] * 100 <= cents), default=5)
