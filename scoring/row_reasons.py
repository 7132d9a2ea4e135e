"""Reasons of rows: evidence weighed, strongest first, in words."""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

from recommend.evidence.feature_evidence import REASONS
from recommend.evidence.looks import Looks, count_looks
from recommend.evidence.purchases import HABIT_LEVELS
from recommend.evidence.rhythms import Rhythm, group_rhythms
from recommend.evidence.wording import Facts, Words, write_reasons
from recommend.histories import Floats, Histories, Ints
from recommend.lists import PRODUCT_KINDS
from scoring.row_evidence import Evidence, weigh_evidence
from scoring.second_stage import Scored, SecondStage

TRENDING, FALLBACK = PRODUCT_KINDS.index("trending"), PRODUCT_KINDS.index("fallback")


def reasons_of(
    stage: SecondStage,
    h: Histories,
    scored: Scored,
    pair: Ints,
    kind: Ints,
    words: Words,
    counted_until: date | None = None,
) -> list[list[str]]:
    """Reasons of the pairs at positions `pair` of `scored`, of the kinds `kind`; pairs must be sorted by customer.

    `counted_until` where others' purchases were counted before an earlier day than that of the list.
    """
    found = scored.candidates.take(pair)
    evidence = weigh_evidence(stage, h, found, scored.x[pair], scored.raw[pair])
    facts = facts_of(stage, h, found.customer, found.item, kind, evidence, counted_until)
    return write_reasons(facts, evidence.carries, words)


def facts_of(
    stage: SecondStage,
    h: Histories,
    customer: Ints,
    item: Ints,
    kind: Ints,
    evidence: Evidence,
    counted_until: date | None,
) -> Facts:
    """What the words of rows are made of."""
    side, catalogue, own = stage.sources.side, stage.catalogue, evidence.own
    at, there = own.find(customer * h.n_items + item)
    rhythm = Rhythm(*(_where(there, values, at) for values in (own.times, own.first, own.last)))
    group, group_name = _groups(stage, h, customer, item, evidence)
    looks, browsed = _looks(stage, h, customer, item, np.where(there, rhythm.last, np.inf), evidence)
    pop28, pop7 = (np.asarray(values)[item].astype(np.float64) for values in (side.pop28, side.pop7))
    categories = np.asarray(catalogue.codes["category"])[item]
    types = catalogue.names["product_type"]
    by_kind = not stage.level.by_state
    return Facts(
        label=catalogue.labels[item],
        item=rhythm,
        group=group,
        group_name=group_name,
        looks=looks,
        browsed=browsed,
        category=catalogue.names["category"][categories],
        cited=_cited(catalogue.labels, own.key % max(h.n_items, 1), evidence),
        tag=_tags(stage, evidence),
        leading=types[np.maximum(evidence.complements.code, 0)] if len(types) else np.full(len(item), "", object),
        leading_last=evidence.complements.last,
        on_sale=_on_sale(stage, h, item, counted_until),
        popular=pop28,
        popular7=pop7,
        trend=(pop7 * 4 + 1) / (pop28 + 1),
        trending=(kind == TRENDING) & by_kind,
        filled=(kind == FALLBACK) & by_kind,
        counted_until=counted_until,
    )


def _cited(labels: NDArray[np.object_], bought: Ints, evidence: Evidence) -> list[list[str]]:
    """Names of the cited purchases of the rows whose reason they are; `bought` is the item of each own pair."""
    out: list[list[str]] = [[] for _ in evidence.cited.place]
    for row in np.flatnonzero(_carries(evidence, "taste")).tolist():
        out[row] = [str(labels[bought[place]]) for place in evidence.cited.place[row] if place >= 0]
    return out


def _groups(
    stage: SecondStage, h: Histories, customer: Ints, item: Ints, evidence: Evidence
) -> tuple[Rhythm, NDArray[np.object_]]:
    """Her purchases of the type or category of the rows whose reason they are, and the group's name."""
    n = len(item)
    names, columns = np.full(n, "", dtype=object), [np.zeros(n) for _ in range(3)]
    told = _carries(evidence, "habit")
    for place, level in enumerate(HABIT_LEVELS):
        rows = np.flatnonzero(told & (evidence.cited.habit == place))
        codes, known = np.asarray(stage.catalogue.codes[level]).astype(np.int64), stage.catalogue.names[level]
        names[rows] = known[codes[item[rows]]]
        found = group_rhythms(h, codes, len(known), customer[rows], codes[item[rows]])
        for column, values in zip(columns, (found.times, found.first, found.last), strict=True):
            column[rows] = values
    return Rhythm(*columns), names


def _looks(
    stage: SecondStage, h: Histories, customer: Ints, item: Ints, bought: Floats, evidence: Evidence
) -> tuple[Looks, Looks]:
    """Looks at the items since they were bought, and at their categories; empty where they are no reason anywhere."""
    days, n = stage.sources.params.view_days, len(item)
    none = Looks(np.zeros(n), np.full(n, np.inf), np.full(n, np.inf))
    if not (_carries(evidence, "looks") | _carries(evidence, "browsing")).any():
        return none, none
    codes = np.asarray(stage.catalogue.codes["category"]).astype(np.int64)
    n_codes = len(stage.catalogue.names["category"])
    at_item = count_looks(h.seen, None, h.n_items, customer, item, bought, days)
    return at_item, count_looks(h.seen, codes, n_codes, customer, codes[item], np.full(n, np.inf), days)


def _tags(stage: SecondStage, evidence: Evidence) -> NDArray[np.object_]:
    """Names of the strongest tags, empty where there is none or it must not be named."""
    names = stage.sources.side.parts.get("event.names")
    out = np.full(len(evidence.told.tag), "", dtype=object)
    if names is not None:
        rows = np.flatnonzero(evidence.told.nameable)
        out[rows] = np.asarray(names)[evidence.told.tag[rows]].astype(str).astype(object)
    return out


def _on_sale(stage: SecondStage, h: Histories, item: Ints, counted_until: date | None) -> Floats:
    """Days since the launch, or since the first sale where the shop does not say, at the day of the list."""
    since = np.asarray(stage.sources.side.since)[item].astype(np.float64)
    if counted_until is not None:
        since = since + (h.cut - (counted_until - date(1970, 1, 1)).days)
    launched = stage.catalogue.launched
    if launched is None:
        return since
    day = np.asarray(launched)[item].astype(np.int64)
    return np.where(day >= 0, h.cut - day, since)


def _carries(evidence: Evidence, reason: str) -> NDArray[np.bool_]:
    """Rows whose score falls without it."""
    return np.asarray(evidence.carries[:, REASONS.index(reason)] > 0)


def _where(there: NDArray[np.bool_], values: Floats, at: Ints) -> Floats:
    return np.where(there, values[at], 0.0) if len(values) else np.zeros(len(at))
