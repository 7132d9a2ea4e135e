"""Reach, engagement, reviews and referrals, against plain loops and at the edges."""

import math
from decimal import Decimal

from pyspark.sql import SparkSession

from features.families import influence
from tests.features.families.people_world import (
    INSTANT,
    Draws,
    Row,
    Tables,
    assert_equals_oracle,
    known,
    net_orders_of,
    order,
    owners,
    refund,
    wide,
    with_future,
)
from tests.features.purchase_world import AS_OF, line


def tables_of(seed: int) -> Tables:
    """Random rows of every source of the family."""
    draws = Draws(seed, (0, 90, 365))
    rng = draws.rng
    looks: dict[tuple[object, ...], Row] = {}
    for _ in range(40):
        row = draws.log(
            followers=rng.choice([None, 0, rng.randint(1, 10**6)]), is_verified=rng.choice([True, False, None])
        )
        looks[row["account_id"], row["event_ts"]] = row
    acts = ["follow", "like", "comment", "share", "mention", "mention"]
    orders = [order(draws, i) for i in range(80)]
    posts = []
    for i in range(40):
        post = draws.log(
            post_id=f"wb-{i}", sentiment=rng.choice([None, 0.0, -1.0, 0.333333, 0.7]), confidence=1.0, rule="r"
        )
        tags = rng.choice(
            [[], [("b1", "own_brand")], [("b1", "own_brand"), ("b2", "own_brand")], [("x", "rival_brand")]]
        )
        posts += [post | {"tag": t, "tag_kind": k} for t, k in [*tags, ("tea", "interest")]]
    return {
        "social_stats": list(looks.values()),
        "social_interactions": [
            draws.log(interaction_id=f"si-{i}", interaction_kind=rng.choice(acts)) for i in range(90)
        ],
        "post_tags": posts,
        "reviews": [
            draws.log(review_id=f"rv-{i}", product_id="p0", rating=rng.choice([None, 1, 4, 5])) for i in range(40)
        ],
        "referrals": [draws.log(referral_id=f"rf-{i}", referred_account_id=draws.account()) for i in range(25)],
        "transactions": orders,
        "order_status": [refund(draws, i, o) for i, o in enumerate(orders[:20])],
    }


def oracle(tables: Tables, customer: str) -> Row:
    """What loops over the raw rows find."""

    def mine(name: str, days: int = 10**6) -> list[Row]:
        return [r for r in known(tables[name]) if r["customer_id"] == customer and r["days_ago"] <= days]

    followers, verified = {}, {}
    for r in mine("social_stats"):
        followers |= {r["account_id"]: r["followers"]} if r["followers"] is not None else {}
        verified |= {r["account_id"]: r["is_verified"]} if r["is_verified"] is not None else {}
    moods = {r["post_id"]: r["sentiment"] for r in mine("post_tags", 90) if r["tag_kind"] == "own_brand"}
    moods = {k: v for k, v in moods.items() if v is not None}
    posts = {r["post_id"] for r in mine("post_tags", 365) if r["tag_kind"] == "own_brand"}
    mentions = [r for r in mine("social_interactions", 365) if r["interaction_kind"] == "mention"]
    ratings = [r["rating"] for r in mine("reviews", 365) if r["rating"] is not None]
    engaged = [r for r in mine("social_interactions", 90) if r["interaction_kind"] in ("like", "comment", "share")]
    return {
        "sentiment_brand_90": sum(moods.values()) / len(moods) if moods else None,
        "followers_log": math.log1p(max(followers.values())) if followers else None,
        "verified": any(verified.values()),
        "engagement_brand_n_90": len(engaged),
        "ugc_n": max(len(posts), len(mentions)),
        "review_n": len(mine("reviews", 365)),
        "review_avg": sum(ratings) / len(ratings) if ratings else None,
    } | _referrals(tables, customer)


