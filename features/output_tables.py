"""Contracts of the tables that the system writes, customer features excepted (see `features/catalogue.py`)."""

from features.contract import Column as C
from features.contract import Contract
from features.identity_tables import IDENTITY_TABLES

AS_OF = C("as_of", "date", "the snapshot's cut: local midnight at which this day begins; facts before it only")
CUSTOMER = C("customer_id", "string", "customer")
RANK = C("rank", "int", "1 is best", low=1)
REASONS = C("reasons", "strings", "why, in words, strongest first")
HORIZON = C("horizon_days", "int", "length of the window that the probability is about, in days", low=1)
CURRENCY = C("currency", "string", "currency of every amount in the row")
UPLIFT = C(
    "uplift",
    "double",
    "difference a contact makes to P(buys within the horizon of contact_effects); null where it was never measured",
    True,
    low=-1,
    high=1,
)
UPLIFT_BASIS = C("uplift_basis", "string", "what uplift rests on", values=("randomised", "prior", "none"))


def probability(name: str, meaning: str, nullable: bool = False) -> C:
    """A probability column; the meaning names event, condition and horizon."""
    return C(name, "double", meaning, nullable, low=0, high=1)


CUSTOMER_MAP = Contract(
    "customer_map",
    "Which customer an account belonged to, as known then; without the source `accounts`, a customer of its own.",
    ("account_id", "valid_from"),
    (
        C("account_id", "string", "account"),
        C("customer_id", "string", "customer it belongs to"),
        C("valid_from", "timestamp", "from when, UTC: always, or the last instant before the cut that resolved it"),
        C("valid_to", "timestamp", "until when, exclusive, UTC; null while it holds", True),
        probability(
            "confidence",
            "that the account is this customer's, when the row began: 1 - product over the kinds that link it of "
            "(1 - strength); 1 for an account whose id the customer has, or that is alone",
            True,
        ),
        C("reason", "string", "own, alone, or the kinds that linked it when the row began, joined by +", True),
    ),
)

NEXT_BEST_CATEGORIES = Contract(
    "next_best_categories",
    "Per customer the categories most likely to be bought next, by state.",
    ("as_of", "customer_id", "rank"),
    (
        AS_OF,
        CUSTOMER,
        RANK,
        C("category", "string", "category"),
        C("state", "string", "the customer's standing in it", values=("never", "lapsed", "active")),
        C("rank_in_state", "int", "rank among the categories of the same state", low=1),
        probability("p_buy", "P(buys in the category within horizon_days as things stand, no offer)"),
        HORIZON,
        REASONS,
    ),
    mode="snapshot",
)

NEXT_BEST_PRODUCTS = Contract(
    "next_best_products",
    "Per customer the products most likely to be bought next.",
    ("as_of", "customer_id", "rank"),
    (
        AS_OF,
        CUSTOMER,
        RANK,
        C("product_id", "string", "product"),
        C("category", "string", "category of the product", True),
        C(
            "kind",
            "string",
            "why it is in the list",
            values=("replenish", "discover", "cross_category", "trending", "fallback"),
        ),
        C("rank_in_kind", "int", "rank among the rows of the same kind", low=1),
        probability(
            "p_buy", "P(buys the product within horizon_days as things stand, no offer); no argument for a discount"
        ),
        HORIZON,
        REASONS,
    ),
    mode="snapshot",
)

CHANNEL_SCORES = Contract(
    "channel_scores",
    "Per customer, channel and offer kind: response and fatigue. Only channels that are not known to be closed.",
    ("as_of", "customer_id", "channel", "offer_kind"),
    (
        AS_OF,
        CUSTOMER,
        C("channel", "string", "channel"),
        C("offer_kind", "string", "kind of offer"),
        C(
            "reachable",
            "bool",
            "a usable address, consent where needed, not unsubscribed; null where the sources do not say",
            True,
        ),
        probability(
            "p_open",
            "P(opens | delivered): her own rate in the channel, shrunk to the channel's; null where not recorded",
            True,
        ),
        probability("p_click", "P(clicks | delivered), made like p_open; null where clicks are not recorded", True),
        probability("p_response", "P(responds within horizon_days | delivered)"),
        HORIZON,
        UPLIFT,
        UPLIFT_BASIS,
        probability("p_unsubscribe", "P(unsubscribes | delivered), made like p_open; null where not recorded", True),
        C("fatigue", "double", "sends in this channel, each halved every 7 days since", low=0),
        C("best_weekday", "int", "1 is Monday; null below support", True, low=1, high=7),
        C("best_hour", "int", "local hour; null below support", True, low=0, high=23),
        REASONS,
    ),
    mode="snapshot",
)

