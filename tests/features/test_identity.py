"""Stitching accounts into customers through time: what merges, what must not, and ids that stay."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession

from features.as_of import OPEN_START
from features.identity import Earlier, as_own_customers, cuts_of_run, keep_identities
from features.identity_map import moment
from features.identity_overrides import Override
from features.identity_params import IdentityParams
from features.identity_replay import Replay
from features.order_lines import account_customers
from features.output_tables import CUSTOMER_MAP
from tests.features.identity_world import PARAMS, ZONE, People, Sighting, as_of, partitions_time

D = 18_000  # an epoch day
LOGGED_IN: list[Sighting] = [
    ("cookie1", "cookie", "k1", D),
    ("m1", "member_no", "100", D + 1),
    ("cookie1", "member_no", "100", D + 20),  # the log-in
]


def test_every_account_once(spark: SparkSession) -> None:
    """Without sightings, an account seen in several tables is one customer, from always and with no end."""
    lines = spark.createDataFrame([("a", 1), ("b", 2), ("a", 3)], "account_id string, quantity int")
    contacts = spark.createDataFrame([("c",), ("a",)], "account_id string")
    df = CUSTOMER_MAP.conform(as_own_customers([lines, contacts]))
    rows = df.selectExpr("account_id", "customer_id", "unix_timestamp(valid_from)", "valid_to").collect()
    start = int(OPEN_START.timestamp())
    assert sorted(tuple(r) for r in rows) == [(a, a, start, None) for a in "abc"]


def test_a_cookie_is_hers_from_the_log_in_on(spark: SparkSession) -> None:
    """Snapshots before the log-in know the cookie as a stranger; the first cut after it knows her."""
    people = People(LOGGED_IN)
    table = people.resolve(D + 30).customer_map
    customer_map = spark.createDataFrame(table.drop_columns(["confidence", "reason"]))
    for day, customers in ((D + 20, {"cookie1", "m1"}), (D + 30, {"cookie1"})):
        rows = account_customers(customer_map, as_of(day)).collect()
        assert {r["customer_id"] for r in rows} == customers
        assert {r["account_id"] for r in rows} == {"cookie1", "m1"}
        assert people.customers(day) == {r["account_id"]: r["customer_id"] for r in rows}


def test_the_older_customer_keeps_the_id() -> None:
    """A merge keeps the id of the larger side, then of the one seen first; the event says what linked them."""
    people = People([*LOGGED_IN, ("app1", "member_no", "100", D + 40)])
    people.resolve(D + 60)
    assert people.customers() == {"cookie1": "cookie1", "m1": "cookie1", "app1": "cookie1"}
    first, second = people.events("merge")
    assert (first["customer_id"], first["other_customer_id"], first["via"]) == ("cookie1", "m1", "member_no")
    assert second["other_customer_id"] == "app1"
    assert "100" not in (first["value"] or "")
    (row,) = [r for r in people.last.customer_map.to_pylist() if r["account_id"] == "m1" and not r["valid_to"]]
    assert (row["reason"], row["confidence"]) == ("member_no", 0.99)


def test_hub_is_reported_and_joins_nobody() -> None:
    """200 accounts with the store's phone stay 200 customers; five with a phone of their own are one."""
    people = People([(f"a{i:03}", "phone", "store", D + i) for i in range(200)])
    people.resolve(D + 300)
    assert len(people.groups()) == 200
    (hub,) = people.audit("hub")
    assert (hub["n"], hub["limit_value"], hub["identifier_kind"]) == (200, 5, "phone")
    few = People([(f"a{i}", "phone", "home", D) for i in range(5)])
    few.resolve(D + 5)
    assert len(few.groups()) == 1


def test_two_members_with_one_mailbox() -> None:
    """Two member numbers are never one customer, and the audit names the conflict."""
    people = People(
        [("m1", "member_no", "1", D), ("m2", "member_no", "2", D), *((m, "email", "both", D) for m in ("m1", "m2"))]
    )
    people.resolve(D + 9)
    assert len(people.groups()) == 2
    (row,) = people.audit("unique_conflict")
    assert (row["identifier_kind"], row["n"]) == ("email", 1)


def test_a_reissued_phone_number() -> None:
    """A number last seen with somebody two years ago does not join its new owner to her."""
    people = People([("a", "phone", "n", D), ("b", "phone", "n", D + 731)])
    people.resolve(D + 800)
    assert len(people.groups()) == 2
    soon = People([("a", "phone", "n", D), ("b", "phone", "n", D + 100)])
    soon.resolve(D + 200)
    assert len(soon.groups()) == 1
    soon.resolve(D + 731)  # a's own sighting has lapsed
    assert len(soon.groups()) == 2
    assert len(soon.groups(D + 200)) == 1
    assert [e["event_kind"] for e in soon.last.events.to_pylist()] == ["merge", "split"]
    assert soon.customers() == {"a": "a", "b": "b"}
    soon.sightings.append(("a", "phone", "n", D + 735))
    soon.resolve(D + 740)
    assert len(soon.groups()) == 1


