"""From a view to a cart, from a cart to an order, from an order to its payment: features 86 to 88.

Each step takes what a customer did first in 90 days (viewed a product, put one into a cart, placed an order), leaves
out what is younger than `funnel_days`, whose outcome may still come, and asks whether the next step followed within
so many days of 24 hours. Rates are shrunk towards the population's, by `funnel_prior_weight` cases.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.browsed import SEASON, numbered_log, product_views, with_product_no
from features.definitions import FeatureDef
from features.facts import Facts
from features.local_days import DAY, micros
from features.windows import ratio

FAMILY = "H browsing"


@dataclass(frozen=True)
class Funnel:
    """A step. `cases` gives customer_no, case, us; `outcomes` the same columns of what may follow."""

    name: str
    number: int
    definition: str
    needs: tuple[str, ...]
    cases: Callable[[Facts], DataFrame]
    outcomes: Callable[[Facts], DataFrame]


def _views(facts: Facts) -> DataFrame:
    return product_views(facts).select("customer_no", F.col("product_no").alias("case"), F.col("first_us").alias("us"))


def _cart(*kinds: str) -> Callable[[Facts], DataFrame]:
    def found(facts: Facts) -> DataFrame:
        log = numbered_log(facts, "cart_events", "event_kind", "product_id", days=SEASON)
        return _of_products(facts, log.where(F.col("event_kind").isin(*kinds)))

    return found


def _orders(facts: Facts) -> DataFrame:
    bought = numbered_log(facts, "transactions", "product_id", days=SEASON)
    return _cart("order")(facts).unionByName(_of_products(facts, bought))


def _of_products(facts: Facts, log: DataFrame) -> DataFrame:
    return with_product_no(facts, log).select("customer_no", F.col("product_no").alias("case"), "us")


def _status(status: str) -> Callable[[Facts], DataFrame]:
    def found(facts: Facts) -> DataFrame:
        log = numbered_log(facts, "order_status", "status", F.col("order_id").alias("case"), days=SEASON)
        return log.where(F.col("status") == status).select("customer_no", "case", "us")

    return found


FUNNELS = (
    Funnel("view_to_cart", 86, "products viewed that were put into a cart", ("cart_events",), _views, _cart("add")),
    Funnel("cart_to_order", 87, "products put into a cart that were ordered", ("cart_events",), _cart("add"), _orders),
    Funnel("order_to_paid", 88, "orders placed that were paid", ("order_status",), _status("placed"), _status("paid")),
)


def funnel_definitions() -> tuple[FeatureDef, ...]:
    """One per step."""
    return tuple(
        FeatureDef(
            f.name,
            f.number,
            FAMILY,
            "double",
            f"share of {f.definition} within funnel_days, smoothed towards the population",
            ("browsing", *f.needs),
            "last 90 days",
            low=0,
            high=1,
            leak_note="cases older than funnel_days only; population rate of the same snapshot, saved with it",
        )
        for f in FUNNELS
    )


def funnel_rates(facts: Facts, funnel: Funnel) -> DataFrame:
    """One row per customer with a case: the rate, null where the population has none."""
    weight = F.lit(facts.params.browsing.funnel_prior_weight)
    counts = _counts(facts, funnel)
    rate = counts.agg(ratio(F.sum("n_hits"), F.sum("n")).alias("_rate"))
    smoothed = ratio(F.col("n_hits") + weight * F.col("_rate"), F.col("n") + weight)
    return counts.join(F.broadcast(rate), how="cross").select("customer_no", smoothed.alias(funnel.name))


def fit_funnel(facts: Facts, funnel: Funnel) -> DataFrame:
    """The population's rate: feature, subject, position, value; no row without a case."""
    rate = ratio(F.sum("n_hits"), F.sum("n"))
    return (
        _counts(facts, funnel)
        .agg(rate.alias("value"))
        .where(F.col("value").isNotNull())
        .select(
            F.lit(f"{funnel.name}_rate").alias("feature"),
            F.lit("").alias("subject"),
            F.lit(0).alias("position"),
            "value",
        )
    )


def _counts(facts: Facts, funnel: Funnel) -> DataFrame:
    """customer_no, n (cases), n_hits (cases with an outcome). Kept."""
    allowed = F.lit(facts.params.browsing.funnel_days * DAY)

    def build() -> DataFrame:
        first = funnel.cases(facts).groupBy("customer_no", "case").agg(F.min("us").alias("since"))
        ripe = first.where(F.col("since") + allowed <= F.lit(micros(facts.as_of)))
        after = F.col("us") - F.col("since")
        # the smaller side first: the embedded engine builds its hash table from the left
        hits = (
            funnel.outcomes(facts)
            .join(ripe, ["customer_no", "case"], how="inner")
            .where((after >= 0) & (after < allowed))
            .groupBy("customer_no", "case")
            .agg(F.lit(0).alias("n"), F.lit(1).alias("n_hits"))
        )
        cases = ripe.select("customer_no", F.lit(1).alias("n"), F.lit(0).alias("n_hits"))
        return (
            cases.unionByName(hits.drop("case"))
            .groupBy("customer_no")
            .agg(F.sum("n").cast("int").alias("n"), F.sum("n_hits").cast("int").alias("n_hits"))
        )

    return facts.kept(f"funnel_{funnel.name}", build)
