"""What customers with a tag took up, counted on stretches of days before the cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommend.histories import Floats, Histories, Ints
from recommend.sources.live_tags import Live, TagTable, live_tags

DAYS = 28  # of a stretch
STRETCHES = 6
LATELY = 84  # days without a purchase after which to buy again is to take up again
SUPPORT = 3.0  # purchases that stand against what was counted
ITEM_BUYERS = 5  # customers with the tag who bought the item, from which the item has a lift of its own


def moments(h: Histories, table: TagTable) -> list[tuple[int, Live]]:
    """Days before the cut at which stretches began, and the tags of days before them that counted then.

    A tag counts from its own day. `Tagged` has no day on which it was known: what was told before a stretch and
    crawled within it, but before the cut, counts as told. Nothing known at the cut or later is in a history.
    """
    oldest = int(h.age.max()) if len(h.age) else 0
    starts = [DAYS * (j + 1) for j in range(STRETCHES) if DAYS * (j + 1) < oldest]
    found = [(start, live_tags(h.tagged, table, start)) for start in starts]
    return [(start, live) for start, live in found if len(live.tag)]


class Counts:
    """What was counted over the stretches, per tag and thing, and the share of all customers per thing."""

    def __init__(self, n_tags: int, n_things: int) -> None:
        self.bought = np.zeros((n_tags, n_things))
        self.exposed = np.zeros((n_tags, n_things))
        self.all_bought, self.all_exposed = np.zeros(n_things), np.zeros(n_things)

    @property
    def base(self) -> Floats:
        """(n_things,) share of all customers who took it up in a stretch."""
        return np.asarray(self.all_bought / np.maximum(self.all_exposed, 1.0))

    def expected(self) -> Floats:
        """(n_tags, n_things) purchases that the base would have given."""
        return np.asarray(self.exposed * self.base)


def count_takings(h: Histories, group: Ints, n_groups: int, lives: list[tuple[int, Live]], n_tags: int) -> Counts:
    """Takings-up of groups by customers who had bought anything before the stretch."""
    out = Counts(n_tags, n_groups)
    shape = (h.n, n_groups)
    for start, live in lives:
        new, lately = (
            _bought(h, group, rows, shape)
            for rows in ((h.age > start - DAYS) & (h.age <= start), (h.age > start) & (h.age <= start + LATELY))
        )
        new = (new - new.multiply(lately)).tocsr()
        known = np.zeros(h.n, dtype=np.float32)
        known[h.customer[h.age > start]] = 1.0
        holds = _holders(live, known, n_tags)
        out.bought += (holds @ new).toarray()
        out.exposed += np.asarray(holds.sum(axis=1)).reshape(-1, 1) - (holds @ lately).toarray()
        out.all_bought += known @ new
        out.all_exposed += known.sum() - known @ lately
    return out


def item_lifts(
    h: Histories, lives: list[tuple[int, Live]], lift: Floats, group: Ints, table: TagTable
) -> tuple[Ints, Floats]:
    """Sorted keys tag * n_items + item of items that enough customers with the tag bought, and the log of their lift
    over that of their category."""
    n_tags = len(lift)
    bought, all_bought = csr_matrix((n_tags, h.n_items)), np.zeros(h.n_items)
    holders, everyone = np.zeros(n_tags), 0.0
    for start, live in lives:
        known = np.zeros(h.n, dtype=np.float32)
        known[h.customer[h.age > start]] = 1.0
        new = _bought(h, np.arange(h.n_items), (h.age > start - DAYS) & (h.age <= start), (h.n, h.n_items))
        holds = _holders(live, known, n_tags)
        bought = bought + holds @ new
        all_bought += known @ new
        holders += np.asarray(holds.sum(axis=1)).ravel()
        everyone += float(known.sum())
    counts = bought.tocoo()
    enough = (counts.data >= ITEM_BUYERS) & table.proposes[counts.row]
    tag, item, seen = counts.row[enough].astype(np.int64), counts.col[enough].astype(np.int64), counts.data[enough]
    expected = holders[tag] * all_bought[item] / max(everyone, 1.0)
    above = lift[tag, group[item]]
    own = (seen + SUPPORT * above) / (expected + SUPPORT) / above
    order = np.argsort(tag * h.n_items + item)
    return (tag * h.n_items + item)[order], np.log(own)[order]


def _bought(h: Histories, group: Ints, rows: NDArray[np.bool_], shape: tuple[int, int]) -> csr_matrix:
    """Customers x groups, 1 where something was bought in the rows."""
    out = csr_matrix((np.ones(int(rows.sum()), np.float32), (h.customer[rows], group[h.item[rows]])), shape=shape)
    out.sum_duplicates()
    out.data[:] = 1.0
    return out


def _holders(live: Live, known: NDArray[np.float32], n_tags: int) -> csr_matrix:
    """Tags x customers, 1 where a known customer has the tag."""
    rows = known[live.customer] > 0
    at = (live.tag[rows], live.customer[rows])
    return csr_matrix((np.ones(int(rows.sum()), np.float32), at), shape=(n_tags, len(known)))
