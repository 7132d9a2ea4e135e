"""`nextbest simulate`: a market whose truth is known, written as source tables and, beside them, the truth."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import yaml

from features.errors import LakeError, SettingsError
from jobs.console import say, show_table
from jobs.simulate.errors import WorldError
from jobs.simulate.params import Controls, load_world_params
from jobs.simulate.simulate import is_written, simulate
from jobs.simulate.world import World, make_world

CUSTOMERS, DAYS, SEED = 20_000, 365, 1
CONTROLS = tuple(f.name for f in fields(Controls))
# measured on the default world; what --dry-run tells and what must be free on the disk
BYTES_PER_DAY, ROWS_PER_DAY = 28.0, 1.0


@click.command("simulate")
@click.option("--customers", type=click.IntRange(1), default=CUSTOMERS, show_default=True, help="Persons.")
@click.option("--days", type=click.IntRange(1), default=DAYS, show_default=True, help="Days that are written.")
@click.option("--seed", type=click.IntRange(0), default=SEED, show_default=True, help="Same seed, same world.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for sources/ and truth/.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="First day not simulated.  [default: calendar.end]")
@click.option("--params", type=click.Path(path_type=Path), help="Parameter file laid over conf/world.yaml.")
@click.option("--set", "settings", multiple=True, metavar="SECTION.KEY=VALUE", help="One parameter; may be repeated.")
@click.option("--control", multiple=True, type=click.Choice(CONTROLS), help="Switch of a control world.")
@click.option("--processes", type=click.IntRange(1, 64), default=1, show_default=True, help="Blocks at a time.")
@click.option("--overwrite", is_flag=True, help="Replace the world that is there.")
@click.option("--dry-run", is_flag=True, help="Check the parameters and say how much it would be.")
def command(
    customers: int,
    days: int,
    seed: int,
    out: Path,
    end: datetime | None,
    params: Path | None,
    settings: tuple[str, ...],
    control: tuple[str, ...],
    processes: int,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Simulate a market: source tables that a retailer could see, and beside them the truth.

    Parameters stand in conf/world.yaml. A run that was stopped goes on where it stopped.
    """
    with told_to_users():
        world = as_world(customers, days, seed, end.date() if end else None, params, overrides(settings, control))
    need = customers * days * BYTES_PER_DAY
    if dry_run:
        rows = customers * days * ROWS_PER_DAY
        say(
            f"{customers:,} persons, {world.first_day} to {world.end} (the first day not simulated), seed {seed}: "
            f"about {rows:,.0f} rows and {_size(need)}; nothing was written"
        )
        return
    _check_space(out, need)
    rows_of, seconds = run(world, out, processes, overwrite)
    show_table("", ["table", "rows"], list(rows_of.items()))
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    say(f"{sum(rows_of.values()):,} rows in {seconds:.1f} s, {_size(size)}")
    say(f"next: nextbest run --sources {out / 'sources'} --config conf/world_demo.yaml")


def ensure_world(folder: Path, customers: int = CUSTOMERS, days: int = DAYS, seed: int = SEED) -> World:
    """The default world of that size in `folder`: the one that is there, or made now in place of another."""
    with told_to_users():
        world = as_world(customers, days, seed, None, None, {})
    if not is_written(world, folder):
        say(f"simulating {customers:,} persons over {days} days")
        rows_of, seconds = run(world, folder, 1, overwrite=True)
        say(f"  {sum(rows_of.values()):,} rows in {seconds:.1f} s")
    return world


def as_world(
    customers: int, days: int, seed: int, end: date | None, params: Path | None, given: Mapping[str, Mapping[str, Any]]
) -> World:
    """The world of the command's options; `WorldError` for what is out of range."""
    return make_world(seed, customers, days, load_world_params(params, given), end)


def run(world: World, out: Path, processes: int, overwrite: bool) -> tuple[dict[str, int], float]:
    """Simulates into `out`, saying how far it is. Returns rows per table and seconds."""

    def progress(done: int, blocks: int) -> None:
        if blocks > 1:
            say(f"  {done} of {blocks} blocks, {time.monotonic() - start:.0f} s")

    start = time.monotonic()
    with told_to_users():
        try:
            rows_of = simulate(world, out, processes, progress, overwrite=overwrite)
        except OSError as e:
            raise LakeError(f"{out} cannot be written: {e.strerror or e}; free space or name another folder") from e
    return rows_of, time.monotonic() - start


@contextmanager
def told_to_users() -> Iterator[None]:
    """The package of the world knows no error of ours; here its own becomes one."""
    try:
        yield
    except WorldError as e:
        raise SettingsError(str(e)) from e


def overrides(settings: tuple[str, ...], control: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """Sections from `section.key=value` (the value is read as YAML) and from switches of control worlds."""
    found: dict[str, dict[str, Any]] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        section, dot, key = name.strip().partition(".")
        if not (equals and dot and section and key):
            raise SettingsError(f"--set {text!r} must read SECTION.KEY=VALUE, for example browse.idle_sessions=5")
        try:
            found.setdefault(section, {})[key] = yaml.safe_load(value)
        except yaml.YAMLError as e:
            raise SettingsError(f"--set {text!r}: the value is not valid YAML: {e}") from e
    for name in control:
        found.setdefault("controls", {})[name] = True
    return found


def _check_space(out: Path, need: float) -> None:
    there = next(p for p in (out.absolute(), *out.absolute().parents) if p.exists())
    free = shutil.disk_usage(there).free
    if free < need:
        raise LakeError(f"{out} has {_size(free)} free and the world takes about {_size(need)}; name another folder")


def _size(n: float) -> str:
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.0f} MB"
