"""The two-stage recommender of one level (products or categories): candidates, scores, p_buy. Model files by path.

Each segment (repeat: bought before, explore: not) is scored by a ranker of its own or by the best single source, as the
gate decided; either way a calibrator per kind turns the score into P(bought within the horizon as things stand).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import ModelError
from models.calibration import Calibrator
from models.ranker import Matrix, Ranker, open_ranker
from recommend.candidates import SOURCES, Candidates, FoldInParams, Sources, build_candidates
from recommend.catalogue import Catalogue
from recommend.categories import STATES, category_states
from recommend.histories import Floats, Histories, Ints
from recommend.item_side import ItemSide
from recommend.list_params import CandidateParams, ListParams
from recommend.lists import product_kinds
from recommend.pair_features import FEATURES, pair_features
from scoring.presence import calibrated, presence
from scoring.recommender_params import Level

SEGMENTS = ("repeat", "explore")
COLUMN = {name: i for i, name in enumerate(FEATURES)}
# single sources that can rank a segment, by the feature that holds what they say
SINGLES = {
    "repeat": {"due": "due_p", "als": "als", "similar": "similar"},
    "explore": {"als": "als", "similar": "similar"},
}
FORMAT = 2


@dataclass(frozen=True)
class Scored:
    """Candidates with their features, raw score in [0, 1], kind and p_buy (6 decimals)."""

    candidates: Candidates
    x: Matrix
    raw: Floats
    kind: Ints
    p_buy: Floats


@dataclass(frozen=True)
class SecondStage:
    """A fitted recommender of one level at a cut: `rankers` per segment (none where there was too little to learn),
    `modes` per segment (`ranker`, `heuristic` or a name of `SINGLES`), `calibrators` per "mode.kind", and
    per "mode.kind.presence" for customers as new, or as long away."""

    level: Level
    catalogue: Catalogue
    sources: Sources
    rankers: dict[str, Ranker]
    modes: dict[str, str]
    calibrators: dict[str, Calibrator]

    def score(self, h: Histories, exclude: Ints | None = None) -> Scored:
        """Scores the candidates of every customer of `h`; `exclude` as in `build_candidates`."""
        return self.score_found(h, build_candidates(h, self.sources, exclude, self.level.lists.k))

    def score_found(self, h: Histories, found: Candidates) -> Scored:
        """Scores given candidates of customers of `h`."""
        x = pair_features(h, self.catalogue, self.sources.side, found.customer, found.item, found.scores)
        kind = kinds_of(self.level, found, x)
        present = presence_of(x)
        raw, p_buy = np.zeros(len(kind)), np.zeros(len(kind))
        for segment in SEGMENTS:
            mode = self.modes[segment]
            inside = found.owned == (segment == "repeat")
            raw[inside] = raw_scores(mode, self.rankers, self.sources.side, found.owned[inside], x[inside])
            for number in np.unique(kind[inside]):
                rows = inside & (kind == number)
                p_buy[rows] = calibrated(self.calibrators, f"{mode}.{number}", raw[rows], present[rows])
        return Scored(found, x, raw, kind, np.round(p_buy, 6))

    def save(self, folder: Path) -> None:
        """Plain files in one flat folder, each beginning with the level's name."""
        name = self.level.name
        self.catalogue.save(folder, name)
        self.sources.side.save(folder, name)
        for segment, ranker in self.rankers.items():
            ranker.save(folder, f"{name}.{segment}")
        about = {
            "format": FORMAT,
            "level": asdict(self.level),
            "candidates": asdict(self.sources.params),
            "fold_in": asdict(self.sources.fold_params),
            "rankers": sorted(self.rankers),
            "modes": self.modes,
            "calibrators": {key: json.loads(c.to_json()) for key, c in sorted(self.calibrators.items())},
        }
        (folder / f"{name}.json").write_text(json.dumps(about, indent=1, sort_keys=True), encoding="utf-8")

    @staticmethod
    def open(folder: Path, name: str) -> SecondStage:
        """What `save` wrote, arrays memory-mapped; `ModelError` when it is not that. Verify the files' hashes first."""
        try:
            about = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
            if about["format"] != FORMAT:
                raise ModelError(f"{folder}: format {about['format']}, expected {FORMAT}; train the recommender again")
            level = Level(name, ListParams(**about["level"]["lists"]), about["level"]["lapsed_days"])
            side, catalogue = ItemSide.open(folder, name), Catalogue.open(folder, name)
            params, fold = CandidateParams(**about["candidates"]), FoldInParams(**about["fold_in"])
            return SecondStage(
                level,
                catalogue,
                Sources.of(side, catalogue, params, fold),
                {segment: open_ranker(folder, f"{name}.{segment}") for segment in about["rankers"]},
                about["modes"],
                {key: Calibrator.from_json(json.dumps(c)) for key, c in about["calibrators"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{folder} holds no {name} recommender: {error}; train the recommender again") from error


def kinds_of(level: Level, found: Candidates, x: Matrix) -> Ints:
    """Kind of each candidate: a position in `PRODUCT_KINDS`, or in `STATES` for categories."""
    if level.by_state:
        return category_states(found.owned, column(x, "recency"), level.lapsed_days)
    only_popular = found.source[:, SOURCES.index("popular")] & (found.source.sum(axis=1) == 1)
    days, trend, pop7 = (column(x, n) for n in ("category_days", "item_trend", "item_pop7"))
    return product_kinds(found.owned, days, only_popular, trend, pop7, level.lists)


def presence_of(x: Matrix) -> Ints:
    """How present the customer of each pair is: a position in `scoring.presence.PRESENCE`."""
    return presence(column(x, "customer_last_seen"), column(x, "customer_member_for"))


def column(x: Matrix, name: str) -> Floats:
    """One feature as float64."""
    return x[:, COLUMN[name]].astype(np.float64)


def raw_scores(
    mode: str,
    rankers: Mapping[str, Ranker],
    side: ItemSide,
    owned: NDArray[np.bool_],
    x: Matrix,
    threads: int = 1,
) -> Floats:
    """Uncalibrated scores in [0, 1].

    The heuristic is decayed GP-TopFreq (own orders, halved every 120 days, squeezed) where she bought the item before,
    and the share of customers who bought it in the last 28 days where she did not. A single source says what it says.
    """
    if mode == "ranker":
        return ranker_scores(rankers, owned, x, threads)
    if mode != "heuristic":
        names = {name for singles in SINGLES.values() for name in singles}
        if mode not in names:
            raise ModelError(f"{mode!r} ranks nothing, known are {sorted(names)}; train the recommender again")
        score = column(x, next(singles[mode] for singles in SINGLES.values() if mode in singles))
        # probabilities stay, others are squeezed into (0, 1) in the same order
        return score if mode == "due" else 0.5 + 0.5 * score / (1.0 + np.abs(score))
    own = column(x, "count_half120")
    return np.where(owned, own / (1.0 + own), column(x, "item_pop28") / max(int(side.customers), 1))


def ranker_scores(rankers: Mapping[str, Ranker], owned: NDArray[np.bool_], x: Matrix, threads: int = 1) -> Floats:
    """What each pair's ranker, that of its segment, says."""
    out = np.zeros(len(owned))
    for segment in SEGMENTS:
        inside = np.flatnonzero(owned == (segment == "repeat"))
        if not len(inside):
            continue
        if segment not in rankers:
            raise ModelError(f"the model holds no ranker of the segment {segment}; train the recommender again")
        rows = x if len(inside) == len(x) else x[inside]
        out[inside] = rankers[segment].predict(rows, FEATURES, threads)
    return out


def n_kinds(level: Level) -> int:
    """Kinds that candidates can have (`fallback` is a label of rows, not of candidates)."""
    return len(STATES) if level.by_state else 4


def segment_of(level: Level, kind: int) -> str:
    """The segment that a kind belongs to."""
    if level.by_state:
        return "explore" if kind == STATES.index("never") else "repeat"
    return "repeat" if kind == 0 else "explore"
