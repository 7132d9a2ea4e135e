"""An audience by the recommender: of a product, a category, or the products of an offer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.audience_tables import NEIGHBOURS
from features.batches import map_batches
from features.contract import nearest
from features.errors import DataError, ModelError
from features.hierarchy import as_current_products
from jobs.audience_barred import barred_notes, offer_products, subject_products, subject_rules
from jobs.audience_ways import Found, Ways, collect_contacts, frame_of, offer_row, ranked
from jobs.reason_words import read_words
from jobs.recommender_logs import read_logs
from jobs.runs import Job
from recommend.evidence.wording import numbered
from scoring.audience_contacts import best_customers, purchase_margin
from scoring.audience_launch import as_lookers, as_wanted_rate, with_lookers
from scoring.audience_scores import AUDIENCE_REASONS, AUDIENCE_SCORES, audience_reasons, audience_scores
from scoring.audience_targets import Target, category_target, offer_target, product_target
from scoring.audience_value import with_purchase_value
from scoring.decision_params import DecisionParams
from scoring.history_rows import as_histories
from scoring.recommendations import Recommender, open_recommender


def by_model(job: Job, kind: str, subject: str, n: int, ways: Ways) -> Found:
    """Customers by what the recommender says of the product, the category, or the offer's products."""
    champion = job.model("recommender")
    model = open_recommender(str(champion.path))
    if model.cut > job.as_of.day:
        raise ModelError(
            f"the champion (version {champion.version}) was trained on purchases until {model.cut}, after "
            f"{job.as_of.day}: train at that date first: nextbest train-recommender --as-of {job.as_of.day}"
        )
    target, notes = find_target(job, model, kind, subject)
    logs = read_logs(job)
    rules, denied, admitted = subject_rules(job, subject_products(job, model, kind, subject))
    rows = as_histories(logs.purchases, denied, views=logs.views, tags=logs.tags, admitted=admitted)
    histories = job.write_read("histories", rows)
    path, words = job.engine.ship(champion.path), read_words(job.settings.recommender.language)
    scored = map_batches(histories, audience_scores(path, job.as_of, target, rules), AUDIENCE_SCORES)
    scores = job.write_read("scores", scored)
    notes = (*notes, *barred_notes(scores))
    scores, lookers = scores.where(~(F.col("kept_out") | F.col("spared"))), None
    if target.basis == NEIGHBOURS and logs.views is not None:
        days = job.settings.recommender.view_days
        lookers = job.write_read("lookers", as_lookers(logs.views, subject, job.as_of, days))
        scores = with_lookers(scores, lookers, as_wanted_rate(scores).collect()[0]["rate"])
        notes = (*notes, f"{lookers.count():,} customers looked at it in the last {days} days")
    best = job.write_read("best", best_customers(scores, n))
    customers, score, _ = ranked(best)

    contacts, table = collect_contacts(job, customers, ways, None, subject if kind == "offer" else None)
    margin, note = margin_of(job, model, target, logs.purchases, ways.params, subject if kind == "product" else None)
    p_open, p_left = (
        np.array(table[c].fill_null(np.nan).to_pylist(), dtype=float) for c in ("p_open", "p_unsubscribe")
    )
    contacts = with_purchase_value(contacts, score, p_open, p_left, margin, ways.params)

    def reasons(chosen: NDArray[np.object_]) -> list[list[str]]:
        mine = histories.join(frame_of(job, "explained", "customer_id", chosen), on="customer_id", how="left_semi")
        told = map_batches(mine, audience_reasons(path, job.as_of, target, words), AUDIENCE_REASONS).toArrow()
        by_id = dict(zip(told["customer_id"].to_pylist(), told["reasons"].to_pylist(), strict=True))
        for row in [] if lookers is None else lookers.join(mine, on="customer_id", how="left_semi").collect():
            key = "carted" if row["carted"] else "looked_one"
            by_id[row["customer_id"]].insert(0, words[key].format(ago=numbered(words, "ago", row["looked_days"])))
        return [by_id[c] for c in chosen]

    notes = (*notes, note, f"champion: version {champion.version}, trained up to {model.cut}")
    return Found(customers, score, contacts, reasons, "p_buy", target.basis, model.horizon_days, notes)


def find_target(job: Job, model: Recommender, kind: str, subject: str) -> tuple[Target, tuple[str, ...]]:
    """What of the model stands for the subject, and what the planner should know of it."""
    most = job.settings.audiences.neighbours
    if kind == "category":
        return category_target(model, subject), ()
    if kind == "offer":
        return _offer_target(job, model, subject, most)
    row = product_row(job, subject)
    target = product_target(model, subject, row, most)
    notes = []
    if target.basis == NEIGHBOURS:
        notes.append(
            f"{subject} was never sold: {len(target.items)} products of the same {target.likeness} stand for it"
        )
    if row.get("in_stock") is False:
        notes.append(f"{subject} is not in stock")
    return target, tuple(notes)


def product_row(job: Job, product_id: str) -> dict[str, Any]:
    """The product's attributes at the cut, else the first that are known; `DataError` naming the nearest id."""
    products = job.read("products")
    mine = products.where(F.col("product_id") == product_id)
    now = as_current_products(mine, job.as_of).collect() or mine.orderBy("valid_from").limit(1).collect()
    if now:
        return dict(now[0].asDict())
    known = [str(p) for p in products.select("product_id").distinct().toArrow()["product_id"].to_pylist()]
    raise DataError(
        f"there is no product {product_id!r}{nearest(product_id, known)}; a product that was never sold needs a row in "
        "the table products, with its type, brand and category"
    )


def _offer_target(job: Job, model: Recommender, offer_id: str, most: int) -> tuple[Target, tuple[str, ...]]:
    row = offer_row(job, offer_id)
    target = offer_target(model, offer_products(job, offer_id), row.get("category"), most)
    if target is None:
        raise DataError(
            f"offer {offer_id} has no response score for {job.as_of.day} (nextbest score-channels scores live offers), "
            "and names no product or category that was ever sold"
        )
    stands = f"its {len(target.items)} best-selling products" if target.any_of else f"its category {row['category']}"
    return target, (f"offer {offer_id} has no response score for {job.as_of.day}: customers are ranked by {stands}",)


def margin_of(
    job: Job, model: Recommender, target: Target, purchases: DataFrame, params: DecisionParams, product_id: str | None
) -> tuple[float, str]:
    """Margin of one purchase of the subject, and where it comes from."""
    products = as_current_products(job.read("products"), job.as_of)
    catalogue = target.stage(model).catalogue
    ids = catalogue.items[np.asarray(target.items)]
    if target.level == "categories":
        chosen = products.where(F.col("category").isin([str(c) for c in ids])).select("product_id")
    else:
        chosen = frame_of(job, "margin_of", "product_id", ids)
    days = job.settings.audiences.margin_days
    found = purchase_margin(purchases, products, chosen, job.as_of, days, params.margin_rate).collect()[0]
    currency = job.settings.currency
    if found["margin"] is not None:
        text = f"margin of a purchase {found['margin']:.2f} {currency}, mean of {found['purchases']:,} in {days} days"
        return float(found["margin"]), text
    row = {} if product_id is None else product_row(job, product_id)
    price = row.get("list_price")
    amount = params.response_amount if price is None else float(price)
    rate = row.get("margin_rate")
    margin = round(amount * (params.margin_rate if rate is None else float(rate)), 6)
    return margin, f"margin of a purchase {margin:.2f} {currency}, assumed: nothing of it was sold in {days} days"
