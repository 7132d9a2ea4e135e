"""P(responds within the offer's own window | delivered): LightGBM beside a line, calibrated; and a heuristic.

The probability is about one event and one horizon: at least one response of the kind (a coupon redeemed) between
the contact and the end of the offer, `window_days` local days. Nothing here is causal: sends were chosen by people,
so a high probability does not say that the contact makes the difference.

A model is a folder: `model.json` (kind, feature names, categories, linear part, calibrator, rates, parameters)
and, for kind lightgbm, `booster.txt`. No pickle.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit

from features.errors import ModelError
from models.calibration import Calibrator, fit_calibrator
from models.response_frame import CATEGORICAL, FEATURES, Floats, ResponseFrame, categories_of, matrix
from models.response_linear import LinearPart, fit_linear
from models.response_params import ResponseParams, ResponsePriors
from models.response_rule import RateRule, fit_rule, sends_by_kind

FORMAT = 1


@dataclass(frozen=True)
class ResponseModel:
    """A response model of kind "lightgbm" or "rule"; both predict from a table of contact features.

    `rule` gives the rates that thin channels are drawn to (and is the whole model of kind "rule"), `sends` counts
    the training sends per "channel|kind", `weight` how many sends the rates count for.
    """

    kind: str
    rule: RateRule
    weight: float
    sends: dict[str, int] = field(default_factory=dict)
    categories: dict[str, list[str]] = field(default_factory=dict)
    calibrator: Calibrator | None = None
    booster: lgb.Booster | None = None
    linear: LinearPart | None = None
    linear_share: float = 0.0
    params: dict[str, Any] = field(default_factory=dict)

    def predict(self, table: pa.Table) -> Floats:
        """P(responds), shape (n,), 6 decimals.

        The model's own word counts n / (n + weight) where n is how many sends of the row's channel and kind it
        learned from; the rest is the rate of that channel and kind, which for an unseen channel is the prior.
        """
        if self.booster is None or self.calibrator is None:
            return np.round(self.rule.predict(table), 6)
        margin = _margin(self.booster, self.linear, self.linear_share, matrix(table, self.categories))
        own = self.calibrator.apply(expit(margin))
        keys = [f"{c}|{o}" for c, o in zip(table["channel"].to_pylist(), table["offer_kind"].to_pylist())]
        n = np.array([self.sends.get(key, 0) for key in keys], dtype=np.float64)
        trust = n / (n + self.weight)
        return np.asarray(np.round(trust * own + (1 - trust) * self.rule.at_kind(table), 6), dtype=np.float64)

    def contributions(self, table: pa.Table) -> Floats:
        """(n, len(FEATURES)): what each feature adds to the log odds before calibration; zeros for kind "rule"."""
        if self.booster is None:
            return np.zeros((table.num_rows, len(FEATURES)))
        x = matrix(table, self.categories)
        trees = np.asarray(self.booster.predict(x, pred_contrib=True, num_threads=1), dtype=np.float64)[:, :-1]
        if self.linear is None:
            return trees
        return (1 - self.linear_share) * trees + self.linear_share * self.linear.contributions(x)

    def save(self, folder: Path) -> Path:
        """Writes the model's files into `folder`, which is made, and returns it."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "features": list(FEATURES),
            "categories": self.categories,
            "sends": self.sends,
            "weight": self.weight,
            "rule": json.loads(self.rule.to_json()),
            "calibrator": json.loads(self.calibrator.to_json()) if self.calibrator else None,
            "linear": self.linear.to_dict() if self.linear else None,
            "linear_share": self.linear_share,
            "params": self.params,
        }
        (folder / "model.json").write_text(json.dumps(content, indent=1, sort_keys=True), "utf-8")
        if self.booster is not None:
            (folder / "booster.txt").write_text(self.booster.model_to_string(), "utf-8")
        return folder


def load_response(folder: Path) -> ResponseModel:
    """The model in `folder`; `ModelError` when files are missing, damaged, or made for other features."""
    try:
        d = json.loads((folder / "model.json").read_text("utf-8"))
        if d["format"] != FORMAT or d["features"] != list(FEATURES):
            raise ModelError(
                f"the response model in {folder} was trained on other features than this version computes; "
                "train again with `nextbest train-response`"
            )
        booster = None
        if d["kind"] == "lightgbm":
            booster = lgb.Booster(model_str=(folder / "booster.txt").read_text("utf-8"))
            if booster.feature_name() != list(FEATURES):
                raise ModelError(f"booster.txt in {folder} does not belong to model.json: feature names differ")
        return ResponseModel(
            kind=d["kind"],
            rule=RateRule.from_json(json.dumps(d["rule"])),
            weight=float(d["weight"]),
            sends=d["sends"],
            categories=d["categories"],
            calibrator=Calibrator.from_json(json.dumps(d["calibrator"])) if d["calibrator"] else None,
            booster=booster,
            linear=LinearPart.from_dict(d["linear"]) if d["linear"] else None,
            linear_share=float(d["linear_share"]),
            params=d["params"],
        )
    except (OSError, ValueError, KeyError, TypeError, lgb.basic.LightGBMError) as error:
        raise ModelError(f"{folder} does not hold a response model: {error}") from error


