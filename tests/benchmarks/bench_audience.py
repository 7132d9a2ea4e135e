"""Does an audience hold the people who come to buy? Products, categories and brand-new products against old CRM.

    python -m tests.benchmarks.bench_audience --cut 2017-10-09 [--cut 2017-09-11] [--subjects 150]
    python -m tests.benchmarks.bench_audience --cut 2026-06-03 --lake LAKE --config conf/world_demo.yaml

Trains on days before the cut (with --lake: takes the lake's champion, trained at the cut; without it: the public
grocery data, all products), ranks every customer for each subject as `nextbest audience` does, and looks at who bought
it in the 28 days after. Share of the later buyers found in the best 1, 5 and 10 % of the customers, mean over subjects;
then the paired difference between the audience and the row, with a 95 % bootstrap interval over subjects. `new` counts
only customers who had never bought the subject, and only they are ranked.

Rows: past buyers of the subject by recency, then of its category by recency (old CRM); customers in whose list of 20
the product appears, by p_buy, then by chance; buyers of anything by recency; chance.
"""

from __future__ import annotations

import argparse
import resource
import time
import zlib
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import functions as F
from threadpoolctl import threadpool_limits

from features.as_of import EPOCH, AsOf, with_local_time
from features.errors import DataError
from features.splits import epoch_day
from recommend.dealings import as_dealings
from recommend.histories import Histories, Ints, bought_between, histories_before, take
from recommend.list_params import ListParams
from scoring.audience_scores import recency as recency_of
from scoring.audience_scores import score_target
from scoring.audience_targets import Target, product_target
from scoring.recommendations import Recommender, build_recommender, publish
from scoring.recommender_inputs import Levels
from scoring.recommender_params import RecommenderParams
from scoring.train_second_stage import fit_second_stage

