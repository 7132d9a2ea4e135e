"""Source tables that are the same for everybody: products, calendar, channels, offers and what they apply to."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jobs.simulate.catalogue import COLOURS, STYLES
from jobs.simulate.channels import daily_capacity, per_channel
from jobs.simulate.columns import dates, money, numbers, stamps, table, utc, words
from jobs.simulate.draws import integers
from jobs.simulate.model import CHANNELS, OFFER_KINDS, Array
from jobs.simulate.world import World

SEASONS = ("spring", "summer", "autumn", "winter")
THEMES = ("price", "inspiration", "novelty", "try it", "loyalty")  # in the order of OFFER_KINDS
RECALLED = 2  # products that must not be recommended
DAYS_KNOWN = 7  # days before its launch on which a product is filed


def market_tables(world: World) -> dict[str, pa.Table]:
    """`products, product_eligibility, calendar, channels, offers, offer_products`."""
    return {
        "products": products(world),
        "product_eligibility": product_eligibility(world),
        "calendar": calendar(world),
        "channels": channels(world),
        "offers": offers(world),
        "offer_products": offer_products(world),
    }


def products(world: World) -> pa.Table:
    """One row per product; filed a week before its launch."""
    c = world.catalogue
    category = c.product_category
    known = c.launch_day - DAYS_KNOWN
    order = np.argsort(np.array(c.product_id))
    order = order[known[order] < world.days]
    departments = sorted(set(c.department))
    department = np.array([departments.index(d) for d in c.department])
    types = sorted(set(c.product_type))
    brands = sorted(set(c.brand))
    return table(
        {
            "product_id": pa.array(c.product_id, pa.string()),
            "valid_from": stamps(utc(world.first_day, known)),
            "name": pa.array(c.name, pa.string()),
            "department": words(departments, department[category]),
            "category": words(c.category, category),
            "product_type": words(types, np.searchsorted(types, c.product_type)),
            "brand": words(brands, np.searchsorted(brands, c.brand)),
            "own_brand": pa.array(c.own_brand, pa.bool_()),
            "margin_rate": pa.array(np.round(c.margin_rate, 4), pa.float64()),
            "style": words(STYLES, c.style),
            "colour": words(COLOURS, c.colour),
            "list_price": money(c.list_price),
            "launched_on": dates(world.first_day, c.launch_day),
            "season": words(SEASONS, c.product_season.astype(np.int32) - 1),
            "in_stock": pa.array(c.launch_day < world.days, pa.bool_()),
        },
        order,
    )


def product_eligibility(world: World) -> pa.Table:
    """Two products on sale were recalled: nobody may be recommended them, from the middle of the history on."""
    c = world.catalogue
    sold = np.sort(np.array(c.product_id)[c.launch_day <= 0])[:RECALLED]
    n = len(sold)
    return table(
        {
            "rule_id": pa.array([f"recall-{i + 1}" for i in range(n)], pa.string()),
            "line_no": numbers(np.ones(n), pa.int32()),
            "action": pa.array(["deny"] * n, pa.string()),
            "attribute": pa.array(["all"] * n, pa.string()),
            "value": pa.nulls(n, pa.string()),
            "product_id": pa.array(sold.tolist(), pa.string()),
            "category": pa.nulls(n, pa.string()),
            "valid_from": stamps(utc(world.first_day, np.full(n, world.days // 2))),
            "valid_to": pa.nulls(n, stamps(utc(world.first_day, np.zeros(1))).type),
            "reason": pa.array(["recalled"] * n, pa.string()),
        }
    )


def calendar(world: World) -> pa.Table:
    """Festivals, promotions, pay days and days off; published long before."""
    events = sorted(world.calendar.events)
    return table(
        {
            "day": dates(world.first_day, np.array([day for day, _, _ in events], np.int32)),
            "event": pa.array([event for _, event, _ in events], pa.string()),
            "event_kind": pa.array([kind for _, _, kind in events], pa.string()),
        }
    )


def channels(world: World) -> pa.Table:
    """One row per channel with the shop's terms for it."""
    p = world.params.channels
    capacity = daily_capacity(p, world.n)
    unlimited = ~np.isfinite(capacity)
    return table(
        {
            "channel": pa.array(CHANNELS, pa.string()),
            "address_kind": pa.array([p.address_kind[c] for c in CHANNELS], pa.string()),
            "contact_cost": money(per_channel(p.cost)),
            "daily_capacity": numbers(np.where(unlimited, 0, capacity), pa.int64(), unlimited),
            "needs_consent": pa.array(per_channel(p.needs_consent), pa.bool_()),
            "monthly_limit": numbers(per_channel(p.monthly_limit), pa.int32()),
            "hour_from": numbers(per_channel(p.hour_from), pa.int32()),
            "hour_to": numbers(per_channel(p.hour_to), pa.int32()),
        }
    )


