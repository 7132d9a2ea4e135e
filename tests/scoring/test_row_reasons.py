"""Reasons are true: a row's score falls when what is cited first is gone, and more than when as much else is gone."""

from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import pytest

from jobs.reason_words import read_words
from recommend.candidates import Candidates, given_pairs
from recommend.evidence.feature_evidence import REASONS
from recommend.histories import Histories, histories_before
from scoring.given_pairs import score_pairs
from scoring.recommendations import publish, recommend
from scoring.row_evidence import Evidence, weigh_evidence
from scoring.row_reasons import reasons_of
from scoring.second_stage import Scored, SecondStage
from tests.scoring.told_shop import DAYS, NONE, shelf, told_shop, told_stage, variants

ROWS = 70  # per reason


@dataclass(frozen=True)
class Told:
    """Published rows of the shop, their evidence and the stage that scored them."""

    stage: SecondStage
    h: Histories
    scored: Scored
    pair: np.ndarray
    kind: np.ndarray
    found: Candidates
    raw: np.ndarray
    evidence: Evidence


@pytest.fixture(scope="module")
def told() -> Told:
    """The shop, trained and scored once."""
    data = told_shop()
    stage, h = told_stage(data), histories_before(data, shelf(), DAYS)
    scored = stage.score(h)
    rows = publish(stage, scored)
    found, raw = scored.candidates.take(rows.pair), scored.raw[rows.pair]
    evidence = weigh_evidence(stage, h, found, scored.x[rows.pair], raw)
    return Told(stage, h, scored, rows.pair, rows.kind, found, raw, evidence)


def purchases_behind(t: Told, reason: str, row: int) -> np.ndarray:
    """Positions in the history of the purchases that a row's reason speaks of."""
    h, item = t.h, t.found.item[row]
    mine = h.customer == t.found.customer[row]
    types = np.asarray(t.stage.catalogue.codes["product_type"])
    if reason == "rhythm":
        return np.flatnonzero(mine & (h.item == item))
    if reason == "taste":
        places = t.evidence.cited.place[row]
        return np.flatnonzero(mine & np.isin(h.item, t.evidence.own.key[places[places >= 0]] % h.n_items))
    if reason == "complement":
        return np.flatnonzero(mine & (types[h.item] == t.evidence.complements.code[row]))
    level = ("product_type", "category")[t.evidence.cited.habit[row]]
    codes = np.asarray(t.stage.catalogue.codes[level])
    return np.flatnonzero(mine & (codes[h.item] == codes[item]) & (h.item != item))


def looks_behind(t: Told, reason: str, row: int) -> np.ndarray:
    """Positions in the log of looks."""
    codes = np.asarray(t.stage.catalogue.codes["category"])
    item, seen = t.found.item[row], t.h.seen
    same = seen.item == item if reason == "looks" else codes[seen.item] == codes[item]
    return np.flatnonzero((seen.customer == t.found.customer[row]) & same)


def tags_behind(t: Told, row: int) -> np.ndarray:
    """Positions in the log of tags."""
    mine = t.h.tagged.customer == t.found.customer[row]
    return np.flatnonzero(mine & (t.h.tagged.tag == t.evidence.told.tag[row]))


