"""When people look at the shop online, and about what: around trips, after what they left, when things run out,
about life events, and idly.

Nothing here follows from a trip of a later day: what precedes a purchase by days is her need (a consumable that runs
out, a life event, something left behind), which later purchases follow as well. So browsing tells as much at the last
day as at any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrik

from jobs.simulate.block import STORE, Block, keys
from jobs.simulate.columns import Array, expand
from jobs.simulate.draws import choose, exponential, normal
from jobs.simulate.life_events import AFTER, BEFORE
from jobs.simulate.model import PAID


@dataclass
class Sessions:
    """One element per session."""

    person: Array  # position in the block
    key: Array  # int64 name
    day: Array
    minute: Array  # local minute of its start, float
    mode: Array  # int8 into MODES, never store
    category: Array  # what it is mainly about
    trip: Array  # trip whose lines are looked at, -1 none
    line: Array  # one line that is looked at, -1 none
    views: Array  # further views


def browse_sessions(block: Block) -> Sessions:
    """All sessions of the block within its days, of persons who live online at all."""
    parts = [*_of_trips(block), _revisits(block), _run_out(block), _about_events(block), _idle(block)]
    names = Sessions.__dataclass_fields__
    whole = Sessions(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in names})
    alive = (whole.day >= np.maximum(block.people.first_day, 0)[whole.person]) & (
        whole.day <= block.last_day[whole.person]
    )
    rows = np.flatnonzero(alive & (_modes(block, whole.person, whole.day)[:, STORE] < 0.97))
    return Sessions(**{name: getattr(whole, name)[rows] for name in names})


def _modes(block: Block, person: Array, day: Array) -> Array:
    """float64 per row: where she shops on that day."""
    moved = (day >= block.people.migration_day[person])[:, None]
    return np.where(moved, block.people.mode_later[person], block.people.mode[person]).astype(np.float64)


def _curiosity(block: Block) -> Array:
    p = block.world.params.browse
    spread = np.exp(p.curiosity_sigma * normal(block.world.seed, "browse:curiosity", block.people.number) - 0.3)
    online = 1.0 - np.minimum(block.people.mode[:, STORE], block.people.mode_later[:, STORE])
    return spread * np.sqrt(2 * online)


def _online_mode(block: Block, person: Array, day: Array, key: Array) -> Array:
    """Web, app or mini program by her habits of the day."""
    weights = _modes(block, person, day) + 1e-9
    weights[:, STORE] = 0.0
    return choose(np.cumsum(weights, axis=1), block.draw("browse:mode", key)).astype(np.int8)


def _minute(block: Block, person: Array, key: Array) -> Array:
    hour = block.people.hour[person] + 3.0 * normal(block.world.seed, "browse:hour", key)
    return np.clip(np.mod(hour, 24.0) * 60, 0, 1380)


def _views(block: Block, mean: float, key: Array) -> Array:
    """Geometric numbers of views with the given mean."""
    if mean <= 0:
        return np.zeros(len(key), np.int64)
    return np.floor(exponential(block.world.seed, "browse:views", key) / np.log1p(1 / mean)).astype(np.int64)


def _of_trips(block: Block) -> list[Sessions]:
    """The online trips themselves, and looks at the same things some hours before trips of any kind."""
    p, t = block.world.params.browse, block.log.trips
    first = np.zeros(len(t.day), np.int64)
    lines = block.log.lines
    first[lines.trip[::-1]] = lines.category[::-1]
    online = np.flatnonzero((t.mode != STORE) & (t.lines > 0))
    early = np.flatnonzero((block.draw("browse:earlier", block.trip_key) < p.earlier_share) & (t.lines > 0))
    parts = []
    for rows, purpose, mean in ((online, "trip", p.trip_views), (early, "earlier", p.idle_views)):
        key = keys(block.world, f"browse:{purpose}", block.trip_key[rows])
        person, at = t.person[rows], t.minute[rows].astype(np.float64)
        views = _views(block, mean, key)
        if purpose == "trip":
            minute, mode = np.maximum(at - 0.6 * (views + t.lines[rows]), 0), t.mode[rows]
        else:
            minute = at * (0.3 + 0.5 * block.draw("browse:before", key))
            mode = np.where(t.mode[rows] == STORE, _online_mode(block, person, t.day[rows], key), t.mode[rows]).astype(
                np.int8
            )
        none = np.full(len(rows), -1)
        parts.append(Sessions(person, key, t.day[rows], minute, mode, first[rows], rows, none, views))
    return parts


def _revisits(block: Block) -> Sessions:
    """What was looked at or left in a cart and not bought is looked at again within days."""
    p, t, lines = block.world.params.browse, block.log.trips, block.log.lines
    place = block.line_no
    line = np.flatnonzero((place == 0) & (t.outcome[lines.trip] != PAID))
    trip = lines.trip[line]
    key = keys(block.world, "browse:revisit", block.trip_key[trip])
    kept = block.draw("browse:again", key) < p.revisit_share
    line, trip, key = line[kept], trip[kept], key[kept]
    day = t.day[trip] + 1 + np.floor(3 * exponential(block.world.seed, "browse:after", key)).astype(np.int64)
    return _about(block, t.person[trip], key, day, lines.category[line], line)


def _run_out(block: Block) -> Sessions:
    """Consumables are looked at when they run out."""
    p, t, lines = block.world.params.browse, block.log.trips, block.log.lines
    interval = block.world.catalogue.interval_days[lines.category]
    line = np.flatnonzero((interval > 0) & (t.outcome[lines.trip] == PAID))
    trip = lines.trip[line]
    key = keys(block.world, "browse:run_out", block.trip_key[trip], block.line_no[line])
    kept = block.draw("browse:needs", key) < p.run_out_share
    line, trip, key = line[kept], trip[kept], key[kept]
    lasts = interval[line] * lines.quantity[line]
    day = t.day[trip] + np.ceil(lasts * (0.75 + 0.35 * block.draw("browse:gap", key))).astype(np.int64)
    return _about(block, t.person[trip], key, day, lines.category[line], line)


def _about_events(block: Block) -> Sessions:
    """What a life event asks for is looked at, most of all early."""
    w, people = block.world, block.people
    person, slot = np.nonzero(people.event_kind >= 0)
    if w.params.controls.silent_posts:
        person, slot = person[:0], slot[:0]
    kind, at = people.event_kind[person, slot].astype(np.int64), people.event_day[person, slot].astype(np.int64)
    mean = w.params.browse.event_sessions * _curiosity(block)[person]
    count = _poisson(mean, block.draw("browse:event", people.number[person], slot))
    owner, k = expand(count)
    person, slot, kind, at = person[owner], slot[owner], kind[owner], at[owner]
    key = keys(w, "browse:event", people.number[person], slot, k)
    first, last = _reach(block)
    span = np.minimum(last - first, 100)[kind]
    offset = first[kind] + np.floor(span * block.draw("browse:event_day", key) ** 1.5).astype(np.int64)
    weights = np.maximum(w.event_shift[kind, np.clip(offset, -BEFORE, AFTER) + BEFORE] - 1, 0).astype(np.float64)
    total = np.cumsum(weights, axis=1)
    good = total[:, -1] > 0
    category = choose(total, block.draw("browse:event_category", key))
    rows = np.flatnonzero(good)
    none = np.full(len(rows), -1)
    return _about(block, person[rows], key[rows], (at + offset)[rows], category[rows], none)


def _reach(block: Block) -> tuple[Array, Array]:
    """First and last day of each kind of event on which it lifts anything, counted from the event."""
    lifts: Array = np.any(block.world.event_shift > 1, axis=2)
    first = np.argmax(lifts, axis=1) - BEFORE
    last = AFTER - np.argmax(lifts[:, ::-1], axis=1)
    return first, last


def _idle(block: Block) -> Sessions:
    """Looking around, by taste and season, on days when the shop is busy anyway."""
    w, people, p = block.world, block.people, block.world.params.browse
    begin = np.clip(people.first_day, 0, w.days).astype(np.int64)
    busy = np.concatenate([[0.0], np.cumsum(w.calendar.factor[: w.days])])
    start, end = busy[begin], busy[np.maximum(block.last_day + 1, begin)]
    interest = np.where(people.is_follower_only, 0.3, 1.0) * _curiosity(block)
    mean = p.idle_sessions * interest * (end - start) / busy[-1] * w.days / 365
    owner, k = expand(_poisson(mean, block.draw("browse:idle", people.number)))
    key = keys(w, "browse:idle", people.number[owner], k)
    target = start[owner] + block.draw("browse:day", key) * (end - start)[owner]
    day = np.clip(np.searchsorted(busy, target, side="right") - 1, 0, w.days - 1)
    demand = people.taste[owner] * w.category_factor[day]
    stray = block.draw("browse:stray", key) < p.stray_share
    demand[stray] = w.catalogue.appeal * w.category_factor[day[stray]]
    category = choose(np.cumsum(demand, axis=1), block.draw("browse:category", key))
    return _about(block, owner, key, day, category, np.full(len(owner), -1))


def _about(block: Block, person: Array, key: Array, day: Array, category: Array, line: Array) -> Sessions:
    """Sessions that are no trips."""
    mode = _online_mode(block, person, day, key)
    views = _views(block, block.world.params.browse.idle_views - 1, key) + (line < 0)
    none = np.full(len(person), -1)
    return Sessions(person, key, day, _minute(block, person, key), mode, category, none, line, views)


def _poisson(mean: Array, u: Array) -> Array:
    """Poisson numbers by inversion."""
    safe = np.maximum(mean, 1e-9)
    count = np.ceil(pdtrik(np.maximum(u, np.exp(-safe)), safe))
    return np.where((mean > 0) & (u > np.exp(-safe)), np.nan_to_num(count), 0).astype(np.int64)
