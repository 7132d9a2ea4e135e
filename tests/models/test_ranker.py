"""The ranker: repeatable, stored as text, refuses other features and damaged files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import logit

from features.errors import ModelError
from models.ranker import Ranker, fit_ranker, mean_chance, open_ranker, sample_negatives
from models.recommender_params import OBJECTIVES, RankerParams

NAMES = ("a", "b")
PARAMS = RankerParams(trees=10, min_child=5, min_positives=10)


def fitted(objective: str = "binary") -> tuple[Ranker, np.ndarray]:
    """A ranker on 400 rows, 20 lists of 20, where a high `a` is bought."""
    rng = np.random.default_rng(0)
    x = rng.random((400, 2), dtype=np.float32)
    bought = x[:, 0] + rng.random(400) > 1.2
    ranker = fit_ranker(x, bought, np.ones(400, np.float32), NAMES, PARAMS, 1, objective, np.arange(400) // 20)
    assert ranker is not None
    return ranker, x


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_same_rows_give_the_same_trees(tmp_path: Path, objective: str) -> None:
    """Fitted twice and read back, the predictions are equal to the bit, and lie in (0, 1)."""
    (one, x), (two, _) = fitted(objective), fitted(objective)
    one.save(tmp_path, "products")
    back = open_ranker(tmp_path, "products")
    assert back.objective == one.objective == objective
    for name, booster in one.boosters.items():
        assert booster.model_to_string() == two.boosters[name].model_to_string()
    p = one.predict(x, NAMES)
    assert np.array_equal(back.predict(x, NAMES), p)
    assert p.min() > 0
    assert p.max() < 1
    assert p[x[:, 0] > 0.9].mean() > p[x[:, 0] < 0.1].mean() + 0.05


def test_a_blend_is_the_mean_of_log_odds() -> None:
    """Fitted on rows that are put into bins once, it says what two rankers fitted apart say."""
    (binary, x), (lambdarank, _), (blend, _) = (fitted(name) for name in OBJECTIVES)
    odds = [logit(r.predict(x, NAMES)) for r in (binary, lambdarank)]
    assert np.allclose(logit(blend.predict(x, NAMES)), np.mean(odds, axis=0))
    parts = binary.log_odds(x, NAMES) | lambdarank.log_odds(x, NAMES)
    assert np.array_equal(mean_chance(parts), blend.predict(x, NAMES))


def test_lambdarank_without_lists_is_refused() -> None:
    """It cannot know what to compare with what."""
    with pytest.raises(ModelError, match="whose list"):
        fit_ranker(
            np.zeros((9, 2), np.float32),
            np.arange(9) < 5,
            np.ones(9, np.float32),
            NAMES,
            RankerParams(min_positives=1),
            1,
            "lambdarank",
        )


def test_features_in_another_order_are_refused() -> None:
    """LightGBM would take the swapped matrix; we do not."""
    ranker, x = fitted()
    with pytest.raises(ModelError, match="expects feature 'a' where 'b' came"):
        ranker.predict(x[:, ::-1], NAMES[::-1])


def test_a_damaged_text_never_reaches_lightgbm(tmp_path: Path) -> None:
    """A changed, a cut and a missing file each end in an error that says so."""
    fitted()[0].save(tmp_path, "products")
    path = tmp_path / "products.binary.txt"
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
    shares = np.where(np.arange(10_000) < 5000, 0.5, 0.1)
    rows, weight = sample_negatives(bought, shares, seed=1)
    assert (rows < 5000).sum() == pytest.approx(300 + 2350, rel=0.1)
    assert weight[~bought[rows]].sum() == pytest.approx(9700, rel=0.05)


def test_settings_that_make_no_sense_are_refused() -> None:
    """Each message names the setting."""
    with pytest.raises(ModelError, match=r"ranker\.objectives"):
        RankerParams(objectives=("best",))
    with pytest.raises(ModelError, match=r"ranker\.negatives_repeat"):
        RankerParams(negatives_repeat=0.0)
    with pytest.raises(ModelError, match=r"ranker\.windows"):
        RankerParams(windows=0)
