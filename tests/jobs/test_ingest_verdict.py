"""When the counts of a table let a run go on. No engine."""

from dataclasses import replace

from features.quality_params import QualityParams
from features.source_tables import OFFERS, TRANSACTIONS
from jobs.ingest_verdict import Outcome, faults

PARAMS = QualityParams(max_quarantined_share=0.01, tolerated_rows=10)


def outcome(rows_in: int, quarantined: int, **rules: int) -> Outcome:
    """Counts of a table whose refused rows all broke `bad`."""
    found = Outcome(rows_in=rows_in, examples=["f row 1: bad"], severity={"bad": "quarantine", "odd": "stop"})
    rules = rules or {"bad": quarantined}
    found.add_judged(
        {"good": rows_in - quarantined, "quarantined": quarantined, "warned": 0},
        [{"rule": rule, "rows": n, "first": {"source_file": "f", "source_row": 1}} for rule, n in rules.items()],
    )
    return found


def test_few_bad_rows_go_on() -> None:
    """Up to the share, or up to the tolerated number of rows, nothing stops."""
    assert faults(TRANSACTIONS, outcome(100_000, 1_000), PARAMS) == []
    assert faults(OFFERS, outcome(20, 10), PARAMS) == []


def test_many_bad_rows_stop() -> None:
    """One row above both limits stops, with where to look."""
    assert "1,001 of 100,000" in faults(TRANSACTIONS, outcome(100_000, 1_001), PARAMS)[0]
    assert "look first at f row 1: bad" in faults(OFFERS, outcome(20, 11), PARAMS)[0]
    assert faults(OFFERS, outcome(20, 11), replace(PARAMS, tolerated_rows=11)) == []


def test_required_tables_need_good_rows() -> None:
    """No rows, or none that is good, stops a required table only."""
    assert "has no rows" in faults(TRANSACTIONS, outcome(0, 0), PARAMS)[0]
    assert faults(OFFERS, outcome(0, 0), PARAMS) == []
    assert "all 5 rows broke a rule" in faults(TRANSACTIONS, outcome(5, 5), PARAMS)[0]


def test_stop_rule_and_lost_rows() -> None:
    """A rule set to stop needs one row; counts that do not add up are told as our fault."""
    assert "odd, which is set to stop" in faults(OFFERS, outcome(9, 1, odd=1), PARAMS)[0]
    lost = outcome(9, 1)
    lost.rows_in = 10
    assert "rows were lost" in faults(OFFERS, lost, PARAMS)[0]
