"""`nextbest demo`: the whole daily run on Complete Journey, public grocery data from a Python package."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import click

from jobs.cli import common_options
from jobs.console import say, show_table
from jobs.run import STEPS, report, run_steps
from jobs.settings import Settings
from jobs.workspace import open_lake

EXCERPTS: dict[str, tuple[str, ...]] = {
    "next_best_products": ("customer_id", "rank", "product_id", "category", "kind", "p_buy", "reasons"),
    "next_best_categories": ("customer_id", "rank", "category", "state", "p_buy", "reasons"),
    "channel_scores": ("customer_id", "channel", "offer_kind", "p_response", "uplift_basis", "fatigue"),
    "next_best_offers": ("customer_id", "offer_id", "channel", "p_response", "priority", "arm", "reason_for_customer"),
}
ROWS = 3


def demo_config(options: Mapping[str, Any]) -> Traversable:
    """The settings of the demo, laid over conf/base.yaml; found in a checkout, a wheel and a zip."""
    return resources.files("conf").joinpath("world_demo.yaml" if options.get("world") else "demo.yaml")


@click.command("demo")
@click.option("--world", is_flag=True, help="On a simulated market instead, with every source table and known truth.")
@click.option("--customers", type=click.IntRange(100), default=20_000, show_default=True, help="Of that market.")
@click.option("--force", is_flag=True, help="Do every step again.")
@partial(common_options, default_config=demo_config)
def command(settings: Settings, world: bool, customers: int, force: bool) -> None:
    """Run everything on public grocery data: 2,469 households, 1.47 million order lines, 27 campaigns.

    Needs the [demo] extra. The publisher of the data calls it simulated. With --world: on a market simulated here,
    with browsing, social posts, accounts, channels and responses.
    """
    if world:
        _demo_world(settings, customers, force)
        return
    from jobs.complete_journey import write_sources

    sources = settings.lake / "demo_sources"
    write_sources(sources)
    settings = settings.model_copy(update={"sources": sources})
    outcomes = run_steps(settings, STEPS, force=force)
    _show_excerpts(settings)
    report(outcomes)
    _next(settings, sources, "conf/demo.yaml", "1")


def _demo_world(settings: Settings, customers: int, force: bool) -> None:
    """Simulates the market once, runs every step on it, and says how to measure the decisions."""
    from jobs.simulate_world import ensure_world

    folder = settings.lake / "demo_world"
    ensure_world(folder, customers=customers)
    settings = settings.model_copy(update={"sources": folder / "sources"})
    outcomes = run_steps(settings, STEPS, force=force)
    _show_excerpts(settings)
    report(outcomes)
    _next(settings, folder / "sources", "conf/world_demo.yaml", "CUSTOMER")
    say(
        "what the decisions bring in truth: nextbest evaluate world "
        f"--world {folder} --config conf/world_demo.yaml --lake {settings.lake}"
    )


def _next(settings: Settings, sources: Path, config: str, customer: str) -> None:
    lake = settings.lake
    say(f"the same by hand: nextbest run --sources {sources} --config {config} --lake {lake}")
    say(f"next: nextbest tables --lake {lake}; nextbest explain {customer} --lake {lake}")
    say(f"runs and models: mlflow ui --backend-store-uri sqlite:///{lake / 'mlflow' / 'mlflow.db'}")


def _show_excerpts(settings: Settings) -> None:
    lake = open_lake(settings)
    for name, columns in EXCERPTS.items():
        day = lake.dates(name)
        rows = lake.arrow(name, as_of=day[-1]).slice(0, ROWS).select(list(columns)).to_pylist() if day else []
        show_table(name, columns, [[_short(row[c]) for c in columns] for row in rows])


def _short(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
