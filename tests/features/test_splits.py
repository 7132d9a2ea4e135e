"""Calendar cuts."""

import doctest
from datetime import date

import pytest

import features.splits
from features.errors import DataError
from features.splits import CalendarCut, calendar_cuts, cuts_before


def test_the_examples_of_the_docstrings():
    """They are the definitions."""
    assert doctest.testmod(features.splits).failed == 0


def test_an_embargo_is_a_gap_that_neither_side_sees():
    """Training ends earlier; the label window stays."""
    cut = CalendarCut.at(date(2017, 12, 4), embargo_days=7)
    assert (cut.embargo_days, cut.start - cut.train_end, cut.end - cut.start) == (7, 7, 28)
    assert cut.label_start == date(2017, 12, 4)


@pytest.mark.parametrize(
    ("bounds", "message"), [((5, 4, 11), "train_end"), ((4, 4, 4), "train_end"), ((4, 4, 9), "whole weeks")]
)
def test_windows_are_whole_weeks_after_training(bounds, message):
    """Anything else is refused with what was expected."""
    with pytest.raises(DataError, match=message):
        CalendarCut(*bounds)


def test_overlapping_label_windows_are_refused():
    """A purchase must not count in two windows."""
    with pytest.raises(DataError, match="overlap"):
        calendar_cuts([date(2017, 12, 4), date(2017, 11, 20)])


def test_windows_back_to_back_before_an_end():
    """The last window ends where asked; an embargo only moves the training end."""
    cuts = cuts_before(1000, 3, embargo_days=7)
    assert [(c.train_end, c.start, c.end) for c in cuts] == [(909, 916, 944), (937, 944, 972), (965, 972, 1000)]
