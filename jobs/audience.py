"""`nextbest audience`: whom to reach for a product, category, tag or offer. The inverse view of the recommender."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.audience_tables import AUDIENCE_CURVE, AUDIENCE_REACH, AUDIENCES
from features.errors import DataError
from jobs.audience_by_model import by_model
from jobs.audience_by_response import by_offer_scores, by_tag, has_offer_scores
from jobs.audience_report import report, save_curve, save_json
from jobs.audience_ways import Found, open_ways
from jobs.cli import common_options
from jobs.product_rules import RULES
from jobs.recommender_logs import LOGS, SETTINGS
from jobs.runs import Job, Step, execute
from jobs.settings import Settings
from scoring.audience_params import AudienceParams
from scoring.audience_value import best_contacts, curve_rows, reach_rows, size_that_pays

STEP = Step(
    "audience",
    reads=("transactions", "products", "customer_map"),
    optional=(
        *LOGS, "channels", "customer_reach", "channel_scores", "contact_effects", "contacts", "responses", "offers",
        "offer_products", "offer_scores", "customer_tags", RULES,
    ),
    writes=("audiences", "audience_curve", "audience_reach"),
    models=("recommender",),
    settings=(*SETTINGS, "audiences", "decisions", "currency"),
    next="read audiences, or nextbest decide-offers",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What the planner asked for."""

    kind: str
    subject: str
    size: int | None = None
    channel: str | None = None
    any_evidence: bool = False


@dataclass(frozen=True)
class Audience:
    """What was found: rows of the three tables, best customer first, and lines for the operator."""

    asked: Asked
    rows: list[dict[str, Any]]
    curve: list[dict[str, Any]]
    reach: list[dict[str, Any]]
    notes: tuple[str, ...]


@dataclass
class AudienceStep:
    """The step for one subject; a dry run publishes nothing."""

    asked: Asked
    dry_run: bool
    found: list[Audience] = field(default_factory=list)
    STEP: Step = STEP

    def __post_init__(self) -> None:
        """A dry run writes no table; `runs` still tells that it was asked."""
        if self.dry_run:
            self.STEP = replace(STEP, writes=(), next="the same without --dry-run writes it")

    def fingerprint(self, settings: Settings) -> str:
        """What was asked, so that each question has a run of its own."""
        return repr((self.asked, self.dry_run))

    def run(self, job: Job) -> None:
        """Finds the audience and writes its part of the tables."""
        audience = build_audience(job, self.asked)
        self.found.append(audience)
        if self.dry_run:
            return
        part = {"subject_kind": self.asked.kind, "subject": self.asked.subject}
        tables = ((AUDIENCES, audience.rows), (AUDIENCE_CURVE, audience.curve), (AUDIENCE_REACH, audience.reach))
        for contract, rows in tables:
            job.write(contract.name, as_table(contract.arrow_schema(), rows), note=" ".join(part.values()), part=part)


