"""Settings: layers, and errors that name key, place and nearest known key."""

import dataclasses
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from features.errors import SettingsError
from jobs.settings import Settings, load_settings


def write(tmp_path: Path, text: str) -> Path:
    """A settings file with this content."""
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_layers_override_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Base, then file, then environment, then options."""
    config = write(tmp_path, "seed: 1\ncurrency: EUR\nas_of: 2017-11-06\nsession: {shuffle_partitions: 3}\n")
    monkeypatch.setenv("NEXTBEST_SEED", "2")
    monkeypatch.setenv("NEXTBEST_SESSION__MASTER", "local[1]")
    settings = load_settings(config, {"as_of": date(2017, 12, 4), "lake": None})
    assert (settings.currency, settings.seed, settings.as_of) == ("EUR", 2, date(2017, 12, 4))
    assert (settings.session.shuffle_partitions, settings.session.master) == (3, "local[1]")
    assert settings.lake == Path("lake")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead: 1", "unknown key 'sead' in {file} (did you mean 'seed'?)"),
        ("session: {mastr: x}", "unknown key 'session.mastr' in {file} (did you mean 'session.master'?)"),
        ("seed: many", "seed in {file}: input should be a valid integer"),
        ("time_zone: Mars/Olympus", "time_zone in {file}: 'Mars/Olympus' is not a time zone"),
        ("engine: sparc", "engine in {file}: input should be 'embedded', 'spark' or 'connect'; found 'sparc'"),
        ("seed: 1\nseed: 2", "key 'seed' is given twice"),
        ("- a\n- b", "must hold `key: value` lines, found list"),
        ("a: [", "is not valid YAML"),
        ("session: !!python/object/apply:os.system ['true']", "is not valid YAML"),
    ],
)
def test_errors_name_key_and_file(tmp_path: Path, text: str, message: str) -> None:
    """Whoever wrote the file can mend it from the message alone."""
    config = write(tmp_path, text)
    with pytest.raises(SettingsError) as e:
        load_settings(config)
    assert message.format(file=config) in str(e.value)


def test_unknown_variable_and_missing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A misspelt variable is an error like a misspelt key; a missing file names its neighbour."""
    write(tmp_path, "")
    with pytest.raises(SettingsError, match=r"my.yml does not exist \(did you mean .*my.yaml"):
        load_settings(tmp_path / "my.yml")
    monkeypatch.setenv("NEXTBEST_ENGIN", "spark")
    with pytest.raises(SettingsError, match=r"unknown key 'engin' in variable NEXTBEST_ENGIN \(did you mean 'engine'"):
        load_settings()


def keys_of(kind: Any, prefix: str = "") -> set[str]:
    """Dotted names of all fields of a settings class."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {name: f.annotation for name, f in kind.model_fields.items()}
    elif dataclasses.is_dataclass(kind):
        import typing

        hints = typing.get_type_hints(kind)
        fields = {f.name: hints[f.name] for f in dataclasses.fields(kind)}
    else:
        return set()
    return set().union(*({f"{prefix}{n}"} | keys_of(t, f"{prefix}{n}.") for n, t in fields.items()))


def test_base_file_holds_every_key_and_says_why() -> None:
    """Every field has a line in conf/base.yaml with a comment above it, and no line is without a field."""
    from importlib import resources

    from jobs.settings import FREE, _flatten, _parse

    text = resources.files("conf").joinpath("base.yaml").read_text("utf-8")
    written = {k for k, _ in _flatten(_parse(text, "base")) if not k.startswith(tuple(f + "." for f in FREE))}
    assert written == keys_of(Settings)
    lines = text.splitlines()
    for i, line in enumerate(lines):
        key = line.split(":")[0].strip()
        if any(k.rpartition(".")[2] == key for k in written) and not line.endswith(":"):
            assert lines[i - 1].lstrip().startswith("#") or "#" in line, f"no comment for: {line}"


def test_section_hash_follows_the_values() -> None:
    """Equal values give equal hashes; another value, another hash; other sections do not matter."""
    one, two = load_settings(None, {"seed": 1}), load_settings(None, {"seed": 2})
    assert one.section_hash(("seed",)) != two.section_hash(("seed",))
    assert one.section_hash(("currency",)) == two.section_hash(("currency",))
