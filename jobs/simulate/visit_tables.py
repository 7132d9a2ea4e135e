"""Looking and carrying as the shop records it: page views and searches, carts, visits to stores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import record_account, store_ids
from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.browse_sessions import Sessions, browse_sessions
from jobs.simulate.catalogue import category_table
from jobs.simulate.columns import (
    DAY_US,
    MINUTE_US,
    Array,
    encoded,
    expand,
    hex_words,
    ids,
    money,
    numbers,
    or_null,
    order_by,
    stamps,
    taken,
    utc,
    words,
)
from jobs.simulate.draws import bits, choose, exponential, normal
from jobs.simulate.model import BROWSED, CART_LEFT, MODES
from jobs.simulate.order_tables import store_of
from jobs.simulate.shown_products import shown_products

VIEW, SEARCH, FAVOURITE, UNFAVOURITE = range(4)
BROWSE_KINDS = ("view", "search", "favourite", "unfavourite")
ADD, REMOVE, ORDER = range(3)
CART_KINDS = ("add", "remove", "order")
DEVICES = ("pc", "ios", "android", "mini_program")
SECOND_US = 1_000_000


def visit_tables(block: Block) -> dict[str, pa.Table]:
    """`browsing, cart_events, store_visits`."""
    return {"browsing": browsing(block), "cart_events": cart_events(block), "store_visits": store_visits(block)}


def browsing(block: Block) -> pa.Table:
    """Views, searches and favourites, under one account a session."""
    s, w = browse_sessions(block), block.world
    account = encoded(
        record_account(w, block.people, block.touchpoints, s.person, s.day, np.floor(s.minute), s.mode, "browsing")
    )
    start = utc(w.first_day, s.day, s.minute)
    e = _events(block, s, start)
    key = keys(w, "browse", s.key[e["session"]], e["place"], e["kind"])
    tie = np.atleast_1d(bits(w.seed, "id:browse", key))
    rows = np.flatnonzero((e["us"] < block.end_us) & (e["us"] >= block.start_us))
    rows = rows[order_by(e["us"][rows], tie[rows])]
    session, kind, us, product, query, category = (
        e[name][rows] for name in ("session", "kind", "us", "product", "query", "category")
    )
    key = key[rows]
    viewed = kind == VIEW
    dwell = np.exp(2.9 + 0.9 * normal(w.seed, "browse:dwell", key) + 0.5 * e["wanted"][rows])
    apart = kind == UNFAVOURITE  # done days later, outside any session that is known
    return pa.table(
        {
            "event_id": hex_words(tie[rows], "bv-"),
            "account_id": taken(account, session),
            "event_ts": stamps(us),
            "available_ts": stamps(us + _hours_late(block, key)),
            "event_kind": words(BROWSE_KINDS, kind),
            "product_id": words(w.catalogue.product_id, product),
            "category": words(w.catalogue.category, category),
            "query": words(_queries(), query),
            "dwell_seconds": pa.array(np.round(np.minimum(dwell, 1800), 1), pa.float64(), mask=~viewed),
            "session_id": taken(ids(w.seed, "session", "se-", s.key), np.where(apart, -1, session)),
            "device": words(DEVICES, _device(block, s)[session]),
        }
    )


def _hours_late(block: Block, key: Array) -> Array:
    """Page logs are loaded every hour."""
    return ((5 + 60 * block.draw("browse:known", key)) * MINUTE_US).astype(np.int64) // SECOND_US * SECOND_US


def _device(block: Block, s: Sessions) -> Array:
    """Her telephone's make is hers; half of web sessions are at a computer."""
    number = block.people.number[s.person]
    phone = 1 + (block.draw("browse:phone", number) < 0.6).astype(np.int64)
    device = np.where((s.mode == MODES.index("web")) & (block.draw("browse:pc", s.key) < 0.55), 0, phone)
    return np.where(s.mode == MODES.index("mini_program"), 3, device)


