"""What the shop records of a block: that it follows from what happened, and how much of it there is."""

from __future__ import annotations

import dataclasses
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from jobs.simulate.block import STORE, Block
from jobs.simulate.block_tables import make_block
from jobs.simulate.browse_sessions import browse_sessions
from jobs.simulate.browse_tables import browsing
from jobs.simulate.contact_tables import contact_tables
from jobs.simulate.loyalty_tables import coupons, tier_history
from jobs.simulate.market_tables import market_tables
from jobs.simulate.model import BROWSED, PAID
from jobs.simulate.order_tables import draw_refunds, order_status, transactions
from jobs.simulate.params import load_world_params
from jobs.simulate.service_tables import reviews, service_cases
from jobs.simulate.truth import market_truth, people_truth, world_facts
from jobs.simulate.visit_tables import cart_events, store_visits
from jobs.simulate.world import make_world

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def block() -> Block:
    """1,500 persons over 100 days."""
    world = make_world(7, 1500, 100, load_world_params(), date(2026, 6, 1))
    return make_block(world, np.arange(1500))


@pytest.fixture(scope="module")
def views(block: Block) -> pd.DataFrame:
    """The table `browsing`."""
    return browsing(block).to_pandas()


def test_a_few_per_cent_of_views_end_in_a_purchase(block: Block, views: pd.DataFrame) -> None:
    """Lines bought online are 2 to 5 per cent of product and category views, as in Taobao's logs."""
    trip = block.log.lines.trip
    bought = (block.log.trips.mode[trip] != STORE) & (block.log.trips.outcome[trip] == PAID)
    assert 0.02 < bought.sum() / (views.event_kind == "view").sum() < 0.05


def test_sessions_have_one_account_and_device(views: pd.DataFrame) -> None:
    """Events of a session share account and device, and stand close together."""
    sessions = views.dropna(subset=["session_id"]).groupby("session_id")
    assert sessions.account_id.nunique().max() == 1
    assert sessions.device.nunique().max() == 1
    assert (sessions.event_ts.max() - sessions.event_ts.min()).max() < 3 * HOUR


def test_events_name_what_their_kind_needs(views: pd.DataFrame) -> None:
    """Views name a product or a category, searches Chinese words, favourites a product."""
    kind = views.event_kind
    assert (views.product_id.notna() ^ views.category.notna())[kind == "view"].all()
    assert views["query"].notna().equals(kind == "search")
    assert views["query"].dropna().str.contains("[一-鿿]").mean() > 0.95
    assert views.product_id.notna()[kind.isin(["favourite", "unfavourite"])].all()
    assert views.dwell_seconds.notna().equals(kind == "view")


def test_nobody_looks_at_what_is_not_on_sale(block: Block, views: pd.DataFrame) -> None:
    """Views of a product begin with its launch."""
    c = block.world.catalogue
    launch = pd.Series(c.launch_day, index=list(c.product_id))
    seen = views.dropna(subset=["product_id"])
    days = (seen.event_ts.dt.tz_convert("Asia/Shanghai").dt.date - block.world.first_day).map(lambda d: d.days)
    assert (days.to_numpy() >= launch.reindex(seen.product_id).to_numpy()).all()


def test_browsing_follows_from_the_past_only(block: Block) -> None:
    """Sessions of the first days are the same whatever trips follow, so no view tells of a later trip."""
    day = 60
    log, t, lines = block.log, block.log.trips, block.log.lines
    early = t.day < day
    row = np.cumsum(early) - 1
    kept = early[lines.trip]
    trips = type(t)(**{k: v[early] for k, v in vars(t).items()})
    cut = {k: v[kept] for k, v in vars(lines).items()} | {"trip": row[lines.trip[kept]]}
    without = dataclasses.replace(block, log=dataclasses.replace(log, trips=trips, lines=type(lines)(**cut)))
    found = []
    for b in (block, without):
        s = browse_sessions(b)
        first = s.day < day
        found.append(sorted(zip(s.key[first], s.day[first], s.category[first], s.views[first], strict=True)))
    assert len(found[0]) > 1000
    assert found[0] == found[1]


def test_browsing_tells_tastes_and_life_events(block: Block) -> None:
    """People look more at what they like, and at what a life event asks for."""
    s, people, w = browse_sessions(block), block.people, block.world
    own = people.taste[s.person, s.category]
    others = people.taste[np.roll(s.person, 1), s.category]
    assert own.mean() > 1.3 * others.mean()
    gear = w.catalogue.category.index("pet_supplies")
    kinds = people.event_kind == 9  # new_pet
    near = (kinds & (np.abs(people.event_day - 50) < 50)).any(axis=1)
    share = [(s.category[np.isin(s.person, np.flatnonzero(x))] == gear).mean() for x in (near, ~near)]
    assert near.sum() >= 3
    assert share[0] > 2 * share[1]


def test_carts_hold_what_was_ordered(block: Block) -> None:
    """Every ordered line was put in before; carts left behind have lines that are never ordered."""
    e = cart_events(block).to_pandas()
    added = e[e.event_kind == "add"].groupby(["account_id", "product_id"], observed=True).event_ts.min()
    ordered = e[e.event_kind == "order"].groupby(["account_id", "product_id"], observed=True).event_ts.max()
    both = ordered.to_frame("ordered").join(added.rename("added"), how="left")
    assert both.added.notna().all()
    assert (both.added < both.ordered).all()
    assert (e.event_kind == "add").sum() > 1.3 * (e.event_kind == "order").sum()


