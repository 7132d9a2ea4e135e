"""Parameters of a world, from `conf/world.yaml` and one file laid over it.

Sections are frozen dataclasses that stand beside the code that uses them; each checks its own ranges and raises
ValueError. This module only puts them together and names what is wrong: all faults at once.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from jobs.simulate.account_params import AccountsParams
from jobs.simulate.baskets import BehaviourParams
from jobs.simulate.calendar_days import CalendarParams
from jobs.simulate.campaigns import CampaignParams
from jobs.simulate.catalogue import CatalogueParams
from jobs.simulate.channels import ChannelParams
from jobs.simulate.errors import WorldError as WorldError
from jobs.simulate.life_events import LifeEventParams
from jobs.simulate.people_params import PeopleParams
from jobs.simulate.response import ResponseParams
from jobs.simulate.social_params import SocialParams
from jobs.simulate.table_params import BrowseParams, LoyaltyParams, OrderParams, ServiceParams


@dataclass(frozen=True)
class Controls:
    """Switches for control worlds, in which the system must claim nothing or refuse."""

    no_heterogeneity: bool = False  # contacts do the same to everybody
    silent_posts: bool = False  # life events move no demand
    confounded_policy: bool = False  # past sends went to those who buy anyway
    unlogged_policy: bool = False  # propensities were not written down
    drift: bool = False  # effects of contacts and tastes turn in the last third
    quiet_market: bool = False  # contacts move nothing


@dataclass(frozen=True)
class WorldParams:
    """Everything that shapes a world, seed and size excepted. Helpers add their section here."""

    controls: Controls = field(default_factory=Controls)
    calendar: CalendarParams = field(default_factory=CalendarParams)
    catalogue: CatalogueParams = field(default_factory=CatalogueParams)
    people: PeopleParams = field(default_factory=PeopleParams)
    life_events: LifeEventParams = field(default_factory=LifeEventParams)
    channels: ChannelParams = field(default_factory=ChannelParams)
    campaigns: CampaignParams = field(default_factory=CampaignParams)
    response: ResponseParams = field(default_factory=ResponseParams)
    behaviour: BehaviourParams = field(default_factory=BehaviourParams)
    accounts: AccountsParams = field(default_factory=AccountsParams)
    social: SocialParams = field(default_factory=SocialParams)
    orders: OrderParams = field(default_factory=OrderParams)
    browse: BrowseParams = field(default_factory=BrowseParams)
    loyalty: LoyaltyParams = field(default_factory=LoyaltyParams)
    service: ServiceParams = field(default_factory=ServiceParams)


def load_world_params(path: Path | None = None, overrides: Mapping[str, Any] | None = None) -> WorldParams:
    """`conf/world.yaml`, then the file at `path`, then `overrides` (section -> key -> value).

    Raises `WorldError` that lists every unknown key and every value out of range.
    """
    tree = _parse(resources.files("conf").joinpath("world.yaml").read_text("utf-8"), "conf/world.yaml")
    layers: list[tuple[str, Mapping[str, Any]]] = [("conf/world.yaml", tree)]
    if path is not None:
        try:
            layers.append((str(path), _parse(path.read_text("utf-8"), str(path))))
        except OSError as e:
            raise WorldError(f"world file {path} cannot be read: {e}") from e
    layers.append(("command line", overrides or {}))
    merged: dict[str, dict[str, Any]] = {}
    faults = []
    sections = {name: {f.name for f in dataclasses.fields(kind)} for name, kind in get_type_hints(WorldParams).items()}
    for where, layer in layers:
        for name, values in layer.items():
            if name not in sections:
                faults.append(f"unknown section {name!r} in {where}; sections are {', '.join(sections)}")
            elif not isinstance(values, Mapping):
                faults.append(f"section {name!r} in {where} must hold `key: value` lines, found {values!r}")
            else:
                for key in sorted(set(map(str, values)) - sections[name]):
                    close = difflib.get_close_matches(key, sections[name], n=1)
                    hint = f" (did you mean {close[0]!r}?)" if close else ""
                    faults.append(f"unknown key {name}.{key} in {where}{hint}")
                merged[name] = {**merged.get(name, {}), **values}
    if faults:
        raise WorldError("\n".join(faults))
    return params_from_dict(merged)


def params_from_dict(tree: Mapping[str, Any]) -> WorldParams:
    """Parameters from section -> key -> value, as `world.json` keeps them; `WorldError` lists what is out of range."""
    try:
        return TypeAdapter(WorldParams).validate_python(dict(tree))
    except ValidationError as e:
        lines = [f"{'.'.join(map(str, f['loc']))}: {f['msg']}; found {f['input']!r}" for f in e.errors()]
        raise WorldError("the world's parameters are wrong:\n" + "\n".join(f"  - {line}" for line in lines)) from e


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise WorldError(f"{where} is not valid YAML: {e}") from e
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise WorldError(f"{where} must hold sections, found {type(parsed).__name__}")
    return parsed
