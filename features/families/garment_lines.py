"""What was bought of products that state a colour, a size, a style or their first day on sale."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.facts import Facts
from features.families.returns import returned_lines
from features.product_versions import versions_at_event

WINDOW = 730
ATTRIBUTES = ("product_type", "category", "colour", "size", "style", "season", "launched_on")
STATED = ("colour", "size", "style", "launched_on")
LINE = ("order_id", "product_id", "line_no")


def garment_lines(facts: Facts) -> DataFrame:
    """`as_garment_lines` of the snapshot, kept."""
    return facts.kept("garment_lines", lambda: as_garment_lines(facts))


def as_garment_lines(facts: Facts) -> DataFrame:
    """Order lines of 730 days, with what their product stated when they were bought.

    Columns: customer_no, order_id, product_id, line_no, days_ago, product_type (the category where a product has no
    type), colour and style (lower case), size, season, launched_ago (local days from the first day on sale to the
    cut), returned (as known before the cut), back_days_ago and about_fit (of what was returned).
    """
    known = known_before(facts.tables["transactions"], facts.as_of)
    recent = known.where(F.col("event_ts") >= F.lit(facts.as_of.plus(-WINDOW).ts))
    lines = recent.select("account_id", "event_ts", *LINE)
    # products first: where none states any of these, nothing is left to join
    stated = versions_at_event(lines, facts.tables["products"], ATTRIBUTES, facts.as_of, STATED).join(
        F.broadcast(facts.accounts.select("account_id", "customer_no")), "account_id", how="inner"
    )
    named = stated.select(
        "customer_no",
        *LINE,
        facts.days_ago(F.col("event_ts")).alias("days_ago"),
        F.coalesce(plain("product_type"), plain("category")).alias("product_type"),
        as_name("colour").alias("colour"),
        as_name("style").alias("style"),
        plain("size").alias("size"),
        plain("season").alias("season"),
        (F.lit(facts.as_of.epoch_day) - F.unix_date("launched_on")).alias("launched_ago"),
    )
    if not facts.has("order_status"):
        unknown = {"returned": F.lit(False), "back_days_ago": F.lit(None).cast("int"), "about_fit": F.lit(False)}
        return named.select("*", *[value.alias(name) for name, value in unknown.items()])
    returned = returned_lines(facts).select(*LINE, "back_days_ago", "about_fit")
    # what came back is little: it comes first, so that the engine looks the lines up in it
    return returned.join(named, list(LINE), how="right").select(
        *named.columns,
        F.col("back_days_ago").isNotNull().alias("returned"),
        "back_days_ago",
        F.coalesce("about_fit", F.lit(False)).alias("about_fit"),
    )


def plain(column: str) -> Column:
    """A text without spaces around it; null where nothing is left."""
    text = F.trim(F.col(column))
    return F.when(text != "", text)


def as_name(column: str) -> Column:
    """`plain` in lower case: White and white are one colour."""
    return F.lower(plain(column))
