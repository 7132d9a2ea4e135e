"""Who looked at a product before it was ever sold."""

from datetime import date, timedelta

from pyspark.sql import SparkSession

from features.as_of import AsOf
from scoring.audience_launch import as_lookers, as_wanted_rate, with_lookers

AS_OF = AsOf(date(2026, 3, 1))


def test_who_looked_at_a_launch_stands_above_what_others_like_it_say(spark: SparkSession) -> None:
    """Looks in time count, the last one and carts; a looker has at least the chance of those who wanted one like it."""
    looks = [("a", "new", 3, 0.0), ("a", "new", 9, 1.0), ("b", "new", 5, 0.0), ("c", "new", 99, 1.0),
             ("d", "old", 2, 1.0), ("e", "new", 0, 1.0)]  # fmt: skip
    views = spark.createDataFrame(
        [(c, p, AS_OF.day - timedelta(days=d), 1.0, n) for c, p, d, n in looks],
        "customer_id string, product_id string, day date, quantity double, amount double",
    )
    lookers = as_lookers(views, "new", AS_OF, 90)
    found = {r["customer_id"]: (r["looked_days"], r["carted"]) for r in lookers.collect()}
    assert found == {"a": (3, True), "b": (5, False)}  # c long ago, d another product, e on the day of the cut
    scores = spark.createDataFrame(
        [("a", 0.01, 0.5, None), ("b", 0.3, 0.5, None), ("d", 0.2, 0.5, 0.2), ("f", 0.1, 0.5, 0.05)],
        "customer_id string, score double, raw double, wanted double",
    )
    rate = as_wanted_rate(scores).collect()[0]["rate"]
    assert rate == 0.125
    told = {r["customer_id"]: r for r in with_lookers(scores, lookers, rate).collect()}
    assert {c: r["score"] for c, r in told.items()} == {"a": 0.125, "b": 0.3, "d": 0.2, "f": 0.1}
    assert told["a"]["raw"] > told["b"]["raw"] > told["d"]["raw"]
    assert as_wanted_rate(scores.where("customer_id = 'a'")).collect()[0]["rate"] is None
    assert with_lookers(scores, lookers, None).where("customer_id = 'a'").collect()[0]["score"] == 0.01
