"""The command line: `nextbest COMMAND`, also `spark-submit --py-files nextbest.zip jobs/cli.py COMMAND`.

Commands are loaded when they are called, so `--help` does not wait for LightGBM or MLflow.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Callable
from datetime import date, datetime
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn

import click

from features.contract import nearest
from features.errors import NextbestError
from jobs.console import fail

# OpenMP threads that wait must sleep: spinning, they took four times the CPU of training on a shared machine.
# Read once, when the first library that uses OpenMP is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# name -> (module, attribute or None for a step, short help), in daily order
COMMANDS: dict[str, tuple[str, str | None, str]] = {
    "demo": ("jobs.demo", "command", "Run everything on public grocery data that comes with the [demo] extra."),
    "simulate": ("jobs.simulate_world", "command", "Simulate a market whose truth is known, as source tables."),
    "ingest": ("jobs.ingest", None, "Read source files, check every row, keep the bad ones in quarantine."),
    "resolve-identities": ("jobs.resolve_identities", None, "Map accounts to customers."),
    "tag-posts": ("jobs.tag_posts", None, "Find life events and interests in posts."),
    "identities": ("jobs.identities", "command", "List merges and splits of customers; undo, split, link."),
    "build-features": ("jobs.build_features", None, "Compute the customer feature tables as of a date."),
    "tag-customers": ("jobs.tag_customers", None, "Write the tag sheet: what each customer is known for and why."),
    "build-cube": ("jobs.build_cube", None, "Write the asset cube, its changes, and the tables of sales."),
    "tune-recommender": ("jobs.tune_recommender", "command", "Search better settings of the recommender, resuming."),
    "train-recommender": ("jobs.train_recommender", None, "Train and register the product and category recommender."),
    "train-response": ("jobs.train_response", None, "Train and register the response model."),
    "recommend-products": ("jobs.recommend_products", None, "Write next best products and categories."),
    "score-channels": ("jobs.score_channels", None, "Write channel and offer scores."),
    "decide-offers": ("jobs.decide_offers", None, "Decide who gets which offer and write the offer tables."),
    "audience": ("jobs.audience", "command", "Find whom to reach for a product, category, tag or offer."),
    "run": ("jobs.run", "command", "Do all steps for a date, resuming after the last finished one."),
    "evaluate": ("jobs.evaluate", "command", "Measure the recommender against its baselines."),
    "explain": ("jobs.explain", "command", "Show one customer: features, products, offers, why and why not."),
    "tables": ("jobs.show_tables", "command", "List tables, versions and features; describe, roll back, vacuum."),
}


def raw_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --config, --as-of, --lake and --engine as they are."""
    for option in (
        click.option("--engine", type=str, help="embedded, spark or connect.  [default: embedded]"),
        click.option("--lake", type=str, help="Root folder of tables and models.  [default: ./lake]"),
        click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), help="Day whose local midnight cuts the snapshot."),
        click.option("--config", type=click.Path(path_type=Path), help="Settings file laid over conf/base.yaml."),
    ):
        function = option(function)
    return function


def common_options(function: Callable[..., Any], default_config: Any = None) -> Callable[..., Any]:
    """Adds `raw_options` (and reads --sources) and hands the command its `settings`.

    `default_config` may be a function of the command's own options, for a command that has several.
    """

    @raw_options
    @wraps(function)
    def wrapper(
        *args: Any, config: Path | None, as_of: datetime | None, lake: str | None, engine: str | None, **kwargs: Any
    ) -> Any:
        from jobs.settings import load_settings

        day: date | None = as_of.date() if as_of else None
        options = {"as_of": day, "lake": lake, "engine": engine}
        sources = kwargs.pop("sources", None)
        options["sources"] = str(sources) if sources is not None else None
        usual = default_config(kwargs) if callable(default_config) else default_config
        return function(*args, settings=load_settings(config or usual, options), **kwargs)

    return wrapper


