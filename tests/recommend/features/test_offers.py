"""Offers: shares of lines below the shelf price by hand."""

import numpy as np
import pytest

from recommend.features import offers
from recommend.features.asked import Asked
from recommend.histories import build_histories
from recommend.item_side import fit_item_side
from recommend.list_params import CandidateParams
from tests.recommend.shop import shelf, shop


def test_shares_of_reduced_lines_by_hand() -> None:
    """Item 0: three lines, the one of last week reduced by a quarter; item 1 never reduced."""
    customers = np.array(["a", "b"], dtype=object)
    who, item, day = np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), np.array([10, 60, 98, 99])
    ones, amount = np.ones(4), np.array([4.0, 4.0, 3.0, 2.0])
    listed = np.array([4.0, 4.0, 4.0, 2.0])
    h = build_histories(customers, 2, 100, who, item, day, ones, ones, amount, list_amount=listed)
    parts = offers.fit(h)
    usually = (1 + 1) / (3 + 10)
    assert parts["offer.usually"][0] == pytest.approx(usually)
    assert parts["offer.lately7"][0] == pytest.approx((1 + 2 * usually) / 3)
    assert parts["offer.depth14"].tolist() == [0.25, 0.0]
    nothing = np.empty((0, 0), dtype=np.float32)
    factors, none = np.zeros((2, 3), dtype=np.float32), np.empty(0, dtype=np.int64)
    side = fit_item_side(h, factors, none, nothing, CandidateParams(), parts)
    catalogue = shelf(shop(customers=2))
    x = offers.columns(Asked(h, catalogue, side, np.array([0, 1]), np.array([0, 1]), {}))
    assert x.shape == (2, len(offers.NAMES))
    # half of what b bought was on offer, nothing of what a bought
    assert x[:, -1].tolist() == [0.0, 0.5]
