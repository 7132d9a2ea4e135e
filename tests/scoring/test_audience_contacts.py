"""The ways to contact an audience as frames: reach, prices, the contact policy, margins, consent."""

from datetime import UTC, date, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.as_of import AsOf
from recommend.catalogue import as_objects
from scoring.audience_contacts import (
    ContactTables,
    best_customers,
    chosen_contacts,
    consenting_customers,
    contact_options,
    priced_contacts,
    purchase_margin,
    with_held_back,
)
from scoring.audience_value import as_contacts, best_contacts
from scoring.decision_params import DecisionParams

AS_OF = AsOf(date(2026, 3, 1))
PARAMS = DecisionParams(contact_cost={"sms": 0.1}, remaining_lifetime_value=100.0, incentive_value=0.0)
SCORES = (
    "customer_id string, channel string, offer_kind string, reachable boolean, p_open double, p_unsubscribe double, "
    "p_response double, uplift double, uplift_basis string"
)


def ago(days: int) -> datetime:
    """So many days before the cut."""
    return datetime(2026, 3, 1, tzinfo=UTC) - timedelta(days=days)


@pytest.fixture(scope="module")
def tables(spark: SparkSession) -> ContactTables:
    """Two customers with channels, one whom nobody reaches; one experiment."""
    frame = spark.createDataFrame
    reach = [("a", "sms", True, None), ("a", "mail", False, "no_address"), ("b", "sms", None, None)]
    scores = [
        ("a", "sms", "coupon", True, 0.4, 0.001, 0.2, 0.05, "randomised"),
        ("a", "sms", "points", True, 0.4, 0.001, 0.3, None, "none"),
        ("b", "sms", "coupon", None, 0.1, None, 0.1, 0.05, "randomised"),
    ]
    effects = "channel string, offer_kind string, basis string, margin_used double"
    log = "contact_id string, customer_id string, offer_id string, channel string, event_ts timestamp, "
    answers = (
        "customer_id string, offer_id string, contact_id string, channel string, response_kind string, "
        "event_ts timestamp, available_ts timestamp"
    )
    return ContactTables(
        reach=frame(reach, "customer_id string, channel string, reachable boolean, unreachable_because string"),
        channel_scores=frame(scores, SCORES),
        effects=frame([("sms", "coupon", "randomised", 6.0)], effects),
        values=frame(
            [(None, 50, 10.0, 0.0)],
            "offer_kind string, responders long, response_margin double, response_incentive double",
        ),
        contacts=frame([("k1", "b", "x", "sms", ago(3), ago(3))], log + "available_ts timestamp"),
        responses=frame([("c", "x", None, None, "complaint", ago(2), ago(2))], answers),
    )


def rows(df: DataFrame) -> dict[tuple[str, str], dict[str, object]]:
    """Rows by customer and channel."""
    return {(r["customer_id"], r["channel"]): r.asDict() for r in df.collect()}


def test_every_customer_and_channel_has_its_state(spark: SparkSession, tables: ContactTables) -> None:
    """Who has no row in the table of reach is closed; unknown stays unknown; the policy holds contacts back."""
    customers = spark.createDataFrame([("a",), ("b",), ("c",)], "customer_id string")
    channels = spark.createDataFrame([("sms",), ("mail",)], "channel string")
    options = contact_options(customers, channels, tables)
    found = rows(with_held_back(options, tables, None, PARAMS, AS_OF))
    assert len(found) == 6
    assert [found[c, "sms"]["reachable"] for c in "abc"] == [True, None, False]
    assert found["a", "mail"]["unreachable_because"] == "no_address"
    assert found["b", "mail"]["reachable"] is False
    assert (found["a", "sms"]["p_open"], found["a", "mail"]["p_open"]) == (0.4, None)
    assert [found[c, "sms"]["held_back_by"] for c in "abc"] == [None, "cap_7_days", "recent_complaint"]
    bare = ContactTables(channel_scores=tables.channel_scores)
    known = rows(contact_options(customers, channels, bare))
    assert [known[c, "sms"]["reachable"] for c in "abc"] == [True, None, None]
    assert all(r["held_back_by"] is None for r in with_held_back(options, bare, None, PARAMS, AS_OF).collect())


