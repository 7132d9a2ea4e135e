"""Labels aligned with the product axis."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from features.as_of import AsOf
from features.errors import DataError
from features.hierarchy import as_current_products, as_hierarchy, collect_hierarchy

TABLE = pa.table(
    {
        "product_id": ["b", "a", "c"],
        "product_type": ["TB", None, "TC"],
        "category": ["CB", "CA", "CC"],
        "department": ["D", None, "D"],
        "brand": [None, "x", "y"],
    }
)


def test_labels_follow_the_ids_asked_for():
    """Any subset, in the order of the axis; a missing type is the category, other nulls are empty."""
    h = as_hierarchy(TABLE, np.array(["a", "b"], dtype=object))
    assert h.labels("type").tolist() == ["CA", "TB"]
    assert h.labels("category").tolist() == ["CA", "CB"]
    assert h.labels("product").tolist() == ["a", "b"]
    assert (h.department.tolist(), h.brand.tolist()) == (["", "D"], ["x", ""])


def test_a_product_without_a_row_is_an_error():
    """With how many and an example."""
    with pytest.raises(DataError, match=r"1 products have no row.*for example z"):
        as_hierarchy(TABLE, np.array(["a", "z"], dtype=object))


def test_attributes_are_those_that_held_at_the_cut(spark: SparkSession):
    """The newest row before the cut; a row from the cut on is not known yet, a row without a start always was."""
    rows = [
        ("p", None, "OLD"),
        ("p", datetime(2017, 6, 1, tzinfo=UTC), "NEW"),
        ("p", datetime(2017, 12, 4, tzinfo=UTC), "NEXT"),  # at the cut: not known
        ("q", None, "ONLY"),
    ]
    frame = spark.createDataFrame(
        [(p, t, c, c, "D", "B") for p, t, c in rows],
        "product_id string, valid_from timestamp, category string, product_type string, department string, "
        "brand string",
    )
    current = as_current_products(frame, AsOf(date(2017, 12, 4)))
    h = collect_hierarchy(current, np.array(["p", "q"], dtype=object))
    assert h.category.tolist() == ["NEW", "ONLY"]
