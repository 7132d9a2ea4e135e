"""`nextbest evaluate recommender`: every recommender in one table, by protocol A (see `recommend/evaluation.py`)."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime
from pathlib import Path

import click
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from features.as_of import AsOf
from features.errors import DataError
from features.hierarchy import LEVELS, Hierarchy, as_current_products, collect_hierarchy
from features.interactions import Interactions, as_drop_counts, as_purchase_days, collect_interactions
from features.order_lines import account_customers
from features.splits import CalendarCut, calendar_cuts, cuts_before
from jobs.cli import common_options
from jobs.code_version import code_version
from jobs.complete_journey import write_sources
from jobs.console import progress, say, show_table
from jobs.recommenders import CHAMPIONS, baselines, second_stage
from jobs.settings import Settings
from jobs.workspace import Workspace, workspace
from models.als import AlsParams
from models.ease import EaseParams
from recommend.evaluation import Factory, Line, measure, pose_problem, tabulate

DEVELOPMENT = (date(2017, 8, 14), date(2017, 9, 11), date(2017, 10, 9))
MIN_BASKETS = 50
DROPPED = ("FUEL", "MISCELLANEOUS", "COUPON")  # by the published protocol on Complete Journey
END = date(9000, 1, 1)  # attributes and customers as they are known at the end of the data


# subcommands that are loaded when they are called, by module
OTHERS = {
    "identity": "jobs.evaluate_world_identity",
    "world": "jobs.evaluate_world",
    "realism": "jobs.evaluate_world_realism",
    "lifetime": "jobs.evaluate_lifetime",
    "tags": "jobs.evaluate_tags",
}


class EvaluateGroup(click.Group):
    """Imports what it needs when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Those of this module, then the others."""
        return [*super().list_commands(ctx), *OTHERS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, imported now."""
        if cmd_name in OTHERS:
            return importlib.import_module(OTHERS[cmd_name]).command  # type: ignore[no-any-return]
        return super().get_command(ctx, cmd_name)


@click.group("evaluate", cls=EvaluateGroup)
def command() -> None:
    """Measure models against their baselines, and decisions in simulated markets."""


@command.command("recommender")
@click.option(
    "--protocol",
    type=click.Choice(["complete-journey", "lake"]),
    default="lake",
    show_default=True,
    help="The lake's own purchases, or the public demo data cut on UTC days, to compare with published numbers.",
)
@click.option("--cut", "cuts", type=click.DateTime(["%Y-%m-%d"]), multiple=True, help="First label day; may repeat.")
@click.option("--level", "levels", type=click.Choice(LEVELS), multiple=True, help="May repeat.  [default: all three]")
@click.option("--full", is_flag=True, help=f"Also the full catalogue; else only items with {MIN_BASKETS}+ baskets.")
@click.option("--embargo-days", type=click.IntRange(0, 28), default=0, show_default=True, help="Days left out.")
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table here.")
@common_options
def recommender(
    settings: Settings,
    protocol: str,
    cuts: tuple[datetime, ...],
    levels: tuple[str, ...],
    full: bool,
    embargo_days: int,
    json_path: Path | None,
) -> None:
    """Recall and NDCG at 10 of every recommender, for ALL, REPEAT and EXPLORE, with 95 % intervals.

    Differences are paired, against the heuristic that is champion until something beats it by interval.
    """
    with workspace(settings, "evaluate") as w:
        run(w, protocol, [c.date() for c in cuts], levels or LEVELS, full, embargo_days, json_path)


def run(
    w: Workspace,
    protocol: str,
    days: Sequence[date],
    levels: Sequence[str],
    full: bool = False,
    embargo_days: int = 0,
    json_path: Path | None = None,
) -> list[Line]:
    """Evaluates every cut, level and catalogue; prints, stores and returns the lines.

    Without `days`: the development cuts of the demo data, or the last 28 days of the lake.
    """
    w.tracking.check()
    demo = protocol == "complete-journey"
    purchases, hierarchy = collect_demo(w) if demo else collect_lake(w)
    days = days or (DEVELOPMENT if demo else ())
    last = int(purchases.day.max())
    cuts = calendar_cuts(days, 28, embargo_days) if days else cuts_before(last + 1, 1, 28, embargo_days)
    floors = (MIN_BASKETS, 0) if full else (MIN_BASKETS,)
    work = [(cut, level, floor) for cut in cuts for level in levels for floor in floors]
    als, ease = parameters(w.settings)
    recommenders = {**baselines(als, ease), **second_stage(w.settings)}
    lines: list[Line] = []
    counts: list[dict[str, object]] = []
    for cut, level, floor in progress(work, "evaluate"):
        found, dropped = evaluate_window(purchases, hierarchy, cut, level, floor, recommenders, w.settings.seed)
        lines += found
        counts.append(dropped)
    report(lines, counts)
    if json_path:
        json_path.write_text(json.dumps({"lines": [x.as_dict() for x in lines], "dropped": counts}, indent=1))
        say(f"wrote {json_path}")
    store(w, protocol, lines, counts)
    return lines


def parameters(settings: Settings) -> tuple[AlsParams, EaseParams]:
    """Those of the settings; item-item weights for the whole filtered catalogue, as the protocol has it."""
    # a plain ALS needs more than one that is a source of candidates
    plain = replace(settings.recommender.als, factors=AlsParams().factors, iterations=AlsParams().iterations)
    als = replace(plain, threads=settings.threads, seed=settings.seed)
    return als, replace(settings.recommender.ease, max_products=EaseParams().max_products)


