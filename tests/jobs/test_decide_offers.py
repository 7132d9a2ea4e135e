"""The step that decides offers, on the small shop: two days in a row, and inputs that do not arrive."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from features.as_of import OPEN_START, AsOf
from features.contract import Contract
from features.output_tables import AS_OF as AS_OF_COLUMN
from features.output_tables import CUSTOMER, CUSTOMER_MAP, OFFER_SCORES, PRODUCTS_OF_SYSTEM
from features.source_tables import SOURCES
from jobs import decide_offers
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from scoring.arms import unit_hash_of
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources

# the step needs no more of the features than who the customers are
CUSTOMERS_ONLY = Contract(
    "customer_features", "Customers.", ("as_of", "customer_id"), (AS_OF_COLUMN, CUSTOMER), mode="snapshot"
)
TUESDAY = SMALL_AS_OF + timedelta(days=1)
LIVE = ("o7", "o8")


class World:
    """A lake that holds the small shop with made-up response scores, and the step."""

    def __init__(self, root: Path, engine: Engine, without: tuple[str, ...] = (), **settings: Any) -> None:
        self.lake = Lake(root, {c.name: c for c in (*SOURCES, *PRODUCTS_OF_SYSTEM, CUSTOMERS_ONLY)})
        self.lake.check_writable()
        self.engine, self.tracking = engine, Tracking(None, root)
        decisions = {"per_customer": 1, "budget": 12.0} | settings
        config = root / "settings.yaml"
        config.write_text("decisions: " + json.dumps(decisions))
        self.settings = load_settings(config, {"lake": str(root), "time_zone": SMALL_TIME_ZONE})
        tables = {n: t for n, t in small_sources().items() if n not in without}
        self.customers = sorted(set(tables["transactions"]["account_id"].to_pylist()))
        links = [{"account_id": a, "customer_id": f"p-{a}", "valid_from": OPEN_START} for a in self.customers]
        tables["customer_map"] = pa.Table.from_pylist(links, schema=CUSTOMER_MAP.arrow_schema())
        for name, table in tables.items():
            self.publish(name, table)

    def publish(self, name: str, table: pa.Table, day: date | None = None) -> None:
        """Puts a table into the lake."""
        staged = self.lake.stage(name, table, f"in-{name}-{day}", day)
        self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def publish_scores(self, day: date, offers: tuple[str, ...] = LIVE) -> None:
        """Customers and their made-up scores of a day; no offers gives an empty snapshot."""
        people = [{"as_of": day, "customer_id": f"p-{a}"} for a in self.customers]
        self.publish("customer_features", pa.Table.from_pylist(people, schema=CUSTOMERS_ONLY.arrow_schema()), day)
        scores = [
            {
                "as_of": day,
                "customer_id": f"p-{a}",
                "offer_id": o,
                "channel": "direct_mail",
                "offer_kind": "Type A",
                "p_response": round(unit_hash_of("scores", a, o), 3),
                "horizon_days": 20,
                "reasons": ["made up"],
            }
            for a in self.customers
            for o in offers
        ]
        self.publish("offer_scores", pa.Table.from_pylist(scores, schema=OFFER_SCORES.arrow_schema()), day)

    def decide(self, day: date) -> dict[str, list[dict[str, Any]]]:
        """Runs the step and gives its tables of that day."""
        cut = AsOf(day, SMALL_TIME_ZONE)
        execute(decide_offers, self.settings, cut, self.engine, self.lake, self.tracking)
        return {n: self.lake.arrow(n, as_of=day).to_pylist() for n in decide_offers.STEP.writes}


def test_two_days_in_a_row(tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """Tables reconcile, the budget holds; the next day keeps its decisions under the same ids and hashes."""
    world = World(tmp_path, engine)
    world.publish_scores(SMALL_AS_OF)
    first = world.decide(SMALL_AS_OF)
    said = capsys.readouterr().out
    assert "assumed, not measured: 20% of responses" in said
    offers, log = first["next_best_offers"], first["decision_log"]
    assert offers
    assert {r["action"] for r in offers} == {"send"}
    assert {r["customer_id"] for r in log} == {f"p-{a}" for a in world.customers}
    assert {r["decision_id"] for r in log if r["action"] == "send"} == {r["decision_id"] for r in offers}
    assert {r["member_ref"] for r in offers} <= set(world.customers)
    assert all(r["product_ids"] for r in offers)
    assert sum(r["cost"] for r in offers) <= 12
    last = max(first["decision_funnel"], key=lambda r: -r["candidates_in"])
    assert last["candidates_in"] - last["candidates_dropped"] == len(offers)
    assert len(first["decision_trace"]) == max(r["candidates_in"] for r in first["decision_funnel"])

    world.publish_scores(TUESDAY)
    second = world.decide(TUESDAY)
    before = {r["decision_id"]: r["row_hash"] for r in offers}
    after = {r["decision_id"]: r["row_hash"] for r in second["next_best_offers"] if r["action"] == "send"}
    # issued decisions are funded first, so with equal scores and budget all of them stand
    assert set(before) <= set(after)
    assert all(after[i] == h for i, h in before.items())


def test_nothing_is_taken_back_when_scores_fail_to_arrive(
    tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty score table is said to be the reason; open decisions stand as they were, the rest is empty."""
    world = World(tmp_path, engine)
    world.publish_scores(SMALL_AS_OF)
    first = world.decide(SMALL_AS_OF)
    world.publish_scores(TUESDAY, offers=())
    second = world.decide(TUESDAY)
    assert "no offer has a response score for 2017-12-05" in capsys.readouterr().out
    rows = {r["decision_id"]: (r["action"], r["row_hash"]) for r in first["next_best_offers"]}
    assert {r["decision_id"]: (r["action"], r["row_hash"]) for r in second["next_best_offers"]} == rows
    assert [len(second[n]) for n in ("decision_log", "decision_funnel", "constraint_usage")] == [0, 0, 0]


def test_without_offers_the_tables_are_empty_and_the_run_says_why(
    tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Optional sources may be absent: five well-formed, empty tables."""
    world = World(tmp_path, engine, without=("offers", "offer_products", "contacts", "responses"))
    world.publish_scores(SMALL_AS_OF)
    assert set(map(len, world.decide(SMALL_AS_OF).values())) == {0}
    assert "nothing is decided: there are no offers" in capsys.readouterr().out


def test_without_contacts_it_decides_and_says_what_is_unknown(
    tmp_path: Path, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    """Cool-down and caps have nothing to go by; without offer_products a decision shows no products."""
    world = World(tmp_path, engine, without=("offer_products", "contacts", "responses"), budget=None)
    world.publish_scores(SMALL_AS_OF)
    tables = world.decide(SMALL_AS_OF)
    said = capsys.readouterr().out
    assert "no contacts: caps and cool-down see earlier decisions only" in said
    assert tables["next_best_offers"]
    assert all(r["product_ids"] == [] for r in tables["next_best_offers"])
    assert "cool_down" not in {r["dropped_by"] for r in tables["decision_trace"]}
