"""Whether she is due: the repeat purchase model (`recommend/due.py`) of items and of their types."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommend.catalogue import Catalogue
from recommend.due import DueModel, due_columns, due_pairs, fit_due
from recommend.features.asked import Asked
from recommend.histories import Floats, Histories

ABOVE = ("product_type",)  # categories added nothing
NAMES = ("due_p", "due_gap", "due_ratio", *(f"{level}_{n}" for level in ABOVE for n in ("due_p", "due_ratio")))


def fit(h: Histories, catalogue: Catalogue, horizon: int) -> dict[str, NDArray]:
    """The models of both levels, as arrays."""
    parts = fit_due(h, horizon=horizon, group=np.asarray(catalogue.codes["product_type"])).as_parts("due")
    for level in ABOVE:
        codes = np.asarray(catalogue.codes[level])
        parts |= fit_due(h, codes, len(catalogue.names[level]), horizon).as_parts(f"due.{level}")
    return parts


def columns(a: Asked) -> Floats:
    """Columns `NAMES`."""
    own = due_columns(DueModel.from_parts(a.side.parts, "due"), due_pairs(a.h), a.key)
    out = [own["due_p"], own["due_gap"], own["due_ratio"]]
    for level in ABOVE:
        pairs = due_pairs(a.h, np.asarray(a.catalogue.codes[level]), len(a.catalogue.names[level]))
        found = due_columns(DueModel.from_parts(a.side.parts, f"due.{level}"), pairs, a.group_key(level))
        out += [found["due_p"], found["due_ratio"]]
    return np.stack(out, axis=1)
