"""Sources from social networks: posts, tags given by others, reach, interactions with the brand, reviews."""

from features.contract import Column as C
from features.contract import Contract
from features.source_columns import ACCOUNT, AVAILABLE_TS, EVENT_TS

SOCIAL_POSTS = Contract(
    "social_posts",
    "Public posts of followers, as crawled. The text stays in this table.",
    ("post_id",),
    (
        C("post_id", "string", "one post"),
        ACCOUNT,
        C("network", "string", "weibo, wechat, xiaohongshu", True),
        EVENT_TS,
        C("available_ts", "timestamp", "when it was crawled, UTC; default event_ts plus the lag", True),
        C("text", "string", "text as posted, retweet chain included", private=True),
        C("is_repost", "bool", "whether it passes on somebody else's post", True),
    ),
    role="source",
    example={
        "post_id": "wb-1",
        "account_id": "wbo-301",
        "network": "weibo",
        "event_ts": "2026-01-04T13:00:00Z",
        "available_ts": "2026-01-05T01:00:00Z",
        "text": "宝宝下个月就要出生啦",
    },
)

SOCIAL_TAGS = Contract(
    "social_tags",
    "Tags that the network or another tool gave to an account.",
    ("account_id", "tag", "event_ts"),
    (
        ACCOUNT,
        C("tag", "string", "tag as given"),
        EVENT_TS,
        AVAILABLE_TS,
        C("score", "double", "strength in [0, 1], where stated", True, low=0, high=1),
        C("given_by", "string", "network or tool", True),
    ),
    role="source",
    example={"account_id": "wbo-301", "tag": "travel", "event_ts": "2026-01-04T13:00:00Z", "score": 0.8},
)

SOCIAL_STATS = Contract(
    "social_stats",
    "Reach of an account at a moment.",
    ("account_id", "event_ts"),
    (
        ACCOUNT,
        EVENT_TS,
        AVAILABLE_TS,
        C("followers", "long", "followers", True, low=0),
        C("following", "long", "accounts followed", True, low=0),
        C("posts", "long", "posts so far", True, low=0),
        C("is_verified", "bool", "verified by the network", True),
    ),
    role="source",
    example={"account_id": "wbo-301", "event_ts": "2026-01-01T16:00:00Z", "followers": 412, "is_verified": False},
)

SOCIAL_INTERACTIONS = Contract(
    "social_interactions",
    "What an account did with the brand's own posts, and following it.",
    ("interaction_id",),
    (
        C("interaction_id", "string", "one interaction"),
        ACCOUNT,
        C("network", "string", "weibo, wechat, xiaohongshu", True),
        EVENT_TS,
        AVAILABLE_TS,
        C(
            "interaction_kind",
            "string",
            "what happened",
            values=("follow", "unfollow", "like", "comment", "share", "mention"),
        ),
    ),
    role="source",
    example={
        "interaction_id": "si-1",
        "account_id": "wbo-301",
        "network": "weibo",
        "event_ts": "2026-01-02T10:00:00Z",
        "interaction_kind": "like",
    },
)

REVIEWS = Contract(
    "reviews",
    "Product reviews.",
    ("review_id",),
    (
        C("review_id", "string", "one review"),
        ACCOUNT,
        C("product_id", "string", "product"),
        EVENT_TS,
        AVAILABLE_TS,
        C("rating", "int", "1 to 5", True, low=1, high=5),
        C("text", "string", "text, where there is one", True, private=True),
    ),
    role="source",
    example={
        "review_id": "rv-1",
        "account_id": "web-88213",
        "product_id": "p-00412",
        "event_ts": "2026-01-15T10:00:00Z",
        "rating": 5,
    },
)
