"""What the day loop collects, before products and redemptions are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jobs.simulate.baskets import Picks
from jobs.simulate.model import Answers, Array, Sends, Trips


@dataclass
class Diary:
    """Parts, one per day. Trips carry the offer in her hand and the send that put it there, redeemed or not."""

    sends: list[Sends] = field(default_factory=list)
    answers: list[Answers] = field(default_factory=list)
    trips: list[Trips] = field(default_factory=list)
    picks: list[Picks] = field(default_factory=list)
    opened_day: list[Array] = field(default_factory=list)  # per trip: when the offer in its hand was opened
    left: list[Array] = field(default_factory=list)
    left_day: list[Array] = field(default_factory=list)
    sent: int = 0
    trips_made: int = 0


def joined(kind: type[Any], parts: list[Any]) -> Any:
    """One table of parts of the same kind; an empty one where there are none."""
    names = kind.__dataclass_fields__
    return kind(
        **{n: np.concatenate([getattr(p, n) for p in parts]) if parts else np.empty(0, np.int64) for n in names}
    )
