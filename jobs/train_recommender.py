"""Train and register the recommender of products and categories.

Learns from label windows that lie before the cut. The heuristic (decayed own frequency for what she bought before,
28-day popularity for what she did not) is champion in each segment until the second stage beats it there by interval,
so that there is always something to publish.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from threadpoolctl import threadpool_limits

from features.interactions import collect_interactions
from jobs.code_version import code_version
from jobs.recommender_plots import calibration_figure, recall_figure
from jobs.runs import Job, Step
from jobs.tracking import TrainingRun
from scoring.backtest import compare_on_latest, cross_fitted
from scoring.recommendations import build_recommender
from scoring.recommender_inputs import Levels, build_levels, catalogue_rows, known_purchase_days
from scoring.train_second_stage import Trained, fit_second_stage

NAME = "recommender"
STEP = Step(
    "train-recommender",
    reads=("transactions", "products", "customer_map"),
    trains=(NAME,),
    settings=("recommender", "time_zone", "horizon_days", "seed", "threads"),
    next="nextbest recommend-products",
)


def run(job: Job) -> None:
    """Reads purchases, trains both levels, logs what they are worth, registers, and promotes what the gate allows."""
    job.tracking.check()
    settings, params = job.settings, job.settings.recommender
    levels = read_levels(job)
    tags = {
        "as_of": str(job.as_of.day),
        "run_id": job.run_id,
        "inputs": json.dumps(job.pinned, sort_keys=True),
        "settings_hash": settings.section_hash(STEP.settings),
        "seed": str(settings.seed),
        "code_version": code_version(),
        "protocol": "label windows before as_of; latest one for calibration and gate",
    }
    # many small systems are solved: BLAS threads would only wait for each other (ALS and LightGBM have their own)
    with job.tracking.training(NAME, _flat(asdict(params)), tags) as t, threadpool_limits(1, user_api="blas"):
        level, stage = params.products(settings.horizon_days, settings.threads)
        products = fit_second_stage(levels.products, levels.catalogue, job.as_of.epoch_day, level, stage, job.say)
        level, stage = params.category_level(settings.horizon_days, settings.threads)
        categories = fit_second_stage(levels.categories, levels.upper, job.as_of.epoch_day, level, stage, job.say)
        report(job, t, (products, categories))
        model = build_recommender(job.as_of.day, settings.horizon_days, products.stage, categories.stage, levels.place)
        kinds = {f"{s.level.name}.{k}": v for s in (products.stage, categories.stage) for k, v in s.modes.items()}
        version = t.register(NAME, model.save(job.scratch / NAME), kinds)
        # within the model each segment is the heuristic unless the gate let the second stage through
        t.promote(NAME, version, "champion")
    job.count("model_version", version)
    job.say(f"version {version} is champion: {', '.join(f'{k} by {v}' for k, v in kinds.items())}")


def read_levels(job: Job) -> Levels:
    """Purchases known before the cut and the catalogue, as arrays."""
    days = known_purchase_days(
        job.read("transactions"),
        job.read("products"),
        job.read("customer_map"),
        job.as_of,
        job.settings.recommender.drop_departments,
    )
    purchases = collect_interactions(days)
    levels = build_levels(purchases, catalogue_rows(job.read("products"), job.as_of).toArrow().to_pydict())
    job.count("customers", purchases.n_customers)
    job.count("products", purchases.n_products)
    job.count("purchase_days", len(purchases))
    return levels


def report(job: Job, t: TrainingRun, trained: Sequence[Trained]) -> None:
    """Tables, plots and metrics of the tracking run, and a line for the operator per segment."""
    gates: list[dict[str, Any]] = []
    ranking: list[dict[str, Any]] = []
    calibration: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    for one in trained:
        name = one.stage.level.name
        for note in one.notes:
            job.say(f"{name}: {note}")
        for segment, verdicts in one.verdicts.items():
            gates += [{"level": name, "segment": segment, **asdict(v), "won": v.won} for v in verdicts]
            shown = ", ".join(f"{v.metric} {v.difference:+.4f} [{v.low:+.4f}, {v.high:+.4f}]" for v in verdicts)
            job.say(f"{name}, {segment}: second stage against heuristic {shown}: {one.stage.modes[segment]}")
        ranking += compare_on_latest(one)
        table, points = cross_fitted(one)
        calibration += table
        curve += points
    window = f"latest28d.{job.as_of.day}"
    for table_name, rows in {"gate": gates, "recall_by_recommender": ranking, "calibration": calibration}.items():
        if rows:
            t.table(table_name, rows)
    t.metrics(
        {
            f"{m}_at_10.{r['level']}.{r['task']}.{r['recommender']}.{window}": r[m]
            for r in ranking
            for m in ("recall", "ndcg")
            if r[m] == r[m]
        }
    )
    t.metrics(
        {
            f"{r['metric']}.{r['level']}.{r['kind']}.{window}": r["value"]
            for r in calibration
            if r["value"] is not None and r["value"] == r["value"]
        }
    )
    if ranking:
        t.figure(recall_figure(ranking), "recall_by_recommender.png")
    if curve:
        t.figure(calibration_figure(curve), "calibration.png")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted parameter names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out
