"""nextbest evaluate recommender, on the small shop."""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from features.as_of import OPEN_START
from features.errors import DataError
from features.splits import CalendarCut
from jobs import evaluate_next_basket, evaluate_recommender
from jobs.contracts import all_contracts
from jobs.evaluate_recommender import Request, load, run
from jobs.evaluate_recommender_tables import markdown
from jobs.evaluation_data.lake import AS_NOW
from jobs.recommenders import STAGE, UNTUNED
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from jobs.workspace import Workspace
from scoring import untuned_stage
from scoring.pooled import Measured
from scoring.published import PUBLISHED
from tests.scoring.test_pooled import HIGH, LOW, measured
from tests.small_sources import SMALL_TIME_ZONE, small_sources


@pytest.fixture(scope="module")
def w(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Workspace:
    """A lake with the small shop's purchases and its pass-through customer map."""
    root: Path = tmp_path_factory.mktemp("evaluate") / "lake"
    root.mkdir()
    few = root / "few.yaml"
    few.write_text("recommender: {ranker: {trees: 10, windows: 2}, als: {iterations: 2}, ease: {max_products: 60}}")
    settings = load_settings(few, {"lake": str(root), "time_zone": SMALL_TIME_ZONE, "threads": 1})
    lake = Lake(root, all_contracts())
    lake.check_writable()
    sources = small_sources()
    accounts = sorted(set(sources["transactions"]["account_id"].to_pylist()))
    stamp = pa.timestamp("us", tz="UTC")
    sources["customer_map"] = pa.table(
        {
            "account_id": accounts,
            "customer_id": accounts,
            "valid_from": pa.array([OPEN_START] * len(accounts), stamp),
            "valid_to": pa.array([None] * len(accounts), stamp),
            "confidence": pa.nulls(len(accounts), pa.float64()),
            "reason": pa.nulls(len(accounts), pa.string()),
        }
    )
    for name in ("transactions", "products", "customer_map"):
        lake.publish(lake.stage(name, sources[name], "in", None), run_id="x", step="test", attempt_id="x")
    return Workspace(settings, lake, engine, Tracking(None, root))


def test_every_recommender_stands_in_one_table(
    w: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All baselines, tasks and levels asked for; printed, written as JSON and stored in the lake's MLflow."""
    monkeypatch.setattr(untuned_stage, "TREES", 20)
    path = tmp_path / "table.json"
    found = run(w, Request("lake", levels=("product",), full=True, min_baskets=40, published=True), path)
    lines = found.lines
    assert {x.task for x in lines} == {"all", "repeat", "explore"}
    assert {x.catalogue for x in lines} == {"40+ baskets", "full"}
    names = {x.recommender for x in lines}
    assert names >= {"popularity 28 d", "P-TopFreq", "GP-TopFreq 120 d", "EASE", "ALS", UNTUNED, STAGE}
    # customers buy their favourites again, so own frequency beats popularity by far
    recall = {
        x.recommender: x.recall.mean for x in lines if (x.level, x.catalogue, x.task) == ("product", "full", "all")
    }
    assert recall["GP-TopFreq"] > recall["popularity"] + 0.1
    pooled = {x.recommender: x for x in found.pooled if (x.level, x.catalogue, x.task) == ("product", "full", "all")}
    assert set(pooled) == set(recall) == {*names}
    assert PUBLISHED in names
    assert pooled["popularity"].recall.difference == pytest.approx(recall[STAGE] - recall["popularity"])
    best = [x for x in pooled.values() if "recall" in x.best]
    assert [x.recommender for x in best] == [
        max(set(recall) - {STAGE, UNTUNED, PUBLISHED}, key=lambda name: recall[name])
    ]
    written = json.loads(path.read_text())
    assert len(written["lines"]) == len(lines)
    assert len(written["pooled"]) == len(found.pooled)
    assert any(line.startswith("| EASE") for line in written["markdown"])
    assert {c["level"] for c in written["dropped"]} == {"product"}
    assert {"calibration", "sources", "modes"} <= set(written)
    printed = capsys.readouterr().out
    for words in ("champion", "cold customers dropped", "best baseline on", "never bought within"):
        assert words in printed


def test_cuts_are_compared_together_and_one_by_one(
    w: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A claim for each of several cuts has its interval, beside that of all of them."""
    lows, highs = {100: LOW, 128: LOW[:1]}, {100: HIGH, 128: HIGH[:1]}

    def one(_: object, shop: object, cut: CalendarCut, *rest: object) -> Measured:
        ids = ("ann", "bob", "eve")[: len(lows[cut.start])]
        return measured(cut.start, ids, ("all",), **{STAGE: highs[cut.start], "low": lows[cut.start]})

    cuts = [CalendarCut(day, day, day + 28) for day in lows]
    monkeypatch.setattr(evaluate_recommender, "evaluate_window", one)
    monkeypatch.setattr(evaluate_recommender, "cuts_of", lambda *_: cuts)
    found = run(w, Request("lake", levels=("product",)))
    days = [c.label_start.isoformat() for c in cuts]
    gains = {x.cuts: x.recall.difference for x in found.pooled if x.recommender == "low"}
    assert gains == pytest.approx({(*days,): 1.0 / 3, (days[0],): 0.3, (days[1],): 0.4})
    printed = capsys.readouterr().out
    assert f"pooled: {', '.join(days)}" in printed
    assert f"cut {days[1]}" in printed
    assert sum(line.startswith("product, full, ALL, cuts") for line in markdown(found.pooled)) == 3


def test_an_empty_lake_says_how_to_fill_it(w: Workspace, tmp_path: Path) -> None:
    """The tables that are missing, and both ways out."""
    empty = Workspace(w.settings, Lake(tmp_path, all_contracts()), w.engine, w.tracking)
    with pytest.raises(DataError, match=r"transactions, products, customer_map yet.*complete-journey"):
        run(empty, Request("lake"))


def test_what_a_lake_knows_by_now_is_said(
    w: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Customers and attributes are not those of each cut, and the output says so."""
    monkeypatch.setattr(evaluate_recommender, "collect_lake", lambda w: None)
    assert load(w, Request("lake")) is None
    assert AS_NOW in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("protocol", ["tafeng", "online-retail", "folder"])
def test_a_protocol_without_its_data_says_what_to_get(w: Workspace, protocol: str, tmp_path: Path) -> None:
    """Neither a missing option nor a missing file is a surprise; data for a protocol that reads none is refused."""
    with pytest.raises(DataError, match=f"--protocol {protocol} needs --data: "):
        run(w, Request(protocol))
    with pytest.raises(DataError, match="does not exist"):
        run(w, Request(protocol, tmp_path / "nothing"))
    with pytest.raises(DataError, match="takes no --data"):
        run(w, Request("lake", tmp_path))


def test_names_and_levels_that_are_not_there_are_refused(w: Workspace) -> None:
    """The error lists those that are."""
    with pytest.raises(DataError, match="--only magic: known are popularity"):
        run(w, Request("lake", only=("magic",)))
    with pytest.raises(DataError, match="online-retail has no level category; product"):
        run(w, Request("online-retail", levels=("category",)))


def test_the_next_basket_of_each_customer(w: Workspace, capsys: pytest.CaptureFixture) -> None:
    """The product takes part unchanged on a clock of baskets; own frequency beats popularity."""
    shop = load(w, Request("lake"))
    found = evaluate_next_basket.run(w, shop, seeds=2, only=(STAGE, "UP-CF"))
    recall = {x.recommender: x.recall.mean for x in found.lines if x.task == "all"}
    assert set(recall) == {"popularity", "GP-TopFreq", "UP-CF", STAGE}
    assert recall["GP-TopFreq"] > recall["popularity"]
    assert {x.cuts for x in found.pooled} == {("last basket",)}
    printed = capsys.readouterr().out
    assert "not in an earlier basket" in printed
    assert "2 seeds" in printed
