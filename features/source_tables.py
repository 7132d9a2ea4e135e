"""Contracts of the tables that come from outside. Only `transactions` and `products` are required.

Every log carries `event_ts` (when it happened) and `available_ts` (when we could have known). A source that
has no `available_ts` gets `event_ts` plus the table's lag from the settings.
"""

from features.contract import Column as C
from features.contract import Contract

ACCOUNT = C("account_id", "string", "account the fact was recorded under (member number, household, web account)")
EVENT_TS = C("event_ts", "timestamp", "when it happened, UTC")
AVAILABLE_TS = C("available_ts", "timestamp", "when we could have known, UTC; default event_ts plus the lag", True)
PRODUCT = C("product_id", "string", "product")
OFFER = C("offer_id", "string", "offer (a campaign with its coupons)")

TRANSACTIONS = Contract(
    "transactions",
    "Order lines, paid.",
    ("order_id", "product_id", "line_no"),
    (
        C("order_id", "string", "order, basket or receipt"),
        C("line_no", "int", "tells lines of one order with the same product apart; 1 when there is one", low=0),
        ACCOUNT,
        PRODUCT,
        EVENT_TS,
        AVAILABLE_TS,
        C("quantity", "long", "units; 0 is kept with a warning", low=0),
        C("amount", "money", "value of the line after the shop's own discounts", low=0, high=1e9),
        C("list_amount", "money", "value at shelf price, before any discount", True, low=0, high=1e9),
        C("coupon_amount", "money", "part of `amount` settled by a coupon", True, low=0, high=1e9),
        C("sales_channel", "string", "where it was sold: store, web, app", True),
        C("store_id", "string", "store", True),
    ),
    role="source",
    required=True,
)

PRODUCTS = Contract(
    "products",
    "Products with their place in the hierarchy; a changed product is a new row with a later valid_from.",
    ("product_id", "valid_from"),
    (
        PRODUCT,
        C("valid_from", "timestamp", "from when these attributes hold, UTC; default: always", True),
        C("name", "string", "name for people", True),
        C("department", "string", "top of the hierarchy", True),
        C("category", "string", "level at which next-best categories are chosen", True),
        C("product_type", "string", "finest level above the product", True),
        C("brand", "string", "brand or maker", True),
        C("own_brand", "bool", "the shop's own label", True),
        C("package_size", "string", "size as printed", True),
        C("margin_rate", "double", "margin as a share of amount; default: setting", True, low=-1, high=1),
    ),
    role="source",
    required=True,
)

CUSTOMERS = Contract(
    "customers",
    "What is known of an account holder.",
    ("account_id",),
    (
        ACCOUNT,
        AVAILABLE_TS,
        C("age_band", "string", "age band", True),
        C("income_band", "string", "income band", True),
        C("home_ownership", "string", "owner, renter", True),
        C("marital_status", "string", "marital status", True),
        C("household_size", "string", "persons in the household", True),
        C("household_type", "string", "composition of the household", True),
        C("kids_count", "string", "children in the household", True),
    ),
    role="source",
)

OFFERS = Contract(
    "offers",
    "Offers that can be made: what, when, for how long.",
    ("offer_id",),
    (
        OFFER,
        C("offer_kind", "string", "kind of offer, the level at which response is learned"),
        C("name", "string", "name for people", True),
        C("channel", "string", "channel it goes out through", True),
        C("starts_on", "date", "first day"),
        C("ends_on", "date", "last day, inclusive"),
        AVAILABLE_TS,
        C("incentive", "string", "what the customer gets, in words", True),
        C("incentive_value", "money", "what one redemption costs the shop, where known", True, low=0, high=1e9),
        C("theme", "string", "message theme", True),
    ),
    role="source",
)

OFFER_PRODUCTS = Contract(
    "offer_products",
    "Which products an offer's coupons apply to.",
    ("offer_id", "coupon_id", "product_id"),
    (OFFER, C("coupon_id", "string", "coupon"), PRODUCT),
    role="source",
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
)

RESPONSES = Contract(
    "responses",
    "What came back: redemptions, opens, clicks, refusals.",
    ("response_id",),
    (
        C("response_id", "string", "one response"),
        ACCOUNT,
        OFFER,
        C("response_kind", "string", "what happened", values=("redeem", "open", "click", "unsubscribe", "complaint")),
        EVENT_TS,
        AVAILABLE_TS,
        C("coupon_id", "string", "coupon used", True),
        C("contact_id", "string", "the send it answers, where known", True),
    ),
    role="source",
)

SOURCES = (TRANSACTIONS, PRODUCTS, CUSTOMERS, OFFERS, OFFER_PRODUCTS, CONTACTS, RESPONSES)
