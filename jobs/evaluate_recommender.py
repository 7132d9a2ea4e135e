"""`nextbest evaluate recommender`: every recommender in one table, by calendar cuts (`recommend/evaluation.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import click
from threadpoolctl import threadpool_limits

from features.errors import DataError
from features.hierarchy import LEVELS
from features.splits import CalendarCut, calendar_cuts, cuts_before
from jobs import evaluate_movielens, evaluate_next_basket
from jobs.cli import common_options
from jobs.console import say
from jobs.evaluate_recommender_tables import Found, finish, report_window
from jobs.evaluation_data.folder import load_folder
from jobs.evaluation_data.lake import AS_NOW, collect_demo, collect_lake
from jobs.evaluation_data.online_retail import load_online_retail
from jobs.evaluation_data.protocols import NEEDS_DATA, OTHERS, PROTOCOLS, Protocol
from jobs.evaluation_data.shop import Shop
from jobs.evaluation_data.tafeng import load_tafeng
from jobs.recommenders import CHAMPIONS, STAGE, UNTUNED, fit_and_measure, parameters, recommenders
from jobs.settings import Settings
from jobs.workspace import Workspace, workspace
from recommend.evaluation import EXPLORE_ALWAYS, MIN_EXPLORE_WEEKS, Problem, Values, pose_problem, tabulate
from scoring.pooled import Measured, pool
from scoring.published import PUBLISHED, judge_published


@dataclass(frozen=True)
class Request:
    """What to evaluate; `days` are cuts, without any the development cuts, or the last window of the data."""

    protocol: str = "lake"
    data: Path | None = None
    days: tuple[date, ...] = ()
    levels: tuple[str, ...] = ()
    full: bool = False
    min_baskets: int | None = None
    embargo_days: int = 0
    seeds: int = 1
    explore_always: bool = False
    published: bool = False
    only: tuple[str, ...] = ()


@click.command("recommender")
@click.option(
    "--protocol",
    type=click.Choice([*PROTOCOLS, *OTHERS]),
    default="lake",
    show_default=True,
    help="The lake's own purchases, public data to compare with published numbers, or a folder of one's own.",
)
@click.option("--data", type=click.Path(path_type=Path), help=f"File or folder, for {', '.join(NEEDS_DATA)}.")
@click.option("--cut", "cuts", type=click.DateTime(["%Y-%m-%d"]), multiple=True, help="First label day; may repeat.")
@click.option(
    "--level", "levels", type=click.Choice(LEVELS), multiple=True, help="May repeat.  [default: all there are]"
)
@click.option("--full", is_flag=True, help="Also the full catalogue; else only items with enough orders.")
@click.option("--min-baskets", type=click.IntRange(1), help="Orders that make an item known.  [default: by protocol]")
@click.option("--embargo-days", type=click.IntRange(0, 28), default=0, show_default=True, help="Days left out.")
@click.option("--seeds", type=click.IntRange(1, 10), default=1, show_default=True, help="Training seeds to average.")
@click.option("--explore-always", is_flag=True, help=f"EXPLORE also with less than {MIN_EXPLORE_WEEKS} weeks before.")
@click.option("--published", is_flag=True, help="Also lists as published, calibration by kind, recall of the sources.")
@click.option("--only", multiple=True, help="Only these recommenders beside the champions; may repeat.")
@click.option("--next-basket", is_flag=True, help="Each customer's last basket instead, for comparison with papers.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the tables here."
)
@common_options
def command(
    settings: Settings, cuts: tuple[datetime, ...], next_basket: bool, json_path: Path | None, **options: object
) -> None:
    """Recall and NDCG at 10 of every recommender, for ALL, REPEAT and EXPLORE, with 95 % intervals.

    Per cut, differences are paired against the heuristic that is champion until something beats it. Then the second
    stage is compared with each of the others, cuts together (a customer is drawn with all her windows) and one by one.
    """
    request = Request(days=tuple(c.date() for c in cuts), **options)  # type: ignore[arg-type]
    with workspace(settings, "evaluate") as w:
        if request.protocol == "movielens":
            evaluate_movielens.run(w, request.data, request.seeds, json_path)
        elif next_basket:
            evaluate_next_basket.run(w, load(w, request), request.seeds, request.only, json_path)
        else:
            run(w, request, json_path)


def run(w: Workspace, request: Request, json_path: Path | None = None) -> Found:
    """Evaluates every cut, level and catalogue; prints, stores and returns the tables."""
    w.tracking.check()
    unknown = sorted(set(request.only) - set(recommenders(w.settings, 0, 28)))
    if unknown:
        raise DataError(f"--only {', '.join(unknown)}: known are {', '.join(recommenders(w.settings, 0, 28))}")
    protocol = PROTOCOLS[request.protocol]
    absent = sorted(set(request.levels) - set(protocol.levels))
    if absent:
        raise DataError(f"--protocol {request.protocol} has no level {', '.join(absent)}; {', '.join(protocol.levels)}")
    shop = load(w, request)
    for reason, count in shop.dropped.items():
        say(f"  {count:,} {reason}")
    final = bool(set(request.days) & set(protocol.final))
    if final:
        say("a final cut: for releases only, one run per candidate; the run is tagged final")
    found = Found(request.protocol, request.seeds, final)
    cuts, fewest = cuts_of(shop, request, protocol), request.min_baskets or protocol.min_baskets
    for level in request.levels or protocol.levels:
        for floor in (fewest, 0) if request.full else (fewest,):
            windows = [evaluate_window(w.settings, shop, cut, level, floor, request, found) for cut in cuts]
            alone = [[window] for window in windows] if len(windows) > 1 else []
            for chosen in (windows, *alone):
                found.pooled += pool(chosen, STAGE, (UNTUNED, PUBLISHED), w.settings.seed)
    als, ease = parameters(w.settings)
    finish(w, found, {"als": als, "ease": ease, "cuts": [str(c.label_start) for c in cuts]}, json_path)
    return found


def load(w: Workspace, request: Request) -> Shop:
    """The purchases of the protocol."""
    if request.data is not None and request.protocol not in NEEDS_DATA:
        raise DataError(f"--protocol {request.protocol} takes no --data; {', '.join(NEEDS_DATA)} do")
    if request.protocol == "tafeng":
        return load_tafeng(request.data)
    if request.protocol == "online-retail":
        return load_online_retail(request.data)
    if request.protocol == "folder":
        return load_folder(request.data, w.settings.time_zone, tuple(w.settings.recommender.drop_departments))
    if request.protocol == "complete-journey":
        return collect_demo(w)
    say(AS_NOW)
    return collect_lake(w)


def cuts_of(shop: Shop, request: Request, protocol: Protocol) -> list[CalendarCut]:
    """Those asked for, else the development cuts, else the last window of the data."""
    days = request.days or protocol.development
    if days:
        return calendar_cuts(days, protocol.window_days, request.embargo_days)
    return cuts_before(int(shop.purchases.day.max()) + 1, 1, protocol.window_days, request.embargo_days)


def evaluate_window(
    settings: Settings, shop: Shop, cut: CalendarCut, level: str, min_baskets: int, request: Request, found: Found
) -> Measured:
    """Fits everything before one cut, adds its lines to `found`, and returns the values per customer."""
    weeks = EXPLORE_ALWAYS if request.explore_always else MIN_EXPLORE_WEEKS
    problem = pose_problem(shop.purchases, shop.hierarchy, cut, level, min_baskets, weeks)
    about: dict[str, object] = {"cut": cut.label_start.isoformat(), "level": level, "catalogue": problem.catalogue}
    sizes = {"items": problem.window.history.n_products, "customers": problem.window.history.n_customers}
    found.dropped.append(about | sizes | {"weeks of history": problem.weeks} | dict(problem.dropped))
    values = fit_and_measure(
        problem,
        lambda seed: recommenders(settings, seed, problem.window.horizon_days),
        CHAMPIONS,
        settings.seed,
        request.seeds,
        request.only,
        f"{level}, {problem.catalogue}, {cut.label_start}",
    )
    if request.published:
        values |= judge_as_published(settings, problem, about, found)
    found.lines += tabulate(problem, values, CHAMPIONS, settings.seed)
    report_window(found)
    return Measured(problem, values)


def judge_as_published(settings: Settings, problem: Problem, about: dict[str, object], found: Found) -> Values:
    """The stage behind gate, calibration and list rules; its tables go to `found`, its values per customer back."""
    params, window = settings.recommender, problem.window
    of_level = params.category_level if window.level == "category" else params.products
    with threadpool_limits(limits=1, user_api="blas"):
        judged = judge_published(problem, *of_level(window.horizon_days, settings.threads))
    ranked = {f"ranked_by_{segment}": mode for segment, mode in judged.modes.items()}
    for name, rows in (("calibration", judged.calibration), ("sources", judged.sources), ("modes", [ranked])):
        found.extra.setdefault(name, []).extend([{**about, **row} for row in rows])
    return judged.values
