"""Rows that each go with a stretch of another array, laid out one after the other."""

from __future__ import annotations

import numpy as np

from recommend.histories import Ints


def lay_out(low: Ints, size: Ints) -> tuple[Ints, Ints, Ints]:
    """Of rows that go with the `size` elements from `low` on: where each row begins in the layout, and per element of
    it the row and the position. No size may be 0."""
    start = np.cumsum(size) - size
    row = np.repeat(np.arange(len(size)), size)
    return start, row, np.arange(int(size.sum())) + np.repeat(low - start, size)
