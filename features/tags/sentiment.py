"""The mood of a post's own words, told by a small lexicon: meant for what is said of brands."""

from __future__ import annotations

import re

from features.tags.lexicon import Mood

TURNS_WITHIN = 3  # characters before a word in which a turning word reverses it


class MoodReader:
    """Reads moods by one lexicon."""

    def __init__(self, mood: Mood) -> None:
        """Compiles the words; longer ones win."""
        self._good = frozenset(mood.good)
        words = sorted({*mood.good, *mood.bad}, key=lambda w: (-len(w), w))
        self._words = re.compile("|".join(map(re.escape, words))) if words else None
        self._turning = re.compile("|".join(map(re.escape, mood.turning))) if mood.turning else None

    def read(self, text: str, emotions: tuple[str, ...] = ()) -> float | None:
        """(good - bad) / (good + bad) of the words found, -1 to 1; None where there is none."""
        if self._words is None:
            return None
        good = bad = 0
        for part in (text, *emotions):
            for m in self._words.finditer(part):
                before = part[max(0, m.start() - TURNS_WITHIN) : m.start()]
                turned = self._turning is not None and self._turning.search(before) is not None
                if (m.group() in self._good) != turned:
                    good += 1
                else:
                    bad += 1
        return round((good - bad) / (good + bad), 6) if good + bad else None
