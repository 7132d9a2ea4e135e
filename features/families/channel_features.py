"""The companion of the wide row per channel of contact: family J, and the best hour of sending (66).

A customer and channel have a row when she was ever contacted through it or unsubscribed from it. Whether she can be
reached in channels where neither happened is in `customer_reach`, which is about every channel.
"""

from __future__ import annotations

from functools import partial

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.as_of import known_before
from features.contact_pairs import with_answered_channel
from features.contract import Column
from features.definitions import FeatureDef
from features.facts import Facts
from features.families.contact_rates import Tally, as_rate_parameters, drawn, fit_rates, smoothed
from features.families.contact_sends import sends
from features.family_params import ContactHistoryParams
from features.feature_contract import feature_contract
from features.reach import ReachParams, ReachSources, as_reach
from features.rounding import rounded
from features.windows import count_within, ratio, within

FAMILY = "J contacts and responses, by channel"
WINDOWS = (7, 30)
HALF_YEAR, MONTH = 180, 30
KEY = ("customer_id", "channel")
MATURED = "only sends whose time for an answer closed before the cut; rates of the channel are saved with the snapshot"
BAR = "says who may be contacted; not an input of models"
Def = partial(FeatureDef, family=FAMILY, sources=("contacts",))
Count = partial(Def, kind="int", sources=("contacts", "responses"), window="last 180 days", default="0", low=0)
Rate = partial(Def, kind="double", sources=("contacts", "responses"), leak_note=MATURED, low=0)

DEFINITIONS: tuple[FeatureDef, ...] = (
    *[
        Def(f"n_contacts_{w}", 105, kind="int", definition="sends", window=f"last {w} days", default="0", low=0)
        for w in WINDOWS
    ],
    Def("hours_since_last_contact", 106, kind="double", definition="hours from the last send to the cut", low=0),
    Count("n_delivered_180", 107, definition="sends that arrived, at least answer_days old", leak_note=MATURED),
    Count("n_opened_180", 107, definition="of these, opened within answer_days", leak_note=MATURED),
    Count("n_clicked_180", 108, definition="of these, clicked within answer_days", leak_note=MATURED),
    Count("n_conv_delivered_180", 109, definition="sends that arrived, at least convert_days old", leak_note=MATURED),
    Count("n_converted_180", 109, definition="of these, redeemed or bought within convert_days", leak_note=MATURED),
    Rate("open_rate", 107, definition="n_opened_180 / n_delivered_180, smoothed", window="last 180 days", high=1),
    Rate("click_rate", 108, definition="n_clicked_180 / n_delivered_180, smoothed", window="last 180 days", high=1),
    Rate(
        "conv_rate", 109, definition="n_converted_180 / n_conv_delivered_180, smoothed", window="last 180 days", high=1
    ),
    Def(
        "fatigue",
        110,
        kind="double",
        definition="sends, each halved every fatigue_half_life_days of its age in days",
        default="0",
        low=0,
    ),
    Rate("response_decline", 111, definition="open_rate of the last 30 days / open_rate", window="last 180 days"),
    Def(
        "unsub",
        112,
        kind="bool",
        definition="whether she ever unsubscribed from it, or from something that was not named",
        sources=("responses",),
        default="false",
        leak_note=BAR,
    ),
    Def(
        "reach_ok",
        114,
        kind="bool",
        definition="whether she has an address, consent and did not unsubscribe; false also where it is not known",
        sources=("channels",),
        window="as of the cut",
        default="false",
        leak_note=BAR,
    ),
    Def(
        "reach_known",
        114,
        kind="bool",
        definition="whether the sources tell if she can be reached",
        sources=("channels",),
        window="as of the cut",
        default="false",
        leak_note=BAR,
    ),
    Rate(
        "best_send_hour",
        66,
        kind="int",
        definition="local hour of sending with the highest open rate, smoothed towards open_rate, the earlier of "
        "equals; null below best_hour_support opens",
        window="last 180 days",
        high=23,
    ),
)

