"""The map from accounts to customers as rows that are only ever closed, never changed, and the events behind them.

A resolution at a cut knows what was known before it, so it holds from the last microsecond before the cut: a
snapshot of that cut uses it (`valid_from` < cut), and an earlier one does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.as_of import EPOCH, OPEN_START, AsOf
from features.evidence import Evidence
from features.identity_replay import Moves
from features.identity_tables import IDENTITY_EVENTS
from features.link_strength import bit_names
from features.output_tables import CUSTOMER_MAP
from features.persistent_ids import CustomerIds
from features.stable_hash import as_hex, combine, hash_strings

Ints = NDArray[np.integer]
OPEN_US = int((OPEN_START - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
STILL = np.iinfo(np.int64).max  # valid_to of a row that holds
EVENT_KINDS = ("merge", "split", "undo", "restore")
OWN, ALONE = "own", "alone"


def moment(day: int, time_zone: str) -> int:
    """The last instant before the local midnight of an epoch day, in microseconds since 1970, UTC."""
    cut = AsOf(EPOCH + timedelta(days=day), time_zone).ts
    return int((cut - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1)) - 1


@dataclass
class MapRows:
    """Rows of the map by account and customer number. `reasons` are distinct texts that `reason` points into."""

    ids: CustomerIds
    account: Ints
    code: Ints
    valid_from: Ints
    valid_to: Ints
    confidence: NDArray[np.floating]
    reason: Ints
    reasons: list[str] = field(default_factory=list)

    def current(self) -> Ints:
        """Customer per account, from the rows that hold."""
        found = np.full(len(self.ids.accounts), -1, np.int64)
        holding = self.valid_to == STILL
        found[self.account[holding]] = self.code[holding]
        return found

    def reason_number(self, text: str) -> int:
        """The number of a reason, registered when it is new."""
        if text not in self.reasons:
            self.reasons.append(text)
        return self.reasons.index(text)

    def append(self, account: Ints, code: Ints, since: int, confidence: NDArray[Any], reason: Ints) -> None:
        """New rows that hold from `since`."""
        self.account = np.concatenate([self.account, account])
        self.code = np.concatenate([self.code, code])
        self.valid_from = np.concatenate([self.valid_from, np.full(len(account), since)])
        self.valid_to = np.concatenate([self.valid_to, np.full(len(account), STILL)])
        self.confidence = np.concatenate([self.confidence, confidence])
        self.reason = np.concatenate([self.reason, reason])

    def apply(self, moves: Moves, at: int) -> None:
        """Closes the rows of accounts that moved and opens new ones."""
        moved = np.zeros(len(self.ids.accounts), bool)
        moved[moves.account] = True
        self.valid_to[(self.valid_to == STILL) & moved[self.account]] = at
        kinds, where = np.unique(moves.support.bits, return_inverse=True)
        names = np.array([self.reason_number(bit_names(int(b)) or ALONE) for b in kinds], np.int64)
        reason = names[where] if len(kinds) else np.empty(0, np.int64)
        alone = moves.support.bits == 0
        reason[alone & (moves.new == moves.account)] = self.reason_number(OWN)
        self.append(moves.account, moves.new, at, moves.support.confidence, reason)

    def table(self) -> pa.Table:
        """The rows as `customer_map`, by account and valid_from."""
        order = np.lexsort((self.valid_from, self.account))
        names = pa.array([*self.ids.accounts, *self.ids.made], pa.string())
        stamp = pa.timestamp("us", tz="UTC")
        still = self.valid_to[order] == STILL
        columns = {
            "account_id": names.take(pa.array(self.account[order])),
            "customer_id": names.take(pa.array(self.code[order])),
            "valid_from": pa.array(self.valid_from[order]).cast(stamp),
            "valid_to": pa.array(np.where(still, 0, self.valid_to[order]), mask=still).cast(stamp),
            "confidence": pa.array(self.confidence[order], mask=np.isnan(self.confidence[order])),
            "reason": pa.array(self.reasons, pa.string()).take(
                pa.array(self.reason[order], mask=self.reason[order] < 0)
            ),
        }
        return pa.table(columns).cast(CUSTOMER_MAP.arrow_schema())


def load_map(earlier: pa.Table | None, seen: pa.Array, until: int) -> MapRows:
    """The map as it stood at `until` (microseconds), with a row from always for every account not in it yet.

    `earlier` is `customer_map`; rows from after `until` are dropped, and what they closed is open again. `seen` are the
    account ids of the sources; an account that sources no longer name stays in the map.
    """
    earlier = CUSTOMER_MAP.arrow_schema().empty_table() if earlier is None else earlier
    since = _micros(earlier["valid_from"])
    earlier = earlier.filter(pa.array(since <= until))
    known = pc.unique(pa.chunked_array([*earlier["account_id"].chunks, seen.cast(pa.string())], pa.string()))
    accounts = known.take(pc.sort_indices(known))
    ids = CustomerIds(accounts.to_pylist())
    account = _place(earlier["account_id"], accounts)
    code = _place(earlier["customer_id"], accounts)
    for row in np.flatnonzero(code < 0).tolist():  # few: ids made for parts split off
        name = earlier["customer_id"][row].as_py()
        base = pc.index(accounts, name.rpartition("~")[0]).as_py()
        code[row] = ids.add(name, base if base >= 0 else int(account[row]))
    ends = earlier["valid_to"]
    valid_to = np.where(_nulls(ends), STILL, _micros(ends.fill_null(datetime(1970, 1, 1, tzinfo=UTC))))
    valid_to[valid_to > until] = STILL
    confidence = np.asarray(earlier["confidence"].fill_null(float("nan")).to_numpy(), np.float64)
    reasons = pc.unique(earlier["reason"]).drop_null()
    reason = _place(earlier["reason"], reasons)
    rows = MapRows(
        ids, account, code, _micros(earlier["valid_from"]), valid_to, confidence.copy(), reason, reasons.to_pylist()
    )
    new = np.setdiff1d(np.arange(len(accounts)), account)
    own = new.copy()
    for place, taken in enumerate(new.tolist()):
        if ids.code and ids.accounts[taken] in ids.code:  # its own id was made for somebody else before
            own[place] = ids.make(taken, set(ids.accounts))
    rows.append(new, own, OPEN_US, np.ones(len(new)), np.full(len(new), rows.reason_number(OWN)))
    return rows


@dataclass(frozen=True)
class Change:
    """Moves at a moment, and what a person's decision made of them: (customer before, after) -> `undo`, `restore`."""

    moves: Moves
    at: int
    decided: Mapping[tuple[int, int], str]


