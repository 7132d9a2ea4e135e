"""The companion of searches: the words that a customer looked for, decayed (89 search_terms_decay[t]).

A query is written the same way whoever typed it (NFKC, lower case, single spaces). Words that few customers typed may
name a person or an address: they are left out, by `search_min_customers`. Of the others the `search_terms` strongest
of each customer are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.batches import map_batches
from features.browsed import SEASON, numbered_log, with_customer_ids, with_days_ago
from features.browsing_days import SEARCH
from features.contract import Column, Contract
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.category_interest import decay
from features.feature_contract import feature_contract
from features.rounding import rounded

FAMILY = "searches of a customer"
Searched = partial(FeatureDef, family=FAMILY, sources=("browsing.query",), window=f"last {SEASON} days", default="0")
Def = partial(Searched, low=0, purpose="profiling")

DEFINITIONS = (
    Def(
        "search_terms_decay",
        89,
        kind="double",
        definition="searches for the term, halved every search_half_life_days",
    ),
    Def("n_searches", 89, kind="int", definition="searches for the term"),
    Def("days_since_search", 89, kind="int", definition="days from the last of them to the cut"),
)

NEEDS: tuple[str, ...] = ("browsing",)
CONTRACT = feature_contract(
    "customer_search_terms",
    "The terms that each customer searched for most and last; terms of few customers are left out.",
    (Column("term", "string", "what was searched for, normalised"),),
    DEFINITIONS,
)
QUERIES = Contract(
    "normalised_searches",
    "Searches per customer and day.",
    (),
    (
        Column("customer_no", "int", "customer, as a number of the snapshot"),
        Column("term", "string", "normalised query"),
        Column("days_ago", "int", "local days before the cut"),
        Column("n", "long", "searches"),
    ),
    role="internal",
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and term."""
    own = facts.params.browsing
    searches = numbered_log(facts, "browsing", "query", "event_kind", days=SEASON).where(
        (F.col("event_kind") == SEARCH) & F.col("query").isNotNull()
    )
    # the same words on the same day are normalised once
    dated = with_days_ago(facts, searches, SEASON)
    days = dated.groupBy("customer_no", "query", "days_ago").agg(F.count(F.lit(1)).alias("n"))
    terms = (
        map_batches(days, normalise_batches, QUERIES)
        .where(F.col("term") != "")
        .groupBy("customer_no", "term")
        .agg(
            rounded(F.sum(F.col("n") * decay(own.search_half_life_days))).alias("search_terms_decay"),
            F.sum("n").cast("int").alias("n_searches"),
            F.min("days_ago").alias("days_since_search"),
        )
    )
    customers = F.count(F.lit(1)).over(Window.partitionBy("term"))
    public = terms.withColumn("_customers", customers).where(F.col("_customers") >= own.search_min_customers)
    strongest = Window.partitionBy("customer_no").orderBy(F.col("search_terms_decay").desc(), "term")
    ranked = public.withColumn("_place", F.row_number().over(strongest))
    return with_customer_ids(facts, ranked.where(F.col("_place") <= own.search_terms))


def normalise_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Adds `term` to batches with `query`."""
    for batch in batches:
        table = pa.Table.from_batches([batch])
        yield table.append_column("term", normalised(table["query"].cast(pa.string())))


def normalised(queries: pa.ChunkedArray) -> pa.ChunkedArray:
    """Queries in NFKC, lower case, with single spaces and none at the ends.

    >>> normalised(pa.chunked_array([["　ＦＯＯ  Bar "]])).to_pylist()
    ['foo bar']
    """
    folded = pc.utf8_lower(pc.utf8_normalize(queries, form="NFKC"))
    return pc.utf8_trim(pc.replace_substring_regex(folded, pattern=r"[\s\p{Z}]+", replacement=" "), characters=" ")
