"""Accounts, what is recorded under each, identifier sightings with their traps, and who is behind them."""

import time
from collections import Counter
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from jobs.simulate.account_params import AccountsParams
from jobs.simulate.account_tables import accounts_table, accounts_truth
from jobs.simulate.accounts import (
    DAY_MINUTES,
    NEVER,
    WEB,
    cookie_at,
    home_store,
    member_account,
    record_account,
    touchpoints,
)
from jobs.simulate.identifiers import sightings
from jobs.simulate.params import WorldError, load_world_params
from jobs.simulate.people import make_people
from jobs.simulate.sightings import HUB, PHONE, REISSUED, SHARED, TRAPS
from jobs.simulate.world import make_world

DAYS, PERSONS = 180, 6000
PARAMS = load_world_params(
    overrides={
        # more of the rare traps, so that a small world has some
        "accounts": {"couple_mailbox": 0.2, "family_device": 0.1, "reissued": 0.05, "typos": 0.03, "tablet_share": 0.05}
    }
)
WORLD = make_world(5, PERSONS, DAYS, PARAMS)


@cache
def block():
    """All persons with their accounts and sightings."""
    people = make_people(WORLD, np.arange(PERSONS))
    points = touchpoints(WORLD, people)
    return people, points, sightings(WORLD, people, points)


def facts(n=50_000):
    """Random facts of buyers after they came: person, day, minute, mode."""
    people, _, _ = block()
    draw = np.random.default_rng(1)
    buyers = np.flatnonzero(~people.is_follower_only & (people.first_day < DAYS))
    person = draw.choice(buyers, n)
    first = np.maximum(people.first_day[person], 0)
    day = first + (draw.random(n) * (DAYS - first)).astype(int)
    return person, day, draw.integers(0, 1440, n), draw.integers(0, 4, n)


