"""Which pairs the rules on products keep out."""

import numpy as np
import pyarrow as pa
import pytest

from recommend.histories import Ints
from scoring.eligible_items import Knowledge, blocked_pairs, build_item_rules, closed_categories

PRODUCTS = {p: i for i, p in enumerate("abcdef")}
LINES = [
    ("deny", "all", None, "a", "out of stock"),
    ("deny", "all", None, "a", "recalled"),
    ("deny", "region", "north", "b", "no delivery"),
    ("allow", "tier", "gold", "c", "members only"),
    ("allow", "region", "south", "c", "members only"),
    ("allow", "customer_id", None, "d", "on request"),
    ("deny", "tier", "gold", "c", "sold to them before"),
    ("deny", "region", "north", "unknown", "no delivery"),
]


def rules(lines=LINES):
    """Rules of (action, attribute, value, product, reason) lines."""
    names = ("action", "attribute", "value", "product_id", "reason")
    return build_item_rules(pa.Table.from_pylist([dict(zip(names, line)) for line in lines]), PRODUCTS)


def keys(*pairs: tuple[int, str]) -> Ints:
    """Sorted keys of (customer, product) pairs."""
    return np.array(sorted(c * len(PRODUCTS) + PRODUCTS[p] for c, p in pairs), dtype=np.int64)


def known(region=(), tier=(), denied=(), admitted=()):
    """What is known of customers, and rules on themselves."""
    values = {"region": np.array(region, dtype=object), "tier": np.array(tier, dtype=object)}
    because = np.array(["asked for it"] * len(denied), dtype=object)
    return Knowledge(values, keys(*denied), because, keys(*admitted))


def test_whom_a_rule_is_about_and_what_wins():
    """Denied to all, to a kind, listed for a kind; a denial beats a list; who is of no kind gets what is unlisted."""
    who = known(region=["north", "south", None], tier=[None, "silver", "gold"])
    got, counts = blocked_pairs(rules(), 3, who)
    # c: not for north, for south, denied to gold; d: on nobody's list here; a is closed to all and no pair
    assert got.tolist() == keys((0, "b"), (0, "c"), (0, "d"), (1, "d"), (2, "c"), (2, "d")).tolist()
    assert rules().closed_to_all().tolist() == [True, False, False, False, False, False]
    assert counts == {
        "out of stock": 3,
        "members only": 1,
        "no delivery": 1,
        "on request": 3,
        "sold to them before": 1,
    }


def test_rules_on_a_customer_herself():
    """She is admitted to what is listed, not to what is denied; what is denied to her alone has its own reason."""
    who = known(
        region=["north", "north"],
        tier=[None, "gold"],
        denied=[(0, "a"), (0, "b"), (0, "e")],
        admitted=[(0, "d"), (0, "f"), (1, "c"), (1, "a"), (1, "b")],
    )
    got, counts = blocked_pairs(rules(), 2, who)
    assert got.tolist() == keys((0, "b"), (0, "c"), (0, "e"), (1, "b"), (1, "c"), (1, "d")).tolist()
    assert counts["asked for it"] == 1
    assert counts["on request"] == 1


@pytest.mark.parametrize("n", [0, 2])
def test_no_rules_block_nothing(n: int):
    """Without lines there is no pair and no count."""
    got, counts = blocked_pairs(rules([]), n, known(region=[None] * n, tier=[None] * n))
    assert not len(got)
    assert counts == {}


def test_a_product_allowed_to_all_is_on_no_list():
    """An allowance for everybody lifts the list, as an allowance for some does for them."""
    open_to_all = [("allow", "all", None, "c", "back"), ("allow", "tier", "gold", "c", "members only")]
    got, _ = blocked_pairs(rules(open_to_all), 1, known(region=[None], tier=[None]))
    assert not len(got)


def test_a_category_is_closed_where_none_of_its_products_is_for_her():
    """Of a, b | c, d | e | f, with a closed to all and e not sold: b alone closes the first, c without d no other."""
    place, sold = np.array([0, 0, 1, 1, 2, -1]), np.array([True, True, True, True, False, True])
    everybody = np.array([True, False, False, False, False, False])
    kept_out = keys((0, "b"), (0, "c"), (1, "c"), (1, "d"), (1, "e"), (1, "f"))
    assert closed_categories(kept_out, 3, place, sold, everybody, 3).tolist() == [0 * 3 + 0, 1 * 3 + 1]
    all_of_it = np.array([True, True, False, False, True, False])
    assert closed_categories(keys(), 2, place, sold, all_of_it, 3).tolist() == [0, 3]
