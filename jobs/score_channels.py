"""Write channel and offer scores.

Every customer with a typical offer of each channel and kind (channel_scores) and with each live offer
(offer_scores), by the champion response model.
"""

from __future__ import annotations

from features.contact_features import ContactSources, as_contact_features
from features.contact_pairs import as_pairs, customers_at, live_options, typical_options
from features.order_lines import account_customers
from jobs.contact_sources import OPTIONAL, READS, SETTINGS, contact_sources
from jobs.runs import Job, Step
from models.response import load_response
from scoring.channels import as_best_times, score_channels, score_offers, score_pairs

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

    live = live_options(sources.offers, job.as_of, channels)
    typical = typical_options(sources.offers, job.as_of, channels)
    pairs = as_pairs(customers, live.union(typical), job.as_of)
    features = as_contact_features(
        pairs, sources, job.settings.contact_features, job.settings.time_zone, job.settings.response.response_kind
    )
    scores = job.write_read("pair_scores", score_pairs(path, features, params))

    times = None
    if job.has("responses") and job.has("contacts"):
        accounts = account_customers(sources.customer_map, job.as_of)
        times = as_best_times(sources.responses, sources.contacts, accounts, job.as_of, params)
    job.write("channel_scores", score_channels(scores, typical, times, job.as_of))
    if not job.write("offer_scores", score_offers(scores, live, job.as_of)):
        job.say(f"no offer is live on {job.as_of.day}: nothing for decide-offers to choose from")


def known_channels(sources: ContactSources, default: str) -> list[str]:
    """Every channel that an offer or a send names, sorted; `default` where none does."""
    named = sources.offers.select("channel").union(sources.contacts.select("channel")).distinct()
    return sorted(row["channel"] for row in named.collect() if row["channel"] is not None) or [default]
