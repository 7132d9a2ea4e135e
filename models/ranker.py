"""The second stage: LightGBM on (customer, item) pairs of earlier windows, as plain text with checked features.

Binary log loss on whether the item was bought in the window; of the negatives a share is kept and weighted up, so that
scores stay probabilities. Calibration (`models/calibration.py`) happens outside, on a later window.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from features.errors import ModelError
from models.recommender_params import RankerParams

Matrix = NDArray[np.float32]
FORMAT = 1


@dataclass(frozen=True)
class Ranker:
    """A fitted booster and the names of its features, in the order in which it was fitted."""

    features: tuple[str, ...]
    booster: lgb.Booster

    def predict(self, x: Matrix, features: tuple[str, ...], threads: int = 1) -> NDArray[np.float64]:
        """Uncalibrated P(bought), shape (n,), for rows of `x` with columns `features`.

        LightGBM takes any matrix of the right width, so other names, or the same in another order, raise `ModelError`.
        """
        if features != self.features:
            first = next((a, b) for a, b in zip((*features, "nothing"), (*self.features, "nothing")) if a != b)
            raise ModelError(f"the ranker expects feature {first[1]!r} where {first[0]!r} came; train again")
        if not len(x):
            return np.empty(0)
        return np.asarray(self.booster.predict(x, num_threads=threads), dtype=np.float64)

    def save(self, folder: Path, prefix: str) -> None:
        """Writes `<prefix>.ranker.txt` (LightGBM's text) and `<prefix>.ranker.json` (features, hash of the text)."""
        text = self.booster.model_to_string()
        (folder / f"{prefix}.ranker.txt").write_text(text, encoding="utf-8")
        about = {"format": FORMAT, "features": list(self.features), "sha256": _sha256(text)}
        (folder / f"{prefix}.ranker.json").write_text(json.dumps(about, indent=1), encoding="utf-8")


def open_ranker(folder: Path, prefix: str) -> Ranker:
    """The ranker saved in `folder`; `ModelError` when its text is not the one that was saved.

    LightGBM aborts the process on a damaged text, so the hash is compared before it sees it.
    """
    try:
        about = json.loads((folder / f"{prefix}.ranker.json").read_text(encoding="utf-8"))
        text = (folder / f"{prefix}.ranker.txt").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder} holds no {prefix} ranker that can be read: {error}; train again") from error
    if about.get("format") != FORMAT or about.get("sha256") != _sha256(text):
        raise ModelError(f"{folder / f'{prefix}.ranker.txt'} is not the file that was saved; train again")
    return Ranker(tuple(about["features"]), lgb.Booster(model_str=text))


def sample_negatives(bought: NDArray[np.bool_], share: float, seed: int) -> tuple[NDArray[np.int64], Matrix]:
    """Rows to learn from (all bought, `share` of the others) and their weights, which undo the sampling."""
    keep = bought | (np.random.default_rng(seed).random(len(bought)) < share)
    rows = np.flatnonzero(keep)
    return rows, np.where(bought[rows], 1.0, 1.0 / share).astype(np.float32)


def fit_ranker(
    x: Matrix, bought: NDArray[np.bool_], weight: Matrix, features: tuple[str, ...], params: RankerParams, threads: int
) -> Ranker | None:
    """Fits on sampled pairs; None when fewer than `min_positives` were bought. The same rows give the same trees."""
    if x.shape[1] != len(features):
        raise ModelError(f"{x.shape[1]} columns for {len(features)} feature names")
    if int(bought.sum()) < params.min_positives or bool(bought.all()):
        return None
    settings = {
        "objective": "binary",
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
    data = lgb.Dataset(x, bought.astype(np.float32), weight=weight, feature_name=list(features), params=settings)
    return Ranker(features, lgb.train(settings, data, params.trees))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()
