"""Looking and carrying as the shop records it: page views and searches, carts, visits to stores."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import record_account, store_ids
from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.browse_tables import SECOND_US, browsing, loaded_later
from jobs.simulate.columns import (
    DAY_US,
    MINUTE_US,
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
from jobs.simulate.draws import bits, exponential, normal
from jobs.simulate.model import BROWSED, CART_LEFT
from jobs.simulate.order_tables import store_of

ADD, REMOVE, ORDER = range(3)
CART_KINDS = ("add", "remove", "order")


def visit_tables(block: Block) -> dict[str, pa.Table]:
    """`browsing, cart_events, store_visits`."""
    return {"browsing": browsing(block), "cart_events": cart_events(block), "store_visits": store_visits(block)}


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
            "available_ts": stamps(us + loaded_later(block, code)),
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
