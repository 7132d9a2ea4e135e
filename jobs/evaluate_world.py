"""`nextbest evaluate world`: decisions played forward in a simulated market, against simple policies and ceilings.

The world lives on from its last day under each policy, with common random numbers: two futures differ only by what
the contacts do, so fatigue, refusals and carry-over count. Nothing of the truth reaches the system.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from features.errors import DataError, SettingsError
from jobs.cli import common_options
from jobs.code_version import code_version
from jobs.console import progress, say, show_table
from jobs.evaluate_world_inputs import (
    Standing,
    capacities,
    check_cut,
    contact_costs,
    customers_of,
    load_world,
    stand_at_end,
)
from jobs.evaluate_world_policies import (
    Shop,
    Terms,
    best_single_arm,
    by_value,
    candidates,
    incentives,
    nobody,
    observable_effects,
    response_times_margin,
    rfm_rule,
    sms_to_category_buyers,
    true_effects,
    wechat_to_all,
)
from jobs.evaluate_world_purchases import score_lists
from jobs.evaluate_world_shop import read_shop
from jobs.settings import Settings
from jobs.simulate.demand import Demand
from jobs.simulate.model import Array
from jobs.simulate.play import Plan, play
from jobs.tracking import Tracking
from jobs.workspace import open_lake, resolve_as_of
from recommend.metrics import Interval
from scoring.policy_comparison import PER, Played, PolicyLine, Watch, compare, over_worlds, watch

NOTHING, SYSTEM = "no contact", "this system"
TRUE_CEILING, OBSERVABLE_CEILING = "ceiling: true effects", "ceiling: observable"
# of Played -> of the world's Outcomes
PLAYED = {
    "margin": "margin",
    "spend": "spend",
    "contacts": "contacts",
    "contact_cost": "contact_cost",
    "incentive": "incentive_cost",
    "unsubscribed": "unsubscribed",
    "complaints": "complaints",
    "lost_value": "value_lost",
}


@click.command("world")
@click.option("--world", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of the world.")
@click.option("--days", type=click.IntRange(7, 180), default=56, show_default=True, help="Days played forward.")
@click.option("--replications", type=click.IntRange(1, 1000), default=20, show_default=True, help="Futures played.")
@click.option(
    "--pool",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="A table written with --json; give several to compare policies over worlds instead.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table here.")
@common_options
def command(
    settings: Settings,
    world: Path | None,
    days: int,
    replications: int,
    pool: tuple[Path, ...],
    json_path: Path | None,
) -> None:
    """Play the lake's decisions forward in the world they were made for, against simple policies and ceilings."""
    if pool:
        report_pool([json.loads(p.read_text("utf-8")) for p in pool])
        return
    if world is None:
        raise SettingsError("give the folder of a simulated world with --world, or tables of several with --pool")
    found = evaluate(settings, world, days, replications)
    if json_path:
        json_path.write_text(json.dumps(found, indent=1))
        say(f"wrote {json_path}")


def evaluate(settings: Settings, folder: Path, days: int, replications: int) -> dict[str, Any]:
    """Everything of one world: prints the tables, stores them as a tracked run, and returns them as plain values."""
    lake = open_lake(settings)
    as_of = resolve_as_of(settings, lake)
    world = load_world(folder)
    check_cut(world, as_of)
    tracking = Tracking(settings.mlflow_uri, lake.root)
    tracking.check()
    say(f"living the world again up to {as_of.day}")
    s = stand_at_end(world, settings.decisions.min_days_left)
    if not len(s.offers):
        raise DataError(f"no offer of the world can be sent on {as_of.day}; simulate with later campaigns")
    owner = customers_of(folder, lake, as_of, s)
    shop = read_shop(lake, as_of, owner, s)
    terms = Terms(
        cost=contact_costs(world),
        capacity=capacities(world, settings.decisions.send_within_days),
        budget=settings.decisions.budget,
        response_margin=settings.decisions.response_amount * settings.decisions.margin_rate,
        days=days,
    )
    plans, roles = make_plans(s, terms, shop)
    played = play_all(s, plans, days, replications)
    lines, number = compare(played, roles, NOTHING), watch(played, roles, SYSTEM, OBSERVABLE_CEILING)
    about = describe(s, days, replications, terms.budget)
    report(about, lines, number)
    lists = score_lists(lake, as_of, owner, s, settings.horizon_days, replications)
    found = {
        "about": about,
        "policies": [x.as_dict() for x in lines],
        "watch": _plain(number),
        "lists": lists,
    }
    store(tracking, found, lines)
    return found


