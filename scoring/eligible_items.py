"""What may be recommended to whom, as arrays: kinds of customers and the items that are closed to each kind.

Items closed to everybody leave the sources of candidates altogether; the others become keys of pairs that the pass
keeps out before any cut at K. A pair has one reason: out of stock, denied to all, denied to customers like her, for
others only; rules on herself come last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.errors import ModelError
from recommend.histories import Ints, is_in
from scoring.product_eligibility import ALL, CUSTOMER, OUT_OF_STOCK

Codes = NDArray[np.int16]
FREE = -1  # code of an item without a reason against it
KINDS_KEPT = 256  # kinds of customers whose items are remembered


@dataclass(frozen=True)
class Knowledge:
    """What a batch knows for the rules: `values` (n customers,) per attribute, None where not known; `denied` and
    `admitted` sorted keys customer * n_items + item of rules on single customers, `denied_because` one reason each."""

    values: Mapping[str, NDArray[np.object_]]
    denied: Ints
    denied_because: NDArray[np.object_]
    admitted: Ints


@dataclass(frozen=True)
class ItemRules:
    """Rules on a model's axis of items. `reasons` are words; `everybody` (n_items,) codes of reasons that hold for
    all, or -1; `denied` and `allowed` items per attribute and value, with codes; `listed` (n_items,) codes of items
    that only some may be shown, or -1."""

    reasons: tuple[str, ...]
    everybody: Codes
    listed: Codes
    denied: Mapping[tuple[str, str], tuple[Ints, Codes]]
    allowed: Mapping[tuple[str, str], Ints]
    _kinds: dict[tuple[str | None, ...], Codes] = field(default_factory=dict, repr=False, compare=False)

    @property
    def attributes(self) -> tuple[str, ...]:
        """Attributes that some rule is about."""
        return tuple(sorted({a for a, _ in (*self.denied, *self.allowed)}))

    def kind(self, values: tuple[str | None, ...]) -> Codes:
        """(n_items,) reason against each item for customers with these values of `attributes`, or -1."""
        if values not in self._kinds:
            if len(self._kinds) >= KINDS_KEPT:
                self._kinds.clear()
            self._kinds[values] = self._build(values)
        return self._kinds[values]

    def _build(self, values: tuple[str | None, ...]) -> Codes:
        codes = self.listed.copy()
        known = [(a, v) for a, v in zip(self.attributes, values, strict=True) if v is not None]
        for key in known:
            codes[self.allowed.get(key, np.empty(0, np.int64))] = FREE
        for key in reversed(known):
            items, why = self.denied.get(key, (np.empty(0, np.int64), self.listed[:0]))
            codes[items] = why
        return np.where(self.everybody >= 0, self.everybody, codes)

    def closed_to_all(self) -> NDArray[np.bool_]:
        """(n_items,) whether nobody may be shown the item."""
        return np.asarray(self.everybody >= 0)


def build_item_rules(lines: pa.Table, products: Mapping[str, int]) -> ItemRules:
    """Rules from `collect_segment_lines`; lines on products that the model does not know are left out."""
    rows = [r | {"item": products[r["product_id"]]} for r in lines.to_pylist() if r["product_id"] in products]
    # what is not there comes first; else in alphabetical order, so that a pair has one reason on any machine
    reasons = tuple(sorted({r["reason"] for r in rows}, key=lambda r: (r != OUT_OF_STOCK, r)))
    code = {reason: i for i, reason in enumerate(reasons)}
    everybody = np.full(len(products), FREE, dtype=np.int16)
    listed = everybody.copy()
    denied: dict[tuple[str, str], dict[int, int]] = {}
    allowed: dict[tuple[str, str], list[int]] = {}
    for r in sorted(rows, key=lambda r: -code[r["reason"]]):
        key, item, why = (r["attribute"], r["value"]), r["item"], code[r["reason"]]
        if r["action"] == "deny":
            if r["attribute"] == ALL:
                everybody[item] = why
            else:
                denied.setdefault(key, {})[item] = why
        else:
            listed[item] = why
            allowed.setdefault(key, []).append(item)
    listed[allowed.pop((ALL, None), [])] = FREE  # type: ignore[arg-type]
    open_to = {key: np.array(sorted(items), dtype=np.int64) for key, items in allowed.items() if key[0] != CUSTOMER}
    closed = {
        key: (np.array(sorted(of), dtype=np.int64), np.array([of[i] for i in sorted(of)], dtype=np.int16))
        for key, of in denied.items()
    }
    return ItemRules(reasons, everybody, listed, closed, open_to)


def blocked_pairs(rules: ItemRules, n: int, known: Knowledge) -> tuple[Ints, Mapping[str, int]]:
    """Sorted keys of the pairs that rules keep out for `n` customers, those with items closed to all left out, and
    how many pairs each reason keeps out, those included."""
    kind, values = _kinds(rules, n, known.values)
    codes = [rules.kind(v) for v in values]
    closed, n_items = rules.closed_to_all(), len(rules.everybody)
    items = [np.flatnonzero((c >= 0) & ~closed) for c in codes]
    size = np.array([len(i) for i in items], dtype=np.int64)[kind]
    at = np.concatenate([items[k] for k in kind]) if n else np.empty(0, dtype=np.int64)
    keys = np.repeat(np.arange(n), size) * n_items + at
    why = np.concatenate([codes[k][items[k]] for k in kind]) if n else np.empty(0, dtype=np.int16)
    # an item that is only on a list opens for whom a rule of her own admits; what is denied stays denied
    opened = is_in(known.admitted, keys) & _only_listed(rules, values, kind, keys, n_items)
    keys, why = keys[~opened], why[~opened]
    mine = ~is_in(keys, known.denied) & ~closed[known.denied % max(n_items, 1)]
    counts: dict[str, int] = {}
    everyone = np.bincount(rules.everybody[closed], minlength=len(rules.reasons)) * n
    for reason, pairs in zip(rules.reasons, everyone + np.bincount(why, minlength=len(rules.reasons)), strict=True):
        counts[reason] = int(pairs)
    for reason in known.denied_because[mine]:
        counts[reason] = counts.get(reason, 0) + 1
    both = np.concatenate([keys, known.denied[mine]])
    both.sort(kind="stable")  # two sorted runs
    return both, {reason: pairs for reason, pairs in counts.items() if pairs}


def closed_categories(
    keys: Ints, n: int, place: NDArray[np.integer], sold: NDArray[np.bool_], closed: NDArray[np.bool_], n_groups: int
) -> Ints:
    """Sorted keys customer * n_groups + category of the categories that have nothing for her: all products of it that
    are `sold` (n_items,) are among `closed` (n_items,) to everybody or among the `keys` of pairs kept out. `place`
    (n_items,) is each product's category, or -1; a category without a product that is sold stays."""
    place = np.asarray(place).astype(np.int64)
    counted = sold & (place >= 0)
    size = np.bincount(place[counted], minlength=n_groups)
    shut = np.bincount(place[counted & closed], minlength=n_groups)
    customer, item = np.divmod(keys, max(len(place), 1))
    hers = counted[item] & ~closed[item]
    out = np.bincount(customer[hers] * n_groups + place[item[hers]], minlength=n * n_groups).reshape(n, n_groups)
    return np.flatnonzero(((out + shut >= size) & (size > 0)).ravel())


