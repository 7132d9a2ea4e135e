"""A world brought back to the cut of a run, and who in it is which customer of the lake.

This is the one place, with `jobs/evaluate_world_identity.py`, that opens a world's truth.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset as ds

from features.as_of import AsOf
from features.errors import DataError
from jobs.console import say
from jobs.simulate.campaigns import past_sends
from jobs.simulate.channels import daily_capacity
from jobs.simulate.dynamics import live, new_state
from jobs.simulate.model import CHANNELS, Array, People, State
from jobs.simulate.params import WorldError, params_from_dict
from jobs.simulate.people import make_people
from jobs.simulate.world import World, make_world
from jobs.tables import Lake


@dataclass(frozen=True)
class Standing:
    """The world at the cut.

    `offers` are positions of the offers that can be sent at the cut; `reachable` (n, channels) is what the shop may
    use: an address, a consent where one is needed, no refusal.
    """

    world: World
    people: People
    state: State
    offers: Array
    reachable: Array

    @property
    def n(self) -> int:
        """Persons."""
        return len(self.people)

    @property
    def day(self) -> int:
        """The cut as a day of the world: the first one not lived yet."""
        return self.state.day


def load_world(folder: Path) -> World:
    """The world that `nextbest simulate` wrote to `folder`, made again from its parameters."""
    path = folder / "truth" / "world.json"
    try:
        about: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as e:
        raise DataError(
            f"{folder} holds no simulated world ({path} cannot be read: {e}); `nextbest simulate --out DIR` makes one"
        ) from e
    try:
        return remake_world(about)
    except (WorldError, KeyError, TypeError) as e:
        raise DataError(f"{path} does not describe a world of this version: {e}; simulate it again") from e


def remake_world(about: Mapping[str, Any]) -> World:
    """A world from what its `world.json` says."""
    return make_world(
        int(about["seed"]),
        int(about["customers"]),
        int(about["days"]),
        params_from_dict(about["params"]),
        date.fromisoformat(about["end"]),
    )


def stand_at_end(world: World, min_days_left: int = 3) -> Standing:
    """Lives the whole history again and stands at its end; offers must still run for `min_days_left` days."""
    people = make_people(world, np.arange(world.n, dtype=np.int64))
    state = new_state(world, people)
    live(world, people, state, world.days, past_sends)
    first, last = world.offers.first_day, world.offers.last_day
    running = np.flatnonzero((first <= state.day) & (last >= state.day + min_days_left - 1))
    consent = people.consents | ~needs_consent(world)[None, :]
    reachable = people.has_address & consent & state.subscribed & (people.first_day < state.day)[:, None]
    return Standing(world, people, state, running, reachable)


def needs_consent(world: World) -> Array:
    """bool per channel."""
    needed = world.params.channels.needs_consent
    return np.array([needed[c] for c in CHANNELS])


def contact_costs(world: World) -> Array:
    """Cost of one contact per channel."""
    return np.array([world.params.channels.cost[c] for c in CHANNELS], dtype=float)


def capacities(world: World, days: int) -> Array:
    """Contacts per channel that fit into `days`; inf where there is no limit."""
    return np.asarray(daily_capacity(world.params.channels, world.n) * days)


def check_cut(world: World, as_of: AsOf) -> None:
    """The lake must have been run at the end of the world."""
    end = world.first_day + timedelta(days=world.days)
    if as_of.day != end:
        raise DataError(
            f"the world ends before {end}, so decisions must be those as of {end}, found {as_of.day}; "
            f"run with --as-of {end}"
        )


def customers_at(lake: Lake, as_of: AsOf) -> pd.Series:
    """The customer of each account at the cut: account_id -> customer_id."""
    m = lake.arrow("customer_map").to_pandas()
    cut = pd.Timestamp(as_of.ts)
    return m[(m.valid_from < cut) & (m.valid_to.isna() | (m.valid_to >= cut))].set_index("account_id").customer_id


def customers_of(folder: Path, lake: Lake, as_of: AsOf, standing: Standing) -> pd.Series:
    """Position in the world of each customer of the lake (customer_id -> position): who most of its accounts are.

    Ties go to the founding account's owner, then to the smaller number. Customers whose accounts nobody owns (store
    tills) are left out and counted.
    """
    truth = ds.dataset(folder / "truth" / "accounts", format="parquet")
    accounts = truth.to_table(columns=["account_id", "person"]).to_pandas().set_index("account_id").person
    m = customers_at(lake, as_of).reset_index()
    m["person"] = m.account_id.map(accounts)
    unknown = int(m.person.isna().sum())
    m = m[m.person.notna() & (m.person >= 0)]
    m["is_founder"] = m.account_id == m.customer_id
    votes = m.groupby(["customer_id", "person"], as_index=False).agg(
        n=("account_id", "size"), own=("is_founder", "max")
    )
    votes = votes.sort_values(["customer_id", "n", "own", "person"], ascending=[True, False, False, True])
    owner = votes.drop_duplicates("customer_id").set_index("customer_id").person.astype(np.int64)
    say(
        f"  {len(owner):,} customers of the lake belong to {owner.nunique():,} of {standing.n:,} persons; "
        f"{unknown:,} accounts belong to nobody"
    )
    return owner
