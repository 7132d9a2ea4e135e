"""What the lifetime models said of a held-out period, and what happened: tables of `nextbest evaluate lifetime`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from features.churn_inputs import BUCKETS, churn_rows
from features.families.lifecycle import fit_usual_gap
from features.order_days import histories, order_days
from features.stages import NEVER, STAGES, replay_stages
from jobs.lifetime_data import Held
from jobs.lifetime_scores import collect_churn_model
from models.bgnbd import PurchaseModel, fit_bgnbd
from models.churn import HORIZONS, ChurnModel
from models.gamma_gamma import SpendModel, fit_gamma_gamma
from models.lifetime_evaluation import (
    Estimate,
    bootstrap,
    cell_mean,
    decile_rows,
    last_days_again,
    score_forecast,
    seasonal_naive,
)
from models.metrics import auc, brier_skill
from models.purchase_counts import Floats, PurchaseCounts
from models.repeat_hazard import AHEAD, RepeatHazard, collect_repeat_hazard

MIN_TO_JUDGE = 30  # customers below which a calibration is not shown
CURVE_POINTS = 27

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Models:
    """Fitted on facts before the cut."""

    buying: PurchaseModel
    spend: SpendModel
    again: RepeatHazard
    churn: ChurnModel


@dataclass(frozen=True)
class Verdict:
    """Tables by name, and notes on how forecasts were made."""

    tables: Mapping[str, Rows]
    notes: Mapping[str, str]


def column(table: pa.Table, name: str) -> Floats:
    """A column as floats."""
    return np.asarray(table.column(name).to_pylist(), dtype=np.float64)


def fit_models(held: Held) -> Models:
    """All of them, as `build-features` fits them at the cut."""
    params, known = held.facts.params.lifetime, held.histories
    x, n_days, amount = (column(known, n) for n in ("x", "n_days", "amount"))
    counts = PurchaseCounts.of(x, column(known, "t_x"), column(known, "T"))
    again = x > 0
    spend = fit_gamma_gamma(n_days[again], amount[again] / n_days[again], params.max_correlation, params.min_repeaters)
    return Models(
        fit_bgnbd(counts),
        spend,
        collect_repeat_hazard(histories(held.facts)),
        collect_churn_model(held.facts, float(known.num_rows)),
    )


def judge(held: Held, models: Models, horizon: int) -> Verdict:
    """Every table."""
    known = held.histories
    x, t_x, T = (column(known, n) for n in ("x", "t_x", "T"))
    expected = models.buying.expected(x, t_x, T, (float(horizon),))[:, 0]
    seasonal = seasonal_naive(held.past, held.cut, horizon)
    cells, cells_how = cell_mean(held.past, held.cut, horizon)
    bought = held.future.counts
    simple = {"last_days_again": last_days_again(held.past, held.cut, horizon), "cell_mean": cells}
    if seasonal is not None:
        simple["seasonal_naive"] = seasonal
    forecasts = {models.buying.status: expected} | simple
    tables: dict[str, Rows] = {
        "orders": [_forecast_row(n, p, bought, simple) for n, p in forecasts.items()],
        "orders_deciles": list(decile_rows(expected, bought)),
        "alive_deciles": list(
            decile_rows(
                models.buying.any_within(x, t_x, T, float(horizon)),
                (bought > 0).astype(np.float64),
                models.buying.p_alive(x, t_x, T),
            )
        ),
        "stages": _stages(held, expected, bought),
        "survival": survival(held, models.buying, horizon),
    }
    tables |= _money(held, models, expected, cells)
    tables |= _second_orders(held, models.again)
    tables |= _churn(held, models.churn)
    return Verdict(
        tables,
        {"cell_mean": cells_how}
        | ({} if seasonal is not None else {"seasonal_naive": "no year before the cut is known"}),
    )


def _forecast_row(name: str, said: Floats, seen: Floats, simple: Mapping[str, Floats]) -> dict[str, Any]:
    return {"forecast": name} | score_forecast(said, seen, simple)


def _money(held: Held, models: Models, expected: Floats, cells: Floats) -> dict[str, Rows]:
    """Spend per order day of those who came, and value of everybody."""
    known = held.histories
    n, amount = column(known, "n_days"), column(known, "amount")
    value = models.spend.expected(n, amount / n)
    came = held.future.counts > 0
    seen = held.future.sums[came] / held.future.counts[came]
    simple = {"own_mean": (amount / n)[came], "population_mean": np.full(came.sum(), amount.sum() / n.sum())}
    worth = held.future.sums
    plain_worth = {"cell_mean x own_mean": cells * amount / n}
    forecasts = {f"{models.buying.status} x {models.spend.status}": expected * value} | plain_worth
    spend = {models.spend.status: value[came]} | simple
    return {
        "spend": [_forecast_row(name, p, seen, simple) for name, p in spend.items()] if came.any() else [],
        "spend_deciles": list(decile_rows(value[came], seen)),
        "value": [_forecast_row(name, p, worth, plain_worth) for name, p in forecasts.items()],
        "value_deciles": list(decile_rows(expected * value, worth)),
    }


def _second_orders(held: Held, model: RepeatHazard) -> dict[str, Rows]:
    """Of customers with one order day: said and seen within 30 days, by decile."""
    known = held.histories
    once = column(known, "n_days") == 1
    if once.sum() < MIN_TO_JUDGE:
        return {}
    places = {name: i for i, name in enumerate(model.categories)}
    category = np.array([places.get(c, -1) for c in known.column("first_category").to_pylist()])
    since = column(known, "T")
    predicted = np.zeros(known.num_rows)
    for c in np.unique(category).tolist():
        predicted[category == c] = model.at_least_one_within(c, since[category == c])
    came = (held.future.first(held.end + AHEAD) < held.cut + AHEAD).astype(np.float64)
    return {"second_order_deciles": list(decile_rows(predicted[once], came[once]))}


def _churn(held: Held, model: ChurnModel) -> dict[str, Rows]:
    """Of everybody: said and seen without an order in 30 and 90 days, by decile, and how well told apart."""
    if not model.boosters:
        return {}
    rows = churn_rows(held.facts, 0, BUCKETS).toArrow().sort_by("customer_id")
    predicted = model.predict(np.column_stack([column(rows, n) for n in model.names]))
    first = held.future.first(held.end + max(HORIZONS))
    tables: dict[str, Rows] = {"churn": []}
    for i, h in enumerate(HORIZONS):
        if held.cut + h > held.end:
            continue
        quiet, p = (first >= held.cut + h).astype(np.float64), predicted[:, i]
        tables[f"churn_{h}_deciles"] = list(decile_rows(p, quiet))
        measures = {"auc": auc, "brier_skill": brier_skill}
        found = {k: bootstrap(p.size, lambda w, f=f, q=quiet, p=p: f(q, p, w)) for k, f in measures.items()}  # type: ignore[misc]
        total = bootstrap(p.size, lambda w, q=quiet, p=p: float(w @ p / max(w @ q, 1e-9)))  # type: ignore[misc]
        tables["churn"].append({"days": h, "total": total} | found)
    return tables


def _stages(held: Held, expected: Floats, bought: Floats) -> Rows:
    """A row per stage at the cut: customers, share that bought, order days said and seen."""
    params = held.facts.params
    gap = held.facts.kept("usual_gap", lambda: fit_usual_gap(order_days(held.facts))).collect()[0]["value"]
    past = held.past
    found = replay_stages(past.customer, past.day, held.cut, gap, params.lifecycle, params.rhythm_gaps, past.n)
    rows: Rows = []
    for code, name in enumerate(STAGES):
        members = found.stage == code
        if code == NEVER or not members.any():
            continue
        y, said = bought[members], expected[members]
        rows.append(
            {
                "stage": name,
                "customers": int(members.sum()),
                "bought": bootstrap(y.size, lambda w, y=y: float(w @ (y > 0) / w.sum())),  # type: ignore[misc]
                "order_days": bootstrap(y.size, lambda w, y=y: float(w @ y / w.sum())),  # type: ignore[misc]
                "expected": float(said.mean()),
            }
        )
    return rows


def survival(held: Held, model: PurchaseModel, horizon: int) -> Rows:
    """Share without an order by days from the cut, said and seen, for thirds of customers by expected orders."""
    known = held.histories
    x, t_x, T = (column(known, n) for n in ("x", "t_x", "T"))
    expected = model.expected(x, t_x, T, (float(horizon),))[:, 0]
    third = np.searchsorted(np.quantile(expected, [1 / 3, 2 / 3]), expected, side="right")
    first = held.future.first(held.end + 1)
    rows: Rows = []
    for g, name in enumerate(("lowest third", "middle third", "highest third")):
        members = third == g
        for day in np.unique(np.linspace(0, horizon, CURVE_POINTS).round().astype(int)).tolist():
            if not members.any():
                continue
            p = model.any_within(x[members], t_x[members], T[members], float(day))
            seen = first[members] >= held.cut + day
            rows.append({"group": name, "day": day, "predicted": float(1 - p.mean()), "observed": float(seen.mean())})
    return rows


def plain(value: Any) -> Any:
    """A table, row or number as JSON holds it."""
    if isinstance(value, Estimate):
        return {"value": value.value, "low": value.low, "high": value.high}
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, list) else value
