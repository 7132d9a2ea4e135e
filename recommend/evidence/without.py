"""Features of rows once a piece of evidence is gone.

What goes whole (all purchases of the item, all looks) leaves the values of a customer of whom nothing is known. Of what
goes in part, scores lose the exact parts of the purchases that go; decayed counts and days of a group lose those of the
items that go (a day on which another item of the group was bought as well is then lost too, so that the loss is never
told too small), and where the latest purchase goes, the one before it is taken to be one gap earlier. The customer's
own habits stay as they are: how often she comes speaks for no item before another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommend.evidence.feature_evidence import EVIDENCE, SCALED
from recommend.evidence.purchases import HABIT_LEVELS, LEVELS, Cited
from recommend.histories import Floats, Ints
from recommend.pair_features import FEATURES
from recommend.pairs import Pairs

Matrix = NDArray[np.float32]
AT = {name: place for place, name in enumerate(FEATURES)}
COLUMNS = {name: np.array([AT[f] for f in features], dtype=np.int64) for name, features in EVIDENCE.items()}
CROWD = np.concatenate([COLUMNS[name] for name in ("popularity", "store", "segment")])


@dataclass(frozen=True)
class Lost:
    """Purchases of a row's group that go, each (n_rows,): orders decayed by 30 and 120 days, days, and the age of the
    latest."""

    count30: Floats
    count120: Floats
    days: Floats
    last: Floats


@dataclass(frozen=True)
class RowFeatures:
    """`x` (n_rows, len(FEATURES)) as the rows were scored; `nobody` the same for a customer of whom nothing is known;
    `ordinary` (len(FEATURES),) those of an ordinary item."""

    x: Matrix
    nobody: Matrix
    ordinary: NDArray[np.float32]

    def column(self, name: str) -> Floats:
        """One feature as float64."""
        return self.x[:, AT[name]].astype(np.float64)

    def of_nobody(self, name: str) -> Floats:
        """One feature of a customer of whom nothing is known, as float64."""
        return self.nobody[:, AT[name]].astype(np.float64)

    def take(self, rows: Ints) -> RowFeatures:
        """The chosen rows."""
        return RowFeatures(self.x[rows], self.nobody[rows], self.ordinary)

    def without(self, *evidence: str) -> Matrix:
        """Without all that stands on the named entries of `EVIDENCE`."""
        out = self.x.copy()
        for name in evidence:
            out[:, COLUMNS[name]] = self.nobody[:, COLUMNS[name]]
        return out

    def without_item(self, cited: Cited) -> Matrix:
        """Without her purchases of the item."""
        out = self.without("item")
        self._take_out(out, "als", cited.own_als)
        mine = Lost(*map(self.column, ("count_half30", "count_half120", "times", "recency")))
        for level in LEVELS:
            self._lessen(out, level, mine)
        return out

    def without_cited(self, cited: Cited, own: Pairs, codes: Mapping[str, Ints], item: Ints) -> Matrix:
        """Without her purchases of the cited items; `codes` by level of each catalogue position."""
        out = self._less_scores(cited.cited_loss)
        there = cited.place >= 0
        if not there.any():
            return out
        at = np.where(there, cited.place, 0)
        other = own.key[at] % len(codes[LEVELS[0]])
        for level in LEVELS:
            same = there & (codes[level][other] == codes[level][item][:, None])
            values = (own.counts[:, 1], own.counts[:, 3], own.times)
            count30, count120, days = (np.where(same, v[at], 0.0).sum(axis=1) for v in values)
            self._lessen(out, level, Lost(count30, count120, days, np.where(same, own.last[at], np.inf).min(axis=1)))
        return out

    def without_habit(self, cited: Cited) -> Matrix:
        """Without her purchases of the row's type, or of its category where there are none of the type; of rows that
        she never bought."""
        out = self._less_scores(cited.habit_loss)
        by_type = cited.habit == 0
        count30, count120, days, last = self._group("product_type")
        count30, count120, days = (np.where(by_type, v, 0.0) for v in (count30, count120, days))
        self._lessen(out, "category", Lost(count30, count120, days, last))
        for place, level in enumerate(HABIT_LEVELS):
            columns = np.concatenate([COLUMNS[level], COLUMNS["pull"]])
            at = np.ix_(np.flatnonzero(cited.habit == place), columns)
            out[at] = self.nobody[at]
        return out

    def without_leading(self, cited: Cited, complement: Floats) -> Matrix:
        """Without her purchases of the type that leads to the row's; `complement` is the score that stays."""
        out = self._less_scores(cited.leading_loss)
        out[:, AT["complement"]] = complement
        return out

    def without_looks(self) -> Matrix:
        """Without looks at the item."""
        out = self.without("looks")
        out[:, AT["viewed_category"]] = np.maximum(self.column("viewed_category") - self.column("viewed"), 0.0)
        return out

    def without_tag(self, event: Floats) -> Matrix:
        """Without one tag; `event` is the score that stays."""
        out = self.x.copy()
        out[:, AT["event"]] = event
        return out

    def without_crowd(self) -> Matrix:
        """As an ordinary item would be bought, where it is bought more: among all, in her store, by customers like
        her."""
        out = self.x.copy()
        usual = self.ordinary[CROWD]
        out[:, CROWD] = np.where(np.isnan(usual), out[:, CROWD], np.minimum(out[:, CROWD], usual))
        return out

    def _group(self, level: str) -> tuple[Floats, Floats, Floats, Floats]:
        """Columns of a level as in `Lost`."""
        counts = [self.column(f"{level}_{n}") for n in ("count30", "count120", "days")]
        return counts[0], counts[1], counts[2], self.column(f"{level}_recency")

    def _lessen(self, out: Matrix, level: str, lost: Lost) -> None:
        """Takes purchases of a group out of its columns of `out`."""
        count30, count120, days, last = self._group(level)
        touched, left = lost.days > 0, np.maximum(days - lost.days, 0.0)
        gap = last / np.maximum(self.column(f"{level}_due"), 1e-9)
        last = np.where(lost.last <= last, last + gap, last)
        kept = np.maximum(count120 - lost.count120, 0.0)
        values = {
            "count30": np.maximum(count30 - lost.count30, 0.0),
            "count120": kept,
            "share120": self.column(f"{level}_share120") * kept / np.maximum(count120, 1e-9),
            "days": left,
            "recency": last,
            "due": last / np.maximum(gap, 1e-9),
        }
        for name, column in values.items():
            out[touched, AT[f"{level}_{name}"]] = column[touched]
        gone = np.ix_(np.flatnonzero(touched & (left <= 0)), COLUMNS[level])
        out[gone] = self.nobody[gone]
        if level == "product_type" and len(COLUMNS["pull"]):
            share = np.where(touched, kept / np.maximum(count120, 1e-9), 1.0)
            out[:, COLUMNS["pull"]] *= share[:, None].astype(np.float32)

    def _less_scores(self, loss: Mapping[str, Floats]) -> Matrix:
        """What is left when purchases' parts of the scores are gone."""
        out = self.x.copy()
        for name, values in loss.items():
            self._take_out(out, name, values)
        return out

    def _take_out(self, out: Matrix, name: str, loss: Floats) -> None:
        """Takes a part of a score out of it, and as much out of what it is in units of the customer's spread."""
        score = self.column(name)
        share = np.divide(loss, score, out=np.zeros(len(loss)), where=score != 0)
        out[:, AT[name]] = score - loss
        out[:, AT[SCALED[name]]] = self.column(SCALED[name]) * (1.0 - share)
