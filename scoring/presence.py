"""Calibration by how present a customer is: scores that order her own list say too much of who stays away.

Of products that customers last seen four weeks before and more were to buy again, about half as many were bought as
calibrators by kind alone said. A likely cause, not tested apart: a ranker that learns from lists (lambdarank, and so a
blend) puts something first for everybody. Whether she comes at all is told by two facts of her own: how many purchase
days there are, and how long ago the last one was. Each group of customers (`PRESENCE`) has calibrators of its own,
fitted on the same windows on customers who were as present when those began; within one customer they change no order
of a kind. Where too few bought, the calibrator of the kind is scaled by bought over expected, which is drawn towards 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.calibration import Calibrator, fit_calibrator
from recommend.runs import Floats, Ints

# no purchase day, one, or more and the last one so many days ago: up to 14, 28, 56, 84, longer
PRESENCE = ("none", "once", "days14", "days28", "days56", "days84", "longer")
DAYS = (14, 28, 56, 84)
REGULAR = PRESENCE.index("days14")  # of customers in the groups before it too little is known to tell kinds apart
ENOUGH = 30  # purchases from which customers who are as new have a calibrator of their own
ENOUGH_OF_KIND = 100  # purchases of a kind from which customers who are as present have one of their own for it
DRAW = 2.0  # expected purchases that stand against those counted


def presence(last_seen: Floats, member_for: Floats) -> Ints:
    """(n,) position in `PRESENCE` from the ages of the customer's last and first purchase day, nan without one."""
    regular = REGULAR + np.searchsorted(DAYS, np.nan_to_num(last_seen), side="left")
    return np.where(np.isnan(last_seen), 0, np.where(last_seen == member_for, 1, regular)).astype(np.int64)


def calibrated(calibrators: Mapping[str, Calibrator], name: str, raw: Floats, present: Ints) -> Floats:
    """(n,) probabilities of rows of one kind: by the calibrators `name` and `name.none`, `name.once`, ... where there
    are such; `present` (n,) as from `presence`."""
    out = calibrators[name].apply(raw)
    for group in np.unique(present):
        own = calibrators.get(f"{name}.{PRESENCE[group]}")
        if own is not None:
            out[present == group] = own.apply(raw[present == group])
    return out


def presence_calibrators(
    calibrators: Mapping[str, Calibrator],
    names: Iterable[str],
    raw: Floats,
    bought: Floats,
    number: Ints,
    present: Ints,
) -> dict[str, Calibrator]:
    """The calibrators by presence of one segment, by name.

    `names` are the calibrators of the segment's kinds and `number` (n,) the position of each row's kind among them;
    `raw`, `bought` (0 or 1) and `present` are (n,).
    """
    names = list(names)
    out: dict[str, Calibrator] = {}
    for group in np.unique(present):
        rows = present == group
        y, scores, kind = bought[rows], raw[rows], number[rows]
        p = np.zeros(len(y))
        for position, name in enumerate(names):
            p[kind == position] = calibrators[name].apply(scores[kind == position])
        shared = fit_calibrator(scores, y) if group < REGULAR and y.sum() >= ENOUGH else None
        factor = float((y.sum() + DRAW) / (p.sum() + DRAW))
        for position, name in enumerate(names):
            mine = kind == position
            if y[mine].sum() >= ENOUGH_OF_KIND:
                own = fit_calibrator(scores[mine], y[mine])
            else:
                own = scaled(calibrators[name], factor) if shared is None else shared
            out[f"{name}.{PRESENCE[group]}"] = own
    return out


def scaled(calibrator: Calibrator, factor: float) -> Calibrator:
    """The calibrator with probabilities times `factor`, at most 1; of a sigmoid the odds."""
    if calibrator.method == "sigmoid":
        return replace(calibrator, intercept=calibrator.intercept + float(np.log(factor)))
    return replace(calibrator, y=tuple(float(min(1.0, v * factor)) for v in calibrator.y))


def regular_rows(present: Ints) -> NDArray[np.bool_]:
    """Rows that calibrators by kind learn from: of customers with two purchase days, or all where there are none."""
    regular = np.asarray(present >= REGULAR)
    return regular if bool(regular.any()) else np.ones(len(present), dtype=bool)
