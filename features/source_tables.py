"""Every table that comes from outside. Only `transactions` and `products` are required.

Every log carries `event_ts` (when it happened) and `available_ts` (when we could have known). A source that
has no `available_ts` gets `event_ts` plus the table's lag from the settings. A missing optional source switches
off what needs it, and the run says so.
"""

from features.source_contacts import CHANNELS, CONTACTS, HOLDOUTS, OFFERS, RESPONSES
from features.source_people import (
    ACCOUNTS,
    CONSENTS,
    CUSTOMERS,
    POINTS_LEDGER,
    REFERRALS,
    SERVICE_CASES,
    TIER_HISTORY,
)
from features.source_purchases import (
    CALENDAR,
    COUPONS_ISSUED,
    COUPONS_REDEEMED,
    OFFER_PRODUCTS,
    ORDER_STATUS,
    PRODUCT_ELIGIBILITY,
    PRODUCTS,
    TRANSACTIONS,
)
from features.source_social import REVIEWS, SOCIAL_INTERACTIONS, SOCIAL_POSTS, SOCIAL_STATS, SOCIAL_TAGS
from features.source_visits import BROWSING, CART_EVENTS, STORE_VISITS

__all__ = [
    "ACCOUNTS", "BROWSING", "CALENDAR", "CART_EVENTS", "CHANNELS", "CONSENTS", "CONTACTS", "COUPONS_ISSUED",
    "COUPONS_REDEEMED", "CUSTOMERS", "HOLDOUTS", "OFFERS", "OFFER_PRODUCTS", "ORDER_STATUS", "POINTS_LEDGER",
    "PRODUCTS", "PRODUCT_ELIGIBILITY", "REFERRALS", "RESPONSES", "REVIEWS", "SERVICE_CASES", "SOCIAL_INTERACTIONS",
    "SOCIAL_POSTS", "SOCIAL_STATS", "SOCIAL_TAGS", "SOURCES", "STORE_VISITS", "TIER_HISTORY", "TRANSACTIONS",
]  # fmt: skip

SOURCES = (
    TRANSACTIONS,
    PRODUCTS,
    CUSTOMERS,
    ACCOUNTS,
    ORDER_STATUS,
    BROWSING,
    CART_EVENTS,
    STORE_VISITS,
    SOCIAL_POSTS,
    SOCIAL_TAGS,
    SOCIAL_STATS,
    SOCIAL_INTERACTIONS,
    REVIEWS,
    REFERRALS,
    COUPONS_ISSUED,
    COUPONS_REDEEMED,
    POINTS_LEDGER,
    TIER_HISTORY,
    CONSENTS,
    SERVICE_CASES,
    CALENDAR,
    CHANNELS,
    OFFERS,
    OFFER_PRODUCTS,
    PRODUCT_ELIGIBILITY,
    CONTACTS,
    HOLDOUTS,
    RESPONSES,
)
