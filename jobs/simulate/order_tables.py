"""Orders as the shop's systems hold them: paid lines, and the log of what became of an order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jobs.simulate.accounts import home_store, store_ids
from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.columns import (
    DAY_US,
    MINUTE_US,
    Array,
    hex_words,
    money,
    numbers,
    order_by,
    stamps,
    taken,
    words,
)
from jobs.simulate.draws import choose
from jobs.simulate.model import MODES, PAID, UNPAID
from jobs.simulate.table_params import OrderParams

STATUS = ("placed", "paid", "pay_failed", "closed", "shipped", "received", "refunded")
PLACED, PAY, FAILED, CLOSED, SHIPPED, RECEIVED, REFUNDED = range(len(STATUS))
REASONS = ("unpaid", "size", "fit", "quality", "changed_mind", "late")
SIZED = np.cumsum([0.0, 0.38, 0.22, 0.14, 0.2, 0.06])  # reasons for what has sizes
PLAIN = np.cumsum([0.0, 0.0, 0.0, 0.4, 0.42, 0.18])
HOUR_US = 60 * MINUTE_US


@dataclass
class Refunds:
    """Lines that came back."""

    line: Array  # row in the log's lines
    us: Array
    reason: Array  # int8 into REASONS


def order_tables(block: Block, refunds: Refunds) -> dict[str, pa.Table]:
    """`transactions, order_status`."""
    return {"transactions": transactions(block), "order_status": order_status(block, refunds)}


def store_of(block: Block, person: Array, key: Array) -> Array:
    """Store of a visit: mostly her own, at times another. Codes of `store_ids`."""
    number = block.people.number[person]
    stores = len(store_ids(block.world))
    other = np.floor(block.draw("store:other", number, key) * stores).astype(np.int64)
    return np.where(block.draw("store:stray", number, key) < 0.12, other, home_store(block.world, block.people)[person])


def known_at_till(us: Array, block: Block, key: Array, mode: Array) -> Array:
    """When a sale was known: the shop's own systems at once, the tills in the night that follows."""
    night = (us + 8 * HOUR_US) // DAY_US * DAY_US + DAY_US - 8 * HOUR_US
    night = night + (block.draw("till:night", key) * 4 * 60).astype(np.int64) * MINUTE_US + HOUR_US
    online = us + (block.draw("till:online", key) * 240).astype(np.int64) * 1_000_000
    return np.where(mode == STORE, night, online)


def transactions(block: Block) -> pa.Table:
    """Paid lines."""
    trips, lines, w = block.log.trips, block.log.lines, block.world
    paid = np.flatnonzero(trips.outcome[lines.trip] == PAID)
    trip = lines.trip[paid]
    paid = paid[order_by(block.trip_us[trip], block.trip_key[trip].view(np.uint64))]
    trip = lines.trip[paid]
    key, us, mode = block.trip_key[trip], block.trip_us[trip], trips.mode[trip]
    store = np.where(mode == STORE, store_of(block, trips.person[trip], key), -1)
    return pa.table(
        {
            "order_id": hex_words(key.view(np.uint64), "o-"),
            "line_no": numbers(block.line_no[paid] + 1, pa.int32()),
            "account_id": taken(block.trip_account, trip),
            "product_id": words(w.catalogue.product_id, lines.product[paid]),
            "event_ts": stamps(us),
            "available_ts": stamps(known_at_till(us, block, key, mode)),
            "quantity": numbers(lines.quantity[paid], pa.int64()),
            "amount": money(lines.amount[paid]),
            "list_amount": money(np.maximum(lines.list_amount[paid], lines.amount[paid])),
            "coupon_amount": money(lines.coupon[paid]),
            "sales_channel": words(MODES, mode),
            "store_id": words(store_ids(w), store),
        }
    )


def received_us(block: Block) -> Array:
    """When the parcel of each trip arrives (for a store: when it was carried home)."""
    key = block.trip_key
    days = 1.5 + 3.5 * block.draw("parcel:days", key) + 6 * (block.draw("parcel:late", key) < 0.04)
    online = block.trip_us + (days * DAY_US).astype(np.int64) // 1_000_000 * 1_000_000
    return np.where(block.log.trips.mode == STORE, block.trip_us, online)