CUSTOMER_REACH = Contract(
    "customer_reach",
    "Every channel of each customer whom at least one reaches, or may reach. Written where channels are a source.",
    ("as_of", "customer_id", "channel"),
    (
        AS_OF,
        CUSTOMER,
        C("channel", "string", "channel"),
        C("reachable", "bool", "consent and a valid address; null where the sources do not say", True),
        C(
            "unreachable_because",
            "string",
            "what makes her unreachable; null where she is reachable or it is not known",
            True,
            values=("no_address", "no_consent", "unsubscribed"),
        ),
    ),
    mode="snapshot",
)

CONTACT_EFFECTS = Contract(
    "contact_effects",
    "What past contacts did, measured against accounts held out by a draw, per channel and offer kind.",
    ("as_of", "channel", "offer_kind"),
    (
        AS_OF,
        C("channel", "string", "channel"),
        C("offer_kind", "string", "kind of offer"),
        C("n_contacted", "long", "sends compared, the first per customer and campaign", low=0),
        C("n_held_out", "long", "holdouts compared: of the same campaigns, reachable in the channel", low=0),
        HORIZON,
        C("effect_buy", "double", "P(buys within horizon_days | contacted) - P(buys | held out)", True),
        C("effect_buy_low", "double", "lower end of its 95 % interval", True),
        C("effect_buy_high", "double", "upper end of its 95 % interval", True),
        C("effect_margin", "double", "margin within horizon_days that a contact brings, costs not taken off", True),
        C("effect_margin_low", "double", "lower end of its 95 % interval", True),
        C("effect_margin_high", "double", "upper end of its 95 % interval", True),
        C("margin_used", "double", "effect_margin shrunk to the kind's mean, or 0; what decisions use", True),
        C(
            "basis",
            "string",
            "randomised: decisions go by margin_used; undecided: measured, but 0 and the assumption both fit; prior: "
            "refused. For the last two decisions go by their assumption",
            values=("randomised", "undecided", "prior"),
        ),
        C("refused_because", "string", "why the comparison is not used", True),
        C("response_margin", "double", "margin that one response brings, as decisions count it", True),
        C("assumed_margin", "double", "margin of an average contact by the assumption, without an experiment", True),
    ),
    mode="snapshot",
)

OFFER_SCORES = Contract(
    "offer_scores",
    "Per customer and live offer: the response model's answer for what is left of the offer.",
    ("as_of", "customer_id", "offer_id", "channel"),
    (
        AS_OF,
        CUSTOMER,
        C("offer_id", "string", "offer running on as_of"),
        C("channel", "string", "channel it would go out through"),
        C("offer_kind", "string", "kind of offer"),
        probability(
            "p_response",
            "P(responds within horizon_days | delivered); learned from whole windows, so too high when little is left",
        ),
        HORIZON,
        REASONS,
    ),
    mode="snapshot",
)

ARM = C("arm", "string", "experiment arm", values=("nba", "random_eligible", "propensity_only", "global_holdout"))

DECISION_LOG = Contract(
    "decision_log",
    "Every eligible customer with the decision taken, also those left alone and those held out.",
    ("as_of", "decision_id"),
    (
        C("decision_id", "string", "stays the same while the decision stays the same"),
        AS_OF,
        CUSTOMER,
        C(
            "offer_id",
            "string",
            "candidate chosen, or what a held-out customer would have got; null for no contact",
            True,
        ),
        C("channel", "string", "channel of the candidate", True),
        C("action", "string", "what happens", values=("send", "no_contact", "held_out")),
        ARM,
        probability("logging_propensity", "probability with which the logged action was taken, given the customer"),
        probability("p_response", "P(responds within horizon_days | delivered) of the candidate", True),
        UPLIFT,
        UPLIFT_BASIS,
        C("value", "double", "expected incremental margin before costs", True),
        C("cost", "money", "contact cost and expected incentive paid", True),
        C("priority", "double", "value less cost less p_unsubscribe x lifetime value at stake", True),
        CURRENCY,
        C("stage_reached", "string", "last stage of the funnel that the customer's best candidate reached"),
        C("dropped_by", "string", "component that stopped it there, if any", True),
    ),
    mode="snapshot",
)

