"""What a training of the recommender found out: told to the operator, and logged as tables, metrics and plots."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from jobs.recommender_plots import calibration_figure, recall_figure
from jobs.runs import Job
from jobs.tracking import TrainingRun
from recommend.source_recall import DEPTH, TOGETHER, source_recall
from scoring.backtest import compare_on_latest, cross_fitted
from scoring.train_second_stage import Trained


@dataclass
class Lines:
    """Gathered level by level."""

    gates: list[dict[str, Any]] = field(default_factory=list)
    ranking: list[dict[str, Any]] = field(default_factory=list)
    calibration: list[dict[str, Any]] = field(default_factory=list)
    curve: list[dict[str, Any]] = field(default_factory=list)
    objectives: list[dict[str, Any]] = field(default_factory=list)
    sources: list[dict[str, Any]] = field(default_factory=list)

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
            champion = one.champions.get(segment, "heuristic")
            job.say(f"{name}, {segment}: ranker against {champion} {shown}: {one.stage.modes[segment]}")
        for trial in one.trials:
            self.objectives.append({"level": name, **asdict(trial)})
        self._add_sources(job, one)
        self.ranking += compare_on_latest(one)
        table, points = cross_fitted(one)
        self.calibration += table
        self.curve += points

    def _add_sources(self, job: Job, one: Trained) -> None:
        """What each source of candidates finds of what was bought in the latest window."""
        if one.latest is None:
            return
        level, frame = one.stage.level, one.latest
        found = source_recall(frame.h, frame.sources, frame.truth, level.lapsed_days)
        self.sources += [{"level": level.name, **row} for row in found]
        shown = [
            f"{r['recall']:.1%} {r['state']}" for r in found if r["source"] == TOGETHER and r["recall"] is not None
        ]
        job.say(f"{level.name}: sources together find of what was bought {', '.join(shown) or 'nothing'}")

    def log(self, t: TrainingRun, window: str) -> None:
        """Tables, plots and metrics of the tracking run, and one child run per recommender that was compared."""
        tables = {"gate": self.gates, "recall_by_recommender": self.ranking, "calibration": self.calibration}
        tables |= {"objectives": self.objectives, f"recall_at_{DEPTH}_by_source": self.sources}
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
        for r in self.objectives:
            found = {f"{m}_at_10.{r['level']}.{r['segment']}": r[m] for m in ("recall", "ndcg")}
            about = {"objective": r["objective"], "level": r["level"], "segment": r["segment"], "taken": r["taken"]}
            t.trial(f"objective {r['objective']} {r['level']} {r['segment']}", about, found)
        t.metrics(
            {
                f"{r['metric']}.{r['level']}.{r['kind']}.{window}": r["value"]
                for r in self.calibration
                if r["value"] is not None and r["value"] == r["value"]
            }
        )
        t.metrics(
            {
                f"recall_at_{DEPTH}.{r['level']}.{r['source']}.{r['state']}.{window}": r["recall"]
                for r in self.sources
                if r["recall"] is not None
            }
        )
        if self.ranking:
            t.figure(recall_figure(self.ranking), "recall_by_recommender.png")
        if self.curve:
            t.figure(calibration_figure(self.curve), "calibration.png")
