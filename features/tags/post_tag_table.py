"""The table between texts and customers: what each post says, without its text."""

from features.contract import Column as C
from features.contract import Contract

POST_TAGS = Contract(
    "post_tags",
    "What a post says of the one who wrote it, by the lexicon: one row per post, tag and rule. No text.",
    ("post_id", "tag"),
    (
        C("post_id", "string", "post"),
        C("account_id", "string", "account that wrote it"),
        C("event_ts", "timestamp", "when it was posted, UTC"),
        C("available_ts", "timestamp", "when we could have known, UTC", True),
        C("tag", "string", "tag of the lexicon"),
        C(
            "tag_kind",
            "string",
            "what the tag is about",
            values=("life_event", "loss", "interest", "own_brand", "rival_brand"),
        ),
        C("confidence", "double", "how sure the rule and its guards are", low=0, high=1),
        C(
            "sentiment",
            "double",
            "mood of the post's own words, -1 to 1; null where none is told",
            True,
            low=-1,
            high=1,
        ),
        C("happens_on", "date", "day of the event, where the post tells it", True),
        C("rule", "string", "rule of the lexicon that found it"),
    ),
    role="internal",
)
