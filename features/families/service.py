"""Family O: cases with customer service.

The log says once when a case was opened and when it was closed, so a case is open at the cut when it was known
before it and `closed_ts` is null, or at or after the cut. A case that never ended stays open however old it is;
157 looks at 90 days, the window of the catalogue.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef
from features.facts import Facts
from features.windows import count_within, within

FAMILY = "O service"
CLOSING = "a case closed at or after the cut is open"
RECENT = 90  # days in which a case says how the customer feels about us
Def = partial(FeatureDef, family=FAMILY, sources=("service_cases",))

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("open_case_n", 156, kind="int", definition="cases open at the cut", default="0", low=0, leak_note=CLOSING),
    Def(
        "has_open_complaint",
        156,
        kind="bool",
        definition="whether a complaint is open at the cut: no selling meanwhile",
        default="false",
        leak_note=CLOSING,
    ),
    Def("case_n_90", 157, kind="int", definition="cases opened", window="last 90 days", default="0", low=0),
    Def(
        "last_case_neg",
        157,
        kind="bool",
        definition="whether she was unhappy in her last case; false where it was not said, see case_n_90",
        window="last 90 days",
        default="false",
    ),
    Def(
        "days_since_complaint",
        158,
        kind="int",
        definition="local days from the last complaint to the cut; 1 is the day before",
        low=1,
    ),
)

NEEDS: tuple[str, ...] = ("service_cases",)


def features(facts: Facts) -> list[DataFrame]:
    """Features 156 to 158."""
    cases = facts.log("service_cases", "case_id", "case_kind", "is_negative", "closed_ts")
    is_open = F.col("closed_ts").isNull() | (F.col("closed_ts") >= F.lit(facts.as_of.ts))
    complaint = F.col("case_kind") == "complaint"
    found = cases.groupBy("customer_id").agg(
        F.count(F.when(is_open, F.lit(1))).cast("int").alias("open_case_n"),
        (F.count(F.when(is_open & complaint, F.lit(1))) > 0).alias("has_open_complaint"),
        count_within(RECENT).alias("case_n_90"),
        F.min(F.when(complaint, F.col("days_ago"))).alias("days_since_complaint"),
    )
    return [found, last_cases(cases)]


def last_cases(cases: DataFrame) -> DataFrame:
    """customer_id and last_case_neg, from the last case of 90 days; of two at one moment the larger case_id."""
    newest = Window.partitionBy("customer_id").orderBy(F.col("event_ts").desc(), F.col("case_id").desc())
    last = cases.where(within(RECENT)).withColumn("_n", F.row_number().over(newest)).where(F.col("_n") == 1)
    return last.select("customer_id", F.coalesce(F.col("is_negative"), F.lit(False)).alias("last_case_neg"))
