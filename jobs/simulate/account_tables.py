"""The source table `accounts` of a block, and the truth of who is behind each account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from jobs.simulate.accounts import (
    ACCOUNT_KINDS,
    APP_ACCOUNT,
    CARD,
    COOKIE,
    DEVICES,
    MINI_ACCOUNT,
    NEVER,
    PREFIXES,
    RECEIPT,
    SERVICE,
    WEB_ACCOUNT,
    WEIBO,
    Touchpoints,
    account_bits,
    account_words,
    cookie_part,
    cookie_turn,
    receipt_part,
    store_ids,
)
from jobs.simulate.columns import expand, hex_words, money, order_by, stamps, table, utc, words
from jobs.simulate.draws import bits, exponential, integers
from jobs.simulate.identifier_text import identifier_text
from jobs.simulate.model import People
from jobs.simulate.people import SOURCE_COSTS, SOURCES
from jobs.simulate.sightings import HUB, KINDS, TABLET, TRAPS, Sightings

if TYPE_CHECKING:
    from jobs.simulate.world import World

Array = np.ndarray[Any, Any]

# medium and number of campaigns per acquisition source of the people module
MEDIUMS = ("none", "cpc", "social", "social", "walk_in", "friend", "fair")
CAMPAIGNS = np.array([0, 6, 5, 5, 0, 1, 4])
MINUTE_US = 60_000_000


def accounts_table(world: World, people: People, points: Touchpoints, seen: Sightings) -> pa.Table:
    """Rows of the source table `accounts`, by time. What was paid for an account stands on its first sighting."""
    number = people.number[seen.person]
    account = account_bits_of(world, seen.account, number, seen.part)
    us = utc(world.first_day, 0, seen.minute, integers(world.seed, "seen:second", 60, number, seen.minute, seen.kind))
    tie = bits(world.seed, "seen:order", account.view(np.int64), seen.kind, seen.minute)
    order = order_by(us, tie)
    source = people.source[seen.person].astype(np.int64)
    first = np.zeros(len(seen), bool)
    # the earliest row of each account
    by_account = np.lexsort((tie, us, account))
    starts = np.ones(len(seen), bool)
    starts[1:] = account[by_account][1:] != account[by_account][:-1]
    first[by_account[starts]] = True
    told = first & (seen.account != COOKIE) & (seen.account != RECEIPT)
    cost = SOURCE_COSTS[source] * (0.5 + 0.5 * exponential(world.seed, "cost", number))
    drawn = integers(world.seed, "campaign", 10**6, number) % np.maximum(CAMPAIGNS[source], 1)
    labels = [f"{name}-{i + 1}" for name, n in zip(SOURCES, CAMPAIGNS.tolist(), strict=True) for i in range(n)]
    start = np.cumsum(CAMPAIGNS) - CAMPAIGNS
    columns = {
        "account_id": account_words(seen.account, account),
        "account_kind": _kinds(seen.account),
        "identifier_kind": words(KINDS, seen.kind),
        "identifier": identifier_text(world.seed, seen, number),
        "event_ts": stamps(us),
        "available_ts": stamps(us + (seen.available - seen.minute) * MINUTE_US),
        "store_id": words(store_ids(world), seen.store),
        "acquisition_source": words(SOURCES, np.where(told, source, -1)),
        "acquisition_medium": _mediums(np.where(told, source, -1)),
        "acquisition_campaign": words(labels, np.where(told & (CAMPAIGNS[source] > 0), start[source] + drawn, -1)),
        "acquisition_cost": money(cost, ~told),
    }
    return table(columns, order)


def accounts_truth(world: World, people: People, points: Touchpoints, seen: Sightings) -> pa.Table:
    """One row per account a person can ever be recorded under: who she is and what evidence there is.

    Accounts of one person that share an `observable_group` are connected by sightings that are exact, her own,
    known before the end and not outdated. `traps` names the traps among an account's sightings.
    """
    person, kind, part = _possible(world, points, people)
    person = np.concatenate([person, seen.person])
    kind = np.concatenate([kind, seen.account])
    part = np.concatenate([part, seen.part])
    code = (person * len(PREFIXES) + kind) * (1 << 20) + (part + (1 << 19))
    known, at = np.unique(code, return_index=True)
    person, kind, part = person[at], kind[at], part[at]
    row = np.searchsorted(known, code[-len(seen) :]) if len(seen) else np.empty(0, np.int64)
    group = _groups(len(known), row, seen)
    first = np.full(len(known), len(known))
    np.minimum.at(first, group, np.arange(len(known)))
    word = account_bits_of(world, kind, people.number[person], part)
    is_hub = np.zeros(len(known), bool)
    is_hub[row[np.isin(seen.trap, (HUB, TABLET))]] = True
    flags = np.zeros(len(known), np.int64)
    np.bitwise_or.at(flags, row, np.where(seen.trap > 0, np.int64(1) << seen.trap.astype(np.int64), 0))
    sets, which = np.unique(flags, return_inverse=True)
    names = [",".join(t for i, t in enumerate(TRAPS) if i and s >> i & 1) for s in sets.tolist()]
    return pa.table(
        {
            "account_id": account_words(kind, word),
            "person": pa.array(people.number[person]),
            "account_kind": _kinds(kind),
            "observable_group": hex_words(bits(world.seed, "group", word[first[group]].view(np.int64)), "og-"),
            "is_hub": pa.array(is_hub),
            "traps": words(names, which),
        }
    )


def persons_truth(people: People) -> pa.Table:
    """Household per person."""
    return pa.table({"person": pa.array(people.number), "household": pa.array(people.household)})


def account_bits_of(world: World, kind: Array, number: Array, part: Array) -> Array:
    """64 bits per account of mixed kinds."""
    out = np.empty(len(number), np.uint64)
    for code in np.unique(kind).tolist():
        rows = kind == code
        out[rows] = account_bits(world, code, number[rows], part[rows])
    return out


def _groups(n: int, row: Array, seen: Sightings) -> Array:
    good = np.flatnonzero(seen.is_valid)
    value = bits(0, "value", seen.person[good], seen.kind[good], seen.key[good].view(np.int64))
    _, column = np.unique(value, return_inverse=True)
    size = n + (int(column.max()) + 1 if len(good) else 0)
    graph = coo_array((np.ones(len(good), bool), (row[good], n + column)), shape=(size, size))
    return np.asarray(connected_components(graph, directed=False)[1][:n])


def _possible(world: World, points: Touchpoints, people: People) -> tuple[Array, Array, Array]:
    persons, kinds, parts = [], [], []
    for code, since in (
        (CARD, points.card_day),
        (WEB_ACCOUNT, points.web_day),
        (SERVICE, points.service_day),
        (WEIBO, points.weibo_day),
    ):
        person = np.flatnonzero(since < NEVER)
        persons.append(person)
        kinds.append(np.full(len(person), code, np.int8))
        parts.append(np.zeros(len(person), np.int64))
    everyone = np.arange(len(people))
    for code in (APP_ACCOUNT, MINI_ACCOUNT):  # whoever looks or shops there gets one
        persons.append(everyone)
        kinds.append(np.full(len(everyone), code, np.int8))
        parts.append(np.zeros(len(everyone), np.int64))
    last = np.full(len(everyone), world.days - 1)
    for device in range(DEVICES):
        which = np.full(len(everyone), device)
        a, b = (cookie_turn(world, points, everyone, which, day) for day in (np.zeros(len(everyone), np.int64), last))
        row, k = expand(b - a + 1)
        persons.append(everyone[row])
        kinds.append(np.full(len(row), COOKIE, np.int8))
        parts.append(cookie_part(which[row], a[row] + k))
    a, b = (receipt_part(world, people.number, day) for day in (np.zeros(len(everyone), np.int64), last))
    row, k = expand(b - a + 1)
    persons.append(everyone[row])
    kinds.append(np.full(len(row), RECEIPT, np.int8))
    parts.append(a[row] + k)
    return np.concatenate(persons), np.concatenate(kinds), np.concatenate(parts)


def _kinds(code: Array) -> pa.Array:
    names = tuple(dict.fromkeys(ACCOUNT_KINDS))
    return words(names, np.array([names.index(k) for k in ACCOUNT_KINDS])[code])


def _mediums(source: Array) -> pa.Array:
    names = tuple(dict.fromkeys(MEDIUMS))
    index = np.array([names.index(m) for m in MEDIUMS])
    return words(names, np.where(source < 0, -1, index[source]))
