"""Are reasons true, and what do they cost, on the public grocery data.

    python -m tests.benchmarks.bench_reasons --cut 2017-10-09 --customers 300 [--level categories] [--stage FOLDER]

Trains on days before the cut (or opens a stage that `--stage` holds, and saves it there when it is new), publishes the
lists of some customers, and takes the purchases that a row cites first out of her history: how far the row's score
falls, against at least as many other purchases of hers, whole items at random. Also prints the time reasons take beside
the scoring pass, and some rows in both languages.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from features.splits import epoch_day
from jobs.reason_words import read_words
from recommend.candidates import Candidates
from recommend.evidence.feature_evidence import REASONS
from recommend.evidence.purchases import HABIT_LEVELS
from recommend.histories import Histories, Ints, histories_before, take
from scoring.given_pairs import score_pairs
from scoring.recommendations import publish
from scoring.recommender_params import RecommenderParams
from scoring.row_evidence import Evidence, weigh_evidence
from scoring.row_reasons import reasons_of
from scoring.second_stage import SecondStage
from scoring.train_second_stage import fit_second_stage
from tests.benchmarks.bench_recommender import load
from tests.scoring.told_shop import variants

KINDS = ("rhythm", "taste", "habit", "complement")


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=date.fromisoformat, default=date(2017, 10, 9))
    parser.add_argument("--level", choices=("products", "categories"), default="products")
    parser.add_argument("--customers", type=int, default=300)
    parser.add_argument("--rows", type=int, default=300, help="rows per kind")
    parser.add_argument("--stage", type=Path, help="folder of a stage trained at this cut")
    parser.add_argument("--show", type=int, default=20, help="rows to print")
    args = parser.parse_args()
    cut, rng = epoch_day(args.cut), np.random.default_rng(0)
    stage, h = trained(args, cut)
    h = take(h, np.sort(rng.choice(h.n, min(args.customers, h.n), replace=False)))
    with threadpool_limits(1):
        began = time.process_time()
        scored = stage.score(h)
        rows = publish(stage, scored)
        spent = time.process_time() - began
        began = time.process_time()
        english = reasons_of(stage, h, scored, rows.pair, rows.kind, read_words("en"))
        told = time.process_time() - began
        found, raw = scored.candidates.take(rows.pair), scored.raw[rows.pair]
        evidence = weigh_evidence(stage, h, found, scored.x[rows.pair], raw)
        per_row = 1e6 * told / max(len(raw), 1)
        print(f"{h.n} customers, {len(scored.raw):,} candidates, {len(raw):,} rows, modes {stage.modes}")
        print(f"scoring {1e3 * spent / h.n:.2f} ms, reasons {1e3 * told / h.n:.2f} ms of CPU per customer: ", end="")
        print(f"{told / spent:.2f} of the scoring, {per_row:.0f} us per row")
        shares(evidence, found)
        for kind in KINDS:
            judge(stage, h, found, raw, evidence, kind, args.rows, rng)
    chinese = reasons_of(stage, h, scored, rows.pair, rows.kind, read_words("zh"))
    for row in np.sort(rng.choice(len(raw), min(args.show, len(raw)), replace=False)):
        label = stage.catalogue.labels[found.item[row]]
        print(f"{label} ({'own' if found.owned[row] else 'new'}, {raw[row]:.3f}): {english[row]} {chinese[row]}")


def trained(args: argparse.Namespace, cut: int) -> tuple[SecondStage, Histories]:
    """The stage at the cut and everybody's histories."""
    levels, params = load(cut, True), RecommenderParams()
    if args.level == "products":
        (level, settings), data, catalogue = params.products(28, 1), levels.products, levels.catalogue
    else:
        (level, settings), data, catalogue = params.category_level(28, 1), levels.categories, levels.upper
    h = histories_before(data, catalogue, cut)
    if args.stage is not None and (args.stage / f"{args.level}.json").exists():
        return SecondStage.open(args.stage, args.level), h
    stage = fit_second_stage(data, catalogue, cut, level, settings, print).stage
    if args.stage is not None:
        args.stage.mkdir(parents=True, exist_ok=True)
        stage.save(args.stage)
    return stage, h


