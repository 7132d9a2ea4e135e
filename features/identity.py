"""Who an account belongs to: the map from accounts to customers, with events and audit, up to a cut.

This is the recipe: sightings become edges, cuts are gone through one after the other, the map only grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import OPEN_START, AsOf
from features.components import Links
from features.evidence import as_evidence
from features.identity_audit import Found, as_audit
from features.identity_edges import Cuts, as_accounts
from features.identity_households import find_households
from features.identity_map import OPEN_US, OWN, Change, as_events, load_map, moment
from features.identity_overrides import Override, active_overrides, as_decisions, decided_pairs
from features.identity_params import HOUSEHOLD_KINDS, KIND_CODE, LINKING_KINDS, IdentityParams
from features.identity_replay import Replay


def as_own_customers(account_tables: list[DataFrame]) -> DataFrame:
    """One `customer_map` row per account seen in any of the tables: customer_id = account_id, from always, still so.

    `valid_from` is the fixed open start, not the first purchase, so that a late fact never falls before it.
    """
    return as_accounts(account_tables).select(
        F.col("account_id"),
        F.col("account_id").alias("customer_id"),
        F.lit(OPEN_START).alias("valid_from"),
        F.lit(None).cast("timestamp").alias("valid_to"),
        F.lit(1.0).alias("confidence"),
        F.lit(OWN).alias("reason"),
    )


@dataclass(frozen=True)
class Earlier:
    """What runs before left: `customer_map`, `identity_events`, decisions, and the last cut resolved (epoch day)."""

    customer_map: pa.Table | None = None
    events: pa.Table | None = None
    overrides: Sequence[Override] = ()
    last_day: int | None = None


@dataclass(frozen=True)
class Identities:
    """Tables of the run: `customer_map`, `identity_events`, `identity_audit`, `households`."""

    customer_map: pa.Table
    events: pa.Table
    audit: pa.Table
    households: pa.Table


def cuts_of_run(earlier: Earlier, first_day: int | None, as_of: AsOf, params: IdentityParams) -> Cuts:
    """The cuts to go through: from the first sighting, or from the last cut resolved, to the run's own.

    The run's own cut is done again when it is the last one resolved.
    """
    last, step = as_of.epoch_day, params.replay_days
    if earlier.last_day is not None:
        return Cuts(min(earlier.last_day + step, last), step, last)
    return Cuts(min(last, last if first_day is None else first_day + 1), step, last)


def resolve_identities(
    edges: pa.Table,
    sighting_counts: pa.Table,
    seen: pa.Array,
    earlier: Earlier,
    cuts: Cuts,
    as_of: AsOf,
    params: IdentityParams,
    fuzzy: Sequence[tuple[str, str, float]] = (),
) -> Identities:
    """Goes through the cuts; nothing that an earlier cut resolved is changed.

    `edges` and `sighting_counts` are those of `features.identity_edges`, `seen` all account ids of the sources,
    `fuzzy` pairs of accounts with the probability that they are one person, in force at every cut of the run.
    """
    until = resolved_until(earlier, as_of)
    rows = load_map(earlier.customer_map, pc.unique(pa.chunked_array([seen, *edges["account_id"].chunks])), until)
    accounts = pa.array(rows.ids.accounts, pa.string())
    evidence = as_evidence(edges, accounts)
    active = active_overrides(earlier.overrides)
    decisions = as_decisions(active, accounts, _links(fuzzy, accounts))
    people = evidence.of_kinds(tuple(KIND_CODE[k] for k in LINKING_KINDS))
    before = rows.current()
    replay = Replay(people, params, rows.ids, before.copy(), (rows.account, rows.code), decisions)
    changes: list[Change] = []
    days = cuts.days
    for moves in replay.run(days):
        at = moment(days[moves.cut], as_of.time_zone)
        decided = {}
        if moves.cut == 0:  # decisions are the same at every cut of a run, so they show at its first
            after = before.copy()
            after[moves.account] = moves.new
            decided = decided_pairs(earlier.overrides, accounts, before, after)
        rows.apply(moves, at)
        changes.append(Change(moves, at, decided))
    events = [as_events(changes, rows.ids, people)]
    if earlier.events is not None:
        events.insert(0, earlier.events.filter(pc.field("event_ts") <= _stamp(until)))
    homes = evidence.of_kinds(tuple(KIND_CODE[k] for k in HOUSEHOLD_KINDS))
    households, crowded = find_households(homes, replay.code, rows.ids, as_of, params)
    audit = as_audit(Found(replay, sighting_counts, crowded), as_of, params)
    return Identities(rows.table(), pa.concat_tables(events), audit, households)


def keep_identities(earlier: Earlier, seen: pa.Array) -> pa.Table:
    """The map as it is, with accounts that are new to it as customers of their own: nothing is resolved."""
    return load_map(earlier.customer_map, seen, np.iinfo(np.int64).max - 1).table()


def resolved_until(earlier: Earlier, as_of: AsOf) -> int:
    """The last instant (microseconds) that earlier runs resolved and this one leaves alone."""
    if earlier.last_day is None:
        return OPEN_US
    again = earlier.last_day == as_of.epoch_day
    return moment(earlier.last_day, as_of.time_zone) - (1 if again else 0)


def _links(fuzzy: Sequence[tuple[str, str, float]], accounts: pa.Array) -> Links:
    """Fuzzy pairs by account number; pairs of unknown accounts are left out."""
    columns = list(zip(*fuzzy)) or [(), (), ()]
    ends = [pc.index_in(pa.array(c, pa.string()), value_set=accounts) for c in columns[:2]]
    known = np.array([a is not None and b is not None for a, b in zip(ends[0].to_pylist(), ends[1].to_pylist())], bool)
    first, second = (np.asarray(e.fill_null(-1), np.int64)[known] for e in ends)
    return Links(first, second, np.asarray(columns[2], np.float64)[known])


def _stamp(micros: int) -> pa.Scalar:
    return pa.scalar(micros, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
