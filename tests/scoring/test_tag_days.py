"""Tags of customers by day: names, days, consent, what was known when."""

from datetime import timedelta
from typing import Any

from pyspark.sql import SparkSession

from features.facts import Facts
from features.output_tables import CUSTOMER_MAP
from features.source_tables import ACCOUNTS, CONSENTS, CUSTOMERS, SOCIAL_TAGS, TIER_HISTORY
from features.tags.post_tag_table import POST_TAGS
from scoring.recommender_inputs import products_for_sale
from scoring.tag_days import known_tag_days
from tests.features.families.test_life_events import AS_OF, CUT, consent, said
from tests.features.purchase_world import Row, as_self, frame

DAY = AS_OF.day
Found = dict[tuple[str, str], tuple[int, int, float]]


def ago(days: float) -> Any:
    """A moment before the cut."""
    return CUT - timedelta(days=days)


def built(facts: Facts, which: str) -> Found:
    """(customer, tag) -> days before the cut on which it counted and was known, confidence."""
    frame_ = known_tag_days(facts, which, {("life_event", "move")})
    assert frame_ is not None
    rows = frame_.collect()
    return {
        (r["customer_id"], r["product_id"]): ((DAY - r["day"]).days, (DAY - r["known_day"]).days, r["amount"])
        for r in rows
    }


POSTS = [
    said("a", "tea", 10.5, "p1", tag_kind="interest"),
    said("b", "tea", 10.5, "p2", tag_kind="interest"),  # withdrew her consent before the cut
    said("c", "tea", 10.5, "p3", tag_kind="interest"),  # never gave any
    # she moves 5 days before the cut: settling begins that day, and it is over long after the cut
    said("a", "move", 20.5, "p4", happens_on=DAY - timedelta(days=5)),
    # born 100 days ago: newborn since then, infant since 9 days
    said("a", "baby_born", 95.5, "p5", happens_on=DAY - timedelta(days=100)),
    said("d", "baby_born", 95.5, "p6", happens_on=DAY - timedelta(days=100)),  # no word on sensitive things
    said("d", "pregnant", 30.5, "p7", tag_kind="loss"),  # losses are read of everybody
    said("a", "wine", 3.5, "p8", tag_kind="interest", available_ts=ago(1.5)),  # crawled late
    # of the day the surest counts, which was crawled late
    said("a", "jazz", 6.5, "p12", tag_kind="interest", confidence=0.3),
    said("a", "jazz", 6.6, "p13", tag_kind="interest", confidence=0.9, available_ts=ago(2.5)),
    said("a", "jazz", 6.6, "p14", tag_kind="interest", confidence=0.9, available_ts=ago(1.5)),
    said("a", "dog", 3.5, "p9", tag_kind="interest", available_ts=CUT),  # known too late
    said("a", "cat", 0, "p10", tag_kind="interest"),  # at the cut
    said("a", "graduation", 300.5, "p11"),  # over for long: the days of its stages remain
]
CONSENTED = [consent(a, "profiling", "granted", 400) for a in "abd"] + [consent("a", "sensitive", "granted", 400)]
CONSENTED += [consent("b", "profiling", "withdrawn", 2)]
GIVEN = [
    {"account_id": a, "tag": " Travel ", "event_ts": ago(7.5), "available_ts": ago(7.5), "score": 0.6, "given_by": "w"}
    for a in "ac"
]


def other(spark: SparkSession) -> dict[str, Any]:
    """The record of customer e."""
    at = {"account_id": "e", "available_ts": ago(50.5)}
    customers: list[Row] = [at | {"region": "East", "age_band": "25-34", "gender": None}]
    seen = [
        at | {"identifier_kind": "phone", "identifier": "x", "event_ts": ago(d), "acquisition_source": source}
        for d, source in ((60.5, "search"), (55.5, "store"))
    ]
    tiers = [
        at | {"tier": tier, "valid_from": ago(d), "available_ts": ago(d)}
        for tier, d in (("basic", 60.5), ("gold", 5.5))
    ]
    tiers.append(at | {"tier": "platinum", "valid_from": ago(-3), "available_ts": ago(3)})  # announced, not yet held
    return {
        "customers": frame(spark, CUSTOMERS, customers),
        "accounts": frame(spark, ACCOUNTS, seen),
        "tier_history": frame(spark, TIER_HISTORY, tiers),
    }


