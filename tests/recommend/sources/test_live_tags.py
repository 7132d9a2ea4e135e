"""Tags that count at a moment."""

import numpy as np

from recommend.dealings import on_one_axis
from recommend.runs import Ints
from recommend.signals import build_tagged
from recommend.sources.context import Context
from recommend.sources.live_tags import TagTable, live_tags
from recommend.tag_rules import TagRule
from tests.purchases import purchases

CUT = 200
NAMES = np.array(["end:baby", "loss:baby", "post:baby", "post:tea", "region:east"], dtype=object)
RULES = {
    "post:baby": TagRule(60.0, 100, closed_by=(("loss:baby", 30), ("end:baby", 0), ("told:unheard", 0))),
    "post:tea": TagRule(10.0, 50),
}
TABLE = TagTable.of(Context(NAMES, RULES))


def at(rows: list[tuple[int, int, int]], days_ago: int = 0) -> dict[tuple[int, int], float]:
    """(customer, tag) -> weight of (customer, tag, day) rows, some days before the cut."""
    c, t, d = (np.array(v, dtype=np.int64) for v in zip(*rows))
    live = live_tags(build_tagged(CUT, c, t, d, np.full(len(c), 0.8)), TABLE, days_ago)
    found = {(int(a), int(b)): round(float(w), 6) for a, b, w in zip(live.customer, live.tag, live.weight)}
    return {key: weight for key, weight in found.items() if key[1] > 1}  # without the ends themselves


def test_tags_halve_and_expire() -> None:
    """Full weight the day before, half after a half-life, nothing after the expiry; the surest post counts."""
    assert at([(0, 3, CUT - 1), (1, 3, CUT - 11), (2, 3, CUT - 50), (3, 3, CUT - 51)]) == {
        (0, 3): 0.8,
        (1, 3): 0.4,
        (2, 3): round(0.8 * 2**-4.9, 6),
    }
    assert at([(0, 3, CUT - 11), (0, 3, CUT - 1)]) == {(0, 3): 0.8}
    assert at([(0, 4, CUT - 150)]) == {(0, 4): round(0.8 * 2 ** (-149 / 36500), 6)}  # a record holds


def test_a_loss_closes_the_event_and_keeps_it_closed() -> None:
    """What was told before the loss, or within the days after it that belong to it, counts no more; later does."""
    loss = (0, 1, CUT - 60)
    assert at([(0, 2, CUT - 70), loss]) == {}
    assert at([(0, 2, CUT - 40), loss]) == {}
    assert (0, 2) in at([(0, 2, CUT - 29), loss])
    assert (1, 2) in at([(1, 2, CUT - 70), loss])  # somebody else's
    assert at([(0, 2, CUT - 70), (0, 0, CUT - 5)]) == {}  # it is over


def test_earlier_moments_know_nothing_of_what_came_later() -> None:
    """Thirty days before the cut neither a later tag nor a later loss counts."""
    rows = [(0, 2, CUT - 70), (0, 1, CUT - 20), (0, 3, CUT - 10)]
    assert list(at(rows)) == [(0, 3)]
    assert list(at(rows, 30)) == [(0, 2)]
    ages: Ints = np.array([CUT - 40])
    alone = live_tags(build_tagged(CUT - 30, np.zeros(1), np.array([2]), CUT - 70 + 0 * ages, np.full(1, 0.8)), TABLE)
    assert at(rows, 30)[0, 2] == round(float(alone.weight[0]), 6)


def test_what_is_first_told_after_training_still_ends_an_event() -> None:
    """No customer learned from had a loss or told of tea: both have their place on the axis of tags, observed ones
    too, with and without a log of tags."""
    bought, said = purchases([("a", "p", 1, 1)]), purchases([("a", "post:baby", 9, 1), ("a", "region:east", 9, 1)])
    for dealings in (on_one_axis(bought, tags=said, rules=RULES), on_one_axis(bought, rules=RULES)):
        names = dealings.tags.products
        assert sorted(names) == list(names)
        assert {"loss:baby", "end:baby", "told:unheard", "post:baby", "post:tea"} <= set(names)
        assert len(dealings.tags) == 0 or dealings.tags.products[dealings.tags.product].tolist() == list(said.products)
        place = {name: i for i, name in enumerate(names)}
        table = TagTable.of(Context(names, RULES))
        c, t = np.array([0, 0, 1]), np.array([place["post:baby"], place["loss:baby"], place["post:baby"]])
        live = live_tags(build_tagged(CUT, c, t, np.array([150, 160, 150]), np.ones(3)), table)
        counted = zip(live.customer.tolist(), live.tag.tolist())
        assert [who for who, tag in counted if tag == place["post:baby"]] == [1]
