"""Repeat purchase by interval: the chance that a customer buys again, within a horizon, what she bought before.

A discrete-time hazard on landmarks. At a day before the cut every pair (customer, item) bought until then is described
by its own past: purchase days so far, days since the last one, the expected gap, how the one stands to the other, the
customer's visits, and which item it is. Whether it was bought again in the `horizon` days that followed is the outcome.
Log odds are a sum of one table per description and one number per item, each drawn towards zero (ridge), fitted by
going round the tables with Newton steps (backfitting; a step within a table is exact, as its cells do not overlap).
The expected gap is the geometric mean of her own gaps, drawn towards the item's, that towards its group's, that
towards everybody's. Who stopped is told from who is late by the table of purchase days x (recency / gap).

The same works one level up: items may be products, types or categories.

Sources: logistic discrete-time hazards (Allison 1982, "Discrete-time methods for the analysis of event histories");
landmarks (van Houwelingen 2007, "Dynamic prediction by landmarking"); repeat purchase by customer and product interval
(Bhagat et al. 2018, "Buy it again", KDD). On public grocery data it ranks own items better than decayed frequency at
every level (`tests/benchmarks/bench_due.py`); a log-normal renewal process with a stopping probability per item, tried
first, ranked them worse.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from recommend.due_pairs import DuePairs as DuePairs
from recommend.due_pairs import as_pairs, purchase_days
from recommend.due_pairs import due_pairs as due_pairs
from recommend.histories import Floats, Histories, Ints, is_in, run_starts

WINDOWS = 3  # landmarks that are learned from, one horizon apart, the latest one horizon before the cut
PASSES = 8  # rounds over the tables; more change nothing that shows
DRAW, DRAW_ITEM = 3.0, 15.0  # ridge of a cell and of an item, in information (about p (1 - p) per row)
OWN_GAPS, ITEM_GAPS = 2.0, 10.0  # gaps that the item's mean counts for in a pair's, and the group's in an item's
MAX_PAIRS = 2_000_000  # pairs of the latest landmark above which a part of the customers teaches the tables
DIGITS = 6  # of probabilities, and of logs before they are put in cells: last bits decide nothing
TIMES = (2, 3, 4, 5, 7, 10, 15, 22, 32)
RATIO = (-2.5, -1.8, -1.2, -0.8, -0.5, -0.25, 0.0, 0.25, 0.5, 0.8, 1.2, 1.6, 2.0, 2.6)  # log(recency / gap)
# inner edges of the cells, in the units of `DuePairs`; days fall where weeks begin
EDGES: Mapping[str, tuple[float, ...]] = {
    "recency": (4, 8, 12, 15, 19, 22, 26, 29, 36, 43, 57, 71, 85, 113, 141, 169, 225, 281),
    "gap": (3, 5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224),
    "count30": (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.3, 1.7, 2.2, 3, 4),
    "count120": (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.7, 2, 2.5, 3, 4, 5, 6, 8, 10, 13),
    "share120": (0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.13, 0.17, 0.22, 0.3, 0.4, 0.5, 0.7),
    "visits30": (0.05, 0.2, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 11, 15, 20),
    "last_visit": (2, 3, 4, 6, 8, 11, 15, 22, 29, 43, 57, 85),
}
CELLS = {"rhythm": (len(TIMES) + 1) * (len(RATIO) + 1), **{name: len(edges) + 1 for name, edges in EDGES.items()}}


@dataclass(frozen=True)
class DueModel:
    """Tables of log odds for the items of one level.

    `about` (3,): base log odds, horizon in days, and the horizon that was learned from (shorter where the history is).
    `log_gap` (n,) and `odds` (n,): per item the mean log gap and the log odds it adds; `tables` one array per name of
    `CELLS`.
    """

    about: Floats
    log_gap: Floats
    odds: Floats
    tables: Mapping[str, Floats]

    def as_parts(self, prefix: str) -> dict[str, NDArray]:
        """The arrays by name, `<prefix>.about` and so on, to be saved with the item side (`ItemSide.parts`)."""
        arrays = {"about": self.about, "log_gap": self.log_gap, "odds": self.odds}
        return {f"{prefix}.{n}": a for n, a in (arrays | {f"table_{n}": t for n, t in self.tables.items()}).items()}

    @staticmethod
    def from_parts(parts: Mapping[str, NDArray], prefix: str) -> DueModel:
        """What `as_parts` gave."""
        about, log_gap, odds = (np.asarray(parts[f"{prefix}.{name}"]) for name in ("about", "log_gap", "odds"))
        return DueModel(about, log_gap, odds, {name: np.asarray(parts[f"{prefix}.table_{name}"]) for name in CELLS})


def fit_due(
    h: Histories,
    codes: NDArray | None = None,
    n_groups: int | None = None,
    horizon: int = 28,
    group: NDArray | None = None,
) -> DueModel:
    """The model at the cut of `h` (histories of all customers), learned from landmarks inside `h`.

    `codes` and `n_groups` as in `due_pairs`; `group` (n items of the level,) names what an item's mean gap is drawn
    towards. A history shorter than two horizons is halved: its second half is then the outcome, and probabilities
    are carried to the horizon as if the hazard were constant.
    """
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 day, got {horizon}")
    days = purchase_days(h, codes, n_groups)
    log_gap = _item_gaps(as_pairs(days), days.n_items, group)
    span = int(days.age.max(initial=0))
    learned = min(horizon, max(span // 2, 1))
    days = days.of_customers(_teachers(h.customers, len(run_starts(days.customer, days.item))))
    cells, items, bought = [], [], []
    for shift in range(learned, min(span - learned, WINDOWS * learned) + 1, learned):
        past = days.earlier(shift)
        pairs = as_pairs(past)
        gaps = _item_gaps(pairs, days.n_items, group)
        cells.append(_cells(pairs, gaps))
        items.append((pairs.key % days.n_items).astype(np.int32))
        came = (days.age <= shift) & (days.age > shift - learned)
        again = days.customer[came] * days.n_items + days.item[came]  # sorted, as the days are
        bought.append(is_in(again, pairs.key))
    if not bought:
        tables = {name: np.zeros(size) for name, size in CELLS.items()}
        about = np.array([logit(0.1), horizon, horizon])
        return DueModel(about, log_gap, np.zeros(days.n_items), tables)
    joined = {name: np.concatenate([c[name] for c in cells]) for name in CELLS} | {"item": np.concatenate(items)}
    base, tables = _backfit(joined, np.concatenate(bought).astype(np.float64), CELLS | {"item": days.n_items})
    odds = tables.pop("item")
    return DueModel(np.array([base, horizon, learned]), log_gap, odds, tables)


def due_probability(model: DueModel, pairs: DuePairs) -> Floats:
    """(n_pairs,) P(bought within the model's horizon), rounded."""
    base, horizon, learned = (float(v) for v in model.about)
    total = base + model.odds[pairs.key % len(model.odds)]
    for name, cell in _cells(pairs, model.log_gap).items():
        total = total + model.tables[name][cell]
    p = expit(total)
    return np.asarray(np.round(p if horizon == learned else -np.expm1(np.log1p(-p) * horizon / learned), DIGITS))


def expected_gap(model: DueModel, pairs: DuePairs) -> Floats:
    """(n_pairs,) days from one purchase to the next, as a geometric mean."""
    return np.asarray(np.exp(_log_gap(pairs, model.log_gap)))


def due_columns(model: DueModel, pairs: DuePairs, key: Ints) -> dict[str, Floats]:
    """`due_p`, `due_gap` (days) and `due_ratio` (days since the last purchase / gap) of the pairs with these keys, in
    any order, each (len(key),): what was never bought has due_p 0 and nan otherwise."""
    there = np.zeros(len(key), dtype=bool)
    at = np.zeros(len(key), dtype=np.int64)
    if len(pairs.key):
        at = np.minimum(np.searchsorted(pairs.key, key), len(pairs.key) - 1)
        there = pairs.key[at] == key
    gap = expected_gap(model, pairs)
    columns = {"due_p": (due_probability(model, pairs), 0.0), "due_gap": (gap, np.nan)}
    columns["due_ratio"] = (pairs.last / gap, np.nan)
    out = {}
    for name, (values, absent) in columns.items():
        out[name] = np.full(len(key), absent)
        out[name][there] = values[at[there]]
    return out


def _item_gaps(pairs: DuePairs, n_items: int, group: NDArray | None) -> Floats:
    """(n_items,) mean log gap of each item, drawn towards its group's, which is drawn towards the mean of all."""
    item = pairs.key % n_items
    gaps = pairs.times - 1.0
    every = float(pairs.log_gaps.sum() / gaps.sum()) if gaps.sum() > 0 else float(np.log(28.0))
    total = np.bincount(item, weights=pairs.log_gaps, minlength=n_items)
    n = np.bincount(item, weights=gaps, minlength=n_items)
    towards = np.full(n_items, every)
    if group is not None:
        code = np.asarray(group).astype(np.int64)
        sums = [np.bincount(code, weights=v) for v in (total, n)]
        towards = ((sums[0] + ITEM_GAPS * every) / (sums[1] + ITEM_GAPS))[code]
    return np.asarray((total + ITEM_GAPS * towards) / (n + ITEM_GAPS))


def _log_gap(pairs: DuePairs, log_gap: Floats) -> Floats:
    """Log of the expected gap of each pair."""
    prior = log_gap[pairs.key % len(log_gap)]
    return np.asarray(np.round((pairs.log_gaps + OWN_GAPS * prior) / (pairs.times - 1.0 + OWN_GAPS), DIGITS))


def _cells(pairs: DuePairs, log_gap: Floats) -> dict[str, NDArray[np.int16]]:
    """The cell of each pair in each table."""
    gap = _log_gap(pairs, log_gap)
    ratio = np.searchsorted(RATIO, np.round(np.log(pairs.last) - gap, DIGITS), side="right")
    rhythm = np.searchsorted(TIMES, pairs.times, side="right") * (len(RATIO) + 1) + ratio
    values = {
        "recency": pairs.last,
        "gap": np.exp(gap),
        "count30": pairs.count30,
        "count120": pairs.count120,
        "share120": pairs.count120 / pairs.visits120,
        "visits30": pairs.visits30,
        "last_visit": pairs.last_visit,
    }
    cells = {"rhythm": rhythm.astype(np.int16)}
    for name, value in values.items():
        cells[name] = np.searchsorted(EDGES[name], np.round(value, DIGITS), side="right").astype(np.int16)
    return cells


def _teachers(customers: NDArray[np.object_], n_pairs: int) -> NDArray[np.bool_]:
    """(n customers,) who teaches the tables: all, or by a hash of the id as many as have `MAX_PAIRS` pairs."""
    if n_pairs <= MAX_PAIRS:
        return np.ones(len(customers), dtype=bool)
    mixed = np.fromiter((zlib.crc32(str(c).encode()) for c in customers), dtype=np.float64, count=len(customers))
    return np.asarray(mixed < 2.0**32 * MAX_PAIRS / n_pairs)


def _backfit(cells: Mapping[str, NDArray], bought: Floats, sizes: Mapping[str, int]) -> tuple[float, dict[str, Floats]]:
    """Base log odds and tables that explain `bought`."""
    base = float(logit((bought.sum() + 0.5) / (len(bought) + 1.0)))
    tables = {name: np.zeros(size) for name, size in sizes.items()}
    total = np.full(len(bought), base)
    p, part = np.empty_like(total), np.empty_like(total)  # used again: to make arrays so long costs as much as to fill
    for _ in range(PASSES):
        for name, cell in cells.items():
            draw = DRAW_ITEM if name == "item" else DRAW
            expit(total, out=p)
            np.subtract(bought, p, out=part)
            slope = np.bincount(cell, weights=part, minlength=sizes[name]) - draw * tables[name]
            np.subtract(1.0, p, out=part)
            part *= p
            bend = np.bincount(cell, weights=part, minlength=sizes[name]) + draw
            step = np.clip(slope / bend, -2.0, 2.0)  # a first step from far away can overshoot
            tables[name] += step
            total += np.take(step, cell, out=part, mode="clip")
    return base, tables
