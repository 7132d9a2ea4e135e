"""The lake: one whole version at a time, and the way back."""

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from pyspark.sql import DataFrame, SparkSession

from features.contract import Column, Contract
from features.errors import ConflictError, ContractError, LakeError
from jobs.runs import audit
from jobs.tables import Lake

AS_OF = Column("as_of", "date", "cut")
SCORES = Contract(
    "scores",
    "test",
    ("as_of", "customer_id"),
    (AS_OF, Column("customer_id", "string", "c"), Column("score", "double", "s"), Column("why", "strings", "w")),
    mode="snapshot",
)
WHOLE = Contract("whole", "test", ("id",), (Column("id", "string", "i"), Column("amount", "money", "m")))
D1, D2 = date(2017, 12, 4), date(2017, 12, 11)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake with two tables."""
    made = Lake(tmp_path / "lake", {"scores": SCORES, "whole": WHOLE})
    made.check_writable()
    return made


def scores(spark: SparkSession, day: date, n: int, score: float = 0.5) -> DataFrame:
    """n customers with a score."""
    rows = [(day, f"c{i}", score, ["because"]) for i in range(n)]
    return spark.createDataFrame(rows, "as_of date, customer_id string, score double, why array<string>")


def put(lake: Lake, spark: SparkSession, day: date, n: int, attempt: str, score: float = 0.5) -> int:
    """Stages, audits and publishes."""
    staged = lake.stage("scores", scores(spark, day, n, score), attempt, day)
    audit(spark, lake, staged)
    return lake.publish(staged, run_id=f"run-{attempt}", step="test", attempt_id=attempt)


def test_a_snapshot_replaces_its_own_date_only(lake: Lake, spark: SparkSession) -> None:
    """Writing a date again leaves every other date, and every old version, as it was."""
    assert put(lake, spark, D1, 3, "a") == 0
    assert put(lake, spark, D2, 4, "b") == 1
    assert put(lake, spark, D1, 5, "c") == 2
    assert lake.dates("scores") == [D1, D2]
    assert lake.read(spark, "scores", as_of=D1).count() == 5
    assert lake.read(spark, "scores", as_of=D2).count() == 4
    assert lake.read(spark, "scores", version=1, as_of=D1).count() == 3  # pinned
    commit = lake.last_commit("scores", D2)
    assert commit is not None
    assert (commit.version, commit.run_id, commit.rows) == (1, "run-b", 4)


def test_readers_that_are_not_ours(lake: Lake, spark: SparkSession) -> None:
    """DuckDB, Polars, pandas, pyarrow and delta-rs see the same rows and types."""
    put(lake, spark, D1, 3, "a")
    put(lake, spark, D2, 4, "b")
    path = str(lake.root / "scores")
    table = DeltaTable(path)
    dataset = table.to_pyarrow_dataset()
    assert dataset.to_table().num_rows == 7
    assert duckdb.sql("select count(*), sum(score) from dataset").fetchall() == [(7, 3.5)]
    polars = pl.read_delta(path)
    assert polars.filter(pl.col("as_of") == D1).height == 3
    assert polars.schema["why"] == pl.List(pl.String)
    frame = table.to_pandas()
    assert list(frame.columns) == SCORES.names
    assert frame["score"].sum() == 3.5


def test_rollback_is_per_date_and_a_new_version(lake: Lake, spark: SparkSession) -> None:
    """Rolling one date back leaves the other date's newer content."""
    put(lake, spark, D1, 3, "a")
    put(lake, spark, D2, 4, "b")
    put(lake, spark, D2, 6, "c")
    put(lake, spark, D1, 5, "d")
    assert lake.restore("scores", 0, D1, "run-a", "x") == 4
    assert lake.read(spark, "scores", as_of=D1).count() == 3
    assert lake.read(spark, "scores", as_of=D2).count() == 6
    with pytest.raises(LakeError, match="say which with --as-of; it holds 2017-12-04, 2017-12-11"):
        lake.restore("scores", 0, None, "r", "x")
    with pytest.raises(LakeError, match=r"version 0, holds no as_of 2017-12-11"):
        lake.restore("scores", 0, D2, "r", "x")


