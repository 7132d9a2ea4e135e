"""Past campaigns as two sides: who is compared with whom, and with what."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from features.as_of import AsOf
from features.contract import contract_index
from features.source_tables import SOURCES
from scoring.experiment_data import as_margin_orders, as_sides, collect_units, filter_reachable, filter_sampled
from scoring.experiment_params import ExperimentParams

CONTRACTS = contract_index([SOURCES])
AS_OF = AsOf(date(2026, 3, 31))


def frame(spark, name, rows):
    """Rows of a source table, known when they happened."""
    contract = CONTRACTS[name]
    full = [{"available_ts": r.get("event_ts"), **r} for r in rows]
    return spark.createDataFrame([tuple(r.get(n) for n in contract.names) for r in full], contract.ddl())


def at(day, month=2):
    """Noon of a day of 2026."""
    return datetime(2026, month, day, 12, tzinfo=UTC)


def sent(account, when, channel="sms", offer="o1", p=0.3):
    """A send; several of one day are told apart by channel."""
    return {
        "contact_id": f"{account}{when}{channel}", "account_id": account, "offer_id": offer, "channel": channel,
        "event_ts": when, "logging_propensity": p,
    }  # fmt: skip


def held(account, when, offer="o1", p=0.4):
    """A holdout."""
    return {"holdout_id": account, "account_id": account, "offer_id": offer, "event_ts": when, "logging_propensity": p}


@pytest.fixture(scope="module")
def sides(spark):
    """The sides of one offer in two waves, cut on 31 March with a horizon of 28 days."""
    contacts = [
        sent("a", at(2)), sent("a", at(2) + timedelta(hours=1), p=0.9),  # the first send counts, with its propensity
        sent("b", at(2), "email", p=None),
        sent("b2", at(9)),  # another day
        sent("c", at(2)),  # held out on the same day under another account
        sent("d", at(5, 3)),  # not matured
    ]  # fmt: skip
    holdouts = [held("c2", at(2)), held("e", at(2)), held("f", at(9)), held("h", at(10)), held("g", at(9, 3))]
    offers = [{"offer_id": "o1", "offer_kind": "A", "starts_on": date(2026, 2, 2), "ends_on": date(2026, 3, 30)}]
    people = [(a, a[0]) for a in ("a", "b", "b2", "c", "c2", "d", "e", "f", "g", "h")]
    customers = spark.createDataFrame(people, "account_id string, customer_id string")
    return as_sides(
        frame(spark, "contacts", contacts), frame(spark, "holdouts", holdouts), frame(spark, "offers", offers),
        customers, AS_OF, 28,
    )  # fmt: skip


def test_sides_are_of_one_campaign_and_matured(sides) -> None:
    """Held-out e stands against both channels of her day, f against the one of hers, h against none; c was on both."""
    rows = sides.toArrow().to_pylist()
    found = {(r["customer_id"], r["day_no"], r["channel"], r["contacted"]): r["logging_propensity"] for r in rows}
    assert len(found) == len(rows)
    assert found == {
        ("a", 0, "sms", True): 0.3, ("b", 0, "email", True): None, ("b", 7, "sms", True): 0.3,
        ("e", 0, "sms", False): 0.4, ("e", 0, "email", False): 0.4, ("f", 7, "sms", False): 0.4,
    }  # fmt: skip


def test_who_was_out_of_reach_is_not_compared(spark, sides) -> None:
    """Known to be unreachable is left out on either side; not known is kept; a sample is of whole customers."""
    known = (
        "case when customer_id = 'e' and channel = 'sms' then false when customer_id != 'a' then true end as reachable"
    )
    reach = sides.selectExpr("customer_id", "channel", "cut", known)
    kept = {(r["customer_id"], r["channel"]) for r in filter_reachable(sides, reach).collect()}
    assert kept == {("a", "sms"), ("b", "email"), ("b", "sms"), ("e", "email"), ("f", "sms")}
    some = {r["customer_id"] for r in filter_sampled(sides, 0.5).collect()}
    assert some < {r["customer_id"] for r in filter_sampled(sides, 1.0).collect()}


def test_units_carry_margins_of_their_own_products(spark, sides) -> None:
    """a bought one product at its own margin rate and one at the setting's, within the horizon; spend before counts."""
    line = {"account_id": "a", "line_no": 1, "quantity": 1}
    lines = [
        line | {"order_id": "1", "product_id": "p", "event_ts": at(20), "amount": Decimal("10.00")},
        line | {"order_id": "1", "product_id": "q", "event_ts": at(20), "amount": Decimal("20.00")},
        line | {"order_id": "2", "product_id": "p", "event_ts": at(20, 1), "amount": Decimal("7.00")},
        line | {"order_id": "3", "product_id": "p", "event_ts": at(29, 3), "amount": Decimal("9.00")},
    ]
    products = spark.createDataFrame([("p", 0.5), ("q", None)], "product_id string, margin_rate double")
    customers = spark.createDataFrame([("a", "a")], "account_id string, customer_id string")
    orders = as_margin_orders(frame(spark, "transactions", lines), products, customers, AS_OF, 0.25)
    units = collect_units(sides, orders, 28, ExperimentParams())
    hers = (units.contacted) & (units.channel == "sms") & (units.campaign == "o1|0")
    assert units.outcomes["margin"][hers].tolist() == [10.0]
    assert units.covariates["spend"][hers].tolist() == [7.0]
    assert units.outcomes["bought"].sum() == 1
    assert len(units) == 6
