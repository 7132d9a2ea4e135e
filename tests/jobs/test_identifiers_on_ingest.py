"""No raw identifier reaches the disk, in clean rows, rejects or quarantine, and a changed or missing key is told."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.errors import SettingsError
from features.identifiers import IdentifierParams, Pseudonymiser, keyed_hash
from features.source_tables import SOURCES
from jobs import ingest
from jobs.contracts import all_contracts
from jobs.identifier_key import VARIABLE, pseudonymiser
from jobs.runs import execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.source_files import find_sources
from jobs.source_privacy import pseudonymised
from jobs.source_staging import stage_source
from jobs.tables import Lake
from jobs.tracking import Tracking
from jobs.workspace import undated
from tests.small_sources import write_small_sources

KEY = "0123456789abcdef-key-of-the-tests"
PHONE, EMAIL, DEVICE, SWAPPED = "13812345678", "li.na@example.com", "device-4711-abcd", "13912345678"
SECRETS = (PHONE, "138 1234 5678", EMAIL, "Li.Na@example.com", DEVICE, SWAPPED, "13712345678", "13612345678")
TEXT = "宝宝下个月就要出生啦"
NAME = "Wang Xiaoming"
HEADER = "account_id,identifier_kind,identifier,event_ts,identifier_state,key_version\n"
ACCOUNTS = HEADER + "".join(
    f"{line}\n"
    for line in (
        "a1,phone,138 1234 5678,2017-05-01T12:00:00Z,ok,99",
        "a2,phone,+8613812345678,2017-05-01T12:00:00Z,,",
        "a3,email,Li.Na@example.com,2017-05-01T12:00:00Z,blocked,",
        f"a4,device,{DEVICE},2017-05-01T12:00:00Z,,",
        "a5,member_no,m-77,2017-05-01T12:00:00Z,,",
        "a6,phone,13800138000,2017-05-01T12:00:00Z,,",
        # poisoned: no account, an unknown kind, columns mixed up, a bad time, ragged, bytes that are no text
        ",phone,13712345678,2017-05-01T12:00:00Z,,",
        "a7,Phone,13712345678,2017-05-01T12:00:00Z,,",
        f"a8,{SWAPPED},phone,2017-05-01T12:00:00Z,,",
        "a9,phone,2017-05-01T12:00:00Z,13612345678,,",
        "b1,phone,13612345678,not a time,,",
        "b2,phone,13612345678",
        "b3,phone, ,2017-05-01T12:00:00Z,,",
    )
)


def write_sources(folder: Path) -> None:
    """The small shop with accounts, two customers of whom one is poisoned, and posts of which one is."""
    write_small_sources(folder, customers=4)
    bad_bytes = b"b4,phone,13612345678\xff,2017-05-01T12:00:00Z,,\n"
    (folder / "accounts.csv").write_bytes(ACCOUNTS.encode() + bad_bytes)
    (folder / "customers.parquet").unlink()
    (folder / "customers.csv").write_text(
        f"account_id,full_name,birth_date\na1,{NAME},1971-04-05\n,{NAME},1971-04-05\n"
    )
    (folder / "social_posts.csv").write_text(
        f"post_id,account_id,event_ts,text\np1,a1,2017-05-01T12:00:00Z,{TEXT}\np2,,2017-05-01T12:00:00Z,{TEXT}\n"
        f"p3,a1,never,{TEXT}\np4,{TEXT}\n"
    )


def run(sources: Path, lake: Lake, engine: Engine, **options: Any) -> Any:
    """Ingests."""
    chosen = load_settings(None, {"lake": str(lake.root), "sources": str(sources)} | options)
    lake.check_writable()
    return execute(ingest, chosen, undated(chosen), engine, lake, Tracking(None, lake.root))


def everything(root: Path) -> str:
    """Every byte under a folder as text, and every value of every Parquet file."""
    texts = []
    for path in root.rglob("*"):
        if path.is_file():
            texts.append(path.read_bytes().decode("utf-8", "replace"))
        if path.suffix == ".parquet":
            texts.append(str(pq.read_table(path).to_pylist()))
    return "\n".join(texts)


def test_no_raw_identifier_is_on_disk(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither tables nor quarantine nor what is printed hold a raw value, a private one, or the key."""
    monkeypatch.setenv(VARIABLE, KEY)
    write_sources(tmp_path / "sources")
    lake = Lake(tmp_path / "lake", all_contracts())
    run(tmp_path / "sources", lake, engine)
    written = everything(lake.root) + capsys.readouterr().out
    assert [s for s in (*SECRETS, KEY) if s in written] == []
    rows = {r["account_id"]: r for r in lake.arrow("accounts").to_pylist()}
    assert set(rows) == {"a1", "a2", "a3", "a4", "a5", "a6"}
    stored = {k: (r["identifier"], r["identifier_state"], r["key_version"]) for k, r in rows.items()}
    assert stored["a1"] == stored["a2"] == (keyed_hash(KEY.encode(), "phone", PHONE), "ok", "1")
    assert stored["a3"] == (keyed_hash(KEY.encode(), "email", EMAIL), "ok", "1")
    assert stored["a5"] == ("m-77", "ok", None)
    assert stored["a6"][1:] == ("blocked", "1")
    reasons = {r["source_row"]: r["reasons"] for r in lake.arrow("quarantine_accounts").to_pylist()}
    assert reasons == {
        8: ["account_id is null"],
        9: ["identifier_kind is not allowed"],
        10: ["identifier_kind is not allowed"],
        11: ["event_ts is not a time such as 2017-12-04T05:00:00Z in the years 1 to 9999"],
        12: ["event_ts is not a time such as 2017-12-04T05:00:00Z in the years 1 to 9999"],
        13: ["line has 3 values where the header has 6"],
        14: ["identifier is empty"],
        15: ["identifier is not valid UTF-8"],
    }
    # the text and the name are in their clean tables and nowhere else
    assert lake.arrow("social_posts")["text"].to_pylist() == [TEXT]
    assert lake.arrow("customers")["full_name"].to_pylist() == [NAME]
    assert lake.arrow("quarantine_social_posts").num_rows == 3
    for name in ("quarantine_social_posts", "quarantine_customers"):
        kept = str(lake.arrow(name).to_pylist())
        assert TEXT not in kept
        assert NAME not in kept
        assert "1971" not in kept
        assert "characters left out" in kept


