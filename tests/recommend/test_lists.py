"""List rules: slots, caps, quotas, departments, diversity, fallback, ties; all at once against row after row."""

import numpy as np
import pytest

from recommend.catalogue import build_catalogue
from recommend.list_params import CategoryParams, ListParams
from recommend.lists import FALLBACK, PRODUCT_KINDS, Groups, choose_rows, item_groups, product_kinds


def groups(category, brand=None, department=None, product_type=None):  # type: ignore[no-untyped-def]
    """Groups from lists; what is not given is unknown."""
    none = [-1] * len(category)
    return Groups(*(np.array(none if g is None else g) for g in (category, brand, department, product_type)))


def listed(rows, params):  # type: ignore[no-untyped-def]
    """(item, kind, rank_in_kind) of one customer's list from (item, category, kind, p_buy) rows, and further groups
    (brand, department, product_type) where a row has them."""
    item, category, kind, p, *more = (np.array(column) for column in zip(*rows))
    kind = np.array([PRODUCT_KINDS.index(k) for k in kind])
    one = np.zeros(len(item), dtype=np.int64)
    out = choose_rows(one, item, groups(category, *more), kind == 0, kind, p, p, params)
    assert out.rank.tolist() == list(range(1, len(out.rank) + 1))
    return [(int(item[i]), PRODUCT_KINDS[k], int(r)) for i, k, r in zip(out.pair, out.kind, out.rank_in_kind)]


def items_of(rows, **params):  # type: ignore[no-untyped-def]
    """Items of the list under these rules and no others."""
    off = {"discovery_slots": 0, "repeat_slots": 0, "max_per_category": 0}
    return [item for item, _, _ in listed(rows, ListParams(**(off | params)))]


def test_discovery_slots_hold_places_for_items_never_bought() -> None:
    """Of three places one is kept for the best new item, although three owned ones score higher."""
    rows = [(1, 1, "replenish", 0.9), (2, 2, "replenish", 0.8), (3, 3, "replenish", 0.7), (4, 4, "discover", 0.1)]
    got = listed(rows, ListParams(k=3, discovery_slots=1, repeat_slots=0, max_per_category=0))
    assert got == [(1, "replenish", 1), (2, "replenish", 2), (4, "discover", 1)]


def test_slots_give_way_before_a_list_stays_short() -> None:
    """Without new items the owned ones fill the kept places, as what they are."""
    rows = [(1, 1, "replenish", 0.9), (2, 2, "replenish", 0.8), (3, 3, "replenish", 0.7)]
    assert len(listed(rows, ListParams(k=3, discovery_slots=2, max_per_category=0))) == 3


def test_rows_above_the_category_cap_only_fill_up_and_say_so() -> None:
    """The third of a category with cap 2 comes last, labelled fallback, whatever its score."""
    rows = [(i, 7, "discover", 0.9 - i / 10) for i in range(3)] + [(9, 8, "cross_category", 0.1)]
    got = listed(rows, ListParams(k=4, discovery_slots=0, repeat_slots=0, max_per_category=2))
    assert got == [(0, "discover", 1), (1, "discover", 2), (9, "cross_category", 1), (2, "fallback", 1)]


def test_ties_go_to_the_smaller_id() -> None:
    """Equal scores are listed in order of the id, in whatever order they come."""
    rows = [(5, 1, "discover", 0.5), (2, 2, "discover", 0.5), (3, 3, "discover", 0.5)]
    got = listed(rows, ListParams(k=2, discovery_slots=0, repeat_slots=0))
    assert [item for item, _, _ in got] == [2, 3]


def test_brands_have_a_cap_and_unknown_ones_none() -> None:
    """Two of brand 5 at most; what has no known brand is free."""
    rows = [(i, i, "discover", 0.9 - i / 10, 5) for i in range(3)]
    rows += [(i, i, "discover", 0.5 - i / 100, -1) for i in range(3, 6)]
    assert items_of(rows, k=5, max_per_brand=2) == [0, 1, 3, 4, 5]