def offers(world: World) -> pa.Table:
    """One row per offer announced by the end, for any channel."""
    o = world.offers
    n = len(o.offer_id)
    announced = announced_day(world)
    order = np.argsort(np.array(o.offer_id))
    return table(
        {
            "offer_id": pa.array(o.offer_id, pa.string()),
            "offer_kind": words(OFFER_KINDS, o.kind),
            "name": pa.array(o.name, pa.string()),
            "channel": pa.nulls(n, pa.string()),
            "starts_on": dates(world.first_day, o.first_day),
            "ends_on": dates(world.first_day, o.last_day),
            "available_ts": stamps(utc(world.first_day, announced, 18 * 60)),
            "incentive": pa.array([_incentive(world, i) for i in range(n)], pa.string()),
            "incentive_value": money(o.value),
            "theme": words(THEMES, o.kind),
            "category": words(world.catalogue.category, o.category),
        },
        order[announced[order] < world.days],
    )


def announced_day(world: World) -> Array:
    """Day on which each offer is announced, one to two weeks before it starts."""
    o = world.offers
    return o.first_day - 7 - integers(world.seed, "offer:announced", 8, np.arange(len(o.offer_id)))


def _incentive(world: World, i: int) -> str:
    """What the customer gets, in words."""
    o = world.offers
    kind, value, least = OFFER_KINDS[o.kind[i]], o.value[i], o.min_amount[i]
    if kind == "coupon":
        return f"{value:.0f} yuan off from {least:.0f}" if least > 0 else f"{value:.0f} yuan off"
    if kind == "points":
        return f"extra points worth {value:.0f} yuan"
    return {"content": "ideas and advice", "new_arrival": "a first look at what is new", "sample": "a free sample"}[
        kind
    ]


def offer_products(world: World) -> pa.Table:
    """The products an offer applies to: the launched one, those of its category, or all that are on sale."""
    o, c = world.offers, world.catalogue
    offer_rows, product_rows = [], []
    for i in np.flatnonzero(announced_day(world) < world.days).tolist():
        chosen = _products_of(world, i)
        offer_rows.append(np.full(len(chosen), i))
        product_rows.append(chosen)
    row = np.concatenate(offer_rows) if offer_rows else np.empty(0, np.int64)
    offer_id = words(o.offer_id, row)
    chosen = np.concatenate(product_rows) if product_rows else row
    return table({"offer_id": offer_id, "coupon_id": offer_id, "product_id": words(c.product_id, chosen)})


def _products_of(world: World, i: int) -> Array:
    o, c = world.offers, world.catalogue
    if o.product[i] >= 0:
        return np.array([o.product[i]])
    on_sale = (c.launch_day <= o.last_day[i]) & (c.launch_day - DAYS_KNOWN < world.days)
    if o.category[i] >= 0:
        on_sale &= c.product_category == o.category[i]
    return np.flatnonzero(on_sale)
