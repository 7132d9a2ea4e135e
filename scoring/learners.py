"""Whose windows the second stage learns from."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from models.recommender_params import RankerParams
from recommend.histories import Histories, Ints
from recommend.tag_rules import KNOWN

NEW_SHARE = 2  # of the customers learned from, those who had not bought yet are at most one in so many of the others


def learning_customers(
    h: Histories, tags: NDArray[np.object_], params: RankerParams, at_most: int | None = None
) -> Ints:
    """Sorted positions of customers who had bought, and of some who had not but were known: those have lists too.

    `tags` are the names of the tags of `h`. Of many a fixed sample is taken, `at_most` (by default
    `ranker.max_customers`) of the first and half as many of the second.
    """
    most = at_most or params.max_customers
    bought = buying_customers(h, params, most)
    there = np.flatnonzero(tags == KNOWN)
    new = np.setdiff1d(h.tagged.customer[np.isin(h.tagged.tag, there)], h.customer)
    return np.union1d(bought, _sample(h, new, params.seed, max(most // NEW_SHARE, 1)))


def buying_customers(h: Histories, params: RankerParams, at_most: int | None = None) -> Ints:
    """Sorted positions of customers who had bought, of many a fixed sample."""
    return _sample(h, np.unique(h.customer), params.seed, at_most or params.max_customers)


def _sample(h: Histories, known: Ints, seed: int, most: int) -> Ints:
    """At most so many of the positions `known`."""
    if len(known) <= most:
        return known
    # a hash of the id, not of the position: who is in the sample does not depend on who else is a customer
    mixed = [zlib.crc32(f"{seed}|{h.customers[i]}".encode()) for i in known]
    return np.sort(known[np.argsort(mixed, kind="stable")[:most]])
