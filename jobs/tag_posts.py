"""Find life events, interests and brands in what customers post.

Reads social_posts and writes post_tags: post id, tag, confidence and the day of the event where the post tells it,
never text. Words, guards and test sentences stand in conf/lexicon, brands in the settings (tags.own_brands). Without
social_posts there is nothing to do. Facts are judged by their dates later, so the step does not depend on as_of.
"""

from __future__ import annotations

from pyspark.sql import functions as F

from features.batches import map_batches
from features.tags.post_tag_table import POST_TAGS
from features.tags.post_tags import JUDGED_POSTS, POST_COLUMNS, tag_posts
from jobs.lexicon_files import lexicon_digest, load_lexicon
from jobs.runs import Job, Step
from jobs.settings import Settings

STEP = Step(
    "tag-posts",
    optional=("social_posts",),
    may_write=("post_tags",),  # not without posts
    settings=("tags", "time_zone"),
    dated=False,
    next="nextbest build-features",
)


def fingerprint(settings: Settings) -> str:
    """The lexicon is an input: other words, other tags."""
    return lexicon_digest(settings.tags)


def run(job: Job) -> None:
    """Writes `post_tags`; counts posts, tags by kind and what guards dropped."""
    if not job.has("social_posts"):
        job.say("no social_posts were delivered: there is nothing to tag")
        if job.lake.table("post_tags") is not None:
            job.write("post_tags", POST_TAGS.arrow_schema().empty_table())
        return
    posts = job.read("social_posts").select(*POST_COLUMNS)
    job.count("posts.read", posts.agg(F.count(F.lit(1)).alias("n")).collect()[0]["n"])
    judge = tag_posts(load_lexicon(job.settings.tags), job.settings.time_zone)
    judged = job.write_read("judged_posts", map_batches(posts, judge, JUDGED_POSTS))
    standing = judged.where(F.col("dropped_by").isNull())
    job.write("post_tags", POST_TAGS.conform(standing))
    job.count("posts.tagged", standing.select("post_id").distinct().count())
    for kind, n in _counts(standing.groupBy("tag_kind").agg(F.count(F.lit(1)).alias("n"))):
        job.count(f"tags.{kind}", n)
    for guard, n in _counts(
        judged.where(~F.col("dropped_by").isNull()).groupBy("dropped_by").agg(F.count(F.lit(1)).alias("n"))
    ):
        job.count(f"dropped.{guard}", n)


def _counts(df: object) -> list[tuple[str, int]]:
    return sorted((str(row[0]), int(row[1])) for row in df.collect())  # type: ignore[attr-defined]
