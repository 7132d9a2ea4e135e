"""Browsing: visits, views, funnel, favourites, interest, styles and searches, against plain loops."""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from features.browsing_days import as_category_days, as_visits, event_us
from features.catalogue import FEATURE_TABLES
from features.customer_features import Rooms, build_customer_features
from features.definitions import FeatureDef
from features.facts import Facts
from features.families import browsing, category_interest, search_terms, style_bands, viewed_products
from features.families.price import fit_price_bands, price_percentiles
from features.source_visits import BROWSING
from tests.features import browsing_oracle as oracle
from tests.features.browsing_world import AS_OF, World, days_before, event, facts_of, random_world
from tests.features.purchase_world import as_self, frame, line, product

Row = dict[str, Any]
COMPANIONS = {
    "interest": (category_interest, ("customer_id", "category")),
    "styles": (style_bands, ("customer_id", "style", "price_band")),
    "terms": (search_terms, ("customer_id", "term")),
}
DEFINITIONS = (*browsing.DEFINITIONS, *viewed_products.DEFINITIONS)


def wide(facts: Facts) -> dict[str, Row]:
    """The features of both families by customer, with defaults where a family has no row."""
    frames = [*browsing.features(facts), *viewed_products.features(facts)]
    joined = facts.customers.join(
        reduce(lambda a, b: a.join(b, "customer_no", how="full"), frames), "customer_no", how="inner"
    )
    return {r["customer_id"]: with_defaults(r.asDict()) for r in joined.collect()}


def with_defaults(row: Row) -> Row:
    """What the wide row holds for nulls."""
    return row | {d.name: default(d) for d in DEFINITIONS if row.get(d.name) is None}


def default(definition: FeatureDef) -> Any:
    """The value where nothing happened."""
    return {"null": None, "0": 0, "false": False}[definition.default]


def companion(facts: Facts, name: str) -> dict[tuple[Any, ...], Row]:
    """The rows of a companion by key, of the columns that its contract has."""
    module, key = COMPANIONS[name]
    columns = [c for c in module.CONTRACT.names if c != "as_of"]  # type: ignore[attr-defined]
    found: DataFrame = module.rows(facts).select(*columns)  # type: ignore[attr-defined]
    rows = [r.asDict() for r in found.collect()]
    assert len({tuple(r[k] for k in key) for r in rows}) == len(rows)
    return {tuple(r[k] for k in key): {n: v for n, v in r.items() if n not in key} for r in rows}


def same(found: Row, expected: Row) -> bool:
    """Whether values agree: doubles to the sixth place, the rest exactly."""
    return found.keys() >= expected.keys() and all(
        found[k] == pytest.approx(v, abs=2e-6) if isinstance(v, float) else found[k] == v for k, v in expected.items()
    )


@pytest.mark.parametrize("seed", [1])
def test_all_features_equal_plain_loops_over_raw_events(spark: SparkSession, tmp_path: Path, seed: int) -> None:
    """Every feature of the wide row and of the companions is what a loop over known events gives."""
    world = random_world(seed)
    facts = facts_of(spark, world, tmp_path)
    found, expected = wide(facts), {c: with_defaults(r) for c, r in oracle.wide(world).items()}
    assert found.keys() == expected.keys()
    style_cells = companion(facts, "styles")
    bands = {
        (r["subject"], r["position"]): round(r["value"] * 100)
        for r in fit_price_bands(price_percentiles(facts)).collect()
    }
    assert bands
    expect_tops(expected, oracle.styles(world, bands))
    for customer, row in expected.items():
        assert same(found[customer], row), (customer, differences(found[customer], row))
    for name, expected_rows, rows in (
        ("interest", oracle.interest(world), companion(facts, "interest")),
        ("terms", oracle.terms(world), companion(facts, "terms")),
        ("styles", oracle.styles(world, bands), style_cells),
    ):
        assert rows.keys() == expected_rows.keys(), name
        wrong = {k: differences(rows[k], r) for k, r in expected_rows.items() if not same(rows[k], r)}
        assert wrong == {}, name


