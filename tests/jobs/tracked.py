"""What a training would log, remembered instead of stored: an MLflow store takes seconds to make."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Tracked:
    """A tracking run that remembers."""

    trials: list[str] = field(default_factory=list)
    logged: dict[str, Any] = field(default_factory=dict)

    def trial(
        self, name: str, params: dict[str, Any], metrics: dict[str, float], tags: dict[str, str] | None = None
    ) -> None:
        """A child run."""
        self.trials.append(name)
        self.logged |= {f"{name}.{key}": value for key, value in (params | metrics | (tags or {})).items()}

    def metrics(self, metrics: dict[str, float]) -> None:
        """Of the parent."""
        self.logged |= metrics

    def params(self, params: dict[str, Any]) -> None:
        """Of the parent."""
        self.logged |= params

    def tags(self, tags: dict[str, str]) -> None:
        """Of the parent."""
        self.logged |= tags

    def table(self, name: str, rows: list[dict[str, Any]]) -> None:
        """A table."""
        self.logged[name] = rows

    def figure(self, figure: object, name: str) -> None:
        """A plot."""
        self.logged[name] = figure

    def text(self, name: str, text: str) -> None:
        """An artifact."""
        self.logged[name] = text
