"""The words of reasons, from `conf/reasons/<language>.yaml`: one file per language, checked against the English one."""

from __future__ import annotations

from importlib import resources
from string import Formatter

import yaml

from features.errors import SettingsError

LANGUAGES = ("en", "zh")
SECTIONS = {"interests": "interest", "events": "event"}


def read_words(language: str) -> dict[str, str]:
    """Templates by name, and names of tags as `interest.<tag>` and `event.<tag>`; `SettingsError` lists all that the
    file lacks, adds or spells in another way than the English one."""
    words = _read(language)
    faults = differences(words, _read(LANGUAGES[0]))
    if faults:
        raise SettingsError(f"conf/reasons/{language}.yaml: " + "; ".join(faults))
    return words


def _read(language: str) -> dict[str, str]:
    text = resources.files("conf").joinpath("reasons", f"{language}.yaml").read_text("utf-8")
    tree = yaml.safe_load(text)
    words = {str(key): str(value) for key, value in tree.items() if key not in SECTIONS}
    for section, kind in SECTIONS.items():
        words |= {f"{kind}.{tag}": str(name) for tag, name in tree[section].items()}
    return words


def differences(words: dict[str, str], model: dict[str, str]) -> list[str]:
    """Where a language lacks or adds a template, or a place within one."""
    faults = [f"{key} is missing" for key in sorted(set(model) - set(words))]
    faults += [f"{key} is unknown" for key in sorted(set(words) - set(model))]
    for key in sorted(set(words) & set(model)):
        mine, theirs = places(words[key]), places(model[key])
        faults += [f"{key} lacks {{{p}}}" for p in sorted(theirs - mine)]
        faults += [f"{key} has {{{p}}}, which nothing fills" for p in sorted(mine - theirs)]
    return faults


def places(template: str) -> set[str]:
    """Names in braces."""
    return {name for _, name, _, _ in Formatter().parse(template) if name}
