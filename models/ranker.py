"""The second stage: LightGBM on (customer, item) pairs of earlier windows, as plain text with checked features.

Objectives: `binary` is log loss on whether the item was bought in the window; of the negatives a share is kept and
weighted up, so that scores stay probabilities. `lambdarank` orders a customer's items by NDCG (Burges 2010, "From
RankNet to LambdaRank to LambdaMART"), its margins brought to log odds by Platt's sigmoid. `blend` is the mean of
the log odds of both. Calibration (`models/calibration.py`) happens outside, on later windows.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from features.errors import ModelError
from models.calibration import fit_calibrator
from models.recommender_params import OBJECTIVES, RankerParams

Matrix = NDArray[np.float32]
FORMAT = 2
PARTS = {"binary": ("binary",), "lambdarank": ("lambdarank",), "blend": ("binary", "lambdarank")}
PLATT_ROWS = 50_000  # at least so many rows, where there are, give the two numbers of the sigmoid
TRUNCATION = 15  # ranks down to which lambdarank cares; lists are judged at 10


@dataclass(frozen=True)
class Ranker:
    """Fitted boosters by objective, and the names of their features in the order in which they were fitted.

    `scale` holds per booster the slope and intercept that bring its margins to log odds.
    """

    features: tuple[str, ...]
    boosters: Mapping[str, lgb.Booster]
    scale: Mapping[str, tuple[float, float]] = field(default_factory=lambda: {"binary": (1.0, 0.0)})

    @property
    def objective(self) -> str:
        """One of `OBJECTIVES`."""
        return next(name for name in OBJECTIVES if set(PARTS[name]) == set(self.boosters))

    def predict(self, x: Matrix, features: tuple[str, ...], threads: int = 1) -> NDArray[np.float64]:
        """Uncalibrated P(bought), shape (n,), for rows of `x` with columns `features`; `ModelError` as `log_odds`."""
        return mean_chance(self.log_odds(x, features, threads))

    def log_odds(self, x: Matrix, features: tuple[str, ...], threads: int = 1) -> dict[str, NDArray[np.float64]]:
        """What each booster says of the rows of `x` with columns `features`, (n,) by its name.

        LightGBM takes any matrix of the right width, so other names, or the same in another order, raise `ModelError`.
        """
        if features != self.features:
            first = next((a, b) for a, b in zip((*features, "nothing"), (*self.features, "nothing")) if a != b)
            raise ModelError(f"the ranker expects feature {first[1]!r} where {first[0]!r} came; train again")
        if not len(x):
            return {name: np.empty(0) for name in self.boosters}
        out = {}
        for name, booster in self.boosters.items():
            slope, intercept = self.scale[name]
            margin = np.asarray(booster.predict(x, raw_score=True, num_threads=threads), dtype=np.float64)
            out[name] = slope * margin + intercept
        return out

    def rescaled(self, slope: float, intercept: float) -> Ranker:
        """The same order on other odds: slope x log odds + intercept."""
        scale = {name: (slope * a, slope * b + intercept) for name, (a, b) in self.scale.items()}
        return Ranker(self.features, self.boosters, scale)

    def save(self, folder: Path, prefix: str) -> None:
        """Writes `<prefix>.ranker.json` and per booster `<prefix>.<objective>.txt` (LightGBM's text)."""
        texts = {name: booster.model_to_string() for name, booster in self.boosters.items()}
        for name, text in texts.items():
            (folder / f"{prefix}.{name}.txt").write_text(text, encoding="utf-8")
        about = {
            "format": FORMAT,
            "features": list(self.features),
            "sha256": {name: _sha256(text) for name, text in texts.items()},
            "scale": {name: list(self.scale[name]) for name in texts},
        }
        (folder / f"{prefix}.ranker.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def mean_chance(log_odds: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """P(bought), (n,), by the mean of the boosters' log odds."""
    total = np.zeros(len(next(iter(log_odds.values()))))
    for odds in log_odds.values():
        total += odds / len(log_odds)
    return np.asarray(expit(total), dtype=np.float64)


def open_ranker(folder: Path, prefix: str) -> Ranker:
    """The ranker saved in `folder`; `ModelError` when its texts are not those that were saved.

    LightGBM aborts the process on a damaged text, so the hash is compared before it sees it.
    """
    try:
        about = json.loads((folder / f"{prefix}.ranker.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ModelError(f"{folder}: ranker of format {about['format']}, expected {FORMAT}; train again")
        boosters = {}
        for name, expected in about["sha256"].items():
            text = (folder / f"{prefix}.{name}.txt").read_text(encoding="utf-8")
            if _sha256(text) != expected:
                raise ModelError(f"{folder / f'{prefix}.{name}.txt'} is not the file that was saved; train again")
            boosters[name] = lgb.Booster(model_str=text)
        scale = {name: (float(a), float(b)) for name, (a, b) in about["scale"].items()}
        return Ranker(tuple(about["features"]), boosters, scale)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} holds no {prefix} ranker that can be read: {error}; train again") from error


def sample_negatives(
    bought: NDArray[np.bool_], share: float | NDArray[np.float64], seed: int
) -> tuple[NDArray[np.int64], Matrix]:
    """Rows to learn from (all bought, `share` of the others) and their weights, which undo the sampling.

    `share` is one number, or one per row.
    """
    wanted = np.broadcast_to(np.asarray(share, dtype=np.float64), bought.shape)
    keep = bought | (np.random.default_rng(seed).random(len(bought)) < wanted)
    rows = np.flatnonzero(keep)
    return rows, np.where(bought[rows], 1.0, 1.0 / wanted[rows]).astype(np.float32)


def fit_ranker(
    x: Matrix,
    bought: NDArray[np.bool_],
    weight: Matrix,
    features: tuple[str, ...],
    params: RankerParams,
    threads: int,
    objective: str = "binary",
    query: NDArray[np.int64] | None = None,
) -> Ranker | None:
    """Fits on sampled pairs; None when fewer than `min_positives` were bought. The same rows give the same trees.

    `query` (n,) numbers whose list a row belongs to, rows of one list standing together; `lambdarank` and `blend`
    need it. Weights are for `binary`; lambdarank compares within a list, where all have the same chance to be kept.
    """
    if x.shape[1] != len(features):
        raise ModelError(f"{x.shape[1]} columns for {len(features)} feature names")
    if int(bought.sum()) < params.min_positives or bool(bought.all()):
        return None
    boosters = _fit_boosters(x, bought, weight, features, params, threads, objective, query)
    scale = {"binary": (1.0, 0.0)} if "binary" in boosters else {}
    if "lambdarank" in boosters:
        some = slice(None, None, max(1, len(x) // PLATT_ROWS))
        margin = np.asarray(boosters["lambdarank"].predict(x[some], raw_score=True, num_threads=threads))
        platt = fit_calibrator(expit(margin), bought[some].astype(np.float64), weight[some], method="sigmoid")
        scale["lambdarank"] = (platt.slope, platt.intercept)
    return Ranker(features, boosters, scale)


def _fit_boosters(
    x: Matrix,
    bought: NDArray[np.bool_],
    weight: Matrix,
    features: tuple[str, ...],
    params: RankerParams,
    threads: int,
    objective: str,
    query: NDArray[np.int64] | None,
) -> dict[str, lgb.Booster]:
    """A booster per part of the objective, on rows that are put into bins once."""
    settings = {
        "learning_rate": params.learning_rate,
        "num_leaves": params.leaves,
        "min_data_in_leaf": params.min_child,
        "lambda_l2": params.l2,
        "feature_fraction": params.feature_fraction,
        "seed": params.seed,
        "num_threads": threads,
        "deterministic": True,
        "force_row_wise": True,
        "max_bin": 63,
        "verbose": -1,
    }
    data = lgb.Dataset(x, bought.astype(np.float32), feature_name=list(features), params=settings)
    boosters = {}
    if "lambdarank" in PARTS[objective]:
        if query is None:
            raise ModelError("lambdarank needs to know whose list each row belongs to")
        data.set_group(np.diff(np.append(np.flatnonzero(np.diff(query, prepend=query[0] - 1)), len(query))))
        own = {"objective": "lambdarank", "lambdarank_truncation_level": TRUNCATION}
        boosters["lambdarank"] = lgb.train(settings | own, data, params.trees)
    if "binary" in PARTS[objective]:
        data.set_weight(weight)  # last: weights cannot be taken back, and lists mean nothing to it
        boosters["binary"] = lgb.train(settings | {"objective": "binary"}, data, params.trees)
    return {name: boosters[name] for name in PARTS[objective]}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
