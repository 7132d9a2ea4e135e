"""The folder of a world: what is written where, how a stopped run goes on, and when nothing may be written.

    <out>/sources/<table>/part-00000.parquet   what the shop holds, one file per block of persons
    <out>/truth/<table>/part-00000.parquet     what nobody in the shop can see
    <out>/_WORLD.json                          the world's parameters, written last

Until all blocks are there everything stands in `<out>/.building`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.simulate.errors import WorldError

MARKER = "_WORLD.json"
BUILDING = ".building"
PARTS = ("sources", "truth")
Tables = Mapping[str, pa.Table]


def open_folder(out: Path, about: Mapping[str, Any], overwrite: bool) -> Path:
    """The folder to build in. Blocks that an equal world left there stay; anything else there is refused.

    Raises `WorldError` for a folder that holds another world or files of something else, unless `overwrite`; files of
    something else are never removed.
    """
    building = out / BUILDING
    if out.exists() and not out.is_dir():
        raise WorldError(f"{out} is a file; name a folder with --out")
    inside = sorted(p.name for p in out.iterdir()) if out.is_dir() else []
    strange = [name for name in inside if name not in (MARKER, BUILDING, *PARTS)]
    if strange:
        raise WorldError(f"{out} holds {', '.join(strange[:3])}, which is no part of a world; name another folder")
    if MARKER not in inside and _read(building / MARKER) == _plain(about):
        # stopped while its parts were moved to their places: the world goes on from where it was built
        for part in set(inside).intersection(PARTS):
            (out / part).rename(building / part)
        inside = [BUILDING]
    if any(name in inside for name in (MARKER, *PARTS)):
        if MARKER not in inside and BUILDING not in inside:
            raise WorldError(f"{out} holds tables without {MARKER}, so no world wrote them; name another folder")
        if not overwrite:
            raise WorldError(f"{out} already holds a world; give --overwrite to replace it, or name another folder")
        remove_world(out)
    elif building.is_dir() and _read(building / MARKER) != _plain(about):
        if not overwrite:
            raise WorldError(
                f"{out} holds half of a world with other parameters; give --overwrite to start again, "
                "or name another folder"
            )
        shutil.rmtree(building)
    building.mkdir(parents=True, exist_ok=True)
    _write_json(building / MARKER, about)
    return building


def holds(out: Path, about: Mapping[str, Any]) -> bool:
    """Whether `out` holds the whole world that `about` names."""
    return bool(_read(out / MARKER) == _plain(about))


def remove_world(out: Path) -> None:
    """Removes a world's own files, the marker first, so that a half-removed one is not taken for a whole."""
    (out / MARKER).unlink(missing_ok=True)
    for name in (BUILDING, *PARTS):
        shutil.rmtree(out / name, ignore_errors=True)


def finished_rows(building: Path, number: int) -> dict[str, int] | None:
    """Rows per table of a block that is there in whole, else None."""
    rows: dict[str, int] | None = _read(building / "blocks" / f"{number:05d}.json")
    return rows


def write_block(building: Path, number: int, parts: Mapping[str, Tables]) -> dict[str, int]:
    """Writes a block's tables (`sources`, `truth`), each file under another name first. Returns rows per table."""
    rows: dict[str, int] = {}
    for part, tables in parts.items():
        for name, rows_of_table in tables.items():
            write_table(rows_of_table, building / part / name / f"part-{number:05d}.parquet")
            rows[f"{part}/{name}"] = rows_of_table.num_rows
    _write_json(building / "blocks" / f"{number:05d}.json", rows)
    return rows


def write_table(rows: pa.Table, path: Path) -> None:
    """One Parquet file with plain types: dictionaries are how it is stored, not what it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coded = [f.name for f in rows.schema if pa.types.is_dictionary(f.type)]
    beside = path.with_suffix(".tmp")
    pq.write_table(
        rows,
        beside,
        store_schema=False,
        use_dictionary=coded or False,
        dictionary_pagesize_limit=8 << 20,
        compression="zstd",
        compression_level=1,
    )
    beside.rename(path)


def publish(out: Path, about: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Moves the finished tables to their places and says so with the marker."""
    building = out / BUILDING
    _write_json(building / "truth" / "world.json", facts)
    for part in PARTS:
        (building / part).rename(out / part)
    _write_json(out / MARKER, about)
    shutil.rmtree(building)


def _plain(value: Mapping[str, Any]) -> Any:
    """As it reads back from JSON."""
    return json.loads(json.dumps(value))


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(value, indent=1, ensure_ascii=False), "utf-8")
    beside.rename(path)
