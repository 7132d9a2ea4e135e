"""Write channel and offer scores.

Every customer with a typical offer of each channel and kind (channel_scores) and with each live offer
(offer_scores), by the champion response model.
"""

from __future__ import annotations

from pyspark.sql import DataFrame

from features.contact_features import ContactSources, as_contact_features
from features.contact_pairs import as_live_pairs, as_typical_pairs, customers_at
from features.order_lines import account_customers
from jobs.contact_sources import OPTIONAL, READS, SETTINGS, contact_sources
from jobs.runs import Job, Step
from models.response import load_response
from scoring.channels import as_best_times, score_channels, score_offers

STEP = Step(
    "score-channels",
    reads=READS,
    optional=OPTIONAL,
    writes=("channel_scores", "offer_scores"),
    models=("response",),
    settings=(*SETTINGS, "channel_scores"),
    next="nextbest decide-offers",
)


def run(job: Job) -> None:
    """Scores typical and live offers for every customer."""
    champion = job.model("response")
    job.say(f"response model version {champion.version}, kind {load_response(champion.path).kind}")
    path, params = job.engine.ship(champion.path), job.settings.channel_scores
    sources = contact_sources(job)
    customers = customers_at(sources.customer_map, job.as_of)
    channels = known_channels(sources, params.default_channel)

    typical = as_typical_pairs(customers, sources.offers, job.as_of, channels)
    times = None
    if job.has("responses") and job.has("contacts"):
        accounts = account_customers(sources.customer_map, job.as_of)
        times = as_best_times(sources.responses, sources.contacts, accounts, job.as_of, params)
    features = _features(job, typical, sources)
    written = job.write("channel_scores", score_channels(path, features, times, job.as_of, params))
    job.count("channel_scores", written)

    live = as_live_pairs(customers, sources.offers, job.as_of, channels)
    written = job.write("offer_scores", score_offers(path, _features(job, live, sources), job.as_of, params))
    job.count("offer_scores", written)
    if not written:
        job.say(f"no offer is live on {job.as_of.day}: nothing for decide-offers to choose from")


def known_channels(sources: ContactSources, default: str) -> list[str]:
    """Every channel that an offer or a send names, sorted; `default` where none does."""
    named = sources.offers.select("channel").union(sources.contacts.select("channel")).distinct()
    return sorted(row["channel"] for row in named.collect() if row["channel"] is not None) or [default]


def _features(job: Job, pairs: DataFrame, sources: ContactSources) -> DataFrame:
    return as_contact_features(
        pairs, sources, job.settings.contact_features, job.settings.time_zone, job.settings.response.response_kind
    )
