"""Spans of time in which a product stayed the same."""

from datetime import timedelta

from pyspark.sql import SparkSession

from features.local_days import DAY, micros
from features.product_spans import product_spans
from features.source_purchases import PRODUCTS
from tests.features.purchase_world import AS_OF, frame, product


def test_versions_with_equal_columns_are_one_span(spark: SparkSession) -> None:
    """Three prices of one category are one span; what was nothing in between is left out, and so is the future."""
    changes = [("MILK", 40), ("MILK", 30), (None, 20), ("MILK", 10), ("SOAP", 5), ("GONE", 0)]
    rows = [product("p", c, valid_from=AS_OF.ts - timedelta(days=d)) for c, d in changes]
    spans = product_spans(frame(spark, PRODUCTS, rows), ("category",), AS_OF).collect()
    cut = micros(AS_OF)
    found = {(r["category"], max((cut - r["from_us"]) // DAY, 0), (cut - r["until_us"]) // DAY) for r in spans}
    always = max(d for _, d, _ in found)
    assert always > 40  # the first version reaches back
    assert found == {("MILK", always, 20), ("MILK", 10, 5), ("SOAP", 5, 0)}
