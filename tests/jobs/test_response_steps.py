"""train-response and score-channels on the small shop: with everything, and without what they can miss."""

import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from features.as_of import OPEN_START, AsOf
from jobs import score_channels, train_response
from jobs.contracts import all_contracts
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from models.response import load_response
from tests.small_sources import SMALL_AS_OF, SMALL_TIME_ZONE, small_sources


class Shop:
    """A lake with the small shop's sources and its pass-through customer map."""

    def __init__(self, root: Path, engine: Engine, store: Path, without: tuple[str, ...] = (), **settings: Any) -> None:
        self.engine = engine
        (root / "mlflow").mkdir(parents=True)
        shutil.copy(store, root / "mlflow" / "mlflow.db")
        self.lake = Lake(root, all_contracts())
        self.lake.check_writable()
        self.tracking = Tracking(None, root)
        few = {"response": {"min_child": 20, "trees": 30, "min_positives": 20} | settings.pop("response", {})}
        few["response_evaluation"] = {"draws": 20} | settings.pop("response_evaluation", {})
        self.settings = load_settings(None, {"lake": str(root), "time_zone": SMALL_TIME_ZONE} | few | settings)
        tables = {n: t for n, t in small_sources().items() if n not in without}
        accounts = sorted(
            {a for n in ("transactions", "contacts") if n in tables for a in tables[n]["account_id"].to_pylist()}
        )
        tables["customer_map"] = pa.table(
            {
                "account_id": accounts,
                "customer_id": accounts,
                "valid_from": pa.array([OPEN_START] * len(accounts), pa.timestamp("us", tz="UTC")),
                "valid_to": pa.array([None] * len(accounts), pa.timestamp("us", tz="UTC")),
                "confidence": pa.nulls(len(accounts), pa.float64()),
                "reason": pa.nulls(len(accounts), pa.string()),
            }
        )
        for name, table in tables.items():
            self.put(name, table)

    def put(self, name: str, table: pa.Table) -> None:
        """Publishes a table."""
        self.lake.publish(self.lake.stage(name, table, f"in-{name}", None), run_id="x", step="test", attempt_id="x")

    def do(self, module: Any, day: date = SMALL_AS_OF) -> dict[str, Any]:
        """Executes a step; its counts."""
        as_of = AsOf(day, SMALL_TIME_ZONE)
        return execute(module, self.settings, as_of, self.engine, self.lake, self.tracking).counts

    def champion(self) -> Any:
        """The champion response model."""
        return load_response(self.tracking.model("response").path)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty MLflow database to copy: making its tables takes seconds."""
    root = tmp_path_factory.mktemp("store")
    Tracking(None, root).check()
    return root / "mlflow" / "mlflow.db"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, engine: Engine, store: Path) -> Shop:
    """The shop after both steps."""
    made = Shop(tmp_path_factory.mktemp("shop") / "lake", engine, store)
    made.counts = made.do(train_response)  # type: ignore[attr-defined]
    made.do(score_channels)
    return made


def test_training_learns_from_closed_sends_only(shop: Shop) -> None:
    """o7 and o8 are live: only the sends of the six earlier offers are there, first sends of early offers included."""
    sends = small_sources()["contacts"]
    closed = sends.filter(pc.is_in(sends["offer_id"], pa.array(["o1", "o2", "o3", "o4", "o5", "o6"]))).num_rows
    assert shop.counts["closed_sends"] == closed  # type: ignore[attr-defined]
    assert shop.champion().kind in ("rule", "lightgbm")
    assert shop.tracking.model("response", "challenger").version >= 1


def test_scores_cover_every_customer_and_live_offer(shop: Shop) -> None:
    """61 customers (one never bought) x 2 kinds, and x 2 live offers, each with reasons."""
    channels, offers = (shop.lake.arrow(n).to_pylist() for n in ("channel_scores", "offer_scores"))
    assert len(channels) == len(offers) == 122
    assert {r["offer_id"] for r in offers} == {"o7", "o8"}
    assert {r["horizon_days"] for r in channels} == {35}
    assert all(r["reasons"] and r["uplift_basis"] == "none" and r["p_open"] is None for r in channels)


def test_scores_do_not_depend_on_the_future(shop: Shop, tmp_path: Path, engine: Engine, store: Path) -> None:
    """Without any fact at or after as_of, training and scores are the same."""
    cut = pa.scalar(AsOf(SMALL_AS_OF, SMALL_TIME_ZONE).ts, pa.timestamp("us", tz="UTC"))
    blind = Shop(tmp_path / "lake", engine, store, without=("transactions", "contacts", "responses", "customer_map"))
    for name in ("transactions", "contacts", "responses"):
        table = small_sources()[name]
        blind.put(name, table.filter(pc.less(table["event_ts"], cut)))
    blind.put("customer_map", shop.lake.arrow("customer_map"))
    blind.do(train_response)
    blind.do(score_channels)
    order = [("customer_id", "ascending"), ("channel", "ascending"), ("offer_kind", "ascending")]
    assert blind.lake.arrow("channel_scores").sort_by(order).equals(shop.lake.arrow("channel_scores").sort_by(order))


@pytest.mark.parametrize("missing", [("contacts", "responses"), ("offers", "offer_products", "contacts")])
def test_without_sends_the_rule_answers(tmp_path: Path, engine: Engine, store: Path, missing: tuple[str, ...]) -> None:
    """Nothing to learn from is said, and the assumed or counted rate is published instead."""
    shop = Shop(tmp_path / "lake", engine, store, without=missing)
    assert shop.do(train_response)["answered_sends"] == 0
    assert shop.champion().kind == "rule"
    shop.do(score_channels)
    rows = shop.lake.arrow("channel_scores").to_pylist()
    assert bool(rows) == ("offers" not in missing)
    if missing == ("contacts", "responses"):
        assert {r["p_response"] for r in rows} == {0.02}
        assert "assumed rate" in rows[0]["reasons"][0]


def test_too_few_answers_keep_the_rule_and_say_why(
    tmp_path: Path, engine: Engine, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The message names the setting; training again refreshes the rule."""
    shop = Shop(tmp_path / "lake", engine, store, response={"min_positives": 100_000})
    shop.do(train_response)
    assert "response.min_positives asks for 100,000" in capsys.readouterr().out
    first = shop.tracking.champion_version("response")
    execute(train_response, shop.settings, AsOf(date(2017, 11, 6), SMALL_TIME_ZONE), engine, shop.lake, shop.tracking)  # type: ignore[arg-type]
    assert shop.tracking.champion_version("response") == (first or 0) + 1


def test_a_model_that_cannot_be_judged_stays_challenger(tmp_path: Path, engine: Engine, store: Path) -> None:
    """No verdict, no promotion: the rule is champion beside it."""
    shop = Shop(tmp_path / "lake", engine, store, response_evaluation={"min_test_positives": 100_000})
    shop.do(train_response)
    assert shop.champion().kind == "rule"
    assert load_response(shop.tracking.model("response", "challenger").path).kind == "lightgbm"
