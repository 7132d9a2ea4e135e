"""When the second order comes: a discrete-time hazard by days since the first and by the first category.

Everybody with a first order before the cut is followed from the day after it until the second order day or the
cut, whichever is first, so that only what had happened counts. The daily hazard is constant within a stretch of
days. That of a category is the population's, times one factor for all stretches, drawn towards 1: factors ~
Gamma(kappa, kappa), kappa by maximum likelihood over categories (their counts are then negative binomial; empirical
Bayes). A stretch in which few were watched is drawn to the one before it, as if one more second order had come there
at that hazard: half an event in a single day under watch would say that a quarter of customers come each day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from scipy.optimize import minimize_scalar
from scipy.special import gammaln

from models.purchase_counts import Floats

# a stretch is the days after one edge up to the next; the last has no end
EDGES = (0, 7, 14, 30, 60, 90, 120, 180, 240, 365, 540)
ENDLESS = 1_000_000
AHEAD = 30  # days that the feature looks ahead
KAPPA_LIMITS = (0.1, 1e4)


@dataclass(frozen=True)
class RepeatHazard:
    """Daily hazards of a second order day: `population` (stretches,), `by_category` (categories, stretches)."""

    categories: tuple[str, ...]
    population: Floats
    by_category: Floats
    kappa: float
    events: float

    def table(self) -> pa.Table:
        """One row per category ("" is the population) with the cumulative-hazard rate of each stretch: h0, h1, ..."""
        rates = -np.log1p(-np.vstack([self.population[None, :], self.by_category]))
        columns = {f"h{j}": np.round(rates[:, j], 9) for j in range(rates.shape[1])}
        return pa.table({"first_category": pa.array(["", *self.categories], pa.string()), **columns})

    def at_least_one_within(self, category: int, since: Floats, days: int = AHEAD) -> Floats:
        """P(second order day within so many days), `since` days after the first; category -1 is the population."""
        rates = -np.log1p(-(self.population if category < 0 else self.by_category[category]))
        ends = np.array([*EDGES[1:], ENDLESS])
        start, stop = since[:, None] - 1.0, since[:, None] - 1.0 + days
        inside = np.maximum(np.minimum(stop, ends) - np.maximum(start, np.array(EDGES)), 0.0)
        return np.asarray(-np.expm1(-(inside @ rates)))


def fit_repeat_hazard(categories: list[str], events: Floats, exposure: Floats) -> RepeatHazard:
    """From second orders and days under watch per category and stretch, both (categories, stretches).

    Nobody watched at all gives hazards of 0.
    """
    total, watched = events.sum(axis=0), exposure.sum(axis=0)
    population = np.zeros(len(EDGES))
    # Jeffreys' half event: no second order among few customers is not certainty
    before = min((total.sum() + 0.5) / (watched.sum() + 1.0), 0.5) if watched.sum() > 0 else 0.0
    for j in range(len(EDGES)):
        if before > 0:
            before = (total[j] + 1.0) / (watched[j] + 1.0 / before)
        population[j] = before
    expected, seen = (exposure * population).sum(axis=1), events.sum(axis=1)
    kappa = _fit_kappa(seen, expected)
    factors = (seen + kappa) / (expected + kappa)
    by_category = np.minimum(factors[:, None] * population, 0.9)
    return RepeatHazard(tuple(categories), population, by_category, kappa, float(total.sum()))


def _fit_kappa(events: Floats, expected: Floats) -> float:
    """The likeliest kappa when events ~ Poisson(factor x expected), factor ~ Gamma(kappa, kappa)."""
    seen = expected > 0
    k, m = events[seen], expected[seen]
    if k.size < 2:
        return KAPPA_LIMITS[1]

    def loss(log_kappa: float) -> float:
        c = np.exp(log_kappa)
        terms = gammaln(k + c) - gammaln(c) + c * np.log(c / (c + m)) + k * np.log(m / (c + m))
        return -float(terms.sum())

    low, high = np.log(KAPPA_LIMITS)
    return float(np.exp(minimize_scalar(loss, bounds=(low, high), method="bounded").x))


def collect_repeat_hazard(histories: DataFrame) -> RepeatHazard:
    """Fitted to `features.order_days.histories`: sums per first category and stretch are brought to the driver."""
    ends = (*EDGES[1:], ENDLESS)
    watched = F.coalesce(F.col("to_second"), F.col("T") - 1)
    sums: list[Column] = []
    for j, (low, high) in enumerate(zip(EDGES, ends)):
        inside = F.greatest(F.least(watched, F.lit(high)) - F.lit(low), F.lit(0))
        came = (F.col("to_second") > low) & (F.col("to_second") <= high)
        sums += [F.sum(inside).cast("bigint").alias(f"w{j}"), F.sum(came.cast("int")).cast("bigint").alias(f"e{j}")]
    category = F.coalesce(F.col("first_category"), F.lit("")).alias("category")
    table: pa.Table = histories.groupBy(category).agg(*sums).toArrow().sort_by("category")

    def matrix(letter: str) -> Floats:
        columns = [table.column(f"{letter}{j}").combine_chunks() for j in range(len(EDGES))]
        found = [np.asarray(c.fill_null(0).to_numpy(zero_copy_only=False), dtype=np.float64) for c in columns]
        return np.column_stack(found) if table.num_rows else np.zeros((0, len(EDGES)))

    names = table.column("category").to_pylist()
    kept = [i for i, name in enumerate(names) if name]
    events, exposure = matrix("e"), matrix("w")
    if not kept:  # no category is known: the population alone
        found = fit_repeat_hazard([], events, exposure)
        return RepeatHazard((), found.population, np.zeros((0, len(EDGES))), found.kappa, found.events)
    found = fit_repeat_hazard(names, events, exposure)
    return RepeatHazard(
        tuple(names[i] for i in kept), found.population, found.by_category[kept], found.kappa, found.events
    )


def second_order_column() -> Column:
    """P(second order day within AHEAD days) from T and the rates of `RepeatHazard.table`."""
    start = F.col("T") - 1
    ends = (*EDGES[1:], ENDLESS)
    total: Column = F.lit(0.0)
    for j, (low, high) in enumerate(zip(EDGES, ends)):
        inside = F.greatest(F.least(start + AHEAD, F.lit(high)) - F.greatest(start, F.lit(low)), F.lit(0))
        total = total + inside * F.col(f"h{j}")
    return F.lit(1.0) - F.exp(-total)
