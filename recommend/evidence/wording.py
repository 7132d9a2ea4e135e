"""Reasons in words: templates, which are data of one language, filled with true counts and dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from recommend.evidence.feature_evidence import REASONS
from recommend.evidence.looks import Looks
from recommend.evidence.rhythms import Rhythm
from recommend.histories import Floats

MOST = 3  # reasons per row
PAST = 3  # a rhythm is past when the last purchase is more than so many gaps ago
DUE, OVERDUE = 0.8, 2.0  # due from so many to so many gaps after the last purchase
OF_ITEM = ("due", "rhythm", "rhythm_past", "twice", "once")
OF_GROUP = ("habit", "habit", "habit_past", "habit_twice", "habit_once")

Words = Mapping[str, str]
Names = NDArray[np.object_]


@dataclass(frozen=True)
class Facts:
    """What the words of rows are made of, one element per row.

    `label` is what the item is called; `item` and `group` are rhythms of her purchases of the item and of the group
    that `group_name` names; `looks` at the item, `browsed` at the `category`; `cited` the names of cited purchases,
    best first; `tag` the strongest tag, empty where it must not be named; `leading` the type that leads to the item's,
    last bought `leading_last` days ago; `on_sale` days since the launch or first sale. `popular` counts customers of
    the last 28 days, `popular7` of the last 7, `trend` is the last week over the usual pace; all three before
    `counted_until` (None: the day of the list). `trending` and `filled` say whether the row has that kind.
    """

    label: Names
    item: Rhythm
    group: Rhythm
    group_name: Names
    looks: Looks
    browsed: Looks
    category: Names
    cited: list[list[str]]
    tag: Names
    leading: Names
    leading_last: Floats
    on_sale: Floats
    popular: Floats
    popular7: Floats
    trend: Floats
    trending: NDArray[np.bool_]
    filled: NDArray[np.bool_]
    counted_until: date | None


def write_reasons(facts: Facts, carries: Floats, words: Words) -> list[list[str]]:
    """At most `MOST` reasons of each row, what carries most first; never empty.

    `carries` (n_rows, len(REASONS)) is what the row's score loses without each; what loses nothing is no reason. Where
    nothing is, as for customers of whom nothing is known, it is told how many bought the item.
    """
    sayings = Sayings(facts, words)
    say: list[Callable[[int], str]] = [getattr(sayings, reason) for reason in REASONS]
    order = np.argsort(-carries, axis=1, kind="stable")[:, :MOST]
    count = np.minimum((carries > 0).sum(axis=1), MOST)
    out = []
    for row, (best, n) in enumerate(zip(order.tolist(), count.tolist(), strict=True)):
        reasons = [say[reason](row) for reason in best[:n]] or [sayings.otherwise(row)]
        out.append([*reasons, words["filled"]] if facts.filled[row] else reasons)
    return out


class Sayings:
    """Per reason the words of a row: one method per name of `REASONS`."""

    def __init__(self, facts: Facts, words: Words) -> None:
        self._f, self._words = facts, words
        self._ago: dict[float, str] = {}
        self._item, self._group = (_Spoken.of(r) for r in (facts.item, facts.group))
        self._popular = facts.popular.tolist()
        self._then = "" if facts.counted_until is None else "_then"
        self._day = "" if facts.counted_until is None else facts.counted_until.isoformat()

    def rhythm(self, row: int) -> str:
        """Her purchases of the item."""
        return self._rhythm(self._item, OF_ITEM, row, "")

    def looks(self, row: int) -> str:
        """Looks at the item, or that it was put into the cart."""
        looks = self._f.looks
        if np.isfinite(looks.carted[row]):
            return self._words["carted"].format(ago=self._days_ago(looks.carted[row]))
        return numbered(self._words, "looked", looks.times[row], ago=self._days_ago(looks.last[row]))

    def tag(self, row: int) -> str:
        """A tag of hers, if it may be named."""
        return tag_words(str(self._f.tag[row]), self._words)

    def taste(self, row: int) -> str:
        """Cited purchases; another item of the row's own name is called so."""
        names = dict.fromkeys(self._f.cited[row])
        shown = (self._words["other" if n == self._f.label[row] else "item"].format(name=n) for n in names)
        return self._words["taste"].format(items=self._words["and"].join(shown))

    def complement(self, row: int) -> str:
        """The type that leads to the item's."""
        ago = self._days_ago(self._f.leading_last[row])
        return self._words["goes_with"].format(name=self._named(self._f.leading[row]), ago=ago)

    def habit(self, row: int) -> str:
        """Her purchases of the item's type or category."""
        return self._rhythm(self._group, OF_GROUP, row, self._named(self._f.group_name[row]))

    def browsing(self, row: int) -> str:
        """Looks at the item's category."""
        ago, name = self._days_ago(self._f.browsed.last[row]), self._named(self._f.category[row])
        return numbered(self._words, "browsed", self._f.browsed.times[row], ago=ago, name=name)

    def launch(self, row: int) -> str:
        """That the item is new."""
        return numbered(self._words, "launch", self._f.on_sale[row])

    def store(self, row: int) -> str:
        """Sales in her store."""
        return self._words["store"]

    def segment(self, row: int) -> str:
        """Sales among customers like her."""
        return self._words["segment"]

    def popularity(self, row: int) -> str:
        """How many bought it, and whether that is more than usual."""
        f = self._f
        if f.trending[row]:
            n, times = round(float(f.popular7[row])), round(float(f.trend[row]), 1)
            return self._words[f"trending{self._then}"].format(n=n, times=times, day=self._day)
        return numbered(self._words, f"popular{self._then}", self._popular[row], day=self._day)

    def otherwise(self, row: int) -> str:
        """What is said where no reason stands out."""
        return self.popularity(row) if self._popular[row] >= 1 else self._words["general"]

    def _named(self, name: object) -> str:
        return self._words["item"].format(name=name)

    def _days_ago(self, days: float) -> str:
        """The words are few and said often: each is made once."""
        if days not in self._ago:
            self._ago[days] = numbered(self._words, "ago", days)
        return self._ago[days]

    def _rhythm(self, of: _Spoken, keys: tuple[str, ...], row: int, name: str) -> str:
        times, last, gap = of.times[row], of.last[row], of.gap[row]
        if times < 3:
            return self._words[keys[3 if times == 2 else 4]].format(ago=self._days_ago(last), name=name)
        late = last / max(gap, 1.0)
        key = keys[2] if late > PAST else keys[0] if DUE <= late <= OVERDUE else keys[1]
        usual = numbered(self._words, "gap", gap)
        return self._words[key].format(gap=usual, ago=self._days_ago(last), name=name)


@dataclass(frozen=True)
class _Spoken:
    """A rhythm as lists, which are read one by one faster than arrays."""

    times: list[float]
    last: list[float]
    gap: list[float]

    @staticmethod
    def of(r: Rhythm) -> _Spoken:
        return _Spoken(r.times.tolist(), r.last.tolist(), r.gap.tolist())


def numbered(words: Words, key: str, n: float, **more: str) -> str:
    """The template filled with a whole number; that for the number 1 where there is one and n is at most 1."""
    one, whole = f"{key}_one", round(n)
    return words[one].format(n=whole, **more) if whole <= 1 and one in words else words[key].format(n=whole, **more)


def tag_words(tag: str, words: Words) -> str:
    """A tag in words: only those that the language lists are ever named; the empty tag must not be.

    >>> listed = {"interest": "likes {name}", "interest.tea": "tea", "unnamed": "suits customers like you"}
    >>> tag_words("post:tea", listed), tag_words("given:tea", listed)
    ('likes tea', 'suits customers like you')
    """
    source, _, name = tag.partition("@")[0].partition(":")
    for kind in ("interest", "event"):
        if source == "post" and f"{kind}.{name}" in words:
            return words[kind].format(name=words[f"{kind}.{name}"])
    return words["unnamed"]
