"""Ingest loses no row: what it does not take is in quarantine with reasons, or the run stops and says why."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.errors import ContractError, DataError, SettingsError
from features.quality import as_contract, good_rows
from features.quarantine import as_quarantine
from features.source_tables import SOURCES, TRANSACTIONS
from jobs import ingest, resolve_identities
from jobs.contracts import all_contracts
from jobs.runs import Job, Outcome, execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.source_files import find_sources
from jobs.source_judging import judge
from jobs.source_staging import stage_source
from jobs.tables import Lake
from jobs.tracking import Tracking
from jobs.workspace import undated
from tests.small_sources import small_sources, write_small_sources

SMALL = small_sources(customers=4)


class House:
    """A sources folder and the lake it is ingested into."""

    def __init__(self, root: Path, engine: Engine) -> None:
        self.sources = root / "sources"
        self.sources.mkdir()
        self.tables = SMALL
        for name, table in self.tables.items():
            self.put(name, table)
        self.lake = Lake(root / "lake", all_contracts())
        self.engine = engine

    def run(self, step: Any = ingest, **options: Any) -> Outcome:
        """Executes a step."""
        chosen = load_settings(None, {"lake": str(self.lake.root), "sources": str(self.sources)} | options)
        self.lake.check_writable()
        tracking = Tracking(None, self.lake.root)
        return execute(step, chosen, undated(chosen), self.engine, self.lake, tracking)

    def put(self, name: str, table: pa.Table) -> None:
        """Replaces a source file."""
        pq.write_table(table, self.sources / f"{name}.parquet")

    def put_lines(self, rows: list[dict[str, Any]]) -> None:
        """Replaces the transactions; money as double, as many sources deliver it, and times in microseconds."""
        fields = {c.name: pa.float64() if c.kind == "money" else c.arrow_type for c in TRANSACTIONS.columns}
        columns = {n: pa.array([r.get(n) for r in rows], kind) for n, kind in fields.items()}
        self.put("transactions", pa.table(columns))

    def quarantined(self, name: str) -> list[dict[str, Any]]:
        """Rows of a quarantine table, in order of arrival."""
        rows = self.lake.arrow(f"quarantine_{name}").to_pylist()
        return sorted(rows, key=lambda r: (r["source_file"], r["source_row"]))


@pytest.fixture
def house(tmp_path: Path, engine: Engine) -> House:
    """Four customers' sources, and an empty lake."""
    return House(tmp_path, engine)


def line(**changes: Any) -> dict[str, Any]:
    """A good order line, changed."""
    return {
        "order_id": "o1",
        "line_no": 1,
        "account_id": "c000",
        "product_id": "p00",
        "event_ts": datetime(2017, 5, 1, 12, tzinfo=UTC),
        "quantity": 1,
        "amount": 2.5,
    } | changes


def test_good_sources(house: House) -> None:
    """Clean tables equal the delivered ones, quarantine is empty, and the same delivery is not read twice."""
    outcome = house.run()
    for contract in SOURCES:
        if contract.name not in house.tables:
            continue
        delivered = house.tables[contract.name].sort_by([(k, "ascending") for k in contract.key])
        taken = house.lake.arrow(contract.name).sort_by([(k, "ascending") for k in contract.key])
        assert taken.cast(delivered.schema).equals(delivered), contract.name
        assert house.quarantined(contract.name) == []
    rows = house.tables["transactions"].num_rows
    assert outcome.counts["transactions.in"] == outcome.counts["transactions.good"] == rows
    assert house.run().skipped
    house.put("offers", house.tables["offers"].slice(0, 7))
    assert not house.run().skipped
    assert house.lake.arrow("offers").num_rows == 7


def test_csv_gives_the_same_tables(house: House) -> None:
    """The same rows as CSV give the same clean tables as Parquet."""
    house.run()
    there = [c for c in SOURCES if c.name in house.tables]
    before = {c.name: house.lake.arrow(c.name).sort_by([(k, "ascending") for k in c.key]) for c in there}
    for name, table in house.tables.items():
        (house.sources / f"{name}.parquet").unlink()
        text = [pa.string() if pa.types.is_timestamp(f.type) else f.type for f in table.schema]
        pacsv.write_csv(
            table.cast(pa.schema(zip(table.column_names, text, strict=True))), house.sources / f"{name}.csv"
        )
    house.run()
    for c in there:
        assert house.lake.arrow(c.name).sort_by([(k, "ascending") for k in c.key]).equals(before[c.name]), c.name


