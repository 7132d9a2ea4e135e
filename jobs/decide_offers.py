"""`nextbest decide-offers`: whom to send what, when and why, and why not the others."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf
from features.contract import Contract
from features.order_lines import account_customers
from features.output_tables import CHANNEL_SCORES, NEXT_BEST_OFFERS, NEXT_BEST_PRODUCTS
from features.reach import as_addresses
from features.source_tables import CONTACTS, OFFER_PRODUCTS, RESPONSES
from jobs.response_worth import worth_of_responses
from jobs.runs import Job, Step
from scoring.allocation import place_funding
from scoring.channel_terms import per_channel, with_channel_terms
from scoring.constraints import constraint_usage
from scoring.decide_offers import DecisionInputs, decided_candidates, ranked_candidates
from scoring.decision_params import DecisionParams
from scoring.decisions import carried_over, decision_log, next_best_offers, with_withdrawals
from scoring.funnel import decision_funnel, trace
from scoring.history import member_references, open_decisions
from scoring.offer_contents import join_products, product_popularity
from scoring.sending import with_sending_window

STEP = Step(
    "decide-offers",
    reads=("customer_features", "customer_map", "transactions", "products"),
    optional=(
        "offers",
        "offer_products",
        "contacts",
        "responses",
        "offer_scores",
        "channel_scores",
        "next_best_products",
        "channels",
        "accounts",
        "contact_effects",
        "customer_reach",
    ),
    previous=("next_best_offers",),
    writes=("decision_log", "next_best_offers", "decision_trace", "decision_funnel", "constraint_usage"),
    settings=("decisions", "time_zone", "currency"),
    next="nextbest explain CUSTOMER, or read next_best_offers",
)


def run(job: Job) -> None:
    """Reads scores and history, decides, and writes the rows to execute with their log, trace and funnel."""
    accounts = job.write_read("accounts", account_customers(job.read("customer_map"), job.as_of))
    contacts = job.write_read("contacts", _log(job, CONTACTS, accounts))
    earlier = job.read_previous("next_best_offers")
    if earlier is None:
        earlier = _empty(job, NEXT_BEST_OFFERS)
    open_rows = job.write_read("open_rows", open_decisions(earlier, contacts, job.as_of))
    missing = _missing_inputs(job)
    if missing:
        _write_nothing_new(job, open_rows, missing)
        return
    params, as_of, currency = decision_params(job), job.as_of, job.settings.currency
    _say_assumptions(job, params)
    inputs = _inputs(job, accounts, contacts, open_rows)
    ranked = job.write_read("ranked", ranked_candidates(inputs, params, as_of, job.write_read))
    funding = job.write_read("funding", place_funding(ranked, params))
    decided = job.write_read("decided", decided_candidates(ranked, funding))

    sends = _sends(job, decided, accounts, open_rows, params)
    offers = next_best_offers(sends, params, as_of, currency)
    unscored = decided.where(F.col("dropped_by") == "no_response_score")
    executed = job.write_read("executed", with_withdrawals(offers, open_rows, unscored, as_of))
    job.write("next_best_offers", executed)
    job.write("decision_log", decision_log(decided, params, as_of, currency))
    job.write("decision_trace", _dated(trace(decided, params), as_of))
    funnel = job.write_read("funnel", decision_funnel(decided, params, as_of))
    job.write("decision_funnel", funnel)
    job.write("constraint_usage", constraint_usage(decided, funding, params, as_of))
    _report(job, funnel, decided, executed)


def decision_params(job: Job) -> DecisionParams:
    """The settings, with the terms of the source table `channels` laid over them."""
    rows = job.read("channels").collect() if job.has("channels") else []
    return with_channel_terms(job.settings.decisions, [row.asDict() for row in rows])


def _inputs(job: Job, accounts: DataFrame, contacts: DataFrame, open_rows: DataFrame) -> DecisionInputs:
    responses = job.write_read("responses", _log(job, RESPONSES, accounts))
    offers = job.read("offers")
    values = worth_of_responses(job, responses, accounts)
    for row in values.where(F.col("offer_kind").isNotNull()).orderBy("offer_kind").collect():
        job.say(
            f"{row['offer_kind']}: {row['responders']} redeemed offers seen, margin {row['response_margin']:.2f} and "
            f"incentive {row['response_incentive']:.2f} {job.settings.currency} each"
        )
    return DecisionInputs(
        customers=job.read("customer_features").select("customer_id"),
        offers=offers,
        contacts=contacts,
        responses=responses,
        offer_scores=job.read("offer_scores"),
        channel_scores=_optional(job, CHANNEL_SCORES),
        response_values=values,
        open_rows=open_rows,
        effects=job.read("contact_effects") if job.has("contact_effects") else None,
        reach=job.read("customer_reach") if job.has("channels") and job.has("customer_reach") else None,
    )


def _sends(
    job: Job, decided: DataFrame, accounts: DataFrame, open_rows: DataFrame, params: DecisionParams
) -> DataFrame:
    """Candidates to send, with products, window and the number under which the tool knows the customer."""
    as_of = job.as_of
    transactions = job.read("transactions").join(accounts, on=["account_id"], how="inner")
    popularity = product_popularity(transactions, as_of, params.popularity_days)
    chosen = job.write_read("chosen", decided.where(F.col("dropped_by").isNull()))
    return (
        chosen.transform(
            join_products,
            _optional(job, NEXT_BEST_PRODUCTS),
            _optional(job, OFFER_PRODUCTS),
            popularity,
            params.products_per_offer,
        )
        .transform(with_sending_window, open_rows, params, as_of)
        .join(member_references(accounts), on=["customer_id"], how="left")
        .transform(_join_addresses, job, accounts, params)
    )


def _join_addresses(sends: DataFrame, job: Job, accounts: DataFrame, params: DecisionParams) -> DataFrame:
    """Adds `address_account`: where the channel's kind of address was seen; null where the sources do not say."""
    if not job.has("accounts"):
        return sends.withColumn("address_account", F.lit(None).cast("string"))
    addresses = as_addresses(job.read("accounts"), accounts, job.as_of)
    needed = sends.withColumn("address_kind", per_channel(params.address_kind, "member"))
    return needed.join(addresses, on=["customer_id", "address_kind"], how="left").drop("address_kind")


