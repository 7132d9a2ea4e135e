"""How long each life event matters, in which stages, and what consent it needs. Words stand in the lexicon.

The numbers are ASSUMPTIONS of the trade (how long people shop around an event), not fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

PROFILING, SENSITIVE = "profiling", "sensitive"
# names, in lower case, of tags given by others that touch on pregnancy, birth or health: they need that consent too
SENSITIVE_NAME = "pregnan|matern|prenatal|obstet|baby|newborn|infant|illness|disease|patient|medic|health|hospital"
SENSITIVE_NAME += "|孕|产|婴|宝宝|宝妈|母婴|奶粉|病|医|健康|癌|药"


@dataclass(frozen=True)
class Stage:
    """A stretch of days from the event's day: `first` to `last`, both inclusive; negative is before the event."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class LifeEventKind:
    """One kind of life event.

    `half_life_days`: the score halves in so many days after the post. `expiry_days`: a post counts so many days and
    not one more; where the event's day is known it counts until the last stage is over, if that is sooner.
    `suppress_days`: after a loss signal the event stays off for so long, whatever is posted.
    `losses_of`: events whose losses end this one too. `ended_by`: events that take its place.
    `clock_days`: from the post to the event's day where the post does not tell it; None: no clock without a date.
    """

    event: str
    half_life_days: float
    expiry_days: int
    stages: tuple[Stage, ...]
    purpose: str = PROFILING
    suppress_days: int = 60
    clock_days: int | None = 0
    losses_of: tuple[str, ...] = ()
    ended_by: tuple[str, ...] = ()

    @property
    def last_day(self) -> int:
        """Days after the event's day when its last stage ends."""
        return max(s.last for s in self.stages)


def _stages(*parts: tuple[str, int, int]) -> tuple[Stage, ...]:
    return tuple(Stage(*p) for p in parts)


LIFE_EVENT_KINDS = (
    # the clock of the first two is the day the child is due
    LifeEventKind(
        "pregnant",
        90,
        300,
        _stages(("early", -280, -183), ("middle", -182, -92), ("late", -91, 0)),
        SENSITIVE,
        365,
        None,
        ("baby_due", "baby_born"),
        ("baby_born",),
    ),
    LifeEventKind(
        "baby_due",
        60,
        130,
        _stages(("preparing", -130, -22), ("imminent", -21, 10)),
        SENSITIVE,
        365,
        None,
        ("pregnant", "baby_born"),
        ("baby_born",),
    ),
    LifeEventKind(
        "baby_born",
        120,
        400,
        _stages(("newborn", 0, 90), ("infant", 91, 180), ("crawling", 181, 365)),
        SENSITIVE,
        365,
    ),
    LifeEventKind(
        "wedding",
        60,
        200,
        _stages(("planning", -200, -31), ("imminent", -30, -1), ("newly_wed", 0, 60)),
        clock_days=None,
    ),
    LifeEventKind("engaged", 60, 240, _stages(("engaged", 0, 240))),
    LifeEventKind("move", 30, 90, _stages(("before", -60, -1), ("settling", 0, 60))),
    LifeEventKind(
        "new_home_decoration", 60, 180, _stages(("planning", -60, -1), ("works", 0, 90), ("furnishing", 91, 180))
    ),
    LifeEventKind("new_job", 30, 90, _stages(("before", -45, -1), ("first_weeks", 0, 60))),
    LifeEventKind("graduation", 30, 90, _stages(("before", -90, -1), ("after", 0, 60))),
    LifeEventKind("new_pet", 60, 180, _stages(("before", -30, -1), ("arrival", 0, 45), ("growing", 46, 180))),
    LifeEventKind("diet", 21, 60, _stages(("under_way", 0, 60)), suppress_days=30),
    LifeEventKind("fitness", 30, 90, _stages(("under_way", 0, 90)), suppress_days=30),
    LifeEventKind(
        "travel", 14, 90, _stages(("planning", -90, -8), ("packing", -7, -1), ("away", 0, 10)), clock_days=None
    ),
    LifeEventKind("illness_recovery", 14, 45, _stages(("recovering", 0, 45)), SENSITIVE, 180),
    LifeEventKind("retirement", 60, 180, _stages(("before", -60, -1), ("after", 0, 180))),
    LifeEventKind("new_car", 60, 180, _stages(("before", -60, -1), ("first_months", 0, 120))),
    LifeEventKind(
        "child_starts_school", 45, 120, _stages(("before", -90, -1), ("first_weeks", 0, 45)), clock_days=None
    ),
)
KINDS_OF_EVENTS = {k.event: k for k in LIFE_EVENT_KINDS}
EVENTS = tuple(KINDS_OF_EVENTS)