def test_poison_rows_are_quarantined(house: House) -> None:
    """Null ids, bad amounts, repeated lines, odd text and absurd years: refused with reasons, the others taken."""
    bad = [
        (line(account_id=None), "account_id is null"),
        (line(product_id=None), "product_id is null"),
        (line(amount=-1.0), "amount below 0"),
        (line(amount=float("nan")), "amount is not finite"),
        (line(amount=float("inf")), "amount is not finite"),
        (line(event_ts=datetime(1970, 1, 1, tzinfo=UTC)), "event_ts is before 1990"),
        (line(event_ts=datetime(2262, 4, 11, tzinfo=UTC)), "event_ts is after 2100"),
        (line(store_id="a\0b"), "store_id holds a NUL character"),
        (line(store_id="x" * 1_000_000), "store_id is longer than 64 KiB"),
        (line(), "duplicate of transactions.parquet row 2"),
    ]
    good = [line(order_id="买🍎"), line(), line(order_id="o2", quantity=0)]
    house.put_lines(good + [row for row, _ in bad])
    outcome = house.run()
    kept = house.quarantined("transactions")
    assert [reason in row["reasons"] for row, (_, reason) in zip(kept, bad, strict=True)] == [True] * len(bad)
    assert [row["source_row"] for row in kept] == list(range(4, 14))
    assert len(json.loads(kept[8]["row"])["store_id"]) == 1_000_000
    assert set(house.lake.arrow("transactions")["order_id"].to_pylist()) == {"o1", "o2", "买🍎"}
    counts = {k: v for k, v in outcome.counts.items() if k.startswith("transactions.") and not k.endswith("rows")}
    assert counts == {
        "transactions.in": 13,
        "transactions.good": 3,
        "transactions.quarantined": 10,
        "transactions.warned": 1,
    }


def test_poisoned_small_sources(house: House) -> None:
    """The poisoned small shop passes with the default settings: eight rows refused, two warned."""
    write_small_sources(house.sources, customers=4, poison=True)
    counts = house.run().counts
    assert counts["transactions.quarantined"] == len(house.quarantined("transactions")) == 8
    rows = {r["order_id"]: r["amount"] for r in house.lake.arrow("transactions").to_pylist()}
    assert (rows["warned-1"], rows["warned-2"]) == (Decimal("1.01"), Decimal("2.68"))


def test_csv_rows_that_cannot_be_read(house: House) -> None:
    """A ragged row, a number that is none and bytes that are no UTF-8 cost their row only."""
    (house.sources / "transactions.parquet").unlink()
    text = b"order_id,line_no,account_id,product_id,event_ts,quantity,amount\n"
    for i in range(20):
        text += b"o%d,1,c000,p00,2017-05-01T12:00:00Z,1,2.50\n" % i
    text += b"x,1,c000,p00,2017-05-01T12:00:00Z,1\n"
    text += b"y,1,c000,p00,2017-05-01T12:00:00Z,one,2.50\n"
    text += b"z\xff,1,c000,p00,2017-05-01T12:00:00Z,1,2.50\n"
    text += b"w,1,,p00,2017-05-01T12:00:00Z,1,2.50\n"
    (house.sources / "transactions.csv").write_bytes(text)
    outcome = house.run()
    assert [(r["source_row"], r["reasons"]) for r in house.quarantined("transactions")] == [
        (22, ["line has 6 values where the header has 7"]),
        (23, ["quantity is not a whole number"]),
        (24, ["order_id is not valid UTF-8"]),
        (25, ["account_id is null"]),
    ]
    assert (outcome.counts["transactions.in"], outcome.counts["transactions.good"]) == (24, 20)


def test_too_many_bad_rows_stop_the_run(house: House) -> None:
    """Above the share nothing is published, and the message names table, rules, first rows and setting."""
    rows = [line(order_id=f"o{i}", amount=-1.0 if i < 12 else 1.0) for i in range(100)]
    house.put_lines(rows)
    with pytest.raises(DataError) as e:
        house.run()
    message = str(e.value)
    assert "transactions: 12 of 100 rows (12.0%) are bad" in message
    assert "amount below 0 (12)" in message
    assert "transactions.parquet row 1: amount below 0" in message
    assert "quality.max_quarantined_share" in message
    assert house.lake.table("transactions") is None
    assert house.lake.table("products") is None


def test_a_rule_set_to_stop(house: House) -> None:
    """One row that breaks such a rule stops the run."""
    house.put_lines([line(), line(order_id="o2", quantity=0)])
    quality = {"max_quarantined_share": 0.01, "tolerated_rows": 10, "severity": {"transactions.quantity is 0": "stop"}}
    with pytest.raises(DataError, match="1 rows: quantity is 0, which is set to stop the run"):
        house.run(quality=quality)


def test_unknown_rule_in_settings(house: House) -> None:
    """A severity for a rule that is not there names the nearest one."""
    quality = {"max_quarantined_share": 0.01, "tolerated_rows": 10, "severity": {"transactions.quantity is O": "stop"}}
    with pytest.raises(SettingsError, match=r"did you mean 'transactions\.quantity is 0'"):
        house.run(quality=quality)


def test_empty_tables(house: House) -> None:
    """A required table without rows stops the run; an optional one is an empty table."""
    house.put("offers", house.tables["offers"].slice(0, 0))
    house.run()
    assert house.lake.arrow("offers").num_rows == 0
    house.put("transactions", house.tables["transactions"].slice(0, 0))
    with pytest.raises(DataError, match="transactions: has no rows, and it is required"):
        house.run()