def step_command(name: str, module_name: str) -> click.Command:
    """The command of a step module (`STEP` and `run`); its help is the module's docstring."""
    module = importlib.import_module(module_name)
    takes_span = getattr(module, "TAKES_SPAN", False)
    about = f"{(module.__doc__ or '').strip()}{ABOUT_SPAN if takes_span else ''}"

    @click.command(name, help=about)
    @click.option("--force", is_flag=True, help="Do it again even when it is already done.")
    @common_options
    def command(force: bool, settings: Any, check: bool = False, **span: Any) -> None:
        if takes_span:
            _check_span(force, **span)
        if span.get("first") is not None or span.get("last") is not None or span.get("dry_run"):
            _backfill(name, module, settings, **span)
            return
        if check:
            importlib.import_module(f"{module_name}_check").check(settings)
            return
        from jobs.runs import execute
        from jobs.workspace import resolve_as_of, undated, workspace

        with workspace(settings, name) as w:
            as_of = resolve_as_of(settings, w.lake) if module.STEP.dated else undated(settings)
            execute(module, settings, as_of, w.engine, w.lake, w.tracking, force=force)  # type: ignore[arg-type]

    if takes_span:
        for option in reversed(SPAN_OPTIONS):
            command = option(command)
    if getattr(module, "TAKES_SOURCES", False):
        command = click.option("--check", is_flag=True, help="Read, judge and report; write nothing.")(command)
        option = click.option("--sources", type=click.Path(path_type=Path), help="Folder with one file per table.")
        command = option(command)
    return command


DAY = click.DateTime(["%Y-%m-%d"])
SPAN_OPTIONS = (
    click.option("--from", "first", type=DAY, help="First cut of a span; what is missing in it is built."),
    click.option("--to", "last", type=DAY, help="Last cut of the span.  [default: --as-of, or the last there can be]"),
    click.option("--every", type=int, help="Days from cut to cut of the span.  [default: 1]"),
    click.option("--restate", is_flag=True, help="Build the span's published cuts again where they changed."),
    click.option("--dry-run", is_flag=True, help="Show which cuts are there, missing or changed, and the cost."),
)


ABOUT_SPAN = """

One cut (--as-of) is written whenever it is missing or its inputs, settings or code have changed, as a new version
beside what was published. Of a span (--from, --to) published cuts stay as they are unless --restate is given."""


def _check_span(force: bool, first: Any, last: Any, every: int | None, restate: bool, dry_run: bool) -> None:
    """Refuses options that would do nothing."""
    is_span = first is not None or last is not None
    if force and (is_span or dry_run):
        raise click.UsageError(
            "--force does one cut again, without --from, --to and --dry-run; of a span, --restate builds again the "
            "cuts that changed"
        )
    idle = [option for option, given in (("--restate", restate), ("--every", every is not None)) if given]
    if idle and not is_span:
        raise click.UsageError(
            f"{' and '.join(idle)}: only of a span, give --from or --to; one cut (--as-of) that changed is written "
            "as a new version anyway, and --force does it again when nothing changed"
        )


def _backfill(
    name: str, module: Any, settings: Any, first: Any, last: Any, every: int | None, restate: bool, dry_run: bool
) -> None:
    """Several cuts of a step; a --dry-run without a span is about one, which a run would restate when it changed."""
    from jobs.backfill import backfill, days_between
    from jobs.workspace import open_lake, resolve_as_of

    end = last.date() if last else resolve_as_of(settings, open_lake(settings)).day
    days = days_between(first.date() if first else end, end, 1 if every is None else every)
    backfill(name, module, settings, days, restate=restate or (first is None and last is None), dry_run=dry_run)


class LazyGroup(click.Group):
    """Imports a command's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Daily order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        if attribute is None:
            return step_command(cmd_name, module)
        return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Short help from the table above, so that nothing is imported."""
        with formatter.section("Commands, in daily order"):
            formatter.write_dl([(name, short) for name, (_, _, short) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """An unknown command names the nearest known one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{nearest(args[0], COMMANDS)}; `nextbest --help` lists them")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.version_option(package_name="nextbest", message="nextbest %(version)s")
def group(debug: bool) -> None:
    """Offline recommendation and next-best-offer batch system for CRM."""
    if debug:
        os.environ["NEXTBEST_DEBUG"] = "1"


def main() -> NoReturn:
    """Runs the command line; exit code 0, or that of the error."""
    signal.signal(signal.SIGTERM, _stop)
    try:
        code = group(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as e:
        e.show()
        sys.exit(e.exit_code)
    except (KeyboardInterrupt, click.Abort):
        fail("stopped; nothing half-done was published, run the command again to resume")
        sys.exit(130)
    except NextbestError as e:
        _debug()
        fail(str(e))
        sys.exit(e.exit_code)
    except Exception as e:
        _debug()
        text = str(e).strip().splitlines()
        fail(f"unexpected {type(e).__name__}: {text[0] if text else ''} (nextbest --debug COMMAND shows where)")
        sys.exit(1)


def _debug() -> None:
    if os.environ.get("NEXTBEST_DEBUG"):
        import traceback

        traceback.print_exc()


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