NEXT_BEST_OFFERS = Contract(
    "next_best_offers",
    "The rows a campaign tool executes: who, what, when, where, why, how.",
    ("as_of", "decision_id"),
    (
        C("decision_id", "string", "stays the same while the decision stays the same"),
        AS_OF,
        CUSTOMER,
        C("member_ref", "string", "number under which the channel's tool knows the customer"),
        C("address_kind", "string", "kind of address the channel needs"),
        C("account", "string", "account to address, where it is not the member reference", True),
        C("offer_id", "string", "offer"),
        C("offer_kind", "string", "kind of offer"),
        C("product_ids", "strings", "products to show, best first"),
        C("channel", "string", "channel"),
        C("time_zone", "string", "zone in which the window is meant"),
        C("send_after", "timestamp", "earliest moment to send, UTC"),
        C("send_before", "timestamp", "latest moment to send, UTC"),
        C("incentive", "string", "what the customer gets, in words"),
        C("incentive_value", "money", "what one redemption costs", True),
        C("theme", "string", "message theme", True),
        probability("p_response", "P(responds within horizon_days | delivered)"),
        UPLIFT,
        UPLIFT_BASIS,
        C(
            "expected_incremental_margin",
            "double",
            "margin expected over the horizon that would not come without the contact",
        ),
        CURRENCY,
        HORIZON,
        C("cost", "money", "contact cost and expected incentive paid"),
        C("priority", "double", "higher goes first"),
        ARM,
        probability("logging_propensity", "probability with which this action was taken, given the customer"),
        C("reasons_internal", "strings", "why, for the campaign team"),
        C("reason_for_customer", "string", "one sentence that may be shown to the customer"),
        C("action", "string", "send, or take back a row sent before", values=("send", "withdraw")),
        C("valid_until", "timestamp", "earliest closing window, UTC"),
        C("row_hash", "string", "changes only when something a tool acts on changes"),
        C("updated_at", "timestamp", "as_of of the run in which row_hash last changed, UTC"),
    ),
    mode="snapshot",
)

DECISION_TRACE = Contract(
    "decision_trace",
    "Every candidate with the first rule that dropped it: why, and why not.",
    ("as_of", "customer_id", "offer_id", "channel"),
    (
        AS_OF,
        CUSTOMER,
        C("offer_id", "string", "offer"),
        C("channel", "string", "channel"),
        C("stage", "string", 'stage that dropped it, or "sent"'),
        C("dropped_by", "string", "first component that dropped it; null when it is sent", True),
        C("why", "string", "the rule in words"),
        probability("p_response", "P(responds within horizon_days | delivered); null without a score", True),
        C("priority", "double", "value less cost less p_unsubscribe x lifetime value at stake", True),
    ),
    mode="snapshot",
)

DECISION_FUNNEL = Contract(
    "decision_funnel",
    "How many candidates and customers each stage and component dropped.",
    ("as_of", "stage", "component"),
    (
        AS_OF,
        C("stage_no", "int", "order of the stages", low=0),
        C("stage", "string", "stage"),
        C("component", "string", "rule inside the stage"),
        C("candidates_in", "long", "candidates that met the rule", low=0),
        C("candidates_dropped", "long", "candidates it dropped", low=0),
        C("customers_dropped", "long", "customers left without a candidate by it", low=0),
        C("why", "string", "the rule in words"),
    ),
    mode="snapshot",
)

CONSTRAINT_USAGE = Contract(
    "constraint_usage",
    "How much of each limit the decisions use.",
    ("as_of", "constraint"),
    (
        AS_OF,
        C("constraint", "string", "limit"),
        C("limit", "double", "how much is allowed; null for none", True),
        C("used", "double", "how much is used"),
        C("shadow_price", "double", "gain from one more unit; null where the allocation does not give one", True),
    ),
    mode="snapshot",
)

RUNS = Contract(
    "runs",
    "One row per attempt at a step: inputs, settings, counts, models, timings. Append-only.",
    ("run_id", "step", "attempt_id"),
    (
        C("run_id", "string", "as_of, input versions, settings and code of the step, hashed"),
        C("step", "string", "command"),
        C("attempt_id", "string", "this attempt; names the folder of its files"),
        C("as_of", "date", "the snapshot's cut", True),
        C("status", "string", "how it ended", values=("finished", "failed")),
        C("started_at", "timestamp", "wall clock, UTC"),
        C("seconds", "double", "how long it took", low=0),
        C("engine", "string", "engine it ran on"),
        C("code_version", "string", "hash of the code, or the git commit"),
        C("settings_hash", "string", "hash of the settings that the step reads"),
        C("inputs", "string", "JSON: table -> version read"),
        C("outputs", "string", "JSON: table -> version and rows written"),
        C("counts", "string", "JSON: counts that the step reports, such as rows in, good and quarantined"),
        C("models", "string", "JSON: model -> version and run used or trained"),
        C("message", "string", "the error, when it failed", True),
    ),
    mode="append",
    role="internal",
)

PRODUCTS_OF_SYSTEM = (
    CUSTOMER_MAP,
    *IDENTITY_TABLES,
    NEXT_BEST_CATEGORIES,
    NEXT_BEST_PRODUCTS,
    CUSTOMER_REACH,
    CHANNEL_SCORES,
    CONTACT_EFFECTS,
    OFFER_SCORES,
    DECISION_LOG,
    NEXT_BEST_OFFERS,
    DECISION_TRACE,
    DECISION_FUNNEL,
    CONSTRAINT_USAGE,
    RUNS,
)
