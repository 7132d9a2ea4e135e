"""Train and register the response model.

Learns P(responds within the offer's own window | delivered) from sends whose window has closed. The first champion
is a rule (rates by channel, kind, recency and frequency); the model (LightGBM beside a logistic regression) takes
its place only when it is better beyond doubt on sends after those it learned from. Where there is too little to
learn from, the rule stays and says so.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

import numpy as np
from pyspark.sql import functions as F

from features.contact_features import as_contact_features
from features.contact_pairs import as_send_pairs, with_response_label
from jobs.contact_sources import OPTIONAL, READS, SETTINGS, contact_sources
from jobs.response_plots import calibration_figure, importance_figure
from jobs.runs import Job, Step
from jobs.tracking import TrainingRun
from jobs.training_tags import training_tags
from models.response import ResponseModel, fit_response, importance, load_response, rule_model
from models.response_evaluation import (
    PROTOCOL,
    ResponseEvaluation,
    baselines,
    evaluate_response,
    kind_table,
    metric_table,
    response_learners,
    superiority,
    why_not_train,
)
from models.response_frame import ResponseFrame, collect_response_frame
from models.response_params import ResponseParams

NAME = "response"
STEP = Step(
    "train-response",
    reads=READS,
    optional=OPTIONAL,
    trains=(NAME,),
    settings=(*SETTINGS, "response_priors", "response_evaluation", "seed"),
    next="nextbest score-channels",
)


def run(job: Job) -> None:
    """Frame, evaluation in time, model, gate."""
    job.tracking.check()
    params = job.settings.response
    frame = collect_sends(job, params)
    reason = why_not_train(frame, params)
    about = {**asdict(params), **asdict(job.settings.response_evaluation)}
    with job.tracking.training(NAME, about, training_tags(job, PROTOCOL)) as t:
        passed = False
        if reason is None:
            result = evaluate(job, t, frame, params)
            passed = train(job, t, frame, params, result)
        else:
            job.say(f"no response model is trained: {reason}")
        if not passed:
            keep_rule(job, t, frame)


def collect_sends(job: Job, params: ResponseParams) -> ResponseFrame:
    """Labelled, matured sends with enough purchase history before them."""
    sources = contact_sources(job)
    pairs = as_send_pairs(sources.contacts, sources.offers, sources.customer_map, job.as_of)
    labelled = with_response_label(
        pairs, sources.responses, sources.offers, sources.customer_map, job.as_of, params.response_kind,
        params.maturity_days, sources.contacts,
    ).select("customer_id", "offer_id", "channel", "closes_ts", "responded", "matured")  # fmt: skip
    features = as_contact_features(
        pairs, sources, job.settings.contact_features, job.settings.time_zone, params.response_kind
    )
    first = sources.transactions.agg(F.min("event_ts").alias("first")).collect()[0]["first"]
    frame = collect_response_frame(features.join(labelled, on=["customer_id", "offer_id", "channel"], how="inner"))
    job.count("closed_sends", len(frame))
    start = first.timestamp() + timedelta(days=params.min_history_days).total_seconds() if first else 0
    kept = frame.where(np.asarray(frame.cut >= start))
    job.count("sends_learned_from", len(kept))
    job.count("answered_sends", kept.positives)
    return kept


def evaluate(job: Job, t: TrainingRun, frame: ResponseFrame, params: ResponseParams) -> ResponseEvaluation | None:
    """Rolling evaluation of the model and every baseline; metric tables, a child run per learner, plots."""
    settings, priors = job.settings.response_evaluation, job.settings.response_priors
    learners = baselines(priors) | response_learners(params, priors, job.settings.seed)
    result = evaluate_response(frame, int(job.as_of.ts.timestamp()), learners, settings, params.min_positives)
    if result is None:
        job.say("no block of sends has enough answered sends before it: the model cannot be judged in time")
        return None
    rows = metric_table(result, settings.draws, job.settings.seed)
    t.table("metrics", rows)
    t.table("by_offer_kind", kind_table(result, "response"))
    window = f"rolling{settings.block_days}d.{job.as_of.day}"
    for name in learners:
        # an undefined metric is in the table as NaN, and not among the run's metrics
        values = {str(r["metric"]): float(r["value"]) for r in rows if r["model"] == name and r["value"] == r["value"]}
        t.trial(name, {"learner": name}, {f"{metric}.{window}": value for metric, value in values.items()})
        if name in ("response", "recency_frequency"):
            t.metrics({f"{name}.{metric}.{window}": value for metric, value in values.items()})
    t.figure(calibration_figure(result), "calibration.png")
    shown = {(r["model"], r["metric"]): r for r in rows}
    for name in learners:
        auc, brier = shown[name, "auc"], shown[name, "brier"]
        job.say(
            f"{name}: AUC {auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}], "
            f"Brier {brier['value']:.4f}, observed/expected {shown[name, 'observed_over_expected']['value']:.2f}"
        )
    return result


def train(
    job: Job, t: TrainingRun, frame: ResponseFrame, params: ResponseParams, result: ResponseEvaluation | None
) -> bool:
    """Fits on every send, registers as challenger, and promotes behind the gate; whether it is champion now."""
    settings = job.settings.response_evaluation
    model = fit_response(frame, params, job.settings.response_priors, job.settings.seed)
    if shares := importance(model):
        t.table("importance", shares)
        t.figure(importance_figure(shares), "importance.png")
    version = t.register(NAME, model.save(job.scratch / "response"), {"kind": model.kind})
    t.promote(NAME, version, "challenger")
    job.count("model_version", version)
    if result is None or result.y.sum() < settings.min_test_positives:
        job.say("too few answered sends to judge it on: it stays challenger")
        return False
    gate = superiority(result, "response", "recency_frequency", settings.draws, job.settings.seed)
    t.table("gate", [gate])
    difference = f"Brier {gate['value']:+.4f} [{gate['low']:+.4f}, {gate['high']:+.4f}] against the rule"
    if not gate["passes"]:
        job.say(f"the gate holds it back: {difference}; it stays challenger")
        return False
    t.promote(NAME, version, "champion")
    job.say(f"the gate lets it through: {difference}; version {version} is champion")
    return True


def keep_rule(job: Job, t: TrainingRun, frame: ResponseFrame) -> None:
    """A rule fitted anew becomes champion, unless the champion is a model that passed the gate earlier."""
    if job.tracking.champion_version(NAME) is not None and _champion(job).kind != "rule":
        job.say("the champion stays as it is")
        return
    rule = rule_model(frame, job.settings.response_priors)
    version = t.register(NAME, rule.save(job.scratch / "rule"), {"kind": rule.kind})
    t.promote(NAME, version, "champion")
    job.count("rule_version", version)
    job.say(f"the rule (rates by channel, kind, recency and frequency) is champion, version {version}")


def _champion(job: Job) -> ResponseModel:
    return load_response(job.tracking.model(NAME).path)
