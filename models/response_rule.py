"""The heuristic that a response model must beat: rates by channel, offer kind, recency and frequency.

Each level's rate is drawn towards the level above as if `weight` further sends had come back at that rate, so a
thin cell says little and an unseen one nothing: base rate, channel, kind in the channel, recency x frequency in
the kind. A channel with a stated prior is drawn towards that instead of the base rate.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from features.errors import ModelError
from models.response_frame import Floats, ResponseFrame
from models.response_params import ResponsePriors

RECENCY_DAYS = (3, 14, 60)  # whole days since the last order: under 3, under 14, under 60, more or never
ORDERS = (10, 20, 40)  # orders in the long window: under 10, under 20, under 40, more
LEVELS = ("channel", "kind", "cell")


@dataclass(frozen=True)
class RateRule:
    """Fitted rates. `rates` maps "channel", "channel|kind" and "channel|kind|recency|orders" to a probability."""

    base: float
    rates: dict[str, float]
    channels: dict[str, float]
    depth: int = 3

    def predict(self, table: pa.Table) -> Floats:
        """P(responds) per row of contact features: the rate of the finest level that is known."""
        out = [
            next((self.rates[k] for k in reversed(keys) if k in self.rates), self.channels.get(keys[0], self.base))
            for keys in cell_keys(table, self.depth)
        ]
        return np.asarray(out, dtype=np.float64)

    def at_kind(self, table: pa.Table) -> Floats:
        """The rate of each row's channel and offer kind, leaving the customer aside."""
        return RateRule(self.base, self.rates, self.channels, depth=2).predict(table)

    def to_json(self) -> str:
        """JSON text for `from_json`."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> RateRule:
        """The rule stored in `text`; `ModelError` when it is not one."""
        try:
            rule = RateRule(**json.loads(text))
            values = [rule.base, *rule.rates.values(), *rule.channels.values()]
            sound = all(0 <= v <= 1 for v in values) and rule.depth in (1, 2, 3)
        except (ValueError, TypeError) as error:
            raise ModelError(f"this is not a stored rule: {error}") from error
        if not sound:
            raise ModelError("the stored rule is damaged: a rate lies outside [0, 1]")
        return rule


def fit_rule(frame: ResponseFrame | None, priors: ResponsePriors, depth: int = 3) -> RateRule:
    """Rates down to `depth` (0 base rate, 1 channel, 2 kind, 3 recency and frequency); no frame leaves the priors."""
    if frame is None or len(frame) == 0:
        return RateRule(priors.default, {}, dict(priors.channels), max(depth, 1))
    k = priors.weight
    # the data's own base rate replaces the default; a channel's stated prior stays
    base = (frame.positives + k * priors.default) / (len(frame) + k)
    keys = cell_keys(frame.table, 3)
    rates: dict[str, float] = {}
    for level in range(depth):
        sends, answers = _counts([key[level] for key in keys], frame.y)
        above = {key[level]: key[level - 1] for key in keys}
        for name, n in sends.items():
            prior = rates[above[name]] if level else priors.channels.get(name, base)
            rates[name] = (answers[name] + k * prior) / (n + k)
    return RateRule(base, rates, dict(priors.channels), max(depth, 1))


def sends_by_kind(frame: ResponseFrame) -> dict[str, int]:
    """Sends per "channel|kind"."""
    return _counts([key[1] for key in cell_keys(frame.table, 2)], frame.y)[0]


def cell_keys(table: pa.Table, depth: int) -> list[tuple[str, ...]]:
    """Per row the keys of its levels, coarse to fine."""
    channels, kinds = table["channel"].to_pylist(), table["offer_kind"].to_pylist()
    if depth < 3:
        return [(c, f"{c}|{o}")[:depth] for c, o in zip(channels, kinds)]
    recency = _band(table["recency_days"], RECENCY_DAYS, missing=len(RECENCY_DAYS))
    orders = _band(table["orders_long"], ORDERS, missing=0)
    return [(c, f"{c}|{o}", f"{c}|{o}|{r}|{f}") for c, o, r, f in zip(channels, kinds, recency, orders)]


def _band(column: pa.ChunkedArray, edges: tuple[int, ...], missing: int) -> NDArray[np.int64]:
    values = np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
    return np.where(np.isnan(values), missing, np.digitize(values, edges))


def _counts(keys: list[str], y: Floats) -> tuple[dict[str, int], dict[str, float]]:
    """Rows and positives per key."""
    names, place = np.unique(np.asarray(keys, dtype=object), return_inverse=True)
    sends, answers = np.bincount(place), np.bincount(place, weights=y)
    return {n: int(s) for n, s in zip(names, sends)}, {n: float(a) for n, a in zip(names, answers)}
