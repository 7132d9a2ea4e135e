"""The gate: only a difference beyond doubt, on every metric, lets a challenger through."""

import numpy as np

from models.gate import GateParams, compare, passes

WHO = [np.arange(400)]


def verdicts(gain: float, noise: float, second_gain: float = 0.02):  # type: ignore[no-untyped-def]
    """Comparison with a mean gain on recall and another on ndcg."""
    rng = np.random.default_rng(0)
    old = {m: [rng.random(400)] for m in ("recall", "ndcg")}
    new = {
        "recall": [old["recall"][0] + gain + noise * rng.standard_normal(400)],
        "ndcg": [old["ndcg"][0] + second_gain],
    }
    return compare(old, new, WHO, GateParams(draws=200))


def test_a_clear_gain_passes_and_a_doubtful_one_does_not() -> None:
    """The paired noise decides, not the spread between customers."""
    assert passes(verdicts(0.02, 0.05))
    assert not passes(verdicts(0.002, 0.5))


def test_one_metric_is_not_enough_and_nothing_to_compare_fails() -> None:
    """A gain in recall with a loss in ndcg stays out; so does a window without truth."""
    assert not passes(verdicts(0.02, 0.05, second_gain=-0.02))
    nothing = {"recall": [np.full(400, np.nan)], "ndcg": [np.full(400, np.nan)]}
    assert not passes(compare(nothing, nothing, WHO, GateParams(draws=10)))
    assert not passes([])
