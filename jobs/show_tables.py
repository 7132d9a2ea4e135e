"""`nextbest tables`: what the lake holds, what it means, and the way back to an older version."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from typing import Any

import click

from features.contract import Contract
from features.definitions import FeatureDef
from features.errors import LakeError
from jobs.cli import common_options, raw_options
from jobs.console import say, show_table
from jobs.contracts import all_contracts
from jobs.lock import lake_lock
from jobs.settings import Settings
from jobs.workspace import open_lake


@click.group("tables", invoke_without_command=True)
@raw_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List tables and versions; describe, roll back, vacuum.

    Without a subcommand: every table in the lake with its version, rows and newest as_of.
    """
    # options before the subcommand count as if they stood behind it
    given = {name: value for name, value in options.items() if value is not None}
    ctx.default_map = dict.fromkeys(command.commands, given)
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_tables, **options)


@command.command("list")
@common_options
def list_tables(settings: Settings) -> None:
    """Every table in the lake with its version, rows and newest as_of."""
    lake = open_lake(settings)
    rows = []
    for name, contract in lake.contracts.items():
        commit = lake.last_commit(name)
        if commit is None:
            continue
        days = lake.dates(name) if contract.mode == "snapshot" else []
        rows.append((name, contract.mode, commit.version, _rows(lake, name), days[-1] if days else "", commit.step))
    if not rows:
        raise LakeError(f"lake {lake.root} holds no table yet; `nextbest demo` or `nextbest run` fills it")
    show_table("", ["table", "kept as", "version", "rows", "newest as_of", "last written by"], rows)
    say("next: nextbest tables describe NAME; nextbest tables history NAME")


def _rows(lake: Any, name: str) -> int:
    import pyarrow as pa

    actions = pa.table(lake.require(name).get_add_actions(flatten=True))
    return int(sum(n or 0 for n in actions["num_records"].to_pylist())) if actions.num_rows else 0


@command.command()
@click.argument("name")
@common_options
def history(settings: Settings, name: str) -> None:
    """The versions of a table, newest first."""
    lake = open_lake(settings)
    lake.require(name)
    rows = [
        (c.version, f"{datetime.fromtimestamp(c.timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S}", c.step, c.as_of, c.rows,
         c.run_id, c.note)
        for c in lake.history(name)
    ]  # fmt: skip
    show_table(
        f"{name} at {lake.root / name}", ["version", "written, UTC", "step", "as_of", "rows", "run", "note"], rows
    )


@command.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="Print all tables as Markdown: the data dictionary.")
@common_options
def describe(settings: Settings, name: str | None, markdown: bool) -> None:
    """What a table means: its key and columns. Without NAME, every table in one line."""
    lake = open_lake(settings)
    if markdown:
        say(dictionary_markdown())
    elif name is None:
        rows = [(c.name, c.role, c.mode, ", ".join(c.key), c.meaning) for c in lake.contracts.values()]
        show_table("", ["table", "role", "kept as", "key", "meaning"], rows)
    else:
        contract = lake.contract(name)
        say(f"{name}: {contract.meaning}")
        say(f"key: {', '.join(contract.key)}; kept as: {contract.mode}; retention: {contract.retention}")
        show_table("", ["column", "type", "null", "meaning"], _column_rows(contract))
        if contract.example:
            say(f"example: {example_json(contract)}")


def example_json(contract: Contract) -> str:
    """The example row of a contract, as JSON."""
    return json.dumps(contract.example, ensure_ascii=False, default=str)


def _column_rows(contract: Contract) -> list[tuple[str, str, str, str]]:
    return [(c.name, c.kind, "yes" if c.nullable else "no", _meaning(c)) for c in contract.columns]


def _meaning(column: Any) -> str:
    meaning = f"{column.meaning} ({', '.join(column.values)})" if column.values else column.meaning
    return f"{meaning} (private: in no other table)" if column.private else meaning


def dictionary_markdown() -> str:
    """The data dictionary of every table, generated from the contracts."""
    parts = []
    for c in all_contracts().values():
        lines = [f"### {c.name}", "", f"{c.meaning} Key: {', '.join(f'`{k}`' for k in c.key)}. Kept as: {c.mode}.", ""]
        lines += ["| column | type | null | meaning |", "|---|---|---|---|"]
        lines += [f"| `{n}` | {t} | {null} | {m} |" for n, t, null, m in _column_rows(c)]
        if c.example:
            lines += ["", f"Example: `{example_json(c)}`"]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


@command.command()
@click.option("--family", help="Only this family, for example A.")
@click.option("--markdown", is_flag=True, help="A Markdown table, for a data dictionary.")
@common_options
def features(settings: Settings, family: str | None, markdown: bool) -> None:
    """The definition of every customer feature, of the wide row and of its companions."""
    from features.catalogue import all_definitions, companion_definitions
    from features.elsewhere import ELSEWHERE

    tables = [("customer_features", d) for d in all_definitions()] + list(companion_definitions())
    found = [(t, d) for t, d in tables if family is None or d.family.upper().startswith(family.upper())]
    header = ("table", *FEATURE_COLUMNS)
    rows = [(t, *_feature_row(d)) for t, d in found]
    if markdown:
        for cells in (header, ["---"] * len(header), *rows):
            say("| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |")
        return
    show_table("", header, rows)
    say(f"{len(found)} features")
    for number, where in ELSEWHERE.items() if family is None else ():
        say(f"not a column: {number} {where}")


FEATURE_COLUMNS = (
    "feature", "no", "family", "type", "window", "definition", "sources", "default", "range", "purpose", "leak note",
)  # fmt: skip


def _feature_row(d: FeatureDef) -> tuple[object, ...]:
    sources = ", ".join(d.sources)
    about = (d.default, d.bounds, d.purpose, d.leak_note)
    return (d.name, d.number, d.family, d.kind, d.window, d.definition, sources, *about)


@command.command()
@click.argument("name")
@click.option("--to", "version", type=int, required=True, help="Version whose content is published again.")
@common_options
def rollback(settings: Settings, name: str, version: int) -> None:
    """Publish an old version's content again, as a new version. Per --as-of for snapshot tables."""
    lake = open_lake(settings)
    lake.require(name, version)
    lake.check_writable()
    with lake_lock(lake.root, f"tables rollback {name}"):
        old = next((c for c in lake.history(name) if c.version == version), None)
        new = lake.restore(name, version, settings.as_of, old.run_id if old else "", f"rollback-{secrets.token_hex(3)}")
    say(f"{name}: version {new} holds the content of version {version} again")
    say(f"next: nextbest tables history {name}")


@command.command()
@click.argument("name")
@click.option("--keep-hours", default=168.0, show_default=True, help="Files needed by versions younger than this stay.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
@common_options
def vacuum(settings: Settings, name: str, keep_hours: float, yes: bool) -> None:
    """Remove files that only old versions need, and leftovers of killed attempts. Rollback past them ends."""
    lake = open_lake(settings)
    lake.check_writable()
    with lake_lock(lake.root, f"tables vacuum {name}"):
        gone = lake.vacuum(name, keep_hours, dry_run=not yes)
    for path in gone:
        say(f"  {path}")
    say(f"{len(gone)} files {'removed' if yes else 'would be removed; add --yes to do it'}")
