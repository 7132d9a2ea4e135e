"""`nextbest tag-customers`: the tag sheet, what each customer is known for and why."""

from __future__ import annotations

from pyspark.sql import functions as F

from features.catalogue import COMPANIONS
from features.facts import Facts
from features.families.life_events import customer_post_tags
from features.tag_sheet.tag_sheet import as_customer_tags
from features.tag_sheet.tag_table import CUSTOMER_TAGS
from jobs.measured_tags import tags_for_targeting
from jobs.runs import Job, Step

TAKES_SPAN = True  # --from and --to, see jobs/backfill.py
TABLES = ("customer_features", *(c.CONTRACT.name for c in COMPANIONS))
POSTS = ("post_tags", "social_tags", "consents", "browsing")

STEP = Step(
    "tag-customers",
    reads=("customer_features", "customer_map"),
    optional=(*TABLES[1:], *POSTS),
    writes=(CUSTOMER_TAGS.name,),
    settings=("customer_tags", "features", "time_zone"),
    next="nextbest tables describe customer_tags",
)


def run(job: Job) -> None:
    """Writes the tag sheet of the cut."""
    tables = {name: job.read(name) for name in TABLES if name in STEP.reads or job.has(name)}
    # an empty table of consents is no missing one: nobody has consented
    there = [n for n in POSTS if (n == "consents" and n in job.pinned) or job.has(n)]
    sources = {name: job.read(name) for name in ("customer_map", *there)}
    facts = Facts(sources, job.as_of, job.settings.features, job.write_read)
    posts = customer_post_tags(facts) if facts.has("post_tags") else None
    params = job.settings.customer_tags
    targeting = tags_for_targeting(params.targeting_precision, params.targeting_min_tagged)
    tags = as_customer_tags(tables, posts, targeting, job.as_of, params)
    job.write(CUSTOMER_TAGS.name, tags.withColumn("as_of", F.lit(job.as_of.day.isoformat()).cast("date")))
    if "post_tags" not in sources:
        job.say("no post_tags, so no life events, interests and rival brands from posts")
    if job.counts[f"{CUSTOMER_TAGS.name}.rows"]:
        _report(job)


def _report(job: Job) -> None:
    """How many customers have a tag of each kind."""
    staged = next(s for s in job.staged if s.contract is CUSTOMER_TAGS)
    found = job.lake.read_staged(job.spark, staged)
    by_kind = found.groupBy("tag_kind").agg(
        F.count(F.lit(1)).alias("n"), F.count_distinct(F.col("customer_id")).alias("c")
    )
    for row in sorted(by_kind.collect(), key=lambda r: -r["n"]):
        job.say(f"{row['tag_kind']}: {row['n']:,} tags of {row['c']:,} customers")
