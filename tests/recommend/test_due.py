"""Repeat purchase by interval: gaps are found again, who is late, who has stopped, what is stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recommend.due import CELLS, DueModel, due_columns, due_pairs, due_probability, expected_gap, fit_due
from recommend.histories import Histories, build_histories, take

CUT, CUSTOMERS, ITEMS = 400, 300, 3
GAPS = (10, 25, 60)  # days, of the three items
HORIZON = 14


def bought(rows: list[tuple[int, int, int]], customers: int = 1, items: int = ITEMS, cut: int = CUT) -> Histories:
    """Histories of (customer, item, day) rows."""
    c, i, d = (np.array(v, dtype=np.int64) for v in zip(*rows)) if rows else (np.empty(0, dtype=np.int64),) * 3
    ids = np.array([f"c{n:03d}" for n in range(customers)], dtype=object)
    one = np.ones(len(c))
    return build_histories(ids, items, cut, c, i, d, one, one, one)


def renewals(seed: int = 0, until: int = CUT) -> list[tuple[int, int, int]]:
    """Each customer buys each item about every `GAPS` days (log-normal), and stops after each purchase with 1 in 12."""
    rows = []
    for c in range(CUSTOMERS):
        for item, gap in enumerate(GAPS):
            rng = np.random.default_rng([seed, c, item])  # the same days before any end
            day = float(rng.integers(0, 200))
            while day < until:
                rows.append((c, item, int(day)))
                if rng.random() < 1 / 12:
                    break
                day += max(1.0, gap * float(np.exp(rng.normal(0.0, 0.3))))
    return rows


@pytest.fixture(scope="module")
def known() -> Histories:
    """Everything before the cut."""
    return bought(renewals(), CUSTOMERS)


@pytest.fixture(scope="module")
def model(known: Histories) -> DueModel:
    """Fitted at the cut."""
    return fit_due(known, horizon=HORIZON)


def chances(model: DueModel, days: list[int], item: int = 0) -> tuple[float, float]:
    """P(bought again) and days since last / gap of a customer who bought the item on these days."""
    found = due_columns(model, due_pairs(bought([(0, item, d) for d in days])), np.array([item]))
    return float(found["due_p"][0]), float(found["due_ratio"][0])


def test_gaps_of_items_are_found_again(model: DueModel) -> None:
    """The mean gap of an item is the one that purchases were drawn with."""
    assert np.exp(model.log_gap) == pytest.approx(GAPS, rel=0.15)


def test_probabilities_come_true_after_the_cut(known: Histories, model: DueModel) -> None:
    """As many pairs are bought again as the probabilities say, above and below their median, and never before."""
    pairs = due_pairs(known)
    p = due_probability(model, pairs)
    later = {c * ITEMS + i for c, i, day in renewals(until=CUT + HORIZON) if day >= CUT}
    came = np.array([key in later for key in pairs.key])
    for part in (p >= np.median(p), p < np.median(p)):
        assert abs(came[part].sum() - p[part].sum()) < 3 * np.sqrt((p[part] * (1 - p[part])).sum()) + 0.1 * came.sum()
    assert p[came].mean() > 3 * p[~came].mean()


def test_due_now_is_likelier_than_long_past(known: Histories, model: DueModel) -> None:
    """Bought every ten days: likely when about due, hardly ever once four gaps went by, as then she has stopped."""
    pairs = due_pairs(known)
    found = due_columns(model, pairs, pairs.key)
    often = (pairs.key % ITEMS == 0) & (pairs.times >= 5)
    due = found["due_p"][often & (found["due_ratio"] > 0.5) & (found["due_ratio"] < 1.2)]
    past = found["due_p"][often & (found["due_ratio"] > 4)]
    assert due.min() > 0.5
    assert past.max() < 0.2


def test_just_bought_and_slow_is_not_yet_due(model: DueModel) -> None:
    """Of an item bought every two months the next is not expected two days after the last."""
    slow = [CUT - 182, CUT - 122, CUT - 62]
    assert chances(model, [*slow, CUT - 2], 2)[0] < chances(model, slow, 2)[0]


def test_one_purchase_has_the_gap_of_its_item(model: DueModel) -> None:
    """Nothing of her own is known: the item speaks."""
    pairs = due_pairs(bought([(0, 1, CUT - 5)]))
    assert expected_gap(model, pairs)[0] == pytest.approx(GAPS[1], rel=0.15)


def test_what_was_never_bought(model: DueModel) -> None:
    """No chance by interval, no gap; also without any purchase at all."""
    for h in (bought([(0, 0, CUT - 1)]), bought([])):
        found = due_columns(model, due_pairs(h), np.array([2]))
        assert found["due_p"].tolist() == [0.0]
        assert np.isnan(found["due_gap"][0])


def test_a_batch_changes_nothing(known: Histories, model: DueModel) -> None:
    """A customer's numbers are the same alone and among others."""
    pairs = due_pairs(known)
    every = due_probability(model, pairs)
    for c in (0, 7, 299):
        mine = due_probability(model, due_pairs(take(known, np.array([c]))))
        assert mine.tolist() == every[pairs.key // ITEMS == c].tolist()


def test_nothing_after_the_cut_is_read(model: DueModel) -> None:
    """Days beyond the cut change nothing."""
    again = fit_due(bought(renewals(until=CUT + 90), CUSTOMERS), horizon=HORIZON)
    assert again.odds.tolist() == model.odds.tolist()
    assert again.about.tolist() == model.about.tolist()


def test_groups_count_days_once(known: Histories) -> None:
    """Two items of a group on one day are one purchase day; items without a group are left out."""
    h = bought([(0, 0, CUT - 9), (0, 1, CUT - 9), (0, 2, CUT - 5)])
    pairs = due_pairs(h, np.array([0, 0, -1]), 1)
    assert pairs.times.tolist() == [1.0]
    assert pairs.visits120[0] > pairs.count120[0]
    both = fit_due(known, np.array([0, 0, 1]), 2, HORIZON)
    assert both.odds.shape == (2,)


def test_stored_as_arrays(tmp_path: Path, known: Histories, model: DueModel) -> None:
    """Saved and loaded without pickle it says the same."""
    for name, values in model.as_parts("due").items():
        np.save(tmp_path / f"{name}.npy", values, allow_pickle=False)
    parts = {p.name.removesuffix(".npy"): np.load(p, allow_pickle=False) for p in tmp_path.glob("*.npy")}
    pairs = due_pairs(known)
    opened = DueModel.from_parts(parts, "due")
    assert due_probability(opened, pairs).tolist() == due_probability(model, pairs).tolist()


def test_short_and_empty_histories() -> None:
    """Too little to learn from gives low equal chances; a few days give chances carried to the horizon."""
    empty = fit_due(bought([]), horizon=28)
    assert set(empty.tables) == set(CELLS)
    assert due_probability(empty, due_pairs(bought([]))).shape == (0,)
    once = fit_due(bought([(0, 0, CUT - 1)]), horizon=28)
    assert due_probability(once, due_pairs(bought([(0, 0, CUT - 1)]))).tolist() == [0.1]
    short = fit_due(bought([(0, 0, CUT - 10), (0, 0, CUT - 2)]), horizon=28)
    assert short.about[2] == 5.0
    with pytest.raises(ValueError, match="horizon"):
        fit_due(bought([]), horizon=0)
