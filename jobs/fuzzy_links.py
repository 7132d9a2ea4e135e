"""Fuzzy matching of account holders by Splink on DuckDB: the one place that imports them (extra [er]).

Fellegi and Sunter's model (1969), trained without labels: u by random pairs, m by expectation maximisation under
blocking. What comes out are pairs with a probability; whether they join customers is decided in
`features/components.py`, where fuzzy links never join big clusters.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features.errors import SettingsError

# column -> how alike its values must be, per level below equality
COLUMNS: dict[str, tuple[str, tuple[float, ...]]] = {
    "given_name": ("jaro_winkler", (0.92, 0.8)),
    "surname": ("jaro_winkler", (0.92, 0.8)),
    "birth_date": ("edits", (1, 2)),
    "postcode": ("edits", (1,)),
    "city": ("jaro_winkler", (0.88,)),
    "address": ("jaro_winkler", (0.92, 0.8)),
    "phone_hash": ("exact", ()),
    "email_hash": ("exact", ()),
}
# pairs are only looked for among records that agree on one of these
BLOCKS: tuple[tuple[str, ...], ...] = (
    ("email_hash",),
    ("phone_hash",),
    ("birth_date", "surname"),
    ("birth_date", "given_name"),
    ("birth_date", "postcode"),
    ("given_name", "surname", "birth_year"),
    ("given_name", "surname", "postcode"),
    ("birth_date",),
    ("given_name", "surname"),
    ("postcode", "surname"),
    ("address",),
)
# what nearly always means one person; tells how common pairs of one person are
SURE: tuple[tuple[str, ...], ...] = (("given_name", "surname", "birth_date"), ("email_hash", "surname"))
TRAINING: tuple[tuple[str, ...], ...] = (
    ("birth_date",),
    ("given_name", "surname"),
    ("email_hash",),
    ("phone_hash",),
    ("address",),
)
LINKS = pa.schema([("account_a", pa.string()), ("account_b", pa.string()), ("probability", pa.float64())])


@dataclass(frozen=True)
class FuzzyParams:
    """How pairs of account holders are scored."""

    threshold: float = 0.9  # least probability of a pair that is returned
    seed: int = 1
    threads: int = 1  # of DuckDB; more may change the last digits
    sure_recall: float = 0.7  # share of pairs of one person that agree in every sure column
    random_pairs: float = 2e6  # pairs drawn to learn how often strangers agree
    block_pairs: int = 20_000_000  # a block that would compare more pairs is left out
    training_pairs: int = 2_000_000  # pairs per training block at most
    least_filled: float = 0.02  # share of records that must state a column for it to count


def fuzzy_links(profiles: pa.Table, params: FuzzyParams | None = None) -> pa.Table:
    """Pairs of accounts that are likely one person: `account_a` < `account_b`, `probability` in [0, 1].

    `profiles`: one row per account with `account_id` and any of COLUMNS as strings (dates as YYYY-MM-DD), nulls where
    unknown. Sorted by account; equal input gives equal output. Raises `SettingsError` without the [er] extra.
    """
    params = params or FuzzyParams()
    splink, library, duckdb = _libraries()
    columns = _stated(profiles, params.least_filled)
    records = _records(profiles, columns)
    if records.num_rows < 2 or len(columns) < 2:
        return LINKS.empty_table()
    with duckdb.connect(config={"threads": params.threads}) as connection:
        # the progress bar would write over our own
        connection.execute("SET enable_progress_bar = false").fetchall()
        connection.register("records", records)
        pairs = {rule: _pairs(connection, rule, records) for rule in {*BLOCKS, *SURE, *TRAINING}}
        blocks = [rule for rule in BLOCKS if 0 < pairs[rule] <= params.block_pairs]
        if not blocks:
            return LINKS.empty_table()
        api = splink.DuckDBAPI(connection)
        settings = splink.SettingsCreator(
            link_type="dedupe_only",
            unique_id_column_name="account_id",
            comparisons=[_comparison(library, c) for c in columns],
            blocking_rules_to_generate_predictions=[splink.block_on(*rule) for rule in blocks],
            probability_two_random_records_match=min(1.0 / records.num_rows, 0.01),
            retain_matching_columns=False,
        )
        linker = splink.Linker(api.register(records), settings, log_level=logging.ERROR)
        _train(linker, splink, pairs, params)
        found = linker.inference.predict(threshold_match_probability=params.threshold).as_pyarrow_table()
    return _as_links(found)


def _libraries() -> tuple[Any, Any, Any]:
    try:
        import duckdb
        import splink
        import splink.comparison_library as library
    except ImportError as e:
        raise SettingsError(
            f"identity.fuzzy needs the [er] extra ({e.name} is not installed): pip install 'nextbest[er]', "
            "or set identity.fuzzy: false"
        ) from e
    logging.getLogger("splink").setLevel(logging.ERROR)
    return splink, library, duckdb


def _stated(profiles: pa.Table, least: float) -> list[str]:
    rows = max(profiles.num_rows, 1)
    return [
        name for name in COLUMNS if name in profiles.column_names and (rows - profiles[name].null_count) / rows >= least
    ]


def _records(profiles: pa.Table, columns: Sequence[str]) -> pa.Table:
    """The records that state at least two columns, by account, with the year of birth."""
    table = profiles.select(["account_id", *columns])
    table = table.set_column(0, "account_id", pc.cast(table["account_id"], pa.string()))
    for i, name in enumerate(columns, start=1):
        text = pc.utf8_lower(pc.utf8_trim_whitespace(pc.cast(table[name], pa.string())))
        table = table.set_column(i, name, pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text))
    if "birth_date" in columns:
        table = table.append_column("birth_year", pc.utf8_slice_codeunits(table["birth_date"], 0, 4))
    stated = [pc.cast(pc.is_valid(table[name]), pa.int8()) for name in columns]
    count = stated[0]
    for one in stated[1:]:
        count = pc.add(count, one)
    return table.filter(pc.greater_equal(count, 2)).sort_by("account_id") if columns else table.slice(0, 0)


def _pairs(connection: Any, rule: Sequence[str], records: pa.Table) -> int:
    if not set(rule) <= set(records.column_names):
        return 0
    keys = ", ".join(rule)
    known = " and ".join(f"{c} is not null" for c in rule)
    query = (
        "select coalesce(sum(n * (n - 1) / 2), 0) "
        f"from (select count(*) as n from records where {known} group by {keys})"
    )
    return int(connection.execute(query).fetchall()[0][0])


def _comparison(library: Any, column: str) -> Any:
    measure, levels = COLUMNS[column]
    if measure == "jaro_winkler":
        return library.JaroWinklerAtThresholds(column, list(levels)).configure(term_frequency_adjustments=True)
    if measure == "edits":
        return library.DamerauLevenshteinAtThresholds(column, [int(x) for x in levels])
    return library.ExactMatch(column)


def _train(linker: Any, splink: Any, pairs: dict[tuple[str, ...], int], params: FuzzyParams) -> None:
    """Learns what there is evidence for; Splink's own defaults stand for the rest."""
    training = linker.training
    sure = [splink.block_on(*rule) for rule in SURE if pairs[rule]]
    if sure:
        training.estimate_probability_two_random_records_match(sure, recall=params.sure_recall)
    training.estimate_u_using_random_sampling(max_pairs=params.random_pairs, seed=params.seed)
    for rule in TRAINING:
        if 0 < pairs[rule] <= params.block_pairs:
            training.estimate_parameters_using_expectation_maximisation(
                splink.block_on(*rule), max_pairs=params.training_pairs
            )


def _as_links(found: pa.Table) -> pa.Table:
    left, right = (pc.cast(found[f"account_id_{side}"], pa.string()) for side in "lr")
    swap = pc.greater(left, right)
    columns = [
        pc.if_else(swap, right, left),
        pc.if_else(swap, left, right),
        pc.round(pc.cast(found["match_probability"], pa.float64()), 6),
    ]
    return pa.table(columns, schema=LINKS).sort_by([("account_a", "ascending"), ("account_b", "ascending")])
