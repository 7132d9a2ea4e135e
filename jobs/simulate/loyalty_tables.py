"""Coupons, points and tiers: what the loyalty programme keeps."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.columns import (
    DAY_US,
    MINUTE_US,
    dates,
    hex_words,
    ids,
    money,
    or_null,
    order_by,
    rank_in,
    stamps,
    taken,
    utc,
    words,
)
from jobs.simulate.contact_tables import send_us
from jobs.simulate.draws import bits, normal
from jobs.simulate.model import ANSWERS, OFFER_KINDS, PAID

ENTRY_KINDS = ("earn", "burn", "expire", "adjust")
TIERS = ("basic", "silver", "gold", "platinum")
HOUR_US = 60 * MINUTE_US
COUPON, DELIVERED = OFFER_KINDS.index("coupon"), ANSWERS.index("delivered")


def loyalty_tables(block: Block) -> dict[str, pa.Table]:
    """`coupons_issued, coupons_redeemed, points_ledger, tier_history`."""
    issued, redeemed = coupons(block)
    return {
        "coupons_issued": issued,
        "coupons_redeemed": redeemed,
        "points_ledger": points_ledger(block),
        "tier_history": tier_history(block),
    }


def coupons(block: Block) -> tuple[pa.Table, pa.Table]:
    """Coupons that arrived with a send, those taken in the shop on the way to the till, and those used."""
    w, s, trips = block.world, block.log.sends, block.log.trips
    o, a = w.offers, block.log.answers
    arrived = np.unique(a.send[a.kind == DELIVERED])
    used = np.flatnonzero((trips.offer >= 0) & (trips.outcome == PAID) & block.has_account[trips.person])
    used = used[o.kind[trips.offer[used]] == COUPON]
    credited = trips.send[used]
    sent = arrived[(o.kind[s.offer[arrived]] == COUPON) & block.has_account[s.person[arrived]]]
    sent = np.union1d(sent, credited[credited >= 0]).astype(np.int64)
    # one coupon is used once: the first trip has it, a later one has taken another in the shop
    again = (credited < 0) | (rank_in(credited) > 0)
    walk = used[again]
    code = np.concatenate([block.send_key[sent], block.trip_key[walk]])
    person = np.concatenate([s.person[sent], trips.person[walk]])
    offer = np.concatenate([s.offer[sent], trips.offer[walk]])
    us = np.concatenate([send_us(block, sent), block.trip_us[walk] - 5 * MINUTE_US])
    order = order_by(us, bits(w.seed, "id:coupon", code))
    code, person, offer, us = code[order], person[order], offer[order], us[order]
    issued = pa.table(
        {
            "coupon_id": ids(w.seed, "coupon", "cp-", code),
            "account_id": taken(block.member, person),
            "event_ts": stamps(us),
            "available_ts": stamps(us + 5 * MINUTE_US),
            "offer_id": words(o.offer_id, offer),
            "value": money(o.value[offer]),
            "min_amount": money(o.min_amount[offer]),
            "expires_ts": stamps(utc(w.first_day, o.last_day[offer] + 1)),
        }
    )
    code = np.where(again, block.trip_key[used], block.send_key[np.maximum(credited, 0)] if len(s.person) else 0)
    us = block.trip_us[used]
    order = order_by(us, bits(w.seed, "id:coupon", code))
    used, code, us = used[order], code[order], us[order]
    known = us + (np.where(trips.mode[used] == STORE, 16, 0.2) * HOUR_US).astype(np.int64)
    redeemed = pa.table(
        {
            "coupon_id": ids(w.seed, "coupon", "cp-", code),
            "account_id": taken(block.member, trips.person[used]),
            "event_ts": stamps(us),
            "available_ts": stamps(known),
            "order_id": hex_words(block.trip_key[used].view(np.uint64), "o-"),
            "amount": money(block.trip_coupon[used]),
        }
    )
    return issued, redeemed


def points_ledger(block: Block) -> pa.Table:
    """Points of card holders: an opening balance, one point per yuan paid, spending in steps, and what expired."""
    p, w = block.world.params.loyalty, block.world
    trips, number = block.log.trips, block.people.number
    t = np.flatnonzero((trips.outcome == PAID) & (trips.day >= block.touchpoints.card_day[trips.person]))
    t = t[np.lexsort((block.trip_key[t], block.trip_us[t], trips.person[t]))]
    person, us, key = trips.person[t], block.trip_us[t], block.trip_key[t]
    earned = np.floor(block.trip_amount[t] - block.trip_coupon[t]).astype(np.int64)
    so_far = np.cumsum(earned)
    first = np.flatnonzero(np.diff(person, prepend=-1))
    base = np.repeat(so_far[first] - earned[first], np.diff(np.append(first, len(t))))
    before = so_far - base - earned  # earned on earlier trips
    step = np.asarray(p.burn_steps)[(block.draw("points:step", number) * len(p.burn_steps)).astype(np.int64)]
    burner = block.draw("points:burner", number) < p.burner_share
    reached = before // step[person]
    last = np.where(np.diff(person, prepend=-1) != 0, 0, np.roll(reached, 1))
    burnt = np.where(burner[person], reached - last, 0) * step[person]
    burns = np.flatnonzero((burnt > 0) & (earned > 0))
    earns = np.flatnonzero(earned > 0)
    old = np.flatnonzero(block.touchpoints.card_day < 0)
    share = block.draw("points:opening", number[old]) * np.exp(0.5 * normal(w.seed, "points:spread", number[old]))
    opening = 1 + np.floor(share * block.yearly_spend[old]).astype(np.int64)
    expires = old[block.draw("points:expires", number[old]) < p.opening_expiry]
    gone = opening[np.isin(old, expires)]
    expiry = utc(w.first_day, np.floor(block.draw("points:expiry", number[expires]) * (w.days - 1)) + 1) - 1_000_000
    parts = (
        (0, earned[earns], us[earns], person[earns], key[earns], earns),
        (1, -burnt[burns], us[burns], person[burns], key[burns], burns),
        (2, -gone, expiry, expires, number[expires], None),
        (3, opening, np.full(len(old), block.start_us), old, number[old], None),
    )
    kind = np.concatenate([np.full(len(part[1]), part[0], np.int8) for part in parts])
    amount, us, person, key = (np.concatenate([np.asarray(part[i]) for part in parts]) for i in (1, 2, 3, 4))
    trip = np.concatenate([np.full(len(p[1]), -1) if p[5] is None else t[p[5]] for p in parts])
    code = keys(w, "entry", key, kind)
    order = order_by(us, bits(w.seed, "id:entry", code))
    kind, amount, us, person, trip, code = (x[order] for x in (kind, amount, us, person, trip, code))
    no_order = trip < 0
    return pa.table(
        {
            "entry_id": ids(w.seed, "entry", "pt-", code),
            "account_id": taken(block.member, person),
            "event_ts": stamps(us),
            "available_ts": stamps(us + 10 * HOUR_US),
            "entry_kind": words(ENTRY_KINDS, kind),
            "points": pa.array(amount, pa.int64()),
            "expires_ts": stamps(us + 365 * DAY_US, kind != 0),
            "order_id": or_null(hex_words(block.trip_key[np.maximum(trip, 0)].view(np.uint64), "o-"), no_order)
            if len(t)
            else pa.nulls(len(kind), pa.string()),
        }
    )


def tier_history(block: Block) -> pa.Table:
    """Tiers of card holders, set on the first of each month (every 30 days) by what she spent in 365 days."""
    p, w, trips = block.world.params.loyalty, block.world, block.log.trips
    n, number = len(block.people), block.people.number
    paid = np.flatnonzero(trips.outcome == PAID)
    order = paid[np.argsort(trips.day[paid], kind="stable")]
    # what she spent before day 0 is not simulated
    pace = block.yearly_spend / 365 * np.exp(0.4 * normal(w.seed, "tier:before", number))
    known = np.clip(-block.people.first_day, 0, 365)
    tier = np.full(n, -1)
    rows, tiers, days = [], [], []
    for first in range(0, w.days, 30):
        a, b = np.searchsorted(trips.day[order], (max(first - 365, 0), first))
        recent = order[a:b]
        spent = np.bincount(trips.person[recent], weights=block.trip_amount[recent], minlength=n)
        spent = spent + pace * np.minimum(known, max(365 - first, 0))
        now = np.searchsorted(p.tier_amounts, spent, side="right")
        enrolled = block.touchpoints.card_day <= first
        changed = np.flatnonzero(enrolled & (now != tier))
        tier[changed] = now[changed]
        rows.append(changed)
        tiers.append(now[changed])
        days.append(np.full(len(changed), first))
    person, tier, day = np.concatenate(rows), np.concatenate(tiers), np.concatenate(days)
    us = utc(w.first_day, day)
    order = order_by(us, bits(w.seed, "id:tier", number[person]))
    person, tier, day, us = person[order], tier[order], day[order], us[order]
    top = tier == len(TIERS) - 1
    bar = np.append(np.asarray(p.tier_amounts), 0.0)[tier]
    return pa.table(
        {
            "account_id": taken(block.member, person),
            "tier": words(TIERS, tier),
            "valid_from": stamps(us),
            "available_ts": stamps(us + 6 * HOUR_US),
            "expires_on": dates(w.first_day, day + 364),
            "next_tier_amount": money(bar, top),
        }
    )
