"""Baskets: products of the category that are on sale, favourites, prices."""

import numpy as np
import pytest

from jobs.simulate.baskets import BehaviourParams, Picks, as_lines, discount
from jobs.simulate.model import PAID, Lines
from tests.jobs.simulate.small_world import DAYS, lived, small_people, small_world


def _lines(category: int, day: int, n: int = 1000, wanted: int = -1) -> Lines:
    """One line for each of n persons."""
    each = np.arange(n)
    where = np.full(n, day), np.zeros(n, np.int64), np.full(n, category), np.full(n, wanted)
    return as_lines(small_world(), small_people(), Picks(each, each, *where))


def test_products_are_of_the_category_and_on_sale() -> None:
    """Nothing is bought before its launch; each product stands once in a trip."""
    catalogue, log = small_world().catalogue, lived()[1]
    lines = log.lines
    assert (catalogue.product_category[lines.product] == lines.category).all()
    assert (catalogue.launch_day[lines.product] <= log.trips.day[lines.trip]).all()
    assert len(np.unique(lines.trip * 100_000 + lines.product)) == len(lines.trip)
    assert np.array_equal(np.bincount(lines.trip, minlength=len(log.trips.lines)), log.trips.lines)


def test_amounts_add_up() -> None:
    """Amount is the list amount less the discount; margin what is left of it after the cost."""
    world, log = small_world(), lived()[1]
    lines, catalogue = log.lines, world.catalogue
    off = discount(world, log.trips.day[lines.trip], lines.category)
    assert lines.list_amount == pytest.approx(catalogue.list_price[lines.product] * lines.quantity, abs=0.006)
    assert lines.amount == pytest.approx(lines.list_amount * (1 - off), abs=0.006)
    cost = lines.list_amount * (1 - catalogue.margin_rate[lines.product])
    assert lines.margin == pytest.approx(lines.amount - cost, abs=0.011)
    assert 0 < (off > 0).mean() < 0.4


def test_what_is_consumed_is_bought_again() -> None:
    """The same product comes back in consumables far more often than elsewhere."""
    interval = small_world().catalogue.interval_days
    same = {}
    for kind, category in (("consumed", int(np.argmax(interval > 0))), ("other", int(np.argmax(interval == 0)))):
        first, later = _lines(category, 5), _lines(category, 50)
        same[kind] = (first.product == later.product).mean()
    assert same["consumed"] > 0.3
    assert same["other"] < same["consumed"] / 2


def test_products_fit_the_price_band() -> None:
    """Who likes the dearest band pays more in the same category."""
    band = small_people().band[:1000]
    price = small_world().catalogue.list_price[_lines(int(np.argmax(small_world().catalogue.appeal)), 5).product]
    assert price[band == band.max()].mean() > 1.3 * price[band == band.min()].mean()


def test_an_offer_leads_to_its_product() -> None:
    """About the stated share of lines goes to the product that an opened offer is about."""
    product = int(small_world().catalogue.first_product[0])
    share = (_lines(0, 5, wanted=product).product == product).mean()
    assert share > small_world().params.behaviour.offer_product_share - 0.05


def test_paid_trips_carry_lines() -> None:
    """Orders hold 2.2 lines on average, with a tail."""
    log = lived()[1]
    lines = log.trips.lines[log.trips.outcome == PAID]
    assert lines.min() >= 1
    assert 1.9 < lines.mean() < 2.6
    assert lines.max() > 6
    assert log.trips.day.max() == DAYS - 1


@pytest.mark.parametrize("wrong", [{"due_floor": 0}, {"repeat": 2}, {"outcome": {"store": (1, 0, 0, 0)}}])
def test_parameters_out_of_range_are_named(wrong: dict[str, object]) -> None:
    """The error names the key."""
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BehaviourParams(**wrong)  # type: ignore[arg-type]