def as_many_others(t: Told, row: int, gone: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray | None:
    """At least as many other purchases of the customer, whole items at random; None where she has not as many."""
    h = t.h
    rest = np.setdiff1d(np.flatnonzero(h.customer == t.found.customer[row]), gone)
    rest = rest[h.item[rest] != t.found.item[row]]
    if len(rest) < size:
        return None
    chosen: list[int] = []
    for item in rng.permutation(np.unique(h.item[rest])):
        chosen += rest[h.item[rest] == item].tolist()
        if len(chosen) >= size:
            break
    return np.array(chosen)


def rescored(t: Told, rows: np.ndarray, gone: list[dict[str, np.ndarray]]) -> np.ndarray:
    """Raw scores of rows, each once those positions of the logs are gone."""
    h = variants(t.h, t.found.customer[rows], gone)
    return score_pairs(t.stage, h, np.arange(len(rows)) * h.n_items + t.found.item[rows]).raw


def drops(t: Told, reason: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What rows lose without what is cited first, and without as much else, chosen at random."""
    rng = np.random.default_rng(seed)
    first = t.evidence.carries.argmax(axis=1) == REASONS.index(reason)
    rows, cited, others = [], [], []
    for row in rng.permutation(np.flatnonzero(first & (t.evidence.carries.max(axis=1) > 0)))[:ROWS]:
        if reason == "tag":
            log, gone = "tags", tags_behind(t, row)
        elif reason in ("looks", "browsing"):
            log, gone = "looks", looks_behind(t, reason, row)
        else:
            log, gone = "purchases", purchases_behind(t, reason, row)
        # of tags and looks a customer may have no others: her purchases stand for them
        other = as_many_others(t, row, gone if log == "purchases" else NONE, len(gone), rng)
        if other is not None:
            rows.append(row)
            cited.append({log: gone})
            others.append({"purchases": other})
    if not rows:
        return np.empty(0), np.empty(0)
    at = np.array(rows)
    return t.raw[at] - rescored(t, at, cited), t.raw[at] - rescored(t, at, others)


def test_what_is_cited_first_lowers_the_score_more_than_as_much_else(told: Told) -> None:
    """Paired over rows, per reason and in all: the 95 % bootstrap interval of the difference lies above 0."""
    rng, pooled, seen = np.random.default_rng(0), [], []
    for reason in ("rhythm", "looks", "tag", "taste", "habit", "complement", "browsing"):
        cited, random = drops(told, reason)
        pooled.append(cited - random)
        if len(cited) < 20:
            continue
        seen.append(reason)
        draws = rng.integers(0, len(cited), (2000, len(cited)))
        low = np.quantile((cited - random)[draws].mean(axis=1), 0.025)
        assert low > 0, f"{reason}: {cited.mean():.4f} against {random.mean():.4f} on {len(cited)} rows"
        assert (cited > 0).mean() > 0.75, reason
    assert {"rhythm", "looks", "taste", "habit"} <= set(seen), seen
    assert (np.concatenate(pooled) > 0).mean() > 0.8


def test_what_is_said_to_be_lost_is_lost(told: Told) -> None:
    """The score without her purchases of the item is what scoring the changed history says."""
    rows = np.flatnonzero(told.found.owned)[::20]
    gone = [{"purchases": purchases_behind(told, "rhythm", row)} for row in rows]
    lost = told.raw[rows] - rescored(told, rows, gone)
    said = told.evidence.carries[rows, REASONS.index("rhythm")]
    assert np.abs(said - np.maximum(lost, 0.0)).mean() < 0.05 * lost.mean()


def test_scores_of_tags_and_complements_are_those_without_what_is_cited(told: Told) -> None:
    """Taking the cited tag, or all purchases of the leading type, leaves the source's score as it was said."""
    tags = np.flatnonzero(told.evidence.told.tag >= 0)[:80]
    h = variants(told.h, told.found.customer[tags], [{"tags": tags_behind(told, row)} for row in tags])
    keys = np.arange(len(tags)) * h.n_items + told.found.item[tags]
    left = given_pairs(h, told.stage.sources, keys).scores["event"]
    assert np.allclose(left, told.evidence.told.without[tags], atol=1e-4)
    leads = np.flatnonzero(told.evidence.complements.code >= 0)[:80]
    gone = [{"purchases": purchases_behind(told, "complement", row)} for row in leads]
    h = variants(told.h, told.found.customer[leads], gone)
    keys = np.arange(len(leads)) * h.n_items + told.found.item[leads]
    left = given_pairs(h, told.stage.sources, keys).scores["complement"]
    assert np.allclose(left, told.evidence.complements.without[leads], atol=1e-4)


def test_words_are_true(told: Told) -> None:
    """Every row has words in both languages; gaps, days and counts are those of the logs."""
    h, side = told.h, told.stage.sources.side
    english, chinese = (
        reasons_of(told.stage, h, told.scored, told.pair, told.kind, read_words(language)) for language in ("en", "zh")
    )
    assert [len(r) for r in english] == [len(r) for r in chinese]
    assert all(r and all(r) and len(r) <= 4 for r in english)
    carries = told.evidence.carries
    for row in np.flatnonzero(carries[:, REASONS.index("rhythm")] > 0)[:80]:
        ages = np.sort(h.age[(h.customer == told.found.customer[row]) & (h.item == told.found.item[row])])
        ago = "1 day ago" if ages[0] == 1 else f"{ages[0]} days ago"
        assert ago in english[row][0]
        if len(ages) >= 3:
            assert f"about every {round(float(np.diff(ages).mean()))} days" in english[row][0]
    popular = np.flatnonzero(carries.argmax(axis=1) == REASONS.index("popularity"))
    for row in popular[:20]:
        if told.kind[row] != 3:
            assert f"bought by {int(side.pop28[told.found.item[row]])} customers" in english[row][0]


def test_older_counts_say_when_they_were_counted(told: Told) -> None:
    """A model older than the list says the day; without its ranker popularity is the one reason of a discovery."""
    plain = {"repeat": "heuristic", "explore": "heuristic"}
    calibrators = {f"heuristic.{kind}": told.stage.calibrators[f"ranker.{kind}"] for kind in range(4)}
    stage = replace(told.stage, modes=plain, calibrators=calibrators)
    table = recommend(stage, told.h, date(2020, 6, 20), 14, read_words("en"), date(2020, 6, 1)).to_pylist()
    assert all(row["reasons"] for row in table)
    new = [row["reasons"][0] for row in table if row["kind"] != "replenish"]
    assert any(text.endswith("in the 28 days before 2020-06-01") for text in new)
    assert not any("because" in text for text in new)
    assert all("you b" in row["reasons"][0] or "due" in row["reasons"][0] or "used to" in row["reasons"][0]
               for row in table if row["kind"] == "replenish")  # fmt: skip


def test_a_single_source_has_its_own_reasons(told: Told) -> None:
    """Ranked by factors alone, nearly every discovery that scores has a purchase, type or category to cite."""
    modes = {"repeat": "due", "explore": "als"}
    known = told.stage.calibrators
    calibrators = {f"{mode}.{kind}": known[f"ranker.{kind}"] for mode in modes.values() for kind in range(4)}
    stage = replace(told.stage, modes=modes, calibrators=calibrators)
    scored = stage.score(told.h)
    rows = publish(stage, scored)
    found, raw = scored.candidates.take(rows.pair), scored.raw[rows.pair]
    carries = weigh_evidence(stage, told.h, found, scored.x[rows.pair], raw).carries
    assert (carries[found.owned].argmax(axis=1) == REASONS.index("rhythm")).all()
    assert (carries[~found.owned & (raw > 0.5)].max(axis=1) > 0).mean() > 0.8
