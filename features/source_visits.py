"""Sources about looking and carrying: browsing, carts, visits to stores."""

from features.contract import Column as C
from features.contract import Contract
from features.source_columns import ACCOUNT, AVAILABLE_TS, EVENT_TS

BROWSING = Contract(
    "browsing",
    "Page views, searches and favourites, under the account or cookie that was seen.",
    ("event_id",),
    (
        C("event_id", "string", "one event"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("event_kind", "string", "what happened", values=("view", "search", "favourite", "unfavourite")),
        C("product_id", "string", "product viewed", True),
        C("category", "string", "category page viewed", True),
        C("query", "string", "words searched for", True),
        C("dwell_seconds", "double", "time on the page; values above a cap are cut in features", True, low=0),
        C("session_id", "string", "session, where the site gives one", True),
        C("device", "string", "pc, ios, android, mini_program", True),
    ),
    role="source",
    example={
        "event_id": "bv-1",
        "account_id": "ck-55d0",
        "event_ts": "2026-01-05T11:20:00Z",
        "event_kind": "view",
        "product_id": "p-00412",
        "dwell_seconds": 41.5,
        "device": "ios",
    },
)

CART_EVENTS = Contract(
    "cart_events",
    "What was put into carts and taken out; a cart's state is replayed from this log.",
    ("event_id",),
    (
        C("event_id", "string", "one event"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("event_kind", "string", "what happened", values=("add", "remove", "order")),
        C("product_id", "string", "product"),
        C("quantity", "long", "units", low=0),
        C("unit_price", "money", "price shown", True, low=0, high=1e9),
        C("order_id", "string", "order that took the line", True),
    ),
    role="source",
    example={
        "event_id": "ca-1",
        "account_id": "web-88213",
        "event_ts": "2026-01-05T11:24:00Z",
        "event_kind": "add",
        "product_id": "p-00412",
        "quantity": 1,
        "unit_price": "69.00",
    },
)

STORE_VISITS = Contract(
    "store_visits",
    "Visits to stores that were recognised (member card, app check-in).",
    ("visit_id",),
    (
        C("visit_id", "string", "one visit"),
        ACCOUNT,
        C("store_id", "string", "store"),
        EVENT_TS,
        AVAILABLE_TS,
        C("minutes", "double", "length of the visit", True, low=0),
        C("distance_km", "double", "distance of the store from home, where known", True, low=0),
    ),
    role="source",
    example={"visit_id": "sv-1", "account_id": "m-100017", "store_id": "st-07", "event_ts": "2026-01-03T07:00:00Z"},
)
