"""What speaks for an account's place in its customer: kinds that link it there, confidence, strongest value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.components import Graph
from features.source_people import IDENTIFIER_KINDS

Ints = NDArray[np.integer]

FUZZY_BIT = len(IDENTIFIER_KINDS)  # after the bits of the kinds
DECIDED_BIT = FUZZY_BIT + 1
BIT_NAMES = (*IDENTIFIER_KINDS, "fuzzy", "decision")


@dataclass(frozen=True)
class Support:
    """Per account: bits of what links it to others of its component, confidence, and the strongest value (-1: none).

    Confidence is 1 - product over the linking kinds of (1 - strength), by which kinds count once each; 1 for an
    account alone and for a person's decision. Kinds are taken as independent, so it is an upper bound.
    """

    bits: Ints
    confidence: NDArray[np.floating]
    value: Ints

    def of(self, rows: Ints) -> Support:
        """The rows chosen."""
        return Support(self.bits[rows], self.confidence[rows], self.value[rows])


def support(graph: Graph, label: Ints, strength: tuple[float, ...]) -> Support:
    """The support of every account of a graph under its labels."""
    n = graph.n_accounts
    bits, doubt = np.zeros(n, np.int64), np.ones(n)
    edges = _linking(graph, label)
    account, kind = graph.account[edges], graph.kind[edges].astype(np.int64)
    np.bitwise_or.at(bits, account, np.left_shift(np.int64(1), kind))
    for code in np.flatnonzero(np.bincount(kind)).tolist():
        doubt[(bits & (1 << code)) > 0] *= 1 - strength[code]
    value = np.full(n, -1, np.int64)
    weakest_first = np.lexsort((-graph.value[edges], np.asarray(strength)[kind]))
    value[account[weakest_first]] = graph.value[edges][weakest_first]  # the last write wins
    for links, bit in ((graph.fuzzy, FUZZY_BIT), (graph.forced, DECIDED_BIT)):
        same = label[links.first] == label[links.second]
        for side in (links.first[same], links.second[same]):
            bits[side] |= 1 << bit
            if bit == FUZZY_BIT:
                np.minimum.at(doubt, side, (1 - links.probability[same]) * doubt[side])
            else:
                doubt[side] = 0.0
    return Support(bits, np.where(bits == 0, 1.0, np.round(1 - doubt, 6)), value)


def _linking(graph: Graph, label: Ints) -> Ints:
    """Edges whose value is shared inside the component."""
    shared = np.zeros(len(graph.value), bool)
    same = graph.value[1:] == graph.value[:-1]
    shared[1:] |= same
    shared[:-1] |= same
    edges = np.flatnonzero(shared)
    if not len(edges):
        return edges
    pair = graph.value[edges] * graph.n_accounts + label[graph.account[edges]]
    _, where, counts = np.unique(pair, return_inverse=True, return_counts=True)
    return edges[counts[where] > 1]


def bit_names(bits: int) -> str:
    """Kinds of a bit mask, joined by plus signs.

    >>> bit_names(0b1001)
    'member_no+phone'
    """
    return "+".join(name for code, name in enumerate(BIT_NAMES) if bits >> code & 1)