def expect_tops(expected: dict[str, Row], cells: dict[tuple[Any, ...], Row]) -> None:
    """Adds feature 83 to the expected rows."""
    for customer, row in expected.items():
        dwelt = {(s, b): r["dwell_style_band_30"] for (c, s, b), r in cells.items() if c == customer}
        dwelt = {k: round(v, 3) for k, v in dwelt.items() if round(v, 3) > 0}
        if dwelt:
            (style, band), most = min(dwelt.items(), key=lambda kv: (-kv[1], kv[0]))
            row["dwell_top_style_band"] = f"{style}|{band}"
            row["dwell_top_style_band_share"] = round(most / sum(dwelt.values()), 6)


def differences(found: Row, expected: Row) -> Row:
    """Column -> (found, expected) where they differ."""
    return {k: (found.get(k), v) for k, v in expected.items() if not same({k: found.get(k)}, {k: v})}


def odd_cases() -> World:
    """One account per odd case; expectations are in the tests below."""
    rows = [
        # a visit over midnight, and half an hour to the second between two events
        event("midnight", days_before(3, 23.75)),
        event("midnight", days_before(2, 0.25)),
        event("half", days_before(2, 10)),
        event("half", days_before(2, 10.5)),
        event("half", days_before(2, 11) + timedelta(seconds=1)),
        # a visit over the cut, and an event at it
        event("cut", days_before(1, 23.9)),
        event("cut", AS_OF.ts),
        event("cut", AS_OF.ts + timedelta(minutes=5)),
        # the first moment of a window and the last before it
        event("edge", days_before(7, 0)),
        event("edge", days_before(7, 0) - timedelta(hours=1)),
        # a page left open for a day
        event("sleeper", days_before(2), dwell_seconds=86400.0),
        event("moved", days_before(20), product_id="moved"),
        event("nowhere", days_before(2), product_id="bare"),
        event("nowhere", days_before(2, 13), product_id="bare", category="PAGE"),
        event("nowhere", days_before(2, 14), product_id="unknown"),
        # made a favourite and bought; and again a favourite after that
        event("buyer", days_before(9), "favourite"),
        event("again", days_before(9), "favourite"),
        event("again", days_before(5), "favourite"),
        event("fickle", days_before(9), "favourite", event_id="x1"),
        event("fickle", days_before(9), "unfavourite", event_id="x2"),
    ]
    rows += [
        event("robot", days_before(d, 9) + timedelta(seconds=n), event_id=f"r{d}-{n}", session_id=session)
        for d, session in ((1, None), (2, None), (3, "s"))
        for n in range(0, 1500)
    ]
    products = [
        product("p0", "MILK"),
        product("bare", None),
        product("moved", "OLD"),
        product("moved", "NEW", valid_from=days_before(10)),
    ]
    return {
        "transactions": [line("buyer", "o1", days_before(8)), line("again", "o2", days_before(8))],
        "products": products,
        "customer_map": as_self(r["account_id"] for r in rows),
        "browsing": rows,
    }


@pytest.fixture(scope="module")
def odd(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Row], Any]:
    """Wide rows and interest of the odd cases, built once."""
    facts = facts_of(spark, odd_cases(), tmp_path_factory.mktemp("odd"))
    return wide(facts), companion(facts, "interest")


def test_a_visit_over_midnight_is_one_visit_on_two_days(odd: tuple[dict[str, Row], Any]) -> None:
    """It counts on the day on which it began; thirty minutes of silence do not end it, a second more does."""
    row = odd[0]["midnight"]
    assert (row["n_sessions_7"], row["active_days_7"], row["views_7"]) == (1, 2, 2)
    assert odd[0]["half"]["n_sessions_7"] == 2


def test_a_visit_over_the_cut_is_known_up_to_it(odd: tuple[dict[str, Row], Any]) -> None:
    """Events at the cut and after it do not count, nor does the hour before a window."""
    assert (odd[0]["cut"]["n_sessions_7"], odd[0]["cut"]["views_7"]) == (1, 1)
    assert (odd[0]["edge"]["views_7"], odd[0]["edge"]["views_30"], odd[0]["edge"]["active_days_7"]) == (1, 2, 1)


