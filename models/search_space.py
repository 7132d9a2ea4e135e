"""What tuning may change, and between which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import optuna

Value = float | int | str | bool | None
Params = dict[str, Value]


@dataclass(frozen=True)
class Number:
    """A number from `low` to `high`, both included; with `log` its logarithm is drawn, with `whole` an integer."""

    low: float
    high: float
    log: bool = True
    whole: bool = False

    def holding(self, value: Value) -> Number:
        """Widened until `value` lies inside."""
        number = float(value) if isinstance(value, int | float) else self.low
        return replace(self, low=min(self.low, number), high=max(self.high, number))

    @property
    def words(self) -> str:
        """The bounds for people."""
        return f"{self.low:g} to {self.high:g}"

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """The trial's value."""
        if self.whole:
            return trial.suggest_int(name, int(self.low), int(self.high), log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Value, ...]

    def holding(self, value: Value) -> Choice:
        """With `value` among them."""
        return self if value in self.values else Choice((*self.values, value))

    @property
    def words(self) -> str:
        """The values for people."""
        return ", ".join("none" if v is None else str(v) for v in self.values)

    def suggest(self, trial: optuna.Trial, name: str) -> Value:
        """The trial's value."""
        return trial.suggest_categorical(name, list(self.values))  # type: ignore[return-value]


Space = Mapping[str, Number | Choice]

HALF_LIVES = Choice((None, 30.0, 60.0, 90.0, 120.0, 180.0, 270.0))
# keys are those of the settings section of the same name
SPACES: Mapping[str, Space] = {
    "als": {
        "factors": Number(16, 96, whole=True),
        "regularization": Number(3.0, 300.0),
        "alpha": Number(0.5, 40.0),
        "half_life_days": HALF_LIVES,
        "weight": Choice(("log1p", "capped")),
    },
    "ease": {
        "regularization": Number(20.0, 5000.0),
        "half_life_days": HALF_LIVES,
        "weight": Choice(("binary", "log1p")),
    },
    "ranker": {
        "trees": Number(60, 400, whole=True),
        "learning_rate": Number(0.02, 0.2),
        "leaves": Number(7, 95, whole=True),
        "min_child": Number(20, 800, whole=True),
        "l2": Number(0.1, 100.0),
        "feature_fraction": Number(0.3, 1.0, log=False),
        "negatives": Number(0.05, 0.3),
        "negatives_repeat": Number(0.2, 1.0),
    },
}


def space_around(space: Space, start: Mapping[str, Value]) -> Space:
    """The space widened until the settings as they are lie inside."""
    return {name: part.holding(start[name]) for name, part in space.items()}