def describe(s: Standing, days: int, replications: int, budget: float | None) -> dict[str, Any]:
    """What was played."""
    controls = [k for k, on in vars(s.world.params.controls).items() if on]
    return {
        "seed": s.world.seed,
        "persons": s.n,
        "offers": len(s.offers),
        "days": days,
        "replications": replications,
        "budget": budget,
        "controls": controls,
    }


def make_plans(s: Standing, t: Terms, shop: Shop) -> tuple[dict[str, Plan], dict[str, str]]:
    """Every policy's plan, and its role."""
    effects = true_effects(s)
    allowed, incentive = candidates(s, shop, effects), incentives(s, shop, effects)
    makers: dict[str, tuple[str, Callable[[], Plan]]] = {
        NOTHING: ("none", lambda: nobody(s)),
        "best single arm": ("simple", lambda: best_single_arm(s, t, effects)),
        "WeChat to all": ("simple", lambda: wechat_to_all(s, t, effects)),
        "RFM rule": ("simple", lambda: rfm_rule(s, t, shop)),
        "SMS to category buyers": ("simple", lambda: sms_to_category_buyers(s, t, shop)),
        "response x margin": ("simple", lambda: response_times_margin(s, t, shop, effects)),
        SYSTEM: ("system", lambda: shop.decisions),
        OBSERVABLE_CEILING: (
            "ceiling",
            lambda: by_value(s, t, effects, observable_effects(s, shop, effects, learn), allowed, incentive),
        ),
        TRUE_CEILING: ("ceiling", lambda: by_value(s, t, effects, effects.value, allowed, incentive)),
    }
    plans, roles = {}, {}
    for name in progress(list(makers), "plans"):
        roles[name], make = makers[name]
        plans[name] = make()
    return plans, roles


def learn(x: Array, y: Array, x_new: Array) -> Array:
    """Boosted trees: what features tell of a true effect. The last three columns are codes."""
    import lightgbm as lgb

    params = {
        "objective": "regression", "num_leaves": 31, "learning_rate": 0.05, "min_data_in_leaf": 100,
        "feature_fraction": 0.5, "bagging_fraction": 0.7, "bagging_freq": 1, "verbosity": -1, "seed": 0,
        "deterministic": True, "num_threads": 0,
    }  # fmt: skip
    codes = list(range(x.shape[1] - 3, x.shape[1]))
    booster = lgb.train(params, lgb.Dataset(x, y, categorical_feature=codes), num_boost_round=200)
    return np.asarray(booster.predict(x_new))


def play_all(s: Standing, plans: Mapping[str, Plan], days: int, replications: int) -> dict[str, Played]:
    """Each plan's futures on the same draws, summed per person."""
    demand = Demand(s.world, s.people)
    sums = {name: {f: np.zeros(s.n) for f in PLAYED} for name in plans}
    for r in progress(range(1, replications + 1), "futures"):
        for name, plan in plans.items():
            outcome = play(s.world, s.people, s.state, plan, days, r, demand)
            for ours, theirs in PLAYED.items():
                sums[name][ours] += getattr(outcome, theirs)
    return {name: Played(**values, replications=replications) for name, values in sums.items()}


