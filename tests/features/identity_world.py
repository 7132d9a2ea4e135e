"""A small world of identifier sightings, resolved without an engine, for tests of identities."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pyarrow as pa

from features.as_of import EPOCH, AsOf
from features.identity import Earlier, Identities, cuts_of_run, resolve_identities
from features.identity_edges import Cuts
from features.identity_overrides import Override
from features.identity_params import KIND_CODE, IdentityParams

PARAMS = IdentityParams(
    strength={"member_no": 0.99, "phone": 0.9, "email": 0.85, "device": 0.6, "cookie": 0.5},
    cap={"phone": 5, "email": 5, "device": 8, "address": 20},
    expiry_days={"phone": 730, "device": 365},
)
ZONE = "Asia/Shanghai"
Sighting = tuple[str, str, str, int] | tuple[str, str, str, int, int]  # account, kind, identifier, day[, known day]


def value_of(kind: str, identifier: str) -> int:
    """A 64-bit hash, as the engine makes one."""
    return int.from_bytes(hashlib.sha256(f"{kind}|{identifier}".encode()).digest()[:8], "big", signed=True)


def edges(sightings: Sequence[Sighting], cuts: Cuts) -> pa.Table:
    """What `features.identity_edges.as_edges` computes, in plain Python."""
    found: dict[tuple[Any, ...], list[int]] = {}
    for account, kind, identifier, day, *known in sightings:
        known_day = max(day, *known) if known else day
        if known_day >= cuts.last:
            continue
        cut = next(i for i, c in enumerate(cuts.days) if known_day < c)
        key = (account, KIND_CODE[kind], value_of(kind, identifier), cut)
        first, last, n = found.get(key, (day, day, 0))
        found[key] = [min(first, day), max(last, day), n + 1]
    names = ["account_id", "kind", "value", "cut", "first_day", "last_day", "n"]
    types = [pa.string(), pa.int32(), pa.int64(), *[pa.int32()] * 4]
    columns = list(zip(*[(*k, *v) for k, v in found.items()])) or [()] * 7
    return pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types)})


def as_of(day: int) -> AsOf:
    """The cut of an epoch day."""
    return AsOf(EPOCH + timedelta(days=day), ZONE)


@dataclass
class People:
    """Sightings that grow, and what runs made of them."""

    sightings: list[Sighting] = field(default_factory=list)
    also_seen: list[str] = field(default_factory=list)  # accounts without a sighting
    params: IdentityParams = PARAMS
    overrides: list[Override] = field(default_factory=list)
    earlier: Earlier = field(default_factory=Earlier)
    last: Identities | None = None

    def resolve(self, day: int) -> Identities:
        """One run as of an epoch day; the next goes on from it."""
        earlier = replace(self.earlier, overrides=self.overrides)
        known = [max(s[3:]) for s in self.sightings if max(s[3:]) < day]
        cuts = cuts_of_run(earlier, min(known, default=None), as_of(day), self.params)
        counts = pa.table({"identifier_kind": pa.array([], pa.string()), "state": pa.array([], pa.string()),
                           "n": pa.array([], pa.int64())})  # fmt: skip
        seen = pa.array(sorted({s[0] for s in self.sightings} | set(self.also_seen)), pa.string())
        table = edges(self.sightings, cuts)
        self.last = resolve_identities(table, counts, seen, earlier, cuts, as_of(day), self.params)
        self.earlier = Earlier(self.last.customer_map, self.last.events, (), day)
        return self.last

    def customers(self, day: int | None = None) -> dict[str, str]:
        """Customer of each account in snapshots of a day, by the rule of `account_customers`; by default now."""
        assert self.last is not None
        cut = as_of(day).ts if day is not None else datetime(9000, 1, 1, tzinfo=UTC)
        return {
            r["account_id"]: r["customer_id"]
            for r in self.last.customer_map.to_pylist()
            if r["valid_from"] < cut and (r["valid_to"] is None or r["valid_to"] >= cut)
        }

    def groups(self, day: int | None = None) -> set[frozenset[str]]:
        """Accounts that are one customer."""
        found: dict[str, set[str]] = {}
        for account, customer in self.customers(day).items():
            found.setdefault(customer, set()).add(account)
        return {frozenset(g) for g in found.values()}

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Events of a kind."""
        assert self.last is not None
        return [e for e in self.last.events.to_pylist() if e["event_kind"] == kind]

    def audit(self, check: str) -> list[dict[str, Any]]:
        """Audit rows of a check."""
        assert self.last is not None
        return [r for r in self.last.audit.to_pylist() if r["check"] == check]


def partitions_time(table: pa.Table) -> bool:
    """Whether each account's rows follow one another without gap or overlap, from always, the last still holding."""
    rows: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for r in table.to_pylist():
        rows.setdefault(r["account_id"], []).append((r["valid_from"], r["valid_to"]))
    return all(
        spans[0][0].date() == date(1900, 1, 1)
        and spans[-1][1] is None
        and all(a[1] == b[0] and a[0] < b[0] for a, b in pairwise(spans))
        for spans in (sorted(s, key=lambda x: x[0]) for s in rows.values())
    )