def evaluate_window(
    purchases: Interactions,
    hierarchy: Hierarchy,
    cut: CalendarCut,
    level: str,
    min_baskets: int,
    recommenders: Mapping[str, Factory],
    seed: int = 0,
    k: int = 10,
    champions: Mapping[str, str] = CHAMPIONS,
) -> tuple[list[Line], dict[str, object]]:
    """The lines of one cut, level and catalogue (`min_baskets` 0: full), and what the protocol dropped there.

    `recommenders` must hold the names in `champions`; they are fitted on one BLAS thread, so that numbers repeat.
    """
    problem = pose_problem(purchases, hierarchy, cut, level, min_baskets)
    with threadpool_limits(limits=1, user_api="blas"):
        values = measure(problem, recommenders, k)
    about = {"cut": cut.label_start.isoformat(), "level": level, "catalogue": problem.catalogue}
    sizes = {"items": problem.window.history.n_products, "customers": problem.window.history.n_customers}
    return tabulate(problem, values, champions, seed), about | sizes | dict(problem.dropped)


def collect_lake(w: Workspace) -> tuple[Interactions, Hierarchy]:
    """All purchases of the lake, by local day, customers as known at the end of the data."""
    missing = [n for n in ("transactions", "products", "customer_map") if w.lake.table(n) is None]
    if missing:
        raise DataError(
            f"lake {w.lake.root} has no {', '.join(missing)} yet; `nextbest run` fills it, "
            "or take --protocol complete-journey"
        )
    as_of = AsOf(END, w.settings.time_zone)
    transactions, products, customer_map = (
        w.lake.read(w.engine.spark, n, w.lake.require(n).version(), None)
        for n in ("transactions", "products", "customer_map")
    )
    owners = account_customers(customer_map, as_of)
    lines = transactions.join(owners, "account_id", how="inner")
    return _collect(lines, products, as_of, tuple(w.settings.recommender.drop_departments))


def collect_demo(w: Workspace) -> tuple[Interactions, Hierarchy]:
    """Complete Journey on UTC days, one customer per household."""
    folder = w.lake.root / "demo_sources"
    write_sources(folder)
    read = w.engine.spark.read
    transactions = read.parquet(str(folder / "transactions.parquet")).withColumnRenamed("account_id", "customer_id")
    products = read.parquet(str(folder / "products.parquet"))
    # the demo's products never change and state no start
    return _collect(transactions, products.withColumn("valid_from", F.lit(None).cast("timestamp")), AsOf(END), DROPPED)


def _collect(
    transactions: DataFrame, products: DataFrame, as_of: AsOf, drop: tuple[str, ...]
) -> tuple[Interactions, Hierarchy]:
    current = as_current_products(products, as_of)
    for row in sorted(as_drop_counts(transactions, current, drop).collect(), key=lambda r: r.drop_reason or ""):
        say(f"  {row.lines:,} lines, {row.amount:,}: {row.drop_reason or 'kept'}")
    purchases = collect_interactions(as_purchase_days(transactions, current, as_of.time_zone, drop))
    return purchases, collect_hierarchy(current, purchases.products)


def report(lines: Sequence[Line], counts: Sequence[Mapping[str, object]]) -> None:
    """Prints a table per cut, level, catalogue and task, and what was dropped."""
    groups = dict.fromkeys((x.cut, x.level, x.catalogue) for x in lines)
    for group in groups:
        dropped = next(c for c in counts if (c["cut"], c["level"], c["catalogue"]) == group)
        rows = [
            (
                x.task,
                x.recommender,
                f"{x.recall.mean:.4f}",
                f"{x.ndcg.mean:.4f}",
                f"[{x.recall.low:.4f}, {x.recall.high:.4f}]",
                _gain(x, "recall"),
                _gain(x, "ndcg"),
            )
            for x in lines
            if (x.cut, x.level, x.catalogue) == group
        ]
        header = ["task", "recommender", "recall@10", "NDCG@10", "recall 95 %", "recall against champion", "NDCG"]
        show_table(f"{group[1]} ({group[2]}), cut {group[0]}", header, rows)
        say("  " + ", ".join(f"{k} {v:,}" for k, v in dropped.items() if isinstance(v, (int, float))))


def _gain(line: Line, metric: str) -> str:
    if line.recommender == line.champion:
        return "champion"
    gain = line.recall_gain if metric == "recall" else line.ndcg_gain
    return f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]" + (" *" if gain.excludes_zero else "")


def store(w: Workspace, protocol: str, lines: Sequence[Line], counts: Sequence[Mapping[str, object]]) -> None:
    """One tracked run with the whole table and the means as metrics."""
    tags = {"protocol": f"A, {protocol}", "code_version": code_version()}
    als, ease = parameters(w.settings)
    params = {"als": asdict(als), "ease": asdict(ease), "cuts": sorted({x.cut for x in lines})}
    with w.tracking.training("evaluate-recommender", params, tags) as t:
        for x in lines:
            where = f"{x.level}.{x.catalogue}.{x.task}.{x.cut}.{x.recommender}"
            t.metrics({f"recall_at_10.{where}": x.recall.mean, f"ndcg_at_10.{where}": x.ndcg.mean})
        t.table("recommenders", [x.as_dict() for x in lines])
        t.table("dropped", [dict(c) for c in counts])
    say(f"stored as run {t.run_id} in {w.tracking.uri}; * marks a difference whose interval excludes 0")