def shares(evidence: Evidence, found: Candidates) -> None:
    """Which reason is cited first, by whether the item is hers."""
    first, some = evidence.carries.argmax(axis=1), evidence.carries.max(axis=1) > 0
    for owned in (True, False):
        rows = found.owned == owned
        cited = {r: float(((first == i) & some)[rows].mean()) for i, r in enumerate(REASONS)}
        shown = ", ".join(f"{r} {share:.3f}" for r, share in cited.items() if share > 0)
        print(f"{'own' if owned else 'new'}: {rows.sum():,} rows, first {shown}; none {(~some)[rows].mean():.3f}")


def judge(
    stage: SecondStage,
    h: Histories,
    found: Candidates,
    raw: np.ndarray,
    evidence: Evidence,
    kind: str,
    most: int,
    rng: np.random.Generator,
) -> None:
    """What rows lose without what they cite first, against as much else."""
    carried = evidence.carries[:, REASONS.index(kind)]
    rows = rng.permutation(np.flatnonzero((carried > 0) & (carried >= evidence.carries.max(axis=1))))[:most]
    kept, cited, others = [], [], []
    for row in rows:
        gone = purchases_behind(stage, h, found, evidence, kind, row)
        other = as_many_others(h, int(found.customer[row]), int(found.item[row]), gone, rng)
        if len(other):
            kept.append(row)
            cited.append({"purchases": gone})
            others.append({"purchases": other})
    if len(kept) < 10:
        print(f"{kind}: {len(kept)} rows")
        return
    at = np.array(kept)
    lost, random = (raw[at] - rescored(stage, h, found, at, gone) for gone in (cited, others))
    draws = rng.integers(0, len(at), (2000, len(at)))
    low, high = np.quantile((lost - random)[draws].mean(axis=1), (0.025, 0.975))
    wins = ((lost > random) + 0.5 * (lost == random)).mean()
    print(
        f"{kind}: {len(at)} rows, falls by {lost.mean():.5f} against {random.mean():.5f}, difference "
        f"[{low:.5f}, {high:.5f}]; cited beats random {wins:.3f}, falls {(lost > 0).mean():.3f}; "
        f"said {carried[at].mean():.5f}, correlation {np.corrcoef(lost, carried[at])[0, 1]:.3f}"
    )


def rescored(
    stage: SecondStage, h: Histories, found: Candidates, rows: Ints, gone: list[dict[str, Ints]]
) -> np.ndarray:
    """Raw scores of rows, each once those purchases are gone."""
    alone = variants(h, found.customer[rows], gone)
    return score_pairs(stage, alone, np.arange(len(rows)) * h.n_items + found.item[rows]).raw


def purchases_behind(
    stage: SecondStage, h: Histories, found: Candidates, evidence: Evidence, kind: str, row: int
) -> Ints:
    """Positions in the history of what a reason speaks of."""
    low, high = np.searchsorted(h.customer, found.customer[row] + np.arange(2))
    bought, item = h.item[low:high], found.item[row]
    if kind == "rhythm":
        return low + np.flatnonzero(bought == item)
    if kind == "taste":
        places = evidence.cited.place[row]
        return low + np.flatnonzero(np.isin(bought, evidence.own.key[places[places >= 0]] % h.n_items))
    types = np.asarray(stage.catalogue.codes["product_type"])
    if kind == "complement":
        return low + np.flatnonzero(types[bought] == evidence.complements.code[row])
    codes = np.asarray(stage.catalogue.codes[HABIT_LEVELS[evidence.cited.habit[row]]])
    return low + np.flatnonzero((codes[bought] == codes[item]) & (bought != item))


def as_many_others(h: Histories, customer: int, item: int, gone: Ints, rng: np.random.Generator) -> Ints:
    """At least as many other purchases, whole items at random; none where she has not as many."""
    low, high = np.searchsorted(h.customer, [customer, customer + 1])
    rest = np.setdiff1d(np.arange(low, high), gone)
    rest = rest[h.item[rest] != item]
    items = rng.permutation(np.unique(h.item[rest]))
    size = np.cumsum([int((h.item[rest] == i).sum()) for i in items])
    enough = np.flatnonzero(size >= len(gone))
    return rest[np.isin(h.item[rest], items[: enough[0] + 1])] if len(enough) else rest[:0]


if __name__ == "__main__":
    main()
