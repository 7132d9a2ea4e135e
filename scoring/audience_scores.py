"""The scoring pass of an audience: every customer's score for one subject, and the reasons of those who were chosen.

    scores = map_batches(histories, audience_scores(engine.ship(folder), as_of, target), AUDIENCE_SCORES)

The pairs are scored by the same function as candidates, whether or not a source would have proposed them. A row depends
on the customer's own history only, so tables are equal for any engine and number of partitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.as_of import AsOf
from features.batches import BatchFunction
from features.contract import Column as C
from features.contract import Contract
from recommend.candidates import Sources, forbidden_pairs
from recommend.evidence.wording import Words, numbered
from recommend.histories import Floats, Histories, Ints, is_in, one_level_up
from scoring.audience_rules import SubjectRules
from scoring.audience_targets import Target
from scoring.given_pairs import score_pairs
from scoring.history_rows import batch_histories
from scoring.recommendations import Recommender, older_counts, open_recommender
from scoring.row_reasons import reasons_of
from scoring.second_stage import Scored

PAIRS_AT_ONCE = 50_000  # bounds the features held in memory
CUSTOMERS_AT_ONCE = 512
CUSTOMER = C("customer_id", "string", "customer")

AUDIENCE_SCORES = Contract(
    "audience_scores",
    "Every customer's score for one subject.",
    ("customer_id",),
    (
        CUSTOMER,
        C("score", "double", "p_buy of the target, 6 decimals", low=0, high=1),
        C("raw", "double", "mean score before calibration, 6 decimals: orders customers of equal score"),
        C("recency", "double", "1 / days since her last purchase, 0 without one: orders customers of equal raw"),
        C("wanted", "double", "p_buy of the item that she looked at last without buying it; null without one", True),
        C("kept_out", "bool", "whether rules on products keep her out"),
        C("spared", "bool", "whether a life event of hers forbids to show it to her"),
    ),
    role="internal",
)
AUDIENCE_BARRED = Contract(
    "audience_barred",
    "Who may not be reached for a subject.",
    ("customer_id",),
    (CUSTOMER, AUDIENCE_SCORES.column("kept_out"), AUDIENCE_SCORES.column("spared")),
    role="internal",
)
AUDIENCE_REASONS = Contract(
    "audience_reasons",
    "Why a customer is in an audience.",
    ("customer_id",),
    (CUSTOMER, C("reasons", "strings", "why, strongest first")),
    role="internal",
)


@dataclass(frozen=True)
class TargetScores:
    """Scores of the customers of a history, each (n,), and the pairs (n * number of items) they were made of."""

    score: Floats
    raw: Floats
    history: Histories
    pairs: Scored


def score_target(model: Recommender, target: Target, h: Histories) -> TargetScores:
    """Scores every customer of `h` (on the product axis) for the target."""
    stage, upper = target.stage(model), _on_level(model, target, h)
    items = np.asarray(target.items, dtype=np.int64)
    keys = (np.arange(h.n, dtype=np.int64)[:, None] * upper.n_items + items[None, :]).ravel()
    pairs = score_pairs(stage, upper, keys)
    shape = (h.n, len(items))
    p, raw = pairs.p_buy.reshape(shape), pairs.raw.reshape(shape)
    score = 1.0 - np.prod(1.0 - p, axis=1) if target.any_of else p.mean(axis=1)
    return TargetScores(np.round(score, 6), np.round(raw.mean(axis=1), 6), upper, pairs)


def _on_level(model: Recommender, target: Target, h: Histories) -> Histories:
    """The histories on the target's level."""
    if target.level == "products":
        return h
    return one_level_up(h, np.asarray(model.place), len(model.categories.catalogue))


def audience_scores(
    open_path: Callable[[], str], as_of: AsOf, target: Target, rules: SubjectRules | None = None
) -> BatchFunction:
    """Rows of `AUDIENCE_SCORES` for batches of `as_histories`; `open_path()` is the model folder in the worker."""

    def rows_of(model: Recommender, batch: pa.RecordBatch, h: Histories) -> pa.Table:
        found = score_target(model, target, h)
        who = pa.array(h.customers.tolist(), pa.string())
        wanted = pa.array(
            wanted_scores(target, found, target.stage(model).sources.params.view_days), pa.float64(), from_pandas=True
        )
        columns = {"score": found.score, "raw": found.raw, "recency": recency(h), "wanted": wanted}
        columns["kept_out"] = np.zeros(h.n, dtype=bool) if rules is None else rules.kept_out(model.axes, batch, h)
        columns["spared"] = spared(target.stage(model).sources, found.history, np.asarray(target.items))
        return pa.table({"customer_id": who} | columns)

    return _pass(open_path, as_of, len(target.items), rows_of)


def audience_barred(
    open_path: Callable[[], str], as_of: AsOf, target: Target | None, rules: SubjectRules | None
) -> BatchFunction:
    """Rows of `AUDIENCE_BARRED` for batches of `as_histories`, for a subject that the recommender does not score. Of
    what the model knows no `target` of, no life event is asked."""

    def rows_of(model: Recommender, batch: pa.RecordBatch, h: Histories) -> pa.Table:
        no = np.zeros(h.n, dtype=bool)
        out = no if rules is None else rules.kept_out(model.axes, batch, h)
        left = no
        if target is not None:
            left = spared(target.stage(model).sources, _on_level(model, target, h), np.asarray(target.items))
        who = pa.array(h.customers.tolist(), pa.string())
        return pa.table({"customer_id": who, "kept_out": out, "spared": left})

    return _pass(open_path, as_of, 1, rows_of)


