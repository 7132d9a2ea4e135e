"""The whole daily run on a tiny shop: every table, skipped reruns, resumption after a kill, equal engines."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake import DeltaTable

from jobs.code_version import PACKAGES
from jobs.contracts import all_contracts
from jobs.run import STEPS
from jobs.tables import Lake
from tests.small_sources import write_small_sources

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / "tests" / "small.yaml"
# Tables whose floats are sums or model outputs may differ in the last digits between engines.
TOLERANCE = 1e-6


def nextbest(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process of its own."""
    command = [sys.executable, "-m", "jobs.cli", *args, "--config", str(CONFIG)]
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


def products_of_system(lake: Lake) -> list[str]:
    """Every table of the lake but the log of runs."""
    return [n for n in lake.contracts if n != "runs" and lake.table(n) is not None]


def test_every_step_wrote_what_it_declares(lake: Lake) -> None:
    """All tables of all steps are there, match their contracts and hold rows."""
    import importlib

    from jobs.cli import COMMANDS

    for name in STEPS:
        for table in importlib.import_module(COMMANDS[name][0]).STEP.writes:
            assert lake.table(table) is not None, f"{name} did not write {table}"
    for table in ("customer_features", "next_best_products", "next_best_categories", "channel_scores", "decision_log",
                  "next_best_offers", "decision_funnel", "constraint_usage"):  # fmt: skip
        assert lake.arrow(table).num_rows > 0, table


def test_runs_reconciles(lake: Lake) -> None:
    """In = good + quarantined for every source, in the `runs` table."""
    rows = {r["step"]: r for r in lake.arrow("runs").to_pylist()}
    assert set(rows) == set(STEPS)
    assert {r["status"] for r in rows.values()} == {"finished"}
    counts = json.loads(rows["ingest"]["counts"])
    sources = {key.split(".")[0] for key in counts if key.endswith(".in")}
    assert "transactions" in sources
    assert sum(counts[f"{s}.quarantined"] for s in sources) > 0
    for s in sources:
        assert counts[f"{s}.in"] == counts[f"{s}.good"] + counts[f"{s}.quarantined"]
        assert lake.arrow(s).num_rows == counts[f"{s}.good"]
        assert lake.arrow(f"quarantine_{s}").num_rows == counts[f"{s}.quarantined"]


def test_a_second_run_does_nothing(lake: Lake, sources: Path) -> None:
    """Every step is found finished; no table gets a new version."""
    before = {n: lake.require(n).version() for n in products_of_system(lake)}
    done = nextbest("run", "--sources", str(sources), "--lake", str(lake.root))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("already done") >= len(STEPS)
    assert {n: lake.require(n).version() for n in products_of_system(lake)} == before


def test_campaign_tables_for_a_reader_that_is_not_ours(lake: Lake) -> None:
    """DuckDB finds one row per key, ranks without gaps, probabilities in [0, 1] and no NaN."""
    con = duckdb.connect()
    for name in ("next_best_products", "next_best_offers"):
        dataset = DeltaTable(str(lake.root / name)).to_pyarrow_dataset()
        assert dataset.schema.names == lake.contract(name).names
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
    for word in ("features", "habits so far", "next_best_products", "decision_trace"):
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


def assert_equal_lakes(one: Lake, two: Lake, tolerance: float) -> None:
    """Same tables, same rows by key; floats within the tolerance, everything else exactly."""
    assert products_of_system(one) == products_of_system(two)
    for name in products_of_system(one):
        key = [(k, "ascending") for k in one.contract(name).key]
        a, b = one.arrow(name).sort_by(key), two.arrow(name).sort_by(key)
        assert a.num_rows == b.num_rows, f"{name}: {a.num_rows} rows against {b.num_rows}"
        for column in a.column_names:
            difference = first_difference(a[column], b[column], tolerance)
            assert difference is None, f"{name}.{column} differs: {difference}"


def first_difference(a: pa.ChunkedArray, b: pa.ChunkedArray, tolerance: float) -> str | None:
    """The first pair of values that is not equal (floats: not within tolerance), or None."""
    if pa.types.is_floating(a.type) and tolerance:
        if a.is_null().to_pylist() != b.is_null().to_pylist():
            return "nulls in other rows"
        x, y = pc.fill_null(a, 0.0).to_numpy(), pc.fill_null(b, 0.0).to_numpy()
        off = np.flatnonzero(np.abs(x - y) > tolerance * np.maximum(1.0, np.abs(y)))
        return f"{len(off)} values, row {off[0]}: {x[off[0]]} against {y[off[0]]}" if len(off) else None
    left, right = a.to_pylist(), b.to_pylist()
    off_rows = [i for i, (x, y) in enumerate(zip(left, right, strict=True)) if x != y]
    return (
        f"{len(off_rows)} values, row {off_rows[0]}: {left[off_rows[0]]!r} against {right[off_rows[0]]!r}"
        if off_rows
        else None
    )


@pytest.fixture
def needs_java() -> None:
    """Spark needs Java; in CI its absence is a failure, elsewhere a reason to leave the test out."""
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        message = "no Java on this machine: Spark tests need Java 17"
        (pytest.fail if os.environ.get("NEXTBEST_REQUIRE_SPARK") else pytest.skip)(message)


@pytest.mark.spark
@pytest.mark.usefixtures("needs_java")
def test_spark_submit_writes_the_same_tables(lake: Lake, sources: Path, tmp_path: Path) -> None:
    """Every table of every job is equal from Sail and from a Spark cluster of two executors, floats within 1e-6.

    Submitted with the zip from another folder, so that code, settings and models must travel.
    """
    root = tmp_path / "lake"
    command = [
        str(Path(sys.executable).with_name("spark-submit")), "--master", "local-cluster[2,1,1024]",
        "--py-files", str(zipped_code(tmp_path / "nextbest.zip")), str(ROOT / "jobs" / "cli.py"),
        "run", "--engine", "spark", "--sources", str(sources), "--lake", str(root), "--config", str(CONFIG),
    ]  # fmt: skip
    env = os.environ | {"NEXTBEST_SESSION__SHUFFLE_PARTITIONS": "2", "PYSPARK_PYTHON": sys.executable}
    env.pop("PYTHONPATH", None)
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert_equal_lakes(lake, Lake(root, all_contracts()), TOLERANCE)


def zipped_code(path: Path) -> Path:
    """What `pip wheel` packs, without waiting for it."""
    with zipfile.ZipFile(path, "w") as archive:
        for package in PACKAGES:
            for file in sorted((ROOT / package).rglob("*")):
                if file.suffix in (".py", ".yaml"):
                    archive.write(file, file.relative_to(ROOT))
    return path


def test_connect_smoke(lake: Lake, tmp_path: Path, engine_address: Callable[[], str]) -> None:
    """A remote Spark Connect server runs a job: the features come out equal."""
    root = tmp_path / "lake"
    shutil.copytree(lake.root, root)
    remote = {"NEXTBEST_SESSION__REMOTE": engine_address()}
    done = nextbest("build-features", "--force", "--lake", str(root), "--engine", "connect", **remote)
    assert done.returncode == 0, done.stdout + done.stderr
    mine = Lake(root, all_contracts())
    assert mine.require("customer_features").version() == 1
    assert_equal_lakes(lake, mine, TOLERANCE)
