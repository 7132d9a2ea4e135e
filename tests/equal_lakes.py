"""Whether two lakes hold the same tables."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.tables import Lake


def products_of_system(lake: Lake) -> list[str]:
    """Every table of the lake but the log of runs."""
    return [n for n in lake.contracts if n != "runs" and lake.table(n) is not None]


def assert_equal_lakes(one: Lake, two: Lake, tolerance: float) -> None:
    """Same tables, same rows by key; floats within the tolerance, everything else exactly."""
    assert products_of_system(one) == products_of_system(two)
    for name in products_of_system(one):
        key = [(k, "ascending") for k in one.contract(name).key]
        a, b = one.arrow(name).sort_by(key), two.arrow(name).sort_by(key)
        assert a.num_rows == b.num_rows, f"{name}: {a.num_rows} rows against {b.num_rows}"
        for column in a.column_names:
            difference = first_difference(a[column], b[column], tolerance)
            assert difference is None, f"{name}.{column} differs: {difference}"


def first_difference(a: pa.ChunkedArray, b: pa.ChunkedArray, tolerance: float) -> str | None:
    """The first pair of values that is not equal (floats: not within tolerance), or None."""
    if pa.types.is_floating(a.type) and tolerance:
        if a.is_null().to_pylist() != b.is_null().to_pylist():
            return "nulls in other rows"
        x, y = pc.fill_null(a, 0.0).to_numpy(), pc.fill_null(b, 0.0).to_numpy()
        near = (np.abs(x - y) <= tolerance * np.maximum(1.0, np.abs(y))) | (x == y) | (np.isnan(x) & np.isnan(y))
        off = np.flatnonzero(~near)
        return f"{len(off)} values, row {off[0]}: {x[off[0]]} against {y[off[0]]}" if len(off) else None
    left, right = a.to_pylist(), b.to_pylist()
    off_rows = [i for i, (x, y) in enumerate(zip(left, right, strict=True)) if x != y]
    return (
        f"{len(off_rows)} values, row {off_rows[0]}: {left[off_rows[0]]!r} against {right[off_rows[0]]!r}"
        if off_rows
        else None
    )
