"""Rules on products in the lake: read for the scoring pass, and what they kept out counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from features.batches import map_batches
from jobs.runs import Job
from scoring.eligible_items import save_lines
from scoring.product_eligibility import BLOCKED_PAIRS, as_rule_lines, collect_segment_lines, customer_lines
from scoring.recommendations import blocked_rows

RULES = "product_eligibility"  # optional source


@dataclass(frozen=True)
class ProductRules:
    """`denied` and `admitted` are rules on single customers; `open()` is the file of all others in a worker. Each is
    None where there is nothing of the kind."""

    denied: DataFrame | None = None
    admitted: DataFrame | None = None
    open: Callable[[], str] | None = None


def read_rules(job: Job) -> ProductRules:
    """The rules that hold at the cut, and what is out of stock then."""
    given = job.read(RULES) if job.has(RULES) else None
    lines = as_rule_lines(given, job.read("products"), job.as_of)
    lines = lines if given is None else job.write_read("rule_lines", lines)
    segments = collect_segment_lines(lines)
    denied, admitted = (None if given is None else customer_lines(lines, action) for action in ("deny", "allow"))
    job.count("product_rule_lines", segments.num_rows)
    if given is None and not segments.num_rows:
        return ProductRules()
    path = job.scratch / "product_rules.parquet"
    save_lines(segments, str(path))
    return ProductRules(denied, admitted, job.engine.ship(path))


def count_blocked(job: Job, histories: DataFrame, open_path: Callable[[], str], rules: ProductRules) -> None:
    """Counts the pairs that rules kept out, by reason."""
    if rules.open is None:
        return
    found = map_batches(histories, blocked_rows(open_path, job.as_of, rules.open), BLOCKED_PAIRS)
    for row in found.groupBy("reason").agg(F.sum("pairs").alias("pairs")).orderBy("reason").collect():
        job.count(f"kept_out.{row['reason']}", row["pairs"])
