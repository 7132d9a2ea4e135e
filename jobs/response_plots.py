"""Plots of a response training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from models.metrics import calibration_curve
from models.response_evaluation import ResponseEvaluation

SHOWN = ("recency_frequency", "response")


def calibration_figure(result: ResponseEvaluation) -> Figure:
    """Observed rate against mean prediction in equal-mass bins, with 95 % intervals, on sends not learned from."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    top = 0.05
    for name in SHOWN:
        rows = calibration_curve(result.y, result.predictions[name])
        x, y = [r["mean_p"] for r in rows], [r["observed"] for r in rows]
        errors = [[r["observed"] - r["low"] for r in rows], [r["high"] - r["observed"] for r in rows]]
        axes.errorbar(x, y, yerr=errors, fmt="o-", ms=4, lw=1, capsize=2, label=name)
        top = max(top, *x, *(r["high"] for r in rows))
    axes.plot([0, top], [0, top], color="grey", lw=1, ls="--", label="true on average")
    axes.set(xlabel="predicted probability", ylabel="observed rate", title="Calibration on later sends")
    axes.legend()
    return figure


def importance_figure(rows: Sequence[Mapping[str, Any]], top: int = 15) -> Figure:
    """Share of the trees' gain per feature."""
    figure = Figure(figsize=(6, 5), layout="constrained")
    axes = figure.subplots()
    shown = list(reversed(rows[:top]))
    axes.barh([str(r["feature"]) for r in shown], [float(r["gain_share"]) for r in shown])
    axes.set(xlabel="share of gain", title="What the trees look at")
    return figure
