"""score-channels and decide-offers with channels, accounts, consents and holdouts: a small shop with four channels."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from features.as_of import OPEN_START, AsOf
from features.contract import Contract, contract_index
from features.output_tables import AS_OF as AS_OF_COLUMN
from features.output_tables import CUSTOMER, CUSTOMER_MAP
from features.source_tables import SOURCES
from jobs import decide_offers, score_channels, train_response
from jobs.contracts import all_contracts
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources

CUSTOMERS_ONLY = Contract(
    "customer_features", "Customers.", ("as_of", "customer_id"), (AS_OF_COLUMN, CUSTOMER), mode="snapshot"
)
CONTRACTS = contract_index([SOURCES])
EARLY = datetime(2017, 3, 6, 12, tzinfo=OPEN_START.tzinfo)
PAST = ("o1", "o2", "o3", "o4", "o5", "o6")
CHANNELS = [
    {"channel": "sms", "address_kind": "phone", "contact_cost": Decimal("0.05"), "monthly_limit": 1},
    {"channel": "push", "address_kind": "device", "contact_cost": Decimal("0.00"), "needs_consent": False,
     "daily_capacity": 1, "hour_from": 12, "hour_to": 13},
    {"channel": "staff", "address_kind": "visit", "contact_cost": Decimal("4.00"), "needs_consent": False},
]  # fmt: skip


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows of a source; known when they happened."""
    full = [{"available_ts": r.get("event_ts"), **r} for r in rows]
    schema = CONTRACTS[name].arrow_schema()
    return pa.Table.from_pylist([{k: r.get(k) for k in schema.names} for r in full], schema=schema)


