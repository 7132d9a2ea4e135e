"""The scoring pass: rows of customers with their histories in, next best products and categories out.

    products = map_batches(histories, product_rows(engine.ship(folder), as_of, words), NEXT_BEST_PRODUCTS)

Model files are opened by path inside the worker, once per process. A customer's rows depend on her own history only,
so tables are equal for any engine and number of partitions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits

from features.as_of import AsOf
from features.batches import BatchFunction
from features.errors import ModelError
from recommend.catalogue import as_objects
from recommend.categories import STATES
from recommend.evidence.wording import Words
from recommend.histories import Histories, Ints, one_level_up
from recommend.lists import PRODUCT_KINDS, Rows, choose_rows, item_groups
from scoring.eligible_items import ItemRules, blocked_pairs, build_item_rules, closed_categories, open_lines
from scoring.history_rows import Axes, batch_histories, batch_knowledge
from scoring.row_reasons import reasons_of
from scoring.second_stage import Scored, SecondStage

FORMAT = 2
CUSTOMERS_AT_ONCE = 512


@dataclass(frozen=True)
class Recommender:
    """Both levels, fitted at `cut`; `place` (n products,) is the position of each product's category, or -1; `axes`
    what positions in histories mean."""

    cut: date
    horizon_days: int
    products: SecondStage
    categories: SecondStage
    place: Ints
    axes: Axes

    def save(self, folder: Path) -> Path:
        """Writes one flat folder of JSON, .npy and LightGBM text files."""
        folder.mkdir(parents=True, exist_ok=True)
        self.products.save(folder)
        self.categories.save(folder)
        np.save(folder / "place.npy", np.asarray(self.place), allow_pickle=False)
        about = {"format": FORMAT, "cut": self.cut.isoformat(), "horizon_days": self.horizon_days}
        about |= {"stores": list(self.axes.stores), "tags": list(self.axes.tags)}
        text = json.dumps(about, indent=1, ensure_ascii=False)
        (folder / "recommender.json").write_text(text, encoding="utf-8")
        return folder


def build_recommender(
    cut: date,
    horizon_days: int,
    products: SecondStage,
    categories: SecondStage,
    place: Ints,
    stores: Iterable[str] = (),
    tags: Iterable[str] = (),
) -> Recommender:
    """A recommender of two fitted levels; `stores` and `tags` in the order of their positions."""
    axes = Axes(*({str(v): i for i, v in enumerate(ids)} for ids in (products.catalogue.items, stores, tags)))
    return Recommender(cut, horizon_days, products, categories, place, axes)


@lru_cache(maxsize=2)
def open_recommender(folder: str) -> Recommender:
    """What `Recommender.save` wrote, memory-mapped, cached per process; `ModelError` when it is not that.

    Verify the hashes of the files before calling this.
    """
    path = Path(folder)
    try:
        about = json.loads((path / "recommender.json").read_text(encoding="utf-8"))
        place = np.load(path / "place.npy", mmap_mode="r", allow_pickle=False)
        if about["format"] != FORMAT:
            raise ModelError(f"{folder}: format {about['format']}, expected {FORMAT}; train the recommender again")
        cut, horizon = date.fromisoformat(about["cut"]), int(about["horizon_days"])
        stores, tags = about["stores"], about["tags"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} holds no recommender: {error}; train the recommender again") from error
    products, categories = (SecondStage.open(path, level) for level in ("products", "categories"))
    return build_recommender(cut, horizon, products, categories, place, stores, tags)


@lru_cache(maxsize=2)
def open_eligible(folder: str, rules: str) -> tuple[ItemRules, SecondStage]:
    """Rules on products at the path `rules` for the model of a folder, and its product level without what is closed
    to everybody. Cached per process."""
    model = open_recommender(folder)
    held = build_item_rules(open_lines(rules), model.axes.products)
    stage = model.products
    return held, replace(stage, sources=stage.sources.without(held.closed_to_all()))


def product_rows(
    open_path: Callable[[], str], as_of: AsOf, words: Words, open_rules: Callable[[], str] | None = None
) -> BatchFunction:
    """Rows of `NEXT_BEST_PRODUCTS` for batches of `as_histories`; `open_path()` is the model folder in the worker,
    `words` the templates of reasons, `open_rules()` the file of `scoring.eligible_items.save_lines`."""

    def rows_of(model: Recommender, batch: pa.RecordBatch) -> pa.Table:
        h, exclude = batch_histories(model.axes, batch, as_of.epoch_day)
        stage = model.products
        if open_rules is not None:
            rules, stage = open_eligible(open_path(), open_rules())
            exclude, _ = blocked_pairs(rules, h.n, batch_knowledge(model.axes, batch, h, rules.attributes))
        return recommend(stage, h, as_of.day, model.horizon_days, words, older_counts(model, as_of), exclude)

    return _pass(open_path, rows_of)


def category_rows(
    open_path: Callable[[], str], as_of: AsOf, words: Words, open_rules: Callable[[], str] | None = None
) -> BatchFunction:
    """Rows of `NEXT_BEST_CATEGORIES` for batches of `as_histories`; with `open_rules`, as in `product_rows`, without
    the categories whose products may all not be shown to her."""

    def rows_of(model: Recommender, batch: pa.RecordBatch) -> pa.Table:
        h, _ = batch_histories(model.axes, batch, as_of.epoch_day)
        n = len(model.categories.catalogue)
        exclude = None
        if open_rules is not None:
            rules, _ = open_eligible(open_path(), open_rules())
            keys, _ = blocked_pairs(rules, h.n, batch_knowledge(model.axes, batch, h, rules.attributes))
            side = model.products.sources.side
            sold = np.asarray(side.can_offer) | np.asarray(side.can_repeat)
            exclude = closed_categories(keys, h.n, model.place, sold, rules.closed_to_all(), n)
        upper = one_level_up(h, np.asarray(model.place), n)
        counted = older_counts(model, as_of)
        return recommend(model.categories, upper, as_of.day, model.horizon_days, words, counted, exclude)

    return _pass(open_path, rows_of)


def blocked_rows(open_path: Callable[[], str], as_of: AsOf, open_rules: Callable[[], str]) -> BatchFunction:
    """How many pairs each reason keeps out, rows of `BLOCKED_PAIRS` for batches of `as_histories`."""

    def rows_of(model: Recommender, batch: pa.RecordBatch) -> pa.Table:
        h, _ = batch_histories(model.axes, batch, as_of.epoch_day)
        rules, _ = open_eligible(open_path(), open_rules())
        _, counts = blocked_pairs(rules, h.n, batch_knowledge(model.axes, batch, h, rules.attributes))
        return pa.table({"reason": pa.array(list(counts), pa.string()), "pairs": pa.array(counts.values(), pa.int64())})

    return _pass(open_path, rows_of)


def older_counts(model: Recommender, as_of: AsOf) -> date | None:
    """The day before which the model counted what all customers bought, where the list is of a later day."""
    return model.cut if model.cut < as_of.day else None


def _pass(open_path: Callable[[], str], rows_of: Callable[[Recommender, pa.RecordBatch], pa.Table]) -> BatchFunction:
    def score(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.Table]:
        with threadpool_limits(limits=1):
            for batch in batches:
                for first in range(0, batch.num_rows, CUSTOMERS_AT_ONCE):
                    yield rows_of(open_recommender(open_path()), batch.slice(first, CUSTOMERS_AT_ONCE))

    return score


def publish(stage: SecondStage, scored: Scored) -> Rows:
    """The rows that the list rules choose."""
    found = scored.candidates
    fallback = None if stage.level.by_state else PRODUCT_KINDS.index("fallback")
    return choose_rows(
        found.customer,
        found.item,
        item_groups(stage.catalogue, found.item),
        found.owned,
        scored.kind,
        scored.p_buy,
        scored.raw,
        stage.level.lists,
        fallback,
        spare=np.asarray(~found.source.any(axis=1)),
    )


def recommend(
    stage: SecondStage,
    h: Histories,
    day: date,
    horizon: int,
    words: Words,
    counted_until: date | None = None,
    exclude: Ints | None = None,
) -> pa.Table:
    """Published rows of the customers of `h`, with the columns of the level's contract; `words` and `counted_until` as
    in `scoring/row_reasons.py`."""
    scored = stage.score(h, exclude)
    rows = publish(stage, scored)
    customer, item = scored.candidates.customer[rows.pair], scored.candidates.item[rows.pair]
    kinds = as_objects(STATES if stage.level.by_state else PRODUCT_KINDS)[rows.kind]
    reasons = reasons_of(stage, h, scored, rows.pair, rows.kind, words, counted_until)
    ids = pa.array(stage.catalogue.items[item].tolist(), pa.string())
    shared = {
        "as_of": pa.array([day] * len(item), pa.date32()),
        "customer_id": pa.array(h.customers[customer].tolist(), pa.string()),
        "rank": pa.array(rows.rank, pa.int32()),
        "p_buy": pa.array(scored.p_buy[rows.pair], pa.float64()),
        "horizon_days": pa.array(np.full(len(item), horizon), pa.int32()),
        "reasons": pa.array(reasons, pa.list_(pa.string())),
    }
    if stage.level.by_state:
        own = {"category": ids, "state": pa.array(kinds.tolist(), pa.string()), "rank_in_state": rows.rank_in_kind}
    else:
        names = stage.catalogue.names["category"][np.asarray(stage.catalogue.codes["category"])[item]]
        own = {
            "product_id": ids,
            "category": pa.array([n or None for n in names], pa.string()),
            "kind": pa.array(kinds.tolist(), pa.string()),
            "rank_in_kind": rows.rank_in_kind,
        }
    return pa.table(shared | {k: pa.array(v) if isinstance(v, np.ndarray) else v for k, v in own.items()})
