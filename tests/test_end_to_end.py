"""The whole daily run on a tiny shop: every table, skipped reruns, resumption after a kill, equal engines."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from deltalake import DeltaTable

from features.source_tables import SOURCES
from jobs.code_version import PACKAGES
from jobs.contracts import all_contracts
from jobs.run import STEPS
from jobs.tables import Lake
from tests.equal_lakes import assert_equal_lakes, products_of_system
from tests.small_sources import write_small_sources
from tests.small_world import write_small_world

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "tests" / "small.yaml"
WORLD_CONFIG = ROOT / "tests" / "small_world.yaml"
# Tables whose floats are sums or model outputs may differ in the last digits between engines.
TOLERANCE = 1e-6


def nextbest(*args: str, config: Path = CONFIG, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    command = [sys.executable, "-m", "jobs.cli", *args, "--config", str(config)]
    return subprocess.run(command, cwd=ROOT, env=os.environ | env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Source files of the tiny shop, with a few rows that belong in quarantine."""
    folder = tmp_path_factory.mktemp("sources")
    write_small_sources(folder, poison=True)
    return folder


@pytest.fixture(scope="module")
def lake(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that one undisturbed run filled."""
    root = tmp_path_factory.mktemp("run") / "lake"
    done = nextbest("run", "--sources", str(sources), "--lake", str(root))
    assert done.returncode == 0, done.stdout + done.stderr
    return Lake(root, all_contracts())


@pytest.fixture(scope="module")
def world_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All source tables of a small simulated market, with bad rows in each."""
    return write_small_world(tmp_path_factory.mktemp("world") / "world")


@pytest.fixture(scope="module")
def world_lake(world_sources: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake that one run over that market filled."""
    root = tmp_path_factory.mktemp("world-run") / "lake"
    done = nextbest("run", "--sources", str(world_sources), "--lake", str(root), config=WORLD_CONFIG)
    assert done.returncode == 0, done.stdout + done.stderr
    return Lake(root, all_contracts())


@pytest.fixture(params=["lake", "world_lake"])
def any_lake(request: pytest.FixtureRequest) -> Lake:
    """The tiny shop's lake, then the market's."""
    found: Lake = request.getfixturevalue(request.param)
    return found


def test_every_step_wrote_what_it_declares(any_lake: Lake) -> None:
    """All tables of all steps are there, match their contracts and hold rows."""
    import importlib

    from jobs.cli import COMMANDS

    for name in STEPS:
        for table in importlib.import_module(COMMANDS[name][0]).STEP.writes:
            assert any_lake.table(table) is not None, f"{name} did not write {table}"
    for table in ("customer_features", "next_best_products", "next_best_categories", "channel_scores", "decision_log",
                  "next_best_offers", "decision_funnel", "constraint_usage"):  # fmt: skip
        assert any_lake.arrow(table).num_rows > 0, table


def test_the_market_reaches_every_part(world_lake: Lake) -> None:
    """What only the market's tables bring is there: bad rows of each, stitched customers, households, effects."""
    for contract in SOURCES:
        assert world_lake.arrow(contract.name).num_rows > 0, contract.name
        assert world_lake.arrow(f"quarantine_{contract.name}").num_rows > 0, contract.name
    for table in ("identity_events", "identity_audit", "households", "customer_reach"):
        assert world_lake.arrow(table).num_rows > 0, table
    assert "randomised" in world_lake.arrow("contact_effects")["basis"].to_pylist()


def test_runs_reconciles(any_lake: Lake) -> None:
    """In = good + quarantined for every source, in the `runs` table."""
    rows = {r["step"]: r for r in any_lake.arrow("runs").to_pylist()}
    assert set(rows) == set(STEPS)
    assert {r["status"] for r in rows.values()} == {"finished"}
    counts = json.loads(rows["ingest"]["counts"])
    sources = {key.split(".")[0] for key in counts if key.endswith(".in")}
    assert "transactions" in sources
    assert sum(counts[f"{s}.quarantined"] for s in sources) > 0
    for s in sources:
        assert counts[f"{s}.in"] == counts[f"{s}.good"] + counts[f"{s}.quarantined"]
        assert any_lake.arrow(s).num_rows == counts[f"{s}.good"]
        assert any_lake.arrow(f"quarantine_{s}").num_rows == counts[f"{s}.quarantined"]


def test_a_second_run_does_nothing(lake: Lake, sources: Path) -> None:
    """Every step is found finished; no table gets a new version."""
    before = {n: lake.require(n).version() for n in products_of_system(lake)}
    done = nextbest("run", "--sources", str(sources), "--lake", str(lake.root))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already done") >= len(STEPS)
    assert {n: lake.require(n).version() for n in products_of_system(lake)} == before


def test_campaign_tables_for_a_reader_that_is_not_ours(any_lake: Lake) -> None:
    """DuckDB finds one row per key, ranks without gaps, probabilities in [0, 1] and no NaN."""
    con = duckdb.connect()
    for name in ("next_best_products", "next_best_offers"):
        dataset = DeltaTable(str(any_lake.root / name)).to_pyarrow_dataset()
        assert dataset.schema.names == any_lake.contract(name).names
        con.register(name, dataset)

    def count(sql: str) -> int:
        ((n,),) = con.sql(f"select count(*) from {sql}").fetchall()
        return int(n)

    ranks = "select customer_id, max(rank) m, count(*) n, count(distinct rank) d from next_best_products group by 1"
    assert count(f"({ranks}) where m <> n or d <> n") == 0
    assert count("next_best_products where not (p_buy between 0 and 1)") == 0
    bad = "len(product_ids) = 0 or send_after >= send_before or send_before > valid_until"
    assert count(f"next_best_offers where {bad}") == 0
    assert count("(select decision_id from next_best_offers group by 1 having count(*) > 1)") == 0


def test_explain_and_tables(lake: Lake) -> None:
    """One customer is shown with reasons; tables, history and features print."""
    customer = lake.arrow("next_best_products")["customer_id"][0].as_py()
    done = nextbest("explain", customer, "--lake", str(lake.root))
    assert done.returncode == 0, done.stderr
    for word in ("features", "customer_tags", "next_best_products", "decision_trace"):
        assert word in done.stdout
    assert "next_best_offers" in nextbest("tables", "--lake", str(lake.root)).stdout
    assert "decide-offers" in nextbest("tables", "history", "next_best_offers", "--lake", str(lake.root)).stdout
    assert "recency_days" in nextbest("tables", "features", "--lake", str(lake.root)).stdout


def test_rollback_from_the_command_line(lake: Lake, tmp_path: Path) -> None:
    """A rolled back table has the old content as a new version; the command says so."""
    root = tmp_path / "lake"
    shutil.copytree(lake.root, root)
    mine = Lake(root, all_contracts())
    day = mine.dates("next_best_offers")[-1]
    done = nextbest("tables", "rollback", "next_best_offers", "--to", "0", "--as-of", str(day), "--lake", str(root))
    assert done.returncode == 0, done.stderr
    assert "version 1 holds the content of version 0 again" in done.stdout
    assert mine.arrow("next_best_offers").num_rows == lake.arrow("next_best_offers").num_rows


def test_killed_run_resumes_and_ends_equal(lake: Lake, sources: Path, tmp_path: Path) -> None:
    """A run killed in the middle goes on where it stopped and ends with the tables of an undisturbed one."""
    root = str(tmp_path / "lake")
    args = ("run", "--sources", str(sources), "--lake", root)
    killed = nextbest(*args, NEXTBEST_FAIL="computed:3")  # inside build-features
    assert killed.returncode == -9
    done = nextbest(*args)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already done") >= 2  # ingest and resolve-identities are not done twice
    assert_equal_lakes(lake, Lake(Path(root), all_contracts()), tolerance=0.0)


def test_connect_smoke(lake: Lake, tmp_path: Path, engine_address: Callable[[], str]) -> None:
    """A remote Spark Connect server runs a job: the features come out equal."""
    root = tmp_path / "lake"
    shutil.copytree(lake.root, root)
    args = ("build-features", "--force", "--lake", str(root), "--engine", "connect")
    done = nextbest(*args, NEXTBEST_SESSION__REMOTE=engine_address())
    assert done.returncode == 0, done.stdout + done.stderr
    mine = Lake(root, all_contracts())
    assert mine.require("customer_features").version() == 1
    assert_equal_lakes(lake, mine, TOLERANCE)


@pytest.mark.spark
def test_spark_submit_writes_the_same_tables(world_lake: Lake, submitted: "Submitted | None") -> None:
    """Every table of every job is equal from Sail and from a Spark cluster of two executors, floats within 1e-6.

    From every source table, with bad rows in each. Submitted with the zip from another folder, so that code,
    settings and models must travel.
    """
    if submitted is None:  # Spark needs Java; in CI its absence is a failure, elsewhere a reason to leave the test out
        message = "no Java on this machine: Spark tests need Java 17"
        (pytest.fail if os.environ.get("NEXTBEST_REQUIRE_SPARK") else pytest.skip)(message)
    code = submitted.process.wait()
    assert code == 0, submitted.log.read_text("utf-8", errors="replace")[-6000:]
    assert_equal_lakes(world_lake, Lake(submitted.lake, all_contracts()), TOLERANCE)


@dataclass(frozen=True)
class Submitted:
    """A run on a Spark cluster under way."""

    process: subprocess.Popen[bytes]
    lake: Path
    log: Path


@pytest.fixture(scope="module", autouse=True)
def submitted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Submitted | None]:
    """The market's run on Spark, begun before this module's first test and running beside the others.

    None where its test is not among those chosen, or without Java.
    """
    wanted = any(i.get_closest_marker("spark") and i.path == request.path for i in request.session.items)
    if not wanted or (shutil.which("java") is None and not os.environ.get("JAVA_HOME")):
        yield None
        return
    sources: Path = request.getfixturevalue("world_sources")
    folder = tmp_path_factory.mktemp("submitted")
    # hundreds of small plans: compiling them, fully or at all, and adapting them never pays for itself
    java = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    conf = {
        "spark.driver.extraJavaOptions": java,
        "spark.executor.extraJavaOptions": java,
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.codegen.wholeStage": "false",
        "spark.ui.enabled": "false",
    }
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--master", "local-cluster[2,1,1024]",
        *(part for key, value in conf.items() for part in ("--conf", f"{key}={value}")),
        "--py-files", str(zipped_code(folder / "nextbest.zip")), str(ROOT / "jobs" / "cli.py"),
        "run", "--engine", "spark", "--sources", str(sources), "--lake", str(folder / "lake"),
        "--config", str(WORLD_CONFIG),
    ]  # fmt: skip
    env = os.environ | {"NEXTBEST_SESSION__SHUFFLE_PARTITIONS": "2", "PYSPARK_PYTHON": sys.executable}
    env.pop("PYTHONPATH", None)
    log = folder / "log"
    with log.open("wb") as out, subprocess.Popen(command, cwd=folder, env=env, stdout=out, stderr=out) as process:
        yield Submitted(process, folder / "lake", log)
        if process.poll() is None:
            process.terminate()


def zipped_code(path: Path) -> Path:
    """What `pip wheel` packs, without waiting for it."""
    with zipfile.ZipFile(path, "w") as archive:
        for package in PACKAGES:
            for file in sorted((ROOT / package).rglob("*")):
                if file.suffix in (".py", ".yaml"):
                    archive.write(file, file.relative_to(ROOT))
    return path