def rule_model(frame: ResponseFrame | None, priors: ResponsePriors) -> ResponseModel:
    """The heuristic as a model; without a frame it repeats the priors."""
    sends = sends_by_kind(frame) if frame is not None and len(frame) else {}
    return ResponseModel("rule", fit_rule(frame, priors), priors.weight, sends, params=asdict(priors))


def fit_response(frame: ResponseFrame, params: ResponseParams, priors: ResponsePriors, seed: int = 0) -> ResponseModel:
    """Fits booster and calibrator on every send of `frame`.

    The calibrator learns from predictions for customers whom the booster in question had not seen: the frame is
    cut into `folds` by a hash of the customer, so that one customer's sends stay together.
    """
    categories = categories_of(frame.table)
    x = matrix(frame.table, categories)

    def fit(rows: NDArray[np.bool_]) -> tuple[lgb.Booster, LinearPart | None]:
        return _booster(x[rows], frame.y[rows], params, seed), _linear(x[rows], frame.y[rows], params, categories)

    fold = np.array([zlib.crc32(str(c).encode()) % params.folds for c in frame.customer])
    held_out = np.full(len(frame), np.nan)
    for f in range(params.folds):
        inside, outside = fold == f, fold != f
        if inside.any() and outside.any():
            held_out[inside] = expit(_margin(*fit(outside), params.linear_share, x[inside]))
    seen = np.isfinite(held_out)
    booster, linear = fit(np.ones(len(frame), dtype=bool))
    return ResponseModel(
        kind="lightgbm",
        rule=fit_rule(frame, priors),
        weight=priors.weight,
        sends=sends_by_kind(frame),
        categories=categories,
        calibrator=fit_calibrator(held_out[seen], frame.y[seen]),
        booster=booster,
        linear=linear,
        linear_share=params.linear_share if linear else 0.0,
        params=asdict(params) | {"seed": seed},
    )


def importance(model: ResponseModel) -> list[dict[str, float | str]]:
    """Share of the total gain per feature, largest first; empty for a rule."""
    if model.booster is None:
        return []
    gain = np.asarray(model.booster.feature_importance("gain"), dtype=np.float64)
    share = gain / max(float(gain.sum()), 1e-12)
    order = sorted(range(len(FEATURES)), key=lambda i: (-share[i], FEATURES[i]))
    return [{"feature": FEATURES[i], "gain_share": round(float(share[i]), 6)} for i in order]


def _booster(x: Floats, y: Floats, params: ResponseParams, seed: int) -> lgb.Booster:
    settings = {
        "objective": "binary",
        "num_leaves": params.leaves,
        "learning_rate": params.learning_rate,
        "min_data_in_leaf": params.min_child,
        "lambda_l2": params.l2,
        "feature_fraction": params.feature_fraction,
        "bagging_fraction": params.bagging_fraction,
        "bagging_freq": 1,
        # less time left never makes a response likelier
        "monotone_constraints": [int(name == "window_days") for name in FEATURES],
        "seed": seed,
        # the same bits on every machine and thread count
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbose": -1,
    }
    data = lgb.Dataset(x, y, feature_name=list(FEATURES), categorical_feature=list(CATEGORICAL))
    return lgb.train(settings, data, params.trees)


def _linear(x: Floats, y: Floats, params: ResponseParams, categories: dict[str, list[str]]) -> LinearPart | None:
    """The linear part, or None where it is switched off or there is one class only."""
    if params.linear_share <= 0 or np.ptp(y) == 0:
        return None
    return fit_linear(x, y, tuple(len(categories[c]) for c in CATEGORICAL), params.linear_strength)


def _margin(booster: lgb.Booster, linear: LinearPart | None, share: float, x: Floats) -> Floats:
    """Log odds: the trees', and the linear part's for `share` of it."""
    if len(x) == 0:
        return np.empty(0)
    trees = np.asarray(booster.predict(x, raw_score=True, num_threads=1), dtype=np.float64)
    return trees if linear is None else (1 - share) * trees + share * linear.margin(x)
