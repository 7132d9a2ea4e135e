"""Colour, size, fit and season, in the wide row and its companions."""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from itertools import combinations

import pytest
from pyspark.sql import DataFrame, SparkSession

from features.definitions import FeatureParams
from features.families import colour_features, fashion, outfit_features, size_features
from features.family_params import FashionParams
from tests.features.families.family_facts import bucketed, days_ago, facts_of, family_rows, known
from tests.features.families.test_returns import refund
from tests.features.purchase_world import AS_OF, Row, line, local, product

DAY = timedelta(days=1)
PARAMS = FeatureParams(fashion=FashionParams(white_names=("White", "白"), outfit_max_colours=4))
Buckets = dict[tuple[str, ...], Row]


def worn(lines: list[Row], products: list[Row], log: list[Row]) -> list[Row]:
    """The lines of 730 days with the attributes of their product then, and what came back."""
    found = []
    refunds = [r for r in known(log) if r["status"] == "refunded"]
    for x in known(lines, days=730):
        versions = [p for p in products if p["product_id"] == x["product_id"]]
        versions = sorted((p for p in versions if p["valid_from"] < AS_OF.ts), key=lambda p: p["valid_from"])
        held = [p for p in versions if p["valid_from"] <= x["event_ts"]] or versions[:1]
        if not held:
            continue
        p = held[-1]
        own = [r for r in refunds if r["order_id"] == x["order_id"] and r["product_id"] in (None, x["product_id"])]
        found.append(
            {
                "who": x["account_id"],
                "order": x["order_id"],
                "age": days_ago(x),
                "colour": (p.get("colour") or "").strip().lower() or None,
                "size": p.get("size"),
                "garment": p.get("product_type") or p["category"],
                "lead": (AS_OF.day - p["launched_on"]).days - days_ago(x) if p.get("launched_on") else None,
                "season": p.get("season"),
                "back": bool(own),
                "fit": any(r["reason"] in ("size", "fit") for r in own),
                "back_age": max((days_ago(r) for r in own), default=None),
            }
        )
    return found


def colour_oracle(rows: list[Row]) -> tuple[Buckets, dict[str, Row]]:
    """Features 142 to 144 again."""
    year = [x for x in rows if x["age"] <= 365 and x["colour"]]
    everyone = Counter(x["colour"] for x in year)
    total = sum(everyone.values())
    companion: Buckets = {}
    wide: dict[str, Row] = {}
    for who in {x["who"] for x in year}:
        mine = Counter(x["colour"] for x in year if x["who"] == who)
        n = sum(mine.values())
        for colour, k in mine.items():
            p = everyone[colour] / total
            companion[who, colour] = {
                "n_lines_365": k,
                "recency_days": min(x["age"] for x in year if (x["who"], x["colour"]) == (who, colour)),
                "days_since_first": max(x["age"] for x in year if (x["who"], x["colour"]) == (who, colour)),
                "share_365": pytest.approx(k / n, abs=1e-6),
                "lift_365": pytest.approx((k + 5 * p) / (n + 5) / p, abs=1e-5),
            }
        top = min(mine, key=lambda c: (-mine[c], c))
        white = mine["white"] + mine["白"]
        p = (everyone["white"] + everyone["白"]) / total
        wide[who] = {
            "top_colour": top,
            "top_colour_share": pytest.approx(mine[top] / n, abs=1e-6),
            "n_coloured_lines_365": n,
            "n_white_lines_365": white,
            "white_lift": pytest.approx((white + 5 * p) / (n + 5) / p, abs=1e-5),
        }
    return companion, wide


def size_oracle(rows: list[Row]) -> tuple[Buckets, dict[str, Row]]:
    """Features 145 to 147 and 149 again."""
    companion: Buckets = {}
    wide: dict[str, Row] = {}
    kept = [x for x in rows if x["size"] and not x["back"]]
    for who, garment in {(x["who"], x["garment"]) for x in kept}:
        mine = [x for x in kept if (x["who"], x["garment"]) == (who, garment)]
        n = Counter(x["size"] for x in mine)
        last = {s: min(x["age"] for x in mine if x["size"] == s) for s in n}
        mode = min(n, key=lambda s: (-n[s], last[s], s))
        companion[who, garment] = {
            "size_mode": mode,
            "size_share": pytest.approx(n[mode] / len(mine), abs=1e-6),
            "n_kept_lines_730": len(mine),
            "n_mode_lines_730": n[mode],
            "recency_days": last[mode],
            "days_since_first": max(x["age"] for x in mine if x["size"] == mode),
        }
    for who in {who for who, _ in companion}:
        mine_ = [r for (w, _), r in companion.items() if w == who]
        share = sum(r["n_mode_lines_730"] for r in mine_) / sum(r["n_kept_lines_730"] for r in mine_)
        wide.setdefault(who, {})["size_consistency"] = pytest.approx(share, abs=1e-6)
    old = [x for x in rows if x["size"] and x["age"] > 30]
    bad = [x for x in old if x["fit"] and x["age"] - min(x["back_age"], x["age"]) <= 30]
    for who in {x["who"] for x in old}:
        n_bad, n_old = (sum(x["who"] == who for x in part) for part in (bad, old))
        rate = (n_bad + 10 * len(bad) / len(old)) / (n_old + 10)
        wide.setdefault(who, {})["fit_issue_rate"] = pytest.approx(rate, abs=2e-6)
    for who in {x["who"] for x in rows}:
        leads = [x["lead"] for x in rows if x["who"] == who and x["season"] and x["lead"] is not None]
        if leads:
            wide.setdefault(who, {})["season_lead_days"] = pytest.approx(sum(leads) / len(leads), abs=1e-6)
    return companion, wide


