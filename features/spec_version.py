"""The version of the feature definitions.

A changed definition is a new meaning under an old name: readers of old snapshots, and models trained on them, must be
able to tell. Whoever changes, adds or removes a definition adds a line here; a test holds the last hash to the code,
and `build-features` refuses to write definitions that differ under a version that the lake already knows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from features.catalogue import COMPANIONS, all_definitions

# version -> (hash of the definitions, what changed)
VERSIONS = {
    1: ("", "families A to F from transactions, products and customers; hashes were not kept"),
    2: ("46b144660c3aa1e1", "families A to P from every source; attributes as of the event, net of refunds"),
}
SPEC_VERSION = max(VERSIONS)


def definitions_hash() -> str:
    """SHA-256 of all definitions as canonical JSON, 16 hex digits; parameters are not in it."""
    tables = {"customer_features": all_definitions(), **{c.CONTRACT.name: c.DEFINITIONS for c in COMPANIONS}}
    spec = {name: [asdict(d) for d in definitions] for name, definitions in tables.items()}
    return hashlib.sha256(json.dumps(spec, sort_keys=True, separators=(",", ":")).encode()).hexdigest()[:16]


def spec_note() -> str:
    """What a snapshot's commit says of its definitions.

    >>> spec_note().split()[:2] == ["definitions", str(SPEC_VERSION)]
    True
    """
    return f"definitions {SPEC_VERSION} {definitions_hash()}"


def conflict(notes: list[str]) -> str | None:
    """The note of an earlier commit that gives this version to other definitions; None when there is none."""
    ours = spec_note()
    same_version = [n for n in notes if n.split(" ")[:2] == ours.split(" ")[:2]]
    return next((n for n in same_version if n != ours), None)
