"""Shelf price in the new season."""

from datetime import timedelta

from pyspark.sql import SparkSession

from features.definitions import FeatureParams
from features.families import price
from features.family_params import FashionParams
from tests.features.families.family_facts import facts_of
from tests.features.purchase_world import AS_OF, local, product
from tests.features.purchase_world import line as bought

# customer -> days before the cut, product, amount of a line whose shelf price is 10.00
LINES = {
    "new": [(70, "coat", "10.00"), (40, "coat", "10.00"), (39, "coat", "5.00")],  # the last a day after the season
    "early": [(75, "coat", "8.00")],  # ordered before the first day on sale
    "past": [(20, "coat", "10.00")],
    "both": [(20, "coat", "10.00"), (20, "soap", "10.00"), (366, "soap", "5.00")],
    "plain": [(20, "soap", "10.00"), (365, "soap", "5.00")],
}


def test_full_price_counts_the_new_season_only(spark: SparkSession) -> None:
    """Of a product that states its first day on sale, lines until 30 days after it count; of others all do."""
    products = [product("coat", launched_on=AS_OF.day - timedelta(days=70)), product("soap")]
    lines = []
    for who, rows in LINES.items():
        for n, (age, what, amount) in enumerate(rows):
            row = bought(who, f"{who}{n}", local(AS_OF.day - timedelta(days=age)), what, "10.00")
            lines.append(row | {"amount": bought(who, "o", AS_OF.ts, amount=amount)["amount"]})
    params = FeatureParams(fashion=FashionParams(new_season_days=30))
    facts = facts_of(spark, {"transactions": lines, "products": products}, params=params)
    found = facts.customers.join(price.features(facts)[0], "customer_no", how="inner").collect()
    shares = {r["customer_id"]: r["full_price_share"] for r in found}
    assert shares == {"new": 1.0, "early": 0.0, "past": None, "both": 1.0, "plain": 0.5}
