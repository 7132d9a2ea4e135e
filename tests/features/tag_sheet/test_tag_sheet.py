"""Who is called what, why, and until when."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from features.as_of import AsOf
from features.catalogue import CUSTOMER_FEATURES
from features.contract import Contract
from features.families import category_features, category_interest, colour_features, daypart_features, size_features
from features.tag_sheet.tag_params import TagParams
from features.tag_sheet.tag_rules import tag_rules
from features.tag_sheet.tag_sheet import as_customer_tags
from features.tag_sheet.tag_table import CUSTOMER_TAGS, KINDS

AS_OF = AsOf(date(2024, 5, 20))
Row = dict[str, Any]


def day(days_ago: int) -> date:
    """A day before the cut."""
    return AS_OF.day - timedelta(days=days_ago)


def table(spark: SparkSession, contract: Contract, *rows: Row) -> DataFrame:
    """Rows with null (0, false) where nothing is said."""
    blank = {"int": 0, "long": 0, "bool": False, "double": 0.0, "money": 0}
    filled = [{c.name: None if c.nullable else blank.get(c.kind) for c in contract.columns} | r for r in rows]
    schema = pa.schema([pa.field(c.name, c.arrow_type) for c in contract.columns])
    return spark.createDataFrame(pa.Table.from_pylist(filled, schema=schema))


def wide(spark: SparkSession, *rows: Row) -> DataFrame:
    """Wide rows of customers with ten orders, the first 400 days ago, the last 3."""
    usual = {"n_orders_365": 10, "recency_days": 3, "days_since_first_order": 400}
    return table(spark, CUSTOMER_FEATURES, *[usual | r for r in rows])


def tags(tables: dict[str, DataFrame], posts: DataFrame | None = None) -> dict[tuple[str, str], Row]:
    """(customer, tag) -> row."""
    found = as_customer_tags(tables, posts, {("rival_brand", "acme")}, AS_OF, TagParams()).collect()
    return {(r["customer_id"], r["tag"]): r.asDict() for r in found}


def test_thresholds_support_and_expiry(spark: SparkSession) -> None:
    """At the threshold and the least support a tag holds, below either it does not; it ends after its days."""
    features = wide(
        spark,
        {"customer_id": "a", "discounted_line_share_365": 0.5, "promo_day_share": 0.25},
        {"customer_id": "b", "discounted_line_share_365": 0.499999},
        {"customer_id": "c", "discounted_line_share_365": 0.9, "n_orders_365": 2},
        {"customer_id": "d", "discounted_line_share_365": 0.9, "recency_days": 179},
        {"customer_id": "e", "discounted_line_share_365": 0.9, "recency_days": 180},
        {"customer_id": "f", "n_orders_365": 0, "recency_days": None, "days_since_first_order": None},
    )
    found = tags({"customer_features": features})
    assert sorted(k for k in found if k[1] == "deal_hunter") == [("a", "deal_hunter"), ("d", "deal_hunter")]
    a = found["a", "deal_hunter"]
    assert (a["score"], a["support"], a["first_seen"], a["last_seen"]) == (0.5, 10, day(365), day(3))
    assert a["expires_on"] == day(3) + timedelta(days=180)
    assert a["for_targeting"]
    assert a["evidence"] == ["discounted_line_share_365=0.5", "promo_day_share=0.25"]
    assert a["definition"].startswith("at least 50% of lines discounted, in 3 orders")
    assert found["d", "deal_hunter"]["expires_on"] == day(-1)  # tomorrow; e's ended today
    assert not [k for k in found if k[0] == "f"]


def test_tags_with_a_subject_keep_the_strongest(spark: SparkSession) -> None:
    """Saturday afternoons, colours, sizes and wishes name their subject; of many, the strongest five stay."""
    cells = [
        {"customer_id": "a", "weekday": "sat", "daypart": "afternoon", "n_events": 5, "lift": 2.0},
        {"customer_id": "a", "weekday": "sun", "daypart": "evening", "n_events": 4, "lift": 9.0},
        {"customer_id": "a", "weekday": "mon", "daypart": "night", "n_events": 50, "lift": 1.4},
    ]
    dated = {"recency_days": 2, "days_since_first": 100}
    interest = [
        {"customer_id": "a", "category": f"c{i}", "wanted_not_bought": 3.0 + i, "views_90": 9} | dated for i in range(8)
    ]
    white = {"customer_id": "a", "colour": "white", "n_lines_365": 4, "share_365": 0.5, "lift_365": 2.5}
    size = {"customer_id": "a", "product_type": "shirt", "size_mode": "M", "size_share": 0.8, "n_kept_lines_730": 5}
    found = tags(
        {
            "customer_features": wide(spark, {"customer_id": "a"}),
            "customer_daypart_features": table(spark, daypart_features.CONTRACT, *[c | dated for c in cells]),
            "customer_category_interest": table(spark, category_interest.CONTRACT, *interest),
            "customer_colour_features": table(spark, colour_features.CONTRACT, white | dated),
            "customer_size_features": table(spark, size_features.CONTRACT, size | {"n_mode_lines_730": 4} | dated),
        }
    )
    names = {tag for _, tag in found}
    assert names == {"shops:sat_afternoon", "wears:white", "size:shirt=M"} | {f"wants:c{i}" for i in range(3, 8)}
    habit = found["a", "shops:sat_afternoon"]
    assert (habit["score"], habit["support"], habit["subject"]) == (0.5, 5, "sat_afternoon")
    assert (habit["first_seen"], habit["last_seen"]) == (day(100), day(2))
    assert found["a", "wants:c7"]["score"] == pytest.approx(10 / 13, abs=1e-6)
    assert found["a", "wants:c7"]["purpose"] == "profiling"


def test_a_share_of_wallet_is_lost_where_interest_goes_on(spark: SparkSession) -> None:
    """Spend below half of its pace counts only with views of the category, enough orders and enough history."""
    usual = {"customer_id": "a", "amt_365": 365, "amt_90": 30, "n_orders_365": 6, "days_since_first": 300}
    bought = [
        usual | {"category": "lost"},
        usual | {"category": "unseen"},
        usual | {"category": "steady", "amt_90": 90},
        usual | {"category": "young", "days_since_first": 180},
        usual | {"category": "rare", "n_orders_365": 2},
    ]
    seen = [{"customer_id": "a", "category": c, "views_90": 6} for c in ("lost", "steady", "young", "rare")]
    found = tags(
        {
            "customer_features": wide(spark, {"customer_id": "a"}),
            "customer_category_features": table(
                spark, category_features.CONTRACT, *[b | {"recency_days": 40} for b in bought]
            ),
            "customer_category_interest": table(spark, category_interest.CONTRACT, *seen),
        }
    )
    assert [tag for _, tag in found] == ["leaving:lost"]
    assert found["a", "leaving:lost"]["score"] == pytest.approx(1 - 1 / 3, abs=1e-6)
    assert "pace=0.333333" in found["a", "leaving:lost"]["evidence"]


def test_posts_point_to_posts_and_never_quote(spark: SparkSession) -> None:
    """Tags from posts carry ids as evidence; losses and weak scores make none."""
    ddl = (
        "customer_id string, tag string, tag_kind string, score double, support int, first_seen timestamp, "
        "last_seen timestamp, expires_on date, evidence array<string>"
    )
    seen = (datetime(2024, 5, 11, tzinfo=UTC), datetime(2024, 5, 16, tzinfo=UTC))
    rows = [
        ("a", "pregnant", "life_event", 0.8, 2, *seen, day(-30), ["p1", "p2"]),
        ("a", "acme", "rival_brand", 1.5, 1, *seen, day(-30), ["p3"]),
        ("a", "running", "interest", 0.29, 1, *seen, day(-30), ["p4"]),
        ("a", "mine", "own_brand", 0.9, 1, *seen, day(-30), ["p5"]),
        ("a", "母婴达人", "given", 0.9, 1, *seen, day(-30), []),
    ]
    found = tags({"customer_features": wide(spark, {"customer_id": "a"})}, spark.createDataFrame(rows, ddl))
    assert {tag for _, tag in found} == {"life_event:pregnant", "rival:acme", "given:母婴达人"}
    given = found["a", "given:母婴达人"]
    assert (given["purpose"], given["for_targeting"], given["evidence"]) == ("sensitive", False, [])
    event = found["a", "life_event:pregnant"]
    assert not event["for_targeting"]  # not measured, so nobody is chosen by it
    assert found["a", "rival:acme"]["for_targeting"]
    assert event["evidence"] == ["post:p1", "post:p2"]
    assert (event["purpose"], event["first_seen"], event["last_seen"]) == ("sensitive", day(9), day(4))
    assert (found["a", "rival:acme"]["purpose"], found["a", "rival:acme"]["score"]) == ("profiling", 1.0)


def test_scores_stay_between_0_and_1_at_the_extremes(spark: SparkSession) -> None:
    """Whatever a feature may be, no tag breaks the contract: one customer would stop the whole sheet."""
    extremes = [
        {"customer_id": f"{name}", "season_lead_days": value, "open_cart_n": 1, "open_cart_age_h": abs(value),
         "unpaid_order_n": 1, "hours_since_unpaid": abs(value), "weekend_ratio": 3.5, "burn_rate": value,
         "can_redeem_lowest": True, "in_first_contact_window": True, "hours_since_follow": abs(value),
         "return_rate": 0.99, "roto_rate": 1.0, "full_price_share": 1.0, "discounted_line_share_365": 1.0,
         "migrated_off_to_on": True, "offline_order_share": 0.0, "price_band_share_5": 1.0, "influence_score": 1.0}
        for name, value in (("low", -500.0), ("zero", 0.0), ("high", 5000.0))
    ]  # fmt: skip
    found = tags({"customer_features": wide(spark, *extremes)})
    assert {tag for _, tag in found} >= {"early_adopter", "open_cart", "unpaid_order", "points_to_burn"}
    for (who, tag), row in found.items():
        assert 0 <= row["score"] <= 1, (who, tag, row["score"])
        assert row["first_seen"] <= row["last_seen"] < AS_OF.day, (who, tag)


def test_rules_are_whole() -> None:
    """Every rule has words, a kind of the contract, an expiry and a table that exists."""
    from jobs.contracts import all_contracts

    rules = tag_rules(TagParams())
    assert len({r.tag for r in rules}) == len(rules) >= 18
    contracts = all_contracts()
    for rule in rules:
        assert rule.kind in KINDS, rule.tag
        assert rule.definition, rule.tag
        assert rule.expiry_days > 0, rule.tag
        assert set(rule.evidence) <= set(contracts[rule.table].names), rule.tag
    assert set(CUSTOMER_TAGS.key) == {"as_of", "customer_id", "tag"}
