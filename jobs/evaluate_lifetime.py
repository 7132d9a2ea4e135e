"""`nextbest evaluate lifetime`: lifetime models against a period that they did not see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from features.as_of import AsOf
from features.errors import DataError
from jobs.build_features import STEP
from jobs.cli import common_options
from jobs.console import say, show_table
from jobs.lifetime_data import PUBLIC, day_of, hold_out, public_tables
from jobs.lifetime_plots import calibration_figure, survival_figure
from jobs.lifetime_verdict import Models, Verdict, fit_models, judge, plain
from jobs.session import Engine
from jobs.settings import Settings
from jobs.workspace import resolve_as_of, workspace
from models.lifetime_evaluation import Estimate

USED = ("transactions", "products", "customer_map", "order_status", "contacts")
TITLES = {
    "orders": "order days in the held-out period, per customer",
    "orders_deciles": "expected and observed order days, by decile",
    "spend": "amount of an order day, of those who came",
    "spend_deciles": "expected and observed amount of an order day, by decile",
    "value": "amount in the held-out period, per customer",
    "value_deciles": "expected and observed amount, by decile",
    "alive_deciles": "share that bought, said and seen, by decile of p_alive",
    "second_order_deciles": "second order within 30 days, of customers with one",
    "churn": "no order within so many days",
    "churn_30_deciles": "no order within 30 days, by decile",
    "churn_90_deciles": "no order within 90 days, by decile",
    "stages": "life-cycle stage at the cut and buying after it",
}


@click.command("lifetime")
@click.option(
    "--data",
    type=(click.Choice(PUBLIC), click.Path(path_type=Path, exists=True, dir_okay=False)),
    help="Kind and Parquet file of public purchases; without it, the lake's own.",
)
@click.option("--cut", type=click.DateTime(["%Y-%m-%d"]), help="First held-out day.  [default: --days before the end]")
@click.option("--days", type=click.IntRange(28, 364), default=182, show_default=True, help="Days held out.")
@click.option("--plots", type=click.Path(path_type=Path, file_okay=False), help="Folder for plots as PNG.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the tables here."
)
@common_options
def command(
    settings: Settings,
    data: tuple[str, Path] | None,
    cut: datetime | None,
    days: int,
    plots: Path | None,
    json_path: Path | None,
) -> None:
    """Expected orders, spend, value, p_alive, hazards and stages against what happened after a cut.

    Models are fitted before the cut, as build-features fits them. Beside them: a seasonal naive forecast and the mean
    of customers in the same cell of recency and frequency. Intervals are 95 %, over customers.
    """
    day = cut.date() if cut else None
    if data is not None:
        with TemporaryDirectory() as folder:
            found, name = _public(settings, data, day, days, Path(folder)), data[0]
    else:
        found, name = _lake(settings, day, days), "lake"
    verdict, models, about = found
    report(verdict, models, about)
    if plots is not None:
        draw(verdict, plots, name, about)
    if json_path is not None:
        tables = {"about": about, "models": as_json(models), "notes": verdict.notes, "tables": plain(verdict.tables)}
        json_path.write_text(json.dumps(tables, indent=1))
        say(f"wrote {json_path}")


Found = tuple[Verdict, Models, dict[str, Any]]


def _public(settings: Settings, data: tuple[str, Path], cut: date | None, days: int, folder: Path) -> Found:
    """On a public file, with an engine of its own; the lake is not touched."""
    with Engine(settings.engine, settings.session, folder) as engine:
        tables = public_tables(*data, folder, engine)
        last = tables["transactions"].agg({"event_ts": "max"}).collect()[0][0]
        end = AsOf(last.date() + timedelta(days=1))
        return evaluate(tables, cut or end.plus(-days).day, days, end, settings, folder / "kept")


def _lake(settings: Settings, cut: date | None, days: int) -> Found:
    """On what the lake holds, as known at --as-of."""
    with workspace(settings, "evaluate") as w:
        end = resolve_as_of(settings, w.lake)
        missing = [n for n in STEP.reads if w.lake.table(n) is None]
        if missing:
            raise DataError(f"lake {w.lake.root} has no {', '.join(missing)} yet; `nextbest run` fills it")
        there = [n for n in USED if w.lake.table(n) is not None]
        tables = {n: w.lake.read(w.engine.spark, n, w.lake.require(n).version(), None) for n in there}
        with TemporaryDirectory() as folder:
            return evaluate(tables, cut or end.plus(-days).day, days, end, settings, Path(folder))


def evaluate(tables: Mapping[str, Any], cut: date, days: int, end: AsOf, settings: Settings, scratch: Path) -> Found:
    """Fits before `cut` and judges on the `days` from it; `DataError` when the data do not reach so far."""
    start = AsOf(cut, end.time_zone)
    if start.plus(days).day > end.day:
        raise DataError(f"{days} days from {cut} end after the data do, on {end.day}; choose an earlier --cut")
    held = hold_out(tables, start, days, settings.features, scratch)
    models = fit_models(held)
    about = {
        "cut": str(cut),
        "days": days,
        "first_day": day_of(int(held.past.day.min())),
        "customers": held.past.n,
        "order_days_before": int(held.past.day.size),
        "order_days_held_out": int(held.future.day.size),
    }
    return judge(held, models, days), models, about


def as_json(models: Models) -> dict[str, Any]:
    """Parameters and statuses."""
    again = {"kappa": models.again.kappa, "events": models.again.events, "daily": models.again.population.tolist()}
    churn = {"status": models.churn.status, "rows": models.churn.rows, "rates": dict(models.churn.rates)}
    return {
        "buying": asdict(models.buying),
        "spend": asdict(models.spend),
        "second_order": again,
        "churn": churn | {"why": models.churn.why},
    }


def report(verdict: Verdict, models: Models, about: Mapping[str, Any]) -> None:
    """Prints what was fitted and every table."""
    say(", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v}" for k, v in about.items()))
    b, s = models.buying, models.spend
    say(f"  buying: {b.status}, r {b.r:.4g}, alpha {b.alpha:.4g} days, a {b.a:.4g}, b {b.b:.4g}. {b.why}")
    say(f"  spend: {s.status}, mean {s.mean:.2f}, kappa {s.kappa:.3g}, correlation {s.correlation:.2f}. {s.why}")
    say(f"  churn: {models.churn.status}, {models.churn.rows:,} rows. {models.churn.why}")
    for name, title in TITLES.items():
        rows = verdict.tables.get(name)
        if rows:
            show_table(title, list(rows[0]), [tuple(_shown(v) for v in row.values()) for row in rows])
    for name, note in verdict.notes.items():
        say(f"  {name}: {note}")
    say("  total: predicted over observed. decile_error: misplaced share. gain_on: squared error saved")


def _shown(value: Any) -> str:
    if isinstance(value, Estimate):
        return str(value)
    return f"{value:,.3f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def draw(verdict: Verdict, folder: Path, name: str, about: Mapping[str, Any]) -> None:
    """Writes both plots."""
    folder.mkdir(parents=True, exist_ok=True)
    title = f"{name}: fitted before {about['cut']}, {about['days']} days held out, {about['customers']:,} customers"
    figures = {
        "calibration": calibration_figure(verdict.tables, title),
        "survival": survival_figure(verdict.tables["survival"], verdict.tables["stages"], title),
    }
    for kind, figure in figures.items():
        path = folder / f"lifetime_{name.replace('-', '_')}_{kind}.png"
        figure.savefig(path, dpi=110)
        say(f"wrote {path}")
