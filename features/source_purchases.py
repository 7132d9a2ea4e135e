"""Sources about what is sold and bought: order lines, order status, products, coupons, the shop's calendar."""

from features.contract import Column as C
from features.contract import Contract
from features.source_columns import ACCOUNT, AVAILABLE_TS, EVENT_TS, OFFER, PRODUCT

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
        C("sales_channel", "string", "where it was sold: store, web, app, mini_program", True),
        C("store_id", "string", "store", True),
    ),
    role="source",
    required=True,
    example={
        "order_id": "o-20260105-0001",
        "line_no": 1,
        "account_id": "m-100017",
        "product_id": "p-00412",
        "event_ts": "2026-01-05T11:32:00Z",
        "quantity": 2,
        "amount": "118.00",
        "list_amount": "138.00",
        "coupon_amount": "20.00",
        "sales_channel": "app",
    },
)

ORDER_STATUS = Contract(
    "order_status",
    "What became of an order: placed, paid, closed unpaid, shipped, refunded. A log, one row per change.",
    ("order_id", "status", "event_ts", "status_no"),
    (
        C("order_id", "string", "order"),
        C("status_no", "int", "tells changes of one order at the same moment apart; 1 when there is one", low=0),
        ACCOUNT,
        C(
            "status",
            "string",
            "what happened",
            values=("placed", "paid", "pay_failed", "closed", "shipped", "received", "refunded"),
        ),
        EVENT_TS,
        AVAILABLE_TS,
        C("amount", "money", "value placed, paid or refunded", True, low=0, high=1e9),
        C("product_id", "string", "the product refunded; null for the whole order", True),
        C("reason", "string", "why it was closed or refunded: size, fit, quality, changed_mind, late, unpaid", True),
        C("sales_channel", "string", "where: store, web, app, mini_program", True),
    ),
    role="source",
    example={
        "order_id": "o-20260105-0001",
        "status_no": 1,
        "account_id": "m-100017",
        "status": "refunded",
        "event_ts": "2026-01-12T02:10:00Z",
        "amount": "59.00",
        "product_id": "p-00412",
        "reason": "size",
        "sales_channel": "app",
    },
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
        C("style", "string", "style", True),
        C("colour", "string", "colour", True),
        C("size", "string", "garment or shoe size", True),
        C("list_price", "money", "shelf price of one unit", True, low=0, high=1e9),
        C("launched_on", "date", "first day on sale", True),
        C("season", "string", "season it is made for: spring, summer, autumn, winter; null for all year", True),
        C("in_stock", "bool", "can be bought; null where stock is not reported", True),
    ),
    role="source",
    required=True,
    example={
        "product_id": "p-00412",
        "valid_from": "2026-01-01T00:00:00Z",
        "name": "linen shirt",
        "department": "womenswear",
        "category": "shirts",
        "product_type": "long sleeve shirt",
        "brand": "Lanting",
        "own_brand": False,
        "margin_rate": 0.45,
        "style": "minimal",
        "colour": "white",
        "size": "M",
        "list_price": "69.00",
        "launched_on": "2026-01-01",
        "season": "spring",
    },
)

COUPONS_ISSUED = Contract(
    "coupons_issued",
    "Coupons given to accounts.",
    ("coupon_id",),
    (
        C("coupon_id", "string", "one coupon in one account"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("offer_id", "string", "offer it belongs to", True),
        C("value", "money", "what it takes off", True, low=0, high=1e9),
        C("min_amount", "money", "basket from which it can be used", True, low=0, high=1e9),
        C("expires_ts", "timestamp", "end of its validity, UTC", True),
    ),
    role="source",
    example={
        "coupon_id": "cp-77120",
        "account_id": "m-100017",
        "event_ts": "2026-01-02T02:00:00Z",
        "offer_id": "off-012",
        "value": "20.00",
        "min_amount": "100.00",
        "expires_ts": "2026-01-16T16:00:00Z",
    },
)

COUPONS_REDEEMED = Contract(
    "coupons_redeemed",
    "Coupons used, with the order that used them.",
    ("coupon_id",),
    (
        C("coupon_id", "string", "coupon"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("order_id", "string", "order it was used in", True),
        C("amount", "money", "what it took off", True, low=0, high=1e9),
    ),
    role="source",
    example={
        "coupon_id": "cp-77120",
        "account_id": "m-100017",
        "event_ts": "2026-01-05T11:32:00Z",
        "order_id": "o-20260105-0001",
        "amount": "20.00",
    },
)

CALENDAR = Contract(
    "calendar",
    "Days that differ from others: festivals, promotions, pay days, days off.",
    ("day", "event"),
    (
        C("day", "date", "local day"),
        C("event", "string", "what it is, for example spring_festival, singles_day, payday"),
        C("event_kind", "string", "kind of day", values=("festival", "promotion", "payday", "day_off")),
        C("available_ts", "timestamp", "when it was known, UTC; default: always", True),
    ),
    role="source",
    example={"day": "2026-06-18", "event": "618", "event_kind": "promotion"},
)

OFFER_PRODUCTS = Contract(
    "offer_products",
    "Which products an offer's coupons apply to.",
    ("offer_id", "coupon_id", "product_id"),
    (OFFER, C("coupon_id", "string", "coupon"), PRODUCT),
    role="source",
    example={"offer_id": "off-012", "coupon_id": "off-012", "product_id": "p-00412"},
)

PRODUCT_ELIGIBILITY = Contract(
    "product_eligibility",
    "What may be recommended to whom. A product that a rule allows to some may be recommended to nobody else; what is "
    "denied stays denied.",
    ("rule_id", "line_no"),
    (
        C("rule_id", "string", "rule"),
        C("line_no", "int", "tells lines of one rule apart; 1 when there is one", low=0),
        C("action", "string", "what it does", values=("allow", "deny")),
        C(
            "attribute",
            "string",
            "whom it is about: everybody, or customers by what is known of them (store: where she shops most)",
            values=("all", "customer_id", "store", "region", "tier", "age", "gender", "acquired"),
        ),
        C("value", "string", "which customers: a value of the attribute; null for all", True),
        C("product_id", "string", "the product; null for all of the category", True),
        C("category", "string", "the category; null for one product", True),
        C("valid_from", "timestamp", "from when it holds, UTC; default: always", True),
        C("valid_to", "timestamp", "until when it holds, exclusive, UTC; default: for good", True),
        C("reason", "string", "why, in a few words; counted by", True),
    ),
    role="source",
    example={
        "rule_id": "no-delivery-west",
        "line_no": 1,
        "action": "deny",
        "attribute": "region",
        "value": "Xinjiang",
        "category": "shirts",
        "reason": "not delivered there",
    },
)
