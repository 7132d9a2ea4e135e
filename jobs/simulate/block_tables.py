"""All tables of one block of persons, from their latents to what the shop and the truth folder hold."""

from __future__ import annotations

import pyarrow as pa

from jobs.simulate.account_tables import accounts_table, accounts_truth, persons_truth
from jobs.simulate.accounts import touchpoints
from jobs.simulate.block import Block
from jobs.simulate.campaigns import past_sends
from jobs.simulate.contact_tables import contact_tables
from jobs.simulate.dynamics import live, new_state
from jobs.simulate.loyalty_tables import loyalty_tables
from jobs.simulate.model import Array
from jobs.simulate.order_tables import draw_refunds, order_tables
from jobs.simulate.people import make_people
from jobs.simulate.people_tables import consents_table, customers_table, referrals_table
from jobs.simulate.service_tables import service_tables
from jobs.simulate.social_tables import social_interactions, social_stats, social_tags
from jobs.simulate.truth import people_truth
from jobs.simulate.visit_tables import visit_tables
from jobs.simulate.world import World

Tables = dict[str, pa.Table]


def make_block(world: World, numbers: Array) -> Block:
    """Let the persons with these numbers live through the world's days under its past policy."""
    people = make_people(world, numbers)
    log = live(world, people, new_state(world, people), world.days, past_sends)
    return Block(world, people, touchpoints(world, people), log)


def source_tables(block: Block) -> Tables:
    """What the shop's systems hold of the block, by table."""
    w, people, points = block.world, block.people, block.touchpoints
    refunds = draw_refunds(block, w.params.orders)
    return {
        **order_tables(block, refunds),
        **visit_tables(block),
        **contact_tables(block),
        **loyalty_tables(block),
        **service_tables(block, refunds),
        "customers": customers_table(w, people, points),
        "accounts": accounts_table(w, people, points, block.sightings),
        "consents": consents_table(w, people, points, block.log),
        "referrals": referrals_table(w, people, points),
        "social_posts": block.posts[0],
        "social_tags": social_tags(w, people, points),
        "social_stats": social_stats(w, people, points),
        "social_interactions": social_interactions(w, people, points, block.last_day),
    }


def truth_tables(block: Block) -> Tables:
    """What nobody in the shop can see of the block, by table."""
    w, people, points = block.world, block.people, block.touchpoints
    return {
        "people": people_truth(w, people, points, block.log),
        "accounts": accounts_truth(w, people, points, block.sightings),
        "households": persons_truth(people),
        "posts": block.posts[1],
    }