def test_a_table_that_is_no_longer_delivered(house: House) -> None:
    """A source that is missing leaves an empty table, not the rows of last time; one never delivered leaves none."""
    house.run()
    (house.sources / "offers.parquet").unlink()
    house.run()
    assert house.lake.arrow("offers").num_rows == 0
    assert house.lake.table("browsing") is None
    assert house.run().skipped


def test_unusable_sources(house: House) -> None:
    """No folder given, a missing required table and a wrong column stop before the step starts."""
    with pytest.raises(SettingsError, match="give --sources DIR"):
        ingest.fingerprint(load_settings(None, {"lake": str(house.lake.root)}))
    house.put("products", house.tables["products"].drop_columns(["product_id"]))
    with pytest.raises(ContractError, match="column 'product_id'"):
        house.run()
    (house.sources / "transactions.parquet").unlink()
    with pytest.raises(DataError, match="transactions: required and missing"):
        house.run()


def test_orphans_are_warned(house: House) -> None:
    """A line of an unknown product stays, and is counted."""
    house.put_lines([line(), line(order_id="o2", product_id="nowhere")])
    outcome = house.run()
    assert (outcome.counts["transactions.good"], outcome.counts["transactions.warned"]) == (2, 1)


def test_customer_map(house: House) -> None:
    """After ingest every account of any table maps to itself."""
    house.run()
    house.run(resolve_identities)
    rows = house.lake.arrow("customer_map").to_pylist()
    assert {r["account_id"] for r in rows} == {"c000", "c001", "c002", "c003", "c999"}
    assert all(r["customer_id"] == r["account_id"] for r in rows)


TEXT = st.one_of(st.none(), st.text(max_size=6), st.sampled_from(["o1", "o2", "c000", "p00", " p00", "\0", "买🍎"]))
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
LINES = st.fixed_dictionaries(
    {
        "order_id": TEXT,
        "line_no": st.one_of(st.none(), st.integers(-3, 3), st.just(2**31 - 1)),
        "account_id": TEXT,
        "product_id": TEXT,
        "event_ts": st.one_of(st.none(), TIMES, st.just(datetime(2017, 5, 1, tzinfo=UTC))),
        "quantity": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), st.integers(0, 2)),
        "amount": st.one_of(st.none(), st.floats(), st.just(1.0)),
        "store_id": TEXT,
    }
)


def reconcile(house: House) -> int:
    """Reads and judges the transactions and checks that each row is in exactly one place; returns how many came in.

    Nothing is written to the lake, so that many examples fit into a test.
    """
    chosen = load_settings(None, {"lake": str(house.lake.root)})
    tracking = Tracking(None, house.lake.root)
    job = Job(ingest.STEP, chosen, undated(chosen), house.engine, house.lake, tracking, "attempt", "run", {}, {})
    found = find_sources(house.sources, [TRANSACTIONS])[0]["transactions"]
    staged = stage_source(found, job.scratch / "staged")
    judged = judge(job, staged, {})
    assert judged.frame is not None
    good = as_contract(good_rows(judged.frame), TRANSACTIONS)
    kept = as_quarantine(judged.frame, TRANSACTIONS, "batch").collect()
    counts = TRANSACTIONS.audit_counts(good).collect()[0].asDict()
    assert TRANSACTIONS.faults(counts) == []
    assert TRANSACTIONS.duplicate_keys(good).count() == 0
    assert judged.outcome.good == counts["rows"]
    assert judged.outcome.quarantined == len(kept) + staged.rejected
    assert judged.outcome.rows_in == judged.outcome.good + judged.outcome.quarantined
    assert all(row["reasons"] and json.loads(row["row"]) for row in kept)
    assert len({row["source_row"] for row in kept}) == len(kept)
    return judged.outcome.rows_in


@given(rows=st.lists(LINES, max_size=40))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_counts_reconcile_for_any_rows(tmp_path_factory: pytest.TempPathFactory, engine: Engine, rows: Any) -> None:
    """Whatever a Parquet file holds, in = good + quarantined, and the clean rows keep their contract."""
    house = House(tmp_path_factory.mktemp("any"), engine)
    house.put_lines([line(order_id="clean"), *rows])
    assert reconcile(house) == len(rows) + 1


@given(lines=st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b), max_size=40))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_counts_reconcile_for_any_text(tmp_path_factory: pytest.TempPathFactory, engine: Engine, lines: Any) -> None:
    """Whatever bytes stand in a CSV file, every line that is not blank is a row or in quarantine."""
    house = House(tmp_path_factory.mktemp("text"), engine)
    (house.sources / "transactions.parquet").unlink()
    head = b"order_id,line_no,account_id,product_id,event_ts,quantity,amount\nx,1,c000,p00,2017-05-01 12:00:00,1,1\n"
    (house.sources / "transactions.csv").write_bytes(head + b"\n".join(lines))
    assert reconcile(house) == 1 + sum(1 for text in lines if text.rstrip(b"\r\n"))
