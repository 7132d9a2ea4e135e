"""What a command works in: settings, the lake with its lock, a running engine, tracking."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from features.as_of import EPOCH, AsOf
from features.errors import DataError
from jobs.contracts import all_contracts
from jobs.lock import lake_lock
from jobs.runs import scratch_root
from jobs.session import Engine
from jobs.settings import Settings
from jobs.tables import Lake
from jobs.tracking import Tracking


@dataclass
class Workspace:
    """Everything a step needs, open."""

    settings: Settings
    lake: Lake
    engine: Engine
    tracking: Tracking


def open_lake(settings: Settings) -> Lake:
    """The lake for reading; nothing is created or locked."""
    return Lake(settings.lake, all_contracts())


@contextmanager
def workspace(settings: Settings, command: str) -> Iterator[Workspace]:
    """Locks the lake, clears what killed attempts left in scratch, and starts the engine."""
    lake = open_lake(settings)
    lake.check_writable()
    with lake_lock(lake.root, command):
        shutil.rmtree(scratch_root(lake), ignore_errors=True)
        scratch = scratch_root(lake) / "engine"
        scratch.mkdir(parents=True)
        with Engine(settings.engine, settings.session, scratch) as engine:
            yield Workspace(settings, lake, engine, Tracking(settings.mlflow_uri, lake.root))
        shutil.rmtree(scratch_root(lake), ignore_errors=True)


def undated(settings: Settings) -> AsOf:
    """The cut handed to steps that do not depend on one."""
    return AsOf(settings.as_of or EPOCH, settings.time_zone)


def resolve_as_of(settings: Settings, lake: Lake) -> AsOf:
    """The cut from the settings, or the day after the last transaction; `DataError` when the data does not reach it.

    Never from the clock: the same data gives the same cut tomorrow.
    """
    if lake.table("transactions") is None:
        raise DataError(f"lake {lake.root} has no transactions yet; `nextbest ingest --sources DIR` reads them")
    first, last = lake.bounds("transactions", "event_ts")
    if first is None:
        raise DataError(
            "the transactions table is empty, so there is nothing to cut; check the sources and ingest again"
        )
    zone = ZoneInfo(settings.time_zone)
    first_day, last_day = first.astimezone(zone).date(), last.astimezone(zone).date()
    as_of = AsOf(settings.as_of or last_day + timedelta(days=1), settings.time_zone)
    if as_of.ts <= first:
        raise DataError(
            f"as_of {as_of.day} is before all data: transactions run from {first_day} to {last_day}; "
            "choose a later --as-of"
        )
    latest = last_day + timedelta(days=settings.max_days_after_data)
    if as_of.day > latest:
        raise DataError(
            f"as_of {as_of.day} is after all data: transactions end on {last_day}. Choose an --as-of up to {latest}, "
            "ingest newer data, or raise max_days_after_data"
        )
    return as_of
