"""What fitted models add to the wide row: lifetime, spend, the second order, churn. A part of `build-features`.

Counts are collected, models fitted on the driver in seconds, and scores joined back: BG/NBD by (x, t_x, T), which
many customers share; churn by trees in the workers.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.batches import map_batches
from features.churn_inputs import BUCKETS, churn_rows, input_columns, input_names
from features.contract import Column, Contract
from features.customer_features import Derive
from features.facts import Facts
from features.family_params import LifetimeParams
from features.order_days import histories
from features.rounding import rounded
from features.windows import MONEY
from models.bgnbd import STATUSES, PurchaseModel, fit_bgnbd
from models.churn import HORIZONS as CHURN_HORIZONS
from models.churn import ChurnModel, fit_churn
from models.gamma_gamma import SpendModel, fit_gamma_gamma
from models.purchase_counts import PurchaseCounts, collect_purchase_counts, collect_spend
from models.repeat_hazard import RepeatHazard, collect_repeat_hazard, second_order_column

HORIZONS = (28.0, 90.0, 182.0, 273.0, 365.0)
NAMED = {"exp_orders_28": 0, "exp_orders_90": 1, "exp_orders_365": 4}
SPEND_STATUSES = ("gamma_gamma", "shrunken_mean")

CHURN_ROWS = Contract(
    "churn",
    "What the trees give back.",
    ("customer_id",),
    (
        Column("customer_id", "string", "customer"),
        *[Column(f"churn_hazard_{h}", "double", "P(no order)", True) for h in CHURN_HORIZONS],
    ),
)


class Place(Protocol):
    """What of a job is needed here."""

    @property
    def spark(self) -> SparkSession:
        """The engine's session."""

    @property
    def scratch(self) -> Path:
        """A folder that workers can read."""

    def say(self, line: str) -> None:
        """One line for the operator."""


