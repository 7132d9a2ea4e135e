"""What training and scoring of the recommender read: the same logs, cut and cleaned in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame

from features.facts import Facts
from features.population import DEALINGS
from jobs.lexicon_files import load_event_offers, load_lexicon
from jobs.measured_tags import tags_for_targeting
from jobs.runs import Job
from jobs.settings import Settings
from recommend.tag_rules import TagRule
from scoring.learned_days import view_history_days
from scoring.recommender_inputs import known_purchase_days, known_view_days
from scoring.tag_days import known_customer_days, known_tag_days
from scoring.tag_rules import tag_rules

VIEWS = ("browsing", "cart_events")
TAGS = ("post_tags", "social_tags", "consents", "customers", "accounts", "tier_history")
LOGS = (*VIEWS, *TAGS, "order_status", "social_interactions")  # optional sources
# settings that decide what is read
SETTINGS = ("recommender", "customer_tags", "features", "tags", "time_zone", "horizon_days")


@dataclass(frozen=True)
class Logs:
    """Days of purchases, of views and of tags, each per customer; None where no source was delivered.

    The tags name every customer, also one of whom nothing but her being there is known.
    """

    purchases: DataFrame
    views: DataFrame | None
    tags: DataFrame


def read_logs(job: Job) -> Logs:
    """What was known before the cut, customers and product attributes as they were then."""
    params, customer_map = job.settings.recommender, job.read("customer_map")
    view_days = view_history_days(params, job.settings.horizon_days)
    browsing, carts = (job.read(name) if job.has(name) else None for name in VIEWS)
    return Logs(
        known_purchase_days(
            job.read("transactions"), job.read("products"), customer_map, job.as_of, params.drop_departments
        ),
        known_view_days(browsing, carts, customer_map, job.as_of, view_days),
        _tags(job),
    )


def _tags(job: Job) -> DataFrame:
    """Tags of customers by day, as far as settings and consents let them be used, and since when each is known."""
    # an empty table of consents is no missing one: nobody has consented
    there = [n for n in TAGS if (n == "consents" and n in job.pinned) or job.has(n)]
    sources = {name: job.read(name) for name in ("customer_map", *there)}
    facts = Facts(sources, job.as_of, job.settings.features, job.write_read)
    tags = known_tag_days(facts, job.settings.recommender.tags, targeting_tags(job.settings))
    there = [name for name in ("transactions", *DEALINGS) if name == "transactions" or job.has(name)]
    known = known_customer_days(replace(facts, tables={**sources, **{name: job.read(name) for name in there}}))
    return known if tags is None else tags.unionByName(known)


def targeting_tags(settings: Settings) -> frozenset[tuple[str, str]]:
    """(kind, tag) of the tags from posts that may choose whom to contact."""
    params = settings.customer_tags
    return tags_for_targeting(params.targeting_precision, params.targeting_min_tagged)


def read_tag_rules(settings: Settings) -> Mapping[str, TagRule]:
    """What the tags mean, by the lexicon and the table of what may be offered around a life event."""
    return tag_rules(load_event_offers(), load_lexicon(settings.tags).interests, settings.features.interests)
