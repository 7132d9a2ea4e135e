"""How the response model would have done: trained before each block of sends, judged on it, beside its baselines.

Rolling origin: time is cut into blocks of `block_days` counted back from the snapshot. For each block, models
learn from sends whose offer had ended when the block began (so no label window reaches into the block: a purged
split) and predict the block's sends. Predictions of all blocks are pooled and judged together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from models import metrics as m
from models.response import fit_response
from models.response_frame import Floats, ResponseFrame
from models.response_linear import fit_logistic
from models.response_params import ResponseEvaluationParams, ResponseParams, ResponsePriors
from models.response_rule import fit_rule

DAY = 86400
Predictor = Callable[[pa.Table], Floats]
Learner = Callable[[ResponseFrame], Predictor]
PROTOCOL = "rolling origin, trained on offers ended before each block, pooled"


@dataclass(frozen=True)
class ResponseEvaluation:
    """Pooled test rows: outcome, who, block number, offer kind, and per model its predictions, all (n,)."""

    y: Floats
    customer: NDArray[np.object_]
    block: NDArray[np.int64]
    offer_kind: NDArray[np.object_]
    predictions: dict[str, Floats]


def baselines(priors: ResponsePriors) -> dict[str, Learner]:
    """The learners every response model stands beside in the table."""
    return {
        "base_rate": lambda f: _constant(float(f.y.mean())),
        "base_rate_by_kind": lambda f: fit_rule(f, priors, depth=2).predict,
        "recency_frequency": lambda f: fit_rule(f, priors).predict,
        "logistic": fit_logistic,
    }


def response_learners(params: ResponseParams, priors: ResponsePriors, seed: int = 0) -> dict[str, Learner]:
    """`response` is the model as it would be registered, `lightgbm` the same without its linear part."""

    def learner(share: float) -> Learner:
        return lambda frame: fit_response(frame, replace(params, linear_share=share), priors, seed).predict

    return {"lightgbm": learner(0.0), "response": learner(params.linear_share)}


def blocks(
    frame: ResponseFrame, end: int, params: ResponseEvaluationParams, min_positives: int
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """(train, test) masks, oldest block first; `end` is the snapshot's cut in seconds since 1970."""
    found = []
    for back in reversed(range(params.max_blocks)):
        last = end - back * params.block_days * DAY
        first = last - params.block_days * DAY
        train, test = frame.closes <= first, (frame.cut >= first) & (frame.cut < last)
        if test.any() and min_positives <= frame.y[train].sum() < train.sum():
            found.append((train, test))
    return found


def evaluate_response(
    frame: ResponseFrame,
    end: int,
    learners: dict[str, Learner],
    params: ResponseEvaluationParams,
    min_positives: int,
) -> ResponseEvaluation | None:
    """Predictions of every learner on every block; None when no block has enough answered sends before it."""
    cuts = blocks(frame, end, params, min_positives)
    if not cuts:
        return None
    predictions: dict[str, list[Floats]] = {name: [] for name in learners}
    for train, test in cuts:
        past, table = frame.where(train), frame.where(test).table
        for name, learner in learners.items():
            predictions[name].append(learner(past)(table))
    rows = np.concatenate([np.flatnonzero(test) for _, test in cuts])
    return ResponseEvaluation(
        y=frame.y[rows],
        customer=frame.customer[rows],
        block=np.concatenate([np.full(int(test.sum()), i) for i, (_, test) in enumerate(cuts)]),
        offer_kind=np.asarray(frame.table["offer_kind"].to_pylist(), dtype=object)[rows],
        predictions={name: np.concatenate(parts) for name, parts in predictions.items()},
    )


def metric_table(result: ResponseEvaluation, draws: int, seed: int = 0) -> list[dict[str, float | str]]:
    """Rows of model, metric, value, low, high (95 %, clustered by customer), sends, positives."""
    size = {"sends": float(result.y.size), "positives": float(result.y.sum())}
    return [
        {"model": name, **row, **size}
        for name, p in result.predictions.items()
        for row in m.intervals(result.y, p, result.customer, draws, seed)
    ]


def kind_table(result: ResponseEvaluation, model: str) -> list[dict[str, float | str]]:
    """Per offer kind: sends, observed rate, mean prediction, AUC inside the kind."""
    rows: list[dict[str, float | str]] = []
    for kind in sorted(set(result.offer_kind)):
        inside = result.offer_kind == kind
        y, p = result.y[inside], result.predictions[model][inside]
        rows.append(
            {
                "offer_kind": str(kind),
                "sends": float(inside.sum()),
                "observed": float(y.mean()),
                "predicted": float(p.mean()),
                "auc": m.auc(y, p, np.ones_like(y)),
            }
        )
    return rows


def superiority(result: ResponseEvaluation, model: str, over: str, draws: int, seed: int = 0) -> dict[str, float | str]:
    """The gate's row: difference of Brier scores (model - over) with its interval; `passes` is 1 when all of it < 0."""
    p, other = result.predictions[model], result.predictions[over]
    value, low, high = m.paired_difference(m.brier, result.y, p, other, result.customer, draws, seed)
    return {
        "model": model,
        "over": over,
        "metric": "brier_difference",
        "value": value,
        "low": low,
        "high": high,
        "passes": float(high < 0),
    }


def why_not_train(frame: ResponseFrame | None, params: ResponseParams) -> str | None:
    """Why no model can be trained on `frame`, in words; None when one can."""
    if frame is None or len(frame) == 0:
        return "no send has a closed response window, or the sources have no contacts, responses or offers"
    if frame.positives < params.min_positives:
        return (
            f"only {frame.positives:,} of {len(frame):,} closed sends were answered; "
            f"response.min_positives asks for {params.min_positives:,}"
        )
    if frame.positives == len(frame):
        return "every closed send was answered, so there is nothing to tell apart"
    return None


def _constant(rate: float) -> Predictor:
    return lambda table: np.full(table.num_rows, rate)
