"""Product attributes as they held at an event, and at the cut."""

from datetime import UTC, timedelta
from decimal import Decimal

from pyspark.sql import SparkSession

from features.product_versions import product_versions, versions_at_cut, versions_at_event
from features.source_tables import PRODUCTS
from tests.features.purchase_world import AS_OF, frame, product

DAY = timedelta(days=1)
VERSIONS = [
    # first described ten days before the cut: what it was before that is what it was then
    product("p0", "MILK", colour="white", valid_from=AS_OF.ts - 10 * DAY),
    product("p0", "CHEESE", colour="blue", valid_from=AS_OF.ts - 5 * DAY),
    product("p0", "FUTURE", colour="red", valid_from=AS_OF.ts),
    product("p1", "MILK", colour=None),
    product("p2", "MILK", colour="white"),
    # the colour is taken back: from then on it is not known
    product("p2", "MILK", colour=None, valid_from=AS_OF.ts - 5 * DAY),
    product("p3", "MILK", colour="green", valid_from=AS_OF.ts + DAY),
    # two versions of one moment: one of them holds, the same on every run
    product("p4", "MILK", colour="ash", valid_from=AS_OF.ts - 5 * DAY),
    product("p4", "MILK", colour="oak", valid_from=AS_OF.ts - 5 * DAY),
]


def test_attributes_hold_from_their_version_to_the_next(spark: SparkSession) -> None:
    """A change counts from its instant on; unknown products and unstated colours have no row; the cut's own do not."""
    events = [(p, AS_OF.ts - age) for p in ("p0", "p1", "p2", "p3", "p4", "p9") for age in (99 * DAY, 5 * DAY, DAY)]
    events.append(("p0", AS_OF.ts - 5 * DAY - timedelta(microseconds=1)))
    frame_ = spark.createDataFrame(
        [(i, *e) for i, e in enumerate(events)], "i int, product_id string, event_ts timestamp"
    )
    products = frame(spark, PRODUCTS, VERSIONS)
    found = {r["i"]: r["colour"] for r in versions_at_event(frame_, products, ("colour",), AS_OF).collect()}
    expected = {0: "white", 1: "blue", 2: "blue", 6: "white", 12: "ash", 13: "oak", 14: "oak", 18: "white"}
    assert found == expected
    both = versions_at_event(frame_, products, ("category", "colour"), AS_OF).where("product_id = 'p1'").collect()
    assert {(r["category"], r["colour"]) for r in both} == {("MILK", None)}
    at_cut = {r["product_id"]: r["colour"] for r in versions_at_cut(products, ("colour",), AS_OF).collect()}
    assert at_cut == {"p0": "blue", "p4": "oak"}


def test_versions_that_differ_in_other_columns_are_one(spark: SparkSession) -> None:
    """A price that changes every week leaves one span of a colour, and two where the colour changes there and back."""
    weekly = [
        product("p0", colour="blue", valid_from=AS_OF.ts - 7 * i * DAY, list_price=Decimal(i)) for i in range(1, 9)
    ]
    there = product("p1", colour="red", valid_from=AS_OF.ts - 20 * DAY)
    back = [there, there | {"colour": "blue", "valid_from": AS_OF.ts - 9 * DAY}, there | {"valid_from": AS_OF.ts - DAY}]
    found = product_versions(frame(spark, PRODUCTS, weekly + back), ("colour",), AS_OF).collect()
    spans = sorted((r["product_id"], r["_from"].replace(tzinfo=UTC), r["colour"]) for r in found)
    assert [(p, c) for p, _, c in spans] == [("p0", "blue"), ("p1", "red"), ("p1", "blue"), ("p1", "red")]
    assert len({(r["product_id"], r["_until"]) for r in found}) == 4