def _events(block: Block, s: Sessions, start: Array) -> dict[str, Array]:
    """Events of all sessions in no order; `place` tells those of a session and kind apart."""
    p, w = block.world.params.browse, block.world
    views = _views(block, s, start)

    found = np.flatnonzero(block.draw("browse:search", s.key) < p.search_share)
    search = {
        "session": found,
        "kind": np.full(len(found), SEARCH, np.int8),
        "place": np.zeros(len(found), np.int64),
        "us": start[found],
        "product": np.full(len(found), -1, np.int64),
        "category": np.full(len(found), -1, np.int64),
        "query": _query(block, s, found),
        "wanted": np.zeros(len(found)),
    }
    key = keys(w, "browse:keep", s.key[views["session"]], views["place"])
    chance = p.favourite_share * (1 + 2 * (views["wanted"] > 0))
    kept = np.flatnonzero((views["product"] >= 0) & (block.draw("browse:favourite", key) < chance))
    liked = {name: values[kept] for name, values in views.items()}
    liked |= {"kind": np.full(len(kept), FAVOURITE, np.int8), "us": liked["us"] + 8 * SECOND_US}
    dropped = np.flatnonzero(block.draw("browse:drop", key[kept]) < 0.15)
    gone = {name: values[dropped] for name, values in liked.items()}
    later = (1 + exponential(w.seed, "browse:dropped", key[kept][dropped]) * 20 * DAY_US).astype(np.int64)
    gone |= {"kind": np.full(len(dropped), UNFAVOURITE, np.int8), "us": gone["us"] + later // SECOND_US * SECOND_US}
    seen = gone["us"] < utc(w.first_day, block.last_day[s.person[gone["session"]]] + 1)
    gone = {name: values[seen] for name, values in gone.items()}
    parts = [views, search, liked, gone]
    return {name: np.concatenate([part[name] for part in parts]) for name in views}


def _views(block: Block, s: Sessions, start: Array) -> dict[str, Array]:
    """Views of lines (each at least once, the wanted ones longer) and views around them."""
    w, lines = block.world, block.log.lines
    first_line = np.searchsorted(lines.trip, np.arange(len(block.log.trips.day)))
    count = np.where(s.trip >= 0, block.log.trips.lines[s.trip], (s.line >= 0).astype(np.int64))
    session, k = expand(count)
    base = np.where(s.trip[session] >= 0, first_line[s.trip[session]], s.line[session])
    line = base + k
    wander, j = expand(s.views)
    key = keys(w, "view", s.key[wander], j)
    elsewhere = block.draw("view:elsewhere", key) < 0.25
    category = s.category[wander].astype(np.int64)
    category[elsewhere] = choose(np.cumsum(w.catalogue.appeal), block.draw("view:category", key[elsewhere]))
    product = shown_products(w, block.people, s.person[wander], category, s.day[wander], key)
    page = block.draw("view:page", key) < w.params.browse.category_view_share
    place = np.concatenate([k, count[wander] + j])
    session = np.concatenate([session, wander])
    length = 25.0 + 35.0 * (s.views + count)
    at = block.draw("view:at", s.key[session], place) * length[session]
    none = np.full(len(line), -1)
    return {
        "session": session,
        "kind": np.full(len(session), VIEW, np.int8),
        "place": place,
        "us": start[session] + (1 + at).astype(np.int64) * SECOND_US,
        "product": np.concatenate([lines.product[line].astype(np.int64), np.where(page, -1, product)]),
        "category": np.concatenate([none, np.where(page, category, -1)]),
        "query": np.full(len(session), -1, np.int64),
        "wanted": np.concatenate([np.ones(len(line)), np.zeros(len(wander))]),
    }


def _queries() -> list[str]:
    """Chinese words of all product types, in the order of the categories."""
    found: dict[str, None] = {}
    for row in category_table():
        found |= dict.fromkeys(row["types"].values())
    return list(found)


def _query(block: Block, s: Sessions, rows: Array) -> Array:
    """What is typed: mostly the name of a product type of the session's category."""
    known = _queries()
    types = [[known.index(t) for t in row["types"].values()] for row in category_table()]
    flat = np.array([t for of_category in types for t in of_category])
    size = np.array([len(of_category) for of_category in types])
    first = np.cumsum(size) - size
    category = s.category[rows]
    return flat[first[category] + (block.draw("search:word", s.key[rows]) * size[category]).astype(np.int64)]


def cart_events(block: Block) -> pa.Table:
    """Carts of online trips: every line is put in, some are taken out, orders take the rest."""
    w, trips, lines = block.world, block.log.trips, block.log.lines
    line = np.flatnonzero((trips.mode[lines.trip] != STORE) & (trips.outcome[lines.trip] != BROWSED))
    trip = lines.trip[line]
    key = keys(w, "cart", block.trip_key[trip], block.line_no[line])
    added = block.trip_us[trip] - (20 + block.draw("cart:before", key) * 400).astype(np.int64) * SECOND_US
    left = trips.outcome[trip] == CART_LEFT
    out = np.flatnonzero(left & (block.draw("cart:out", key) < 0.2))
    removed = added[out] + (exponential(w.seed, "cart:stays", key[out]) * 2 * DAY_US).astype(np.int64)
    removed = removed // SECOND_US * SECOND_US + MINUTE_US
    taken_out = utc(w.first_day, block.last_day[trips.person[trip[out]]] + 1)
    out, removed = out[removed < taken_out], removed[removed < taken_out]
    bought = np.flatnonzero(~left)
    at = np.concatenate([np.arange(len(line)), out, bought])
    kind = np.repeat(np.array([ADD, REMOVE, ORDER], np.int8), [len(line), len(out), len(bought)])
    us = np.concatenate([added, removed, block.trip_us[trip[bought]]])
    code = keys(w, "cart:event", key[at], kind)
    rows = np.flatnonzero((us >= block.start_us) & (us < block.end_us))
    rows = rows[order_by(us[rows], bits(w.seed, "id:cart", code[rows]))]
    at, kind, us, code = at[rows], kind[rows], us[rows], code[rows]
    line, trip = line[at], trip[at]
    order_id = hex_words(block.trip_key[trip].view(np.uint64), "o-")
    return pa.table(
        {
            "event_id": ids(w.seed, "cart", "ca-", code),
            "account_id": taken(_cart_account(block), trip),
            "event_ts": stamps(us),
            "available_ts": stamps(us + _hours_late(block, code)),
            "event_kind": words(CART_KINDS, kind),
            "product_id": words(w.catalogue.product_id, lines.product[line]),
            "quantity": numbers(lines.quantity[line], pa.int64()),
            "unit_price": money(lines.amount[line] / np.maximum(lines.quantity[line], 1)),
            "order_id": or_null(order_id, kind != ORDER),
        }
    )


def _cart_account(block: Block) -> pa.Array:
    """Account of each trip's cart: the order's, or for a cart left behind the one that looked around."""
    t = block.log.trips
    looked = record_account(block.world, block.people, block.touchpoints, t.person, t.day, t.minute, t.mode, "cart")
    both = pa.chunked_array([block.trip_account.cast(pa.string()), looked]).combine_chunks()
    row = np.arange(len(t.day)) + np.where(t.outcome == CART_LEFT, len(t.day), 0)
    return taken(both, row)


def store_visits(block: Block) -> pa.Table:
    """Visits to stores that were recognised, those without a purchase included."""
    w, t = block.world, block.log.trips
    trip = np.flatnonzero((t.mode == STORE) & (t.day >= block.touchpoints.card_day[t.person]))
    key = keys(w, "visit", block.trip_key[trip])
    seen = (t.outcome[trip] != BROWSED) | (block.draw("visit:seen", key) < 0.6)
    trip, key = trip[seen], key[seen]
    minutes = np.exp(2.6 + 0.45 * normal(w.seed, "visit:minutes", key)) + 3.0 * t.lines[trip]
    us = block.trip_us[trip] - (minutes * 60).astype(np.int64) * SECOND_US
    trip, key, minutes, us = (x[us >= block.start_us] for x in (trip, key, minutes, us))
    order = order_by(us, bits(w.seed, "id:visit", key))
    trip, key, minutes, us = trip[order], key[order], minutes[order], us[order]
    person = t.person[trip]
    account = record_account(
        w, block.people, block.touchpoints, person, t.day[trip], t.minute[trip], t.mode[trip], "visit"
    )
    store = store_of(block, person, block.trip_key[trip])
    home = block.people.household[person]
    km = np.exp(1.1 + 0.8 * normal(w.seed, "visit:distance", home, store))
    return pa.table(
        {
            "visit_id": ids(w.seed, "visit", "sv-", key),
            "account_id": account,
            "store_id": words(store_ids(w), store),
            "event_ts": stamps(us),
            "available_ts": stamps(us + (minutes * 60).astype(np.int64) * SECOND_US + 12 * 60 * MINUTE_US),
            "minutes": pa.array(np.round(minutes, 1), pa.float64()),
            "distance_km": pa.array(np.round(km, 1), pa.float64()),
        }
    )
