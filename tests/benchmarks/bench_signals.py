"""What views and tags add to the second stage in a simulated world, with paired intervals over customers.

    python -m tests.benchmarks.bench_signals --lake FOLDER --config conf/world_demo.yaml --cuts 2026-06-03

Reads a lake (browsing, cart_events, post_tags, social_tags, consents beside purchases) and writes nothing to it. Each
arm is trained on days before the cut as `nextbest train-recommender` does, with the same settings, then looks at the
28 days after it; arms differ in the logs that they are given. Truth: all that was bought, and what the customer had
not bought before (explore). Ranked by the ranker in both segments, before list rules, so that a gate does not decide
what is compared. Also told: the recall at 100 of each source, and customers without a purchase before the cut.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.as_of import AsOf
from features.facts import Facts
from features.interactions import Interactions, collect_interactions, collect_log
from jobs.contracts import all_contracts
from jobs.recommender_logs import TAGS, VIEWS, read_tag_rules, targeting_tags
from jobs.session import Engine
from jobs.settings import Settings, load_settings
from jobs.tables import Lake
from recommend.dealings import Dealings, on_one_axis
from recommend.histories import Histories, bought_between, histories_before, take
from scoring.learned_days import view_history_days
from scoring.recommender_inputs import (
    Levels,
    build_levels,
    catalogue_rows,
    known_purchase_days,
    known_view_days,
    products_for_sale,
)
from scoring.second_stage import SEGMENTS, Scored, SecondStage
from scoring.tag_days import known_tag_days
from scoring.train_second_stage import fit_second_stage
from tests.benchmarks.signal_figures import (
    HORIZON,
    Values,
    differences,
    measure,
    source_recall,
    tag_lifts,
    with_tags,
)

ARMS = {
    "purchases": (False, "none"),
    "+ views": (True, "none"),
    "+ tags, all": (False, "all"),
    "+ tags, targeting": (False, "targeting"),
    "+ views, tags all": (True, "all"),
    "+ views, tags targeting": (True, "targeting"),
}


@dataclass(frozen=True)
class World:
    """Purchases beyond the cut (for the truth), the other logs up to it, tags by setting."""

    levels: Levels
    tags: dict[str, Dealings]


def read(lake: Lake, settings: Settings, cut: AsOf, scratch: Path, earlier_days: int = 0) -> World:
    """The logs of a lake as arrays on one axis, for cuts from `earlier_days` before `cut` on; consent as of `cut`."""
    params, later = settings.recommender, cut.plus(HORIZON)
    with Engine("embedded", settings.session, scratch) as engine:
        spark = engine.spark

        def there(name: str) -> bool:
            return lake.table(name) is not None

        customer_map = lake.read(spark, "customer_map")
        products = lake.read(spark, "products")
        purchases = collect_interactions(
            known_purchase_days(
                lake.read(spark, "transactions"), products, customer_map, later, params.drop_departments
            )
        )
        browsing, carts = (lake.read(spark, name) if there(name) else None for name in VIEWS)
        days = view_history_days(params, HORIZON) + earlier_days
        looks = known_view_days(browsing, carts, customer_map, cut, days)
        views = None if looks is None else collect_log(looks)
        sources = {n: lake.read(spark, n) for n in ("customer_map", *TAGS) if there(n)}
        facts = Facts(sources, cut, settings.features)
        said = {}
        for which in ("none", "targeting", "all"):
            frame = known_tag_days(facts, which, targeting_tags(settings))
            said[which] = None if frame is None else collect_log(frame)
        rows = catalogue_rows(products, cut).toArrow().to_pydict()
        known = set(rows["product_id"])
        purchases = purchases.take_products(np.isin(purchases.products.astype(str), sorted(known)))
    new_days = params.candidates.new_days + days - params.view_days
    looked = set() if views is None else set(views.products)
    sale = products_for_sale(rows, looked, cut.epoch_day, new_days, params.drop_departments)
    rules = read_tag_rules(settings)

    def of_buyers(log: Interactions | None) -> Interactions | None:
        """Whoever never buys, before the cut or after it, is in no metric."""
        return None if log is None else log.take_customers(np.isin(log.customers, purchases.customers))

    def joined(which: str) -> Dealings:
        return on_one_axis(purchases, of_buyers(views), of_buyers(said[which]), (), sale, rules)

    return World(build_levels(joined("all"), rows), {which: joined(which) for which in said})


def arm_data(world: World, level: str, views: bool, tags: str) -> Dealings:
    """The dealings of one arm at one level."""
    whole = world.levels.products if level == "products" else world.levels.categories
    said = world.tags[tags]
    seen = whole.views if views else whole.views.where(np.zeros(len(whole.views), dtype=bool))
    return Dealings(whole.purchases, seen, said.tags, whole.rules)


def ranked(stage: SecondStage, data: Dealings, cut: int) -> tuple[Scored, Histories, NDArray]:
    """Candidates of those who bought after the cut, scored by the ranker whatever the gate says, their histories, and
    what they bought."""
    modes = {segment: "ranker" if segment in stage.rankers else "heuristic" for segment in SEGMENTS}
    anything = next(iter(stage.calibrators.values()))
    shared = {f"{mode}.{kind}": anything for mode in modes.values() for kind in range(4)}
    stage = replace(stage, modes=modes, calibrators=shared | stage.calibrators)
    truth = bought_between(data, stage.catalogue, cut, cut + HORIZON)
    buyers = np.unique(truth // len(stage.catalogue))  # nobody else is in a metric
    place = np.searchsorted(buyers, truth // len(stage.catalogue))
    h = take(histories_before(data, stage.catalogue, cut), buyers)
    with threadpool_limits(limits=1, user_api="blas"):
        scored = stage.score(h)
    return scored, h, place * len(stage.catalogue) + truth % len(stage.catalogue)


def run(world: World, level_name: str, arms: list[str], settings: Settings, cuts: list[int]) -> None:
    """Trains the arms of one level before each cut and prints their table over all cuts together."""
    params = settings.recommender
    by_level = params.products if level_name == "products" else params.category_level
    level, stage_params = by_level(HORIZON, 1)
    catalogue = world.levels.catalogue if level_name == "products" else world.levels.upper
    values: dict[str, list[Values]] = {name: [] for name in arms}
    for cut in cuts:
        told, event = with_tags(world.tags["all"], cut)
        for name in arms:
            started = time.perf_counter()
            data = arm_data(world, level_name, *ARMS[name])
            stage = fit_second_stage(data, catalogue, cut, level, stage_params, lambda line: None).stage
            trained = time.perf_counter()
            scored, h, truth = ranked(stage, data, cut)
            who = np.searchsorted(world.levels.products.purchases.customers, h.customers)
            values[name].append(measure(scored, h, truth, told[who], event[who]))
            took = f"trained in {trained - started:.0f} s, scored in {time.perf_counter() - trained:.0f} s"
            print(f"{level_name} before {cut}, {name}: {len(scored.raw):,} pairs, {took}", flush=True)
            if level_name == "products":
                whole, some = (source_recall(scored, h, truth, c) for c in (np.ones(h.n, dtype=bool), told[who]))
                shown = whole.assign(with_a_tag=some.recall, each=some.per_customer)
                print(shown.to_string(index=False), flush=True)
    pooled = {
        name: {key: np.concatenate([v[key] for v in found]) for key in found[0]} for name, found in values.items()
    }
    print(pd.DataFrame(differences(pooled)).round(4).to_string(index=False), flush=True)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--config", type=Path, default=None)
    parser.add_argument("--cuts", type=date.fromisoformat, nargs="+", required=True, help="in order")
    parser.add_argument("--levels", nargs="+", choices=("products", "categories"), default=["products", "categories"])
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--learn-from", type=int, default=None, help="customers to learn from at most")
    args = parser.parse_args()
    settings = load_settings(args.config)
    if args.learn_from:
        ranker = replace(settings.recommender.ranker, max_customers=args.learn_from)
        settings = settings.model_copy(update={"recommender": replace(settings.recommender, ranker=ranker)})
    cuts = [AsOf(day, settings.time_zone) for day in args.cuts]
    with TemporaryDirectory() as scratch:
        world = read(
            Lake(args.lake, all_contracts()), settings, cuts[-1], Path(scratch), (args.cuts[-1] - args.cuts[0]).days
        )
    days = [cut.epoch_day for cut in cuts]
    print(tag_lifts(world.tags["all"], world.levels.catalogue, days).to_string(index=False), flush=True)
    for level in args.levels:
        run(world, level, args.arms, settings, days)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
