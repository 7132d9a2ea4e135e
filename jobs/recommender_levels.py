"""From the lake to the arrays that training and tuning of the recommender learn from."""

from __future__ import annotations

from features.interactions import collect_interactions, collect_log
from jobs.recommender_logs import read_logs, read_tag_rules
from jobs.recommender_sample import sample_logs, with_true_counts
from jobs.runs import Job
from recommend.dealings import on_one_axis
from scoring.learned_days import view_history_days
from scoring.recommender_inputs import Levels, build_levels, catalogue_rows, products_for_sale


def read_levels(job: Job) -> Levels:
    """What customers did, as known before the cut, and the catalogue, as arrays."""
    sampled = sample_logs(job, read_logs(job))
    logs = sampled.logs
    purchases = collect_interactions(logs.purchases)
    views = None if logs.views is None else collect_log(logs.views)
    tags = None if logs.tags is None else collect_log(logs.tags)
    rows = catalogue_rows(job.read("products"), job.as_of).toArrow().to_pydict()
    # what nobody bought yet is learned about too, as far back as the windows that are learned from
    params, looked_at = job.settings.recommender, set() if views is None else set(views.products)
    days = params.candidates.new_days + view_history_days(params, job.settings.horizon_days) - params.view_days
    new = products_for_sale(rows, looked_at, job.as_of.epoch_day, days, params.drop_departments)
    rules = read_tag_rules(job.settings)
    # what only customers beyond the sample bought has its place on the axis too
    others = [] if sampled.products is None else sampled.products[0]
    levels = build_levels(on_one_axis(purchases, views, tags, products=[*new, *others], rules=rules), rows)
    levels = with_true_counts(levels, sampled)
    dealings = levels.products
    job.count("customers", dealings.n_customers)
    job.count("products", dealings.purchases.n_products)
    job.count("purchase_days", len(purchases))
    job.count("view_days", len(dealings.views))
    job.count("tag_days", len(dealings.tags))
    return levels