def test_a_page_left_open_for_a_day_counts_for_the_cap(odd: tuple[dict[str, Row], Any]) -> None:
    """Ten minutes, not twenty-four hours."""
    assert odd[1]["sleeper", "MILK"]["dwell_30"] == 600.0


def test_a_favourite_that_was_bought_is_closed(odd: tuple[dict[str, Row], Any]) -> None:
    """Bought after it was marked: closed; marked again afterwards: open; taken back at the same moment: closed."""
    assert {c: odd[0][c]["fav_not_bought_n"] for c in ("buyer", "again", "fickle")} == {
        "buyer": 0,
        "again": 1,
        "fickle": 0,
    }


def test_a_view_counts_for_the_category_at_the_view(odd: tuple[dict[str, Row], Any]) -> None:
    """A product that moved later, one without a category on a category's page, and one that nobody described."""
    assert {c for a, c in odd[1] if a == "moved"} == {"OLD"}
    assert {c: r["views_30"] for (a, c), r in odd[1].items() if a == "nowhere"} == {"PAGE": 1}
    assert odd[0]["nowhere"]["views_7"] == 3


def test_a_robot_costs_as_much_as_its_half_hours(spark: SparkSession, odd: tuple[dict[str, Row], Any]) -> None:
    """However many events there are, visits are found from half hours and sessions, and categories from days."""
    assert (odd[0]["robot"]["views_7"], odd[0]["robot"]["n_sessions_7"]) == (4500, 3)
    robot = [r for r in odd_cases()["browsing"] if r["account_id"] == "robot"]
    log = frame(spark, BROWSING, robot).select("*", event_us().alias("us"), F.lit(1).alias("customer_no"))
    assert as_visits(log, AS_OF).count() == 3
    spans = spark.createDataFrame(
        [("p0", 1, 0, 2**62)], "product_id string, category_no int, from_us long, until_us long"
    )
    assert as_category_days(log.withColumn("ms", F.lit(0)), spans, AS_OF).count() == 3


def test_interest_needs_no_carts_and_is_empty_without_browsing_too(
    spark: SparkSession, tmp_path: Path, odd: tuple[dict[str, Row], Any]
) -> None:
    """Orders alone are in another table; browsing alone gives interest, a purchase in it lowers what is wanted."""
    world = odd_cases()
    assert odd[1]["again", "MILK"]["wanted_not_bought"] == 0.0
    world.pop("browsing")
    assert companion(facts_of(spark, world, tmp_path), "interest") == {}


def test_tables_keep_their_contracts(spark: SparkSession, tmp_path: Path) -> None:
    """What a snapshot writes of these rooms breaks no rule: no null, bound or key."""
    rooms = Rooms((browsing, viewed_products), (), (category_interest, style_bands, search_terms))
    facts = facts_of(spark, random_world(3), tmp_path)
    for name, table in build_customer_features(facts, rooms=rooms).items():
        contract = next(c for c in FEATURE_TABLES if c.name == name)
        counts = contract.audit_counts(table).collect()[0].asDict()
        assert counts["rows"] > 0, name
        assert contract.faults(counts) == [], name
        assert contract.duplicate_keys(table).count() == 0, name


def test_the_order_of_arrival_does_not_matter(spark: SparkSession, tmp_path: Path) -> None:
    """Rows the other way round, in three parts, known at any moment before the cut: every table is equal to the bit."""
    world = random_world(4, accounts=4, visits=6)
    other = {name: rows[::-1] for name, rows in world.items()}
    early = [r for r in other["browsing"] if r["event_ts"] < r["available_ts"] < AS_OF.ts]
    assert early
    for r in early:
        other["browsing"][other["browsing"].index(r)] = r | {"available_ts": AS_OF.ts - timedelta(seconds=1)}
    one, two = facts_of(spark, world, tmp_path), facts_of(spark, other, tmp_path, partitions=3)
    assert wide(one) == wide(two)
    for name in COMPANIONS:
        assert companion(one, name) == companion(two, name)