def as_events(changes: Sequence[Change], ids: CustomerIds, evidence: Evidence) -> pa.Table:
    """`identity_events`: per moment one row for each pair of customers that accounts went between."""
    parts = [_pairs(c, len(ids)) for c in changes]
    if not parts:
        return IDENTITY_EVENTS.arrow_schema().empty_table()
    at, old, new, merged, counts, bits, value = (np.concatenate(c) for c in zip(*parts))
    kind = np.where(merged, 0, 1)
    named = {(c.at, *pair): EVENT_KINDS.index(what) for c in changes for pair, what in c.decided.items()}
    for i, key in enumerate(zip(at.tolist(), old.tolist(), new.tolist()) if named else ()):
        kind[i] = named.get(key, kind[i])
    names = pa.array([*ids.accounts, *ids.made], pa.string())
    keeps = names.take(pa.array(np.where(merged, new, old)))
    other = names.take(pa.array(np.where(merged, old, new)))
    different, which = np.unique(bits, return_inverse=True)
    via = pa.array([bit_names(int(b)) or None for b in different], pa.string())
    shown = merged & (value >= 0)
    keys = as_hex(evidence.value_key[value[shown]])
    places = np.cumsum(shown) - 1
    columns = {
        # the same change at the same cut has the same id
        "event_id": as_hex(combine(at, kind, hash_strings(keeps), hash_strings(other)), "ev-"),
        "event_ts": pa.array(at).cast(pa.timestamp("us", tz="UTC")),
        "event_kind": pa.array(EVENT_KINDS, pa.string()).take(pa.array(kind)),
        "customer_id": keeps,
        "other_customer_id": other,
        "accounts_moved": counts,
        "via": via.take(pa.array(which, mask=~merged)),
        "value": keys.take(pa.array(places, mask=~shown)),
    }
    return pa.table(columns).cast(IDENTITY_EVENTS.arrow_schema())


def _pairs(change: Change, width: int) -> tuple[NDArray[Any], ...]:
    """Per pair of customers: moment, before, after, whether a merge, accounts, bits of kinds, the surest value."""
    moves = change.moves
    pairs, first, where, counts = np.unique(
        moves.old * width + moves.new, return_index=True, return_inverse=True, return_counts=True
    )
    bits = np.zeros(len(pairs), np.int64)
    np.bitwise_or.at(bits, where, moves.support.bits)
    value = np.full(len(pairs), -1, np.int64)
    surest_last = np.argsort(moves.support.confidence, kind="stable")
    value[where[surest_last]] = moves.support.value[surest_last]
    at = np.full(len(pairs), change.at)
    return at, pairs // width, pairs % width, moves.is_merge[first], counts, bits, value


def _micros(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy(), np.int64)


def _nulls(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column.is_null().to_numpy(), bool)


def _place(column: pa.ChunkedArray, known: pa.Array) -> Ints:
    """Where each value stands in `known`; -1 where it does not."""
    found = pc.index_in(column, value_set=known).fill_null(-1)
    return np.asarray(found.to_numpy(), np.int64).copy()
