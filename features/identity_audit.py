"""What stitching left out or kept apart, as `identity_audit`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from features.as_of import AsOf
from features.evidence import pointer
from features.identity_params import IdentityParams
from features.identity_replay import Replay
from features.identity_tables import IDENTITY_AUDIT
from features.source_people import IDENTIFIER_KINDS

Row = tuple[str, str, str, int, int | None, str]  # check, identifier_kind, subject, n, limit, what

STATES = {
    "blocked": ("blocked", "worthless values; they never stitch"),
    "malformed": ("malformed", "no values of their kind; they never stitch"),
    "blank": ("blank", "null or blank identifiers; they never stitch"),
    "future": ("future_dated", "not known before the cut; they count once they are"),
    "ok": ("sightings", "usable"),
}
CAUSES = {
    "unique": ("unique_conflict", "links left out: they would give a customer two values of a unique kind"),
    "kept_apart": ("kept_apart", "links left out: a person decided so"),
    "size": ("over_size", "links left out: with them the customer would have too many accounts"),
    "fuzzy_size": ("fuzzy_refused", "fuzzy links left out: a side has too many accounts"),
}


@dataclass(frozen=True)
class Found:
    """What the audit is made from: the replay at its last cut, sightings by kind and state, crowded addresses."""

    replay: Replay
    sighting_counts: pa.Table
    crowded: list[tuple[int, int]]


def as_audit(found: Found, as_of: AsOf, params: IdentityParams) -> pa.Table:
    """`identity_audit` at the cut; of each check at most `audit_rows` rows, the largest first."""
    rows = [*_totals(found), *_sightings(found), *_hubs(found), *_refused(found, params)]
    kept: list[Row] = []
    seen: Counter[str] = Counter()
    for row in sorted(rows, key=lambda r: (r[0], -r[3], r[1], r[2])):
        seen[row[0]] += 1
        if seen[row[0]] <= params.audit_rows:
            kept.append(row)
    columns = [list(c) for c in zip(*kept)] or [[]] * 6
    data = {"as_of": [as_of.day] * len(kept), **dict(zip(IDENTITY_AUDIT.names[1:], columns))}
    return pa.table({n: pa.array(data[n], IDENTITY_AUDIT.column(n).arrow_type) for n in IDENTITY_AUDIT.names})


def _totals(found: Found) -> list[Row]:
    replay = found.replay
    sizes = np.bincount(replay.code) if len(replay.code) else np.zeros(1, np.int64)
    largest = int(sizes.argmax())
    rows: list[Row] = [
        ("accounts", "", "", len(replay.code), None, "accounts seen anywhere"),
        ("customers", "", "", int((sizes > 0).sum()), None, "customers they belong to"),
        ("edges", "", "", int(replay.active.sum()), replay.params.max_edges, "edges of account and value in force"),
    ]
    if len(replay.code):
        limit = replay.params.max_component
        rows.append(
            ("largest_customer", "", replay.ids.name(largest), int(sizes[largest]), limit, "accounts of the largest")
        )
    return rows


def _sightings(found: Found) -> list[Row]:
    rows: list[Row] = []
    for row in found.sighting_counts.to_pylist():
        check, what = STATES[row["state"]]
        rows.append((check, row["identifier_kind"], "", row["n"], None, what))
    e = found.replay.evidence
    days = found.replay.params.expiries()
    for code, n in zip(*np.unique(e.kind[~found.replay.active], return_counts=True)):
        what = "edges not used: last sighting too long ago"
        rows.append(("expired_edges", IDENTIFIER_KINDS[code], "", int(n), days[code], what))
    return rows


def _hubs(found: Found) -> list[Row]:
    replay = found.replay
    e = replay.evidence
    what = "a value on more accounts than its cap; left out whole"
    rows: list[Row] = []
    for v in np.flatnonzero(replay.count > replay.cap).tolist():
        kind = IDENTIFIER_KINDS[e.value_kind[v]]
        rows.append(("hub", kind, pointer(e.value_key[v]), int(replay.count[v]), int(replay.cap[v]), what))
    for v, n in found.crowded:
        kind = IDENTIFIER_KINDS[e.value_kind[v]]
        cap = replay.params.caps()[e.value_kind[v]]
        what = "an address or household on too many accounts or customers; left out whole"
        rows.append(("household_hub", kind, pointer(e.value_key[v]), n, cap, what))
    return rows


def _refused(found: Found, params: IdentityParams) -> list[Row]:
    replay = found.replay
    limits = {"size": params.max_component, "fuzzy_size": params.fuzzy_max_cluster}
    counts = Counter((r.cause, r.kind, int(replay.code[account])) for account, r in replay.refused)
    rows: list[Row] = []
    for (cause, kind, customer), n in counts.items():
        check, what = CAUSES[cause]
        name = IDENTIFIER_KINDS[kind] if kind >= 0 else ""
        rows.append((check, name, replay.ids.name(customer), n, limits.get(cause), what))
    return rows
