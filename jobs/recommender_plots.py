"""Plots of a recommender training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure


def recall_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Recall at 10 of each recommender with 95 % intervals, a panel per level and task."""
    panels = list(dict.fromkeys((r["level"], r["task"]) for r in rows))
    figure = Figure(figsize=(4 * max(1, (len(panels) + 1) // 2), 6), layout="constrained")
    grid = figure.subplots(2, (len(panels) + 1) // 2, squeeze=False).ravel()
    for axes, (level, task) in zip(grid, panels, strict=False):
        shown = [r for r in rows if (r["level"], r["task"]) == (level, task)]
        means = [r["recall"] for r in shown]
        errors = [[r["recall"] - r["recall_low"] for r in shown], [r["recall_high"] - r["recall"] for r in shown]]
        axes.barh([r["recommender"] for r in shown], means, xerr=errors, color="#7aa6c2", capsize=2)
        axes.set(title=f"{level}, {task}", xlabel="recall at 10")
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return figure


def calibration_figure(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Observed rate against mean p_buy in equal-mass bins of published rows, by level and kind."""
    levels = list(dict.fromkeys(r["level"] for r in rows))
    figure = Figure(figsize=(5.5 * len(levels), 5), layout="constrained")
    for axes, level in zip(figure.subplots(1, len(levels), squeeze=False).ravel(), levels, strict=True):
        top = 0.05
        for kind in dict.fromkeys(r["kind"] for r in rows if r["level"] == level):
            shown = [r for r in rows if (r["level"], r["kind"]) == (level, kind)]
            x, y = [r["mean_p"] for r in shown], [r["observed"] for r in shown]
            errors = [[r["observed"] - r["low"] for r in shown], [r["high"] - r["observed"] for r in shown]]
            axes.errorbar(x, y, yerr=errors, fmt="o-", ms=3, lw=1, capsize=2, label=kind)
            top = max(top, *x, *(r["high"] for r in shown))
        axes.plot([0, top], [0, top], color="grey", lw=1, ls="--")
        axes.set(xlabel="p_buy", ylabel="observed rate", title=f"{level}: published rows, customers not fitted on")
        axes.legend()
    return figure
