"""How far a customer's scores lie apart: over what is offered and new to her, whoever else is there."""

import numpy as np

from recommend.candidates import build_candidates, given_pairs
from recommend.histories import histories_before, take
from tests.recommend.shop import CUT, shelf, shop, sources_at

SCALED = ("als", "similar", "similar_recent")


def test_scores_are_scaled_by_their_deviation_over_what_is_new_to_her() -> None:
    """A scaled score is the score over the deviation of all her scores of offered items that she does not own."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    every = given_pairs(h, sources, np.arange(h.n * h.n_items))
    for name in SCALED:
        score = every.scores[name].reshape(h.n, h.n_items)
        known = np.isin(np.arange(h.n_items), sources.side.similar_items) | (name == "als")
        for customer in (0, 3, 8):
            new = sources.side.can_offer & ~every.owned.reshape(h.n, h.n_items)[customer] & known
            expected = score[customer] / score[customer][new].std()
            found = every.scores[f"{name}_scaled"].reshape(h.n, h.n_items)[customer]
            assert np.allclose(found, expected, rtol=1e-3, atol=1e-4), name
            assert len(np.unique(found.round(3))) > 2


def test_the_scale_depends_on_nobody_else_and_on_no_ban() -> None:
    """Alone, among others and with items kept out of her list, her pairs have the same values."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    found = build_candidates(h, sources)
    mine = found.customer == 4
    alone = build_candidates(take(h, np.array([4])), sources)
    banned = 4 * h.n_items + found.item[mine][::3]
    kept = build_candidates(h, sources, banned)
    for name in (f"{n}_scaled" for n in SCALED):
        assert np.array_equal(alone.scores[name], found.scores[name][mine])
        after = dict(zip(kept.item[kept.customer == 4], kept.scores[name][kept.customer == 4], strict=True))
        before = dict(zip(found.item[mine], found.scores[name][mine], strict=True))
        assert all(after[i] == before[i] for i in after if i in before)


def test_what_is_closed_today_changes_no_scale() -> None:
    """Half of the shelf out of stock: the values of pairs are those that the rankers learned from."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    closed = np.arange(h.n_items) % 2 == 0
    keys = np.arange(h.n * h.n_items)
    before, after = given_pairs(h, sources, keys), given_pairs(h, sources.without(closed), keys)
    for name in (f"{n}_scaled" for n in SCALED):
        assert np.array_equal(before.scores[name], after.scores[name])


def test_without_a_history_nothing_is_scaled() -> None:
    """A customer with no purchases has no item-item scores: 0, not a division by nothing."""
    data = shop()
    h, sources = histories_before(data, shelf(data), CUT), sources_at(data, shelf(data), CUT)
    lonely = take(h, np.array([0]))
    empty = lonely.age < 0
    columns = {n: getattr(lonely, n)[empty] for n in ("customer", "item", "age", "orders", "quantity", "amount")}
    nobody = type(lonely)(
        **{**vars(lonely), **columns, "store": lonely.store[empty], "list_amount": lonely.list_amount[empty]}
    )
    found = given_pairs(nobody, sources, np.arange(h.n_items))
    assert not found.scores["similar_scaled"].any()
    assert np.isfinite(found.scores["als_scaled"]).all()
