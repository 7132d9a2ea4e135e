"""Life events and interests of posts against a plain loop, with the rules that time, losses and consent set."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.facts import Facts
from features.families.life_events import DEFINITIONS, EVIDENCE, customer_post_tags, features
from features.output_tables import CUSTOMER_MAP
from features.source_tables import CONSENTS, SOCIAL_TAGS
from features.tags.life_event_kinds import EVENTS, KINDS_OF_EVENTS, SENSITIVE
from features.tags.post_tag_table import POST_TAGS
from tests.features.purchase_world import Row, as_self, frame

AS_OF = AsOf(date(2026, 3, 10), "Asia/Shanghai")
CUT = AS_OF.ts


def said(account: str, tag: str, days_ago: float, post: str, **others: Any) -> Row:
    """A post whose tag was known when it was posted."""
    ts = CUT - timedelta(days=days_ago)
    row = {
        "post_id": post,
        "account_id": account,
        "event_ts": ts,
        "available_ts": ts,
        "tag": tag,
        "tag_kind": "life_event",
        "confidence": 0.8,
        "sentiment": None,
        "happens_on": None,
        "rule": "test",
    }
    return row | others


def consent(account: str, purpose: str, action: str, days_ago: float, channel: str = "any") -> Row:
    """A word on consent, known when it was given."""
    ts = CUT - timedelta(days=days_ago)
    return {
        "account_id": account,
        "channel": channel,
        "purpose": purpose,
        "action": action,
        "event_ts": ts,
        "available_ts": ts,
        "evidence": None,
    }


def facts(
    spark: SparkSession, posts: list[Row], consents: list[Row] | None = None, given: list[Row] | None = None
) -> Facts:
    """Facts of these rows, each account a customer of its own."""
    tables = {
        "post_tags": frame(spark, POST_TAGS, posts),
        "customer_map": frame(spark, CUSTOMER_MAP, as_self(r["account_id"] for r in posts)),
    }
    if consents is not None:
        tables["consents"] = frame(spark, CONSENTS, consents)
    if given is not None:
        tables["social_tags"] = frame(spark, SOCIAL_TAGS, given)
    return Facts(tables, AS_OF)


def rows_of(found: Facts) -> dict[str, dict[str, Any]]:
    """The wide columns by customer."""
    (df,) = features(found)
    return {r["customer_id"]: r.asDict() for r in df.collect()}


def local_days_ago(moment: datetime) -> int:
    """1 is the day before the cut."""
    return (AS_OF.day - (moment + timedelta(hours=8)).date()).days


def oracle(posts: list[Row], account: str, event: str) -> tuple[float, int | None] | None:
    """Score and days of one event by a loop over posts of a customer who consents to all."""
    kind = KINDS_OF_EVENTS[event]
    mine = [p for p in posts if p["account_id"] == account and p["event_ts"] < CUT and p["available_ts"] < CUT]
    lost = [
        local_days_ago(p["event_ts"]) for p in mine if p["tag_kind"] == "loss" and p["tag"] in (event, *kind.losses_of)
    ]
    over = [p["event_ts"] for p in mine if p["tag_kind"] == "life_event" and p["tag"] in kind.ended_by]
    left = []
    for p in mine:
        age = local_days_ago(p["event_ts"])
        if p["tag_kind"] != "life_event" or p["tag"] != event or age > kind.expiry_days:
            continue
        if over and p["event_ts"] <= max(over):
            continue
        if lost and age >= min(lost) - kind.suppress_days:
            continue
        left.append((age, p))
    if not left:
        return None
    told = sorted(((-p["event_ts"].timestamp(), p["post_id"], p["happens_on"]) for _, p in left if p["happens_on"]))
    if told:
        days: int | None = (AS_OF.day - told[0][2]).days
    else:
        days = None if kind.clock_days is None else max(a for a, _ in left) - kind.clock_days
    if days is not None and days > kind.last_day:
        return None
    return max(p["confidence"] * 2 ** (-a / kind.half_life_days) for a, p in left), days


def random_posts(seed: int) -> list[Row]:
    """Posts of few customers about few events, with losses, dates, late arrivals and posts after the cut."""
    draw = random.Random(seed)
    posts = []
    for i in range(260):
        event = draw.choice(["pregnant", "baby_due", "baby_born", "wedding", "engaged", "travel", "new_pet"])
        age = draw.choice([draw.uniform(-2, 400), draw.randint(0, 60)])
        loss = draw.random() < 0.05
        day = AS_OF.day + timedelta(days=draw.randint(-90, 150)) if draw.random() < 0.4 and not loss else None
        posts.append(
            said(
                f"c{draw.randrange(12)}",
                event,
                age,
                f"p{i:03}",
                tag_kind="loss" if loss else "life_event",
                confidence=round(draw.uniform(0.5, 1), 2),
                happens_on=day,
            )
        )
        if draw.random() < 0.1:
            posts[-1]["available_ts"] = CUT
    return posts


def test_events_equal_a_loop_over_posts(spark: SparkSession) -> None:
    """Scores, clocks, expiry, losses and ends of random posts are those of a plain loop."""
    posts = random_posts(3)
    accounts = sorted({p["account_id"] for p in posts})
    yes = [consent(a, p, "granted", 500) for a in accounts for p in ("profiling", "sensitive")]
    found = rows_of(facts(spark, posts, yes))
    seen = 0
    for account in accounts:
        for event in EVENTS:
            expected, row = oracle(posts, account, event), found.get(account, {})
            if expected is None:
                assert row.get(f"life_event_{event}") is None, (account, event)
            else:
                seen += 1
                assert row[f"life_event_{event}"] == pytest.approx(expected[0], abs=1e-6), (account, event)
                assert row[f"life_event_{event}_days"] == expected[1], (account, event)
    assert seen > 15


def test_boundaries_and_stages(spark: SparkSession) -> None:
    """A post at the cut is not known, one on its last day counts, and stages follow the day that a post tells."""
    last = KINDS_OF_EVENTS["diet"].expiry_days
    posts = [
        said("at_cut", "diet", 0, "a"),
        said("last_day", "diet", last, "b"),
        said("too_old", "diet", last + 1, "c"),
        said("baby", "baby_born", 40, "d", happens_on=AS_OF.day - timedelta(days=100)),
        said("trip", "travel", 3, "e", happens_on=AS_OF.day + timedelta(days=5)),
        said("back", "travel", 30, "f", happens_on=AS_OF.day - timedelta(days=11)),
        said("undated", "travel", 3, "g"),
    ]
    yes = [consent(p["account_id"], w, "granted", 500) for p in posts for w in ("profiling", "sensitive")]
    found = rows_of(facts(spark, posts, yes))
    assert set(found) == {"last_day", "baby", "trip", "undated"}
    assert found["baby"]["life_event_baby_born_stage"] == "infant"
    assert found["baby"]["life_event_baby_born_days"] == 100
    assert found["trip"]["life_event_travel_stage"] == "packing"
    assert found["trip"]["life_event_travel_days"] == -5
    assert found["undated"]["life_event_travel_stage"] is None


def test_consent(spark: SparkSession) -> None:
    """The last word known by the cut decides, a withdrawal wins a tie, sensitive events ask for their own purpose."""
    names = ("granted", "withdrawn", "tie", "nothing", "late", "profiling_only")
    posts = [said(n, tag, 5, f"{n}-{tag}") for n in names for tag in ("travel", "pregnant")]
    words = [
        *[consent(n, w, "granted", 50) for n in ("granted", "withdrawn", "tie") for w in ("profiling", "sensitive")],
        *[consent("withdrawn", w, "withdrawn", 10, "sms") for w in ("profiling", "sensitive")],
        *[consent("tie", w, "withdrawn", 50, "sms") for w in ("profiling", "sensitive")],
        consent("late", "profiling", "granted", 0),
        consent("profiling_only", "profiling", "granted", 50, "sms"),
        consent("nothing", "marketing", "granted", 50),
    ]
    found = rows_of(facts(spark, posts, words))
    assert set(found) == {"granted", "profiling_only"}
    assert found["granted"]["life_event_pregnant"] is not None
    assert found["profiling_only"]["life_event_pregnant"] is None
    assert found["profiling_only"]["life_event_travel"] is not None
    without = rows_of(facts(spark, posts))
    assert all(r["life_event_pregnant"] is None and r["life_event_travel"] is not None for r in without.values())


def test_customer_post_tags(spark: SparkSession) -> None:
    """Interests add up halved every half-life, with support and the newest posts as evidence, never a text."""
    posts = [said("c", "coffee", 30 * i + 0.5, f"p{i}", tag_kind="interest") for i in range(8)]
    posts += [said("c", "travel", 2, "t", happens_on=AS_OF.day + timedelta(days=5))]
    given = [
        {
            "account_id": "c",
            "tag": " Tea ",
            "event_ts": CUT - timedelta(days=1),
            "available_ts": CUT - timedelta(days=1),
            "score": None,
            "given_by": "x",
        }
    ]
    found = {r["tag"]: r for r in customer_post_tags(facts(spark, posts, None, given)).collect()}
    coffee = found["coffee"]
    ages = [local_days_ago(p["event_ts"]) for p in posts[:8]]
    kept = [a for a in ages if a <= 180]
    assert coffee["support"] == len(kept)
    assert coffee["score"] == pytest.approx(sum(0.8 * 2 ** (-a / 30) for a in kept), abs=1e-5)
    assert list(coffee["evidence"]) == ["p0", "p1", "p2", "p3", "p4"][:EVIDENCE]
    assert coffee["expires_on"] == AS_OF.day + timedelta(days=180 - min(ages) + 1)
    assert coffee["last_seen"].replace(tzinfo=UTC) >= coffee["first_seen"].replace(tzinfo=UTC)
    assert list(found["tea"]["evidence"]) == []
    assert found["travel"]["tag_kind"] == "life_event"
    assert found["travel"]["expires_on"] == AS_OF.day + timedelta(days=5 + 10 + 1)


def test_sensitive_events_say_so() -> None:
    """Each column of a sensitive event names the purpose that it needs."""
    for d in DEFINITIONS:
        event = d.name.removeprefix("life_event_").removesuffix("_stage").removesuffix("_days")
        assert (d.purpose == SENSITIVE) == (KINDS_OF_EVENTS[event].purpose == SENSITIVE)
