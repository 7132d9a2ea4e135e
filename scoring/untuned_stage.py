"""The untuned second stage: a frozen reference of the evaluation tables, the floor that the product must beat.

Candidates are what she bought, the 80 best of the rest by EASE and the 80 most bought of the rest in the last 28 days.
LightGBM with the library's defaults (300 trees at rate .05, binary log loss) learns from the three windows before the
cut, over the 40 plain features below, which share nothing with the product's own. Nothing here is tuned and
nothing here changes when the product does; change it and every published difference must be measured again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.interactions import Interactions
from models.ease import Ease, fit_ease
from models.recommender_params import EaseParams
from recommend.evaluation import Window
from recommend.rankers import check_task
from recommend.topk import Positions

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WINDOWS, DEPTH, TREES, RATE = 3, 80, 300, 0.05
HALF_LIVES = (14, 30, 60, 120)
RECENT = 56
BLOCK = 256
EASE = EaseParams(regularization=500.0, max_products=6000)

OWN = (*(f"count{d}" for d in HALF_LIVES), "times", "recency", "known_for", "gap", "due", "units")
GROUP = ("count30", "count120", "share", "recency")
ITEM = ("pop7", "pop28", "pop56", "buyers", "again", "item_gap", "price", "item_since")
CUSTOMER = ("last_seen", "days28", "days_all", "items", "lines_per_day", "member_for")
FEATURES = (
    *OWN,
    *(f"{level}_{name}" for level in ("type", "category", "maker") for name in GROUP),
    *ITEM,
    *CUSTOMER,
    *("ease", "ease_recent", "due_by_item", "price_ratio"),
)


@dataclass(frozen=True)
class Known:
    """What the days before `day` say of items: `ease`, `items` (n_items, len(ITEM)), most popular first `popular`;
    `groups` are codes (n_items,) of type, category and maker."""

    day: int
    ease: Ease
    items: Floats
    popular: Ints
    groups: tuple[Ints, ...]


@dataclass(frozen=True)
class UntunedRanker:
    """See the module; without `booster` (too short a history) decayed frequency, then popularity."""

    known: Known
    booster: lgb.Booster | None
    threads: int

    def rank(self, history: Interactions, k: int, task: str) -> Positions:
        """See `recommend.rankers.Ranker`."""
        return self.rank_tasks(history, k, (task,))[task]

    def rank_tasks(self, history: Interactions, k: int, tasks: Sequence[str]) -> dict[str, Positions]:
        """See `recommend.rankers.TasksRanker`."""
        customer, item, owned, x = pairs(history, self.known)
        if self.booster is None:
            score = np.where(owned, 1.0 + x[:, 3], x[:, FEATURES.index("pop28")] * 1e-6)
        else:
            score = np.asarray(self.booster.predict(x, num_threads=self.threads)) if len(x) else np.empty(0)
        order = np.lexsort((item, -score, customer))
        customer, item, owned = customer[order], item[order], owned[order]
        lists = {}
        for task in tasks:
            check_task(task)
            c, i = (customer, item) if task == "all" else (a[owned == (task == "repeat")] for a in (customer, item))
            place = np.arange(len(c)) - np.searchsorted(c, c)
            lists[task] = np.full((history.n_customers, k), -1, dtype=np.int32)
            lists[task][c[place < k], place[place < k]] = i[place < k]
        return lists


@dataclass(frozen=True)
class UntunedFactory:
    """Fits the reference on a window; there is nothing to choose but the threads."""

    threads: int = 1

    def __call__(self, window: Window) -> UntunedRanker:
        """The fitted ranker."""
        xs, ys, days = [], [], window.horizon_days
        for start in (window.day - days * (i + 1) for i in range(WINDOWS)):
            past = window.history.before(start)
            if not len(past) or int(past.day.min()) > start - days:
                break
            x, y = labelled(past, window.history.between(start, start + days), know(past, start, window))
            xs.append(x)
            ys.append(y)
        booster = None
        if xs and any(y.any() for y in ys):
            settings = {"objective": "binary", "learning_rate": RATE, "seed": 0, "verbose": -1}
            settings |= {"num_threads": self.threads, "deterministic": True, "force_row_wise": True}
            data = lgb.Dataset(np.concatenate(xs), np.concatenate(ys).astype(np.float32), params=settings)
            booster = lgb.train(settings, data, TREES)
        return UntunedRanker(know(window.history, window.day, window), booster, self.threads)


def know(past: Interactions, day: int, window: Window) -> Known:
    """Fits the item side on `past`, the days before `day`."""
    n = past.n_products
    age = (day - past.day).astype(np.float64)
    start = _starts(past)
    item, size = past.product[start], np.diff(np.append(start, len(past)))
    oldest, newest = age[start], age[np.append(start[1:], len(past)) - 1]
    buyers = np.bincount(item, minlength=n).astype(np.float64)

    def within(days: int) -> Floats:
        return np.bincount(item[newest <= days], minlength=n).astype(np.float64)

    again = np.bincount(item[size > 1], minlength=n)
    # mean days between two purchases by one customer
    gaps = np.bincount(item, weights=oldest - newest, minlength=n)
    gap = np.divide(gaps, np.bincount(item, weights=size - 1.0, minlength=n), out=np.full(n, np.nan), where=gaps > 0)
    units = np.bincount(past.product, weights=np.maximum(past.quantity, 1.0), minlength=n)
    price = np.bincount(past.product, weights=past.amount, minlength=n) / np.maximum(units, 1.0)
    since = np.zeros(n)
    np.maximum.at(since, item, oldest)
    recent = within(28)
    columns = [within(7), recent, within(56), buyers, again / np.maximum(buyers, 1), gap, price, since]
    names = window.hierarchy
    labels = [names.product_type, names.category, names.brand] if names is not None else [past.products] * 3
    groups = tuple(np.unique(x.astype(str), return_inverse=True)[1].astype(np.int64).ravel() for x in labels)
    popular = np.lexsort((np.arange(n), -recent)).astype(np.int64)
    return Known(day, fit_ease(past, day, EASE), np.stack(columns, axis=1), popular[recent[popular] > 0], groups)


def labelled(past: Interactions, later: Interactions, known: Known) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Features of the candidates of everyone with a purchase in both, and whether each was bought in `later`."""
    n = past.n_products
    active = np.isin(np.arange(past.n_customers), past.customer) & np.isin(np.arange(past.n_customers), later.customer)
    past, later = past.take_customers(active), later.take_customers(active)
    bought = np.unique(later.customer.astype(np.int64) * n + later.product)
    xs, ys = [], []
    for first in range(0, past.n_customers, BLOCK):
        customer, item, _, x = pairs(past.of_customers(first, min(first + BLOCK, past.n_customers)), known)
        xs.append(x)
        ys.append(np.isin((customer + first) * n + item, bought))
    return np.concatenate(xs), np.concatenate(ys)