def audience_reasons(open_path: Callable[[], str], as_of: AsOf, target: Target, words: Words) -> BatchFunction:
    """Rows of `AUDIENCE_REASONS` for batches of `as_histories` of the chosen customers; `words` are the templates."""

    def rows_of(model: Recommender, batch: pa.RecordBatch, h: Histories) -> pa.Table:
        told = target_reasons(model, target, score_target(model, target, h), words, older_counts(model, as_of))
        reasons = pa.array(told, pa.list_(pa.string()))
        return pa.table({"customer_id": pa.array(h.customers.tolist(), pa.string()), "reasons": reasons})

    return _pass(open_path, as_of, len(target.items), rows_of)


def spared(sources: Sources, h: Histories, items: NDArray) -> NDArray[np.bool_]:
    """(n,) whether a life event of hers forbids to show her one of the items."""
    customer, item = np.divmod(forbidden_pairs(h, sources), max(h.n_items, 1))
    out = np.zeros(h.n, dtype=bool)
    out[customer[np.isin(item, items)]] = True
    return out


def _pass(
    open_path: Callable[[], str],
    as_of: AsOf,
    items: int,
    rows_of: Callable[[Recommender, pa.RecordBatch, Histories], pa.Table],
) -> BatchFunction:
    at_once = max(16, min(CUSTOMERS_AT_ONCE, PAIRS_AT_ONCE // max(items, 1)))

    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        with threadpool_limits(limits=1):
            for batch in batches:
                model = open_recommender(open_path())
                for first in range(0, batch.num_rows, at_once):
                    part = batch.slice(first, at_once)
                    h, _ = batch_histories(model.axes, part, as_of.epoch_day)
                    yield rows_of(model, part, h)

    return score


def target_reasons(
    model: Recommender, target: Target, found: TargetScores, words: Words, counted_until: date | None = None
) -> list[list[str]]:
    """Reasons of each customer: those of the target's item that counts most for her, and what she wanted of it.

    Where others stand in for the subject, the item is named, for what is said holds of it.
    """
    stage, h, m = target.stage(model), found.history, len(target.items)
    best = np.arange(h.n) * m + found.pairs.p_buy.reshape(h.n, m).argmax(axis=1)
    item = found.pairs.candidates.item[best]
    written = reasons_of(stage, h, found.pairs, best, found.pairs.kind[best], words, counted_until)
    days = stage.sources.params.view_days
    wanted = wanted_not_bought(h, np.asarray(target.items, dtype=np.int64), days)
    out = []
    for i, reasons in enumerate(written):
        label = str(stage.catalogue.labels[item[i]])
        stands_in = bool(target.likeness) or m > 1
        own = [f"{label}: {reason}" if stands_in else reason for reason in reasons]
        seen = wanted.get(i)
        if seen is not None:
            what = str(stage.catalogue.labels[seen[0]])
            key, ago = "wanted_cart" if seen[2] else "wanted_look", numbered(words, "ago", seen[1])
            own.insert(0, words[key].format(name=words["item"].format(name=what), ago=ago))
        out.append([*own, words[f"stands_for_{target.likeness.replace(' ', '_')}"]] if target.likeness else own)
    return out


def recency(h: Histories) -> Floats:
    """(n customers,) 1 / days since the last purchase, 0 without one.

    Where the heuristic scores those who never bought, all have the popularity of the item; who shopped lately comes
    back sooner (on a simulated world's categories .38 of the new buyers are in the best tenth by it, .23 without).
    """
    last = np.full(h.n, np.inf)
    np.minimum.at(last, h.customer, h.age.astype(np.float64))
    return np.round(1.0 / last, 9)


def wanted_scores(target: Target, found: TargetScores, days: int) -> Floats:
    """(n customers,) p_buy of the target's item that she looked at last, in the last `days` days, without buying it
    since; nan without one."""
    items = np.asarray(target.items, dtype=np.int64)
    p = found.pairs.p_buy.reshape(found.history.n, len(items))
    out = np.full(found.history.n, np.nan)
    for customer, (item, _, _) in wanted_not_bought(found.history, items, days).items():
        out[customer] = p[customer, np.searchsorted(items, item)]
    return out


def wanted_not_bought(h: Histories, items: Ints, days: int) -> dict[int, tuple[int, int, bool]]:
    """Customer -> (item, days ago, whether it was put into a cart): what of the sorted `items` she looked at last
    in the last `days` days without buying it on that day or since."""
    seen = h.seen
    rows = np.flatnonzero(is_in(items, seen.item) & (seen.age <= days))
    if not len(rows):
        return {}
    last_bought = _last_bought(h)
    out: dict[int, tuple[int, int, bool]] = {}
    order = rows[np.lexsort((seen.item[rows], seen.carts[rows] <= 0, seen.age[rows], seen.customer[rows]))]
    for r in order:
        customer, item, age = int(seen.customer[r]), int(seen.item[r]), int(seen.age[r])
        if customer not in out and last_bought.get((customer, item), age + 1) > age:
            out[customer] = (item, age, bool(seen.carts[r] > 0))
    return out


def _last_bought(h: Histories) -> dict[tuple[int, int], int]:
    """(customer, item) -> days since she last bought it, for items that were looked at."""
    looked: NDArray[np.int64] = np.unique(h.seen.customer * h.n_items + h.seen.item)
    key = h.customer * h.n_items + h.item
    rows = np.flatnonzero(is_in(looked, key))
    return {(int(h.customer[r]), int(h.item[r])): int(h.age[r]) for r in rows}  # ages fall within a pair
