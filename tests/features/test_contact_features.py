"""Contact features: by hand, blind to everything at or after the send, the same for training and scoring."""

from datetime import date
from decimal import Decimal

import pytest

from features.as_of import AsOf
from features.contact_features import CONTACT_FEATURES, ContactFeatureParams, as_contact_features
from features.contact_pairs import as_pairs, as_send_pairs, customers_at, typical_options
from tests.features.contact_world import (
    CONTACT_ROWS,
    LINE_ROWS,
    OFFER_ROWS,
    RESPONSE_ROWS,
    ZONE,
    answer,
    line,
    send,
    sources,
    ts,
)

AS_OF = AsOf(date(2017, 6, 15), ZONE)
PARAMS = ContactFeatureParams()


def rows_of(features):
    """(customer, offer) -> row."""
    return {(r["customer_id"], r["offer_id"]): r for r in features.toArrow().to_pylist()}


def of_sends(spark, **changed):
    """Features of the world's sends, by (customer, offer)."""
    world = sources(spark, **changed)
    sends = sources(spark)  # the sends themselves stay; only what is known around them changes
    pairs = as_send_pairs(sends.contacts, sends.offers, world.customer_map, AS_OF)
    return rows_of(as_contact_features(pairs, world, PARAMS, ZONE))


@pytest.fixture(scope="module")
def rows(spark):
    """The world's rows."""
    return of_sends(spark)


def test_every_send_has_one_row_in_contract_shape(rows):
    """Three sends, three rows, no column more or less."""
    assert sorted(rows) == [("x", "o1"), ("x", "o2"), ("y", "o2")]
    assert list(rows["x", "o2"]) == CONTACT_FEATURES.names


def test_features_by_hand(rows):
    """Customer x at the send of o2, 2017-05-01 04:00 UTC, midnight in New York."""
    row = rows["x", "o2"]
    expected = {
        "offer_kind": "A",
        "window_days": 31,
        "offer_products": 2,
        "offer_coupons": 1,
        "recency_days": 0,  # 16 hours
        "tenure_days": 150,  # the order of 2016-12-01; the one of 2016-04 is out of reach
        "orders_short": 1,
        "orders_long": 2,
        "orders": 3,
        "spend_short": 10.0,
        "spend_long": 15.0,
        "spend": 20.0,
        "coupon_orders_long": 1,
        "coupon_amount_long": 1.0,
        "discount_share_long": round(1 - 15 / 19, 6),
        "categories_long": 2,
        "offer_products_bought": 2,  # a and b within a year
        "offer_spend_long": 4.0,
        "offer_spend_share": 0.45,  # 4 + 5 of 20
        "offer_category_share": 0.7,  # coffee: 4 + 5 + 5 of 20
        "offer_recency_days": 0,
        "sends_short": 0,
        "sends": 1,
        "send_recency_days": 60,
        "fatigue": round(0.5 ** ((60 + 23 / 24) / 7), 6),
        "closed_sends": 1,
        "closed_responses": 1,
        "closed_kind_sends": 1,
        "closed_kind_responses": 1,
        "responses": 2,
        "response_recency_days": 30,
    }
    assert {name: row[name] for name in expected} == expected


def test_an_account_counts_for_whom_it_belonged_to_at_the_send(rows):
    """z was stitched to y before y's send, so its order is hers."""
    assert rows["y", "o2"]["orders"] == 1
    assert rows["y", "o2"]["spend"] == 2.0


def test_nothing_known_is_null_where_zero_would_lie(spark):
    """Counts of nothing are 0; a recency or a share of nothing is null."""
    row = of_sends(spark, transactions=[])["y", "o2"]
    assert row["orders"] == row["spend"] == row["sends"] == row["fatigue"] == 0
    nulls = ("recency_days", "tenure_days", "offer_spend_share", "offer_recency_days", "send_recency_days")
    assert all(row[name] is None for name in nulls)


@pytest.mark.parametrize("at", ["2017-05-01 04:00", "2017-05-01 04:01", "2017-05-20 12:00", "2018-01-01 00:00"])
def test_nothing_at_or_after_the_send_is_seen(spark, rows, at):
    """Facts at the very moment of the send, and all later ones, change no feature of that send."""
    late = of_sends(
        spark,
        transactions=[
            *LINE_ROWS,
            line("x", "9", "a", at, "50.00", coupon_amount=Decimal(5)),
            line("y", "8", "d", at, "7.00"),
        ],
        contacts=[*CONTACT_ROWS, send("x", "o3", at), send("y", "o1", at)],
        responses=[*RESPONSE_ROWS, answer("x", "o2", at), answer("y", "o2", at)],
    )
    assert late == rows


def test_what_happened_before_but_was_known_only_later_is_not_seen(spark, rows):
    """A late report does not exist yet at the send."""
    known = {"available_ts": ts("2017-05-01 04:00")}
    late = of_sends(
        spark,
        transactions=[*LINE_ROWS, line("x", "9", "a", "2017-04-01 12:00", "50.00", **known)],
        contacts=[*CONTACT_ROWS, send("x", "o3", "2017-04-01 12:00", **known)],
        responses=[*RESPONSE_ROWS, answer("x", "o1", "2017-03-20 12:00", **known)],
    )
    assert late["x", "o2"] == rows["x", "o2"]


def test_a_moment_before_the_send_is_seen(spark, rows):
    """The other side of the boundary: one minute earlier counts."""
    row = of_sends(spark, transactions=[*LINE_ROWS, line("x", "9", "a", "2017-05-01 03:59", "50.00")])["x", "o2"]
    assert row["orders"] == rows["x", "o2"]["orders"] + 1


def test_an_earlier_send_whose_offer_is_still_open_says_nothing_about_answering(spark):
    """No answer yet is not a refusal: only closed offers count."""
    still_open = [*OFFER_ROWS[1:], OFFER_ROWS[0] | {"ends_on": date(2017, 5, 1)}]
    row = of_sends(spark, offers=still_open)["x", "o2"]
    assert (row["sends"], row["closed_sends"], row["closed_responses"]) == (1, 0, 0)


def test_scoring_at_a_cut_equals_training_at_that_cut(spark):
    """The row that scores o2 on a day is the row that a send of o2 at that midnight would be learned from."""
    day = AsOf(date(2017, 5, 1), ZONE)
    scoring = sources(spark)
    pairs = as_pairs(customers_at(scoring.customer_map, day), typical_options(scoring.offers, day, ["mail"]), day)
    scored = rows_of(as_contact_features(pairs, scoring, PARAMS, ZONE))["x", "o2"]
    sent = [CONTACT_ROWS[0], send("x", "o2", "2017-05-01 04:00")]
    training = sources(spark, contacts=sent)
    past = as_send_pairs(training.contacts, training.offers, training.customer_map, AS_OF)
    learned = rows_of(as_contact_features(past, training, PARAMS, ZONE))["x", "o2"]
    assert scored == learned