def report(about: Mapping[str, Any], lines: Sequence[PolicyLine], number: Watch) -> None:
    """Prints the table and the number to watch."""
    header = ["policy", "contacts", "contact cost", "coupons", "spend", "margin gained", "unsubscribed",
              "lifetime value lost", "net gain", "95 %"]  # fmt: skip
    rows = [
        (
            x.policy,
            f"{x.contacts:,.0f}",
            f"{x.contact_cost:,.1f}",
            f"{x.incentive:,.1f}",
            f"{x.spend.mean:+,.0f}",
            f"{x.margin.mean:+,.1f}",
            f"{x.unsubscribed:,.2f}",
            f"{x.lost_value:,.1f}",
            f"{x.net.mean:+,.1f}",
            f"[{x.net.low:+,.1f}, {x.net.high:+,.1f}]",
        )
        for x in lines
    ]
    show_table(
        f"per {PER:,} persons over {about['days']} days, against no contact; {about['replications']} futures",
        header,
        rows,
    )
    say(f"system - best simple ({number.best_simple}): {_range(number.system_gain)}")
    say(f"observable ceiling - best simple: {_range(number.room)}")
    if number.share is not None:
        say(f"number to watch, the share of that room which the system fills: {_range(number.share, 3)}")
    say(number.verdict)


def _range(x: Interval, digits: int = 1) -> str:
    return f"{x.mean:+,.{digits}f} [{x.low:+,.{digits}f}, {x.high:+,.{digits}f}]"


def _plain(number: Watch) -> dict[str, Any]:
    return {k: vars(v) if isinstance(v, Interval) else v for k, v in vars(number).items()}


def report_pool(tables: Sequence[Mapping[str, Any]]) -> None:
    """Means over worlds with t intervals: what holds beyond one market."""
    names = [x["policy"] for x in tables[0]["policies"]]
    if any([x["policy"] for x in t["policies"]] != names for t in tables):
        raise DataError("the tables compare different policies; write them again with one version of nextbest")
    rows = []
    for i, name in enumerate(names):
        net = over_worlds([t["policies"][i]["net"]["mean"] for t in tables])
        rows.append((name, f"{net.mean:+,.1f}", f"[{net.low:+,.1f}, {net.high:+,.1f}]"))
    show_table(f"net gain per {PER:,} persons over {len(tables)} worlds", ["policy", "net gain", "95 %"], rows)
    gain = over_worlds([t["watch"]["system_gain"]["mean"] for t in tables])
    room = over_worlds([t["watch"]["room"]["mean"] for t in tables])
    say(f"system - best simple: {_range(gain)}; observable ceiling - best simple: {_range(room)}")
    if room.low > 0:
        say(f"number to watch over worlds: {gain.mean / room.mean:+.3f}")
    else:
        say("the ceiling does not lie above the best simple policy by interval: nothing to claim")


def store(tracking: Tracking, found: Mapping[str, Any], lines: Sequence[PolicyLine]) -> None:
    """One tracked run with the tables, the metrics and a plot."""
    about = found["about"]
    tags = {"protocol": f"simulated world, seed {about['seed']}", "code_version": code_version()}
    with tracking.training("evaluate-world", about, tags) as t:
        t.metrics({f"net_per_1000.{x.policy}": x.net.mean for x in lines})
        share = found["watch"]["share"]
        if share is not None:
            t.metrics({"number_to_watch": share["mean"]})
        t.table("policies", [_flat(x) for x in found["policies"]])
        t.table("lists", found["lists"])
        t.figure(plot(lines), "policies.png")
    say(f"stored as run {t.run_id} in {tracking.uri}")


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in row.items():
        flat |= {f"{key}_{k}": v for k, v in value.items()} if isinstance(value, Mapping) else {key: value}
    return flat


def plot(lines: Sequence[PolicyLine]) -> Any:
    """Net gain per policy with its interval."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.2), layout="constrained")
    axes = figure.subplots()
    shown = [x for x in lines if x.role != "none"]
    colours = {"simple": "#7f8c99", "system": "#1f6fb4", "ceiling": "#c9a227"}
    places = np.arange(len(shown))[::-1]
    for y, x in zip(places, shown, strict=True):
        axes.barh(y, x.net.mean, color=colours[x.role], height=0.6)
        axes.plot([x.net.low, x.net.high], [y, y], color="black", linewidth=1)
    axes.set_yticks(places, [x.policy for x in shown])
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"net gain per {PER:,} persons against no contact, with 95 % interval")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