def pairs(history: Interactions, known: Known) -> tuple[Ints, Ints, NDArray[np.bool_], NDArray[np.float32]]:
    """Candidates of the customers of `history`, sorted: customer, item, whether owned, and features (n, 40)."""
    n = history.n_products
    start = _starts(history)
    own = history.customer[start].astype(np.int64) * n + history.product[start]
    ease, ease_recent = (_ease(history.between(known.day - d, known.day), known.ease) for d in (1_000_000, RECENT))
    others = ease.copy()
    others.ravel()[own] = -np.inf
    best = np.argpartition(-others, min(DEPTH, n - 1), axis=1)[:, :DEPTH]
    row = np.repeat(np.arange(history.n_customers), best.shape[1])
    found = row * n + best.ravel()
    found = found[others.ravel()[found] > 0]
    free = np.ones((history.n_customers, n), dtype=bool)
    free.ravel()[own] = False
    unowned = free[:, known.popular]
    row, place = np.nonzero(unowned & (unowned.cumsum(axis=1) <= DEPTH))
    every = np.unique(np.concatenate([own, found, row * n + known.popular[place]]))
    customer, item = np.divmod(every, n)
    people = _people(history, known.day)
    blocks = [_of_own(history, start, own, known.day, every)]
    blocks += [_of_group(history, codes, known.day, customer, item) for codes in known.groups]
    blocks += [known.items[item], people[customer]]
    due = blocks[0][:, OWN.index("recency")] / known.items[item, ITEM.index("item_gap")]
    spent = np.bincount(history.customer, weights=history.amount, minlength=history.n_customers)
    units = np.bincount(history.customer, weights=np.maximum(history.quantity, 1), minlength=history.n_customers)
    ratio = (known.items[item, ITEM.index("price")] + 0.1) / ((spent / np.maximum(units, 1))[customer] + 0.1)
    blocks.append(np.stack([ease.ravel()[every], ease_recent.ravel()[every], due, ratio], axis=1))
    return customer, item, np.isin(every, own), np.concatenate(blocks, axis=1, dtype=np.float32)


