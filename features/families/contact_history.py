"""Family J, the part over all channels: contacts, refusals, complaints. By channel: `channel_features`.

115 stands in `customer_offer_kind_features`. A complaint here is an answer to a contact; those made to customer
service are in family O.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from features.definitions import FeatureDef
from features.facts import Facts
from features.families.contact_sends import sends
from features.rounding import rounded
from features.windows import count_within

FAMILY = "J contacts and responses"
WINDOWS = (7, 30)
Def = partial(FeatureDef, family=FAMILY, sources=("contacts",))

DEFINITIONS: tuple[FeatureDef, ...] = (
    *[
        Def(
            f"n_contacts_{w}",
            105,
            kind="int",
            definition="sends in any channel",
            window=f"last {w} days",
            default="0",
            low=0,
        )
        for w in WINDOWS
    ],
    Def(
        "hours_since_last_contact",
        106,
        kind="double",
        definition="hours from the last send in any channel to the cut",
        low=0,
    ),
    Def(
        "has_unsubscribed",
        112,
        kind="bool",
        definition="whether she ever unsubscribed from any channel",
        sources=("responses",),
        default="false",
        leak_note="a bar to contacts, not an input of models",
    ),
    Def(
        "complaint_n",
        113,
        kind="int",
        definition="complaints in answer to contacts",
        sources=("responses",),
        default="0",
        low=0,
        leak_note="a bar to contacts, not an input of models",
    ),
    Def(
        "last_offer_outcome",
        116,
        kind="string",
        definition="what became of the last send whose time for an answer is over: refused, converted, clicked, "
        "opened, bounced or ignored, the first of these that holds",
        sources=("contacts", "responses"),
        leak_note="only sends whose time for an answer closed before the cut",
    ),
)

NEEDS: tuple[str, ...] = ()


def features(facts: Facts) -> list[DataFrame]:
    """Features 105, 106 and 116 where contacts are delivered, 112 and 113 where responses are."""
    found = [contact_features(facts)] if facts.has("contacts") else []
    if facts.has("contacts", "responses"):
        found.append(last_outcomes(sends(facts)))
    return found + ([refusal_features(facts)] if facts.has("responses") else [])


def contact_features(facts: Facts) -> DataFrame:
    """One row per customer ever contacted: 105 and 106."""
    return (
        sends(facts)
        .groupBy("customer_id")
        .agg(
            *[count_within(w).alias(f"n_contacts_{w}") for w in WINDOWS],
            rounded(facts.hours_ago(F.max("event_ts"))).alias("hours_since_last_contact"),
        )
    )


def last_outcomes(sent: DataFrame) -> DataFrame:
    """customer_id and last_offer_outcome; of two sends at one moment the larger contact_id."""
    closed = sent.where("convert_closed")
    last = closed.groupBy("customer_id").agg(F.max("event_ts").alias("event_ts"))
    # ranked among sends of one moment only: a rank over all sends of all customers would sort them all
    ties = Window.partitionBy("customer_id").orderBy(F.col("contact_id").desc())
    one = (
        last.join(closed, ["customer_id", "event_ts"], how="inner")
        .withColumn("_n", F.row_number().over(ties))
        .where(F.col("_n") == 1)
    )
    named = ("refused", "converted", "clicked", "opened", "bounced")
    outcome = F.coalesce(*[F.when(F.col(o) == 1, F.lit(o)) for o in named], F.lit("ignored"))
    return one.select("customer_id", outcome.alias("last_offer_outcome"))


def refusal_features(facts: Facts) -> DataFrame:
    """One row per customer who unsubscribed or complained: 112 and 113."""
    said = facts.log("responses", "response_kind").where(F.col("response_kind").isin("unsubscribe", "complaint"))
    complained = F.col("response_kind") == "complaint"
    return said.groupBy("customer_id").agg(
        (F.count(F.when(~complained, F.lit(1))) > 0).alias("has_unsubscribed"),
        F.count(F.when(complained, F.lit(1))).cast("int").alias("complaint_n"),
    )
