"""Typed settings from layers: `conf/base.yaml`, then one override file, then `NEXTBEST_*`, then options.

`conf/base.yaml` holds every key with a comment, so it is also the list of known keys: a key that is not in it
is an error that names the key, where it stands and the nearest known key. Layers below `jobs/` get the small
frozen dataclasses found here, never a dict.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from datetime import date
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from features.contact_features import ContactFeatureParams
from features.contract import nearest
from features.cube.cube_params import CubeParams
from features.definitions import FeatureParams
from features.errors import SettingsError
from features.identifiers import IdentifierParams
from features.identity_params import IdentityParams
from features.quality_params import QualityParams
from features.reach import ReachParams
from features.tag_sheet.tag_params import TagParams
from features.tags.lexicon import BrandNames
from jobs.session import SessionParams
from models.response_params import ResponseEvaluationParams, ResponseParams, ResponsePriors
from scoring.audience_params import AudienceParams
from scoring.channel_params import ChannelParams
from scoring.decision_params import DecisionParams
from scoring.experiment_params import ExperimentParams
from scoring.recommender_params import RecommenderParams

PREFIX = "NEXTBEST_"
# variables of ours that are not settings: secrets, test switches
RESERVED = ("NEXTBEST_ID_KEY", "NEXTBEST_FAIL", "NEXTBEST_DEBUG", "NEXTBEST_REQUIRE_SPARK")


def _zone(name: object) -> object:
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError) as e:
        raise ValueError(f"{name!r} is not a time zone, such as Europe/Berlin or Asia/Shanghai") from e
    return name


class Settings(BaseModel):
    """All settings of a run. The meaning of each key stands in `conf/base.yaml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    lake: Path
    sources: Path | None
    engine: Literal["embedded", "spark", "connect"]
    as_of: date | None
    max_days_after_data: int
    time_zone: Annotated[str, BeforeValidator(_zone)]
    currency: str
    seed: int
    threads: int
    horizon_days: int
    session: SessionParams
    mlflow_uri: str | None
    availability_lag_hours: dict[str, float]
    quality: QualityParams
    identifiers: IdentifierParams
    identity: IdentityParams
    decisions: DecisionParams
    features: FeatureParams
    cube: CubeParams
    customer_tags: TagParams
    contact_features: ContactFeatureParams
    response: ResponseParams
    response_priors: ResponsePriors
    response_evaluation: ResponseEvaluationParams
    channel_scores: ChannelParams
    reach: ReachParams
    experiments: ExperimentParams
    recommender: RecommenderParams
    audiences: AudienceParams
    tags: BrandNames

    def section_hash(self, names: tuple[str, ...]) -> str:
        """A short digest of the named keys, equal when and only when their values are equal."""
        dumped = self.model_dump(mode="json")
        chosen = {n: dumped[n] for n in sorted(names)}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:16]


# Free-form mappings: their keys are data (table names, rules), so base.yaml need not list them.
FREE = (
    "availability_lag_hours",
    "decisions.contact_cost",
    "decisions.address_kind",
    "identity.cap",
    "identity.expiry_days",
    "identity.strength",
    "decisions.channels",
    "channel_scores.open_prior",
    "features.contact_history.open_prior",
    "features.contact_history.click_prior",
    "features.contact_history.conv_prior",
    "quality.severity",
    "response_priors.channels",
    "session.conf",
)


def load_settings(config: Path | Traversable | None = None, options: Mapping[str, Any] | None = None) -> Settings:
    """The settings after all layers. `options` are top-level keys from the command line; None means not given."""
    base = _parse(resources.files("conf").joinpath("base.yaml").read_text("utf-8"), "conf/base.yaml")
    layers: list[tuple[str, dict[str, Any]]] = [("conf/base.yaml", base)]
    if config is not None:
        layers.append((str(config), _parse(_read(config), str(config))))
    layers += list(_from_environment(base))
    layers.append(("command line", {k: v for k, v in (options or {}).items() if v is not None}))

    known = {key for key, _ in _flatten(base)}
    origin: dict[str, str] = {}
    merged: dict[str, Any] = {}
    faults: list[str] = []
    for where, layer in layers:
        for key, _ in _flatten(layer):
            if key not in known and not key.startswith(tuple(f + "." for f in FREE)):
                faults.append(f"unknown key {key!r} in {where}{nearest(key, known)}")
            origin[key] = where
        merged = _merge(merged, layer)
    if faults:
        raise SettingsError("\n".join(faults) + "\nevery key is listed with a comment in conf/base.yaml")
    try:
        return Settings.model_validate(merged)
    except ValidationError as e:
        raise SettingsError(_explain(e, origin)) from e


def _read(path: Path | Traversable) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as e:
        folder = Path(str(path)).parent
        siblings = [str(p) for p in folder.glob("*.y*ml")] if folder.is_dir() else []
        raise SettingsError(f"settings file {path} does not exist{nearest(str(path), siblings)}") from e
    except (OSError, UnicodeDecodeError) as e:
        raise SettingsError(f"settings file {path} cannot be read: {e}") from e


class _Loader(yaml.SafeLoader):
    """The safe loader, and a key given twice is an error instead of a silent override."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(k, deep=True) for k, _ in node.value]  # type: ignore[no-untyped-call]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=node.start_mark)
        return super().construct_mapping(node, deep)


def _parse(text: str, where: str) -> dict[str, Any]:
    try:
        parsed = _Loader(text).get_single_data()  # type: ignore[no-untyped-call]
    except yaml.YAMLError as e:
        raise SettingsError(f"{where} is not valid YAML: {e}") from e
    if parsed is None:
        return {}
    if not isinstance(parsed, dict):
        raise SettingsError(f"{where} must hold `key: value` lines, found {type(parsed).__name__}")
    return {str(k): v for k, v in parsed.items()}


def _from_environment(base: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """`NEXTBEST_ALS__FACTORS=32` sets `als.factors`; the value is read as YAML."""
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        value: Any = _parse(f"value: {os.environ[name]}", f"variable {name}")["value"]
        for part in reversed(name.removeprefix(PREFIX).lower().split("__")):
            value = {part: value}
        yield f"variable {name}", value


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys of the leaves and of the sections."""
    for key, value in tree.items():
        dotted = f"{prefix}{key}"
        yield dotted, value
        if isinstance(value, dict) and dotted not in FREE:
            yield from _flatten(value, f"{dotted}.")


def _merge(low: dict[str, Any], high: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(low)
    for key, value in high.items():
        below = merged.get(key)
        merged[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return merged


def _explain(error: ValidationError, origin: dict[str, str]) -> str:
    lines = []
    for fault in error.errors():
        key = ".".join(str(part) for part in fault["loc"])
        where = next((origin[k] for k in (key, *_parents(key)) if k in origin), "conf/base.yaml")
        problem = fault["msg"].removeprefix("Value error, ")
        lines.append(f"{key} in {where}: {problem[0].lower()}{problem[1:]}; found {fault['input']!r}")
    return "\n".join(lines)


def _parents(key: str) -> Iterator[str]:
    while "." in key:
        key = key.rpartition(".")[0]
        yield key
