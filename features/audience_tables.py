"""Contracts of the inverse view: from a subject (product, category, tag, offer) to the customers to reach for it."""

from features.contract import Column as C
from features.contract import Contract
from features.output_tables import AS_OF, CURRENCY, CUSTOMER, RANK, REASONS, probability

SUBJECT_KINDS = ("product", "category", "tag", "offer")
MODEL, NEIGHBOURS, TAG = "model", "attribute neighbours", "tag"
KIND = C("subject_kind", "string", "what the audience is for", values=SUBJECT_KINDS)
SUBJECT = C("subject", "string", "product_id, category, tag or offer_id")
PARTS = ("subject_kind", "subject")
VALUE_BASIS = C(
    "value_basis",
    "string",
    "randomised: an experiment measured what the contact brings; prior: response x assumed incrementality; none: "
    "response taken whole, nothing is known of what would have come anyway; null without a value",
    True,
    values=("randomised", "prior", "none"),
)

AUDIENCES = Contract(
    "audiences",
    "Whom to reach for a subject, best first: the inverse view. A plan, before the contact policy of decide-offers.",
    ("as_of", "subject_kind", "subject", "customer_id"),
    (
        AS_OF,
        KIND,
        SUBJECT,
        CUSTOMER,
        RANK,
        C("score", "double", "what ranks her; see score_kind", low=0, high=1),
        C(
            "score_kind",
            "string",
            "p_buy: P(buys the product, or in the category, within horizon_days as things stand, no offer); "
            "p_response: P(responds to the offer within horizon_days | delivered) in its channel; tag: its strength",
            values=("p_buy", "p_response", "tag"),
        ),
        C(
            "score_basis",
            "string",
            "model: scored as such; attribute neighbours: never sold, mean over products like it; tag: holds the tag",
            values=(MODEL, NEIGHBOURS, TAG),
        ),
        C("horizon_days", "int", "length of the window that a probability is about; null for tags", True, low=1),
        C("channel", "string", "open channel with the largest value; null where nobody can reach her", True),
        C("reachable", "bool", "whether that channel reaches her; false without one; null where not known", True),
        probability("p_response", "P(responds within the offer's window | delivered) in the channel", True),
        C("value", "double", "expected incremental profit of one contact in the channel, its cost taken off", True),
        VALUE_BASIS,
        C("cost", "money", "what the contact costs", True),
        CURRENCY,
        C(
            "held_back_by",
            "string",
            "rule of the contact policy by which decide-offers would leave her alone today",
            True,
        ),
        REASONS,
    ),
    mode="snapshot",
    parts=PARTS,
)

AUDIENCE_CURVE = Contract(
    "audience_curve",
    "What an audience of a size brings: its best customers by rank, those whom a channel reaches contacted once.",
    ("as_of", "subject_kind", "subject", "size"),
    (
        AS_OF,
        KIND,
        SUBJECT,
        C("size", "long", "customers, best first", low=1),
        C("reached", "long", "of them, those whom a channel reaches or may reach", low=0),
        C("held_back", "long", "of the reached, those whom the contact policy would leave alone today", low=0),
        C("expected", "double", "sum of the scores: expected buyers or responders; for tags summed strength", low=0),
        C("value_randomised", "double", "expected incremental profit of contacts whose value an experiment measured"),
        C("value_prior", "double", "the same of contacts whose value rests on the assumed incrementality"),
        C("value_none", "double", "profit of responses taken whole, of contacts of which nothing more is known"),
        C("cost", "money", "what the contacts cost; already taken off the values", low=0),
        CURRENCY,
        C("is_best", "bool", "whether the summed value is largest at this size"),
    ),
    mode="snapshot",
    parts=PARTS,
)

AUDIENCE_REACH = Contract(
    "audience_reach",
    "Through which channels the best customers by score can be reached, down to the last of the audience.",
    ("as_of", "subject_kind", "subject", "channel"),
    (
        AS_OF,
        KIND,
        SUBJECT,
        C("channel", "string", "channel"),
        C("reachable", "long", "customers it reaches", low=0),
        C("unknown", "long", "customers of whom the sources do not say", low=0),
        C("no_address", "long", "closed: no usable address", low=0),
        C("no_consent", "long", "closed: no marketing consent", low=0),
        C("unsubscribed", "long", "closed: unsubscribed", low=0),
        C("closed", "long", "closed for any reason", low=0),
        C("chosen", "long", "customers to whom it is the best open channel", low=0),
        C("contact_cost", "money", "cost of one contact"),
        C("cost", "money", "cost of contacting those to whom it is the best"),
        CURRENCY,
    ),
    mode="snapshot",
    parts=PARTS,
)

AUDIENCE_TABLES = (AUDIENCES, AUDIENCE_CURVE, AUDIENCE_REACH)