def test_tills_are_known_the_next_night(block: Block) -> None:
    """Sales in stores are loaded between one and six in the night that follows, others within minutes."""
    t = transactions(block).to_pandas()
    known = t.available_ts.dt.tz_convert("Asia/Shanghai")
    store = t.sales_channel == "store"
    assert known[store].dt.hour.between(1, 5).all()
    assert ((t.available_ts - t.event_ts)[store] < 30 * HOUR).all()
    assert ((t.available_ts - t.event_ts)[~store] < HOUR).all()
    assert t.store_id.notna().equals(store)


def test_orders_go_through_their_states(block: Block) -> None:
    """Unpaid orders close within a day; some refunds come weeks later, and some are known only days later."""
    refunds = draw_refunds(block, block.world.params.orders)
    log = order_status(block, refunds).to_pandas()
    when = log.pivot_table(index="order_id", columns="status", values="event_ts", aggfunc="min")
    for before, after in (("placed", "paid"), ("paid", "shipped"), ("shipped", "received"), ("placed", "closed")):
        pair = when[[before, after]].dropna()
        assert (pair[before] < pair[after]).all()
    wait = (when.closed - when.placed).dropna()
    assert wait.between(0.5 * HOUR, 24.1 * HOUR).all()
    assert when[when.closed.notna()].paid.isna().all()
    back = log[log.status == "refunded"]
    assert back.reason.notna().all()
    after = (back.set_index("order_id").event_ts - when.received.reindex(back.order_id)).dropna()
    assert 0.02 < (after > 13 * 24 * HOUR).mean() < 0.4
    assert ((back.available_ts - back.event_ts) > 24 * HOUR).mean() > 0.2


def test_store_visits_include_those_without_a_purchase(block: Block) -> None:
    """Visits come from trips to stores by card holders, bought or not."""
    t = block.log.trips
    trips = (t.mode == STORE) & (t.day >= block.touchpoints.card_day[t.person])
    bought = trips & (t.outcome != BROWSED)
    visits = store_visits(block).num_rows
    assert bought.sum() < visits < trips.sum()


def test_contacts_and_coupons_belong_together(block: Block) -> None:
    """Answers name contacts that went out before; coupons come with sends, and those used were issued."""
    tables = {name: t.to_pandas() for name, t in contact_tables(block).items()}
    contacts, answers = tables["contacts"].set_index("contact_id"), tables["responses"]
    assert (answers.event_ts > contacts.event_ts.reindex(answers.contact_id).array).all()
    assert (answers.channel == contacts.channel.reindex(answers.contact_id).array).all()
    assert len(set(tables["holdouts"].holdout_id)) == len(tables["holdouts"])
    issued, used = (t.to_pandas() for t in coupons(block))
    assert issued.coupon_id.is_unique
    assert used.coupon_id.is_unique
    given = issued.set_index("coupon_id").reindex(used.coupon_id)
    assert (given.event_ts.array < used.event_ts).all()
    assert (given.expires_ts.array > used.event_ts).all()
    assert (given.account_id.array == used.account_id).all()


def test_tiers_begin_with_the_card_and_change(block: Block) -> None:
    """One row per change; each account's tiers differ from one row to the next."""
    t = tier_history(block).to_pandas().sort_values(["account_id", "valid_from"])
    same = (t.account_id == t.account_id.shift()) & (t.tier == t.tier.shift())
    assert not same.any()
    assert t.account_id.duplicated().any()
    assert t.next_tier_amount.isna().equals(t.tier == "platinum")


def test_service_and_reviews_follow_orders(block: Block) -> None:
    """Returns have cases, open cases have no end, ratings lie between 1 and 5 and are mostly good."""
    cases = service_cases(block, draw_refunds(block, block.world.params.orders)).to_pandas()
    assert cases.order_id.notna()[cases.case_kind != "complaint"].all()
    assert (cases.closed_ts.dropna() > cases.event_ts[cases.closed_ts.notna()]).all()
    rated = reviews(block).to_pandas().rating
    assert rated.between(1, 5).all()
    assert rated.mean() > 3


def test_the_market_is_told_before_it_happens(block: Block) -> None:
    """Offers are announced at least a week ahead; products that launch after the world are not there."""
    tables = {name: t.to_pandas() for name, t in market_tables(block.world).items()}
    offers, products = tables["offers"], tables["products"]
    ahead = pd.to_datetime(offers.starts_on).dt.tz_localize("Asia/Shanghai") - offers.available_ts
    assert (ahead > 6 * 24 * HOUR).all()
    assert (products.valid_from < pd.Timestamp(block.world.end, tz="Asia/Shanghai")).all()
    assert set(tables["offer_products"].product_id) <= set(products.product_id)
    live = [o for o, last in zip(offers.offer_id, offers.ends_on, strict=True) if last >= block.world.end]
    assert 4 <= len(live) <= 6
    assert sorted(world_facts(block.world)["live_offers"]) == sorted(live)
    assert (tables["channels"].hour_to > tables["channels"].hour_from).all()


def test_the_truth_holds_every_latent(block: Block) -> None:
    """One row per person with all latents, findable by her account; products' intervals; the day of leaving."""
    people = people_truth(block.world, block.people, block.touchpoints, block.log)
    assert set(vars(block.people)) <= set(people.column_names)
    assert people.num_rows == len(block.people)
    left = people["left_day"].to_numpy(zero_copy_only=False)
    assert np.isfinite(left).sum() == len(block.log.left)
    market = market_truth(block.world)
    assert market["products"]["interval_days"].to_numpy().max() > 0
    assert market["complements"].num_rows > 10
