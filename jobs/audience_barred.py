"""Who may not be reached for a subject: by rules on its products, and while a life event forbids it."""

from __future__ import annotations

import numpy as np
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.batches import map_batches
from features.hierarchy import as_current_products
from jobs.audience_ways import frame_of, offer_row
from jobs.product_rules import RULES
from jobs.recommender_logs import read_logs
from jobs.runs import Job
from recommend.catalogue import as_objects
from scoring.audience_rules import SubjectRules
from scoring.audience_scores import AUDIENCE_BARRED, audience_barred
from scoring.audience_targets import offer_target
from scoring.history_rows import as_histories
from scoring.product_eligibility import OUT_OF_STOCK, as_rule_lines, collect_segment_lines, customer_lines
from scoring.recommendations import Recommender, open_recommender

SubjectLines = tuple[SubjectRules | None, DataFrame | None, DataFrame | None]


def subject_products(job: Job, model: Recommender, kind: str, subject: str) -> list[str]:
    """The products that rules are asked of: the product, those of the offer, or what was ever sold in the category."""
    if kind == "product":
        return [subject]
    category: str | None = subject
    if kind == "offer":
        ids = offer_products(job, subject)
        if ids:
            return ids
        category = offer_row(job, subject).get("category")
    at = -1 if category is None else int(model.categories.catalogue.positions([category])[0])
    if at < 0:
        return []
    sold = np.asarray(model.products.sources.side.buyers) > 0
    return [str(p) for p in model.products.catalogue.items[sold & (np.asarray(model.place) == at)]]


def offer_products(job: Job, offer_id: str) -> list[str]:
    """Ids of the products that the offer names, sorted."""
    if not job.has("offer_products"):
        return []
    found = job.read("offer_products").where(F.col("offer_id") == offer_id).select("product_id").distinct()
    return sorted(str(r["product_id"]) for r in found.collect() if r["product_id"] is not None)


def subject_rules(job: Job, product_ids: list[str]) -> SubjectLines:
    """Rules on the products that hold at the cut: those on kinds of customers, and single customers denied and
    admitted. What is out of stock is left in, and said: a planner looks ahead."""
    if not product_ids or not job.has(RULES):
        return None, None, None
    asked = frame_of(job, "ruled", "product_id", as_objects(product_ids))
    products = job.read("products").join(asked, on="product_id", how="left_semi")
    held = as_rule_lines(job.read(RULES), products, job.as_of, known_shelves(products, job.as_of))
    lines = held.where(F.col("reason") != OUT_OF_STOCK).join(asked, on="product_id", how="left_semi")
    lines = job.write_read("rule_lines", lines)
    rules = SubjectRules(tuple(product_ids), collect_segment_lines(lines))
    return rules, customer_lines(lines, "deny"), customer_lines(lines, "allow")


def known_shelves(products: DataFrame, as_of: AsOf) -> DataFrame:
    """`product_id, category` at the cut, else the first that is known: what is sold from tomorrow has rules today."""
    now = as_current_products(products, as_of).select("product_id", "category")
    later = products.join(now, on="product_id", how="left_anti").groupBy("product_id")
    first = later.agg(F.min("valid_from").alias("valid_from"))
    ahead = products.join(first, on=["product_id", "valid_from"], how="left_semi").select("product_id", "category")
    return now.unionByName(ahead)


def barred_from_offer(job: Job, offer_id: str, customers: DataFrame) -> tuple[DataFrame | None, list[str]]:
    """`customer_id` of those among `customers` whom the scored offer may not be sent, None where that was not asked,
    and what to say of them."""
    if job.tracking.champion_version("recommender") is None:
        return None, ["without a recommender neither life events nor rules on products keep anybody out"]
    champion = job.model("recommender")
    model = open_recommender(str(champion.path))
    ids = offer_products(job, offer_id)
    # all of its products, not only those that sell best
    target = offer_target(model, ids, offer_row(job, offer_id).get("category"), max(len(ids), 1))
    rules, denied, admitted = subject_rules(job, subject_products(job, model, "offer", offer_id))
    if target is None and rules is None:
        return None, []
    logs = read_logs(job)
    rows = as_histories(logs.purchases, denied, tags=logs.tags, admitted=admitted)
    mine = rows.join(customers.select("customer_id").distinct(), on="customer_id", how="left_semi")
    function = audience_barred(job.engine.ship(champion.path), job.as_of, target, rules)
    found = job.write_read("barred", map_batches(mine, function, AUDIENCE_BARRED))
    return found.where(F.col("kept_out") | F.col("spared")).select("customer_id"), barred_notes(found)


def barred_notes(found: DataFrame) -> list[str]:
    """How many customers rules keep out, and how many more are spared, without a word on why."""
    n = found.agg(
        F.count(F.when(F.col("kept_out"), F.lit(1))).alias("out"),
        F.count(F.when(F.col("spared") & ~F.col("kept_out"), F.lit(1))).alias("spared"),
    ).collect()[0]
    notes = [f"rules on products keep {n['out']:,} customers out"] if n["out"] else []
    return [*notes, *([f"{n['spared']:,} customers are not to be reached for it for now"] if n["spared"] else [])]
