"""Campaigns of a world: its offers, and the logged policy that sent them in the past.

The policy draws, for each campaign and each of its days, who is in the audience, who of those is held out, and the
channel. Audience and channels depend on nothing but what the shop can see, so its propensities are exact:
P(held out) for who was held out, (1 - P(held out)) x P(channel) for who was sent something.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from jobs.simulate import draws
from jobs.simulate.channels import per_channel
from jobs.simulate.model import CHANNELS, OFFER_KINDS, Array, Catalogue, Offers, People, Sends, State
from jobs.simulate.response import reachable

if TYPE_CHECKING:
    from jobs.simulate.params import WorldParams
    from jobs.simulate.world import World


@dataclass(frozen=True)
class CampaignParams:
    """How often the shop ran campaigns, and how it chose whom to send to."""

    per_week: float = 2.0  # campaigns started a week
    length_days: tuple[int, int] = (10, 24)  # an offer's validity, shortest and longest
    send_days: int = 3  # a campaign goes out on 1 to so many days
    live_offers: tuple[int, int] = (4, 6)  # offers waiting for a decision when the world ends
    live_days: tuple[int, int] = (14, 28)  # how long those last
    kind_share: dict[str, float] = field(
        default_factory=lambda: {"coupon": 0.3, "content": 0.2, "new_arrival": 0.22, "sample": 0.13, "points": 0.15}
    )
    whole_shop: float = 0.3  # share of campaigns about no category
    coupon_value: tuple[float, float] = (0.08, 0.2)  # value of a coupon as a share of the basket it asks for
    audience: tuple[float, float] = (0.2, 0.4)  # share of the eligible a campaign day draws
    holdout: tuple[float, float] = (0.3, 0.5)  # share of the audience that is held out
    frequency_cap: float = 4.0  # sends in memory (decaying) from which nobody is drawn
    channel_share: dict[str, float] = field(
        default_factory=lambda: dict(
            zip(CHANNELS, (0.13, 0.07, 0.34, 0.11, 0.11, 0.11, 0.03, 0.04, 0.04, 0.02), strict=True)
        )
    )
    confounding: float = 2.0  # in the control world: how strongly sends follow those who buy anyway

    def __post_init__(self) -> None:
        for name, known in (("kind_share", OFFER_KINDS), ("channel_share", CHANNELS)):
            shares = getattr(self, name)
            if set(shares) != set(known) or min(shares.values()) < 0 or sum(shares.values()) <= 0:
                raise ValueError(
                    f"{name} must give a share of at least 0 to each of {', '.join(known)}; found {shares}"
                )
        for name, least, most in (("per_week", 0.1, 14), ("whole_shop", 0, 1), ("frequency_cap", 0.1, 100)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} must lie within {least} and {most}; found {getattr(self, name)}")
        for name, low, high in (("audience", 0, 1), ("holdout", 0.01, 0.99), ("coupon_value", 0, 0.9)):
            _check_range(name, getattr(self, name), low, high)
        for name in ("length_days", "live_days", "live_offers"):
            _check_range(name, getattr(self, name), 1, 366)
        if not 1 <= self.send_days <= 14 or not 0 <= self.confounding <= 10:
            raise ValueError("send_days must lie within 1 and 14, confounding within 0 and 10")


def _check_range(name: str, pair: tuple[float, float], low: float, high: float) -> None:
    if not low <= pair[0] <= pair[1] <= high:
        raise ValueError(f"{name} must be two rising numbers within {low} and {high}; found {pair}")


def make_offers(params: WorldParams, seed: int, days: int, catalogue: Catalogue) -> Offers:
    """About `per_week` campaigns a week over `days`, in order of their first day, and last the live ones.

    Live offers start on the last 3 days or on day `days`, the first to be decided on, and nothing was sent for them.
    """
    p = params.campaigns
    past = max(round(days / 7 * p.per_week), 1)
    low, high = p.live_offers
    live = int(low + draws.integers(seed, "offer:live", high - low + 1))
    number = np.arange(past + live)
    is_live = number >= past

    def u(what: str) -> Array:
        return draws.uniform(seed, f"offer:{what}", number)

    first = np.sort(np.floor(u("first")[:past] * max(days - 10, 1)))
    first_day = np.concatenate([first, days - np.floor(u("first")[past:] * 4)]).astype(np.int32)
    spans = np.where(is_live[:, None], p.live_days, p.length_days)
    last_day = (first_day + np.floor(spans[:, 0] + u("length") * (spans[:, 1] - spans[:, 0] + 1)) - 1).astype(np.int32)
    last_day = np.where(is_live, last_day, np.minimum(last_day, np.maximum(days - 1, first_day)))
    # live offers go through the kinds in turn, so that there is always a choice
    shares = np.cumsum([p.kind_share[k] for k in OFFER_KINDS])
    kind = np.where(is_live, (number - past) % len(OFFER_KINDS), draws.choose(shares, u("kind"))).astype(np.int8)
    category = draws.choose(np.cumsum(catalogue.appeal), u("category")).astype(np.int16)
    category = np.where(u("whole") < p.whole_shop, -1, category).astype(np.int16)
    product = _launches(catalogue, first_day, kind, u("product"))
    category = np.where(product >= 0, catalogue.product_category[product], category).astype(np.int16)
    value, min_amount = _incentives(p, catalogue, kind, category, u("value"), u("basket"))
    return Offers(
        offer_id=tuple(draws.opaque_ids(seed, "offer", "of-", number)),
        kind=kind,
        category=category,
        first_day=first_day,
        last_day=last_day.astype(np.int32),
        value=value,
        min_amount=min_amount,
        name=_names(catalogue, kind, category, product, value, min_amount),
        product=product,
    )


def _launches(catalogue: Catalogue, first_day: Array, kind: Array, u: Array) -> Array:
    """The product launched about the first day of each new_arrival offer, else -1."""
    product = np.full(len(first_day), -1, dtype=np.int32)
    for row in np.flatnonzero(kind == OFFER_KINDS.index("new_arrival")):
        since = first_day[row] - catalogue.launch_day
        fresh = np.flatnonzero((since >= 0) & (since <= 14) & (catalogue.launch_day > 0))
        if len(fresh):
            product[row] = fresh[int(u[row] * len(fresh))]
    return product


def _incentives(
    p: CampaignParams, catalogue: Catalogue, kind: Array, category: Array, u_value: Array, u_basket: Array
) -> tuple[Array, Array]:
    """What a redemption takes off and the basket it asks for, in whole units of the currency."""
    typical = np.where(category >= 0, catalogue.price[category], np.average(catalogue.price, weights=catalogue.appeal))
    basket = np.maximum(np.round(typical * (0.4 + 0.8 * u_basket) / 10) * 10, 10.0)
    share = p.coupon_value[0] + u_value * (p.coupon_value[1] - p.coupon_value[0])
    names = np.array(OFFER_KINDS)[kind]
    value = np.select(
        [names == "coupon", names == "sample", names == "points"],
        [np.maximum(np.round(basket * share), 1.0), np.round(2 + 3 * u_value), np.round(1 + 3 * u_value)],
        0.0,
    )
    return value, np.where(names == "coupon", basket, 0.0)


def _names(
    catalogue: Catalogue, kind: Array, category: Array, product: Array, value: Array, least: Array
) -> tuple[str, ...]:
    names = []
    for k, c, item, off, basket in zip(kind, category, product, value, least, strict=True):
        about = catalogue.name[item] if item >= 0 else catalogue.category[c] if c >= 0 else "everything"
        text = {
            "coupon": f"{off:.0f} off from {basket:.0f}: {about}",
            "content": f"good to know: {about}",
            "new_arrival": f"new: {about}",
            "sample": f"a free sample: {about}",
            "points": f"extra points: {about}",
        }
        names.append(text[OFFER_KINDS[k]])
    return tuple(names)


def campaign_days(world: World) -> Array:
    """bool[O, days]: on which days each past campaign went out; live offers never."""
    offers = world.offers
    number = np.arange(len(offers.kind))
    plays = 1 + draws.integers(world.seed, "campaign:plays", world.params.campaigns.send_days, number)
    out = np.zeros((len(number), world.days), dtype=bool)
    for play in range(world.params.campaigns.send_days):
        gap = np.floor(draws.uniform(world.seed, "campaign:gap", number, play) * 3) + 2
        day = offers.first_day + np.int64(play * gap)
        rows = np.flatnonzero((play < plays) & (day <= offers.last_day) & (day < world.days) & ~live_offers(world))
        out[rows, day[rows]] = True
    return out


def live_offers(world: World) -> Array:
    """bool[O]: offers that wait for a decision on day `world.days`."""
    return np.asarray((world.offers.last_day >= world.days) & (world.offers.first_day >= world.days - 3))


def holdout_share(world: World) -> Array:
    """float64[O]: P(held out | in the audience) of each campaign."""
    low, high = world.params.campaigns.holdout
    u = draws.uniform(world.seed, "campaign:holdout", np.arange(len(world.offers.kind)))
    return np.asarray(low + (high - low) * u)


def channel_weights(world: World) -> Array:
    """float64[O, channels]: weights of the channels in each campaign, before those a person lacks are struck out."""
    share = world.params.campaigns.channel_share
    base = per_channel(share)
    number = np.arange(len(world.offers.kind))[:, None]
    tilt = draws.normal(world.seed, "campaign:channel", number, np.arange(len(CHANNELS))[None, :])
    return np.asarray(base * np.exp(0.5 * tilt))


def past_sends(world: World, people: People, state: State, day: int) -> Sends | None:
    """Sends and holdouts of one day of the past; None where nothing went out.

    At most one campaign draws a person a day. `propensity` is exact given that the person was drawn into the audience;
    it is NaN or wrong in the control worlds that ask for that.
    """
    if day >= world.days:
        return None
    todays = np.flatnonzero(campaign_days(world)[:, day])
    if not len(todays):
        return None
    # the shop does not know who left for good
    free = (people.first_day <= day) & (state.fatigue.sum(axis=1) < world.params.campaigns.frequency_cap)
    open_channels = reachable(world, people, state, day)
    parts = []
    for offer in todays:
        sends = _campaign(world, people, state, day, int(offer), open_channels & free[:, None])
        free[sends.person] = False
        parts.append(sends)
    names = ("person", "day", "offer", "channel", "minute", "propensity", "holdout")
    return Sends(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def _campaign(world: World, people: People, state: State, day: int, offer: int, channels: Array) -> Sends:
    p, seed, controls = world.params.campaigns, world.seed, world.params.controls
    eligible = np.flatnonzero(channels.any(axis=1))
    ids = people.number[eligible]
    share = p.audience[0] + draws.uniform(seed, "campaign:audience", offer) * (p.audience[1] - p.audience[0])
    held = float(holdout_share(world)[offer])
    chance = np.full(len(eligible), held)
    if controls.confounded_policy:
        push = p.confounding * _buys_anyway(people, state, day)[eligible]
        share = share * np.exp(push - p.confounding / 2)
        chance = np.clip(held * np.exp(-push + p.confounding / 2), 0.01, 0.99)
    drawn = draws.uniform(seed, "send:audience", ids, day, offer) < share
    rows, ids, chance = eligible[drawn], ids[drawn], chance[drawn]
    # anew on each of its days, so that what other days did is the same on both sides
    holdout = draws.uniform(seed, "send:holdout", ids, day, offer) < chance
    weights = channels[rows] * channel_weights(world)[offer]
    channel = draws.choose(np.cumsum(weights, axis=1), draws.uniform(seed, "send:channel", ids, day, offer))
    of_channel = weights[np.arange(len(rows)), channel] / weights.sum(axis=1)
    opens = 60 * per_channel(world.params.channels.hour_from)[channel]
    shuts = 60 * per_channel(world.params.channels.hour_to)[channel]
    minute = opens + draws.uniform(seed, "send:minute", ids, day, offer) * (shuts - opens)
    logged = np.where(holdout, held, (1 - held) * of_channel)  # under confounding that is what was believed
    return Sends(
        person=rows.astype(np.int64),
        day=np.full(len(rows), day, dtype=np.int32),
        offer=np.full(len(rows), offer, dtype=np.int32),
        channel=channel.astype(np.int8),
        minute=minute.astype(np.int16),
        propensity=np.full(len(rows), np.nan) if controls.unlogged_policy else logged,
        holdout=holdout,
    )


def _buys_anyway(people: People, state: State, day: int) -> Array:
    """float64[n] in [0, 1]: half for shopping often, half for having bought within 30 days."""
    often = people.rate * people.wallet_share
    recent = (day - state.last_bought.max(axis=1).astype(np.int64)) < 30
    return np.asarray(0.5 * often / (often + 0.05) + 0.5 * recent)
