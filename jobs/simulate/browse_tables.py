"""Page views, searches and favourites as the shop's logs hold them, under one account a session."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import record_account
from jobs.simulate.block import Block, keys
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
    order_by,
    stamps,
    taken,
    utc,
    words,
)
from jobs.simulate.draws import bits, choose, exponential, normal
from jobs.simulate.model import MODES
from jobs.simulate.shown_products import shown_products

VIEW, SEARCH, FAVOURITE, UNFAVOURITE = range(4)
BROWSE_KINDS = ("view", "search", "favourite", "unfavourite")
DEVICES = ("pc", "ios", "android", "mini_program")
SECOND_US = 1_000_000


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
            "available_ts": stamps(us + loaded_later(block, key)),
            "event_kind": words(BROWSE_KINDS, kind),
            "product_id": words(w.catalogue.product_id, product),
            "category": words(w.catalogue.category, category),
            "query": words(_queries(), query),
            "dwell_seconds": pa.array(np.round(np.minimum(dwell, 1800), 1), pa.float64(), mask=~viewed),
            "session_id": taken(ids(w.seed, "session", "se-", s.key), np.where(apart, -1, session)),
            "device": words(DEVICES, _device(block, s)[session]),
        }
    )


def loaded_later(block: Block, key: Array) -> Array:
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
    search: dict[str, Array] = {
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
    parts: list[dict[str, Array]] = [views, search, liked, gone]
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
