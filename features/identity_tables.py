"""Contracts of what stitching accounts leaves behind, beside `customer_map`: events, audit, households, decisions."""

from features.contract import Column as C
from features.contract import Contract

POINTER = "16 hexadecimal digits that stand for an identifier value, hash of its kind and (hashed) text"

IDENTITY_EVENTS = Contract(
    "identity_events",
    "Merges and splits of customers, one row per pair of customers that accounts went between at a cut.",
    ("event_id",),
    (
        C("event_id", "string", "event; the same change at the same cut has the same"),
        C("event_ts", "timestamp", "valid_from of the map rows it opened: the last instant before the cut, UTC"),
        C(
            "event_kind",
            "string",
            "undo: a split that a decision made; restore: a merge that its withdrawal, or a forced link, made",
            values=("merge", "split", "undo", "restore"),
        ),
        C("customer_id", "string", "customer that went on: into which, or out of which, accounts went"),
        C("other_customer_id", "string", "customer that accounts came from (merge, restore) or became (split, undo)"),
        C("accounts_moved", "long", "accounts that went over", low=1),
        C("via", "string", "kinds of identifier that link them there, joined by +; null for a split", True),
        C("value", "string", f"the strongest of the values behind a merge: {POINTER}", True),
    ),
)

IDENTITY_AUDIT = Contract(
    "identity_audit",
    "What stitching left out or kept apart, and why; and how large customers are.",
    ("as_of", "check", "identifier_kind", "subject"),
    (
        C("as_of", "date", "the snapshot's cut: local midnight at which this day begins; facts before it only"),
        C(
            "check",
            "string",
            "what was looked at",
            values=(
                "accounts", "customers", "edges", "largest_customer", "sightings", "blocked", "malformed", "blank",
                "future_dated", "expired_edges", "hub", "unique_conflict", "kept_apart", "over_size", "fuzzy_refused",
                "household_hub",
            ),
        ),
        C("identifier_kind", "string", "kind of identifier; empty where the check is not about one"),
        C("subject", "string", f"a customer id, or a value: {POINTER}; empty for a total"),
        C("n", "long", "accounts for hub, largest_customer and accounts; links or sightings elsewhere", low=0),
        C("limit_value", "long", "the limit that applied", True),
        C("what", "string", "what was done about it"),
    ),
    mode="snapshot",
)  # fmt: skip

HOUSEHOLDS = Contract(
    "households",
    "Customers who share an address or household number. A level above customers; it never merges persons.",
    ("as_of", "customer_id"),
    (
        C("as_of", "date", "the snapshot's cut: local midnight at which this day begins; facts before it only"),
        C("customer_id", "string", "customer; only those who share a household with another are listed"),
        C("household_id", "string", "the smallest customer_id in it"),
        C("n_customers", "int", "customers in it", low=2),
        C("basis", "string", "what they share: address, household, or address+household"),
    ),
    mode="snapshot",
)

IDENTITY_OVERRIDES = Contract(
    "identity_overrides",
    "What a person decided about identities. Append-only; a decision is withdrawn by a later row.",
    ("override_id",),
    (
        C("override_id", "string", "decision"),
        C(
            "action",
            "string",
            "apart: the two sides are never one customer; link: they are; withdraw: `target` holds no longer",
            values=("apart", "link", "withdraw"),
        ),
        C("target", "string", "event or decision that this one undoes", True),
        C("left_accounts", "strings", "one side"),
        C("right_accounts", "strings", "the other side"),
        C("written_at", "timestamp", "wall clock, UTC"),
        C("note", "string", "the command in words", True),
    ),
    mode="append",
)

IDENTITY_TABLES = (IDENTITY_EVENTS, IDENTITY_AUDIT, HOUSEHOLDS, IDENTITY_OVERRIDES)
