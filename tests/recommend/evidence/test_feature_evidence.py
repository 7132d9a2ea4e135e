"""Every feature is evidence of something, and of one thing only."""

from collections import Counter

from recommend.evidence.feature_evidence import EVIDENCE, REASONS
from recommend.evidence.wording import Sayings
from recommend.pair_features import FEATURES


def test_every_feature_stands_on_exactly_one_kind_of_evidence() -> None:
    """A reason is told by what the score loses without its evidence: a feature that no kind holds would stay."""
    held = Counter(name for names in EVIDENCE.values() for name in names)
    forgotten = [name for name in FEATURES if name not in held]
    twice = [name for name, n in held.items() if n > 1]
    assert not forgotten, f"say in recommend/evidence/feature_evidence.py what these are evidence of: {forgotten}"
    assert not twice, f"evidence of two kinds: {twice}"


def test_every_reason_has_words() -> None:
    """Each name of REASONS is a method of the words."""
    assert all(callable(getattr(Sayings, reason)) for reason in REASONS)
