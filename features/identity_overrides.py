"""What persons decided about identities: accounts kept apart, accounts that are one, and decisions withdrawn."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.components import NO_LINKS, Links
from features.constrained_parts import Apart
from features.errors import DataError
from features.identity_replay import Decisions

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Override:
    """A row of `identity_overrides`. `target` is the event or decision it undoes, where it undoes one."""

    override_id: str
    action: str  # apart, link, withdraw
    target: str | None = None
    left: tuple[str, ...] = ()
    right: tuple[str, ...] = ()


def as_overrides(table: pa.Table | None) -> list[Override]:
    """The rows of `identity_overrides`, oldest first."""
    rows = [] if table is None else sorted(table.to_pylist(), key=lambda r: (r["written_at"], r["override_id"]))
    sides = ("left_accounts", "right_accounts")
    return [Override(r["override_id"], r["action"], r["target"], *(tuple(r[s] or ()) for s in sides)) for r in rows]


def override_id(earlier: Sequence[Override], action: str, target: str | None, sides: Iterable[str]) -> str:
    """A new decision's id: of its content and its place in the log."""
    text = "|".join([str(len(earlier)), action, target or "", *sides])
    return "ov-" + hashlib.sha256(text.encode()).hexdigest()[:10]


def withdrawals(overrides: Sequence[Override]) -> dict[str, str]:
    """Decisions that hold no longer, with the decision that withdrew them; a withdrawal can be withdrawn itself."""
    gone: dict[str, str] = {}
    for o in reversed(overrides):
        if o.action == "withdraw" and o.override_id not in gone and o.target is not None:
            gone[o.target] = o.override_id
    return gone


def active_overrides(overrides: Sequence[Override]) -> list[Override]:
    """The decisions to keep apart or link that hold."""
    gone = withdrawals(overrides)
    return [o for o in overrides if o.action != "withdraw" and o.override_id not in gone]


def check_consistent(overrides: Sequence[Override]) -> None:
    """`DataError` naming the decisions when accounts kept apart are linked, directly or through others."""
    active = active_overrides(overrides)
    parent: dict[str, str] = {}

    def find(a: str) -> str:
        while parent.setdefault(a, a) != a:
            a = parent[a]
        return a

    links = [o for o in active if o.action == "link"]
    for o in links:
        for a in (*o.left, *o.right):
            parent[find(a)] = find(o.left[0])
    for o in (o for o in active if o.action == "apart"):
        roots = {find(a): a for a in o.left}
        both = next((b for b in o.right if find(b) in roots), None)
        if both is not None:
            through = [x.override_id for x in links if find(x.left[0]) == find(both)]
            raise DataError(
                f"{o.override_id} keeps accounts {roots[find(both)]} and {both} apart, and {', '.join(through)} makes "
                "them one; undo one of these decisions first: nextbest identities undo ID"
            )


def as_decisions(active: Sequence[Override], accounts: pa.Array, fuzzy: Links = NO_LINKS) -> Decisions:
    """The decisions in force by account number; accounts that no table knows are left out."""
    apart: Apart = {}
    first: list[int] = []
    second: list[int] = []
    for o in active:
        left, right = _numbers(o.left, accounts), _numbers(o.right, accounts)
        if o.action == "link":
            chain = [*left, *right]
            first += chain[:-1]
            second += chain[1:]
        else:
            for side, members in enumerate((left, right)):
                for a in members:
                    apart.setdefault(a, {})[o.override_id] = side
    forced = Links(np.asarray(first, np.int64), np.asarray(second, np.int64), np.ones(len(first)))
    return Decisions(forced, apart, fuzzy)


def decided_pairs(
    overrides: Sequence[Override], accounts: pa.Array, before: Ints, after: Ints
) -> dict[tuple[int, int], str]:
    """(customer before, customer after) of the changes that decisions made: `undo` or `restore`."""
    gone = withdrawals(overrides)
    found: dict[tuple[int, int], str] = {}
    for o in overrides:
        holds = o.override_id not in gone
        left, right = (
            {(int(before[a]), int(after[a])) for a in _numbers(side, accounts)} for side in (o.left, o.right)
        )
        if o.action == "apart" and holds:
            for old in {a for a, _ in left} & {a for a, _ in right}:
                parts = {n for a, n in left | right if a == old}
                found |= {(old, n): "undo" for n in parts if len(parts) > 1 and n != old}
        elif (o.action == "apart" and not holds) or (o.action == "link" and holds and o.target is not None):
            for new in {n for _, n in left} & {n for _, n in right}:
                parts = {a for a, n in left | right if n == new}
                found |= {(old, new): "restore" for old in parts if len(parts) > 1 and old != new}
    return found


def _numbers(names: Sequence[str], accounts: pa.Array) -> list[int]:
    found = pc.index_in(pa.array(names, pa.string()), value_set=accounts).to_pylist()
    return [f for f in found if f is not None]