def _starts(history: Interactions) -> Ints:
    """Where a new (customer, item) begins; rows are sorted by customer, item and day."""
    new = np.ones(len(history), dtype=bool)
    new[1:] = (history.customer[1:] != history.customer[:-1]) | (history.product[1:] != history.product[:-1])
    return np.flatnonzero(new).astype(np.int64)


def _ease(history: Interactions, model: Ease) -> Floats:
    """Scores, 0 where EASE knows the item not."""
    return np.nan_to_num(model.score(history), neginf=0.0)


def _sums(values: Floats, start: Ints) -> Floats:
    return np.add.reduceat(values, start) if len(start) else np.empty(0)


def _spread(key: Ints, every: Ints, columns: list[Floats], absent: list[float]) -> Floats:
    """`columns` (one value per sorted `key`) laid onto the keys `every`; `absent` where there is none."""
    at = np.minimum(np.searchsorted(key, every), max(len(key) - 1, 0))
    there = key[at] == every if len(key) else np.zeros(len(every), dtype=bool)
    out = np.tile(np.asarray(absent), (len(every), 1))
    for j, values in enumerate(columns):
        out[there, j] = values[at[there]]
    return out


def _of_own(history: Interactions, start: Ints, own: Ints, day: int, every: Ints) -> Floats:
    """Columns `OWN`."""
    age = (day - history.day).astype(np.float64)
    times = np.diff(np.append(start, len(history))).astype(np.float64)
    orders = history.orders.astype(np.float64)
    counts = [_sums(orders * np.exp2((1 - age) / half), start) for half in HALF_LIVES]
    oldest, newest = age[start], age[np.append(start[1:], len(history)) - 1] if len(start) else age
    gap = np.where(times > 1, (oldest - newest) / np.maximum(times - 1, 1), np.nan)
    units = _sums(history.quantity.astype(np.float64), start) / times
    columns = [*counts, times, newest, oldest, gap, newest / gap, units]
    return _spread(own, every, columns, [0.0] * 5 + [np.nan] * 4 + [0.0])


def _of_group(history: Interactions, codes: Ints, day: int, customer: Ints, item: Ints) -> Floats:
    """Columns `GROUP`: what she bought of the type, category or maker of the item."""
    n = int(codes.max(initial=0)) + 1
    key = history.customer.astype(np.int64) * n + codes[history.product]
    known, place = np.unique(key, return_inverse=True)
    age = (day - history.day).astype(np.float64)
    short, long = (
        np.bincount(place, history.orders * np.exp2((1 - age) / h), len(known)).astype(np.float64) for h in (30, 120)
    )
    newest = np.full(len(known), np.inf)
    np.minimum.at(newest, place, age)
    total = np.bincount(known // n, long, history.n_customers)
    return _spread(
        known, customer * n + codes[item], [short, long, long / total[known // n], newest], [0.0, 0.0, 0.0, np.nan]
    )


def _people(history: Interactions, day: int) -> Floats:
    """Columns `CUSTOMER` (n_customers, 6)."""
    n = history.n_customers
    visits = np.unique(history.customer.astype(np.int64) * 100_000 + (day - history.day))
    who, age = np.divmod(visits, 100_000)
    first, last = np.full(n, np.nan), np.full(n, np.nan)
    np.fmax.at(first, who, age)
    np.fmin.at(last, who, age)
    days = np.bincount(who, minlength=n).astype(np.float64)
    recent = np.bincount(who[age <= 28], minlength=n)
    items = np.bincount(history.customer[_starts(history)], minlength=n)
    lines = np.bincount(history.customer, minlength=n) / np.maximum(days, 1)
    return np.stack([last, recent, days, items, lines, first], axis=1)