HORIZON = 28
SHARES = (0.01, 0.05, 0.10)
MIN_BUYERS = 10
MIN_NEW = 5
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A recommender trained before the cut, histories of all customers at it, and what came after."""

    model: Recommender
    h: Histories
    chance: Floats  # (n customers,) a fixed draw
    buyers: dict[str, Ints]  # product -> positions of the customers who bought it in the window
    rows: dict[str, dict[str, str | None]]  # product -> product_type, brand, category
    lookers: dict[str, tuple[Ints, Floats]]  # product -> customers who looked at it before the cut, days since


def customers_of(h: Histories, most: int = 1_000_000) -> tuple[Histories, Floats]:
    """The customers with any history, at most so many by their hash, and a fixed draw for each."""
    known = np.unique(np.concatenate([h.customer, h.seen.customer]))
    mixed = [zlib.crc32(f"sample|{h.customers[i]}".encode()) for i in known]
    known = np.sort(known[np.argsort(mixed, kind="stable")[:most]])
    chance = np.array([zlib.crc32(f"chance|{h.customers[i]}".encode()) for i in known], dtype=np.float64)
    return take(h, known), chance / 2**32


def trained_world(levels: Levels, cut: int, params: RecommenderParams, threads: int) -> World:
    """Trains as `nextbest train-recommender` does; the window after is in `levels`."""
    stages = []
    for data, catalogue, (level, stage) in (
        (levels.products, levels.catalogue, params.products(HORIZON, threads)),
        (levels.categories, levels.upper, params.category_level(HORIZON, threads)),
    ):
        stages.append(fit_second_stage(data, catalogue, cut, level, stage, lambda line: None).stage)
    bought = as_dealings(levels.products).purchases
    model = build_recommender(EPOCH + timedelta(days=cut), HORIZON, stages[0], stages[1], levels.place, bought.stores)
    return world_of(levels, model, cut)


def world_of(levels: Levels, model: Recommender, cut: int) -> World:
    """The world of arrays that reach beyond the cut."""
    whole = histories_before(levels.products, levels.catalogue, cut)
    h, chance = customers_of(whole)
    place = {c: i for i, c in enumerate(h.customers)}
    number = np.array([place.get(c, -1) for c in whole.customers], dtype=np.int64)
    who, item = np.divmod(bought_between(levels.products, levels.catalogue, cut, cut + HORIZON), h.n_items)
    who, item = number[who[number[who] >= 0]], item[number[who] >= 0]
    ids, codes, names = levels.catalogue.items, levels.catalogue.codes, levels.catalogue.names
    buyers = {str(ids[i]): who[item == i] for i in np.unique(item)}
    rows: dict[str, dict[str, str | None]] = {
        str(p): {level: str(names[level][codes[level][i]]) for level in codes} for i, p in enumerate(ids)
    }
    return World(model, h, chance, buyers, rows, {})


def lake_world(lake: Path, config: Path | None, day: date, most: int) -> World:
    """The champion of a lake trained at `day`, scoring what `nextbest audience` reads; the window is in the lake."""
    from features.hierarchy import as_current_products
    from features.order_lines import account_customers
    from jobs.audience import STEP
    from jobs.recommender_logs import read_logs
    from jobs.runs import Job, pin_inputs
    from jobs.settings import load_settings
    from jobs.workspace import workspace
    from scoring.history_rows import as_histories, batch_histories
    from scoring.recommendations import open_recommender

    settings = load_settings(config, {"lake": str(lake), "as_of": day})
    with workspace(settings, "bench") as w:
        as_of = AsOf(day, settings.time_zone)
        versions, _, _ = pin_inputs(STEP, w.lake, as_of)
        job = Job(STEP, settings, as_of, w.engine, w.lake, w.tracking, "bench", "bench", versions, {})
        champion = job.model("recommender")
        model = open_recommender(str(champion.path))
        assert model.cut == day, f"the champion was trained at {model.cut}"
        logs = read_logs(job)
        histories = as_histories(logs.purchases, views=logs.views, tags=logs.tags)
        batch = job.write_read("histories", histories).toArrow().sort_by("customer_id").combine_chunks().to_batches()[0]
        whole, _ = batch_histories(model.axes, batch, as_of.epoch_day)
        h, chance = customers_of(whole, most)
        place = {c: i for i, c in enumerate(h.customers)}
        window = F.col("local_day").between(F.lit(day), F.lit(day + timedelta(days=HORIZON - 1)))
        lines = with_local_time(job.read("transactions"), settings.time_zone).where(window & (F.col("quantity") > 0))
        owners = account_customers(job.read("customer_map"), as_of)
        bought = lines.join(owners, "account_id", how="inner").select("customer_id", "product_id").distinct().toArrow()
        buyers: dict[str, list[int]] = {}
        for c, p in zip(*(bought[n].to_pylist() for n in ("customer_id", "product_id")), strict=True):
            if c in place:
                buyers.setdefault(p, []).append(place[c])
        # attributes of a launch are the shop's own plan: known before the product is
        current = as_current_products(job.read("products"), as_of.plus(HORIZON)).collect()
        rows = {r["product_id"]: {k: r[k] for k in ("product_type", "brand", "category")} for r in current}
        lookers: dict[str, list[tuple[int, int]]] = {}
        if logs.views is not None:
            fresh = [p for p in buyers if p not in model.axes.products]
            for r in logs.views.where(F.col("product_id").isin(fresh)).collect():
                if r["customer_id"] in place:
                    lookers.setdefault(r["product_id"], []).append((place[r["customer_id"]], (day - r["day"]).days))
        found = {p: np.unique(np.array(c, dtype=np.int64)) for p, c in buyers.items()}
        seen = {p: (np.array([c for c, _ in v]), np.array([d for _, d in v], float)) for p, v in lookers.items()}
        return World(model, h, chance, found, rows, seen)


def captured(order: NDArray[np.int64], buyers: NDArray[np.bool_], n: int) -> list[float]:
    """Share of `buyers` among the first 1, 5, 10 % of `order`."""
    inside = np.cumsum(buyers[order])
    return [float(inside[max(1, round(s * n)) - 1] / max(buyers.sum(), 1)) for s in SHARES]


def by(*keys: Floats) -> NDArray[np.int64]:
    """Positions by the first key, largest first, then by the next."""
    return np.lexsort(tuple(-k for k in reversed(keys)))


def recency(h: Histories, codes: NDArray, code: int) -> Floats:
    """(n,) minus days since the last purchase of an item of the group; -inf where there is none."""
    rows = codes[h.item] == code
    out = np.full(h.n, -np.inf)
    np.maximum.at(out, h.customer[rows], -h.age[rows].astype(np.float64))
    return out


def listed(w: World, k: int) -> dict[int, list[tuple[int, float]]]:
    """item -> customers in whose published list of k it is, with p_buy."""
    out: dict[int, list[tuple[int, float]]] = {}
    stage = replace(w.model.products, level=replace(w.model.products.level, lists=ListParams(k=k)))
    for first in range(0, w.h.n, 2048):
        who = np.arange(first, min(first + 2048, w.h.n))
        scored = stage.score(take(w.h, who))
        rows = publish(stage, scored)
        found = scored.candidates
        for c, i, p in zip(found.customer[rows.pair], found.item[rows.pair], scored.p_buy[rows.pair], strict=True):
            out.setdefault(int(i), []).append((int(c) + first, float(p)))
    return out


@dataclass
class Subject:
    """One subject: its scores, and the ways old CRM would have ranked."""

    name: str
    rankings: dict[str, NDArray[np.int64]]
    buyers: NDArray[np.bool_]
    owned: NDArray[np.bool_]
    expected: float


def in_parts(w: World, target: Target) -> tuple[Floats, Floats]:
    """Score and raw of all customers, in parts that fit into memory."""
    step = max(64, 100_000 // len(target.items))
    score, raw = np.empty(w.h.n), np.empty(w.h.n)
    for first in range(0, w.h.n, step):
        who = np.arange(first, min(first + step, w.h.n))
        found = score_target(w.model, target, take(w.h, who))
        score[who], raw[who] = found.score, found.raw
    return score, raw


def one_by_one(w: World, level: str, items: list[int]) -> dict[int, tuple[Floats, Floats]]:
    """Score and raw of all customers for each item alone, in one pass over the customers."""
    order = sorted(set(items))
    score, raw = np.empty((w.h.n, len(order))), np.empty((w.h.n, len(order)))
    step = max(64, 100_000 // max(len(order), 1))
    for first in range(0, w.h.n, step):
        who = np.arange(first, min(first + step, w.h.n))
        pairs = score_target(w.model, Target(level, tuple(order)), take(w.h, who)).pairs
        score[who], raw[who] = pairs.p_buy.reshape(len(who), -1), pairs.raw.reshape(len(who), -1)
    return {item: (score[:, i], raw[:, i]) for i, item in enumerate(order)}


def build_subject(
    w: World, scores: tuple[Floats, Floats], name: str, codes: NDArray, code: int, above: tuple[NDArray, int],
    buyers: NDArray[np.bool_], lists: list[tuple[int, float]] | None,
) -> Subject:  # fmt: skip
    """Rankings of one subject; `codes == code` are its items, `above` the same of its category."""
    score, raw = scores
    own, category = recency(w.h, codes, code), recency(w.h, *above)
    anything = recency(w.h, np.zeros(w.h.n_items, dtype=int), 0)
    rankings = {
        "audience": by(score, raw, recency_of(w.h), w.chance),
        "past buyers": by(own, category, w.chance),
        "recent customers": by(anything, w.chance),
        "chance": by(w.chance),
    }
    if lists is not None:
        p = np.zeros(w.h.n)
        for c, value in lists:
            p[c] = value
        rankings["list of 20"] = by(p, w.chance)
    return Subject(name, rankings, buyers, own > -np.inf, float(score.sum()))


def with_launch_rankings(w: World, one: Subject) -> Subject:
    """What else could rank customers for a product that nobody bought: who looked at it, and the model itself."""
    looked, item = np.zeros(w.h.n), w.model.axes.products.get(one.name, -1)
    rows = w.h.seen.item == item
    np.maximum.at(looked, w.h.seen.customer[rows], 1.0 / w.h.seen.age[rows])
    if one.name in w.lookers:
        who, days = w.lookers[one.name]
        np.maximum.at(looked, who, 1.0 / days)
    place = np.empty(w.h.n)
    place[one.rankings["audience"]] = -np.arange(w.h.n, dtype=float)
    more = {"lookers, audience": by(looked, place), "lookers, chance": by(looked, w.chance)}
    more["the model itself"] = one.rankings["audience"]
    if item >= 0:
        more["the model itself"] = by(*in_parts(w, Target("products", (item,))), recency_of(w.h), w.chance)
    return replace(one, rankings=one.rankings | more)


def table(subjects: list[Subject], title: str, new: bool) -> None:
    """Prints the mean share found, and the paired difference of the audience with its interval."""
    rows: dict[str, list[list[float]]] = {}
    used = 0
    for s in subjects:
        keep = ~s.owned if new else np.ones(len(s.owned), bool)
        if int((s.buyers & keep).sum()) < MIN_NEW:
            continue
        used += 1
        for name, order in s.rankings.items():
            mine = order[keep[order]]
            rows.setdefault(name, []).append(captured(mine, s.buyers & keep, len(mine)))
    if not used:
        print(f"{title}: no subject with {MIN_NEW} later buyers")
        return
    rng = np.random.default_rng(0)
    draws = rng.integers(0, used, (2000, used))
    base = np.array(rows["audience"])
    print(f"\n{title}: {used} subjects; share of later buyers in the best 1 %, 5 %, 10 %")
    for name, found in rows.items():
        values = np.array(found)
        mean = values.mean(axis=0)
        text = "  ".join(f"{m:.3f}" for m in mean)
        if name != "audience":
            d = (base - values)[draws].mean(axis=1)
            low, high = np.quantile(d, [0.025, 0.975], axis=0)
            told = zip((base - values).mean(axis=0), low, high, strict=True)
            text += "   audience " + "  ".join(f"{m:+.3f} [{a:+.3f}, {b:+.3f}]" for m, a, b in told)
        print(f"  {name:18s} {text}")


def sampled(ids: list[str], n: int) -> list[str]:
    """At most n of the ids, by their hash."""
    return sorted(ids, key=lambda p: (zlib.crc32(f"subject|{p}".encode()), p))[:n]


def judge(w: World, n_subjects: int, new_launches: int, most: int, with_lists: bool) -> None:
    """Prints the tables of one cut."""
    catalogue, n_items = w.model.products.catalogue, w.h.n_items
    category, names = np.asarray(catalogue.codes["category"]).astype(np.int64), catalogue.names["category"]
    code_of, every = {str(name): i for i, name in enumerate(names)}, np.arange(n_items)
    sold = np.asarray(w.model.products.sources.side.buyers) > 0

    def later(products: list[str]) -> NDArray[np.bool_]:
        out = np.zeros(w.h.n, bool)
        for p in products:
            out[w.buyers.get(p, np.empty(0, np.int64))] = True
        return out

    def in_category(product: str) -> tuple[NDArray, int]:
        return category, code_of.get(str(w.rows[product]["category"] or ""), -1)

    started = time.perf_counter()
    lists = listed(w, 20) if with_lists else None
    print(f"lists of 20 in {time.perf_counter() - started:.0f} s", flush=True)
    items = w.model.axes.products
    known = {p: items[p] for p, who in w.buyers.items() if p in items and sold[items[p]] and len(who) >= MIN_BUYERS}
    started = time.perf_counter()
    chosen = sampled(list(known), n_subjects)
    scored = one_by_one(w, "products", [known[p] for p in chosen])
    products = [
        build_subject(w, scored[known[p]], p, every, known[p], in_category(p), later([p]),
                      None if lists is None else lists.get(known[p], []))
        for p in chosen
    ]  # fmt: skip
    took = time.perf_counter() - started
    print(f"{len(chosen)} products, {1000 * took / max(len(chosen), 1):.0f} ms each for {w.h.n:,} customers")
    table(products, "products", False)
    table(products, "products, new buyers", True)
    calibration(products, "products")

    by_category: dict[str, list[str]] = {}
    for p in w.buyers:
        by_category.setdefault(str(w.rows.get(p, {}).get("category") or ""), []).append(p)
    at = {name: int(w.model.categories.catalogue.positions([name])[0]) for name in sorted(by_category)}
    at = {name: i for name, i in at.items() if i >= 0 and later(by_category[name]).sum() >= MIN_BUYERS}
    scored = one_by_one(w, "categories", list(at.values()))
    subjects = []
    for name, i in at.items():
        mine = (category, code_of.get(name, -1))
        subjects.append(build_subject(w, scored[i], name, *mine, mine, later(by_category[name]), None))
    table(subjects, "categories", False)
    table(subjects, "categories, new buyers", True)
    calibration(subjects, "categories")

    launches, errors = [], []
    fresh = [p for p, who in w.buyers.items() if len(who) >= MIN_NEW and not (p in items and sold[items[p]])]
    for p in sampled(fresh, new_launches):
        try:
            target = product_target(w.model, p, w.rows[p], most)
        except DataError as e:  # nothing like it was sold
            errors.append(str(e))
            continue
        one = build_subject(w, in_parts(w, target), p, every, items.get(p, -1), in_category(p), later([p]), None)
        launches.append(with_launch_rankings(w, one))
    print(f"\n{len(errors)} of {len(launches) + len(errors)} launches have nothing like them", *errors[:2])
    table(launches, "products first sold in the window", False)
    looked_at = [s for s in launches if not np.array_equal(s.rankings["lookers, audience"], s.rankings["audience"])]
    table(looked_at, "of them, those that were looked at before", False)
    calibration(launches, "products first sold in the window")


def calibration(subjects: list[Subject], title: str) -> None:
    """Expected against observed buyers, all subjects together."""
    if subjects:
        observed, expected = sum(int(s.buyers.sum()) for s in subjects), sum(s.expected for s in subjects)
        print(f"  {title}: {observed} bought, {expected:.0f} expected: observed / expected {observed / expected:.2f}")


def main() -> None:
    """Prints the tables of each cut."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=date.fromisoformat, action="append")
    parser.add_argument("--subjects", type=int, default=150)
    parser.add_argument("--launches", type=int, default=60)
    parser.add_argument("--customers", type=int, default=1_000_000, help="a sample by hash, of a lake")
    parser.add_argument("--lists", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--neighbours", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--lake", type=Path)
    parser.add_argument("--config", type=Path)
    args = parser.parse_args()
    for day in args.cut or [date(2017, 10, 9)]:
        started = time.perf_counter()
        with threadpool_limits(1, user_api="blas"):
            if args.lake is None:
                from tests.benchmarks.bench_recommender import load

                w = trained_world(load(epoch_day(day), full=True), epoch_day(day), RecommenderParams(), args.threads)
            else:
                w = lake_world(args.lake, args.config, day, args.customers)
            took = time.perf_counter() - started
            print(f"\n== cut {day}: {w.h.n:,} customers, {w.h.n_items:,} products; ready in {took:.0f} s")
            print(f"products {w.model.products.modes}; categories {w.model.categories.modes}", flush=True)
            judge(w, args.subjects, args.launches, args.neighbours, args.lists)
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
