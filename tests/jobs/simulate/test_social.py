"""Posts with their truth, tags, reach, interactions; account holders, consents and referrals."""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs.simulate.accounts import member_account, touchpoints
from jobs.simulate.life_events import EVENTS
from jobs.simulate.params import WorldError, load_world_params
from jobs.simulate.people import make_people
from jobs.simulate.people_tables import consents_table, customers_table, referrals_table
from jobs.simulate.social_posts import social_posts
from jobs.simulate.social_tables import social_interactions, social_stats, social_tags
from jobs.simulate.world import make_world

DAYS, PERSONS = 200, 3000
WORLD = make_world(8, PERSONS, DAYS, load_world_params())
TABLES = {
    "tags": social_tags,
    "stats": social_stats,
    "interactions": social_interactions,
    "customers": customers_table,
    "consents": consents_table,
    "referrals": referrals_table,
    "posts": lambda *a: social_posts(*a)[0],
    "truth": lambda *a: social_posts(*a)[1],
}


@cache
def block():
    """All persons and their accounts."""
    people = make_people(WORLD, np.arange(PERSONS))
    return people, touchpoints(WORLD, people)


@cache
def posts():
    """Posts and truth of all persons, in one table."""
    source, truth = social_posts(WORLD, *block())
    assert source["post_id"].equals(truth["post_id"])
    return source, truth


def plain(table: pa.Table) -> pa.Table:
    """Dictionaries as strings, rows in the order of all their values."""
    fields = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]
    table = table.cast(pa.schema(fields))
    return table.sort_by([(f.name, "ascending") for f in fields])


@pytest.mark.parametrize("name", TABLES)
def test_blocks_do_not_matter(name):
    """Two blocks hold together what one block of all persons holds."""
    make = TABLES[name]
    parts = []
    for numbers in (np.arange(1000, PERSONS)[::-1], np.arange(1000)):
        some = make_people(WORLD, numbers)
        parts.append(plain(make(WORLD, some, touchpoints(WORLD, some))))
    assert plain(make(WORLD, *block())).equals(plain(pa.concat_tables(parts)))


def test_posts_about_an_event_stand_near_the_day_of_the_authors_own():
    """What truth calls the author's own event is one, told within its window."""
    people, _ = block()
    _, truth = posts()
    own = truth.filter(pc.and_(truth["holds"], pc.is_valid(truth["event"])))
    assert own.num_rows > 30
    kinds = {p: {EVENTS[k] for k in ks if k >= 0} for p, ks in enumerate(people.event_kind.tolist())}
    assert all(e in kinds[p] for e, p in zip(own["event"].to_pylist(), own["person"].to_pylist(), strict=True))
    assert pc.min(own["days_to_event"]).as_py() >= -60
    assert pc.max(own["days_to_event"]).as_py() <= 150 + 175


def test_traps_interests_and_chatter_have_their_shares():
    """Most posts say nothing; traps are rare and hold nothing."""
    _, truth = posts()
    trapped = np.asarray(truth["trap"].is_valid())
    assert 0.05 < trapped.mean() < 0.13
    assert not np.asarray(truth["holds"])[trapped].any()
    liked = np.asarray(truth["holds"]) & np.asarray(truth["interest"].is_valid())
    assert 0.15 < liked.mean() < 0.25
    assert 0.1 < np.asarray(truth["is_held_out_family"]).mean() < 0.5
    assert len(truth["trap"].unique()) > 15


def test_what_is_liked_is_to_the_authors_taste():
    """Posts about an interest are about categories that she buys more than others do."""
    people, _ = block()
    from jobs.simulate.post_contents import interest_categories

    place = {c: i for i, c in enumerate(WORLD.catalogue.category)}
    topic = {t: place[c] for t, c in interest_categories().items() if c in place}
    _, truth = posts()
    rows = [
        (p, topic[i])
        for p, i, h in zip(*(truth[c].to_pylist() for c in ("person", "interest", "holds")), strict=True)
        if h and i in topic
    ]
    person, category = (np.array(c) for c in zip(*rows, strict=True))
    assert (people.taste[person, category] / people.taste[:, category].mean(axis=0)).mean() > 2


def test_posts_are_crawled_after_they_are_written():
    """No post is known before it exists, some only weeks later; each stands under a Weibo account."""
    source, _ = posts()
    lag = pc.subtract(source["available_ts"], source["event_ts"]).cast(pa.int64()).to_numpy() / 3.6e9
    assert lag.min() > 0
    assert 0.01 < (lag > 24 * 7).mean() < 0.06
    assert {a[:3] for a in source["account_id"].to_pylist()} == {"wo-"}


def test_nobody_posts_or_likes_after_she_left():
    """The last day of a person ends her posts and acts."""
    people, points = block()
    last = np.full(len(people), 60, np.int32)
    source, _ = social_posts(WORLD, people, points, last)
    acts = social_interactions(WORLD, people, points, last)
    local = pc.add(source["event_ts"].cast(pa.int64()), 8 * 3_600_000_000)
    start = (WORLD.first_day.toordinal() - 719163) * 86_400_000_000
    assert pc.max(local).as_py() < start + 61 * 86_400_000_000
    liked = acts.filter(pc.not_equal(acts["interaction_kind"].cast(pa.string()), "unfollow"))
    assert pc.max(pc.add(liked["event_ts"].cast(pa.int64()), 8 * 3_600_000_000)).as_py() < start + 61 * 86_400_000_000


def test_customers_have_gaps_and_slips():
    """Names and dates are missing for some, differ between card and web account for a few of the same person."""
    table = customers_table(WORLD, *block())
    assert 0.05 < table["full_name"].null_count / table.num_rows < 0.25
    assert 0.1 < table["birth_date"].null_count / table.num_rows < 0.6
    assert len(table["account_id"].unique()) == table.num_rows


def test_consents_are_granted_when_she_came():
    """Marketing only for channels with an address; every row under the member account."""
    people, points = block()
    table = consents_table(WORLD, people, points)
    member = set(member_account(WORLD, people, points).drop_null().to_pylist())
    assert set(table["account_id"].to_pylist()) <= member
    marketing = pc.sum(pc.equal(table["purpose"].cast(pa.string()), "marketing")).as_py()
    came = people.first_day < DAYS
    assert 0 < marketing <= (people.consents & people.has_address)[came].sum()


def test_referrers_came_before_those_they_brought():
    """A referral joins two different member accounts."""
    table = referrals_table(WORLD, *block())
    assert table.num_rows > 20
    assert not pc.any(pc.equal(table["account_id"], table["referred_account_id"])).as_py()


def test_shares_out_of_range_are_refused():
    """Shares of posts cannot exceed all posts."""
    with pytest.raises(WorldError, match="above 1"):
        load_world_params(overrides={"social": {"trap_share": 0.6, "interest_share": 0.6}})
    with pytest.raises(WorldError, match="tag_noise is 3"):
        load_world_params(overrides={"social": {"tag_noise": 3.0}})