def test_tags_by_day_as_consent_and_setting_allow(spark: SparkSession) -> None:
    """All of it in one world, for each setting."""
    tables = {
        "post_tags": frame(spark, POST_TAGS, POSTS),
        "consents": frame(spark, CONSENTS, CONSENTED),
        "social_tags": frame(spark, SOCIAL_TAGS, GIVEN),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self("abcde")),
        **other(spark),
    }
    facts = Facts(tables, AS_OF)
    record: Found = {
        ("e", "region:east"): (51, 51, 1.0),
        ("e", "age:25-34"): (51, 51, 1.0),
        ("e", "acquired:search"): (61, 51, 1.0),  # the first sighting, known with the account
        ("e", "tier:basic"): (61, 61, 1.0),
        ("e", "tier:gold"): (6, 6, 1.0),
    }
    loss: Found = {("d", "loss:pregnant"): (31, 31, 1.0)}
    over: Found = {
        ("a", "end:graduation"): (240, 240, 1.0),
        ("a", "told:baby_born"): (96, 96, 1.0),
        ("a", "post:move"): (21, 21, 0.8),
        ("a", "post:move@before"): (21, 21, 0.8),
        ("a", "post:move@settling"): (5, 5, 0.8),
    }
    assert built(facts, "none") == record
    assert built(facts, "targeting") == record | loss | over | {
        ("a", "spare:baby_born@newborn"): (96, 96, 0.8),
        ("a", "spare:baby_born@infant"): (9, 9, 0.8),
        ("a", "spare:graduation@after"): (301, 301, 0.8),
    }
    assert built(facts, "all") == record | loss | over | {
        ("a", "post:tea"): (11, 11, 0.8),
        ("a", "post:wine"): (4, 2, 0.8),
        ("a", "post:jazz"): (7, 3, 0.9),
        ("a", "post:baby_born"): (96, 96, 0.8),
        ("a", "post:baby_born@newborn"): (96, 96, 0.8),
        ("a", "post:baby_born@infant"): (9, 9, 0.8),
        ("a", "post:graduation"): (301, 301, 0.8),
        ("a", "post:graduation@after"): (301, 301, 0.8),
        ("a", "given:travel"): (8, 8, 0.6),
    }


def test_without_consents_sensitive_events_are_off(spark: SparkSession) -> None:
    """Interests and moves are read of everybody, births of nobody; nothing delivered is no log."""
    tables = {
        "post_tags": frame(spark, POST_TAGS, POSTS[:6]),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self("abcd")),
    }
    found = built(Facts(tables, AS_OF), "all")
    assert {c for c, tag in found if tag == "post:tea"} == {"a", "b", "c"}
    assert not [tag for _, tag in found if "baby" in tag and not tag.startswith("told")]
    assert known_tag_days(Facts({"customer_map": tables["customer_map"]}, AS_OF), "all", set()) is None


def test_products_for_sale_are_launched_or_looked_at() -> None:
    """Not what is launched at the cut, out of stock, of a dropped department or without a category."""
    rows: dict[str, list[Any]] = {
        "product_id": ["new", "old", "looked", "today", "gone", "fuel", "odd", "unknown"],
        "department": ["d", "d", "d", "d", "d", "FUEL", "d", "d"],
        "category": ["c", "c", "c", "c", "c", "c", None, "c"],
        "launched_day": [90, 10, 10, 100, 95, 95, 95, None],
        "in_stock": [True, True, None, True, False, True, True, None],
    }
    assert products_for_sale(rows, {"looked", "gone", "odd"}, 100, 30, {"FUEL"}) == ["new", "looked"]