def _referrals(tables: Tables, customer: str) -> Row:
    of, first = owners(), {}
    for r in sorted(known(tables["referrals"]), key=lambda r: (r["event_ts"], r["referral_id"])):
        brought = of.get(r["referred_account_id"])
        if brought is not None and brought != r["customer_id"]:
            first.setdefault(brought, r)
    hers = {brought: r for brought, r in first.items() if r["customer_id"] == customer}
    amount = sum(
        o["net"]
        for o in net_orders_of(tables)
        if o["customer_id"] in hers and o["event_ts"] >= hers[o["customer_id"]]["event_ts"] and o["days_ago"] <= 365
    )
    return {"referral_n": sum(r["days_ago"] <= 365 for r in hers.values()), "referral_net_amt": amount}


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature of random rows of all sources; rows at or after the cut change nothing."""
    tables = tables_of(4)
    found = wide(spark, influence, tables)
    assert_equals_oracle(found, lambda c: oracle(tables, c), set(owners().values()), influence.DEFINITIONS)
    assert wide(spark, influence, with_future(tables)) == found


def test_each_source_alone(spark: SparkSession) -> None:
    """The family takes what is delivered: one source gives its own features, as with all of them."""
    tables = tables_of(4)
    whole = wide(spark, influence, tables)
    for name, feature in {
        "social_stats": "followers_log",
        "reviews": "review_n",
        "post_tags": "sentiment_brand_90",
    }.items():
        alone = wide(spark, influence, {name: tables[name]})
        assert {c: r[feature] for c, r in alone.items()}.items() <= {c: r[feature] for c, r in whole.items()}.items()
        assert all(r["referral_n"] == 0 for r in alone.values())


def test_posts_are_read_as_far_as_consent_goes(spark: SparkSession) -> None:
    """Who withdrew, never granted, or granted too late has no mood and no posts; what the network counts stays."""
    ts, long_ago = AS_OF.plus(-9).ts, AS_OF.plus(-500).ts
    told = {"tag": "b1", "tag_kind": "own_brand", "sentiment": 0.5, "confidence": 1.0, "rule": "r"}
    accounts = ("a5", "a6", "a7", "a8", "a9")
    posts = [
        {"post_id": f"{n}-{a}", "account_id": a, "event_ts": ts, "available_ts": ts} | told
        for a in accounts
        for n in range(2)
    ]
    mention = {"interaction_id": "m", "account_id": "a6", "interaction_kind": "mention"}

    def consent(account: str, action: str, at: object, purpose: str = "profiling") -> Row:
        word = {"account_id": account, "channel": "any", "purpose": purpose, "action": action}
        return word | {"event_ts": at, "available_ts": at}

    consents = [consent(a, "granted", long_ago) for a in ("a5", "a6")]
    consents += [consent("a6", "withdrawn", AS_OF.ts - INSTANT)]  # after her posts
    consents += [consent("a5", "withdrawn", AS_OF.ts), consent("a7", "granted", AS_OF.ts)]  # not known yet
    consents += [consent("a8", "granted", long_ago, "marketing")]
    tables: Tables = {
        "post_tags": posts,
        "social_interactions": [mention | {"event_ts": ts, "available_ts": ts}],
        "consents": consents,
    }
    found = wide(spark, influence, tables)
    assert {c: (r["sentiment_brand_90"], r["ugc_n"]) for c, r in found.items()} == {"c-a5": (0.5, 2), "c-a6": (None, 1)}


def refers(number: str, account: str, referred: str, ts: object) -> Row:
    """A referral, known at once."""
    return {
        "referral_id": number,
        "account_id": account,
        "referred_account_id": referred,
        "event_ts": ts,
        "available_ts": ts,
    }


def test_edges_of_referrals(spark: SparkSession) -> None:
    """The first to refer has the credit, from that moment on; nobody refers herself through another account."""
    start = AS_OF.plus(-365).ts
    rows = [
        refers("r1", "a5", "a6", start),  # exactly a year ago: in
        refers("r0", "a7", "a6", start + INSTANT),  # too late by an instant
        refers("r2", "a8", "a9", start - INSTANT),  # counts no more, but what she buys does
        refers("r3", "a0", "a1", start),  # one and the same customer since the merge
    ]
    orders = [
        line("a6", "before", start - INSTANT, amount="500.00"),
        line("a6", "with", start, amount="20.00"),
        line("a9", "old", start - INSTANT, amount="500.00"),
        line("a9", "new", start, amount="30.00"),
        line("a1", "own", start, amount="500.00"),
    ]
    found = wide(spark, influence, {"referrals": rows, "transactions": orders})
    told = {c: (r["referral_n"], r["referral_net_amt"]) for c, r in found.items()}
    assert told == {"c-a5": (1, Decimal(20)), "c-a8": (0, Decimal(30))}
