"""An audience by response: of an offer that was scored, or of those who hold a tag."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.audience_tables import MODEL, TAG
from features.contract import nearest
from features.errors import DataError
from features.order_lines import account_customers
from jobs.audience_barred import barred_from_offer
from jobs.audience_ways import Found, Ways, collect_contacts, frame_of, offer_row, ranked
from jobs.reason_words import read_words
from jobs.runs import Job
from scoring.audience_contacts import (
    best_customers,
    chosen_contacts,
    consenting_customers,
    contact_options,
    priced_contacts,
)


def has_offer_scores(job: Job, offer_id: str) -> bool:
    """Whether the offer was scored for the day; `DataError` when there is no such offer."""
    offer_row(job, offer_id)
    if not (job.has("offer_scores") and job.has("channel_scores")):
        return False
    return bool(job.read("offer_scores").where(F.col("offer_id") == offer_id).limit(1).collect())


def by_offer_scores(job: Job, offer_id: str, n: int, ways: Ways) -> Found:
    """Customers by P(responds to the offer) in the open channel that is worth most, of any where all are closed."""
    row = offer_row(job, offer_id)
    borne = F.lit(row["incentive_value"]).cast("decimal(18,2)")
    mine = job.read("offer_scores").where((F.col("offer_id") == offer_id) & F.col("channel").isin(ways.channels))
    scores = job.write_read("offer_scores_asked", mine.withColumn("incentive_value", borne))
    barred, notes = barred_from_offer(job, offer_id, scores)
    columns = ["customer_id", "channel", "offer_kind", "p_response", "incentive_value"]
    priced = job.write_read("priced", priced_contacts(scores.select(columns), ways.tables, ways.params))
    both = priced.select("customer_id").distinct(), priced.select("channel").distinct()
    chosen = job.write_read("chosen_channel", chosen_contacts(priced, contact_options(*both, ways.tables)))
    found = chosen.select("customer_id", F.col("p_response").alias("score"), F.col("value").alias("raw"))
    if barred is not None:
        found = found.join(barred, on="customer_id", how="left_anti")
    customers, score, _ = ranked(job.write_read("best", best_customers(found, n)))
    contacts, _ = collect_contacts(job, customers, ways, priced, offer_id)
    told = scores.select("customer_id", "channel", "reasons", "horizon_days")
    horizon = int(scores.select("horizon_days").limit(1).collect()[0]["horizon_days"])

    def reasons(ids: NDArray[np.object_]) -> list[list[str]]:
        # of the channel that the row names: what is told of a closed one is not what she would be told
        of_channel = told.join(chosen.select("customer_id", "channel"), on=["customer_id", "channel"], how="left_semi")
        mine = of_channel.join(frame_of(job, "explained", "customer_id", ids), on="customer_id", how="left_semi")
        by_id = {r["customer_id"]: r["reasons"] for r in mine.toArrow().to_pylist()}
        return [by_id[c] for c in ids]

    incentive = row.get("incentive") or "no incentive"
    note = f"{offer_id}: {row['offer_kind']}, {row['starts_on']} to {row['ends_on']}, {incentive}"
    return Found(customers, score, contacts, reasons, "p_response", MODEL, horizon, (note, *notes))


def by_tag(job: Job, tag: str, n: int, ways: Ways, any_evidence: bool) -> Found:
    """Customers who hold the tag, by its strength; with `any_evidence` also where it was not measured right enough."""
    if not job.has("customer_tags"):
        raise DataError(f"there are no customer tags for {job.as_of.day}; run nextbest tag-customers first")
    tags = job.read("customer_tags")
    holders = job.write_read("holders", tags.where(F.col("tag") == tag))
    first = holders.orderBy("customer_id").limit(1).collect()
    if not first:
        known = [str(r["tag"]) for r in tags.select("tag").distinct().collect()]
        raise DataError(f"no customer holds the tag {tag!r} on {job.as_of.day}{nearest(tag, known)}")
    notes = [str(first[0]["definition"])]
    sure = holders.where(F.col("for_targeting"))
    chosen = sure if not any_evidence else allowed_holders(job, holders, str(first[0]["purpose"]))
    left = holders.count() - chosen.count()
    if left:
        why = "without consent to its purpose" if any_evidence else "by evidence not measured right enough to target"
        notes.append(f"{left:,} more hold the tag {why}" + ("" if any_evidence else "; --any-evidence takes them in"))
    found = chosen.select("customer_id", "score", F.col("support").cast("double").alias("raw"))
    customers, score, _ = ranked(job.write_read("best", best_customers(found, n)))
    priced = None
    if ways.tables.channel_scores is not None:
        typical = ways.tables.channel_scores.select("customer_id", "channel", "offer_kind", "p_response")
        typical = typical.withColumn("incentive_value", F.lit(None).cast("decimal(18,2)"))
        priced = job.write_read("priced", priced_contacts(typical, ways.tables, ways.params))
        notes.append("value and p_response are those of the typical offer that is worth most in the channel")
    contacts, _ = collect_contacts(job, customers, ways, priced, None)
    if priced is None:
        contacts = replace(contacts, cost=np.full(len(contacts.customer), np.nan))
    rows = chosen.select("customer_id", "support", "last_seen", "evidence").toArrow().to_pylist()
    by_id = {r["customer_id"]: r for r in rows}

    words = read_words(job.settings.recommender.language)

    def reasons(ids: NDArray[np.object_]) -> list[list[str]]:
        return [
            [
                words["holds_tag"].format(tag=tag, n=f"{by_id[c]['support']:,}", day=by_id[c]["last_seen"]),
                *(by_id[c]["evidence"] or []),
            ]
            for c in ids
        ]

    return Found(customers, score, contacts, reasons, "tag", TAG, None, tuple(notes))


def allowed_holders(job: Job, holders: DataFrame, purpose: str) -> DataFrame:
    """Holders of a tag by any evidence who consent to its purpose; `DataError` where nobody's consent is known."""
    if purpose == "personalisation":
        return holders
    if not job.has("consents"):
        raise DataError(
            f"--any-evidence is refused: the tag needs consent to {purpose}, and there is no source consents to "
            "tell who gave it"
        )
    accounts = account_customers(job.read("customer_map"), job.as_of)
    may = consenting_customers(job.read("consents"), accounts, purpose, job.as_of)
    return job.write_read("allowed", holders.join(may, on="customer_id", how="left_semi"))