def test_future_dated_evidence_waits() -> None:
    """What is told ahead of its time, or known late, counts from the later of the two."""
    people = People([("a", "phone", "n", D), ("b", "phone", "n", D + 50), ("c", "phone", "n", D, D + 20)])
    people.resolve(D + 10)
    assert people.groups() == {frozenset("a"), frozenset("b"), frozenset("c")}
    people.resolve(D + 30)
    assert people.groups() == {frozenset("ac"), frozenset("b")}
    people.resolve(D + 60)
    assert people.groups() == {frozenset("abc")}
    assert people.groups(D + 10) == {frozenset("a"), frozenset("b"), frozenset("c")}


def test_kinds_that_never_stitch() -> None:
    """An openid differs per app, an address is a household: neither makes two accounts one customer."""
    people = People([(a, k, "same", D) for a in "ab" for k in ("openid", "address", "household")])
    people.resolve(D + 9)
    assert len(people.groups()) == 2
    (one, two) = people.last.households.to_pylist()
    assert (one["customer_id"], two["customer_id"], one["household_id"], two["household_id"]) == ("a", "b", "a", "a")
    assert (one["basis"], one["n_customers"]) == ("address+household", 2)


def test_a_crowded_address_is_no_household() -> None:
    """An office with 11 customers, or 25 accounts, makes no household and is reported."""
    people = People([(f"a{i:02}", "address", "office", D) for i in range(11)])
    people.resolve(D + 9)
    assert people.last.households.num_rows == 0
    assert people.audit("household_hub")[0]["n"] == 11


def test_running_again_changes_nothing() -> None:
    """The same cut with the same sightings gives the same tables; so does any order of rows."""
    people = People(list(LOGGED_IN))
    first = people.resolve(D + 30)
    again = people.resolve(D + 30)
    shuffled = People(LOGGED_IN[::-1]).resolve(D + 30)
    for other in (again, shuffled):
        assert other.customer_map.equals(first.customer_map)
        assert other.events.equals(first.events)
        assert other.audit.equals(first.audit)


def test_later_evidence_counts_from_its_own_cut() -> None:
    """Old sightings that arrive late, in a later run, change nothing of what earlier cuts resolved."""
    people = People([("a", "phone", "n", D)], also_seen=["b"])
    before = people.resolve(D + 10).customer_map
    people.sightings.append(("b", "phone", "n", D - 100))
    people.resolve(D + 20)
    assert len(people.groups()) == 1
    assert len(people.groups(D + 10)) == 2
    kept = {(r["account_id"], r["valid_from"]): r["customer_id"] for r in people.last.customer_map.to_pylist()}
    assert all(kept[r["account_id"], r["valid_from"]] == r["customer_id"] for r in before.to_pylist())


def test_the_same_cut_again_with_more_evidence() -> None:
    """The last cut may be done again: its rows are replaced, none is doubled, earlier ones stay."""
    people = People(list(LOGGED_IN))
    people.resolve(D + 30)
    people.sightings.append(("app1", "member_no", "100", D + 29))
    people.resolve(D + 30)
    assert len(people.groups()) == 1
    assert partitions_time(people.last.customer_map)
    assert len({e["event_id"] for e in people.events("merge")}) == len(people.events("merge")) == 2


def test_an_account_seen_before_its_customer() -> None:
    """An account of a fact alone is a customer from always, and joins hers when the evidence comes."""
    people = People(list(LOGGED_IN), also_seen=["web9"])
    people.resolve(D + 30)
    assert people.customers(D - 500)["web9"] == "web9"
    people.sightings.append(("web9", "member_no", "100", D + 33))
    people.resolve(D + 40)
    assert people.customers()["web9"] == "cookie1"
    assert keep_identities(people.earlier, pa.array(["new"])).num_rows == people.last.customer_map.num_rows + 1


def undo(people: People, target: str, left: tuple[str, ...], right: tuple[str, ...]) -> None:
    """Decides to keep two sides apart."""
    people.overrides.append(Override(f"ov-{len(people.overrides)}", "apart", target, left, right))


