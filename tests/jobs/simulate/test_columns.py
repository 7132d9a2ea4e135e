"""Columns of Arrow tables from arrays."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow as pa

from jobs.simulate.columns import (
    dates,
    expand,
    ids,
    money,
    or_null,
    order_by,
    rank_in,
    stamps,
    taken,
    utc,
    words,
)
from jobs.simulate.draws import opaque_ids


def test_ids_are_those_of_the_draws() -> None:
    """Both ways of writing an identifier agree, and no two numbers share one."""
    numbers = np.arange(5000)
    found = ids(3, "order", "o-", numbers)
    found.validate(full=True)
    assert found.to_pylist() == opaque_ids(3, "order", "o-", numbers)
    assert len(found.unique()) == 5000


def test_money_is_exact_to_the_cent() -> None:
    """Cents are rounded once; signs and nulls are kept."""
    column = money(np.array([0.1 + 0.2, -19.995, 1234567.89, 5.0]), np.array([False, False, False, True]))
    column.validate(full=True)
    assert column.to_pylist() == [Decimal("0.30"), Decimal("-20.00"), Decimal("1234567.89"), None]
    assert money(np.empty(0)).to_pylist() == []


def test_local_time_becomes_utc() -> None:
    """Shanghai is eight hours ahead of UTC all year."""
    us = utc(date(2026, 1, 1), np.array([0, 181]), np.array([0, 615.5]))
    expected = [datetime(2025, 12, 31, 16, tzinfo=UTC), datetime(2026, 7, 1, 2, 15, 30, tzinfo=UTC)]
    assert stamps(us).to_pylist() == expected
    assert dates(date(2026, 1, 1), np.array([-1, 31])).to_pylist() == [date(2025, 12, 31), date(2026, 2, 1)]


def test_words_and_nulls() -> None:
    """Codes become words, negative codes and rows become null."""
    assert words(("a", "b"), np.array([1, -1, 0])).to_pylist() == ["b", None, "a"]
    assert taken(pa.array(["x", "y"]), np.array([1, -1, 1])).to_pylist() == ["y", None, "y"]
    assert or_null(pa.array(["x", "y"]), np.array([True, False])).to_pylist() == [None, "y"]
    assert words(("a",), np.array([0])).type.value_type == pa.string()


def test_order_is_by_time_then_tie() -> None:
    """Seconds decide, then the tie's leading bits; the rows' first places do not."""
    us = np.array([5, 3, 5, 3]) * 1_000_000
    tie = np.array([1 << 63, 2 << 60, 1 << 60, 1 << 60], np.uint64)
    assert order_by(us, tie).tolist() == [3, 1, 2, 0]
    assert order_by(us[:0], tie[:0]).tolist() == []
    assert order_by(us[:1], tie[:1]).tolist() == [0]
    assert order_by(us[[0, 0]], tie[[0, 2]]).tolist() == [1, 0]


def test_groups_expand_and_rank() -> None:
    """Rows of owners, and places within groups of several keys."""
    owner, place = expand(np.array([0, 2, 1]))
    assert owner.tolist() == [1, 1, 2]
    assert place.tolist() == [0, 1, 0]
    assert rank_in(np.array([1, 1, 2, 1]), np.array([7, 8, 7, 7])).tolist() == [0, 0, 0, 1]
    assert rank_in(np.empty(0, int)).tolist() == []