def test_departments_are_represented() -> None:
    """The best of a second and a third department have places, although all of the first are better."""
    rows = [(i, i, "discover", 0.9 - i / 100, 0, 1) for i in range(5)]
    rows += [(7, 7, "discover", 0.2, 0, 2), (8, 8, "discover", 0.3, 0, 2), (9, 9, "discover", 0.1, 0, 3)]
    assert items_of(rows, k=4) == [0, 1, 2, 3]
    assert items_of(rows, k=4, min_departments=3) == [0, 1, 8, 9]
    assert items_of(rows, k=4, min_departments=4) == [0, 1, 8, 9]


def test_kinds_have_quotas() -> None:
    """At most one trending row; at least one of a category never bought in."""
    rows = [(1, 1, "trending", 0.9), (2, 2, "trending", 0.8), (3, 3, "discover", 0.7), (4, 4, "cross_category", 0.1)]
    assert items_of(rows, k=2, max_trending=1) == [1, 3]
    assert items_of(rows, k=2, cross_category_slots=1) == [1, 4]


def test_diversity_prefers_another_type() -> None:
    """The second of a type counts half: 0.4 comes after 0.5 of another type, and is published by its own p_buy."""
    rows = [(1, 1, "discover", 0.9, 0, 0, 4), (2, 1, "discover", 0.8, 0, 0, 4), (3, 1, "discover", 0.5, 0, 0, 6)]
    assert items_of(rows, k=2) == [1, 2]
    assert items_of(rows, k=2, diversity=0.5) == [1, 3]
    assert items_of(rows, k=3, diversity=0.5) == [1, 2, 3]


def test_kinds() -> None:
    """Owned; popular only and rising; category known; category new."""
    kinds = product_kinds(
        np.array([True, False, False, False]),
        np.array([3.0, 0.0, 2.0, 0.0]),
        np.array([False, True, False, True]),
        np.array([9.0, 2.0, 2.0, 1.0]),
        np.array([99.0, 50.0, 50.0, 50.0]),
        ListParams(trending_ratio=1.3, trending_min=10),
    )
    assert [PRODUCT_KINDS[k] for k in kinds] == ["replenish", "trending", "discover", "cross_category"]


def test_groups_of_items_leave_unknown_out() -> None:
    """A product without brand or department belongs to no group."""
    made = build_catalogue(["a", "b"], [None] * 2, ["C", "C"], ["T", "U"], [None, "x"], departments=["D", None])
    found = item_groups(made, np.array([0, 1]))
    assert found.category.tolist() == [0, 0]
    assert found.brand.tolist() == [-1, 1]
    assert found.department.tolist() == [1, -1]


def test_rules_that_cannot_be_followed_are_refused_together() -> None:
    """Every fault is named; categories take over no rule of products."""
    with pytest.raises(ValueError, match=r"repeat_slots must not be negative; k .*; diversity .*0 and 1"):
        ListParams(k=0, repeat_slots=-1, diversity=1.5)
    with pytest.raises(ValueError, match="together must not exceed k; trending_slots must not exceed max_trending"):
        ListParams(k=3, min_departments=2, trending_slots=2, max_trending=1)
    own = CategoryParams().lists(ListParams(max_per_brand=1, min_departments=2, diversity=0.3, trending_slots=1))
    assert own == ListParams(k=10, discovery_slots=4, repeat_slots=3, max_per_category=0)


