"""Calibration for customers of whom little is known: nobody's list is as wrong as that of who never bought.

Calibrators by kind learn from customers with two or more purchase days. Those without any, and those with one, have
calibrators of their own per segment, fitted on the same window on customers who were as new when it began. Where too
few of them bought, the calibrator of the kind is scaled by bought over expected, which is drawn towards 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrator, fit_calibrator
from recommend.runs import Floats, Ints

NEWNESS = ("none", "once", "regular")  # purchase days: none, one, more
REGULAR = NEWNESS.index("regular")
ENOUGH = 30  # purchases, seen or expected, from which customers who are as new have a calibrator of their own
DRAW = 2.0  # expected purchases that stand against those counted


def newness(last_seen: Floats, member_for: Floats) -> Ints:
    """(n,) position in `NEWNESS` from the ages of the customer's last and first purchase day, nan without one."""
    return np.where(np.isnan(last_seen), 0, np.where(last_seen == member_for, 1, REGULAR)).astype(np.int64)


def calibrated(calibrators: Mapping[str, Calibrator], name: str, raw: Floats, new: Ints) -> Floats:
    """(n,) probabilities of rows of one kind: by the calibrators `name` and `name.none`, `name.once` where there are
    such; `new` (n,) as from `newness`."""
    out = calibrators[name].apply(raw)
    for group in np.unique(new):
        own = calibrators.get(f"{name}.{NEWNESS[group]}")
        if own is not None:
            out[new == group] = own.apply(raw[new == group])
    return out


def newcomer_calibrators(
    calibrators: Mapping[str, Calibrator], names: Iterable[str], raw: Floats, bought: Floats, number: Ints, new: Ints
) -> dict[str, Calibrator]:
    """The calibrators for new customers of one segment, by name.

    `names` are the calibrators of the segment's kinds and `number` (n,) the position of each row's kind among them;
    `raw`, `bought` (0 or 1) and `new` are (n,).
    """
    names = list(names)
    out: dict[str, Calibrator] = {}
    for group in range(REGULAR):
        rows = new == group
        if not rows.any():
            continue
        y, p = bought[rows], np.zeros(int(rows.sum()))
        for position, name in enumerate(names):
            at = number[rows] == position
            p[at] = calibrators[name].apply(raw[rows][at])
        own = fit_calibrator(raw[rows], y) if y.sum() >= ENOUGH else None
        factor = float((y.sum() + DRAW) / (p.sum() + DRAW))
        for name in names:
            out[f"{name}.{NEWNESS[group]}"] = scaled(calibrators[name], factor) if own is None else own
    return out


def scaled(calibrator: Calibrator, factor: float) -> Calibrator:
    """The calibrator with probabilities times `factor`, at most 1; of a sigmoid the odds."""
    if calibrator.method == "sigmoid":
        return replace(calibrator, intercept=calibrator.intercept + float(np.log(factor)))
    return replace(calibrator, y=tuple(float(min(1.0, v * factor)) for v in calibrator.y))


def regular_rows(new: Ints) -> NDArray[np.bool_]:
    """Rows that calibrators by kind learn from: of regular customers, or all where there are none."""
    regular = new == REGULAR
    return regular if bool(regular.any()) else np.ones(len(new), dtype=bool)
