"""List rules: slots, caps, fallback, ties."""

import numpy as np

from recommend.list_params import ListParams
from recommend.lists import PRODUCT_KINDS, choose_rows, product_kinds


def listed(rows, params):  # type: ignore[no-untyped-def]
    """(item, kind, rank_in_kind) of one customer's list from (item, category, kind, p_buy) rows."""
    item, category, kind, p = (np.array(column) for column in zip(*rows))
    kind = np.array([PRODUCT_KINDS.index(k) for k in kind])
    one = np.zeros(len(item), dtype=np.int64)
    out = choose_rows(one, item, category, kind == 0, kind, p, p, params)
    assert out.rank.tolist() == list(range(1, len(out.rank) + 1))
    return [(int(item[i]), PRODUCT_KINDS[k], int(r)) for i, k, r in zip(out.pair, out.kind, out.rank_in_kind)]


def test_discovery_slots_hold_places_for_items_never_bought() -> None:
    """Of three places one is kept for the best new item, although three owned ones score higher."""
    rows = [(1, 1, "replenish", 0.9), (2, 2, "replenish", 0.8), (3, 3, "replenish", 0.7), (4, 4, "discover", 0.1)]
    got = listed(rows, ListParams(k=3, discovery_slots=1, repeat_slots=0, max_per_category=0))
    assert got == [(1, "replenish", 1), (2, "replenish", 2), (4, "discover", 1)]


def test_slots_give_way_before_a_list_stays_short() -> None:
    """Without new items the owned ones fill the kept places, as what they are."""
    rows = [(1, 1, "replenish", 0.9), (2, 2, "replenish", 0.8), (3, 3, "replenish", 0.7)]
    assert len(listed(rows, ListParams(k=3, discovery_slots=2, max_per_category=0))) == 3


def test_rows_above_the_category_cap_only_fill_up_and_say_so() -> None:
    """The third of a category with cap 2 comes last, labelled fallback, whatever its score."""
    rows = [(i, 7, "discover", 0.9 - i / 10) for i in range(3)] + [(9, 8, "cross_category", 0.1)]
    got = listed(rows, ListParams(k=4, discovery_slots=0, repeat_slots=0, max_per_category=2))
    assert got == [(0, "discover", 1), (1, "discover", 2), (9, "cross_category", 1), (2, "fallback", 1)]


def test_ties_go_to_the_smaller_id() -> None:
    """Equal scores are listed in order of the id, in whatever order they come."""
    rows = [(5, 1, "discover", 0.5), (2, 2, "discover", 0.5), (3, 3, "discover", 0.5)]
    got = listed(rows, ListParams(k=2, discovery_slots=0, repeat_slots=0))
    assert [item for item, _, _ in got] == [2, 3]


def test_kinds() -> None:
    """Owned; popular only and rising; category known; category new."""
    kinds = product_kinds(
        np.array([True, False, False, False]),
        np.array([3.0, 0.0, 2.0, 0.0]),
        np.array([False, True, False, True]),
        np.array([9.0, 2.0, 2.0, 1.0]),
        np.array([99.0, 50.0, 50.0, 50.0]),
        ListParams(trending_ratio=1.3, trending_min=10),
    )
    assert [PRODUCT_KINDS[k] for k in kinds] == ["replenish", "trending", "discover", "cross_category"]