def test_blocks_do_not_matter():
    """Rows of a block of 6,000 are those of its halves, whatever the order of persons."""
    people, points, seen = block()
    whole = accounts_table(WORLD, people, points, seen).sort_by(
        [("account_id", "ascending"), ("event_ts", "ascending")]
    )
    parts = []
    for numbers in (np.arange(PERSONS // 2, PERSONS)[::-1], np.arange(PERSONS // 2)):
        some = make_people(WORLD, numbers)
        at = touchpoints(WORLD, some)
        parts.append(accounts_table(WORLD, some, at, sightings(WORLD, some, at)))
    keys = [("account_id", "ascending"), ("identifier_kind", "ascending"), ("event_ts", "ascending")]
    halves = pa.concat_tables(parts, promote_options="default").unify_dictionaries()
    plain = [pa.field(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in whole.schema]
    assert whole.cast(pa.schema(plain)).sort_by(keys).equals(halves.cast(pa.schema(plain)).sort_by(keys))


def test_facts_before_the_log_in_stay_under_the_cookie():
    """What is looked at on the web is the cookie's until its log-in, the web account's from then; never mixed up."""
    people, points, _ = block()
    person, day, minute, mode = facts()
    account = record_account(WORLD, people, points, person, day, minute, mode, "browsing").to_numpy(False)
    web = np.flatnonzero(mode == WEB)
    _, _, login = cookie_at(WORLD, points, person[web], day[web])
    before = day[web] * DAY_MINUTES + minute[web] < login
    kind = np.array([a[:2] for a in account[web]])
    assert set(kind[before]) == {"ck"}
    assert set(kind[~before]) == {"wb"}
    late = before & (login < DAYS * DAY_MINUTES)
    assert late.sum() > 100  # the trap is there


def test_what_is_bought_needs_an_account_that_exists():
    """The card is used from the day it was given, the web account from its registration."""
    people, points, _ = block()
    person, day, minute, mode = facts()
    kind = np.array(
        [a[:2] for a in record_account(WORLD, people, points, person, day, minute, mode, "order").to_pylist()]
    )
    assert (day[kind == "mc"] >= points.card_day[person[kind == "mc"]]).all()
    assert (day[kind == "wb"] >= points.web_day[person[kind == "wb"]]).all()
    assert set(kind[mode == 0]) == {"mc", "ps"}


def test_every_account_of_a_fact_has_its_person_in_truth():
    """Truth names the person of each account that facts are recorded under, once."""
    people, points, seen = block()
    truth = accounts_truth(WORLD, people, points, seen)
    owner = dict(zip(truth["account_id"].to_pylist(), truth["person"].to_pylist(), strict=True))
    assert len(owner) == truth.num_rows
    person, day, minute, mode = facts(5000)
    for kind in ("browsing", "order", "visit"):
        account = record_account(WORLD, people, points, person, day, minute, mode, kind).to_pylist()
        assert [owner[a] for a in account] == people.number[person].tolist()
    member = member_account(WORLD, people, points)
    known = np.asarray(member.is_valid())
    assert [owner[a] for a in member.drop_null().to_pylist()] == people.number[known].tolist()


def test_three_store_phones_are_on_30_to_300_cards_each():
    """Hubs have the planted size, and are in truth on every account that showed them."""
    people, points, seen = block()
    hubs = Counter(seen.key[(seen.trap == HUB) & (seen.kind == PHONE)].tolist())
    assert len(hubs) >= 3
    truth = accounts_truth(WORLD, people, points, seen)
    cards = {seen.person[i] for i in np.flatnonzero(seen.trap == HUB)}
    assert all(30 <= n <= 300 for n in hubs.values()), hubs
    assert pc.sum(pc.cast(truth["is_hub"], pa.int64())).as_py() >= len(cards)


def test_every_trap_is_there():
    """Each kind of trap occurs, at about its share."""
    _, points, seen = block()
    found = Counter(np.array(TRAPS)[seen.trap].tolist())
    assert set(found) == set(TRAPS)
    phones = seen.kind == PHONE
    assert 0.02 < (found["typo"] / (phones.sum() + 1)) < 0.08
    web = (points.web_day < DAYS).sum()
    assert 0.03 < found["tablet"] / web < 0.07


def test_a_reissued_number_is_the_old_owners_long_before_the_new_ones():
    """The number rests between the two owners, and only the new owner's sightings are evidence."""
    _, _, seen = block()
    rows = np.flatnonzero(seen.trap == REISSUED)
    both = 0
    for key in np.unique(seen.key[rows]):
        mine = rows[seen.key[rows] == key]
        old, new = (mine[seen.is_valid[mine] == flag] for flag in (False, True))
        if len(old) and len(new) and len(set(seen.person[mine])) == 2:
            both += 1
            rest = seen.minute[new].min() - seen.minute[old].max()
            assert rest >= PARAMS.accounts.reissue_gap_days * DAY_MINUTES
    assert both >= 3


def test_observable_links_rest_on_valid_evidence_alone():
    """Accounts share a group only through exact own values, known before the end; shared values never link."""
    people, points, seen = block()
    truth = accounts_truth(WORLD, people, points, seen)
    assert not seen.is_valid[np.isin(seen.trap, SHARED)].any()
    assert (seen.available[seen.is_valid] < DAYS * DAY_MINUTES).all()
    groups = {}
    for person, group in zip(truth["person"].to_pylist(), truth["observable_group"].to_pylist(), strict=True):
        groups.setdefault(group, set()).add(person)
    assert max(map(len, groups.values())) == 1  # a group is one person's
    assert len(groups) < truth.num_rows  # and some accounts are linked
    # a valid value links: everybody's valid values lie in one group each
    ids = accounts_table(WORLD, people, points, seen)
    assert ids.num_rows == len(seen)


def test_ids_and_row_order_carry_no_latent():
    """Neither the digits of an account id nor its place in the table tells how often its person shops."""
    people, points, _ = block()
    digits = np.array([int(a[3:11], 16) if a else 0 for a in member_account(WORLD, people, points).to_pylist()])
    rate = people.rate
    for latent in (rate, people.first_day, people.region):
        assert abs(np.corrcoef(digits, latent)[0, 1]) < 0.05


def test_a_million_facts_get_their_account_fast():
    """Vectorised: far below what a loop over rows would take."""
    people, points, _ = block()
    person, day, minute, mode = facts(500_000)
    start = time.perf_counter()
    record_account(WORLD, people, points, person, day, minute, mode, "browsing")
    assert time.perf_counter() - start < 3


def test_stores_are_within_range():
    """A home store is one of the stores, and households of one region share three."""
    people, _, _ = block()
    store = home_store(WORLD, people)
    assert store.min() >= 0
    assert store.max() < PARAMS.accounts.stores
    assert len(set(store[people.region == 0])) <= 3


def test_numbers_out_of_range_are_refused_all_at_once():
    """Every fault is named."""
    with pytest.raises(ValueError, match=r"hubs is 1.*typos is 2"):
        AccountsParams(hubs=1, typos=2.0)
    with pytest.raises(WorldError, match="hub_high"):
        load_world_params(overrides={"accounts": {"hub_high": 900}})


def test_accounts_that_never_come_are_not_sighted():
    """No sighting of a card for who has none, none before the account exists."""
    _, points, seen = block()
    cards = seen.account == 0
    assert (points.card_day[seen.person[cards]] < NEVER).all()
    assert (seen.minute[cards] // DAY_MINUTES >= points.card_day[seen.person[cards]]).all()