NEEDS: tuple[str, ...] = ("contacts",)
CONTRACT = feature_contract(
    "customer_channel_features",
    "What each customer was sent through each channel before the cut, and what she did with it.",
    (Column("channel", "string", "channel of contact"),),
    DEFINITIONS,
)


def rows(facts: Facts) -> DataFrame:
    """One row per customer and channel of contact."""
    # kept, since reach asks for its pairs several times
    counted = facts.kept("channel_pairs", lambda: with_refusals(counts(facts), facts))
    rates, hours = channel_rates(facts), best_hours(facts)
    reach = reach_of(counted.select(*KEY), facts)
    joined = (
        counted.join(F.broadcast(rates), "channel", how="left")
        .join(hours, list(KEY), how="left")
        .join(reach, list(KEY), how="left")
    )
    weight, tallies = facts.params.contact_history.prior_weight, tallies_of(facts.params.contact_history)
    opens = tallies["open_rate"]
    lately = drawn(F.col("_opened_30"), F.col("_delivered_30"), F.col("_open_rate"), weight)
    always = drawn(F.col(opens.hits), F.col(opens.tries), F.col("_open_rate"), weight)
    rated = joined.select(
        "*",
        *[smoothed(F.col(t.hits), F.col(t.tries), F.col(f"_{r}"), weight).alias(r) for r, t in tallies.items()],
        ratio(lately, always).alias("response_decline"),
    )
    return rated.select(*KEY, *[_with_default(d) for d in DEFINITIONS])


def _with_default(definition: FeatureDef) -> SparkColumn:
    """The column, with its default where only a refusal made the row."""
    column = F.col(definition.name)
    if definition.default == "null":
        return column
    none = F.lit(False) if definition.default == "false" else F.lit(0)
    return F.coalesce(column, none).alias(definition.name)


def fitted(facts: Facts) -> list[DataFrame]:
    """Rates per channel, called channel_open_rate and so on: see `as_rate_parameters`."""
    names = list(tallies_of(facts.params.contact_history))
    return [as_rate_parameters(channel_rates(facts), "channel", names, "channel_")]


def tallies_of(p: ContactHistoryParams) -> dict[str, Tally]:
    """What each rate divides."""
    return {
        "open_rate": Tally("n_opened_180", "n_delivered_180", p.open_prior_default, p.open_prior),
        "click_rate": Tally("n_clicked_180", "n_delivered_180", p.click_prior_default, p.click_prior),
        "conv_rate": Tally("n_converted_180", "n_conv_delivered_180", p.conv_prior_default, p.conv_prior),
    }


def channel_rates(facts: Facts) -> DataFrame:
    """`fit_rates` of the snapshot per channel, kept."""
    p = facts.params.contact_history
    return facts.kept("channel_rates", lambda: fit_rates(counts(facts), "channel", tallies_of(p), p.prior_weight))


def counts(facts: Facts) -> DataFrame:
    """One row per customer and channel with a send: counts, hours_since_last_contact and fatigue, kept."""

    def build() -> DataFrame:
        arrived, worn = F.col("arrived"), F.lit(facts.params.contact_history.fatigue_half_life_days)
        matured, old = (F.col(c) & within(HALF_YEAR) for c in ("answer_closed", "convert_closed"))
        fresh = matured & within(MONTH)
        tallied = {
            "n_delivered_180": F.when(matured, arrived),
            "n_opened_180": F.when(matured, F.col("opened")),
            "n_clicked_180": F.when(matured, F.col("clicked")),
            "n_conv_delivered_180": F.when(old, arrived),
            "n_converted_180": F.when(old, F.col("converted")),
            "_delivered_30": F.when(fresh, arrived),
            "_opened_30": F.when(fresh, F.col("opened")),
        }
        return (
            sends(facts)
            .groupBy(*KEY)
            .agg(
                *[count_within(w).alias(f"n_contacts_{w}") for w in WINDOWS],
                rounded(facts.hours_ago(F.max("event_ts"))).alias("hours_since_last_contact"),
                *[F.coalesce(F.sum(v), F.lit(0)).cast("int").alias(n) for n, v in tallied.items()],
                rounded(F.sum(F.pow(F.lit(2.0), -F.col("days_ago") / worn))).alias("fatigue"),
            )
        )

    return facts.kept("channel_counts", build)


