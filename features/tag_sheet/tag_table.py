"""The contract of the tag sheet."""

from features.contract import Column as C
from features.contract import Contract
from features.output_tables import AS_OF, CUSTOMER

KINDS = ("habit", "taste", "price", "want", "state", "value", "risk", "life_event", "interest", "rival", "given")

CUSTOMER_TAGS = Contract(
    "customer_tags",
    "What each customer is known for: a score with its support, since when, until when, and where it comes from.",
    ("as_of", "customer_id", "tag"),
    (
        AS_OF,
        CUSTOMER,
        C("tag", "string", "tag, with its subject after a colon where it has one: wants:tea"),
        C("tag_kind", "string", "what sort of tag", values=KINDS),
        C("subject", "string", "category, colour, brand, weekday and daypart, ... that it is about", True),
        C("score", "double", "how strong, 0 to 1; see the definition", low=0, high=1),
        C("support", "long", "how many facts it rests on, see the definition", low=1),
        C("first_seen", "date", "local day of the first of them in the window looked at"),
        C("last_seen", "date", "local day of the last of them"),
        C("expires_on", "date", "first day on which it holds no longer unless seen again"),
        C("definition", "string", "the rule in words, with its thresholds"),
        C("purpose", "string", "consent that using it needs: personalisation, profiling, sensitive"),
        C(
            "for_targeting",
            "bool",
            "whether it may choose whom to contact; from posts only where measured right enough",
        ),
        C("evidence", "strings", "where to look: feature=value, or post:<post_id>; never text"),
    ),
    mode="snapshot",
)
