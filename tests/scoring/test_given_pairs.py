"""Given pairs score as the same pairs do among candidates."""

import numpy as np

from recommend.histories import histories_before
from recommend.list_params import ListParams
from scoring.given_pairs import score_pairs
from scoring.recommender_params import Level
from scoring.train_second_stage import fit_second_stage
from tests.recommend.shop import CUT, PARAMS, shelf, shop


def test_candidates_given_as_pairs_keep_their_scores() -> None:
    """Any third of the candidates gets the raw score it has among all; an empty set of pairs gives no row."""
    data = shop()
    level = Level("products", ListParams(k=6))
    stage = fit_second_stage(data, shelf(data), CUT, level, PARAMS, lambda line: None).stage
    h = histories_before(data, shelf(data), CUT)
    every = stage.score(h)
    keys = every.candidates.customer * h.n_items + every.candidates.item
    some = score_pairs(stage, h, keys[::3])
    assert np.array_equal(some.raw, every.raw[::3])
    assert np.array_equal(some.candidates.item, every.candidates.item[::3])
    assert len(score_pairs(stage, h, keys[:0]).raw) == 0
