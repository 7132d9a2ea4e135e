"""Contact features as a matrix, and the labels beside it: the boundary between tables and the response models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyspark.sql import DataFrame

from features.contact_features import CONTACT_FEATURES
from features.errors import DataError, ModelError

Floats = NDArray[np.float64]
Labels = NDArray[np.object_]

KEY_COLUMNS = ("customer_id", "offer_id", "cut")
CATEGORICAL = ("channel", "offer_kind")
# the order of the matrix columns; categories first
FEATURES = CATEGORICAL + tuple(n for n in CONTACT_FEATURES.names if n not in (*KEY_COLUMNS, *CATEGORICAL))


@dataclass(frozen=True)
class ResponseFrame:
    """Labelled sends, one per element, oldest first.

    `table` holds the columns of CONTACT_FEATURES; `customer` (n,) who, `cut` and `closes` (n,) seconds since 1970
    UTC of the send and of the end of its label window, `y` (n,) 1 where she responded inside it.
    """

    table: pa.Table
    customer: Labels
    cut: NDArray[np.int64]
    closes: NDArray[np.int64]
    y: Floats

    def __len__(self) -> int:
        return len(self.y)

    @property
    def positives(self) -> int:
        """Sends that were answered."""
        return int(self.y.sum())

    def where(self, keep: NDArray[np.bool_]) -> ResponseFrame:
        """The sends where `keep` (n,) holds."""
        return ResponseFrame(
            self.table.filter(pa.array(keep)), self.customer[keep], self.cut[keep], self.closes[keep], self.y[keep]
        )


def collect_response_frame(labelled: DataFrame) -> ResponseFrame:
    """Collects matured, labelled contact features (see `with_response_label`) into a frame."""
    return as_response_frame(labelled.toArrow())


def as_response_frame(table: pa.Table) -> ResponseFrame:
    """A frame from an Arrow table with CONTACT_FEATURES' columns, `closes_ts`, `responded` and `matured`.

    Rows that are not matured are dropped: their label is not final. Order is by cut, then customer, offer, channel.
    """
    missing = [n for n in (*CONTACT_FEATURES.names, "closes_ts", "responded", "matured") if n not in table.column_names]
    if missing:
        raise DataError(f"the response frame lacks {', '.join(missing)}")
    table = table.filter(table["matured"]).sort_by(
        [(n, "ascending") for n in ("cut", "customer_id", "offer_id", "channel")]
    )
    return ResponseFrame(
        table=table.select(CONTACT_FEATURES.names),
        customer=np.asarray(table["customer_id"].to_pylist(), dtype=object),
        cut=_seconds(table["cut"]),
        closes=_seconds(table["closes_ts"]),
        y=np.asarray(table["responded"].to_numpy(), dtype=np.float64),
    )


def matrix(table: pa.Table, categories: dict[str, list[str]]) -> Floats:
    """(n, len(FEATURES)) float64 in the order of FEATURES; null is NaN, a category is its place in `categories`.

    A category that was not there in training is NaN, as if unknown. `ModelError` when a feature is missing.
    """
    missing = [n for n in FEATURES if n not in table.column_names]
    if missing:
        raise ModelError(f"the model needs features that the table does not have: {', '.join(missing)}")
    columns = []
    for name in FEATURES:
        if name in CATEGORICAL:
            place = {value: float(i) for i, value in enumerate(categories[name])}
            columns.append(np.array([place.get(v, np.nan) for v in table[name].to_pylist()], dtype=np.float64))
        else:
            columns.append(np.asarray(table[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64))
    return np.column_stack(columns) if table.num_rows else np.empty((0, len(FEATURES)))


def categories_of(table: pa.Table) -> dict[str, list[str]]:
    """The sorted values of each categorical feature."""
    return {name: sorted({v for v in table[name].to_pylist() if v is not None}) for name in CATEGORICAL}


def _seconds(column: pa.ChunkedArray) -> NDArray[np.int64]:
    return np.asarray(column.cast(pa.timestamp("s", tz="UTC"), safe=False).cast(pa.int64()).to_numpy())
