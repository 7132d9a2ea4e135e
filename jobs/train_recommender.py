"""Train and register the recommender of products and categories.

Learns from label windows that lie before the cut. The heuristic (decayed own frequency for what she bought before,
28-day popularity for what she did not) is champion in each segment until the second stage beats it there by interval,
so that there is always something to publish.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from threadpoolctl import threadpool_limits

from features.interactions import collect_interactions, collect_log
from jobs.code_version import code_version
from jobs.memory import release_memory
from jobs.recommender_logs import LOGS, SETTINGS, read_logs
from jobs.recommender_plots import calibration_figure, recall_figure
from jobs.runs import Job, Step
from jobs.tracking import TrainingRun
from recommend.dealings import on_one_axis
from scoring.backtest import compare_on_latest, cross_fitted
from scoring.recommendations import build_recommender
from scoring.recommender_inputs import Levels, build_levels, catalogue_rows
from scoring.train_second_stage import Trained, fit_second_stage

NAME = "recommender"
STEP = Step(
    "train-recommender",
    reads=("transactions", "products", "customer_map"),
    optional=LOGS,
    trains=(NAME,),
    settings=(*SETTINGS, "seed", "threads"),
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
        lines, stages = Lines(), []
        for data, catalogue, (level, stage) in (
            (levels.products, levels.catalogue, params.products(settings.horizon_days, settings.threads)),
            (levels.categories, levels.upper, params.category_level(settings.horizon_days, settings.threads)),
        ):
            trained = fit_second_stage(data, catalogue, job.as_of.epoch_day, level, stage, job.say)
            # judged now, so that the window's large matrix goes before the next level comes
            lines.add(job, trained)
            stages.append(trained.stage)
            del trained
            release_memory()
        lines.log(t, f"latest28d.{job.as_of.day}")
        bought, said = levels.products.purchases, levels.products.tags
        model = build_recommender(
            job.as_of.day, settings.horizon_days, stages[0], stages[1], levels.place, bought.stores, said.products
        )
        kinds = {f"{s.level.name}.{k}": v for s in stages for k, v in s.modes.items()}
        version = t.register(NAME, model.save(job.scratch / NAME), kinds)
        # within the model each segment is the heuristic unless the gate let the second stage through
        t.promote(NAME, version, "champion")
    job.count("model_version", version)
    job.say(f"version {version} is champion: {', '.join(f'{k} by {v}' for k, v in kinds.items())}")


def read_levels(job: Job) -> Levels:
    """What customers did, as known before the cut, and the catalogue, as arrays."""
    logs = read_logs(job)
    purchases = collect_interactions(logs.purchases)
    views = None if logs.views is None else collect_log(logs.views)
    tags = None if logs.tags is None else collect_log(logs.tags)
    dealings = on_one_axis(purchases, views, tags)
    levels = build_levels(dealings, catalogue_rows(job.read("products"), job.as_of).toArrow().to_pydict())
    job.count("customers", dealings.n_customers)
    job.count("products", purchases.n_products)
    job.count("purchase_days", len(purchases))
    job.count("view_days", len(dealings.views))
    job.count("tag_days", len(dealings.tags))
    return levels


@dataclass
class Lines:
    """What training found out, gathered level by level."""

    gates: list[dict[str, Any]] = field(default_factory=list)
    ranking: list[dict[str, Any]] = field(default_factory=list)
    calibration: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)

    def add(self, job: Job, one: Trained) -> None:
        """Judges a level on its latest window, and tells the operator how each segment is ranked."""
        name = one.stage.level.name
        for note in one.notes:
            job.say(f"{name}: {note}")
        for segment, verdicts in one.verdicts.items():
            self.gates += [{"level": name, "segment": segment, **asdict(v), "won": v.won} for v in verdicts]
            known = [v for v in verdicts if v.difference == v.difference]
            shown = ", ".join(f"{v.metric} {v.difference:+.4f} [{v.low:+.4f}, {v.high:+.4f}]" for v in known)
            shown = shown or "has nothing to be measured on"
            job.say(f"{name}, {segment}: second stage against heuristic {shown}: {one.stage.modes[segment]}")
        self.ranking += compare_on_latest(one)
        table, points = cross_fitted(one)
        self.calibration += table
        self.curve += points

    def log(self, t: TrainingRun, window: str) -> None:
        """Tables, plots and metrics of the tracking run, and one child run per recommender that was compared."""
        tables = {"gate": self.gates, "recall_by_recommender": self.ranking, "calibration": self.calibration}
        for name, rows in tables.items():
            if rows:
                t.table(name, rows)
        by_recommender: dict[str, dict[str, float]] = {}
        for r in self.ranking:
            found = {f"{m}_at_10.{r['level']}.{r['task']}": r[m] for m in ("recall", "ndcg") if r[m] == r[m]}
            by_recommender.setdefault(r["recommender"], {}).update(found)
        for name, metrics in by_recommender.items():
            t.metrics({f"{metric}.{name}.{window}": value for metric, value in metrics.items()})
            t.trial(name, {"recommender": name, "window": window}, metrics)
        t.metrics(
            {
                f"{r['metric']}.{r['level']}.{r['kind']}.{window}": r["value"]
                for r in self.calibration
                if r["value"] is not None and r["value"] == r["value"]
            }
        )
        if self.ranking:
            t.figure(recall_figure(self.ranking), "recall_by_recommender.png")
        if self.curve:
            t.figure(calibration_figure(self.curve), "calibration.png")


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted parameter names."""
    out: dict[str, Any] = {}
    for key, value in tree.items():
        out |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return out
