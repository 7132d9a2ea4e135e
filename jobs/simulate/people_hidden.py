"""Normals behind the persons of a world, and when each appears: what several modules about people start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate.draws import Array, normal, uniform

if TYPE_CHECKING:
    from jobs.simulate.world import World


@dataclass(frozen=True)
class Hidden:
    """Standard normals behind a block of persons; correlated as `hidden` says."""

    value: Array  # frequency of shopping
    deal: Array
    novelty: Array
    online: Array
    age: Array
    band: Array


def hidden(seed: int, number: Array) -> Hidden:
    """The hidden normals: the young shop online and like what is new, who pays more loves deals less."""

    def own(name: str) -> Array:
        return normal(seed, f"person.{name}", number)

    age, band = own("age"), own("band")
    return Hidden(
        value=own("value"),
        deal=-0.3 * band + np.sqrt(1 - 0.3**2) * own("deal"),
        novelty=-0.3 * age + np.sqrt(1 - 0.3**2) * own("novelty"),
        online=-0.5 * age + np.sqrt(1 - 0.5**2) * own("online"),
        age=age,
        band=band,
    )


def joining_days(world: World, number: Array) -> Array:
    """int32[n]: the day each appears; before day 0 by `joined_before`, over the world's days otherwise."""
    u = uniform(world.seed, "person.joined", number)
    before = uniform(world.seed, "person.before", number) < world.params.people.joined_before
    past = -1 - np.minimum(-np.log1p(-u) * 500, 2500)
    return np.floor(np.where(before, past, u * world.days)).astype(np.int32)
