"""A small market from simulation to the number to watch, as a user would run it."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from deltalake import DeltaTable

from features.errors import DataError, SettingsError
from jobs.cli import group
from jobs.evaluate_world import NOTHING, OBSERVABLE_CEILING, SYSTEM, TRUE_CEILING
from jobs.evaluate_world_inputs import capacities, contact_costs, load_world, stand_at_end
from jobs.evaluate_world_policies import Terms, best_single_arm, by_value, true_effects
from jobs.simulate.params import load_world_params
from jobs.simulate.world import make_world

ROOT = Path(__file__).parents[2]
SETTINGS = """
time_zone: Asia/Shanghai
currency: CNY
identifiers: {require_key: false}
response: {response_kind: buy, min_positives: 20, trees: 20, folds: 2}
response_evaluation: {block_days: 56, max_blocks: 1, draws: 20, min_test_positives: 5}
decisions: {budget: 60.0, response_amount: 150.0, recently_ended_days: 0}
recommender:
  als: {factors: 8, iterations: 2}
  ranker: {windows: 1, trees: 20, min_positives: 20}
  gate: {draws: 50}
"""


def nextbest(*words: str) -> str:
    """Runs one command in this process; its output."""
    result = CliRunner().invoke(group, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a world, a lake that was run on it, and the evaluation's table."""
    folder: Path = tmp_path_factory.mktemp("market")
    (folder / "small.yaml").write_text(SETTINGS, encoding="utf-8")
    common = ("--config", str(folder / "small.yaml"), "--lake", str(folder / "lake"))
    nextbest("simulate", "--customers", "400", "--days", "120", "--seed", "5", "--out", str(folder / "world"))
    nextbest("run", "--sources", str(folder / "world" / "sources"), *common)
    table = folder / "table.json"
    out = nextbest(
        "evaluate", "world", "--world", str(folder / "world"), *common, "--replications", "2", "--days", "28",
        "--json", str(table),
    )  # fmt: skip
    (folder / "said.txt").write_text(out, encoding="utf-8")
    return folder


def test_every_policy_is_compared_on_the_same_market(made: Path) -> None:
    """All policies are there; no contact is the zero; ceilings and the system send something."""
    found = json.loads((made / "table.json").read_text("utf-8"))
    lines = {x["policy"]: x for x in found["policies"]}
    assert {NOTHING, SYSTEM, OBSERVABLE_CEILING, TRUE_CEILING, "WeChat to all", "RFM rule"} <= set(lines)
    assert lines[NOTHING]["net"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert all(lines[p]["contacts"] > 0 for p in (SYSTEM, OBSERVABLE_CEILING, TRUE_CEILING))
    assert found["watch"]["verdict"] in (made / "said.txt").read_text("utf-8")


def test_the_systems_plan_is_what_it_published(made: Path) -> None:
    """Contacts played for the system are the send rows, per thousand persons."""
    found = json.loads((made / "table.json").read_text("utf-8"))
    contacts = next(x for x in found["policies"] if x["policy"] == SYSTEM)["contacts"]
    rows = DeltaTable(str(made / "lake" / "next_best_offers")).to_pyarrow_table(columns=["action"])
    sends = sum(a == "send" for a in rows["action"].to_pylist())
    assert sends > 0
    # who is gone by the day of the send is not contacted any more
    assert 0.9 * sends <= contacts * found["about"]["persons"] / 1000 <= sends + 1e-6


def test_lists_are_scored_against_purchases(made: Path) -> None:
    """Recall and calibration of both lists, each with an interval around its value."""
    rows = json.loads((made / "table.json").read_text("utf-8"))["lists"]
    assert {"products: recall@10", "categories: ndcg@10"} <= {r["what"] for r in rows}
    assert any(r["what"].endswith("observed / expected") for r in rows)
    assert all(r["low"] <= r["value"] + 1e-9 and r["value"] <= r["high"] + 1e-9 for r in rows if r["low"] == r["low"])


def test_tables_of_several_worlds_are_pooled(made: Path) -> None:
    """Two tables give means over worlds with t intervals."""
    table = str(made / "table.json")
    out = nextbest("evaluate", "world", "--pool", table, "--pool", table)
    assert "over 2 worlds" in out
    assert SYSTEM in out


def test_a_lake_of_another_day_is_refused(made: Path) -> None:
    """Decisions of another day are not those of the world's end; the error names the day to run."""
    common = ("--config", str(made / "small.yaml"), "--lake", str(made / "lake"))
    with pytest.raises(DataError, match="run with --as-of 2026-07-01"):
        nextbest("evaluate", "world", "--world", str(made / "world"), *common, "--as-of", "2026-06-20")


def test_a_folder_without_a_world_is_refused(tmp_path: Path) -> None:
    """The error says how to make one; without any option it says what to give."""
    with pytest.raises(DataError, match="holds no simulated world"):
        load_world(tmp_path)
    with pytest.raises(SettingsError, match="--world"):
        nextbest("evaluate", "world", "--lake", str(tmp_path))


def test_a_quiet_market_leaves_nothing_to_win() -> None:
    """Where contacts move nothing, no contact has a positive true effect, and informed policies leave all alone."""
    world = make_world(3, 400, 90, load_world_params(None, {"controls": {"quiet_market": True}}))
    s = stand_at_end(world)
    effects = true_effects(s)
    assert effects.value.max() <= 1e-9
    terms = Terms(contact_costs(world), capacities(world, 7), 100.0, 10.0, 28)
    assert len(by_value(s, terms, effects, effects.value, s.reachable[:, effects.channel], np.zeros(1)).person) == 0
    assert len(best_single_arm(s, terms, effects).person) == 0


def test_equal_effects_leave_targeting_less() -> None:
    """Without heterogeneity what sending means to people who open differs far less than in the plain market."""
    spread = {}
    for name in ("plain", "no_heterogeneity"):
        controls = {} if name == "plain" else {"controls": {name: True}}
        people = stand_at_end(make_world(3, 400, 60, load_world_params(None, controls))).people
        spread[name] = float(np.std(people.persuasion[:, 0]))
    assert spread["no_heterogeneity"] < 1e-6 < spread["plain"]
