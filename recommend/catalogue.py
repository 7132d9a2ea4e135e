"""What can be recommended: ids, words and places in the hierarchy, as arrays that workers open by path."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from features.errors import DataError, ModelError

Codes = NDArray[np.int32]
LEVELS = ("category", "product_type", "brand")
GROUPS = (*LEVELS, "department")  # departments serve list rules only
FORMAT = 2
UNKNOWN = ""


@dataclass(frozen=True)
class Catalogue:
    """Items in the order of their ids, one element per item.

    `items` (n,) are sorted ids, `labels` what to call the item in a sentence. `codes` holds per name of `GROUPS` an
    int32 position in `names[name]` (sorted names; the empty string stands for unknown). `launched` is the first day on
    sale (days since 1970-01-01; -1 not known), None where the shop does not say.
    """

    items: NDArray[np.object_]
    labels: NDArray[np.object_]
    codes: dict[str, Codes]
    names: dict[str, NDArray[np.object_]]
    launched: Codes | None = None

    def __len__(self) -> int:
        """How many items there are."""
        return len(self.items)

    def positions(self, ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
        """Where `ids` stand in `items`; -1 for ids that are not in the catalogue."""
        return positions(self.items, ids)

    def save(self, folder: Path, prefix: str) -> None:
        """Writes `<prefix>.catalogue.json` and one .npy of codes per group into `folder`."""
        words = {"format": FORMAT, "items": self.items.tolist(), "labels": self.labels.tolist()}
        names = {group: self.names[group].tolist() for group in GROUPS}
        text = json.dumps({**words, "names": names}, ensure_ascii=False)
        (folder / f"{prefix}.catalogue.json").write_text(text, encoding="utf-8")
        for group in GROUPS:
            np.save(folder / f"{prefix}.codes_{group}.npy", self.codes[group])
        if self.launched is not None:
            np.save(folder / f"{prefix}.launched.npy", self.launched)

    @staticmethod
    def open(folder: Path, prefix: str) -> Catalogue:
        """The catalogue saved in `folder`; the codes are memory-mapped. `ModelError` when another format was saved."""
        words = json.loads((folder / f"{prefix}.catalogue.json").read_text(encoding="utf-8"))
        if words.get("format") != FORMAT:
            found = words.get("format", 1)
            raise ModelError(f"{folder}: catalogue of format {found}, expected {FORMAT}; train the recommender again")
        launched = folder / f"{prefix}.launched.npy"
        return Catalogue(
            as_objects(words["items"]),
            as_objects(words["labels"]),
            {n: np.load(folder / f"{prefix}.codes_{n}.npy", mmap_mode="r", allow_pickle=False) for n in GROUPS},
            {group: as_objects(words["names"][group]) for group in GROUPS},
            np.load(launched, mmap_mode="r", allow_pickle=False) if launched.exists() else None,
        )


def as_objects(values: Sequence[str]) -> NDArray[np.object_]:
    """The strings as an object array (numpy would otherwise make fixed-width text of them)."""
    out = np.empty(len(values), dtype=object)
    out[:] = list(values)
    return out


def positions(known: NDArray[np.object_], ids: Sequence[str] | NDArray[np.object_]) -> NDArray[np.int64]:
    """Index of each of `ids` in `known`; -1 where it is not there."""
    index = {value: i for i, value in enumerate(known)}
    return np.fromiter((index.get(v, -1) for v in ids), dtype=np.int64, count=len(ids))


def build_catalogue(
    ids: Sequence[str],
    names: Sequence[str | None],
    categories: Sequence[str | None],
    types: Sequence[str | None],
    brands: Sequence[str | None],
    launched: Sequence[int | None] | None = None,
    departments: Sequence[str | None] | None = None,
) -> Catalogue:
    """A catalogue from columns of equal length; ids must be unique, they are sorted here. `launched` are days.

    The label of an item is its name, else its type, else its category, else its id.
    """
    order = np.argsort(as_objects(ids), kind="stable")
    items = as_objects([ids[i] for i in order])
    if len(items) and bool(np.any(items[1:] == items[:-1])):
        twice = sorted({str(a) for a, b in zip(items[1:], items[:-1]) if a == b})
        raise DataError(f"products: one row per product is needed, found several for {', '.join(twice[:5])}")
    labels = [names[i] or types[i] or categories[i] or ids[i] for i in order]
    above = [None] * len(ids) if departments is None else departments
    columns = {"category": categories, "product_type": types, "brand": brands, "department": above}
    codes, levels = {}, {}
    for level, column in columns.items():
        values = as_objects([column[i] or UNKNOWN for i in order])
        levels[level], inverse = np.unique(values, return_inverse=True)
        codes[level] = inverse.astype(np.int32).reshape(-1)
    if launched is None or all(day is None for day in launched):
        return Catalogue(items, as_objects(labels), codes, levels)
    days = np.array([-1 if launched[i] is None else launched[i] for i in order], dtype=np.int32)
    return Catalogue(items, as_objects(labels), codes, levels, days)


def by_category(catalogue: Catalogue, departments: dict[str, str]) -> tuple[Catalogue, Codes]:
    """The catalogue one level up, where the items are the categories, and each product's position in it.

    `departments` names the department of a category. A category's type is itself, so what the product level calls
    category is here the department. Products of unknown category get position -1.
    """
    known = [str(name) for name in catalogue.names["category"] if name != UNKNOWN]
    of = [departments.get(k) for k in known]
    upper = build_catalogue(known, known, of, known, [None] * len(known), departments=of)
    place = np.full(len(catalogue.names["category"]), -1, dtype=np.int32)
    for i, name in enumerate(catalogue.names["category"]):
        if name != UNKNOWN:
            place[i] = upper.positions([name])[0]
    return upper, place[catalogue.codes["category"]]
