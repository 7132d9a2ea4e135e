"""What ranks a customer's own items best by itself: decayed frequency, or the repeat purchase model by interval.

    python -m tests.benchmarks.bench_due [--cut 2017-08-14 --cut 2017-10-09]

Public grocery data, products with 50 or more baskets before the cut. Recall and NDCG at 10 over what was bought before
and is bought again in the 28 days after the cut; log loss, observed / expected and ECE of the probabilities.
"""

from __future__ import annotations

import argparse
import time
from datetime import date

import numpy as np
from numpy.typing import NDArray

from features.splits import epoch_day
from models.metrics import ece
from recommend.due import due_pairs, due_probability, fit_due
from recommend.histories import bought_between, histories_before, is_in
from scoring.stage_gate import list_metrics
from tests.benchmarks.bench_recommender import load

CUTS = (date(2017, 8, 14), date(2017, 9, 11), date(2017, 10, 9))


def judge(cut: date) -> None:
    """Prints one line per level and ranking."""
    day = epoch_day(cut)
    levels = load(day, full=False)
    h = histories_before(levels.products, levels.catalogue, day)
    truth = bought_between(levels.products, levels.catalogue, day, day + 28)
    who, item = np.divmod(truth, len(levels.catalogue))
    types, categories = (np.asarray(levels.catalogue.codes[name]) for name in ("product_type", "category"))
    places: dict[str, NDArray] = {"product": np.arange(len(levels.catalogue)), "type": types, "category": categories}
    for level, place in places.items():
        n = int(place.max()) + 1
        started = time.perf_counter()
        model = fit_due(h, place, n, 28, group=types if level == "product" else None)
        fitted = time.perf_counter() - started
        pairs = due_pairs(h, place, n)
        p = due_probability(model, pairs)
        customer, thing = np.divmod(pairs.key, n)
        wanted = np.unique(who * n + place[item])
        wanted = wanted[is_in(pairs.key, wanted)]
        y = is_in(wanted, pairs.key).astype(np.float64)
        for name, score in (("decayed frequency", pairs.count120), ("by interval", p)):
            m = list_metrics(customer, thing, score, wanted, h.n, n)
            line = f"{cut} {level:9} {name:18} recall {np.nanmean(m['recall']):.4f} NDCG {np.nanmean(m['ndcg']):.4f}"
            if score is p:
                q = np.clip(p, 1e-6, 1 - 1e-6)
                loss = -float(np.mean(y * np.log(q) + (1 - y) * np.log1p(-q)))
                line += f" log loss {loss:.4f} o/e {y.sum() / p.sum():.3f} ECE {ece(y, p, np.ones_like(p)):.4f}"
                line += f"; {len(p):,} pairs, fitted in {fitted:.1f} s"
            print(line, flush=True)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=date.fromisoformat, action="append")
    for cut in parser.parse_args().cut or CUTS:
        judge(cut)


if __name__ == "__main__":
    main()
