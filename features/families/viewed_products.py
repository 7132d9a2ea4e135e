"""Family H, the part about products viewed and not bought: cheaper by now, or back in stock.

Both compare the product at the customer's last view of it with the product at the cut, and leave out what she bought
at or after that view.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.browsed import not_bought_since, product_views, with_product_no
from features.definitions import FeatureDef
from features.facts import Facts
from features.local_days import micros
from features.product_spans import join_spans, product_spans
from features.windows import within

FAMILY = "H browsing"
NEEDS: tuple[str, ...] = ("browsing",)
WINDOW = 30
Def = partial(
    FeatureDef,
    family=FAMILY,
    kind="int",
    window="last 30 days",
    default="0",
    low=0,
    leak_note="the product as of the cut: versions that begin before it",
)

DEFINITIONS = (
    Def(
        "price_drop_on_viewed",
        92,
        definition="products viewed, not bought since, and cheaper now than at the last view by price_drop or more",
        sources=("browsing", "products.list_price"),
    ),
    Def(
        "back_in_stock_on_viewed",
        93,
        definition="products out of stock when viewed last, not bought since, and in stock now",
        sources=("browsing", "products.in_stock"),
    ),
)


def features(facts: Facts) -> list[DataFrame]:
    """Features 92 and 93."""
    viewed = last_views(facts)
    return [
        _count(facts, viewed, dearer_before(facts), "price_drop_on_viewed"),
        _count(facts, viewed, out_of_stock_before(facts), "back_in_stock_on_viewed"),
    ]


def last_views(facts: Facts) -> DataFrame:
    """customer_no, product_no, last_us: the last view of each product in 30 days."""
    recent = product_views(facts).where(within(WINDOW))
    return recent.groupBy("customer_no", "product_no").agg(F.max("last_us").alias("last_us"))


def dearer_before(facts: Facts) -> DataFrame:
    """product_id, from_us, until_us: when a product cost so much more than at the cut that now is a drop."""
    spans = product_spans(facts.tables["products"], ("list_price",), facts.as_of)
    cents = (F.col("list_price") * 100).cast("bigint")
    # whole numbers, since a tenth is not exact as a double
    kept_part = 10_000 - round(facts.params.browsing.price_drop * 10_000)
    now = _at_cut(facts, spans).select(F.col("product_id").alias("_product_id"), cents.alias("_now"))
    return _compared(spans, now, F.col("_now") * 10_000 <= cents * kept_part)


def out_of_stock_before(facts: Facts) -> DataFrame:
    """product_id, from_us, until_us: when a product that is in stock at the cut was not."""
    spans = product_spans(facts.tables["products"], ("in_stock",), facts.as_of)
    now = _at_cut(facts, spans).where(F.col("in_stock")).select(F.col("product_id").alias("_product_id"))
    return _compared(spans, now, ~F.col("in_stock"))


def _at_cut(facts: Facts, spans: DataFrame) -> DataFrame:
    return spans.where(F.col("until_us") == F.lit(micros(facts.as_of)))


def _compared(spans: DataFrame, now: DataFrame, condition: Column) -> DataFrame:
    same = F.col("product_id") == F.col("_product_id")
    return spans.join(now, same, how="inner").where(condition).select("product_id", "from_us", "until_us")


def _count(facts: Facts, viewed: DataFrame, spans: DataFrame, name: str) -> DataFrame:
    found = join_spans(viewed, with_product_no(facts, spans), F.col("last_us"), "product_no")
    wanted = not_bought_since(facts, found, F.col("last_us"))
    return wanted.groupBy("customer_no").agg(F.count(F.lit(1)).cast("int").alias(name))
