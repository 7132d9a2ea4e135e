"""Columns that many source tables share."""

from features.contract import Column as C

ACCOUNT = C("account_id", "string", "account the fact was recorded under (member number, web account, cookie)")
EVENT_TS = C("event_ts", "timestamp", "when it happened, UTC")
AVAILABLE_TS = C("available_ts", "timestamp", "when we could have known, UTC; default event_ts plus the lag", True)
PRODUCT = C("product_id", "string", "product")
OFFER = C("offer_id", "string", "offer (a campaign with its coupons)")
