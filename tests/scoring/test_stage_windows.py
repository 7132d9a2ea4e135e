"""Windows before a cut: no label day is learned from that a judged window's history or labels hold."""

from dataclasses import replace

from models.recommender_params import RankerParams
from scoring.recommender_params import StageParams
from scoring.stage_windows import known_at, labels_of, window_starts

PARAMS = StageParams(ranker=RankerParams(windows=3), horizon_days=28)


def with_ranker(**changes: int) -> StageParams:
    """Other settings of the ranker."""
    return replace(PARAMS, ranker=replace(PARAMS.ranker, **changes))


def test_back_to_back_the_latest_labels_end_at_the_cut() -> None:
    """Four windows of four weeks; those with less than four weeks of history are left out."""
    assert window_starts(0, 200, PARAMS) == [172, 144, 116, 88]
    assert labels_of(172, PARAMS) == (172, 200)
    assert window_starts(100, 200, PARAMS) == [172, 144]
    assert window_starts(180, 200, PARAMS) == []
    assert known_at([172, 144, 116, 88], 172, PARAMS) == [144, 116, 88]


def test_overlapping_windows_learn_only_from_labels_that_were_known() -> None:
    """Two weeks apart: the window just before shares label days with the judged one and is passed over."""
    params = with_ranker(step_days=14)
    starts = window_starts(0, 200, params)
    assert starts == [172, 158, 144, 130]
    assert known_at(starts, 172, params) == [144, 130]


def test_an_embargo_stands_between_history_and_labels() -> None:
    """Histories end a week before their labels, and all labels before the cut."""
    params = with_ranker(embargo_days=7)
    starts = window_starts(0, 200, params)
    assert starts == [165, 137, 109, 81]
    assert labels_of(165, params) == (172, 200)
    assert known_at(starts, 165, params) == [109, 81]
