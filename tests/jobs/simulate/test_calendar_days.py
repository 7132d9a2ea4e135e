"""Days of a world: dates of festivals and what they do to shopping."""

from datetime import date

import numpy as np
import pytest

from jobs.simulate.calendar_days import CalendarParams, category_factors, dated_events, make_calendar
from jobs.simulate.catalogue import CatalogueParams, make_catalogue
from jobs.simulate.errors import WorldError

YEAR = make_calendar(CalendarParams(), 1, date(2026, 1, 1), 365)


def _on(event: str, year: int) -> list[date]:
    return [day for day, name, _ in dated_events(year) if name == event]


@pytest.mark.parametrize(
    ("event", "day"),
    [
        ("spring_festival", date(2024, 2, 10)),
        ("spring_festival", date(2026, 2, 17)),
        ("spring_festival", date(2028, 1, 26)),
        ("qixi", date(2026, 8, 19)),
        ("mid_autumn", date(2026, 9, 25)),
        ("dragon_boat", date(2025, 5, 31)),
        ("mothers_day", date(2026, 5, 10)),  # second Sunday of May
        ("fathers_day", date(2026, 6, 21)),  # third Sunday of June
        ("618", date(2026, 6, 18)),
        ("singles_day", date(2027, 11, 11)),
    ],
)
def test_festivals_fall_on_their_dates(event: str, day: date) -> None:
    """Lunar and computed festivals stand on the dates of the official calendar."""
    assert _on(event, day.year) == [day]


def test_lunar_festivals_keep_their_distance() -> None:
    """Lantern Festival is 14 days after Spring Festival, every year of the table."""
    for year in range(2024, 2029):
        assert (_on("lantern_festival", year)[0] - _on("spring_festival", year)[0]).days == 14


def test_big_days_stand_out() -> None:
    """Singles Day is the year's peak, Spring Festival its low; a pay day lies above its neighbours."""
    calendar = make_calendar(CalendarParams(noise=0), 1, date(2026, 1, 1), 365)
    first = date(2026, 1, 1)
    assert calendar.factor.argmax() == (date(2026, 11, 11) - first).days
    assert abs(int(calendar.factor.argmin()) - (date(2026, 2, 17) - first).days) <= 7
    pay = (date(2026, 4, 15) - first).days
    assert calendar.factor[pay] > 1.1 * calendar.factor[pay - 1]
    assert calendar.factor.mean() == pytest.approx(1)


def test_weekday_and_month_follow_the_date() -> None:
    """2026-02-17 is a Tuesday in February."""
    at = (date(2026, 2, 17) - YEAR.first_day).days
    assert (YEAR.weekday[at], YEAR.month[at]) == (1, 2)


def test_events_lie_within_the_days_asked() -> None:
    """Event days index the calendar's arrays, and kinds are those of the source table."""
    days = [day for day, _, _ in YEAR.events]
    assert min(days) >= 0
    assert max(days) < 365
    assert {kind for _, _, kind in YEAR.events} == {"festival", "promotion", "payday", "day_off"}
    assert len(set(YEAR.events)) == len(YEAR.events)


def test_a_longer_calendar_begins_like_a_short_one() -> None:
    """Within the years it touches, the factor does not depend on how many days are asked."""
    short = make_calendar(CalendarParams(), 1, date(2026, 1, 1), 100)
    np.testing.assert_array_equal(YEAR.factor[:100], short.factor)


def test_festivals_move_categories() -> None:
    """Mooncake season lifts gift food, and winter lifts coats."""
    catalogue = make_catalogue(CatalogueParams(), 1, 365)
    factor = category_factors(YEAR, catalogue)
    gifts, coats = catalogue.category.index("gift_food"), catalogue.category.index("women_outerwear")
    eve = (date(2026, 9, 24) - YEAR.first_day).days
    assert factor[eve, gifts] > 4 * factor[eve + 10, gifts]
    assert factor[340, coats] > 3 * factor[190, coats]


def test_unknown_years_are_refused() -> None:
    """A year without a festival table raises, and says which years there are."""
    with pytest.raises(WorldError, match="2024 to 2028"):
        make_calendar(CalendarParams(), 1, date(2028, 6, 1), 365)
