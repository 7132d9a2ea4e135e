"""resolve-identities and the identities command on a lake: stitching, running again, undoing, refusing."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from features.as_of import AsOf
from features.errors import DataError
from features.identity_params import IdentityParams
from jobs import identities, resolve_identities
from jobs.contracts import all_contracts
from jobs.runs import Outcome, execute
from jobs.session import Engine
from jobs.settings import load_settings
from jobs.tables import Lake
from jobs.tracking import Tracking
from tests.features.identity_world import partitions_time

ZONE = "Asia/Shanghai"
DAY0 = datetime(2025, 3, 1, 4, tzinfo=UTC)
SIGHTINGS = [  # account, kind, identifier, days after DAY0
    ("m1", "member_no", "100", 0),
    ("m1", "phone", "p1", 0),
    ("cookie1", "cookie", "k1", 3),
    ("cookie1", "phone", "p1", 12),
    ("m2", "member_no", "200", 0),
    ("m2", "address", "street", 0),
    ("m1", "address", "street", 0),
    ("web3", "phone", " ", 1),
    ("web4", "phone", "p1", 90),  # not known yet
]


class Shop:
    """A lake with purchases and identifier sightings."""

    def __init__(self, root: Path, engine: Engine, **identity: Any) -> None:
        self.engine = engine
        self.lake = Lake(root, all_contracts())
        self.lake.check_writable()
        self.settings = load_settings(None, {"lake": str(root), "time_zone": ZONE, "identity": identity})
        self.put("transactions", [self.line("m1", 0), self.line("web9", 20)])

    def line(self, account: str, days: int) -> dict[str, Any]:
        """An order line."""
        ts = DAY0 + timedelta(days=days)
        return {"order_id": f"{account}-{days}", "line_no": 1, "account_id": account, "product_id": "p", "event_ts": ts,
                "available_ts": ts, "quantity": 1, "amount": "1.00"}  # fmt: skip

    def put(self, name: str, rows: list[dict[str, Any]]) -> None:
        """Publishes rows as a table."""
        schema = self.lake.contract(name).arrow_schema()
        columns = {f.name: pa.array([r.get(f.name) for r in rows]).cast(f.type) for f in schema}
        staged = self.lake.stage(name, pa.table(columns), f"in-{name}-{len(rows)}", None)
        self.lake.publish(staged, run_id="x", step="test", attempt_id="x")

    def sight(self, sightings: list[tuple[str, str, str, int]], states: dict[str, str] | None = None) -> None:
        """Publishes accounts."""
        rows = []
        for account, kind, identifier, days in sightings:
            ts = DAY0 + timedelta(days=days)
            state = (states or {}).get(identifier)
            rows.append({"account_id": account, "identifier_kind": kind, "identifier": identifier, "event_ts": ts,
                         "available_ts": ts, "identifier_state": state})  # fmt: skip
        self.put("accounts", rows)

    def run(self, day: int, **kwargs: Any) -> Outcome:
        """Resolves as of so many days after DAY0."""
        as_of = AsOf(DAY0.date() + timedelta(days=day), ZONE)
        tracking = Tracking(None, self.lake.root)
        return execute(resolve_identities, self.settings, as_of, self.engine, self.lake, tracking, **kwargs)

    def customers(self) -> dict[str, str]:
        """Customer of each account now."""
        rows = self.lake.arrow("customer_map").to_pylist()
        return {r["account_id"]: r["customer_id"] for r in rows if r["valid_to"] is None}

    def command(self, *words: str) -> str:
        """What `nextbest identities ...` prints; its error is raised."""
        args = [*words, "--lake", str(self.lake.root)]
        result = CliRunner().invoke(identities.command, args, standalone_mode=False, catch_exceptions=False)
        if result.exception:
            raise result.exception
        return result.output


@pytest.fixture
def shop(tmp_path: Path, engine: Engine) -> Shop:
    """A shop with the sightings above."""
    made = Shop(tmp_path / "lake", engine)
    made.sight(SIGHTINGS)
    return made


def test_without_accounts_each_is_a_customer(tmp_path: Path, engine: Engine) -> None:
    """No sightings: the map is a pass-through, no other table is written, and the work is done once."""
    shop = Shop(tmp_path / "lake", engine)
    shop.run(25)
    assert shop.customers() == {"m1": "m1", "web9": "web9"}
    assert shop.lake.table("identity_audit") is None
    assert shop.run(25).skipped
    shop.sight(SIGHTINGS)  # the first delivery replays the history
    shop.run(25)
    assert shop.customers()["cookie1"] == "m1"


def test_history_is_stitched_once(shop: Shop) -> None:
    """Stitched by cuts from the first sighting; done again only for another date; earlier rows never change."""
    shop.run(25)
    assert shop.customers() == {"m1": "m1", "cookie1": "m1", "m2": "m2", "web3": "web3", "web4": "web4", "web9": "web9"}
    first = shop.lake.arrow("customer_map")
    (event,) = shop.lake.arrow("identity_events").to_pylist()
    assert (event["event_kind"], event["via"], event["accounts_moved"]) == ("merge", "phone", 1)
    assert {r["household_id"] for r in shop.lake.arrow("households").to_pylist()} == {"m1"}
    checks = {(r["check"], r["identifier_kind"]): r["n"] for r in shop.lake.arrow("identity_audit").to_pylist()}
    assert (checks["blank", "phone"], checks["future_dated", "phone"], checks["largest_customer", ""]) == (1, 1, 2)
    assert shop.run(25).skipped
    shop.run(25, force=True)
    assert shop.lake.arrow("customer_map").equals(first)
    shop.run(95)
    assert shop.customers()["web4"] == "m1"
    assert partitions_time(shop.lake.arrow("customer_map"))
    then = datetime(2025, 3, 26, tzinfo=UTC)
    old = [r for r in shop.lake.arrow("customer_map").to_pylist() if r["valid_from"] < then]
    assert [r["customer_id"] for r in old] == first["customer_id"].to_pylist()


def test_an_earlier_date_leaves_the_map(shop: Shop, capsys: pytest.CaptureFixture) -> None:
    """A run for a date before the last resolved one says so and changes nothing."""
    shop.run(95)
    before = shop.lake.arrow("customer_map")
    shop.run(30)
    assert "resolved until 2025-06-04 already" in capsys.readouterr().out
    assert shop.lake.arrow("customer_map").equals(before)
    shop.run(95)
    assert shop.lake.arrow("customer_map").equals(before)
    assert resolve_identities.last_resolved(shop.lake) == date(2025, 6, 4)


def test_after_a_rollback_the_cuts_are_done_again(shop: Shop) -> None:
    """The map rolled back knows the cut it was resolved until, and the next run goes on from there."""
    shop.run(25)
    shop.run(95)
    before = shop.lake.arrow("customer_map")
    shop.lake.restore("customer_map", 0, None, "r", "a")
    assert resolve_identities.last_resolved(shop.lake) == date(2025, 3, 26)
    shop.run(95, force=True)
    assert shop.lake.arrow("customer_map").equals(before)
    assert shop.lake.arrow("identity_events").num_rows == 2


def test_an_empty_delivery_parts_nobody(shop: Shop, capsys: pytest.CaptureFixture) -> None:
    """When accounts comes empty after it was there, the map stands."""
    shop.run(25)
    before = shop.customers()
    shop.put("accounts", [])
    shop.run(30)
    assert "stands as it was" in capsys.readouterr().out
    assert shop.customers() == before


def test_blocked_values_do_not_stitch(tmp_path: Path, engine: Engine) -> None:
    """A value that ingest blocked or found malformed joins nobody, and the audit counts it."""
    shop = Shop(tmp_path / "lake", engine)
    shop.sight([(a, "phone", "13800138000", 0) for a in "ab"] + [(a, "email", "x@", 0) for a in "ab"],
               {"13800138000": "blocked", "x@": "malformed"})  # fmt: skip
    shop.run(9)
    assert shop.customers()["a"] != shop.customers()["b"]
    checks = {r["check"]: r["n"] for r in shop.lake.arrow("identity_audit").to_pylist()}
    assert (checks["blocked"], checks["malformed"]) == (2, 2)


def test_too_many_edges(tmp_path: Path, engine: Engine) -> None:
    """Beyond the limit the error names limit, found and setting, and nothing is published."""
    shop = Shop(tmp_path / "lake", engine, max_edges=3)
    shop.sight(SIGHTINGS)
    with pytest.raises(DataError, match=r"7 edges.*limit is 3.*identity\.max_edges"):
        shop.run(25)
    assert shop.lake.table("customer_map") is None


def test_undo_by_command(shop: Shop) -> None:
    """A merge is undone, the undo withdrawn, and that withdrawn again; each by the id that was printed."""
    shop.run(25)
    (event,) = shop.lake.arrow("identity_events").to_pylist()
    assert event["event_id"] in shop.command("list")
    undone = shop.command("undo", event["event_id"]).split()[0]
    shop.run(25)
    assert shop.customers()["cookie1"] == "cookie1"
    with pytest.raises(DataError, match=f"undone already, by {undone}"):
        shop.command("undo", event["event_id"])
    back = shop.command("undo", undone).split()[0]
    with pytest.raises(DataError, match=f"undone already, by {back}"):
        shop.command("undo", undone)
    shop.run(30)
    assert shop.customers()["cookie1"] == "m1"
    shop.command("undo", back)
    shop.run(35)
    assert shop.customers()["cookie1"] == "cookie1"
    assert "cookie1" in shop.command("history", "m1")
    assert partitions_time(shop.lake.arrow("customer_map"))


def test_split_and_link_by_command(shop: Shop) -> None:
    """A person parts and joins; decisions that contradict each other, and unknown names, are refused."""
    shop.run(25)
    apart = shop.command("split", "m1", "cookie1").split()[0]
    with pytest.raises(DataError, match=f"{apart} keeps accounts cookie1 and m1 apart"):
        shop.command("link", "m1", "cookie1")
    shop.command("link", "cookie1", "m2")
    with pytest.raises(DataError, match=f"{apart} keeps accounts"):  # through m2
        shop.command("link", "m2", "m1")
    shop.run(30)
    found = shop.customers()
    assert found["cookie1"] == found["m2"] != found["m1"]
    for words, text in {
        ("undo", apart[:-1]): f"did you mean '{apart}'",
        ("split", "m9", "m1"): "no customer 'm9'",
        ("split", "m1", "cookie1"): "not an account of m1",
        ("split", "m1", "m1"): "all accounts of m1",
        ("link", "m1", "mm2"): "did you mean|no account or customer",
        ("link", "m1", "m1"): "the same account",
        ("history", "nobody"): "no customer or account",
    }.items():
        with pytest.raises(DataError, match=text):
            shop.command(*words)


def test_parameters_out_of_range() -> None:
    """All faults are named at once."""
    with pytest.raises(Exception, match=r"(?s)cap: 'fone'.*strength: phone is 2.*max_component: 0"):
        IdentityParams(strength={"phone": 2}, cap={"fone": 1}, max_component=0)
