"""`nextbest evaluate`: a group whose subcommands are loaded when they are called."""

from __future__ import annotations

import importlib

import click

# subcommand -> module whose `command` it is
COMMANDS = {
    "recommender": "jobs.evaluate_recommender",
    "identity": "jobs.evaluate_world_identity",
    "world": "jobs.evaluate_world",
    "realism": "jobs.evaluate_world_realism",
    "lifetime": "jobs.evaluate_lifetime",
    "tags": "jobs.evaluate_tags",
}


class EvaluateGroup(click.Group):
    """Imports what it needs when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The subcommand, imported now."""
        if cmd_name not in COMMANDS:
            return None
        return importlib.import_module(COMMANDS[cmd_name]).command  # type: ignore[no-any-return]


@click.group("evaluate", cls=EvaluateGroup)
def command() -> None:
    """Measure models against their baselines, and decisions in simulated markets."""