def lifetime_scores(job: Place) -> Derive:
    """Adds the columns of `features.families.lifetime` to the wide rows."""

    def derive(rows: DataFrame, facts: Facts) -> tuple[DataFrame, list[DataFrame]]:
        params = facts.params.lifetime
        known = histories(facts)
        counts = collect_purchase_counts(known)
        buying = fit_bgnbd(counts)
        parts = -(-int(counts.customers) // params.spend_customers) or 1
        spend = fit_gamma_gamma(*collect_spend(known, parts), params.max_correlation, params.min_repeaters)
        again = collect_repeat_hazard(known)
        churn = collect_churn_model(facts, counts.customers)
        for line in _told(buying, spend, again, churn):
            job.say(line)
        groups = job.scratch / "purchase_groups.parquet"
        pq.write_table(group_scores(counts, buying, params), groups)
        scored = job.spark.read.parquet(str(groups)).join(known, ["x", "t_x", "T"], how="right")
        scored = with_values(scored, spend, params)
        scored = with_second_orders(scored, job.spark.createDataFrame(again.table()))
        if churn.boosters:
            scored = score_churn(rows, facts, churn).join(scored, "customer_id", how="right")
        columns = [c for c in scored.columns if c in _columns()]
        added = scored.select("customer_id", *columns).join(rows, "customer_id", how="right")
        absent = [F.lit(None).cast("double").alias(n) for n in _columns() if n not in columns]
        fitted = job.spark.createDataFrame(parameters(buying, spend, again, churn))
        return added.select(*rows.columns, *columns, *absent), [fitted]

    return derive


def _columns() -> tuple[str, ...]:
    churn = [f"churn_hazard_{h}" for h in CHURN_HORIZONS]
    return ("second_order_hazard", "p_alive", *NAMED, "exp_order_value", "clv_365", *churn)


def collect_churn_model(facts: Facts, customers: float) -> ChurnModel:
    """Fits the churn hazard to a hash sample of customers at earlier cuts."""
    params = facts.params.lifetime
    buckets = min(BUCKETS, int(np.ceil(BUCKETS * params.churn_customers / max(customers, 1.0))))
    names = input_names(facts)
    cuts = [churn_rows(facts, k, buckets).toArrow() for k in range(1, params.churn_cuts + 1)]
    # in one order, so that the same trees come from either engine
    table = pa.concat_tables([c.sort_by("customer_id") for c in cuts])
    x = np.column_stack([_floats(table, n) for n in names])
    return fit_churn(x, _floats(table, "next_order"), names, params.churn_trees, params.churn_min_rows)


def _floats(table: pa.Table | pa.RecordBatch, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    column = table.column(name)
    values = column.to_numpy() if isinstance(table, pa.Table) else column.to_numpy(zero_copy_only=False)
    return np.asarray(values, dtype=np.float64)


def group_scores(counts: PurchaseCounts, model: PurchaseModel, params: LifetimeParams) -> pa.Table:
    """One row per (x, t_x, T): p_alive, expected order days, and those of 365 days discounted to the cut."""
    expected = model.expected(counts.x, counts.t_x, counts.T, HORIZONS)
    steps = np.diff(expected, axis=1, prepend=0.0)
    middles = (np.array(HORIZONS) + np.array([0.0, *HORIZONS[:-1]])) / 2
    discounted = steps @ (1 + params.yearly_discount) ** (-middles / 365)
    found = {name: pa.array(getattr(counts, name).astype(np.int32)) for name in ("x", "t_x", "T")}
    found["p_alive"] = pa.array(np.round(model.p_alive(counts.x, counts.t_x, counts.T), 6))
    found |= {name: pa.array(np.round(expected[:, i], 6)) for name, i in NAMED.items()}
    return pa.table(found | {"discounted": pa.array(np.round(discounted, 6))})


def with_values(scored: DataFrame, spend: SpendModel, params: LifetimeParams) -> DataFrame:
    """Adds exp_order_value and clv_365 to histories with their `discounted` order days."""
    amount, n = F.col("amount").cast("double"), F.col("n_days").cast("double")
    value = rounded((amount + F.lit(spend.kappa * spend.mean)) / (n + F.lit(spend.kappa)), 2)
    return scored.withColumn("exp_order_value", value.cast(MONEY)).withColumn(
        "clv_365", rounded(F.col("discounted") * value * F.lit(params.margin_rate), 2).cast(MONEY)
    )


def with_second_orders(scored: DataFrame, rates: DataFrame) -> DataFrame:
    """Adds second_order_hazard to customers with one order day; a category not fitted has the population's."""
    known = F.broadcast(rates)
    category = F.coalesce(F.col("first_category"), F.lit(""))
    once = scored.where(F.col("n_days") == 1).select("customer_no", "T", category.alias("first_category"))
    hazards = known.join(once, "first_category", how="inner").select(
        "customer_no", rounded(second_order_column()).alias("second_order_hazard")
    )
    return hazards.join(scored, "customer_no", how="right")


def score_churn(rows: DataFrame, facts: Facts, model: ChurnModel) -> DataFrame:
    """customer_id and churn_hazard_30, _90 of every row with an order."""

    def predict(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        for batch in batches:
            if batch.num_rows == 0:
                continue
            p = model.predict(np.column_stack([_floats(batch, n) for n in model.names]))
            scores = {f"churn_hazard_{h}": np.round(p[:, i], 6) for i, h in enumerate(CHURN_HORIZONS)}
            yield pa.table({"customer_id": batch.column("customer_id"), **scores})

    buyers = rows.where(F.col("n_orders_l") > 0).select("customer_id", *input_columns(facts))
    return map_batches(buyers, predict, CHURN_ROWS)


def parameters(buying: PurchaseModel, spend: SpendModel, again: RepeatHazard, churn: ChurnModel) -> pa.Table:
    """Rows of `feature_parameters`. A status is a row whose subject says it and whose value is its number."""
    rows: list[tuple[str, str, int, float]] = [
        ("bgnbd_status", buying.status, 0, float(STATUSES.index(buying.status))),
        *[(f"bgnbd_{n}", "", 0, float(getattr(buying, n))) for n in ("r", "alpha", "a", "b", "customers")],
        ("spend_status", spend.status, 0, float(SPEND_STATUSES.index(spend.status))),
        *[(f"spend_{n}", "", 0, float(getattr(spend, n))) for n in ("mean", "kappa", "p", "q", "v", "correlation")],
        ("second_order_kappa", "", 0, again.kappa),
        ("churn_status", churn.status, 0, float(bool(churn.boosters))),
        ("churn_rows", "", 0, float(churn.rows)),
        *[(f"churn_rate_{h}", "", 0, rate) for h, rate in churn.rates.items()],
    ]
    hazards = [("", again.population), *zip(again.categories, again.by_category)]
    rows += [("second_order_hazard", c, j, float(h)) for c, found in hazards for j, h in enumerate(found)]
    feature, subject, position, value = (list(column) for column in zip(*rows))
    return pa.table(
        {
            "feature": feature,
            "subject": subject,
            "position": pa.array(position, pa.int32()),
            "value": pa.array(np.round(value, 9)),
        }
    )


def _told(buying: PurchaseModel, spend: SpendModel, again: RepeatHazard, churn: ChurnModel) -> Iterator[str]:
    """Which model was fitted, and why not the one asked for."""
    if buying.status == "bgnbd":
        yield f"lifetime: BG/NBD r {buying.r:.4f}, alpha {buying.alpha:.2f}, a {buying.a:.4f}, b {buying.b:.4f}"
    else:
        yield f"lifetime: {buying.status} in the place of BG/NBD: {buying.why}"
    yield f"spend: {spend.status}, mean {spend.mean:.2f}" + (f"; no Gamma-Gamma: {spend.why}" if spend.why else "")
    yield f"second order: {again.events:,.0f} seen, {len(again.categories)} first categories, kappa {again.kappa:.1f}"
    rates = ", ".join(f"{rate:.1%} without an order in {h} days" for h, rate in churn.rates.items())
    yield f"churn: {churn.rows:,} customers at earlier cuts, {rates}" if churn.boosters else f"no churn: {churn.why}"
