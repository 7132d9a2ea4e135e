"""Cases with customer service, against a plain loop and at the edges."""

from datetime import timedelta

from pyspark.sql import SparkSession

from features.families import service
from tests.features.families.people_world import (
    INSTANT,
    Draws,
    Row,
    Tables,
    assert_equals_oracle,
    known,
    owners,
    wide,
    with_future,
)
from tests.features.purchase_world import AS_OF

KINDS = ("complaint", "question", "return", "delivery", "other")


def cases(seed: int) -> Tables:
    """Random cases, half of them closed, some at or after the cut."""
    draws = Draws(seed, (0, 1, 90))
    rows = [draws.log(case_id=f"cs-{i}") for i in range(80)]
    for row in rows:
        length = timedelta(days=draws.rng.choice([0, 1, 30, 200]))
        row["closed_ts"] = draws.rng.choice([None, row["event_ts"] + length, AS_OF.ts, AS_OF.ts - INSTANT])
        row["case_kind"] = draws.rng.choice(KINDS)
        row["is_negative"] = draws.rng.choice([True, False, None])
    # two cases at one moment
    rows += [r | {"case_id": r["case_id"] + "-again", "is_negative": not r["is_negative"]} for r in rows[:30]]
    return {"service_cases": rows}


def oracle(tables: Tables, customer: str) -> Row:
    """What a loop over the raw cases finds."""
    mine = [r for r in known(tables["service_cases"]) if r["customer_id"] == customer]
    still = [r for r in mine if r["closed_ts"] is None or r["closed_ts"] >= AS_OF.ts]
    recent = sorted((r for r in mine if r["days_ago"] <= 90), key=lambda r: (r["event_ts"], r["case_id"]))
    complaints = [r["days_ago"] for r in mine if r["case_kind"] == "complaint"]
    return {
        "open_case_n": len(still),
        "has_open_complaint": any(r["case_kind"] == "complaint" for r in still),
        "case_n_90": len(recent),
        "last_case_neg": bool(recent and recent[-1]["is_negative"]),
        "days_since_complaint": min(complaints, default=None),
    }


def test_equals_a_plain_loop_and_ignores_the_future(spark: SparkSession) -> None:
    """Every feature of random cases, of merged accounts too; cases at or after the cut change nothing."""
    tables = cases(5)
    found = wide(spark, service, tables)
    assert_equals_oracle(found, lambda c: oracle(tables, c), set(owners().values()), service.DEFINITIONS)
    assert wide(spark, service, with_future(tables)) == found


def test_a_case_closed_at_the_cut_is_open(spark: SparkSession) -> None:
    """Closed the instant before the cut it is closed; at the cut or later, as the log may say by now, it is open."""

    def case(account: str, number: str, **more: object) -> Row:
        ts = AS_OF.plus(-200).ts
        return {"account_id": account, "case_id": number, "event_ts": ts, "available_ts": ts} | more

    rows = [
        case("a5", "at", case_kind="complaint", closed_ts=AS_OF.ts),
        case("a5", "later", case_kind="question", closed_ts=AS_OF.plus(30).ts),
        case("a5", "never", case_kind="other"),
        case("a6", "before", case_kind="complaint", closed_ts=AS_OF.ts - INSTANT),
    ]
    found = wide(spark, service, {"service_cases": rows})
    assert (found["c-a5"]["open_case_n"], found["c-a5"]["has_open_complaint"]) == (3, True)
    assert (found["c-a6"]["open_case_n"], found["c-a6"]["has_open_complaint"]) == (0, False)
    assert found["c-a6"]["days_since_complaint"] == 200
    assert found["c-a6"]["case_n_90"] == 0
