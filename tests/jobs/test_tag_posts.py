"""The step tag-posts: rows of post_tags, no text anywhere, skipped cleanly, done again for other words only."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.batches import map_batches
from features.source_tables import SOURCES
from features.tags.post_tags import JUDGED_POSTS, POST_COLUMNS, tag_posts
from features.tags.tagger import tag_texts
from jobs.lexicon_files import load_lexicon
from jobs.settings import load_settings
from jobs.tag_posts import STEP, fingerprint
from tests.features.purchase_world import frame

POSTS = next(c for c in SOURCES if c.name == "social_posts")
TEXTS = ["今天提车啦，人生第一辆车", "周末手冲一杯咖啡", "怀(huai)孕了！", "今天天气不错", "", "懷孕了好開心"]


def test_batches_equal_single_texts(spark: SparkSession) -> None:
    """Rows made by the engine are those of `tag_texts`, however the posts are cut into batches, and hold no text."""
    ts = datetime(2026, 3, 10, 4, tzinfo=UTC)
    texts = TEXTS * 7
    rows = [
        {"post_id": f"p{i:02}", "account_id": f"a{i}", "event_ts": ts, "available_ts": ts, "text": t}
        for i, t in enumerate(texts)
    ]
    lexicon = load_lexicon()
    df = frame(spark, POSTS, rows, partitions=3).select(*POST_COLUMNS)
    found = map_batches(df, tag_posts(lexicon, "Asia/Shanghai"), JUDGED_POSTS).toArrow().to_pylist()
    kept = sorted((r["post_id"], r["tag"], r["confidence"], r["happens_on"]) for r in found if r["dropped_by"] is None)
    single = tag_texts(texts, [ts] * len(texts), lexicon)
    expected = sorted((f"p{i:02}", t.tag, t.confidence, t.happens_on) for i, tags in enumerate(single) for t in tags)
    assert kept == expected
    assert len(expected) >= 7 * 4
    assert not any(t and t in str(r) for t in TEXTS for r in found)


def test_an_empty_batch(spark: SparkSession) -> None:
    """No posts, no rows."""
    judge = tag_posts(load_lexicon(), "UTC")
    empty = pa.RecordBatch.from_pylist([], schema=POSTS.arrow_schema()).select(list(POST_COLUMNS))
    assert next(iter(judge(iter([empty])))).num_rows == 0


def test_the_fingerprint_names_the_brands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other brands are other inputs; the step depends on no date."""
    before = fingerprint(load_settings())
    assert before == fingerprint(load_settings())
    monkeypatch.setenv("NEXTBEST_TAGS__OWN_BRANDS", "[青禾]")
    assert fingerprint(load_settings()) != before
    assert not STEP.dated
