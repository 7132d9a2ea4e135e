"""Components of accounts over shared values: against brute force, and the traps that must not merge people."""

import numpy as np
import pytest

from features.components import Links, resolve_components
from features.constrained_parts import Constraints
from features.identity_params import KIND_CODE, IdentityParams

PHONE, EMAIL, MEMBER = 0, 1, 2
RULES = Constraints(strength=(0.9, 0.8, 0.99), cap=(5, 5, 2**30), unique_kinds=(MEMBER,), max_component=50)


def labels(edges: list[tuple[int, ...]], n: int, rules: Constraints = RULES, links: Links | None = None) -> list[int]:
    """Components of (account, value, kind[, weight]) rows."""
    rows = [(*e, 1.0)[:4] for e in edges]
    account, value, kind, weight = (np.array(x) for x in zip(*rows)) if rows else (np.empty(0, int),) * 4
    return resolve_components(account, value, kind, weight.astype(float), n, rules, links).tolist()


def brute_force(edges: list[tuple[int, int, int]], n: int) -> list[int]:
    """Smallest account reachable from each by values that are under their cap."""
    edges = [e for e in edges if len({a for a, v, _ in edges if v == e[1]}) <= RULES.cap[e[2]]]
    found = []
    for start in range(n):
        reached = {start}
        while True:
            values = {v for a, v, _ in edges if a in reached}
            more = {a for a, v, _ in edges if v in values} | reached
            if more == reached:
                break
            reached = more
        found.append(min(reached))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_equal_to_brute_force_in_any_row_order(seed: int) -> None:
    """Random small graphs: the same components as a search from every account, whatever the order of rows."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 15))
    edges = [(int(rng.integers(n)), int(v), int(v % 2)) for v in rng.integers(0, 12, size=rng.integers(0, 25))]
    expected = brute_force(edges, n)
    assert labels(edges, n) == expected
    assert labels([edges[i] for i in rng.permutation(len(edges))], n) == expected


def test_a_hub_joins_nobody() -> None:
    """200 accounts with the store's phone stay 200 people; their own mailboxes still join."""
    edges = [(a, 1000, PHONE) for a in range(200)] + [(0, 5, EMAIL), (1, 5, EMAIL)]
    assert labels(edges, 200) == [0, 0, *range(2, 200)]


def test_one_value_on_ten_thousand_accounts() -> None:
    """Whether its kind has a cap or not, such a value joins nobody; a ring of links is no trouble either."""
    for kind in (PHONE, MEMBER):
        assert labels([(a, 7, kind) for a in range(10_000)], 10_000) == list(range(10_000))
    ring = [(a, a, PHONE) for a in range(9)] + [((a + 1) % 9, a, PHONE) for a in range(9)]
    assert labels(ring, 9) == [0] * 9


def test_two_member_numbers_are_two_people() -> None:
    """Two members with one mailbox are split at the weakest edge: the account goes with whom it was seen more."""
    members = [(0, 100, MEMBER), (1, 100, MEMBER), (2, 200, MEMBER)]
    assert labels([*members, (0, 5, EMAIL), (2, 5, EMAIL)], 3) == [0, 0, 2]
    shared = [(3, 5, EMAIL, 1.0), (0, 5, EMAIL, 1.0), (3, 6, EMAIL, 3.0), (2, 6, EMAIL, 3.0)]
    assert labels([*members, *shared], 4) == [0, 0, 2, 2]
    # a phone is worth more than a mailbox, however often that was seen
    assert labels([*members, (3, 9, PHONE), (0, 9, PHONE), *shared[2:]], 4) == [0, 0, 2, 0]


def test_one_account_with_two_member_numbers() -> None:
    """An account that shows two member numbers belongs to one of the members, and does not join them."""
    edges = [(0, 100, MEMBER), (1, 200, MEMBER), (2, 100, MEMBER, 1.0), (2, 200, MEMBER, 2.0)]
    assert labels(edges, 3) == [0, 1, 1]


def test_an_oversize_component_loses_its_weakest_kind() -> None:
    """A chain of mailboxes through 60 accounts falls apart; pairs that share a phone stay pairs."""
    chain = [(a, 100 + a // 2, PHONE) for a in range(60)] + [(a, 500 + (a + 1) // 2, EMAIL) for a in range(60)]
    found = labels(chain, 60)
    assert found == [a - a % 2 for a in range(60)]
    wide = Constraints(RULES.strength, RULES.cap, RULES.unique_kinds, max_component=60)
    assert labels(chain, 60, wide) == [0] * 60


def test_no_component_is_too_large() -> None:
    """Whatever the graph, nobody has more accounts than the limit, and no two member numbers."""
    rng = np.random.default_rng(3)
    rules = Constraints(RULES.strength, (50, 50, 50), RULES.unique_kinds, max_component=4)
    for _ in range(20):
        values = rng.integers(0, 30, size=60)
        edges = [(int(rng.integers(40)), int(v), int(v % 3)) for v in values]
        found = labels(edges, 40, rules)
        assert max(np.bincount(found)) <= 4
        held = {a: {v for b, v, k in edges if a == b and k == MEMBER} for a in range(40)}
        for part in set(found):
            sure = [held[a] for a in range(40) if found[a] == part and len(held[a]) == 1]
            assert len(set.union(set(), *sure)) <= 1


def test_fuzzy_links_do_not_join_big_clusters() -> None:
    """A fuzzy link joins small clusters, best first; not a cluster of four, and not two members."""
    edges = [(a, 1, PHONE) for a in range(4)] + [(5, 100, MEMBER), (6, 200, MEMBER)]
    links = Links(np.array([4, 5, 7, 7]), np.array([0, 6, 8, 4]), np.array([0.99, 0.98, 0.9, 0.8]))
    assert labels(edges, 9, links=links) == [0, 0, 0, 0, 4, 5, 6, 4, 4]
    assert labels(edges, 9) == [0, 0, 0, 0, 4, 5, 6, 7, 8]


def test_nothing_to_join() -> None:
    """No edges, and no accounts."""
    assert labels([], 3) == [0, 1, 2]
    assert labels([], 0) == []


def test_a_shared_device_does_not_join_two_logins() -> None:
    """Two persons on one tablet stay two; a cookie on it alone joins the first of them; one login's accounts join."""
    user, phone, device = (KIND_CODE[k] for k in ("user_id", "phone", "device"))
    # accounts 0 and 1: logins 10 and 11 on tablet 30; 2 and 3: one login 12, tablet 31; 4: phone 40, tablet 32;
    # 5: login 13 and the same tablet 32, so nothing contradicts
    edges = [(0, 10, user), (1, 11, user), (0, 30, device), (1, 30, device), (2, 12, user), (3, 12, user)]
    edges += [(2, 31, device), (3, 31, device), (4, 40, phone), (4, 32, device), (5, 13, user), (5, 32, device)]
    account, value, kind = (np.array(column) for column in zip(*edges))
    p = IdentityParams()
    constraints = Constraints(
        p.strengths(), p.caps(), weak_kinds=p.codes(p.weak_kinds), separating_kinds=p.codes(p.separating_kinds)
    )
    found = resolve_components(account, value, kind, np.ones(len(edges)), 6, constraints)
    assert found.tolist() == [0, 1, 2, 2, 4, 4]
    without = resolve_components(account, value, kind, np.ones(len(edges)), 6, Constraints(p.strengths(), p.caps()))
    assert without.tolist() == [0, 0, 2, 2, 4, 4]
