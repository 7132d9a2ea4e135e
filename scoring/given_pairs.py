"""Scores of given (customer, item) pairs, whether or not a source would propose them."""

from __future__ import annotations

from recommend.candidates import given_pairs
from recommend.histories import Histories, Ints
from scoring.second_stage import Scored, SecondStage


def score_pairs(stage: SecondStage, h: Histories, keys: Ints) -> Scored:
    """The pairs of sorted, distinct `keys` (customer * h.n_items + item), scored as candidates are.

    No source proposed them, so none of them is of the kind `trending`.
    """
    return stage.score_found(h, given_pairs(h, stage.sources, keys))
