"""The truth of a world: what nobody in the shop can see. Only the evaluation of worlds reads it."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pyarrow as pa

from jobs.simulate import response
from jobs.simulate.accounts import Touchpoints, member_account
from jobs.simulate.channels import open_rates, per_channel
from jobs.simulate.columns import encoded, table
from jobs.simulate.model import CHANNELS, Array, Log, People
from jobs.simulate.world import World

VERSION = 1  # of what a world writes; raised when the same seed gives other tables


def world_facts(world: World) -> dict[str, Any]:
    """All it takes to make the world again, and what its seed drew for everybody."""
    rates = open_rates(world.params.channels, world.seed)
    return {
        **marker(world),
        "horizon": world.horizon,
        "open_rate": dict(zip(CHANNELS, np.round(rates, 6).tolist(), strict=True)),
        "click_rate": dict(zip(CHANNELS, per_channel(world.params.channels.click_rate).tolist(), strict=True)),
        "response": dataclasses.asdict(response.constants(world)),
        "live_offers": [
            o for o, last in zip(world.offers.offer_id, world.offers.last_day, strict=True) if last >= world.days
        ],
    }


def marker(world: World) -> dict[str, Any]:
    """What names a world: equal markers, equal tables."""
    return {
        "version": VERSION,
        "seed": world.seed,
        "customers": world.n,
        "days": world.days,
        "first_day": world.first_day.isoformat(),
        "end": world.end.isoformat(),
        "params": json.loads(json.dumps(dataclasses.asdict(world.params), default=str)),
    }


def people_truth(world: World, people: People, points: Touchpoints, log: Log) -> pa.Table:
    """One row per person: her number, her member account, every latent, and the day she left, if she did."""
    left = np.full(len(people), -1, np.int64)
    left[log.left] = log.left_day
    columns: dict[str, pa.Array] = {"account_id": encoded(member_account(world, people, points))}
    for name, values in vars(people).items():
        columns[name] = _column(values)
    columns["left_day"] = pa.array(left, pa.int64(), mask=left < 0)
    return table(columns)


def market_truth(world: World) -> dict[str, pa.Table]:
    """`products` (popularity, interval), `categories` (season, demand), `complements` and `offers`."""
    c, o = world.catalogue, world.offers
    bought, raised = np.nonzero(c.complement != 1)
    return {
        "products": table(
            {
                "product_id": pa.array(c.product_id),
                "category": pa.array(c.category).take(pa.array(c.product_category)),
                "popularity": pa.array(c.popularity),
                "interval_days": pa.array(c.interval_days[c.product_category]),
                "launch_day": pa.array(c.launch_day),
                "band": pa.array(c.band),
            }
        ),
        "categories": table(
            {
                "category": pa.array(c.category),
                "interval_days": pa.array(c.interval_days),
                "appeal": pa.array(c.appeal),
                "season": _column(c.season),
            }
        ),
        "complements": table(
            {
                "bought": pa.array(c.category).take(pa.array(bought)),
                "raised": pa.array(c.category).take(pa.array(raised)),
                "factor": pa.array(c.complement[bought, raised]),
            }
        ),
        "offers": table(
            {
                "offer_id": pa.array(o.offer_id, pa.string()),
                "number": pa.array(np.arange(len(o.offer_id))),
                "product": pa.array(o.product, pa.int64()),
            }
        ),
    }


def _column(values: Array) -> pa.Array:
    """An array as a column; a matrix as a column of lists of fixed length."""
    if values.ndim == 1:
        return pa.array(values)
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