def test_whole_table_from_arrow_and_empty(lake: Lake, spark: SparkSession) -> None:
    """A whole table is replaced, an empty one is a table with no rows."""
    table = pa.table({"id": ["a", "b"], "amount": pa.array(["1.50", "2"]).cast(pa.decimal128(18, 2))})
    for attempt, data in (("a", table), ("b", table.slice(0, 0))):
        staged = lake.stage("whole", data, attempt, None)
        audit(spark, lake, staged)
        lake.publish(staged, run_id="r", step="test", attempt_id=attempt)
    assert lake.arrow("whole", 0).equals(table.cast(WHOLE.arrow_schema()))
    assert lake.arrow("whole").num_rows == 0
    assert lake.read(spark, "whole").count() == 0
    assert lake.bounds("whole", "id", 0) == ("a", "b")


def test_audit_refuses_and_publishes_nothing(lake: Lake, spark: SparkSession) -> None:
    """NaN, a duplicate key and a row of another date are all named; the table stays as it was."""
    bad = scores(spark, D1, 2, float("nan")).union(scores(spark, D1, 1)).union(scores(spark, D2, 1))
    staged = lake.stage("scores", bad, "bad", D1)
    with pytest.raises(ContractError) as e:
        audit(spark, lake, staged)
    text = str(e.value)
    assert "2 rows: score is not finite" in text
    assert "is not unique: as_of=2017-12-04, customer_id=c0 (2 times)" in text
    assert "rows of as_of 2017-12-11 in the snapshot of 2017-12-04" in text
    assert lake.table("scores") is None


def test_staging_refuses_another_schema(lake: Lake, spark: SparkSession) -> None:
    """A column that the job did not compute is named."""
    with pytest.raises(ContractError, match="did not compute why"):
        lake.stage("scores", scores(spark, D1, 1).drop("why"), "a", D1)


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated"])
def test_damaged_files_are_named_before_an_engine_reads(lake: Lake, spark: SparkSession, damage: str) -> None:
    """Engines skip missing and empty files without a word; we do not."""
    put(lake, spark, D1, 3, "a")
    file = lake.files("scores")[0]
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"" if damage == "empty" else file.read_bytes()[:-7])
    with pytest.raises(LakeError) as e:
        lake.read(spark, "scores")
    assert str(file) in str(e.value)
    assert "tables rollback scores" in str(e.value)


def test_concurrent_commit_conflicts(lake: Lake, spark: SparkSession) -> None:
    """Of two writers that saw the same version one wins and the other is told."""
    put(lake, spark, D1, 3, "a")
    ours = lake.stage("scores", scores(spark, D1, 4), "ours", D1)
    stale = lake.table("scores")
    put(lake, spark, D1, 5, "theirs")
    lake.table = lambda name, version=None: stale  # type: ignore[method-assign]
    with pytest.raises(ConflictError, match="changed by another writer"):
        lake.publish(ours, run_id="r", step="test", attempt_id="ours")
    del lake.table  # type: ignore[method-assign]
    assert lake.read(spark, "scores").count() == 5


def test_vacuum_takes_orphans_and_old_files(lake: Lake, spark: SparkSession) -> None:
    """Leftovers of a killed attempt and files of old versions go; the last version stays whole."""
    put(lake, spark, D1, 3, "a")
    lake.stage("scores", scores(spark, D1, 9), "killed", D1)
    put(lake, spark, D1, 5, "b")
    listed = lake.vacuum("scores", 0, dry_run=True)
    assert any("killed" in path for path in listed)
    assert lake.read(spark, "scores", version=0).count() == 3
    lake.vacuum("scores", 0, dry_run=False)
    assert lake.read(spark, "scores").count() == 5
    with pytest.raises(LakeError, match="is damaged"):
        lake.read(spark, "scores", version=0)


