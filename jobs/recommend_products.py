"""Write next best products and next best categories of every customer, also of those who never bought."""

from __future__ import annotations

from pyspark.sql import functions as F

from features.batches import map_batches
from features.errors import DataError, ModelError
from features.output_tables import NEXT_BEST_CATEGORIES, NEXT_BEST_PRODUCTS
from jobs.product_rules import RULES, count_blocked, read_rules
from jobs.reason_words import read_words
from jobs.recommender_logs import LOGS, SETTINGS, read_logs
from jobs.runs import Job, Step
from scoring.history_rows import PURCHASE, as_histories
from scoring.recommendations import category_rows, open_recommender, product_rows

NAME = "recommender"
STEP = Step(
    "recommend-products",
    reads=("transactions", "products", "customer_map"),
    optional=(*LOGS, RULES),
    writes=("next_best_products", "next_best_categories"),
    models=(NAME,),
    settings=SETTINGS,
    next="nextbest score-channels",
)


def run(job: Job) -> None:
    """Loads the champion, scores all customers in one pass per table."""
    model = job.model(NAME)
    cut = open_recommender(str(model.path)).cut
    if cut > job.as_of.day:
        raise ModelError(
            f"the champion (version {model.version}) was trained on purchases until {cut}, after {job.as_of.day}: "
            "its lists would know the future. Train at that date first: nextbest train-recommender --as-of "
            f"{job.as_of.day}"
        )
    logs = read_logs(job)
    rules = read_rules(job)
    rows_of_customers = as_histories(
        logs.purchases, rules.denied, views=logs.views, tags=logs.tags, admitted=rules.admitted
    )
    histories = job.write_read("histories", rows_of_customers)
    bought = F.array_contains(F.col("log.kind"), PURCHASE).cast("int")
    found = histories.agg(F.count(F.lit(1)).alias("customers"), F.sum(bought).alias("bought")).collect()[0]
    job.count("customers", found["customers"])
    job.count("customers_without_purchases", found["customers"] - (found["bought"] or 0))
    open_path = job.engine.ship(model.path)
    words = read_words(job.settings.recommender.language)
    products = product_rows(open_path, job.as_of, words, rules.open)
    rows = job.write("next_best_products", map_batches(histories, products, NEXT_BEST_PRODUCTS))
    if rows == 0:
        raise DataError(f"nobody is a customer before {job.as_of.day}; choose a later --as-of")
    categories = category_rows(open_path, job.as_of, words, rules.open)
    job.write("next_best_categories", map_batches(histories, categories, NEXT_BEST_CATEGORIES))
    count_blocked(job, histories, open_path, rules)
    job.say(f"champion: version {model.version}, trained up to {cut}")
