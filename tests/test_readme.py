"""What the README says is checked: commands and options exist, tables are those of the code."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from features.source_tables import SOURCES
from jobs.cli import COMMANDS, group
from jobs.run import STEPS

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def step_rows() -> list[str]:
    """The table of the daily order, from the steps themselves."""
    rows = []
    for name in STEPS:
        step = importlib.import_module(COMMANDS[name][0]).STEP
        reads = [f"`{t}`" for t in step.reads] + [f"`{t}` if there" for t in step.optional]
        reads += [f"model `{m}`" for m in step.models]
        writes = [f"`{t}`" for t in step.writes if not t.startswith("quarantine_")]
        writes += [f"model `{m}`" for m in step.trains]
        if name == "ingest":
            reads, writes = ["source files"], ["every source table and its `quarantine_<table>`"]
        rows.append(f"| `nextbest {name}` | {', '.join(reads)} | {', '.join(writes)} |")
    return rows


def source_rows() -> list[str]:
    """The table of sources, from their contracts."""
    return [
        f"| `{c.name}` | {c.meaning} | {', '.join(f'`{k}`' for k in c.key)} | {'yes' if c.required else ''} |"
        for c in SOURCES
    ]


@pytest.mark.parametrize("row", [*step_rows(), *source_rows()])
def test_tables_are_those_of_the_code(row: str) -> None:
    """Every row that the code gives stands in the README as it is."""
    assert row in README.splitlines()


def mentioned_commands() -> list[str]:
    """Every `nextbest ...` in code spans and blocks."""
    found = re.findall(r"nextbest ((?:[a-z]|--)[^`\n&;]*)", README)
    return sorted({f.strip() for f in found if f.split()[0] in COMMANDS or f.startswith("--")})


@pytest.mark.parametrize("text", mentioned_commands())
def test_mentioned_commands_exist(text: str) -> None:
    """Command, subcommand and options of each example are real."""
    words = shlex.split(text)
    command: click.Command = group
    while words and isinstance(command, click.Group) and not words[0].startswith("-"):
        found = command.get_command(click.Context(command), words[0])
        assert found is not None, f"no command {words[0]!r} in: nextbest {text}"
        command, words = found, words[1:]
    options = {o for p in command.params for o in p.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            assert word.split("=")[0] in options, f"no option {word} in: nextbest {text}"


def test_paths_and_links_exist() -> None:
    """Files that the README links to or names in backticks are in the repo."""
    root = Path(__file__).parents[1]
    linked = re.findall(r"\]\(([^)#:]+)\)", README)
    assert linked
    for path in linked:
        assert (root / path).exists(), path


def test_no_placeholder_is_left() -> None:
    """The README is whole."""
    assert "@@" not in README