def with_refusals(counted: DataFrame, facts: Facts) -> DataFrame:
    """Adds `unsub`, and rows of channels that she unsubscribed from without ever being sent anything."""
    if not facts.has("responses"):
        return counted.withColumn("unsub", F.lit(False))
    said = known_before(facts.tables["responses"], facts.as_of).where(F.col("response_kind") == "unsubscribe")
    refusals = (
        with_answered_channel(said, known_before(facts.tables["contacts"], facts.as_of))
        .join(facts.accounts, "account_id", how="inner")
        .select("customer_id", F.col("answered_channel").alias("channel"))
    )
    here = refusals.where(F.col("channel").isNotNull()).groupBy(*KEY).agg(F.lit(True).alias("_here"))
    everywhere = refusals.where(F.col("channel").isNull()).groupBy("customer_id").agg(F.lit(True).alias("_all"))
    return (
        counted.join(here, list(KEY), how="full")
        .join(everywhere, "customer_id", how="left")
        .withColumn("unsub", F.coalesce(F.col("_here"), F.col("_all"), F.lit(False)))
        .drop("_here", "_all")
    )


def best_hours(facts: Facts) -> DataFrame:
    """customer_id, channel and best_send_hour, where there are opens enough to tell one."""
    p = facts.params.contact_history
    matured = sends(facts).where(F.col("answer_closed") & within(HALF_YEAR) & (F.col("arrived") == 1))
    hours = matured.groupBy(*KEY, "send_hour").agg(F.count(F.lit(1)).alias("_n"), F.sum("opened").alias("_opened"))
    supported = counts(facts).where(F.col("n_opened_180") >= p.best_hour_support)
    known = supported.join(F.broadcast(channel_rates(facts)), "channel", how="inner").select(
        *KEY,
        smoothed(F.col("n_opened_180"), F.col("n_delivered_180"), F.col("_open_rate"), p.prior_weight).alias("_own"),
    )
    rate = smoothed(F.col("_opened"), F.col("_n"), F.col("_own"), p.prior_weight)
    # rate and hour in one number, the earlier hour the larger of equals (structs have no fast maximum)
    ranked = F.floor(rate * 1000000 + F.lit(0.5)).cast("bigint") * 24 + (23 - F.col("send_hour"))
    best = known.join(hours, list(KEY), how="inner").groupBy(*KEY).agg(F.max(ranked).alias("_best"))
    return best.select(*KEY, (23 - F.pmod(F.col("_best"), F.lit(24))).cast("int").alias("best_send_hour"))


def reach_of(pairs: DataFrame, facts: Facts) -> DataFrame:
    """customer_id, channel, reach_ok and reach_known of pairs, by `as_reach` at the cut."""
    if not facts.has("channels"):
        return pairs.select(*KEY, F.lit(False).alias("reach_ok"), F.lit(False).alias("reach_known"))
    p, given = facts.params.contact_history, facts.tables
    sources = ReachSources(
        channels=given["channels"],
        customers=facts.accounts,
        transactions=given["transactions"],
        **{name: given.get(name) for name in ("accounts", "consents", "store_visits", "responses")},
        # an answer to a send that is not known yet is not known to be about its channel
        contacts=known_before(given["contacts"], facts.as_of),
    )
    asked = pairs.withColumn("cut", F.lit(facts.as_of.ts))
    found = as_reach(asked, sources, ReachParams(p.visit_days, p.parcel_days))
    reachable = F.col("reachable")
    return found.select(
        *KEY, F.coalesce(reachable, F.lit(False)).alias("reach_ok"), reachable.isNotNull().alias("reach_known")
    )