def draw_refunds(block: Block, params: OrderParams) -> Refunds:
    """Which paid lines come back, when and why. Some come back only weeks later."""
    trips, lines = block.log.trips, block.log.lines
    paid = np.flatnonzero(trips.outcome[lines.trip] == PAID)
    trip = lines.trip[paid]
    key = keys(block.world, "line", block.trip_key[trip], block.line_no[paid])
    sized = block.world.catalogue.sizes[lines.category[paid]] > 0
    store = trips.mode[trip] == STORE
    rate = np.where(store, params.refund_rate_store, np.where(sized, params.refund_rate_sized, params.refund_rate))
    back = block.draw("refund", key) < rate
    paid, trip, key, sized = paid[back], trip[back], key[back], sized[back]
    u = block.draw("refund:reason", key)
    reason = np.where(sized, choose(SIZED, u), choose(PLAIN, u))
    late = block.draw("refund:late", key) < params.late_refund_share
    days = np.where(late, 14, 0.2) + np.where(late, 30, 8) * block.draw("refund:days", key)
    us = received_us(block)[trip] + (days * DAY_US).astype(np.int64) // 1_000_000 * 1_000_000
    seen = us < block.end_us
    return Refunds(paid[seen], us[seen], reason[seen].astype(np.int8))


def order_status(block: Block, refunds: Refunds) -> pa.Table:
    """The log of online orders; receipts of stores appear only when something comes back."""
    params = block.world.params.orders
    trips = block.log.trips
    online = trips.mode != STORE
    paid = np.flatnonzero((trips.outcome == PAID) & online)
    unpaid = np.flatnonzero((trips.outcome == UNPAID) & online)
    us, key = block.trip_us, block.trip_key
    pay_us = us[paid] + (20 + block.draw("pay:seconds", key[paid]) * 280).astype(np.int64) * 1_000_000
    ship_us = pay_us + (4 + 30 * block.draw("ship:hours", key[paid])).astype(np.int64) * HOUR_US
    got_us = np.maximum(received_us(block)[paid], ship_us + 6 * HOUR_US)
    closed_us = us[unpaid] + (30 + block.draw("close:minutes", key[unpaid]) ** 2 * 1410).astype(np.int64) * MINUTE_US
    failed = paid[block.draw("pay:fails", key[paid]) < params.fail_rate]
    gave_up = unpaid[block.draw("pay:fails", key[unpaid]) < params.unpaid_failed_share]
    returned = block.log.lines.trip[refunds.line]
    soon = (us[failed] + 10_000_000, us[gave_up] + 45_000_000)
    parts = [
        _status(block, PLACED, np.concatenate([paid, unpaid]), us[np.concatenate([paid, unpaid])]),
        _status(block, FAILED, np.concatenate([failed, gave_up]), np.concatenate(soon)),
        _status(block, PAY, paid, pay_us),
        _status(block, CLOSED, unpaid, closed_us, reason=np.zeros(len(unpaid), np.int8)),
        _status(block, SHIPPED, paid, ship_us),
        _status(block, RECEIVED, paid, got_us),
        _status(block, REFUNDED, returned, refunds.us, reason=refunds.reason, line=refunds.line),
    ]
    events = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    rows = np.flatnonzero(events["us"] < block.end_us)
    rows = rows[order_by(events["us"][rows], block.trip_key[events["trip"][rows]].view(np.uint64))]
    return _status_table(block, {name: values[rows] for name, values in events.items()})


def _status(
    block: Block, status: int, trip: Array, us: Array, reason: Array | None = None, line: Array | None = None
) -> dict[str, Array]:
    """Events of one status. A refund is of one line, all else of the whole order."""
    n, lines = len(trip), block.log.lines
    if line is not None:
        amount = lines.amount[line] - lines.coupon[line]
    else:
        amount = block.trip_amount[trip] - block.trip_coupon[trip]
    return {
        "status": np.full(n, status, np.int8),
        "trip": trip,
        "us": us,
        "reason": np.full(n, -1, np.int8) if reason is None else reason,
        "product": np.full(n, -1, np.int32) if line is None else lines.product[line],
        "amount": amount,
        "number": np.ones(n, np.int64) if line is None else block.line_no[line] + 1,
    }


def _status_table(block: Block, e: dict[str, Array]) -> pa.Table:
    status, us, trip = e["status"], e["us"], e["trip"]
    key = block.trip_key[trip]
    # a refund is booked by people: some of it shows in the data only days later
    slow = np.where(status == REFUNDED, block.draw("refund:known", key, us) ** 3 * 10 * DAY_US, 0)
    usual = block.draw("status:known", key, status.astype(np.int64)) * 20 * MINUTE_US
    known = us + (slow + usual).astype(np.int64) // 1_000_000 * 1_000_000
    without_amount = (status != PLACED) & (status != PAY) & (status != REFUNDED)
    return pa.table(
        {
            "order_id": hex_words(key.view(np.uint64), "o-"),
            "status_no": numbers(e["number"], pa.int32()),
            "account_id": taken(block.trip_account, trip),
            "status": words(STATUS, status),
            "event_ts": stamps(us),
            "available_ts": stamps(known),
            "amount": money(e["amount"], without_amount),
            "product_id": words(block.world.catalogue.product_id, e["product"]),
            "reason": words(REASONS, e["reason"]),
            "sales_channel": words(MODES, block.log.trips.mode[trip]),
        }
    )