def _missing_inputs(job: Job) -> str:
    """Why nothing can be decided today, or an empty string."""
    if not job.has("offers"):
        return "there are no offers; give the source table offers"
    if not job.has("offer_scores") or job.read("offer_scores").limit(1).count() == 0:
        return f"no offer has a response score for {job.as_of.day}; run train-response and score-channels first"
    return ""


def _write_nothing_new(job: Job, open_rows: DataFrame, why: str) -> None:
    """Well-formed tables without new decisions. Earlier ones stand: an input that failed takes nothing back."""
    job.say(f"nothing is decided: {why}")
    kept = job.write("next_best_offers", carried_over(open_rows, job.as_of))
    if kept:
        job.say(f"{kept:,} earlier decisions that are still open stand as they were")
    for name in STEP.writes:
        if name != "next_best_offers":
            job.write(name, _empty(job, job.lake.contract(name)))


def _say_assumptions(job: Job, p: DecisionParams) -> None:
    currency = job.settings.currency
    listed = {channel for channel, terms in p.channels.items() if terms.contact_cost is not None}
    guessed = {channel: cost for channel, cost in p.contact_cost.items() if channel not in listed}
    cost = "" if listed else f", contact cost {guessed or p.contact_cost_default} {currency}"
    measured = job.read("contact_effects").where(F.col("basis") == "randomised") if job.has("contact_effects") else None
    known = sorted(f"{r['channel']} {r['offer_kind']}" for r in measured.collect()) if measured is not None else []
    job.say(
        f"assumed, not measured: {p.incrementality_prior:.0%} of responses would not come without the contact, "
        f"margin rate {p.margin_rate:.0%}{cost}"
    )
    if known:
        job.say(f"measured by experiment instead, for {len(known)} channels and kinds: {', '.join(known)}")
    for name, effect in {
        "contacts": "caps and cool-down see earlier decisions only",
        "responses": "redemptions and refusals are unknown",
        "channel_scores": "reach, refusals and best hours are unknown",
    }.items():
        if not job.has(name):
            job.say(f"no {name}: {effect}")


def _report(job: Job, funnel: DataFrame, decided: DataFrame, executed: DataFrame) -> None:
    for row in sorted(funnel.collect(), key=lambda r: -r["candidates_in"]):
        if row["candidates_dropped"]:
            job.say(f"{row['stage']}: {row['candidates_dropped']:,} candidates dropped, {row['why']}")
    job.count("candidates", decided.count())
    job.count("decisions to send", executed.where(F.col("action") == "send").count())
    job.count("decisions taken back", executed.where(F.col("action") == "withdraw").count())
    job.count("decisions held out", decided.where(F.col("dropped_by") == "held_out").count())


def _log(job: Job, contract: Contract, accounts: DataFrame) -> DataFrame:
    """A log with `customer_id` in place of the account."""
    return _optional(job, contract).join(accounts, on=["account_id"], how="inner").drop("account_id")


def _optional(job: Job, contract: Contract) -> DataFrame:
    return job.read(contract.name) if job.has(contract.name) else _empty(job, contract)


def _empty(job: Job, contract: Contract) -> DataFrame:
    return job.spark.createDataFrame([], contract.ddl())


def _dated(df: DataFrame, as_of: AsOf) -> DataFrame:
    return df.withColumn("as_of", F.lit(as_of.day))