def as_table(schema: pa.Schema, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows with money as floats, cast to a contract's schema."""
    loose = pa.schema([pa.field(f.name, pa.float64() if pa.types.is_decimal(f.type) else f.type) for f in schema])
    return pa.Table.from_pylist(rows, schema=loose).cast(schema) if rows else schema.empty_table()


def build_audience(job: Job, asked: Asked) -> Audience:
    """Scores, contacts and reasons of the best customers for the subject."""
    params = job.settings.audiences
    if asked.size is not None and not 1 <= asked.size <= params.max_size:
        raise DataError(f"--size must lie in 1 to {params.max_size:,} (audiences.max_size), found {asked.size:,}")
    found = find_subject(job, asked)
    kept, considered, notes = whom_to_keep(found, asked.size, params)
    inside = found.contacts.of_customers(np.arange(considered))
    reached = reach_rows(inside, best_contacts(inside, considered))
    found = replace(found, customers=found.customers[kept], score=found.score[kept],
                    contacts=found.contacts.of_customers(kept))  # fmt: skip
    best = best_contacts(found.contacts, len(kept))
    key = {"as_of": job.as_of.day, "subject_kind": asked.kind, "subject": asked.subject}
    currency = {"currency": job.settings.currency}
    curve = [key | r | currency for r in curve_rows(found.contacts, best, found.score, params.curve_points)]
    reach = [key | r | currency for r in reached]
    rows = [key | r | currency for r in customer_rows(found, best)]
    return Audience(asked, rows, curve, reach, (*found.notes, *notes))


def whom_to_keep(found: Found, size: int | None, params: AudienceParams) -> tuple[NDArray[np.int64], int, list[str]]:
    """Positions of the audience's customers, how many were considered for it, and what to say of the difference.

    With a size the best by score; without, those of whom a contact is expected to pay.
    """
    best = best_contacts(found.contacts, len(found.customers))
    if size is not None or not len(best):
        return np.arange(len(best)), len(best), []
    value = np.where(best >= 0, found.contacts.value[best], np.nan)
    considered = size_that_pays(value, params.max_size)
    if not considered:
        n = min(len(best), params.size_without_value)
        return np.arange(n), n, [f"no contact is expected to pay: shown are the best {n:,} by score"]
    kept = np.flatnonzero(np.nan_to_num(value[:considered], nan=-1.0) > 0)
    out = int((best[:considered] < 0).sum())
    notes = []
    if len(kept) < considered:
        notes.append(
            f"of the best {considered:,} by score {len(kept):,} are expected to pay for their contact; {out:,} are out "
            f"of reach, {considered - len(kept) - out:,} cost more than they bring"
        )
    return kept, considered, notes


def find_subject(job: Job, asked: Asked) -> Found:
    """The best customers for the subject: `size` of them, or as many as an audience may hold."""
    n = asked.size or job.settings.audiences.max_size
    by_response = asked.kind == "tag" or (asked.kind == "offer" and has_offer_scores(job, asked.subject))
    ways = open_ways(job, asked.channel, by_response)
    if asked.kind == "tag":
        return by_tag(job, asked.subject, n, ways, asked.any_evidence)
    if by_response:
        return by_offer_scores(job, asked.subject, n, ways)
    return by_model(job, asked.kind, asked.subject, n, ways)


def customer_rows(found: Found, best: NDArray[np.int64]) -> list[dict[str, Any]]:
    """Rows of `AUDIENCES` without the key of the subject."""
    reasons, inside = found.reasons(found.customers), found.contacts
    rows = []
    for i in range(len(found.customers)):
        at = int(best[i])
        row: dict[str, Any] = {
            "customer_id": found.customers[i],
            "rank": i + 1,
            "score": float(found.score[i]),
            "score_kind": found.score_kind,
            "score_basis": found.score_basis,
            "horizon_days": found.horizon_days,
            "channel": None,
            "reachable": False,
            "reasons": reasons[i],
        }
        if at >= 0:
            value = float(inside.value[at])
            known = value == value
            row |= {
                "channel": inside.channel[at],
                "reachable": {1: True, 0: False}.get(int(inside.reachable[at])),
                "p_response": _number(inside.p_response[at]),
                "value": value if known else None,
                "value_basis": (inside.basis[at] or None) if known else None,
                "cost": _number(inside.cost[at]),
                "held_back_by": inside.held_back_by[at] or None,
            }
        rows.append(row)
    return rows


def _number(value: float) -> float | None:
    return None if value != value else float(value)


def _one_subject(given: dict[str, str | None]) -> tuple[str, str]:
    """The kind and the subject; a usage error unless just one was given."""
    chosen = [(kind, subject) for kind, subject in given.items() if subject is not None]
    if len(chosen) != 1:
        names = ", ".join(f"--{kind}" for kind, _ in chosen) or "none"
        raise click.UsageError(f"give one of --product, --category, --tag, --offer; found {names}")
    return chosen[0]


@click.command("audience")
@click.option("--product", help="A product of the table products, also one that was never sold.")
@click.option("--category", help="A category.")
@click.option("--tag", help="A tag of the table customer_tags, such as wants:tea.")
@click.option("--offer", help="An offer of the table offers.")
@click.option("--size", type=int, help="How many customers.  [default: as many as are expected to pay]")
@click.option("--channel", help="Only through this channel.")
@click.option("--any-evidence", is_flag=True, help="Tags that were not measured right enough to target, too.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write everything to this file.")
@click.option("--plot", "plot_path", type=click.Path(path_type=Path), help="Draw the curve of size into this PNG.")
@click.option("--dry-run", is_flag=True, help="Show, and publish nothing.")
@common_options
def command(
    settings: Settings,
    product: str | None,
    category: str | None,
    tag: str | None,
    offer: str | None,
    size: int | None,
    channel: str | None,
    any_evidence: bool,
    json_path: Path | None,
    plot_path: Path | None,
    dry_run: bool,
) -> None:
    """Find whom to reach for a product, a category, a tag or an offer.

    Every customer is scored for the subject; the best are listed with a channel, the expected profit of a contact
    and reasons. A product that was never sold is judged by those of its type and brand, else type, else category.
    Shows reach by channel and what an audience of each size brings, and writes audiences, audience_curve and
    audience_reach; other subjects of the same day stay.
    """
    from jobs.workspace import resolve_as_of, workspace

    kind, subject = _one_subject({"product": product, "category": category, "tag": tag, "offer": offer})
    step = AudienceStep(Asked(kind, subject, size, channel, any_evidence), dry_run)
    with workspace(settings, "audience") as w:
        as_of = resolve_as_of(settings, w.lake)
        execute(step, settings, as_of, w.engine, w.lake, w.tracking, force=True)
    audience = step.found[0]
    report(audience)
    outputs: list[tuple[Path | None, Callable[[Audience, Path], None]]] = [
        (json_path, save_json),
        (plot_path, save_curve),
    ]
    for path, save in outputs:
        if path is not None:
            save(audience, path)
