"""Rates of few sends, drawn towards those of all: empirical Bayes in two steps, as `scoring/channel_rates.py` has them.

The rate of a channel (or of a kind of offer) is its own count with the assumed rate as so many further sends; the rate
of a customer is her own count with that as so many further sends: a Beta prior in both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.rounding import rounded


@dataclass(frozen=True)
class Tally:
    """What a rate divides: the columns `hits` and `tries`, and what it is assumed to be, per bucket or else."""

    hits: str
    tries: str
    default: float
    assumed: Mapping[str, float] = field(default_factory=dict)

    def prior(self, bucket: Column) -> Column:
        """The assumed rate of a bucket."""
        column = F.lit(float(self.default))
        for name, value in sorted(self.assumed.items()):
            column = F.when(bucket == name, F.lit(float(value))).otherwise(column)
        return column


def fit_rates(counts: DataFrame, bucket: str, tallies: Mapping[str, Tally], weight: float) -> DataFrame:
    """`bucket`, and per tally `_<rate>` and `_<rate>_n` (tries it rests on); a rate nobody ever hit is null.

    Null and not small, since nobody knows whether nobody answered or nobody looked.
    """
    columns = sorted({c for t in tallies.values() for c in (t.hits, t.tries)})
    totals = counts.groupBy(bucket).agg(*[F.sum(c).alias(c) for c in columns])
    found = []
    for name, t in tallies.items():
        hits, tries = F.col(t.hits), F.col(t.tries)
        rate = (hits + F.lit(float(weight)) * t.prior(F.col(bucket))) / (tries + F.lit(float(weight)))
        found += [F.when(hits > 0, rounded(rate, 9)).alias(f"_{name}"), tries.alias(f"_{name}_n")]
    return totals.select(bucket, *found)


def as_rate_parameters(rates: DataFrame, bucket: str, names: Sequence[str], prefix: str) -> DataFrame:
    """Rows feature, subject (bucket), position, value: per rate at position 0 the rate, at 1 the sends it rests on."""
    points = [
        F.struct(
            F.lit(prefix + name).alias("feature"),
            F.col(bucket).alias("subject"),
            F.lit(position).alias("position"),
            F.when(F.col(f"_{name}").isNotNull(), F.col(column).cast("double")).alias("value"),
        )
        for name in names
        for position, column in enumerate((f"_{name}", f"_{name}_n"))
    ]
    found = rates.select(F.explode(F.array(*points)).alias("rate")).select("rate.*")
    return found.where(F.col("value").isNotNull())


def drawn(hits: Column, tries: Column, rate: Column, weight: float) -> Column:
    """A rate drawn towards `rate`, not rounded; null without a try, or where `rate` is null."""
    w = F.lit(float(weight))
    return F.when(tries > 0, (hits + w * rate) / (tries + w))


def smoothed(hits: Column, tries: Column, rate: Column, weight: float) -> Column:
    """`drawn`, rounded to 6 places."""
    return rounded(drawn(hits, tries, rate, weight))