def test_unwritable_lake_and_object_store(tmp_path: Path) -> None:
    """The message names the folder and the way out."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(LakeError, match=r"is not writable.*choose another with --lake"):
        Lake(blocked / "lake", {}).check_writable()
    with pytest.raises(LakeError, match="object stores are not supported"):
        Lake(Path("s3://bucket/lake"), {})
    with pytest.raises(LakeError, match=r"no table 'score' \(did you mean 'scores'"):
        Lake(tmp_path, {"scores": SCORES}).require("score")


def test_int96_is_refused(lake: Lake) -> None:
    """Timestamps that delta-rs cannot read never enter a table."""
    contract = Contract("t", "t", ("ts",), (Column("ts", "timestamp", "t"),))
    lake = Lake(lake.root, {"t": contract})
    folder = lake.root / "t" / "data" / "a"
    folder.mkdir(parents=True)
    table = pa.table({"ts": pa.array([0], pa.timestamp("us", "UTC"))})
    pq.write_table(table, folder / "x.parquet", use_deprecated_int96_timestamps=True)
    from jobs.sealing import seal

    with pytest.raises(LakeError, match="INT96"):
        seal(folder, lake.root / "t", contract)


def test_a_part_of_a_snapshot_replaces_only_itself(lake: Lake, spark: SparkSession) -> None:
    """Rows of one subject are replaced, also by none; others stay, and rollback brings a date back."""
    by_subject = Contract(
        "by_subject",
        "test",
        ("as_of", "subject", "customer_id"),
        (AS_OF, Column("subject", "string", "s"), Column("customer_id", "string", "c")),
        mode="snapshot",
        parts=("subject",),
    )
    parted = Lake(lake.root, {"by_subject": by_subject})
    odd = 'it\'s 宝宝=1/a, "b"'

    def put_part(day: date, subject: str, customers: str, attempt: str) -> None:
        rows = pa.table(
            {
                "as_of": pa.array([day] * len(customers), pa.date32()),
                "subject": pa.array([subject] * len(customers), pa.string()),
                "customer_id": pa.array(list(customers), pa.string()),
            }
        )
        staged = parted.stage("by_subject", rows, attempt, day, {"subject": subject})
        audit(spark, parted, staged)
        parted.publish(staged, run_id="r", step="test", attempt_id=attempt)

    def held(day: date) -> list[tuple[str, str]]:
        rows = parted.arrow("by_subject", as_of=day).to_pylist()
        return sorted((r["subject"], r["customer_id"]) for r in rows)

    put_part(D1, odd, "ab", "a")
    put_part(D1, "tea", "ab", "b")
    put_part(D2, odd, "x", "c")
    put_part(D1, odd, "c", "d")
    assert held(D1) == [(odd, "c"), ("tea", "a"), ("tea", "b")]
    assert held(D2) == [(odd, "x")]
    parted.stage("by_subject", parted.arrow("by_subject"), "killed", D1, {"subject": "tea"})  # staged, not published
    put_part(D1, "tea", "", "e")
    assert held(D1) == [(odd, "c")]
    parted.restore("by_subject", 2, D1, run_id="r", attempt_id="f")
    assert held(D1) == [(odd, "a"), (odd, "b"), ("tea", "a"), ("tea", "b")]
    assert held(D2) == [(odd, "x")]
    frame = pl.read_delta(str(parted.root / "by_subject"))
    assert frame.filter(pl.col("subject") == odd).height == 3
    with pytest.raises(LakeError, match="written by subject"):
        parted.stage("by_subject", parted.arrow("by_subject"), "g", D1)
    strange = parted.stage("by_subject", parted.arrow("by_subject", as_of=D1), "h", D1, {"subject": odd})
    with pytest.raises(ContractError, match="rows of subject tea"):
        audit(spark, parted, strange)
