"""What a response was worth: redemptions matched to order lines, averaged per offer kind."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.source_tables import OFFERS, PRODUCTS, RESPONSES, TRANSACTIONS
from scoring.decision_params import DecisionParams
from scoring.redemptions import redeemed_lines, response_values
from tests.scoring.decision_world import AS_OF, Row, frame, local, logs, offer, response

DAY = date(2017, 11, 20)


def line(customer: str, order: str, product: str, amount: str, coupon: str, at: datetime) -> Row:
    """An order line, known at once."""
    return {
        "customer_id": customer,
        "order_id": order,
        "line_no": 1,
        "product_id": product,
        "event_ts": at,
        "available_ts": at,
        "quantity": 1,
        "amount": Decimal(amount),
        "coupon_amount": Decimal(coupon),
    }


def worth(spark: SparkSession, response_value: str, lines: list[Row], answers: list[Row]) -> dict[str | None, Row]:
    """Offer kind -> averages, from redemptions of coupon k1 (product p1) of o1 and o2."""
    coupons = spark.createDataFrame(
        [("o1", "k1", "p1"), ("o2", "k1", "p1"), ("o1", "k2", "p2")],
        "offer_id string, coupon_id string, product_id string",
    )
    products: DataFrame = frame(spark, PRODUCTS, [{"product_id": "p1"}, {"product_id": "p2", "margin_rate": 0.5}])
    offers = frame(spark, OFFERS, [offer("o1"), offer("o2", offer_kind="B")])
    bought = logs(spark, TRANSACTIONS, lines)
    used = redeemed_lines(logs(spark, RESPONSES, [a | {"coupon_id": "k1"} for a in answers]), bought, coupons, AS_OF)
    params = DecisionParams(margin_rate=0.25, response_value=response_value)
    rows = response_values(used, bought, products, offers, AS_OF, params).collect()
    return {r["offer_kind"]: r.asDict() for r in rows}


LINES = [
    line("c1", "b1", "p1", "8.00", "1.00", local(DAY, 23)),  # used, late in the local evening: next day in UTC
    line("c1", "b1", "p2", "10.00", "0.00", local(DAY, 23)),  # same order, own margin rate of one half
    line("c1", "b2", "p1", "4.00", "0.00", local(DAY, 12)),  # no coupon
    line("c2", "b3", "p2", "9.00", "1.00", local(DAY, 12)),  # a coupon, but for another product
    line("c3", "b4", "p1", "6.00", "2.00", local(DAY, 10)),
    line("c4", "b5", "p1", "5.00", "1.00", local(DAY, 10)),  # another kind
    line("c5", "b6", "p1", "5.00", "1.00", AS_OF.ts),  # at the cut: not known
]
ANSWERS = [
    response("c1", "o1", "redeem", local(DAY, 12)),
    response("c2", "o1", "redeem", local(DAY, 12)),
    response("c3", "o1", "redeem", local(DAY, 12)),
    response("c3", "o1", "click", local(DAY, 12)),
    response("c4", "o2", "redeem", local(DAY, 12)),
    response("c5", "o2", "redeem", AS_OF.ts - timedelta(hours=1)),
]


@pytest.mark.parametrize(
    ("counted", "kind_a", "kind_b"),
    # orders: c1 8 x .25 + 10 x .5 = 7, c3 6 x .25 = 1.5; lines: 2 and 1.5
    [("order", 4.25, 1.25), ("lines", 1.75, 1.25)],
)
def test_margin_and_incentive_per_responder(spark: SparkSession, counted: str, kind_a: float, kind_b: float) -> None:
    """Orders or lines, at the product's own margin rate where it has one; the null kind averages over all."""
    found = worth(spark, counted, LINES, ANSWERS)
    assert {k: v["responders"] for k, v in found.items()} == {"A": 2, "B": 1, None: 3}
    assert (found["A"]["response_margin"], found["A"]["response_incentive"]) == (kind_a, 1.5)
    assert (found["B"]["response_margin"], found["B"]["response_incentive"]) == (kind_b, 1.0)
    assert found[None]["response_incentive"] == pytest.approx(4 / 3, abs=1e-6)


def test_a_coupon_used_twice_counts_its_responder_once(spark: SparkSession) -> None:
    """Two orders of one customer add up to one response; the same day's second coupon row adds no line."""
    lines = [LINES[4], line("c3", "b9", "p1", "2.00", "2.00", local(DAY, 18))]
    found = worth(spark, "lines", lines, [ANSWERS[2], ANSWERS[2]])
    assert (found["A"]["responders"], found["A"]["response_margin"], found["A"]["response_incentive"]) == (1, 2.0, 4.0)


def test_no_redemptions_leave_no_averages(spark: SparkSession) -> None:
    """Only the row over all kinds is left, with nobody in it."""
    assert {k: v["responders"] for k, v in worth(spark, "order", LINES, []).items()} == {None: 0}
    assert datetime(2017, 12, 4, 5, tzinfo=UTC) == AS_OF.ts
