"""`nextbest explain CUSTOMER`: one customer in one view, with why and why not. Reads the lake, needs no engine."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import click
import pyarrow.dataset as ds

from features.catalogue import all_definitions
from features.contract import nearest
from features.errors import DataError, LakeError
from jobs.cli import common_options
from jobs.console import say, show_table
from jobs.settings import Settings
from jobs.tables import Lake
from jobs.visit_card import show_card
from jobs.workspace import open_lake

# What a person wants to see first; --all shows every feature.
HIGHLIGHTS = (
    "lifecycle_stage", "stage_since", "p_alive", "exp_orders_90", "clv_365",
    "recency_days", "n_orders_90", "n_orders_365", "net_amt_365", "aov_365", "rfm_segment", "ipt_median",
    "overdue_ratio", "days_since_first_order", "n_cats_365", "own_brand_share", "discounted_line_share_365",
    "price_band_mode", "weekend_ratio",
)  # fmt: skip
ROWS = 10


@click.command("explain")
@click.argument("customer_id", metavar="CUSTOMER")
@click.option("--all", "everything", is_flag=True, help="Show every feature.")
@click.option("--card", is_flag=True, help="The card for store staff before a visit, and nothing else.")
@common_options
def command(settings: Settings, customer_id: str, everything: bool, card: bool) -> None:
    """Show one customer: accounts, features, products, categories, channels, offers, why and why not.

    CUSTOMER is a customer_id or an account (household, member number).
    """
    lake = open_lake(settings)
    customer_id, accounts = _identity(lake, customer_id)
    day = _day(lake, settings.as_of)
    say(f"customer {customer_id}, as of {day}; accounts: {', '.join(accounts)}")
    if card:
        show_card(lambda name: _rows(lake, name, day, customer_id))
        return
    features = _rows(lake, "customer_features", day, customer_id)
    if not features:
        say(f"no facts known before {day}: no features")
    else:
        _show_features(features[0], everything)
    for name, columns in {
        "customer_tags": ("tag", "score", "support", "last_seen", "expires_on", "purpose", "for_targeting", "evidence"),
        "next_best_products": ("rank", "product_id", "category", "kind", "p_buy", "reasons"),
        "next_best_categories": ("rank", "category", "state", "p_buy", "reasons"),
        "audiences": ("subject_kind", "subject", "rank", "score", "score_kind", "channel", "value", "value_basis"),
        "channel_scores": ("channel", "offer_kind", "p_response", "uplift_basis", "fatigue", "reasons"),
        "decision_trace": ("offer_id", "channel", "stage", "dropped_by", "why", "p_response", "priority"),
        "decision_log": ("action", "offer_id", "channel", "arm", "logging_propensity", "priority", "stage_reached"),
        "next_best_offers": ("offer_id", "channel", "action", "send_after", "send_before", "product_ids",
                             "reason_for_customer"),
    }.items():  # fmt: skip
        _show(lake, name, columns, day, customer_id)


def _identity(lake: Lake, wanted: str) -> tuple[str, list[str]]:
    """The customer behind an id or account, and her accounts; `DataError` when there is none."""
    if lake.table("customer_map") is None:
        raise LakeError(f"lake {lake.root} knows no customers yet; `nextbest run` fills it")
    table = lake.arrow("customer_map")
    rows = table.filter(table["valid_to"].is_null()).select(["account_id", "customer_id"]).to_pylist()
    of_account = {r["account_id"]: r["customer_id"] for r in rows}
    customers = {r["customer_id"] for r in rows}
    customer = wanted if wanted in customers else of_account.get(wanted)
    if customer is None:
        raise DataError(f"there is no customer or account {wanted!r}{nearest(wanted, sorted(customers))}")
    return customer, sorted(r["account_id"] for r in rows if r["customer_id"] == customer)


def _day(lake: Lake, wanted: date | None) -> date:
    """The snapshot asked for, or the newest."""
    days = lake.dates("customer_features")
    if not days:
        raise LakeError(f"lake {lake.root} has no customer features yet; `nextbest run` computes them")
    if wanted is not None and wanted not in days:
        raise DataError(f"there is no snapshot as of {wanted}; the lake holds {', '.join(map(str, days))}")
    return wanted or days[-1]


def _rows(lake: Lake, name: str, day: date, customer_id: str) -> list[dict[str, Any]]:
    """The customer's rows of a snapshot, in key order, without reading the others into memory."""
    contract = lake.contract(name)
    files = [str(f) for f in lake.files(name, as_of=day)] if lake.table(name) is not None else []
    if not files:
        return []
    found = ds.dataset(files, schema=contract.arrow_schema()).to_table(filter=ds.field("customer_id") == customer_id)
    return found.sort_by([(k, "ascending") for k in contract.key]).to_pylist()


def _show_features(row: dict[str, Any], everything: bool) -> None:
    definitions = {d.name: d for d in all_definitions()}
    chosen = [n for n in row if n in definitions] if everything else [n for n in HIGHLIGHTS if n in row]
    show_table(
        "features" if everything else "features (--all shows every one)",
        ["feature", "value", "meaning"],
        [(n, row[n], definitions[n].definition if n in definitions else "") for n in chosen],
    )


def _show(lake: Lake, name: str, columns: Sequence[str], day: date, customer_id: str) -> None:
    rows = _rows(lake, name, day, customer_id)
    if not rows:
        say(f"{name}: nothing for this customer as of {day}")
        return
    more = f" (first {ROWS} of {len(rows)})" if len(rows) > ROWS else ""
    shown = [[_text(row[c]) for c in columns] for row in rows[:ROWS]]
    show_table(f"\n{name}{more}", columns, shown)


def _text(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value
