"""Replaces identifiers in a batch before any of it is written, and cuts private values out of what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from features.contract import Contract
from features.identifiers import Pseudonymiser
from features.quarantine import left_out, without_values
from features.source_people import IDENTIFIER_KINDS
from features.source_tables import ACCOUNTS

# columns of accounts that are ours to fill; what a source delivers in them is not read
SET_ON_INGEST = ("identifier_state", "key_version")
FILLED = ("identifier", *SET_ON_INGEST)
FILLED_SCHEMA = pa.schema([(n, pa.string()) for n in FILLED])


def is_sensitive(contract: Contract) -> bool:
    """Whether a row of the table may hold identifiers or private values."""
    return contract.name == ACCOUNTS.name or bool(contract.private_names)


def pseudonymised(columns: Mapping[str, pa.Array], hashes: Pseudonymiser) -> dict[str, pa.Array]:
    """The columns identifier_kind, identifier, identifier_state and key_version of a batch of accounts.

    Each distinct value is hashed once. Of a kind that is none of ours only the length is kept, since columns may be
    mixed up; its row breaks the rule on kinds all the same.
    """
    kinds = pc.fill_null(columns["identifier_kind"], "")
    values = columns["identifier"]
    positions: list[pa.Array] = [pa.array([], pa.uint64())]
    parts: list[pa.Table] = []
    for kind in kinds.unique().to_pylist():
        here = pc.indices_nonzero(pc.equal(kinds, kind))
        encoded = values.take(here).dictionary_encode()
        found = hashes.replace(kind, encoded.dictionary.to_pylist())
        filled = zip(*found, strict=True) if found else ((), (), ())
        positions.append(here)
        arrays = [pa.array(column, pa.string()) for column in filled]
        parts.append(pa.table(arrays, schema=FILLED_SCHEMA).take(encoded.indices))
    known = pc.is_in(columns["identifier_kind"], pa.array(IDENTIFIER_KINDS))
    kept = columns["identifier_kind"]
    if not pc.all(pc.or_(known, kept.is_null())).as_py():
        safe = [k if k is None or k in IDENTIFIER_KINDS else left_out(k) for k in kept.to_pylist()]
        kept = pa.array(safe, pa.string())
    whole = pa.concat_tables([FILLED_SCHEMA.empty_table(), *parts]).combine_chunks()
    whole = whole.take(pc.sort_indices(pa.concat_arrays(positions)))
    return {"identifier_kind": kept} | {n: whole[n].combine_chunks() for n in FILLED}


def shown(contract: Contract, delivered: dict[str, Any], clean: Mapping[str, Any]) -> dict[str, Any]:
    """A row that could not be read, as quarantine may keep it.

    Of accounts the hashed identifier and the length of every value that could not be read, which may be an
    identifier in the wrong column; of other tables the length of private values.
    """
    if contract.name != ACCOUNTS.name:
        return without_values(delivered, contract.private_names)
    unreadable = [n for n, value in delivered.items() if value is not None and clean.get(n) is None]
    row = without_values(delivered, unreadable)
    return row | {n: clean[n] for n in ("identifier", "identifier_kind") if n in row and n not in unreadable}
