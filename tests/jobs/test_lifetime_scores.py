"""What fitted models add to the wide row: on the engine, against the models themselves, and only from the past."""

from __future__ import annotations

import random
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pyspark.sql import DataFrame, SparkSession

from features.definitions import FeatureParams
from features.facts import Facts
from features.families import lifetime, recency, rhythm
from features.family_params import LifetimeParams
from features.output_tables import CUSTOMER_MAP
from features.source_tables import PRODUCTS, TRANSACTIONS
from jobs.lifetime_scores import lifetime_scores
from jobs.runs import write_read
from models.bgnbd import fit_bgnbd
from models.gamma_gamma import fit_gamma_gamma
from models.purchase_counts import PurchaseCounts
from tests.features.purchase_world import AS_OF, Row, as_self, frame, line, local, product

PARAMS = FeatureParams(lifetime=LifetimeParams(churn_min_rows=60, min_repeaters=20))
COLUMNS = [d.name for d in lifetime.DEFINITIONS]


def world(customers: int = 150, seed: int = 4) -> list[Row]:
    """Order lines of customers with rates of their own, who may leave; some bought once, long ago."""
    rng = random.Random(seed)
    rows: list[Row] = []
    for c in range(customers):
        day, gap, n = rng.randint(200, 700), rng.choice([5, 15, 40, 90]), 0
        while day > 0:
            ts = local(AS_OF.day - timedelta(days=day), 12)
            for k in range(rng.randint(1, 2)):
                amount = f"{rng.lognormvariate(2 + c % 3, 0.4):.2f}"
                rows.append(line(f"a{c}", f"o{c}-{n}", ts, f"p{rng.randint(0, 2)}", amount, line_no=k))
            n += 1
            if rng.random() < (0.9 if c % 5 == 0 else 0.08):
                break
            day -= max(1, int(rng.expovariate(1 / gap)))
    return rows


def scored(
    spark: SparkSession, rows: list[Row], folder: Path, as_of: Any = AS_OF
) -> tuple[dict[str, Row], dict[tuple[str, str, int], float], list[str]]:
    """The added columns by customer, the parameters, and what was said."""

    def keep(name: str, df: DataFrame) -> DataFrame:
        return write_read(spark, folder / f"{name}-{random.getrandbits(64):x}", df)

    folder.mkdir(exist_ok=True)
    products = [product("p0", "MILK"), product("p1", "BREAD"), product("p2", None)]
    tables = {
        "transactions": frame(spark, TRANSACTIONS, rows),
        "products": frame(spark, PRODUCTS, products),
        "customer_map": frame(spark, CUSTOMER_MAP, [*as_self(r["account_id"] for r in rows), *as_self(["nobody"])]),
    }
    facts = Facts(tables, as_of, PARAMS, keep)
    wide = recency.recency_features(facts.orders).join(facts.customers, "customer_no", how="right")
    wide = rhythm.rhythm_features(facts.orders, as_of, PARAMS).join(wide, "customer_no", how="right")
    said: list[str] = []
    place = SimpleNamespace(spark=spark, scratch=folder, say=said.append)
    added, (parameters,) = lifetime_scores(place)(wide.drop("customer_no"), facts)
    assert added.columns[: len(wide.columns) - 1] == [c for c in wide.columns if c != "customer_no"]
    found = {r["customer_id"]: r.asDict() for r in added.collect()}
    fitted = {(r["feature"], r["subject"], r["position"]): r["value"] for r in parameters.collect()}
    return {c: {n: r[n] for n in COLUMNS} for c, r in found.items()}, fitted, said


def loop_histories(rows: list[Row]) -> dict[str, tuple[int, int, int, float]]:
    """customer -> x, t_x, T and amount, a line at a time; lines at or after the cut, or known then, left out."""
    days: dict[str, set[date]] = {}
    amounts: dict[str, float] = {}
    for r in rows:
        if r["event_ts"] < AS_OF.ts and r["available_ts"] < AS_OF.ts:
            days.setdefault(r["account_id"], set()).add((r["event_ts"] - timedelta(hours=5)).date())
            amounts[r["account_id"]] = amounts.get(r["account_id"], 0.0) + float(r["amount"])
    return {a: (len(d) - 1, (max(d) - min(d)).days, (AS_OF.day - min(d)).days, amounts[a]) for a, d in days.items()}