def outfit_oracle(rows: list[Row]) -> Buckets:
    """Feature 148 again."""
    orders: dict[tuple[str, str], list[Row]] = {}
    for x in rows:
        if x["colour"]:
            orders.setdefault((x["who"], x["order"]), []).append(x)
    pairs: dict[tuple[str, ...], list[int]] = {}
    total: Counter[str] = Counter()
    for (who, _), lines in orders.items():
        colours = sorted({x["colour"] for x in lines})
        if 2 <= len(colours) <= 4:
            total[who] += 1
            for pair in combinations(colours, 2):
                pairs.setdefault((who, *pair), []).append(max(x["age"] for x in lines))
    return {
        key: {
            "n_orders_730": len(ages),
            "share_730": pytest.approx(len(ages) / total[key[0]], abs=1e-6),
            "recency_days": min(ages),
        }
        for key, ages in pairs.items()
        if len(ages) >= 2
    }


def wardrobe(seed: int) -> tuple[list[Row], list[Row], list[Row]]:
    """Random orders of products that change colour, category and size, and that lack them; and random refunds."""
    rng = random.Random(seed)
    start = AS_OF.ts - 2000 * DAY
    products = []
    for i in range(14):
        for since in (start, AS_OF.ts - rng.choice([100, 400]) * DAY, AS_OF.ts)[: rng.choice([1, 2, 3])]:
            looks: Row = {
                "colour": rng.choice(["White", " white", "白", "red", "navy", "RED", "ash", "", None]),
                "size": rng.choice(["S", "M", "L", None]),
                "product_type": rng.choice(["shirt", "shoe", None]),
                "season": rng.choice(["spring", None]),
                "launched_on": rng.choice([AS_OF.day - timedelta(days=rng.randint(-5, 500)), None]),
                "valid_from": since,
            }
            products.append(product(f"p{i}", rng.choice(["TOPS", "SHOES"])) | looks)
    lines, log = [], []
    for o in range(170):
        age = rng.choice([rng.randint(-3, 800), 365, 366, 730, 731, 30, 31])
        ts = local(AS_OF.day - timedelta(days=age), rng.uniform(0, 23.9))
        for n, p in enumerate(rng.choices(range(15), k=rng.choice([1, 2, 3, 3, 7]))):  # p14 is in no table
            lines.append(line(f"a{o % 6}", f"o{o}", ts, f"p{p}", line_no=n))
            if rng.random() < 0.3:
                reason = rng.choice(["size", "fit", "late", None])
                log.append(refund(f"o{o}", age - rng.uniform(-2, 40), f"p{p}", reason, status_no=n))
    return lines, products, log


def test_colours_sizes_and_outfits_equal_a_plain_loop(spark: SparkSession) -> None:
    """A random wardrobe comes out as loops over its lines say, in the wide row and in each companion."""
    lines, products, log = wardrobe(11)
    facts = facts_of(spark, {"transactions": lines, "products": products, "order_status": log}, params=PARAMS)
    rows = worn(lines, products, log)
    assert rows
    colours, wide = colour_oracle(rows)
    sizes, more = size_oracle(rows)
    assert bucketed(colour_features.rows(facts), "colour") == colours
    assert bucketed(size_features.rows(facts), "product_type") == sizes
    assert bucketed(outfit_features.rows(facts), "colour_a", "colour_b") == outfit_oracle(rows)
    found = family_rows(fashion.features(facts))
    assert found == {who: wide.get(who, {}) | more.get(who, {}) for who in wide.keys() | more.keys()}
    saved = parameters(f for m in (fashion, colour_features) for f in m.fitted(facts))
    assert saved["fit_issue_rate_mean", ""] > 0
    assert sum(v for (f, _), v in saved.items() if f == "colour_share") == pytest.approx(1)


def parameters(frames: Iterable[DataFrame]) -> dict[tuple[str, str], float]:
    """Rows of `feature_parameters` by feature and subject."""
    return {(r["feature"], r["subject"]): r["value"] for df in frames for r in df.collect()}


def test_a_size_sent_back_is_not_her_size(spark: SparkSession) -> None:
    """Of two M and one L she kept the L once both M are known to be back; without a log of orders M is her size."""
    products = [product("m", "TOPS", size="M"), product("l", "TOPS", size="L")]
    at = local(AS_OF.day - timedelta(days=60))
    lines = [line("a", f"o{n}", at, p) for n, p in enumerate("mml")]
    late = refund("o1", 40) | {"available_ts": AS_OF.ts}
    for log, mode, kept in (
        ([], "M", 3),
        ([refund("o0", 40), refund("o1", 40)], "L", 1),
        ([refund("o0", 40), late], None, 2),
    ):
        facts = facts_of(spark, {"transactions": lines, "products": products, "order_status": log})
        (found,) = size_features.rows(facts).collect()
        assert found["n_kept_lines_730"] == kept
        assert mode is None or found["size_mode"] == mode
    facts = facts_of(spark, {"transactions": lines, "products": products})
    assert family_rows(fashion.features(facts))["a"] == {"size_consistency": 0.666667}


def test_products_without_colour_or_size_cost_nothing(spark: SparkSession) -> None:
    """A shop of groceries has no row of this family, and no parameter."""
    facts = facts_of(spark, {"transactions": [line("a", "o", AS_OF.ts - DAY)], "products": [product("p0")]})
    assert family_rows(fashion.features(facts)) == {}
    assert parameters(f for m in (fashion, colour_features) for f in m.fitted(facts)) == {}
    assert outfit_features.rows(facts).collect() == []
