"""Settings of tuning, apart from the library that searches, so that settings load quickly."""

from __future__ import annotations

from dataclasses import dataclass

from features.errors import SettingsError

STAGES = ("als", "ease", "ranker")  # in this order: candidates and features of the ranker come from the first two
PRUNERS = ("median", "halving", "none")


@dataclass(frozen=True)
class TuningParams:
    """How much the recommender's settings are tuned before it is trained."""

    trials: int = 0  # per stage, the settings as they are among them; 0: nothing is tuned
    seconds: float = 0.0  # for all stages together, looked at between trials; 0: no limit
    stages: tuple[str, ...] = STAGES
    windows: int = 2  # label windows that each trial is judged on
    pruner: str = "median"  # after each window but the last: "median", "halving" or "none"
    level: float = 0.95  # of the interval that must lie above 0 before a trial takes the place of the settings
    seed: int = 0

    def __post_init__(self) -> None:
        unknown = [name for name in self.stages if name not in STAGES]
        if unknown:
            raise SettingsError(f"tuning.stages must be of {', '.join(STAGES)}, got {', '.join(unknown)}")
        if self.pruner not in PRUNERS:
            raise SettingsError(f"tuning.pruner must be one of {', '.join(PRUNERS)}, got {self.pruner!r}")
        for name, least in (("trials", 0), ("seconds", 0), ("windows", 1)):
            if getattr(self, name) < least:
                raise SettingsError(f"tuning.{name} must be at least {least}, got {getattr(self, name)!r}")
        if not 0 < self.level < 1:
            raise SettingsError(f"tuning.level must lie between 0 and 1, got {self.level!r}")
