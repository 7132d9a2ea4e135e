"""What the recommender reads: looks by day, and what could be known of them at an earlier cut."""

from datetime import datetime, timedelta

import numpy as np
from pyspark.sql import SparkSession

from features.interactions import Interactions, collect_interactions
from features.output_tables import CUSTOMER_MAP
from features.source_visits import BROWSING, CART_EVENTS
from recommend.catalogue import build_catalogue
from recommend.dealings import Dealings, on_one_axis
from recommend.histories import histories_before
from recommend.signals import Seen
from scoring.recommender_inputs import build_levels, known_view_days
from tests.features.purchase_world import AS_OF, Row, as_self, frame, local
from tests.purchases import purchases


def look(name: str, product: str, days: int, late: int = 0, hour: float = 12, **others: object) -> Row:
    """A look so many days before the cut, known `late` days after."""
    ts = at(days, hour)
    return {"event_id": name, "account_id": "a", "event_ts": ts, "available_ts": ts + timedelta(days=late),
            "event_kind": "view", "product_id": product} | others  # fmt: skip


def at(days: int, hour: float) -> datetime:
    """A local time of the day so many days before the cut."""
    return local(AS_OF.plus(-days).day, hour)


LOOKS = [look("1", "p", 9, hour=9), look("2", "p", 9, hour=10), look("3", "q", 9, hour=11)]
LATE = [look("4", "p", 9, late=5), look("5", "q", 9, late=5), look("6", "p", 3)]
CARTS = [look("7", "p", 9, late=5, event_kind="add", quantity=1)]


def both_levels(spark: SparkSession, looks: list[Row], carts: list[Row]) -> list[Dealings]:
    """Products p and q of one category, and the category, from looks as the lake has them."""
    tables = frame(spark, BROWSING, looks), frame(spark, CART_EVENTS, carts)
    found = known_view_days(*tables, frame(spark, CUSTOMER_MAP, as_self(["a"])), AS_OF, 30)
    assert found is not None
    views: Interactions = collect_interactions(found)
    data = on_one_axis(purchases([("a", "p", AS_OF.epoch_day - 50, 1)]), views, products=["q"])
    same = {name: ["x", "x"] for name in ("name", "department", "category", "product_type", "brand")}
    levels = build_levels(data, {"product_id": ["p", "q"], **same})
    return [levels.products, levels.categories]


def seen_at(data: Dealings, days: int) -> Seen:
    """What was known of looks so many days before the cut."""
    names = [str(p) for p in data.purchases.products]
    shelf = build_catalogue(names, names, names, names, names)
    return histories_before(data, shelf, AS_OF.epoch_day - days).seen


def test_a_look_known_late_changes_nothing_before_and_hides_nothing(spark: SparkSession) -> None:
    """Between the looks of a day and the delivery of others of that day, at both levels; later all of them count."""
    whole, without = both_levels(spark, LOOKS + LATE, CARTS), both_levels(spark, LOOKS, [])
    for level, one, other in zip(("products", "categories"), whole, without, strict=True):
        for days in (9, 8, 5, 4):
            mine, before = seen_at(one, days), seen_at(other, days)
            for name in vars(mine):
                np.testing.assert_array_equal(getattr(mine, name), getattr(before, name), err_msg=f"{level} {days}")
        assert len(seen_at(other, 8).item) == (2 if level == "products" else 1)
    now = seen_at(whole[0], 0)
    assert list(zip(now.item, now.age, now.views, now.carts)) == [(0, 9, 3, 1), (0, 3, 1, 0), (1, 9, 2, 0)]
    above = seen_at(whole[1], 0)
    assert list(zip(above.age, above.views, above.carts)) == [(9, 5, 1), (3, 1, 0)]
