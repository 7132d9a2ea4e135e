"""The companion of the wide row per kind of offer: feature 115, what she makes of coupons, contents, samples.

She responded to a send when she clicked within answer_days, or redeemed or bought within convert_days: content asks
for a click and a coupon for a purchase, and either is an answer. The kind of an offer that is not described before
the cut is not known, and its sends are left out.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.contact_rates import Tally, as_rate_parameters, fit_rates, smoothed
from features.families.contact_sends import sends
from features.feature_contract import feature_contract
from features.windows import within

FAMILY = "J contacts and responses, by kind of offer"
YEAR = 365
MATURED = "only sends whose time for an answer closed before the cut; the rate of the kind is saved with the snapshot"
Def = partial(
    FeatureDef,
    number=115,
    family=FAMILY,
    sources=("contacts", "responses", "offers"),
    window="last 365 days",
    leak_note=MATURED,
    low=0,
)

DEFINITIONS: tuple[FeatureDef, ...] = (
    Def("n_sends_365", kind="int", definition="sends that arrived, at least convert_days old", default="0"),
    Def("n_responses_365", kind="int", definition="of these, answered by a click, redemption or purchase", default="0"),
    Def("offer_type_resp", kind="double", definition="n_responses_365 / n_sends_365, smoothed", high=1),
)

NEEDS: tuple[str, ...] = ("contacts", "offers")
CONTRACT = feature_contract(
    "customer_offer_kind_features",
    "How each customer answered each kind of offer that she was sent before the cut.",
    (Column("offer_kind", "string", "kind of offer"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and kind of offer with a send that is old enough."""
    rate = smoothed(
        F.col("n_responses_365"),
        F.col("n_sends_365"),
        F.col("_offer_type_resp"),
        facts.params.contact_history.prior_weight,
    )
    rated = counts(facts).join(F.broadcast(kind_rates(facts)), "offer_kind", how="left")
    return rated.select("customer_id", "offer_kind", "n_sends_365", "n_responses_365", rate.alias("offer_type_resp"))


def fitted(facts: Facts) -> list[DataFrame]:
    """Rates per kind of offer: see `as_rate_parameters`."""
    return [as_rate_parameters(kind_rates(facts), "offer_kind", ["offer_type_resp"], "")]


def kind_rates(facts: Facts) -> DataFrame:
    """`fit_rates` of the snapshot per kind of offer, kept."""
    p = facts.params.contact_history
    tallies = {"offer_type_resp": Tally("n_responses_365", "n_sends_365", p.conv_prior_default)}
    return facts.kept("offer_kind_rates", lambda: fit_rates(counts(facts), "offer_kind", tallies, p.prior_weight))


def counts(facts: Facts) -> DataFrame:
    """customer_id, offer_kind, n_sends_365, n_responses_365, kept."""

    def build() -> DataFrame:
        moment = F.col("available_ts")  # null: described from always
        offers = facts.tables["offers"].where(moment.isNull() | (moment < F.lit(facts.as_of.ts)))
        matured = F.col("convert_closed") & (F.col("arrived") == 1) & within(YEAR)
        return (
            sends(facts)
            .where(matured)
            .join(F.broadcast(offers.select("offer_id", "offer_kind")), "offer_id", how="inner")
            .groupBy("customer_id", "offer_kind")
            .agg(
                F.count(F.lit(1)).cast("int").alias("n_sends_365"),
                F.sum(F.greatest("clicked", "converted")).cast("int").alias("n_responses_365"),
            )
        )

    return facts.kept("offer_kind_counts", build)
