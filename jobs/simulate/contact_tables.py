"""What the shop's campaign tools logged: sends, who was held back, and what came back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.block import Block, keys
from jobs.simulate.columns import MINUTE_US, ids, order_by, rank_in, stamps, taken, utc, words
from jobs.simulate.draws import bits
from jobs.simulate.model import ANSWERS, CHANNELS, Array

REDEEM, BUY = ANSWERS.index("redeem"), ANSWERS.index("buy")


def contact_tables(block: Block) -> dict[str, pa.Table]:
    """`contacts, holdouts, responses`."""
    sends = block.log.sends
    filed = block.has_account[sends.person]
    return {
        "contacts": _sent(block, np.flatnonzero(filed & ~sends.holdout), "contact_id", "ct-"),
        "holdouts": _sent(block, np.flatnonzero(filed & sends.holdout), "holdout_id", "ho-"),
        "responses": responses(block),
    }


def send_us(block: Block, rows: Array) -> Array:
    """Moment of each send."""
    s = block.log.sends
    second = np.floor(block.draw("send:second", block.send_key[rows]) * 60)
    return utc(block.world.first_day, s.day[rows], s.minute[rows], second)


def _sent(block: Block, rows: Array, name: str, prefix: str) -> pa.Table:
    """Sends or holdouts: they differ in the name of their key, and a holdout has no channel."""
    s, w = block.log.sends, block.world
    purpose = name.removesuffix("_id")
    us = send_us(block, rows)
    order = order_by(us, np.atleast_1d(bits(w.seed, f"id:{purpose}", block.send_key[rows])))
    rows, us = rows[order], us[order]
    key = block.send_key[rows]
    known = us + (block.draw("send:known", key) * 60 + 1).astype(np.int64) * MINUTE_US
    unlogged = np.isnan(s.propensity[rows])
    columns = {
        name: ids(w.seed, purpose, prefix, key),
        "account_id": taken(block.member, s.person[rows]),
        "offer_id": words(w.offers.offer_id, s.offer[rows]),
        "channel": words(CHANNELS, s.channel[rows]),
        "event_ts": stamps(us),
        "available_ts": stamps(known),
        "logging_propensity": pa.array(np.round(s.propensity[rows], 6), pa.float64(), mask=unlogged),
    }
    if name == "holdout_id":
        del columns["channel"]
    return pa.table(columns)


def responses(block: Block) -> pa.Table:
    """Answers to sends. A redemption names the offer's coupon; what happened in a store is known the next night."""
    a, s, w = block.log.answers, block.log.sends, block.world
    again = rank_in(a.send, a.kind)
    second = 60 * block.draw("answer:second", block.send_key[a.send], a.kind, again)
    us = np.maximum(utc(w.first_day, a.day, a.minute, second), send_us(block, a.send) + 1_000_000)
    key = keys(w, "answer", block.send_key[a.send], a.kind, again)
    rows = np.flatnonzero((us < block.end_us) & block.has_account[s.person[a.send]])
    tie = np.atleast_1d(bits(w.seed, "id:response", key[rows]))
    rows = rows[order_by(us[rows], tie)]
    send, kind, us, key = a.send[rows], a.kind[rows], us[rows], key[rows]
    late = np.where((kind == REDEEM) | (kind == BUY), 16 * 60, 30) * block.draw("answer:known", key)
    offer = s.offer[send]
    return pa.table(
        {
            "response_id": ids(w.seed, "response", "rs-", key),
            "account_id": taken(block.member, s.person[send]),
            "offer_id": words(w.offers.offer_id, offer),
            "response_kind": words(ANSWERS, kind),
            "event_ts": stamps(us),
            "available_ts": stamps(us + (late + 1).astype(np.int64) * MINUTE_US),
            "coupon_id": words(w.offers.offer_id, np.where(kind == REDEEM, offer, -1)),
            "contact_id": contact_ids(block, send),
            "channel": words(CHANNELS, s.channel[send]),
        }
    )


def contact_ids(block: Block, send: Array) -> pa.Array:
    """`contact_id` of each send."""
    return ids(block.world.seed, "contact", "ct-", block.send_key[send])
