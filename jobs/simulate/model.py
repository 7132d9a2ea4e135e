"""The parts of a world as arrays. Every module of this package speaks in these.

Days are integers counted from the world's first day (0). A person is known by her number; arrays of a block hold
`n` persons. Money is float64 in the world's currency until it is written. Codes index the tuples below.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

CHANNELS = (
    "sms",
    "email",
    "wechat_service",
    "wechat_message",
    "weibo_message",
    "app_push",
    "display",
    "direct_mail",
    "parcel_insert",
    "store_staff",
)
OFFER_KINDS = ("coupon", "content", "new_arrival", "sample", "points")
MODES = ("store", "web", "app", "mini_program")
UPLIFT_TYPES = ("persuadable", "sure_thing", "lost_cause", "sleeping_dog")
# outcome of a trip
BROWSED, CART_LEFT, UNPAID, PAID = range(4)
# kinds of answer to a send, in the order of the funnel
ANSWERS = ("delivered", "bounced", "open", "click", "redeem", "buy", "unsubscribe", "complaint")


@dataclass(frozen=True)
class Calendar:
    """Day effects: `first_day`, `factor[D]` (intensity), `weekday[D]` (0 Monday), `month[D]` (1 to 12), `events`."""

    first_day: date
    factor: Array
    weekday: Array
    month: Array
    events: tuple[tuple[int, str, str], ...]  # (day, event, event_kind) as in the source table `calendar`


@dataclass(frozen=True)
class Catalogue:
    """Categories (C), products (P, sorted by category) and offers (O)."""

    # per category
    category: tuple[str, ...]
    department: tuple[str, ...]
    interval_days: Array  # float64[C]; days until a consumable runs out, 0 for what is not consumed
    price: Array  # float64[C]; price of the middle band
    margin: Array  # float64[C]; margin rate
    season: Array  # float64[C, 12]; factor per month
    appeal: Array  # float64[C]; share of the population's demand
    complement: Array  # float64[C, C]; factor on the demand for column c once row c was bought lately
    sizes: Array  # int8[C]; 0 no sizes, 1 garments, 2 shoes
    first_product: Array  # int64[C + 1]; products of category c are first_product[c]:first_product[c + 1]
    # per product
    product_id: tuple[str, ...]
    name: tuple[str, ...]
    product_type: tuple[str, ...]
    brand: tuple[str, ...]
    own_brand: Array  # bool[P]
    product_category: Array  # int16[P]
    style: Array  # int8[P] into STYLES of the catalogue module, -1 where style does not apply
    colour: Array  # int8[P] into COLOURS, -1 where colour does not apply
    band: Array  # int8[P], 0 cheapest to 4
    list_price: Array  # float64[P]
    margin_rate: Array  # float64[P]
    popularity: Array  # float64[P]; share within its category
    launch_day: Array  # int32[P]; first day on sale, negative before day 0
    product_season: Array  # int8[P]; 0 all year, 1 spring .. 4 winter


@dataclass(frozen=True)
class Offers:
    """Campaign offers (O), past and live."""

    offer_id: tuple[str, ...]
    kind: Array  # int8[O] into OFFER_KINDS
    category: Array  # int16[O]; -1 for the whole shop
    first_day: Array  # int32[O]
    last_day: Array  # int32[O], inclusive
    value: Array  # float64[O]; what a redemption takes off
    min_amount: Array  # float64[O]; basket from which it can be redeemed
    name: tuple[str, ...]
    product: Array  # int32[O]; the launched product of a new_arrival offer, else -1


@dataclass(frozen=True)
class People:
    """Latents of a block of n persons. Nobody but the truth folder ever sees them."""

    number: Array  # int64[n]
    taste: Array  # float32[n, C]; shares of her own demand, rows sum to 1
    rate: Array  # float64[n]; trips a day to all shops before day effects; this one gets rate x wallet_share
    basket: Array  # float64[n]; mean further lines of a trip
    regularity: Array  # float32[n] in [0, 1); 0 no memory, near 1 shops by the clock: quiet after a purchase, due later
    band: Array  # int8[n]; favourite price band
    style: Array  # int8[n]
    colour: Array  # int8[n]
    size: Array  # int8[n]
    weekday: Array  # float32[n, 7]; factor per weekday
    hour: Array  # float32[n]; favourite hour of shopping, local
    mode: Array  # float32[n, len(MODES)]; shares of where she shops until migration_day (see people.mode_at)
    mode_later: Array  # float32[n, len(MODES)]; the same from migration_day on
    migration_day: Array  # int32[n]; day she moves her shopping, beyond any world for who does not
    wallet_share: Array  # float64[n]; share of her demand that this shop gets, the rest goes to rivals
    deal_love: Array  # float64[n] in [0, 1]; pull of discounts
    novelty: Array  # float64[n] in [0, 1]; pull of launches and of categories new to her
    first_day: Array  # int32[n]; day she appears, negative before day 0
    leave_hazard: Array  # float64[n]; chance a day to leave for good
    is_follower_only: Array  # bool[n]; follows, never buys
    source: Array  # int8[n]; acquisition source
    uplift_type: Array  # int8[n] into UPLIFT_TYPES
    persuasion: Array  # float32[n, len(OFFER_KINDS)]; log factor on her intensity when she opens one, may be negative
    open_rate: Array  # float32[n, len(CHANNELS)]; P(open | delivered) when rested
    has_address: Array  # bool[n, len(CHANNELS)]
    consents: Array  # bool[n, len(CHANNELS)]; marketing consent at first_day
    send_hour: Array  # float32[n]; local hour at which she reads messages
    fatigue_tolerance: Array  # float32[n]; sends in memory at which opening halves
    unsubscribe_rate: Array  # float32[n]; chance per opened message when rested
    event_kind: Array  # int8[n, E]; life events, -1 none; codes of EVENTS in the life_events module
    event_day: Array  # int32[n, E]
    posts_rate: Array  # float32[n]; posts a day; 0 for who is not on social networks
    reach: Array  # int64[n]; followers
    referrer: Array  # int64[n]; number of who brought her, -1 none
    household: Array  # int64[n]; persons of one household share it
    region: Array  # int8[n]
    female: Array  # bool[n]
    age: Array  # int16[n], years
    kids: Array  # int8[n]; 0 none, 1 a baby, 2 a child of 3 to 12
    pet: Array  # bool[n]
    lifetime_value: Array  # float64[n]; expected margin a year, what losing her costs

    def __len__(self) -> int:
        return len(self.number)

    def mode_at(self, day: int, rows: Array | slice = slice(None)) -> Array:
        """float32[rows, len(MODES)]: shares of where persons shop on a day."""
        moved = (self.migration_day[rows] <= day)[:, None]
        return np.where(moved, self.mode_later[rows], self.mode[rows])


@dataclass
class State:
    """What changes from day to day for a block of n persons."""

    day: int  # next day to live
    alive: Array  # bool[n]
    subscribed: Array  # bool[n, len(CHANNELS)]
    fatigue: Array  # float32[n, len(CHANNELS)]; sends, decaying
    sameness: Array  # float32[n, len(OFFER_KINDS)]; sends of the kind, decaying
    boost: Array  # float32[n]; log factor on intensity left from contacts
    boost_category: Array  # int16[n]; category it is about, -1 for all
    opened_offer: Array  # int32[n]; last offer opened and not redeemed, -1 none
    opened_day: Array  # int32[n]; day it was opened, -9999 never
    last_bought: Array  # int16[n, C]; day of the last purchase, -9999 never
    last_order: Array  # int32[n]; day of the last paid order, -9999 never
    orders: Array  # int32[n]; paid orders so far

    def copy(self) -> State:
        """An independent copy, for a branch of the future."""
        copied: dict[str, Any] = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in vars(self).items()}
        return State(**copied)


@dataclass
class Sends:
    """Contacts of one day or of many: equal arrays."""

    person: Array  # int64: position in the block, not the number
    day: Array  # int32
    offer: Array  # int32
    channel: Array  # int8
    minute: Array  # int16; local minute of the day
    propensity: Array  # float64; NaN where not logged
    holdout: Array  # bool; drawn to be held back: nothing is sent


@dataclass
class Answers:
    """What came back on sends."""

    send: Array  # int64: row in the Sends of the same log
    kind: Array  # int8 into ANSWERS
    day: Array  # int32
    minute: Array  # int16


@dataclass
class Trips:
    """Shopping trips, whatever came of them."""

    person: Array  # int64: position in the block
    day: Array  # int32
    minute: Array  # int16
    mode: Array  # int8 into MODES
    outcome: Array  # int8: BROWSED, CART_LEFT, UNPAID, PAID
    lines: Array  # int16; number of lines
    offer: Array  # int32; offer redeemed, -1 none
    send: Array  # int64; send credited, -1 none


@dataclass
class Lines:
    """Products of trips (of every outcome: what was looked at, carried or bought)."""

    trip: Array  # int64: row in Trips
    category: Array  # int16
    product: Array  # int32
    quantity: Array  # int16
    list_amount: Array  # float64
    amount: Array  # float64, after the shop's discounts, coupon not taken off
    coupon: Array  # float64, part of amount settled by the offer redeemed
    margin: Array  # float64, of amount, before the coupon


@dataclass
class Log:
    """All that happened to a block over some days."""

    sends: Sends
    answers: Answers
    trips: Trips
    lines: Lines
    left: Array = field(default_factory=lambda: np.empty(0, np.int64))  # positions of persons who left for good
    left_day: Array = field(default_factory=lambda: np.empty(0, np.int32))  # the last day each of them was there
