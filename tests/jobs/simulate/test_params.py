"""Parameters of a world: one file holds them all, with a comment above each."""

import dataclasses
from importlib import resources

import pytest

from jobs.simulate.params import WorldError, WorldParams, load_world_params


def test_the_file_holds_what_the_code_defaults_to() -> None:
    """Every section and key of the code stands in `conf/world.yaml` with the same value."""
    assert load_world_params() == WorldParams()
    text = resources.files("conf").joinpath("world.yaml").read_text("utf-8")
    for section in dataclasses.fields(WorldParams):
        assert f"\n{section.name}:\n" in text
        for key in dataclasses.fields(getattr(WorldParams(), section.name)):
            lines = text[text.index(f"\n{section.name}:\n") :].splitlines()
            at = next(i for i, line in enumerate(lines) if line.startswith(f"  {key.name}:"))
            assert lines[at - 1].startswith("  #"), f"{section.name}.{key.name} has no comment above"


def test_values_out_of_range_name_their_section() -> None:
    """The ranges of the sections are checked on loading."""
    with pytest.raises(WorldError, match=r"response.*strength"):
        load_world_params(overrides={"response": {"strength": -1}})