def _kinds(
    rules: ItemRules, n: int, values: Mapping[str, NDArray[np.object_]]
) -> tuple[Ints, list[tuple[str | None, ...]]]:
    """The number of each customer's kind, and the values that make the kinds."""
    columns = [values.get(a, np.full(n, None, dtype=object)) for a in rules.attributes]
    number: dict[tuple[str | None, ...], int] = {}
    mine = zip(*columns, strict=True) if columns else iter([()] * n)
    kind = np.array([number.setdefault(tuple(v), len(number)) for v in mine], dtype=np.int64)
    return kind, list(number)


def _only_listed(
    rules: ItemRules, values: list[tuple[str | None, ...]], kind: Ints, keys: Ints, n_items: int
) -> NDArray[np.bool_]:
    """Whether a list is all that stands against the pair."""
    customer, item = np.divmod(keys, max(n_items, 1))
    denied = np.zeros((len(values), n_items), dtype=np.bool_)
    for i, of in enumerate(values):
        for key in zip(rules.attributes, of, strict=True):
            if key in rules.denied:
                denied[i, rules.denied[key][0]] = True  # type: ignore[index]
    return np.asarray((rules.listed[item] >= 0) & ~denied[kind[customer], item])


@lru_cache(maxsize=4)
def open_lines(path: str) -> pa.Table:
    """The table that `save_lines` wrote; `ModelError` when it is not that."""
    try:
        return pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise ModelError(f"{path} holds no rules on products: {error}; run the step again") from error


def save_lines(lines: pa.Table, path: str) -> None:
    """One Parquet file, for workers."""
    pq.write_table(lines, path)