def sources() -> dict[str, pa.Table]:
    """The small shop; offers go out through any channel, past ones went out by sms to a logged half of all."""
    tables = small_sources()
    people = sorted(set(tables["transactions"]["account_id"].to_pylist()))
    offers = tables["offers"].to_pylist()
    rng = np.random.default_rng(3)
    contacts, holdouts, responses = [], [], []
    for o in offers:
        o["channel"] = None
        moment = datetime.combine(o["starts_on"], datetime.min.time(), OPEN_START.tzinfo) + timedelta(hours=12)
        for a in people if o["offer_id"] in PAST else []:
            row = {"account_id": a, "offer_id": o["offer_id"], "event_ts": moment, "logging_propensity": 0.5}
            key = f"{o['offer_id']}-{a}"
            if rng.random() < 0.5:
                holdouts.append(row | {"holdout_id": key})
                continue
            contacts.append(row | {"contact_id": key, "channel": "sms"})
            later = {
                "account_id": a,
                "offer_id": o["offer_id"],
                "event_ts": moment + timedelta(days=2),
                "contact_id": key,
            }
            kind = "unsubscribe" if a == "c005" else "redeem" if rng.random() < 0.3 else "open"
            responses.append(later | {"response_id": key, "response_kind": kind})
    accounts = [
        {"account_id": a, "identifier_kind": kind, "identifier": a, "event_ts": EARLY}
        for i, a in enumerate(people)
        for kind in (("phone", "device") if i % 2 else ("phone",))
    ]
    consents = [
        {"account_id": a, "channel": "sms", "purpose": "marketing", "action": "granted", "event_ts": EARLY}
        for i, a in enumerate(people)
        if i != 7
    ]
    return tables | {
        "offers": pa.Table.from_pylist(offers, schema=CONTRACTS["offers"].arrow_schema()),
        "contacts": table("contacts", contacts),
        "holdouts": table("holdouts", holdouts),
        "responses": table("responses", responses),
        "accounts": table("accounts", accounts),
        "consents": table("consents", consents),
        "channels": table("channels", CHANNELS),
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """Every table after both steps; response by the rule, the experiment believed from ten units on."""
    root: Path = tmp_path_factory.mktemp("channels") / "lake"
    lake = Lake(root, all_contracts() | {"customer_features": CUSTOMERS_ONLY})
    lake.check_writable()
    options = {
        "lake": str(root),
        "time_zone": SMALL_TIME_ZONE,
        "response": {"min_positives": 100_000},
        "experiments": {"min_support": 50, "max_imbalance": 0.5},
        "decisions": {"incrementality_prior": 1.0, "cool_down_days": 1},
    }
    settings, tracking = load_settings(None, options), Tracking(None, root)
    tables: dict[str, pa.Table] = sources()
    people = sorted(set(tables["transactions"]["account_id"].to_pylist()))
    links = [{"account_id": a, "customer_id": a, "valid_from": OPEN_START} for a in people]
    tables["customer_map"] = pa.Table.from_pylist(links, schema=CUSTOMER_MAP.arrow_schema())
    tables["customer_features"] = pa.Table.from_pylist(
        [{"as_of": SMALL_AS_OF, "customer_id": a} for a in people], schema=CUSTOMERS_ONLY.arrow_schema()
    )
    for name, rows in tables.items():
        day: date | None = SMALL_AS_OF if name == "customer_features" else None
        lake.publish(lake.stage(name, rows, f"in-{name}", day), run_id="x", step="test", attempt_id="x")
    for module in (train_response, score_channels, decide_offers):
        execute(module, settings, AsOf(SMALL_AS_OF, SMALL_TIME_ZONE), engine, lake, tracking)  # type: ignore[arg-type]
    return {
        n: lake.arrow(n, as_of=SMALL_AS_OF).to_pylist()
        for n in (*score_channels.STEP.writes, *score_channels.STEP.may_write, *decide_offers.STEP.writes)
    }


def test_reach_is_told_per_channel(made: dict[str, list[dict[str, Any]]]) -> None:
    """Every customer has a phone, c007 gave no consent, c005 unsubscribed from sms; half have the app."""
    rows = {(r["customer_id"], r["channel"]): r for r in made["customer_reach"]}
    assert {ch for _, ch in rows} == {"sms", "push", "staff"}
    closed = {c: r["unreachable_because"] for (c, ch), r in rows.items() if ch == "sms" and not r["reachable"]}
    assert closed == {"c005": "unsubscribed", "c007": "no_consent"}
    assert rows["c000", "push"]["unreachable_because"] == "no_address"
    assert rows["c005", "push"]["reachable"]
    rows = {(r["customer_id"], r["channel"]): r for r in made["channel_scores"]}
    assert not {("c005", "sms"), ("c007", "sms"), ("c000", "push")} & set(rows)
    assert rows["c003", "sms"]["p_open"] > 0.1
    assert rows["c003", "push"]["p_open"] is None
    assert rows["c003", "sms"]["p_unsubscribe"] > 0


def test_the_experiment_is_measured_where_it_ran(made: dict[str, list[dict[str, Any]]]) -> None:
    """Sms, both kinds: a logged half was held out. Nothing happened to them, and the assumption is ruled out."""
    effects = {(r["channel"], r["offer_kind"]): r for r in made["contact_effects"]}
    assert set(effects) == {("sms", "Type A"), ("sms", "Type B")}
    for r in effects.values():
        assert (r["basis"], r["horizon_days"]) == ("randomised", 28)
        assert r["effect_margin_low"] < 0 < r["effect_margin_high"]
        assert r["effect_margin_high"] < r["assumed_margin"]
        assert r["margin_used"] == 0
        assert 60 < r["n_contacted"] < 120
    uplift = {(r["channel"], r["uplift_basis"], r["uplift"] is None) for r in made["channel_scores"]}
    assert uplift == {("sms", "randomised", False), ("push", "none", True), ("staff", "none", True)}


def test_decisions_keep_to_the_channels(made: dict[str, list[dict[str, Any]]]) -> None:
    """No sms, which was measured to bring nothing; push within capacity, hours and reach, and it says why not."""
    sent = [r for r in made["next_best_offers"] if r["channel"] == "push"]
    assert 0 < len(sent) <= 7
    assert not [r for r in made["next_best_offers"] if r["channel"] == "sms"]
    assert {r["address_kind"] for r in sent} == {"device"}
    assert {(r["send_before"] - r["send_after"]).seconds for r in sent} == {3600}
    why = {(r["customer_id"], r["channel"]): r["dropped_by"] for r in made["decision_trace"]}
    assert why["c000", "push"] == "no_address"
    assert why["c007", "sms"] == "no_consent"
    assert why["c005", "sms"] == "unsubscribed"
    assert why["c003", "sms"] == "below_min_priority"
    dropped = {r["component"]: r["candidates_dropped"] for r in made["decision_funnel"]}
    assert dropped["channel_capacity"] > 0
    assert dropped["no_address"] == 60  # 30 customers without the app, two live offers
    usage = {r["constraint"]: (r["limit"], r["used"]) for r in made["constraint_usage"]}
    assert usage["channel_capacity.push"] == (7.0, len(sent))
    assert usage["channel_limit_30_days.sms"] == (1.0, 0.0)
