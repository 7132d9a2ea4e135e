"""Posts to tags, one Arrow batch at a time: a pure function for `features.batches.map_batches`.

    tags = map_batches(posts, tag_posts(lexicon, "Asia/Shanghai"), JUDGED_POSTS)

The lexicon goes to the workers in the closure, as plain data of less than a megabyte; the automaton is built there,
once per process. Texts come in and never go out, in no column, message or log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from features.batches import BatchFunction
from features.contract import Column, Contract
from features.tags.lexicon import Lexicon, Sentences
from features.tags.post_tag_table import POST_TAGS
from features.tags.tagger import Tag, tagger_of

POST_COLUMNS = ("post_id", "account_id", "event_ts", "available_ts", "text")

JUDGED_POSTS = Contract(
    "judged_posts",
    "Tags of posts, those that a guard dropped too.",
    POST_TAGS.key,
    (
        *POST_TAGS.columns,
        Column("dropped_by", "string", "guard that found it is not so; null for a tag that stands", True),
    ),
    role="internal",
)
_TAG_COLUMNS = (  # as the fields of Tag
    ("tag", pa.string()),
    ("tag_kind", pa.string()),
    ("confidence", pa.float64()),
    ("happens_on", pa.date32()),
    ("rule", pa.string()),
    ("sentiment", pa.float64()),
    ("dropped_by", pa.string()),
)
_ORDER = ("tag", "tag_kind", "confidence", "sentiment", "happens_on", "rule", "dropped_by")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def tag_posts(lexicon: Lexicon, time_zone: str) -> BatchFunction:
    """A function for `map_batches` over rows of POST_COLUMNS, giving JUDGED_POSTS: a row per post and tag found.

    Days are counted from the local day of the post in `time_zone`. A post without a text has no tag.
    """

    words = without_tests(lexicon)

    def tag(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        tagger, zone = tagger_of(words), ZoneInfo(time_zone)
        for batch in batches:
            texts = [t or "" for t in batch["text"].to_pylist()]
            moments = pc.cast(batch["event_ts"], pa.timestamp("us", tz="UTC")).cast(pa.int64())

            def day_of(position: int, moments: pa.Int64Array = moments) -> date:
                return (_EPOCH + timedelta(microseconds=moments[position].as_py())).astimezone(zone).date()

            rows: list[int] = []
            tags: list[Tag] = []
            for position, found in tagger.tags_of(texts, day_of):
                rows += [position] * len(found)
                tags += found
            yield _as_rows(batch, rows, tags)

    return tag


def without_tests(lexicon: Lexicon) -> Lexicon:
    """The lexicon as workers need it: test sentences stay at home."""
    return replace(
        lexicon,
        rules=tuple(replace(r, sentences=Sentences()) for r in lexicon.rules),
        guards=tuple(replace(g, blocks=(), passes=()) for g in lexicon.guards),
    )


def _as_rows(batch: pa.RecordBatch, rows: list[int], tags: list[Tag]) -> pa.Table:
    """Rows of JUDGED_POSTS: what identifies the post, and each of its tags."""
    at = pa.array(rows, pa.int64())
    columns = list(zip(*tags, strict=True)) or [()] * len(_TAG_COLUMNS)
    return pa.table(
        {
            **{name: batch[name].take(at) for name in POST_COLUMNS[:-1]},
            **{name: pa.array(values, kind) for (name, kind), values in zip(_TAG_COLUMNS, columns, strict=True)},
        }
    ).select([*POST_COLUMNS[:-1], *_ORDER])