def test_undo_and_undo_of_the_undo() -> None:
    """Undoing a merge returns both ids; withdrawing that merges again; withdrawing the withdrawal parts again."""
    people = People([("a", "phone", "n", D), ("b", "phone", "n", D + 20), ("b2", "email", "e", D + 10),
                     ("b", "email", "e", D + 11), ("a2", "cookie", "c", D), ("a", "cookie", "c", D)])  # fmt: skip
    people.resolve(D + 18)
    assert people.customers() == {"a": "a", "a2": "a", "b": "b2", "b2": "b2"}
    people.resolve(D + 30)
    (merge,) = [e for e in people.events("merge") if e["accounts_moved"] == 2]
    undo(people, merge["event_id"], ("b", "b2"), ("a", "a2"))
    people.resolve(D + 40)
    assert people.customers() == people.customers(D + 18) == {"a": "a", "a2": "a", "b": "b2", "b2": "b2"}
    (event,) = people.events("undo")
    assert (event["customer_id"], event["other_customer_id"], event["accounts_moved"]) == ("a", "b2", 2)
    people.overrides.append(Override("ov-w", "withdraw", "ov-0"))
    people.resolve(D + 50)
    assert set(people.customers().values()) == {"a"}
    assert len(people.events("restore")) == 1
    people.overrides.append(Override("ov-x", "withdraw", "ov-w"))
    people.resolve(D + 60)
    assert people.customers() == people.customers(D + 18)
    assert len(people.customers(D + 55).values()) == 4
    assert partitions_time(people.last.customer_map)


def test_a_forced_link() -> None:
    """Accounts that a person says are one are one, without evidence; the map says so."""
    people = People([("a", "phone", "1", D), ("b", "phone", "2", D)])
    people.overrides = [Override("ov-0", "link", None, ("a",), ("b",))]
    people.resolve(D + 5)
    assert len(people.groups()) == 1
    assert people.events("merge")[0]["via"] == "decision"


def test_a_made_id_is_used_once() -> None:
    """When a part's own ids are in use, it gets a new one; and the same one again after another merge."""
    people = People([("a", "phone", "n", D), ("b", "phone", "n", D), ("c", "phone", "n", D)])
    people.resolve(D + 5)
    assert people.customers() == dict.fromkeys("abc", "a")
    undo(people, "x", ("a",), ("b", "c"))  # the larger part keeps the id a
    people.resolve(D + 10)
    assert people.customers() == {"a": "a~1", "b": "a", "c": "a"}
    people.overrides.append(Override("ov-w", "withdraw", "ov-0"))
    people.resolve(D + 15)
    assert people.customers() == dict.fromkeys("abc", "a")
    people.overrides.append(Override("ov-x", "withdraw", "ov-w"))
    people.resolve(D + 20)
    assert people.customers() == {"a": "a~1", "b": "a", "c": "a"}


def test_a_run_goes_on_from_the_last_cut() -> None:
    """A first run starts at the first sighting; a later one after the last cut; the last cut may be done again."""
    params = replace(PARAMS, replay_days=7)
    assert cuts_of_run(Earlier(), D, as_of(D + 20), params).days == [D + 1, D + 8, D + 15, D + 20]
    assert cuts_of_run(Earlier(), None, as_of(D), params).days == [D]
    assert cuts_of_run(Earlier(last_day=D + 20), D, as_of(D + 30), params).days == [D + 27, D + 30]
    assert cuts_of_run(Earlier(last_day=D + 20), D, as_of(D + 20), params).days == [D + 20]


SIGHTINGS = st.lists(
    st.tuples(
        st.sampled_from([f"a{i}" for i in range(8)]),
        st.sampled_from(["phone", "email", "member_no", "device"]),
        st.sampled_from(["1", "2", "3"]),
        st.integers(D, D + 60),
        st.integers(D, D + 70),
    ),
    max_size=25,
)
TIGHT = IdentityParams(
    strength=PARAMS.strength, cap={"phone": 2, "device": 3}, expiry_days={"phone": 12, "email": 20}, max_component=4
)


@settings(max_examples=60, deadline=None)
@given(SIGHTINGS, st.lists(st.integers(D + 1, D + 90), min_size=1, max_size=4))
def test_rows_partition_time_and_the_work_saved_changes_nothing(sightings: list[Sighting], days: list[int]) -> None:
    """Every account has one customer at every moment; finding all components at every cut gives the same tables."""
    quick, full = People(sightings, params=TIGHT), People(sightings, params=TIGHT)
    for day in sorted(set(days)):
        quick.resolve(day)
        Replay.full = True
        try:
            full.resolve(day)
        finally:
            Replay.full = False
        assert partitions_time(quick.last.customer_map)
        assert quick.last.customer_map.drop_columns(["confidence", "reason"]).equals(
            full.last.customer_map.drop_columns(["confidence", "reason"])
        )
        assert quick.last.audit.equals(full.last.audit)
        ids = np.array([r["customer_id"] for r in quick.last.customer_map.to_pylist() if r["valid_to"] is None])
        assert np.unique(ids, return_counts=True)[1].max(initial=0) <= 4


def test_moments_are_local() -> None:
    """A cut's rows begin a microsecond before local midnight, so that the snapshot of the cut uses them."""
    assert moment(D, ZONE) == int(as_of(D).ts.timestamp() * 1e6) - 1
