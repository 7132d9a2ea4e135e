"""What the response model, its priors and its evaluation can be told. Light to import: settings are built of these."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ResponseParams:
    """The response model: small and regularised, because positives are few.

    Classes are never reweighted (`is_unbalance`): that ruins the probabilities and gains no ranking.
    """

    trees: int = 100
    learning_rate: float = 0.05
    leaves: int = 4
    min_child: int = 100  # sends per leaf
    l2: float = 5.0
    feature_fraction: float = 0.7  # features tried per tree
    bagging_fraction: float = 0.8  # sends seen per tree
    linear_share: float = 0.5  # weight of the linear part in the log odds; 0 is LightGBM alone
    linear_strength: float = 0.05  # inverse penalty of the linear part; smaller is stronger
    folds: int = 5  # customer folds whose held-out predictions the calibrator is fitted on
    min_positives: int = 50  # answered sends below which no model is trained
    maturity_days: int = 1  # days after an offer's end before its sends are learned from
    min_history_days: int = 28  # days of purchases that must precede a send for it to be learned from
    response_kind: str = "redeem"  # what counts as a response


@dataclass(frozen=True)
class ResponsePriors:
    """What is assumed before any send came back. These are assumptions, and labelled so in the settings."""

    default: float = 0.02  # P(responds | delivered) of a channel that has no entry in `channels` and no data
    channels: dict[str, float] = field(default_factory=dict)  # P(responds | delivered) per channel
    weight: float = 25.0  # how many sends the assumption counts for

    def of(self, channel: str) -> float:
        """The prior of a channel."""
        return self.channels.get(channel, self.default)


@dataclass(frozen=True)
class ResponseEvaluationParams:
    """How response models are compared."""

    block_days: int = 28  # sends of so many days are predicted by one fit
    max_blocks: int = 12  # blocks counted back from the snapshot
    draws: int = 500  # bootstrap draws, by customer
    min_test_positives: int = 30  # answered test sends below which no verdict is given
