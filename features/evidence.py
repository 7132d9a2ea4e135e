"""Evidence on the driver: which edges hold at which cut, as arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Evidence:
    """Edges sorted by value and account, and the rows (sightings per edge and cut) behind them, sorted by edge and cut.

    `account`, `value`, `kind` are per edge; `value_kind` and `value_key` (the 64-bit hash) per value; `edge`, `cut`,
    `first_day`, `last_day`, `n` per row.
    """

    account: Ints
    value: Ints
    kind: Ints
    value_kind: Ints
    value_key: Ints
    edge: Ints
    cut: Ints
    first_day: Ints
    last_day: Ints
    n: Ints

    def of_kinds(self, codes: tuple[int, ...]) -> Evidence:
        """The evidence of some kinds only; values keep their numbers."""
        edges = np.isin(self.kind, codes)
        number = np.cumsum(edges) - 1
        rows = edges[self.edge]
        return Evidence(
            self.account[edges], self.value[edges], self.kind[edges], self.value_kind, self.value_key,
            number[self.edge[rows]], self.cut[rows], self.first_day[rows], self.last_day[rows], self.n[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Intervals:
    """When edges hold: edge, first cut index at which it does, first cut index at which it no longer does."""

    edge: Ints
    start: Ints
    stop: Ints


def as_evidence(table: pa.Table, accounts: pa.Array) -> Evidence:
    """Evidence from the table of `features.identity_edges.as_edges`; `accounts` are all account ids, sorted.

    Its order follows from the ids and hashes, not from the order of rows.
    """
    columns = {name: _ints(table[name]) for name in ("kind", "value", "cut", "first_day", "last_day", "n")}
    account = _ints(pc.index_in(table["account_id"], value_set=accounts))
    keys, first, value = np.unique(columns["value"], return_index=True, return_inverse=True)
    pair = value * max(len(accounts), 1) + account
    order = np.lexsort((columns["cut"], pair))
    pair = pair[order]
    starts = np.ones(len(pair), bool)
    starts[1:] = pair[1:] != pair[:-1]
    rows = {name: column[order] for name, column in columns.items()}
    return Evidence(
        account=account[order][starts],
        value=value[order][starts],
        kind=rows["kind"][starts],
        value_kind=columns["kind"][first],
        value_key=keys,
        edge=np.cumsum(starts) - 1,
        **{name: rows[name] for name in ("cut", "first_day", "last_day", "n")},
    )


def active_intervals(evidence: Evidence, days: list[int], expiry: tuple[int, ...]) -> Intervals:
    """The cuts at which each edge holds: from the first that knows it until its last sighting is too old.

    `days` are the epoch days of the cuts, `expiry` days per kind code. A sighting after a lapse starts it again.
    """
    if not len(evidence.edge):
        return Intervals(*(np.empty(0, np.int64),) * 3)
    edge, start = evidence.edge, evidence.cut.astype(np.int64)
    span = np.int64(2**33)  # above any epoch day in use, so that a running maximum does not cross edges
    last = np.maximum.accumulate(edge * span + evidence.last_day.astype(np.int64)) - edge * span
    ends = last + np.asarray(expiry, np.int64)[evidence.kind[edge]]
    stop = np.searchsorted(np.asarray(days), ends, side="right")
    keep = stop > start  # the rest lapsed before it was known
    edge, start, stop = edge[keep], start[keep], stop[keep]
    opens = np.ones(len(edge), bool)
    opens[1:] = (edge[1:] != edge[:-1]) | (start[1:] > stop[:-1])
    closes = np.append(opens[1:], True) if len(edge) else opens
    return Intervals(edge[opens], start[opens], stop[closes])


def active_at_end(evidence: Evidence, day: int, expiry: tuple[int, ...]) -> NDArray[np.bool_]:
    """Per edge, whether it holds at a cut that knows all rows of the evidence."""
    last = np.full(len(evidence.account), -(2**40), np.int64)
    np.maximum.at(last, evidence.edge, evidence.last_day)
    return np.asarray(last + np.asarray(expiry, np.int64)[evidence.kind] >= day)


def pointer(key: int) -> str:
    """How tables name a value: 16 hexadecimal digits of the hash of its kind and identifier."""
    return f"{int(key) & 0xFFFFFFFFFFFFFFFF:016x}"


def _ints(column: pa.ChunkedArray | pa.Array) -> Ints:
    return np.asarray(column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy(),
                      dtype=np.int64)  # fmt: skip
