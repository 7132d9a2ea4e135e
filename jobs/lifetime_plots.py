"""Plots of `nextbest evaluate lifetime`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

PANELS = {
    "orders_deciles": ("order days per customer", "decile of expected order days"),
    "value_deciles": ("amount per customer", "decile of expected amount"),
    "spend_deciles": ("amount per order day, of those who came", "decile of expected amount of an order day"),
    "alive_deciles": ("share that bought", "decile of p_alive"),
    "second_order_deciles": ("share with a second order in 30 days", "decile of second_order_hazard"),
    "churn_90_deciles": ("share without an order in 90 days", "decile of churn_hazard_90"),
}
COLOURS = ("#b2182b", "#999999", "#2166ac")


def calibration_figure(tables: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Predicted and observed means per decile, with 95 % intervals of what was observed; a panel per model."""
    shown = [name for name in PANELS if tables.get(name)]
    figure = Figure(figsize=(13, 4 * ((len(shown) + 2) // 3)), layout="constrained")
    figure.suptitle(title)
    grid = figure.subplots((len(shown) + 2) // 3, 3, squeeze=False).ravel()
    for axes, name in zip(grid, shown, strict=False):
        rows = tables[name]
        place = [r["decile"] for r in rows]
        seen = [r["observed"] for r in rows]
        errors = [[r["observed"] - r["low"] for r in rows], [r["high"] - r["observed"] for r in rows]]
        axes.errorbar(place, seen, yerr=errors, fmt="o", ms=4, lw=1, capsize=2, color="#2166ac", label="observed")
        axes.plot(place, [r["predicted"] for r in rows], "s--", ms=4, lw=1, color="#b2182b", label="predicted")
        y_label, x_label = PANELS[name]
        axes.set(xlabel=x_label, ylabel=y_label, xticks=place)
        axes.set_ylim(bottom=0)
        axes.legend()
    for axes in grid[len(shown) :]:
        axes.set_visible(False)
    return figure


def survival_figure(rows: Sequence[Mapping[str, Any]], stages: Sequence[Mapping[str, Any]], title: str) -> Figure:
    """Share without an order by days from the cut, and later buying by life-cycle stage."""
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    for colour, group in zip(COLOURS, dict.fromkeys(r["group"] for r in rows)):
        of_group = [r for r in rows if r["group"] == group]
        days = [r["day"] for r in of_group]
        left.plot(days, [r["observed"] for r in of_group], color=colour, label=f"{group}, observed")
        left.plot(days, [r["predicted"] for r in of_group], color=colour, ls="--", label=f"{group}, predicted")
    left.set(xlabel="days from the cut", ylabel="share without an order", ylim=(0, 1.02))
    left.legend(fontsize=8)
    names = [f"{r['stage']} ({r['customers']:,})" for r in stages]
    shares = [r["bought"].value for r in stages]
    errors = [
        [r["bought"].value - r["bought"].low for r in stages],
        [r["bought"].high - r["bought"].value for r in stages],
    ]
    right.barh(names, shares, xerr=errors, color="#7aa6c2", capsize=2)
    right.set(xlabel="share that bought in the period", xlim=(0, 1))
    right.invert_yaxis()
    return figure
