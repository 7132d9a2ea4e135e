"""Service cases and reviews: what people say to the shop."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.columns import (
    DAY_US,
    MINUTE_US,
    hex_words,
    ids,
    numbers,
    or_null,
    order_by,
    stamps,
    taken,
    utc,
    words,
)
from jobs.simulate.draws import bits, normal
from jobs.simulate.model import ANSWERS, PAID
from jobs.simulate.order_tables import Refunds, received_us
from jobs.simulate.review_texts import RATING_TEXTS

CASE_KINDS = ("complaint", "question", "return", "delivery", "other")
HOUR_US = 60 * MINUTE_US


def service_tables(block: Block, refunds: Refunds) -> dict[str, pa.Table]:
    """`service_cases, reviews`."""
    return {"service_cases": service_cases(block, refunds), "reviews": reviews(block)}


def service_cases(block: Block, refunds: Refunds) -> pa.Table:
    """Cases about refunds, late parcels, complaints about contacts, and plain questions."""
    p, w, trips, a = block.world.params.service, block.world, block.log.trips, block.log.answers
    online = np.flatnonzero((trips.outcome == PAID) & (trips.mode != STORE))
    asks = online[block.draw("case:asks", block.trip_key[online]) < p.question_rate]
    got = received_us(block)
    slow = online[got[online] - block.trip_us[online] > 6 * DAY_US]
    slow = slow[block.draw("case:late", block.trip_key[slow]) < p.late_case_rate]
    line_trip = block.log.lines.trip[refunds.line]
    back_key = keys(w, "case:line", block.trip_key[line_trip], block.line_no[refunds.line])
    back = np.flatnonzero(block.draw("case:return", back_key) < p.return_case_rate)
    angry = np.flatnonzero(a.kind == ANSWERS.index("complaint"))
    send = a.send[angry]
    parts = (
        (1, trips.person[asks], block.trip_us[asks] + 3 * HOUR_US, block.trip_key[asks], asks),
        (3, trips.person[slow], got[slow] - 4 * HOUR_US, block.trip_key[slow], slow),
        (2, trips.person[line_trip[back]], refunds.us[back] - 20 * MINUTE_US, back_key[back], line_trip[back]),
        (0, block.log.sends.person[send], utc(w.first_day, a.day[angry], a.minute[angry]), block.send_key[send], None),
    )
    kind = np.concatenate([np.full(len(part[1]), part[0], np.int8) for part in parts])
    person, us, key = (np.concatenate([np.asarray(part[i]) for part in parts]) for i in (1, 2, 3))
    trip = np.concatenate([np.full(len(p[1]), -1) if p[4] is None else p[4] for p in parts])
    code = keys(w, "case", key, kind)
    rows = np.flatnonzero((us < block.end_us) & (us >= block.start_us) & block.has_account[person])
    rows = rows[order_by(us[rows], bits(w.seed, "id:case", code[rows]))]
    kind, person, us, trip, code = (x[rows] for x in (kind, person, us, trip, code))
    closed = us + (block.draw("case:closed", code) ** 2 * 9 * DAY_US).astype(np.int64) + 10 * MINUTE_US
    unhappy = block.draw("case:negative", code) < np.array([1.0, 0.1, 0.45, 0.8, 0.3])[kind]
    order_id = hex_words(block.trip_key[np.maximum(trip, 0)].view(np.uint64), "o-") if len(trips.day) else None
    return pa.table(
        {
            "case_id": ids(w.seed, "case", "cs-", code),
            "account_id": taken(block.member, person),
            "event_ts": stamps(us),
            "available_ts": stamps(us + HOUR_US),
            "case_kind": words(CASE_KINDS, kind),
            "is_negative": pa.array(unhappy, pa.bool_()),
            "closed_ts": stamps(closed // 1_000_000 * 1_000_000, closed >= block.end_us),
            "order_id": or_null(order_id, trip < 0) if order_id is not None else pa.nulls(len(kind), pa.string()),
        }
    )


def reviews(block: Block) -> pa.Table:
    """Reviews of what was bought: by the product's quality, her mood and how well the price band suits her."""
    p, w, trips, lines = block.world.params.service, block.world, block.log.trips, block.log.lines
    paid = np.flatnonzero(trips.outcome[lines.trip] == PAID)
    trip = lines.trip[paid]
    key = keys(w, "review", block.trip_key[trip], block.line_no[paid])
    writes = block.draw("review:writes", key) < p.review_rate
    paid, trip, key = paid[writes], trip[writes], key[writes]
    us = received_us(block)[trip] + ((0.1 + 12 * block.draw("review:days", key)) * DAY_US).astype(np.int64)
    us = us // 1_000_000 * 1_000_000
    rows = np.flatnonzero(us < block.end_us)
    rows = rows[order_by(us[rows], bits(w.seed, "id:review", key[rows]))]
    paid, trip, key, us = paid[rows], trip[rows], key[rows], us[rows]
    product, person = lines.product[paid], trips.person[trip]
    off = np.abs(w.catalogue.band[product].astype(np.float64) - block.people.band[person])
    mood = normal(w.seed, "product:quality", product) * 0.5 + normal(w.seed, "review:mood", key) * 0.9 - 0.25 * off
    rating = 1 + np.searchsorted(np.array([-2.2, -1.5, -0.8, 0.1]), mood)
    known = [text for texts in RATING_TEXTS for text in texts]
    start = np.cumsum([0] + [len(texts) for texts in RATING_TEXTS])
    size = np.diff(start)[rating - 1]
    text = start[rating - 1] + (block.draw("review:text", key) * size).astype(np.int64)
    text = np.where(block.draw("review:silent", key) < 0.35, -1, text)
    return pa.table(
        {
            "review_id": ids(w.seed, "review", "rv-", key),
            "account_id": taken(block.trip_account, trip),
            "product_id": words(w.catalogue.product_id, product),
            "event_ts": stamps(us),
            "available_ts": stamps(us + 30 * MINUTE_US),
            "rating": numbers(rating, pa.int32()),
            "text": words(known, text),
        }
    )
