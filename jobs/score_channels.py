"""Write channel and offer scores.

Every customer with a typical offer of each channel and kind (channel_scores) and with each live offer
(offer_scores), by the champion response model. Reach comes from channels, accounts and consents, rates of opens,
clicks and refusals from past sends, and what a contact brings (contact_effects) from accounts held out by a draw.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.contact_features import ContactSources, as_contact_features
from features.contact_pairs import as_open_pairs, as_pairs, customers_at, live_options, typical_options
from features.order_lines import account_customers
from features.output_tables import CUSTOMER_REACH
from features.reach import REASONS, ReachSources, as_reach
from jobs.contact_sources import OPTIONAL, READS, SETTINGS, contact_sources
from jobs.response_worth import customer_log, worth_of_responses
from jobs.runs import Job, Step
from models.response import load_response
from scoring.channel_rates import as_send_counts, join_rates
from scoring.channels import ChannelFacts, as_best_times, score_channels, score_offers, score_pairs
from scoring.experiment_data import (
    as_margin_orders,
    as_sides,
    collect_units,
    effects_table,
    filter_reachable,
    filter_sampled,
)
from scoring.experiments import estimate_effects
from scoring.priority import with_response_values

STEP = Step(
    "score-channels",
    reads=READS,
    optional=(*OPTIONAL, "channels", "accounts", "consents", "holdouts", "store_visits"),
    writes=("channel_scores", "offer_scores", "contact_effects"),
    may_write=("customer_reach",),  # not without the source `channels`
    models=("response",),
    settings=(*SETTINGS, "channel_scores", "response_priors", "reach", "experiments", "decisions", "horizon_days"),
    next="nextbest decide-offers",
)


def run(job: Job) -> None:
    """Scores typical and live offers for every customer, in the channels that are not known to be closed to her."""
    champion = job.model("response")
    job.say(f"response model version {champion.version}, kind {load_response(champion.path).kind}")
    path, params = job.engine.ship(champion.path), job.settings.channel_scores
    sources = contact_sources(job)
    customers = customers_at(sources.customer_map, job.as_of)
    channels = listed_channels(job) or known_channels(sources, params.default_channel)
    accounts = job.write_read("accounts_at", account_customers(sources.customer_map, job.as_of))
    reach = reach_sources(job, sources, accounts)

    live = live_options(sources.offers, job.as_of, channels)
    typical = typical_options(sources.offers, job.as_of, channels)
    reached = None if reach is None else write_reach(job, customers, channels, reach)
    if reach is None and job.lake.table("customer_reach") is not None:
        job.write("customer_reach", CUSTOMER_REACH.arrow_schema().empty_table())
    options = live.union(typical)
    pairs = (
        as_pairs(customers, options, job.as_of)
        if reached is None
        else as_open_pairs(customers, reached, options, job.as_of)
    )
    features = as_contact_features(
        pairs, sources, job.settings.contact_features, job.settings.time_zone, job.settings.response.response_kind
    )
    scores = job.write_read("pair_scores", score_pairs(path, features, params))

    effects = contact_effects(job, sources, accounts, reach, scores)
    job.write("contact_effects", effects)
    facts = ChannelFacts(effects=job.spark.createDataFrame(effects) if effects.num_rows else None)
    if job.has("responses") and job.has("contacts"):
        times = as_best_times(sources.responses, sources.contacts, accounts, job.as_of, params)
        counts = as_send_counts(sources.contacts, sources.responses, accounts, job.as_of, params)
        counts = job.write_read("send_counts", counts)
        weight = job.settings.response_priors.weight
        rates = partial(join_rates, counts=counts, params=params, weight=weight)
        facts = replace(facts, best_times=job.write_read("best_times", times), rates=rates)
    facts = replace(facts, reach=reached)
    job.write("channel_scores", score_channels(scores, typical, facts, job.as_of))
    if not job.write("offer_scores", score_offers(scores, live, job.as_of)):
        job.say(f"no offer is live on {job.as_of.day}: nothing for decide-offers to choose from")


def listed_channels(job: Job) -> list[str]:
    """The channels of the source table, sorted; none when it was not delivered."""
    if not job.has("channels"):
        return []
    return sorted(row["channel"] for row in job.read("channels").select("channel").distinct().collect())


def reach_sources(job: Job, sources: ContactSources, accounts: DataFrame) -> ReachSources | None:
    """What reach rests on; None without the table of channels: then nobody knows what a channel needs."""
    if not job.has("channels"):
        return None
    given = {name: job.read(name) if job.has(name) else None for name in ("accounts", "consents", "store_visits")}
    for name, lost in {"accounts": "addresses", "consents": "consent; channels that need it stay closed"}.items():
        if given[name] is None:
            job.say(f"no {name}: {lost} cannot be known, and what is not known does not stop a contact")
    return ReachSources(
        channels=job.read("channels"),
        customers=accounts,
        transactions=sources.transactions,
        contacts=sources.contacts,
        responses=sources.responses,
        **given,
    )


def write_reach(job: Job, customers: DataFrame, channels: list[str], sources: ReachSources) -> DataFrame:
    """Writes `customer_reach`, and returns its rows: customers whom no channel reaches are counted and left out."""
    listed = job.spark.createDataFrame([(c,) for c in channels], "channel string")
    pairs = customers.crossJoin(F.broadcast(listed)).withColumn("cut", F.lit(job.as_of.ts))
    every = job.write_read("reach", as_reach(pairs, sources, job.settings.reach))
    say_reach(job, every)
    may_reach = every.where(F.col("reachable").isNull() | F.col("reachable")).select("customer_id").distinct()
    reached = job.write_read("reached_customers", every.join(may_reach, on="customer_id", how="left_semi"))
    job.write("customer_reach", reached.withColumn("as_of", F.lit(job.as_of.day)))
    n, all_of_them = may_reach.count(), customers.count()
    job.count("customers_in_reach", n)
    job.say(f"{all_of_them - n:,} of {all_of_them:,} customers are out of reach of every channel and not scored")
    return reached


def say_reach(job: Job, reach: DataFrame) -> None:
    """A line per channel: how many can be reached, and why the others cannot."""
    count = F.count(F.lit(1))
    rows = reach.groupBy("channel").agg(
        F.sum(F.col("reachable").cast("int")).alias("reachable"),
        count.alias("n"),
        *[F.sum((F.col("unreachable_because") == why).cast("int")).alias(why) for why in REASONS],
    )
    for r in rows.orderBy("channel").collect():
        why = ", ".join(f"{r[w]:,} {w.replace('_', ' ')}" for w in REASONS if r[w])
        line = f"{r['channel']}: {r['reachable'] or 0:,} of {r['n']:,} customers reachable"
        job.say(f"{line}; {why}" if why else line)


def contact_effects(
    job: Job, sources: ContactSources, accounts: DataFrame, reach: ReachSources | None, scores: DataFrame
) -> pa.Table:
    """The table of measured effects; empty, and said so, where nobody was ever held out."""
    if not (job.has("contacts") and job.has("holdouts") and job.has("offers")):
        job.say("no holdouts: what a contact brings is not measured, decisions go by their assumption")
        return effects_table([], job.as_of, job.settings.horizon_days)
    horizon, params = job.settings.horizon_days, job.settings.experiments
    customers = accounts.select("customer_id").distinct().count()
    share = min(1.0, params.max_customers / max(customers, 1))
    sides = as_sides(sources.contacts, job.read("holdouts"), sources.offers, accounts, job.as_of, horizon)
    sides = job.write_read("sides", filter_sampled(sides, share))
    if reach is not None:
        sides = job.write_read("reached", filter_reachable(sides, as_reach(sides, reach, job.settings.reach)))
    rate = job.settings.decisions.margin_rate
    orders = as_margin_orders(sources.transactions, job.read("products"), accounts, job.as_of, rate)
    units = collect_units(sides, filter_sampled(orders, share), horizon, params)
    assumed = assumed_margins(job, scores, accounts)
    effects = estimate_effects(units, params, {key: contact for key, (_, contact) in assumed.items()})
    for e in effects:
        if e.margin is None:
            job.say(f"{e.channel}, {e.offer_kind}: not measured, {e.refused_because}")
        else:
            low, high = e.margin.interval
            job.say(
                f"{e.channel}, {e.offer_kind}: {e.n_contacted:,} contacted, {e.n_held_out:,} held out, margin "
                f"{e.margin.value:+.2f} [{low:+.2f}, {high:+.2f}] {job.settings.currency} a contact, "
                + ("too wide to tell, the assumption stands" if e.margin_used is None else f"used {e.margin_used:+.2f}")
            )
    job.count("effects_measured", sum(e.margin is not None for e in effects))
    job.count("effects_refused", sum(e.margin is None for e in effects))
    return effects_table(effects, job.as_of, horizon, assumed)


def assumed_margins(job: Job, scores: DataFrame, accounts: DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    """Margin of a response and of a contact by (channel, offer kind), as assumed where no experiment tells."""
    d = job.settings.decisions
    prior = d.incrementality_prior if d.count_incrementality else 1.0
    values = worth_of_responses(job, job.write_read("answers", customer_log(job, "responses", accounts)), accounts)
    means = (
        scores.groupBy("channel", "offer_kind")
        .agg(F.avg("p_response").alias("p"))
        .withColumn("incentive_value", F.lit(None).cast("decimal(18,2)"))
        .transform(with_response_values, values, d)
    )
    return {
        (row["channel"], row["offer_kind"]): (
            row["response_margin"],
            round(row["p"] * prior * row["response_margin"], 6),
        )
        for row in means.collect()
    }


def known_channels(sources: ContactSources, default: str) -> list[str]:
    """Every channel that an offer or a send names, sorted; `default` where none does."""
    named = sources.offers.select("channel").union(sources.contacts.select("channel")).distinct()
    return sorted(row["channel"] for row in named.collect() if row["channel"] is not None) or [default]