def test_scores_are_those_of_models_fitted_on_the_past(spark: SparkSession, tmp_path: Path) -> None:
    """Columns and parameters are what the models say of histories counted by a loop; who never bought has nulls."""
    rows = world()
    found, fitted, said = scored(spark, rows, tmp_path / "a")
    known = loop_histories(rows)
    x, t_x, T, amount = (np.array(v, dtype=float) for v in zip(*known.values()))
    buying = fit_bgnbd(PurchaseCounts.of(x, t_x, T))
    again = x > 0
    spend = fit_gamma_gamma((x + 1)[again], (amount / (x + 1))[again], min_customers=20)
    expected = buying.expected(x, t_x, T, (28.0, 90.0, 365.0))
    value = spend.expected(x + 1, amount / (x + 1))
    alive = buying.p_alive(x, t_x, T)
    for i, customer in enumerate(known):
        row = found[customer]
        assert row["p_alive"] == pytest.approx(alive[i], abs=2e-6)
        assert [row[f"exp_orders_{h}"] for h in (28, 90, 365)] == pytest.approx(expected[i], abs=2e-6, rel=1e-5)
        assert float(row["exp_order_value"]) == pytest.approx(value[i], abs=0.011)
        year = expected[i, 2] * value[i] * 0.25
        assert year * 0.9 - 0.02 <= float(row["clv_365"]) <= year + 0.02  # discounted by less than a year's rate
        assert (row["second_order_hazard"] is not None) == (x[i] == 0)
        assert 0 <= row["churn_hazard_90"] <= row["churn_hazard_30"] <= 1
    assert found["nobody"] == dict.fromkeys(COLUMNS)
    assert fitted["bgnbd_r", "", 0] == pytest.approx(buying.r, rel=1e-6)
    assert ("bgnbd_status", buying.status, 0) in fitted
    assert ("spend_status", spend.status, 0) in fitted
    assert {s for f, s, _ in fitted if f == "second_order_hazard"} <= {"", "BREAD", "MILK"}
    assert any("churn: " in text for text in said)


def test_nothing_at_or_after_the_cut_matters(spark: SparkSession, tmp_path: Path) -> None:
    """Orders from the cut on, by event or by availability, change neither a score nor a parameter."""
    rows = world(80)
    later = [
        line("a1", "z1", AS_OF.ts, amount="999.00"),
        line("a2", "z2", AS_OF.ts + timedelta(days=3), amount="999.00"),
        {**line("a3", "z3", AS_OF.ts - timedelta(days=9), amount="999.00"), "available_ts": AS_OF.ts},
    ]
    assert scored(spark, rows, tmp_path / "a") == scored(spark, [*rows, *later], tmp_path / "b")


def test_small_shops(spark: SparkSession, tmp_path: Path) -> None:
    """One customer, one order: a status for each model, sound numbers and no churn; no order at all: nulls."""
    rows = [line("a", "o", local(AS_OF.day - timedelta(days=9)))]
    found, fitted, said = scored(spark, rows, tmp_path / "a")
    assert found["a"]["p_alive"] == 1.0
    assert 0 < found["a"]["exp_orders_365"] < 365
    assert found["a"]["churn_hazard_30"] is None
    assert {("bgnbd_status", "rate", 0), ("spend_status", "shrunken_mean", 0), ("churn_status", "none", 0)} <= set(
        fitted
    )
    assert any("nobody bought twice" in text for text in said)
    future = [line("a", "o", AS_OF.ts)]
    assert scored(spark, future, tmp_path / "b")[0] == dict.fromkeys(["a", "nobody"], dict.fromkeys(COLUMNS))