def test_the_kind_that_is_worth_most_prices_the_channel(spark: SparkSession, tables: ContactTables) -> None:
    """A measured margin is scaled by response and marked; the assumption stands elsewhere; cost is the contact's."""
    assert tables.channel_scores is not None
    scores = tables.channel_scores.selectExpr(
        "customer_id", "channel", "offer_kind", "p_response", "cast(null as decimal(18,2)) as incentive_value"
    )
    found = rows(priced_contacts(scores, tables, PARAMS))
    # 6 x .2 / .15 less cost and p_unsubscribe x 100, against .3 x .2 x 10
    assert found["a", "sms"]["value"] == pytest.approx(8.0 - 0.1 - 0.1)
    assert (found["a", "sms"]["value_basis"], found["a", "sms"]["p_response"]) == ("randomised", 0.2)
    assert found["b", "sms"]["value"] == pytest.approx(4.0 - 0.1)
    without = rows(priced_contacts(scores, ContactTables(**{**vars(tables), "effects": None}), PARAMS))
    assert without["a", "sms"]["cost"] == 0.1
    by_uplift = 0.05 * 10 - 0.1 - 0.1
    by_assumption = 0.3 * 0.2 * 10 - 0.1 - 0.1
    assert without["a", "sms"]["value"] == pytest.approx(max(by_uplift, by_assumption))
    assert without["a", "sms"]["value_basis"] == "prior"


def test_one_channel_of_a_customer_is_chosen_among_those_that_are_open(spark: SparkSession) -> None:
    """A closed channel only where all are, whatever it is worth; it is the one that the audience's rows name."""
    worth = [
        ("a", "mail", 9.0, 0.9, False), ("a", "sms", 1.0, 0.1, True), ("a", "web", 1.0, 0.2, None),
        ("b", "mail", 1.0, 0.3, False), ("b", "sms", 2.0, 0.4, False),
        ("c", "mail", None, 0.5, True), ("c", "sms", -1.0, 0.6, None),
    ]  # fmt: skip
    frame = spark.createDataFrame(
        worth, "customer_id string, channel string, value double, p_response double, reachable boolean"
    )
    priced = frame.drop("reachable")
    chosen = chosen_contacts(priced, frame.drop("value", "p_response")).orderBy("customer_id")
    assert chosen.columns == priced.columns
    found = [tuple(r) for r in chosen.collect()]
    assert found == [("a", "sms", 1.0, 0.1), ("b", "sms", 2.0, 0.4), ("c", "sms", -1.0, 0.6)]
    nothing = {n: F.lit(None).cast("string") for n in ("unreachable_because", "value_basis", "held_back_by")}
    options = frame.withColumns({**nothing, "cost": F.lit(0.1)})
    contacts = as_contacts(as_objects(["a", "b", "c"]), options.toArrow())
    best = best_contacts(contacts, 3)
    assert [contacts.channel[i] if i >= 0 else None for i in best] == ["sms", None, "sms"]


def test_margins_ranks_and_consent(spark: SparkSession) -> None:
    """Margin per customer and day of the chosen products only; ties of scores by raw, then id; the last word counts."""
    bought = [("a", "p", 1, "10.00"), ("a", "q", 1, "20.00"), ("b", "p", 1, "30.00"), ("b", "p", 500, "99.00")]
    days = [(c, p, (AS_OF.day - timedelta(days=d)), a) for c, p, d, a in bought]
    purchases = spark.createDataFrame(days, "customer_id string, product_id string, day date, amount string")
    products = spark.createDataFrame([("p", 0.5), ("q", None), ("z", 0.9)], "product_id string, margin_rate double")
    chosen = spark.createDataFrame([("p",), ("q",)], "product_id string")
    found = purchase_margin(purchases, products, chosen, AS_OF, 365, 0.25).collect()[0]
    assert (found["margin"], found["purchases"]) == (pytest.approx((10 * 0.5 + 20 * 0.25 + 30 * 0.5) / 2), 2)
    nothing = purchase_margin(purchases, products, chosen.where("product_id = 'z'"), AS_OF, 365, 0.25).collect()[0]
    assert nothing["margin"] is None
    scores = spark.createDataFrame(
        [("c", 0.5, 0.1), ("b", 0.5, 0.2), ("a", 0.5, 0.2), ("d", 0.1, 0.9)],
        "customer_id string, score double, raw double",
    )
    assert [r["customer_id"] for r in best_customers(scores, 3).collect()] == ["a", "b", "c"]
    said = [
        ("a1", "granted", 9), ("a2", "withdrawn", 3), ("b1", "withdrawn", 9), ("b1", "granted", 3),
        ("c1", "granted", -2), ("d1", "granted", 4),
    ]  # fmt: skip
    words = [(acc, "profiling", action, ago(d), ago(d)) for acc, action, d in said]
    words.append(("e1", "sensitive", "granted", ago(3), ago(3)))
    consents = spark.createDataFrame(
        words, "account_id string, purpose string, action string, event_ts timestamp, available_ts timestamp"
    )
    owners = spark.createDataFrame(
        [("a1", "a"), ("a2", "a"), ("b1", "b"), ("c1", "c"), ("d1", "d"), ("e1", "e")],
        "account_id string, customer_id string",
    )
    may = consenting_customers(consents, owners, "profiling", AS_OF).collect()
    assert sorted(r["customer_id"] for r in may) == ["b", "d"]