def one_after_another(rows, params):  # type: ignore[no-untyped-def]
    """The rules of `choose_rows` for one customer, one row after another: [(pair, kind)] in published order."""
    seen, number = {}, {}
    best = sorted(rows, key=lambda r: (-r["p"], -r["raw"], r["item"]))
    for r in best:
        t = r["product_type"]
        r["value"] = round(r["p"] * (1 - params.diversity) ** seen.get(t, 0), 9) if t >= 0 else r["p"]
        seen[t] = seen.get(t, 0) + 1
    for place, r in enumerate(best):
        number[r["pair"]] = place
    order = sorted(rows, key=lambda r: (-r["value"], -r["raw"], r["item"]))
    chosen = []

    def keeps(r, slots):  # type: ignore[no-untyped-def]
        if r["spare"]:
            return False
        caps = [("category", params.max_per_category), ("brand", params.max_per_brand)]
        caps.append(("kind", params.kind_limits[r["kind"]]))
        for name, most in caps:
            if most and r[name] >= 0 and sum(o[name] == r[name] for o in chosen) >= most:
                return False
        room = params.k - (params.discovery_slots if r["owned"] else params.repeat_slots)
        return not slots or sum(o["owned"] == r["owned"] for o in chosen) < room

    def go(wanted, slots=True):  # type: ignore[no-untyped-def]
        for r in order:
            if len(chosen) < params.k and r not in chosen and keeps(r, slots) and wanted(r):
                chosen.append(r)

    def new_department(r):  # type: ignore[no-untyped-def]
        there = {o["department"] for o in chosen} - {-1}
        return r["department"] not in there | {-1} and len(there) < params.min_departments

    go(lambda r: sum(o["kind"] == r["kind"] for o in chosen) < params.kind_slots[r["kind"]])
    go(new_department)
    go(lambda r: True)
    go(lambda r: True, slots=False)
    first = sorted(chosen, key=lambda r: number[r["pair"]])
    rest = [r for r in order if r not in chosen][: params.k - len(chosen)]
    rest.sort(key=lambda r: number[r["pair"]])
    return [(r["pair"], r["kind"]) for r in first] + [(r["pair"], FALLBACK) for r in rest]


@pytest.mark.parametrize("seed", range(6))
def test_all_rules_together_equal_one_row_after_another(seed: int) -> None:
    """Random candidates of 60 customers, some with few or none, under random rules."""
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 90, 60) * rng.integers(0, 2, 60)
    customer = np.repeat(np.arange(60), n)
    item = np.concatenate([rng.permutation(200)[:size] for size in n])
    made = {
        name: rng.integers(-1, most, len(item))
        for name, most in (("category", 6), ("brand", 5), ("department", 4), ("product_type", 12))
    }
    owned = rng.random(len(item)) < 0.4
    kind = np.where(owned, 0, rng.integers(1, 4, len(item)))
    p, raw = np.round(rng.random(len(item)), 1), np.round(rng.random(len(item)), 1)
    params = ListParams(
        k=12,
        discovery_slots=int(rng.integers(0, 8)),
        repeat_slots=int(rng.integers(0, 6)),
        max_per_category=int(rng.integers(2, 5)),
        max_per_brand=int(rng.integers(2, 5)),
        min_departments=int(rng.integers(0, 5)),
        max_cross_category=int(rng.integers(3, 6)),
        max_trending=int(rng.integers(2, 4)),
        cross_category_slots=int(rng.integers(0, 4)),
        trending_slots=int(rng.integers(0, 3)),
        diversity=float(rng.choice([0.0, 0.2, 1.0])),
    )
    spare = rng.random(len(item)) < 0.1
    got = choose_rows(customer, item, Groups(**made), owned, kind, p, raw, params, spare=spare)
    columns = {
        **made,
        "item": item,
        "owned": owned,
        "kind": kind,
        "spare": spare,
        "p": p,
        "raw": raw,
        "pair": np.arange(len(item)),
    }
    wanted = []
    for c in range(60):
        at = np.flatnonzero(customer == c)
        wanted += one_after_another([{k: v[i].item() for k, v in columns.items()} for i in at], params)
    assert list(zip(got.pair.tolist(), got.kind.tolist())) == wanted
    for c in np.unique(customer):
        mine = customer[got.pair] == c
        assert got.rank[mine].tolist() == list(range(1, mine.sum() + 1))
        for k in np.unique(got.kind[mine]):
            assert got.rank_in_kind[mine & (got.kind == k)].tolist() == list(
                range(1, (mine & (got.kind == k)).sum() + 1)
            )
