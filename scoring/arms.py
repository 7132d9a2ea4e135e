"""Experiment arms: sticky by a salted hash of the customer, and the exact probability of what was logged.

A number in [0, 1) is read from the first 13 hexadecimal digits (52 bits) of SHA-256 over salt, purpose and ids,
joined by the unit separator. 52 bits fit a double exactly, so Python and every engine agree to the last bit.
Nobody's arm depends on anybody else, on the offers or on the date.
"""

from __future__ import annotations

import hashlib
from itertools import accumulate

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from scoring.decision_params import ARMS, ArmParams

SEPARATOR = "\x1f"
HEX_DIGITS = 13
SCALE = float(16**HEX_DIGITS)


def unit_hash(salt: str, purpose: str, *columns: str) -> Column:
    """A number in [0, 1) from the salt, the purpose and the columns (strings, not null)."""
    digest = F.sha2(F.concat_ws(SEPARATOR, F.lit(salt), F.lit(purpose), *[F.col(c) for c in columns]), 256)
    # conv gives a decimal string; by bigint, which holds 52 bits, to an exact double
    return F.conv(F.substring(digest, 1, HEX_DIGITS), 16, 10).cast("bigint").cast("double") / F.lit(SCALE)


def unit_hash_of(salt: str, purpose: str, *values: str) -> float:
    """What `unit_hash` gives for these values, in plain Python.

    >>> 0 <= unit_hash_of("s", "arm", "c1") < 1
    True
    """
    digest = hashlib.sha256(SEPARATOR.join((salt, purpose, *values)).encode()).hexdigest()
    return int(digest[:HEX_DIGITS], 16) / SCALE


def arm_bounds(params: ArmParams) -> list[tuple[str, float]]:
    """Arms with the upper end of their interval; the last is 1 whatever the rounding of the sums.

    >>> arm_bounds(ArmParams(nba=0.5, random_eligible=0.25, propensity_only=0, global_holdout=0.25))[1]
    ('random_eligible', 0.75)
    """
    return list(zip(ARMS, [*list(accumulate(params.shares))[:-1], 1.0], strict=True))


def arm_of(customer_id: str, params: ArmParams) -> str:
    """The customer's arm, in plain Python."""
    u = unit_hash_of(params.salt, "arm", customer_id)
    return next(arm for arm, upper in arm_bounds(params) if u < upper)


def with_arm(df: DataFrame, params: ArmParams) -> DataFrame:
    """Adds `arm` from `customer_id`."""
    u = unit_hash(params.salt, "arm", "customer_id")
    arm = F.lit(ARMS[-1])
    for name, upper in reversed(arm_bounds(params)[:-1]):
        arm = F.when(u < F.lit(upper), F.lit(name)).otherwise(arm)
    return df.withColumn("arm", arm)


def inclusion_probability(params: ArmParams) -> Column:
    """Probability that this candidate is sent to this customer, over her own draws with all else fixed.

    The draws are her arm (the shares) and, in `random_eligible`, the order of her candidates (uniform). Fixed are
    the other customers, the offers, the scores, the history and the places that the budget funds; no arm of anybody
    enters the budget's cut (see `scoring/allocation.py`), so nothing of it moves with the draw. With `funded` places,
    a candidate is sent by `nba` when its `nba_rank` is within them, by `propensity_only` when its
    `propensity_rank` is, by `random_eligible` with probability places / candidates, by `global_holdout` never.
    Offers issued before (`is_issued`) take places first, in every arm. With one place the probabilities of her
    candidates and of the holdout sum to 1; with n places those of the candidates sum to n x (1 - holdout).
    """
    funded, issued = F.col("funded").cast("double"), F.col("issued_here").cast("double")
    pool = F.col("sendable").cast("double") - issued
    left = F.greatest(funded - issued, F.lit(0.0))
    random_share = F.when(
        F.col("is_issued"), F.when(issued > 0, F.least(F.lit(1.0), funded / issued)).otherwise(F.lit(0.0))
    ).otherwise(F.when(pool > 0, F.least(F.lit(1.0), left / pool)).otherwise(F.lit(0.0)))
    nba = F.when(F.col("nba_rank") <= F.col("funded"), F.lit(params.nba)).otherwise(F.lit(0.0))
    likely = F.when(F.col("propensity_rank") <= F.col("funded"), F.lit(params.propensity_only)).otherwise(F.lit(0.0))
    # rounded far below any use of it, so that 0.9 + 0.04 + 0.04 prints as 0.98
    return F.round(nba + likely + F.lit(params.random_eligible) * random_share, 12)
