"""What the trade knows of a single row of each source table, beyond its columns."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from features.contract import Contract
from features.quality_params import Rule

A_DAY = 86_400.0  # seconds
A_CENT = 0.005  # money is judged as double; less than a cent is no difference


def domain_rules(contract: Contract) -> list[Rule]:
    """The rules on times that every log keeps, then those of the table itself."""
    names = contract.names
    rules = _times(contract.name) if {"event_ts", "available_ts"} <= set(names) else []
    own = OWN.get(contract.name)
    return rules + (own() if own else [])


def _times(table: str) -> list[Rule]:
    """A fact cannot be known before it happens; clocks differ, so only a whole day discredits an identity."""
    early = F.col("available_ts") < F.col("event_ts")
    day_early = F.col("available_ts") + F.expr("interval 1 day") < F.col("event_ts")
    first = "crawled before it was posted" if table == "social_posts" else "available before it happened"
    return [
        Rule(first, early, "warn"),
        Rule("known a day before it happened", day_early, "quarantine" if table == "accounts" else "warn"),
    ]


def _transactions() -> list[Rule]:
    return [
        Rule("quantity is 0", F.col("quantity") == F.lit(0), "warn"),
        Rule("list_amount is less than amount", F.col("list_amount") < F.col("amount") - F.lit(A_CENT), "warn"),
        Rule("coupon_amount is more than list_amount", F.col("coupon_amount") > F.col("list_amount"), "warn"),
    ]


def _order_status() -> list[Rule]:
    moved = F.col("status").isin("paid", "refunded")
    return [Rule("states no amount paid or refunded", moved & F.col("amount").isNull(), "warn")]


def _customers() -> list[Rule]:
    return [Rule("born after it was known", F.col("birth_date").cast("timestamp") > F.col("available_ts"), "warn")]


def _browsing() -> list[Rule]:
    kind, nothing = F.col("event_kind"), F.col("product_id").isNull() & F.col("category").isNull()
    return [
        Rule("dwell_seconds above a day", F.col("dwell_seconds") > F.lit(A_DAY), "warn"),
        Rule("viewed nothing", (kind != F.lit("search")) & nothing, "warn"),
        Rule("searched for nothing", (kind == F.lit("search")) & F.col("query").isNull(), "warn"),
    ]


def _cart_events() -> list[Rule]:
    return [Rule("adds 0 units", (F.col("event_kind") == F.lit("add")) & (F.col("quantity") == F.lit(0)), "warn")]


def _store_visits() -> list[Rule]:
    return [Rule("stayed for more than a day", F.col("minutes") > F.lit(A_DAY / 60), "warn")]


def _coupons_issued() -> list[Rule]:
    return [
        Rule("expires before it was issued", F.col("expires_ts") < F.col("event_ts")),
        Rule("takes off more than the basket", F.col("value") > F.col("min_amount") + F.lit(A_CENT), "warn"),
    ]


def _points_ledger() -> list[Rule]:
    points = F.col("points")
    return [
        Rule("earns less than 0 points", _is("entry_kind", "earn") & (points < F.lit(0))),
        Rule("burns more than 0 points", _is("entry_kind", "burn") & (points > F.lit(0))),
        Rule("expires more than 0 points", _is("entry_kind", "expire") & (points > F.lit(0))),
        Rule("expire before they were earned", F.col("expires_ts") < F.col("event_ts")),
    ]


def _tier_history() -> list[Rule]:
    # a local day may begin before or after the day in UTC
    ends = F.date_add(F.col("expires_on"), 2).cast("timestamp")
    return [Rule("expires before it begins", ends < F.col("valid_from"))]


def _referrals() -> list[Rule]:
    return [Rule("refers itself", F.col("referred_account_id") == F.col("account_id"))]


def _service_cases() -> list[Rule]:
    return [Rule("closed before it was opened", F.col("closed_ts") < F.col("event_ts"))]


def _channels() -> list[Rule]:
    return [Rule("stops sending before it starts", F.col("hour_to") <= F.col("hour_from"))]


def _offers() -> list[Rule]:
    return [Rule("ends before it starts", F.col("ends_on") < F.col("starts_on"))]


def _product_eligibility() -> list[Rule]:
    about_all = _is("attribute", "all")
    return [
        Rule("names no product and no category", F.col("product_id").isNull() & F.col("category").isNull()),
        Rule("names a product and a category", F.col("product_id").isNotNull() & F.col("category").isNotNull()),
        Rule("says of no customers", ~about_all & F.coalesce(F.trim("value"), F.lit("")).eqNullSafe(F.lit(""))),
        Rule("says of all customers and of some", about_all & F.col("value").isNotNull()),
        Rule("ends before it begins", F.col("valid_to") <= F.col("valid_from")),
    ]


def _drawn() -> list[Rule]:
    return [Rule("logging_propensity is 0", F.col("logging_propensity") == F.lit(0.0), "warn")]


def _is(column: str, value: str) -> SparkColumn:
    return F.col(column) == F.lit(value)


# functions, since columns need a session
OWN: dict[str, Callable[[], list[Rule]]] = {
    "transactions": _transactions,
    "order_status": _order_status,
    "customers": _customers,
    "browsing": _browsing,
    "cart_events": _cart_events,
    "store_visits": _store_visits,
    "coupons_issued": _coupons_issued,
    "points_ledger": _points_ledger,
    "tier_history": _tier_history,
    "referrals": _referrals,
    "service_cases": _service_cases,
    "channels": _channels,
    "offers": _offers,
    "product_eligibility": _product_eligibility,
    "contacts": _drawn,
    "holdouts": _drawn,
}
