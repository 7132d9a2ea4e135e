"""The ways to contact customers, as an audience needs them: read, checked, and collected for those chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from features.contract import nearest
from features.errors import DataError
from features.order_lines import account_customers
from jobs.decide_offers import decision_params
from jobs.response_worth import customer_log, worth_of_responses
from jobs.runs import Job
from recommend.catalogue import as_objects
from scoring.audience_contacts import (
    ContactTables,
    contact_options,
    with_held_back,
)
from scoring.audience_value import Contacts, as_contacts
from scoring.decision_params import DecisionParams

PRICES = {"value": pa.float64(), "cost": pa.float64(), "p_response": pa.float64(), "value_basis": pa.string()}
Reasons = Callable[[NDArray[np.object_]], list[list[str]]]


@dataclass(frozen=True)
class Found:
    """Customers in the order of their ranks, their scores (n,) and contacts; `reasons` of the ids it is given."""

    customers: NDArray[np.object_]
    score: NDArray[np.float64]
    contacts: Contacts
    reasons: Reasons
    score_kind: str
    score_basis: str
    horizon_days: int | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Ways:
    """What contacting rests on: tables, parameters, and the channels in question."""

    tables: ContactTables
    params: DecisionParams
    channels: list[str]


def open_ways(job: Job, channel: str | None, by_response: bool) -> Ways:
    """Reads what is known of channels and contacts; `DataError` for a channel that is not known."""
    accounts = job.write_read("accounts", account_customers(job.read("customer_map"), job.as_of))

    def optional(name: str) -> DataFrame | None:
        return job.read(name) if job.has(name) else None

    def log(name: str) -> DataFrame | None:
        return job.write_read(name, customer_log(job, name, accounts)) if job.has("contacts") else None

    responses = log("responses")
    scores = optional("channel_scores")
    tables = ContactTables(
        reach=optional("customer_reach") if job.has("channels") else None,
        channel_scores=scores,
        effects=optional("contact_effects"),
        values=None if scores is None or not by_response else _values(job, responses, accounts),
        contacts=log("contacts"),
        responses=responses,
    )
    known = [t.select("channel") for t in (tables.reach, scores) if t is not None]
    names = sorted({r["channel"] for t in known for r in t.distinct().collect()})
    names = names or [job.settings.channel_scores.default_channel]
    if channel is not None and channel not in names:
        raise DataError(f"there is no channel {channel!r}{nearest(channel, names)}; known are {', '.join(names)}")
    return Ways(tables, decision_params(job), names if channel is None else [channel])


def _values(job: Job, responses: DataFrame | None, accounts: DataFrame) -> DataFrame:
    return worth_of_responses(
        job, customer_log(job, "responses", accounts) if responses is None else responses, accounts
    )


def collect_contacts(
    job: Job, customers: NDArray[np.object_], ways: Ways, priced: DataFrame | None, offer_id: str | None
) -> tuple[Contacts, pa.Table]:
    """Contacts of the chosen customers, and the table they were made of. The chosen are at most `max_size`."""
    chosen = frame_of(job, "chosen", "customer_id", customers)
    channels = frame_of(job, "channels_asked", "channel", as_objects(ways.channels))
    options = job.write_read("options", contact_options(chosen, channels, ways.tables))
    held = with_held_back(options, ways.tables, offer_id, ways.params, job.as_of)
    if priced is not None:
        held = held.join(priced, on=["customer_id", "channel"], how="left")
    table = job.write_read("contacts_asked", held).toArrow()
    for name, kind in PRICES.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.nulls(table.num_rows, kind))
    # the order of `as_contacts`, so that other columns can stand beside it
    place = {c: i for i, c in enumerate(customers)}
    who = np.fromiter((place[c] for c in table["customer_id"].to_pylist()), np.int64, table.num_rows)
    order = np.lexsort((np.array(table["channel"].to_pylist(), dtype=str), who)) if table.num_rows else who
    table = table.take(pa.array(order))
    return as_contacts(customers, table), table


def frame_of(job: Job, name: str, column: str, values: NDArray[np.object_]) -> DataFrame:
    """A column of ids as a frame."""
    import pyarrow.parquet as pq

    folder = job.scratch / f"_{name}"
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table({column: pa.array(values.tolist(), pa.string())}), folder / "part-0.parquet")
    return job.spark.read.parquet(str(folder))


def offer_row(job: Job, offer_id: str) -> dict[str, Any]:
    """The offer's row; `DataError` naming the nearest one when there is none."""
    if not job.has("offers"):
        raise DataError("there are no offers; give the source table offers")
    rows = {str(r["offer_id"]): r.asDict() for r in job.read("offers").collect()}
    if offer_id not in rows:
        raise DataError(f"there is no offer {offer_id!r}{nearest(offer_id, rows)}")
    return dict(rows[offer_id])


def ranked(best: DataFrame) -> tuple[NDArray[np.object_], NDArray[np.float64], pa.Table]:
    """Ids and scores of rows of `best_customers`, best first."""
    table = best.toArrow()
    keys = [(c, "descending") for c in ("score", "raw", "recency") if c in table.column_names]
    table = table.sort_by([*keys, ("customer_id", "ascending")])
    score = np.asarray(table["score"].to_numpy(), dtype=np.float64)
    return as_objects([str(c) for c in table["customer_id"].to_pylist()]), score, table