def test_nothing_raw_while_it_is_staged(tmp_path: Path) -> None:
    """The files between reading and judging hold hashes already."""
    write_sources(tmp_path / "sources")
    source = find_sources(tmp_path / "sources", SOURCES)[0]["accounts"]
    stage_source(source, tmp_path / "staged", Pseudonymiser("1", KEY.encode()))
    assert [s for s in SECRETS if s in everything(tmp_path / "staged")] == []


def test_the_key_is_checked(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, a short one and another one under the same version stop; a new version or no need for one goes on."""
    write_sources(tmp_path / "sources")
    for path in (tmp_path / "sources").iterdir():  # few tables, since they are read four times
        if path.stem not in ("transactions", "products", "accounts"):
            path.unlink()
    lake = Lake(tmp_path / "lake", all_contracts())
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SettingsError, match=r"token_hex.*NEXTBEST_ID_KEY"):
        run(tmp_path / "sources", lake, engine)
    assert lake.table("accounts") is None
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(SettingsError, match="5 characters"):
        run(tmp_path / "sources", lake, engine)
    monkeypatch.setenv(VARIABLE, KEY)
    run(tmp_path / "sources", lake, engine)
    assert run(tmp_path / "sources", lake, engine).skipped
    first = lake.arrow("accounts")
    other = "another key of the tests"
    monkeypatch.setenv(VARIABLE, other)
    with pytest.raises(
        SettingsError, match=r"not the one that key version 1 was used with.*identifiers\.key_version"
    ) as e:
        run(tmp_path / "sources", lake, engine)
    assert other not in str(e.value)
    run(tmp_path / "sources", lake, engine, identifiers={"key_version": "2"})
    second = lake.arrow("accounts")
    assert set(second["identifier"].to_pylist()) & set(first["identifier"].to_pylist()) == {"m-77"}
    monkeypatch.delenv(VARIABLE)
    run(tmp_path / "sources", lake, engine, identifiers={"require_key": False})
    assert set(lake.arrow("accounts")["key_version"].to_pylist()) == {"none", None}


def test_key_version_is_a_plain_word() -> None:
    """A version that would not fit into a commit's note, or that means no key, is refused."""
    for version in ("none", "", "1 2"):
        with pytest.raises(SettingsError, match="key_version"):
            pseudonymiser(IdentifierParams(key_version=version), {VARIABLE: KEY})


def test_a_batch_keeps_its_order() -> None:
    """Kinds are replaced one after the other, and every row keeps its place; nulls stay null."""
    kinds = ["phone", "member_no", None, "phone", "email", "phone"]
    values = [PHONE, "m1", "x", None, EMAIL, "+86" + PHONE]
    columns = {"identifier_kind": pa.array(kinds), "identifier": pa.array(values)}
    found = {k: v.to_pylist() for k, v in pseudonymised(columns, Pseudonymiser("1", KEY.encode())).items()}
    hashed = {k: keyed_hash(KEY.encode(), k, v) for k, v in (("phone", PHONE), ("email", EMAIL), ("", "x"))}
    assert found["identifier"] == [hashed["phone"], "m1", hashed[""], None, hashed["email"], hashed["phone"]]
    assert found["key_version"] == ["1", None, "1", None, "1", "1"]
    assert found["identifier_kind"] == kinds
    empty = {n: pa.array([], pa.string()) for n in columns}
    assert all(len(v) == 0 for v in pseudonymised(empty, Pseudonymiser("1", KEY.encode())).values())


def test_times_of_identities_cannot_run_ahead(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sighting known a day before it happened proves nothing and is refused."""
    monkeypatch.setenv(VARIABLE, KEY)
    write_small_sources(tmp_path / "sources", customers=4)
    rows = [
        {"account_id": f"a{i}", "identifier_kind": "cookie", "identifier": f"ck-{i}", "available_ts": known,
         "event_ts": datetime(2017, 5, 3, tzinfo=UTC)}
        for i, known in enumerate([datetime(2017, 5, day, tzinfo=UTC) for day in (1, 2, 3)])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "sources" / "accounts.parquet")
    lake = Lake(tmp_path / "lake", all_contracts())
    run(tmp_path / "sources", lake, engine)
    assert sorted(lake.arrow("accounts")["account_id"].to_pylist()) == ["a1", "a2"]
    assert lake.arrow("quarantine_accounts")["reasons"].to_pylist() == [["known a day before it happened"]]
