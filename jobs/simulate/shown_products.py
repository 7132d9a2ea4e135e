"""Which products people look at beside those they want: by popularity, and the better fit of two."""

from __future__ import annotations

import numpy as np

from jobs.simulate.columns import Array
from jobs.simulate.draws import bits
from jobs.simulate.model import People
from jobs.simulate.world import World


def shown_products(world: World, people: People, person: Array, category: Array, day: Array, key: Array) -> Array:
    """One product per row, on sale on its day. Two are drawn by popularity; the one that suits her is likelier."""
    c, p = world.catalogue, world.params.behaviour
    cumulative = np.cumsum(c.popularity)
    start = np.concatenate([[0.0], cumulative])[c.first_product]
    low, width = start[category], (start[1:] - start[:-1])[category]
    drawn = bits(world.seed, "view:product", key).view(np.uint32).reshape(-1, 2)
    last = c.first_product[category + 1] - 1
    two, fit = [], []
    for i in range(2):
        found = np.searchsorted(cumulative, low + width * (drawn[:, i] * 2.0**-32), side="right")
        product = np.minimum(found, last)
        score = (c.style[product] == people.style[person]) * np.float32(p.style_pull)
        score += (c.colour[product] == people.colour[person]) * np.float32(p.style_pull)
        score -= np.abs(c.band[product] - people.band[person]) * np.float32(p.band_pull)
        score[c.launch_day[product] > day] = -100
        two.append(product)
        fit.append(score)
    u = bits(world.seed, "view:fit", key) * 2.0**-64
    with np.errstate(over="ignore"):
        first = u < 1 / (1 + np.exp(fit[1] - fit[0]))
    chosen = np.where(first, two[0], two[1])
    neither = (fit[0] == -100) & (fit[1] == -100)
    return np.where(neither, _long_on_sale(world)[category], chosen)


def _long_on_sale(world: World) -> Array:
    """int64[C]: the most popular product of each category that was on sale before day 0, if there is one."""
    c = world.catalogue
    known = np.where(c.launch_day <= 0, c.popularity, c.popularity - 10)
    spans = zip(c.first_product[:-1], c.first_product[1:], strict=True)
    return np.array([start + int(np.argmax(known[start:stop])) for start, stop in spans])
