"""The ranker: repeatable, stored as text, refuses other features and damaged files."""

from pathlib import Path

import numpy as np
import pytest

from features.errors import ModelError
from models.ranker import Ranker, fit_ranker, open_ranker, sample_negatives
from models.recommender_params import RankerParams

NAMES = ("a", "b")
PARAMS = RankerParams(trees=10, min_child=5, min_positives=10)


def fitted() -> tuple[Ranker, np.ndarray]:
    """A ranker on 400 rows where a high `a` is bought."""
    rng = np.random.default_rng(0)
    x = rng.random((400, 2), dtype=np.float32)
    bought = x[:, 0] + rng.random(400) > 1.2
    ranker = fit_ranker(x, bought, np.ones(400, np.float32), NAMES, PARAMS, threads=1)
    assert ranker is not None
    return ranker, x


def test_the_same_rows_give_the_same_trees(tmp_path: Path) -> None:
    """Fitted twice and read back, the predictions are equal to the bit."""
    (one, x), (two, _) = fitted(), fitted()
    one.save(tmp_path, "products")
    back = open_ranker(tmp_path, "products")
    assert one.booster.model_to_string() == two.booster.model_to_string()
    assert np.array_equal(back.predict(x, NAMES), one.predict(x, NAMES))


def test_features_in_another_order_are_refused() -> None:
    """LightGBM would take the swapped matrix; we do not."""
    ranker, x = fitted()
    with pytest.raises(ModelError, match="expects feature 'a' where 'b' came"):
        ranker.predict(x[:, ::-1], NAMES[::-1])


def test_a_damaged_text_never_reaches_lightgbm(tmp_path: Path) -> None:
    """A changed, a cut and a missing file each end in an error that says so."""
    fitted()[0].save(tmp_path, "products")
    path = tmp_path / "products.ranker.txt"
    whole = path.read_text()
    for text in (whole.replace("leaf_value=", "leaf_value=1", 1), whole[:300]):
        path.write_text(text)
        with pytest.raises(ModelError, match="not the file that was saved"):
            open_ranker(tmp_path, "products")
    path.unlink()
    with pytest.raises(ModelError, match="no products ranker"):
        open_ranker(tmp_path, "products")


def test_too_few_purchases_give_no_ranker_and_sampling_keeps_the_rate() -> None:
    """Below min_positives there is None; weights of sampled negatives add up to all of them."""
    x = np.zeros((100, 2), np.float32)
    assert fit_ranker(x, np.arange(100) < 5, np.ones(100, np.float32), NAMES, PARAMS, 1) is None
    bought = np.arange(10_000) < 300
    rows, weight = sample_negatives(bought, 0.25, seed=1)
    assert bought[rows].sum() == 300
    assert weight[~bought[rows]].sum() == pytest.approx(9700, rel=0.05)
