"""Rankers per segment: compared before the gate, on one scale, and never on what they learned from."""

from dataclasses import replace

import numpy as np
import pytest

from models.recommender_params import OBJECTIVES
from recommend.catalogue import build_catalogue
from recommend.dealings import as_dealings
from recommend.list_params import ListParams
from scoring.recommender_params import Level
from scoring.stage_gate import best_single, segment_metrics, with_single_scores
from scoring.stage_learning import Trial, on_one_scale, rescale_raw, shares
from scoring.train_second_stage import Trained, build_frame, established, fit_second_stage
from tests.recommend.shop import CUT, PARAMS, shelf, shop

LEVEL = Level("products", ListParams(k=6))


@pytest.fixture(scope="module")
def trained() -> Trained:
    """The test shop, all objectives."""
    data = shop()
    return fit_second_stage(data, shelf(data), CUT, LEVEL, PARAMS, lambda line: None)


def test_each_segment_takes_the_objective_that_was_best(trained: Trained) -> None:
    """One trial per objective and segment, one of them taken; another than the first only if better on both."""
    for segment in ("repeat", "explore"):
        mine: list[Trial] = [t for t in trained.trials if t.segment == segment]
        assert sorted(t.objective for t in mine) == sorted(OBJECTIVES)
        (taken,) = [t for t in mine if t.taken]
        first = next(t for t in mine if t.objective == PARAMS.ranker.objectives[0])
        assert taken is first or (taken.recall > first.recall and taken.ndcg > first.ndcg)
        assert trained.stage.rankers[segment].objective == taken.objective


def test_the_champion_is_the_best_single_source_of_the_earlier_window(trained: Trained) -> None:
    """No other source has a higher sum of recall and NDCG there; without a window it is the heuristic."""
    frame = trained.earlier
    assert frame is not None
    assert frame.h.cut < trained.latest.h.cut  # type: ignore[union-attr]
    for segment in ("repeat", "explore"):
        known = [m for m in frame.raw if m != "ranker" and not (m == "due" and segment == "explore")]
        value = {m: sum(np.nanmean(v) for v in segment_metrics(frame, segment, m).values()) for m in known}
        assert value[best_single(frame, segment)] == pytest.approx(max(value.values()))
    assert best_single(None, "repeat") == "heuristic"


def test_scores_of_both_segments_come_true_as_often_as_they_say(trained: Trained) -> None:
    """Brought to one scale on later windows, the mean score of a segment's best rows is what was bought."""
    frame = trained.latest
    assert frame is not None
    halved = rescale_raw(frame, {"repeat": (1.0, -2.0), "explore": (1.0, 1.0)})
    back = rescale_raw(halved, on_one_scale(trained.stage.rankers, [halved]))
    for owned in (True, False):
        rows = back.found.owned == owned
        assert back.raw["ranker"][rows].mean() == pytest.approx(frame.bought[rows].mean(), abs=0.05)
        order = np.argsort(frame.raw["ranker"][rows])
        assert (np.diff(back.raw["ranker"][rows][order]) >= 0).all()
    assert set(with_single_scores(frame).raw) >= {"heuristic", "due", "als", "similar"}


def test_windows_built_at_once_are_what_they_are_one_by_one(trained: Trained) -> None:
    """With several threads two windows are built side by side; their pairs and features do not change."""
    data = shop()
    both = fit_second_stage(data, shelf(data), CUT, LEVEL, replace(PARAMS, threads=2), lambda line: None)
    for one, other in ((trained.latest, both.latest), (trained.earlier, both.earlier)):
        assert one is not None
        assert other is not None
        assert np.array_equal(one.found.item, other.found.item)
        assert np.array_equal(one.x, other.x, equal_nan=True)
    assert np.array_equal(trained.stage.sources.side.factors, both.stage.sources.side.factors)


def test_more_is_learned_from_of_what_is_owned() -> None:
    """The share of pairs not bought is that of the pair's segment."""
    ranker = replace(PARAMS.ranker, negatives=0.1, negatives_repeat=0.4)
    assert shares(np.array([True, False]), ranker).tolist() == [0.4, 0.1]


def test_items_that_had_yet_to_come_up_teach_nothing() -> None:
    """Of a catalogue of often bought items only those count that were as often bought by then."""
    data = shop()
    kept = established(as_dealings(data), 40)
    least = data.baskets_per_product().min()
    assert least > 0
    assert kept.tolist() == (data.before(40).baskets_per_product() >= least).tolist()
    assert not kept.all()


def test_what_was_never_sold_does_not_set_the_least_and_launches_teach() -> None:
    """An unsold item on the axis changes nothing for the others; what was offered as new at a window teaches there,
    whether it was sold later or not, and nothing else does that had not come up."""
    data = shop()
    wider = replace(data, products=np.array([*data.products, "q0", "q1"], dtype=object))
    alone, kept = established(as_dealings(data), 40), established(as_dealings(wider), 40)
    assert kept.tolist() == [*alone.tolist(), False, False]
    # p23 comes up late, and was new at the window
    launched = np.full(wider.n_products, -1)
    launched[[23, 24]] = 60
    late = wider.where((wider.product != 23) | (wider.day >= 98))
    n = wider.n_products
    names = [str(p) for p in wider.products]
    catalogue = build_catalogue(names, names, ["c"] * n, ["t"] * n, [None] * n, launched.tolist())
    frame, _ = build_frame(as_dealings(late), catalogue, 84, PARAMS, 0.5)
    assert frame.allowed is not None
    assert frame.allowed[[23, 24, 25]].tolist() == [True, True, False]
    assert {23, 24} <= set(frame.found.item.tolist())
