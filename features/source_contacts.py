"""Sources about contacts: channels, offers, who was sent what, who was held out, what came back."""

from features.contract import Column as C
from features.contract import Contract
from features.source_columns import ACCOUNT, AVAILABLE_TS, EVENT_TS, OFFER

CHANNELS = Contract(
    "channels",
    "Channels through which customers can be reached, with what a contact costs and how many a day can go out.",
    ("channel",),
    (
        C("channel", "string", "sms, email, wechat_service, wechat_message, weibo_message, app_push, ..."),
        C("address_kind", "string", "what the channel needs: phone, email, unionid, device, postal_address, visit"),
        C("contact_cost", "money", "cost of one contact", low=0, high=1e6),
        C("daily_capacity", "long", "contacts a day at most; null for no limit", True, low=0),
        C("needs_consent", "bool", "whether a marketing consent must be on file; default true", True),
        C("monthly_limit", "int", "contacts per customer in 30 days at most; null for none", True, low=0),
        C("hour_from", "int", "first local hour of sending", True, low=0, high=23),
        C("hour_to", "int", "local hour at which sending ends", True, low=1, high=24),
    ),
    role="source",
    example={
        "channel": "sms",
        "address_kind": "phone",
        "contact_cost": "0.05",
        "daily_capacity": 50000,
        "needs_consent": True,
        "monthly_limit": 4,
        "hour_from": 9,
        "hour_to": 20,
    },
)

OFFERS = Contract(
    "offers",
    "Offers that can be made: what, when, for how long.",
    ("offer_id",),
    (
        OFFER,
        C("offer_kind", "string", "kind of offer, the level at which response is learned"),
        C("name", "string", "name for people", True),
        C("channel", "string", "channel it goes out through; null for any", True),
        C("starts_on", "date", "first day"),
        C("ends_on", "date", "last day, inclusive"),
        AVAILABLE_TS,
        C("incentive", "string", "what the customer gets, in words", True),
        C("incentive_value", "money", "what one redemption costs the shop, where known", True, low=0, high=1e9),
        C("theme", "string", "message theme", True),
        C("category", "string", "category it is about, where it is about one", True),
    ),
    role="source",
    example={
        "offer_id": "off-012",
        "offer_kind": "coupon",
        "name": "spring shirts",
        "starts_on": "2026-01-02",
        "ends_on": "2026-01-16",
        "incentive": "20 off from 100",
        "incentive_value": "20.00",
        "theme": "new season",
        "category": "shirts",
    },
)

CONTACTS = Contract(
    "contacts",
    "Sends: which account was contacted with which offer, when.",
    ("contact_id",),
    (
        C("contact_id", "string", "one send"),
        ACCOUNT,
        OFFER,
        C("channel", "string", "channel of the send"),
        EVENT_TS,
        AVAILABLE_TS,
        C(
            "logging_propensity",
            "double",
            "probability with which this send was chosen, where logged",
            True,
            low=0,
            high=1,
        ),
    ),
    role="source",
    example={
        "contact_id": "ct-1",
        "account_id": "m-100017",
        "offer_id": "off-012",
        "channel": "sms",
        "event_ts": "2026-01-02T02:00:00Z",
        "logging_propensity": 0.25,
    },
)

HOLDOUTS = Contract(
    "holdouts",
    "Accounts that a campaign could have contacted and held back by a draw: the comparison group.",
    ("holdout_id",),
    (
        C("holdout_id", "string", "one account held back in one campaign"),
        ACCOUNT,
        OFFER,
        EVENT_TS,
        AVAILABLE_TS,
        C("logging_propensity", "double", "probability with which it was held back", True, low=0, high=1),
    ),
    role="source",
    example={
        "holdout_id": "ho-1",
        "account_id": "m-100950",
        "offer_id": "off-012",
        "event_ts": "2026-01-02T02:00:00Z",
        "logging_propensity": 0.5,
    },
)

RESPONSES = Contract(
    "responses",
    "What came back: deliveries, opens, clicks, redemptions, purchases, refusals.",
    ("response_id",),
    (
        C("response_id", "string", "one response"),
        ACCOUNT,
        OFFER,
        C(
            "response_kind",
            "string",
            "what happened",
            values=("delivered", "bounced", "open", "click", "redeem", "buy", "unsubscribe", "complaint"),
        ),
        EVENT_TS,
        AVAILABLE_TS,
        C("coupon_id", "string", "coupon used", True),
        C("contact_id", "string", "the send it answers, where known", True),
        C("channel", "string", "channel it came through, where known", True),
    ),
    role="source",
    example={
        "response_id": "rs-1",
        "account_id": "m-100017",
        "offer_id": "off-012",
        "response_kind": "redeem",
        "event_ts": "2026-01-05T11:32:00Z",
        "coupon_id": "off-012",
        "contact_id": "ct-1",
    },
)
