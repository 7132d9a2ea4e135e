"""Sources about who customers are: account holders, identifier sightings, consents, tiers, points, referrals, cases."""

from features.contract import Column as C
from features.contract import Contract
from features.source_columns import ACCOUNT, AVAILABLE_TS, EVENT_TS

# kinds of identifier that may stitch accounts; what each is worth stands in features/identity_params.py
IDENTIFIER_KINDS = (
    "member_no",
    "id_number",
    "user_id",
    "phone",
    "email",
    "unionid",
    "openid",
    "weibo_id",
    "device",
    "cookie",
    "address",
    "household",
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
        C("region", "string", "province or region", True),
        C("city", "string", "city", True),
        C("gender", "string", "as stated: female, male", True),
        C("full_name", "string", "name as given; read by fuzzy matching only", True, private=True),
        C("birth_date", "date", "date of birth; read by fuzzy matching only", True, private=True),
        C("postcode", "string", "postcode; read by fuzzy matching only", True, private=True),
    ),
    role="source",
    example={
        "account_id": "m-100017",
        "available_ts": "2025-03-02T04:00:00Z",
        "age_band": "25-34",
        "region": "Zhejiang",
        "city": "Hangzhou",
        "gender": "female",
    },
)

ACCOUNTS = Contract(
    "accounts",
    "Identifier sightings: which identifier was seen with which account, when; and how the account was acquired.",
    ("account_id", "identifier_kind", "identifier", "event_ts"),
    (
        ACCOUNT,
        C("account_kind", "string", "member, web, app, wechat, weibo, cookie, pos", True),
        C("identifier_kind", "string", "kind of identifier", values=IDENTIFIER_KINDS),
        C(
            "identifier",
            "string",
            "its value; normalised and replaced by a keyed hash on ingest (member_no and household stay as they are)",
        ),
        EVENT_TS,
        AVAILABLE_TS,
        C("store_id", "string", "store where it was taken", True),
        C("acquisition_source", "string", "where the account came from", True),
        C("acquisition_medium", "string", "by what medium", True),
        C("acquisition_campaign", "string", "by which campaign", True),
        C("acquisition_cost", "money", "what winning the account cost", True, low=0, high=1e9),
        C(
            "identifier_state",
            "string",
            "set on ingest: blocked values (test numbers, role mailboxes) and malformed ones never stitch",
            True,
            values=("ok", "blocked", "malformed"),
        ),
        C("key_version", "string", "set on ingest: version of the hash key; null where the value was not hashed", True),
    ),
    role="source",
    example={
        "account_id": "web-88213",
        "account_kind": "web",
        "identifier_kind": "phone",
        "identifier": "138 1234 5678",
        "event_ts": "2025-12-20T03:58:00Z",
        "acquisition_source": "search",
        "acquisition_cost": "12.50",
    },
)

CONSENTS = Contract(
    "consents",
    "Consent given and withdrawn, per channel and purpose. A log.",
    ("account_id", "channel", "purpose", "event_ts"),
    (
        ACCOUNT,
        C("channel", "string", "channel it is about; `any` for all"),
        C("purpose", "string", "what for: marketing, profiling, sensitive"),
        C("action", "string", "what happened", values=("granted", "withdrawn")),
        EVENT_TS,
        AVAILABLE_TS,
        C("evidence", "string", "where the proof is kept", True),
    ),
    role="source",
    example={
        "account_id": "m-100017",
        "channel": "sms",
        "purpose": "marketing",
        "action": "granted",
        "event_ts": "2025-12-20T04:00:00Z",
    },
)

TIER_HISTORY = Contract(
    "tier_history",
    "Membership tiers with their validity.",
    ("account_id", "valid_from"),
    (
        ACCOUNT,
        C("tier", "string", "tier"),
        C("valid_from", "timestamp", "from when, UTC"),
        AVAILABLE_TS,
        C("expires_on", "date", "last day of the tier", True),
        C("next_tier_amount", "money", "yearly spend at which the next tier begins", True, low=0, high=1e9),
    ),
    role="source",
    example={
        "account_id": "m-100017",
        "tier": "silver",
        "valid_from": "2025-09-01T16:00:00Z",
        "expires_on": "2026-08-31",
        "next_tier_amount": "5000.00",
    },
)

POINTS_LEDGER = Contract(
    "points_ledger",
    "Points earned, spent and expired.",
    ("entry_id",),
    (
        C("entry_id", "string", "one entry"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("entry_kind", "string", "what happened", values=("earn", "burn", "expire", "adjust")),
        C("points", "long", "points added (earn) or taken away (burn, expire: negative)"),
        C("expires_ts", "timestamp", "when earned points end, UTC", True),
        C("order_id", "string", "order that earned or burnt them", True),
    ),
    role="source",
    example={
        "entry_id": "pt-9001",
        "account_id": "m-100017",
        "event_ts": "2026-01-05T11:32:00Z",
        "entry_kind": "earn",
        "points": 118,
        "expires_ts": "2027-01-05T16:00:00Z",
        "order_id": "o-20260105-0001",
    },
)

REFERRALS = Contract(
    "referrals",
    "Who brought whom.",
    ("referral_id",),
    (
        C("referral_id", "string", "one referral"),
        ACCOUNT,
        C("referred_account_id", "string", "account that came by it"),
        EVENT_TS,
        AVAILABLE_TS,
    ),
    role="source",
    example={
        "referral_id": "rf-31",
        "account_id": "m-100017",
        "referred_account_id": "m-100950",
        "event_ts": "2025-12-24T12:00:00Z",
    },
)

SERVICE_CASES = Contract(
    "service_cases",
    "Cases with customer service. A case still open has no closed_ts.",
    ("case_id",),
    (
        C("case_id", "string", "case"),
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("case_kind", "string", "what about", values=("complaint", "question", "return", "delivery", "other")),
        C("is_negative", "bool", "whether the customer was unhappy", True),
        C("closed_ts", "timestamp", "when it was closed, UTC; null while open", True),
        C("order_id", "string", "order it is about", True),
    ),
    role="source",
    example={
        "case_id": "cs-512",
        "account_id": "m-100017",
        "event_ts": "2026-01-10T06:20:00Z",
        "case_kind": "delivery",
        "is_negative": True,
    },
)
