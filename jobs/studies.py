"""Studies of tuning inside the lake: Optuna's SQLite file, and beside it what each customer got in each trial."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from features.errors import LakeError
from models.tuning import Judgement


@dataclass(frozen=True)
class KeptJudgements:
    """One .npy file per trial, whole or not at all (`models.tuning.Judgements`)."""

    folder: Path

    def keep(self, number: int, judgement: Judgement) -> None:
        """Writes the judgement of a trial."""
        self.folder.mkdir(parents=True, exist_ok=True)
        building = self.folder / f"{number}.building.npy"
        np.save(building, judgement, allow_pickle=False)
        building.replace(self._path(number))

    def of(self, number: int) -> Judgement:
        """Reads it back."""
        try:
            return np.asarray(np.load(self._path(number), allow_pickle=False))
        except (OSError, ValueError) as error:
            raise LakeError(f"{self._path(number)} cannot be read: {error}; delete {self.folder.parent}") from error

    def _path(self, number: int) -> Path:
        return self.folder / f"{number}.npy"


class _Connection(sqlite3.Connection):
    """A write-ahead log: a commit survives a kill without waiting for the disk, and a power cut leaves no damage."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA journal_mode=WAL")
        self.execute("PRAGMA synchronous=NORMAL")


def study_name(level: str, stage: str, facts: Mapping[str, Any]) -> str:
    """Names a study by what its trials rest on, so that a changed question begins anew."""
    text = json.dumps(facts, sort_keys=True, default=str)
    return f"{level}.{stage}.{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def open_study(lake_root: Path, name: str) -> tuple[optuna.Study, KeptJudgements]:
    """The study of this name, begun or taken up again. One process at a time: the lake's lock sees to it."""
    folder = lake_root / "studies"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "recommender.db"
    try:
        engine = {"connect_args": {"factory": _Connection}}
        storage = optuna.storages.RDBStorage(f"sqlite:///{path}", engine_kwargs=engine)
        study = optuna.create_study(study_name=name, storage=storage, direction="maximize", load_if_exists=True)
    except Exception as error:
        text = str(error).strip().splitlines()
        raise LakeError(
            f"{path} cannot be used: {text[0] if text else error!r}; delete {folder} to begin anew"
        ) from error
    return study, KeptJudgements(folder / name)
