"""The lexicon: every test sentence in its data holds, coverage, and faults that are all told at once."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from features.errors import SettingsError
from features.tags.lexicon import INTEREST, LIFE_EVENT, LOSS, BrandNames, Lexicon
from features.tags.life_event_kinds import EVENTS, KINDS_OF_EVENTS, SENSITIVE
from features.tags.normalise import normalise
from features.tags.post_tags import without_tests
from features.tags.tagger import tag_texts, tagger_of
from jobs.lexicon_files import expanded, load_event_offers, load_lexicon

DAY = date(2026, 3, 10)
POSTED = datetime(2026, 3, 10, 4, tzinfo=UTC)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    """That of the repo."""
    return load_lexicon()


def kinds(lexicon: Lexicon, text: str) -> set[tuple[str, str]]:
    """The tags that stand."""
    return {(t.tag, t.tag_kind) for t in tagger_of(lexicon).judged(normalise(text), DAY) if t.dropped_by is None}


def test_every_rule_keeps_its_sentences(lexicon: Lexicon) -> None:
    """Each rule gives its tag where its data says so, and nowhere it says not; each has sentences of both sorts."""
    faults = []
    for rule in lexicon.rules:
        said = (rule.tag, rule.tag_kind)
        faults += [f"{rule.name} misses {s}" for s in rule.sentences.gives if said not in kinds(lexicon, s)]
        faults += [f"{rule.name} finds {s}" for s in rule.sentences.spares if said in kinds(lexicon, s)]
        faults += [] if rule.sentences.gives and rule.sentences.spares else [f"{rule.name} has no sentences"]
    assert not faults, "\n".join(faults)


def test_every_guard_keeps_its_sentences(lexicon: Lexicon) -> None:
    """Each guard's sentences hold a word of the tag and come to nothing, by a guard; what it lets pass has the tag."""
    faults = []
    for guard in lexicon.guards:
        for tag, text in guard.blocks:
            found = [t for t in tagger_of(lexicon).judged(normalise(text), DAY) if t.tag == tag]
            faults += (
                [] if found and all(t.dropped_by for t in found) else [f"{guard.name} does not stop {tag}: {text}"]
            )
        for tag, text in guard.passes:
            faults += [] if tag in {t for t, _ in kinds(lexicon, text)} else [f"{guard.name} stops {tag}: {text}"]
        faults += [] if guard.blocks else [f"{guard.name} has no sentences"]
    assert not faults, "\n".join(faults)


def test_coverage(lexicon: Lexicon) -> None:
    """All life events, their losses, and at least 60 interests, in less data than a closure should carry."""
    import cloudpickle

    def tags(kind: str) -> set[str]:
        return {r.tag for r in lexicon.rules if r.tag_kind == kind}

    assert tags(LIFE_EVENT) == set(EVENTS) == tags(LOSS)
    assert len(tags(INTEREST)) >= 60
    assert {i.tag for i in lexicon.interests} == tags(INTEREST)
    assert len(cloudpickle.dumps(without_tests(lexicon))) < 2**20


def test_the_clock_of_an_event(lexicon: Lexicon) -> None:
    """Dates in a post set the day of its event; an event's own way of telling comes first."""
    texts = ["预产期6月20号，老公已经开始囤待产包", "宝宝三个月了，会笑出声", "孕20周，第一次胎动", "今天领证啦"]
    found = tag_texts(texts, [POSTED] * 4, lexicon)
    days = [{t.tag: t.happens_on for t in tags} for tags in found]
    assert days[0]["baby_due"] == date(2026, 6, 20)
    assert days[1]["baby_born"] == date(2025, 12, 9)
    assert days[2]["pregnant"] == date(2026, 7, 28)
    assert days[3]["wedding"] == DAY


def test_brands_and_their_mood() -> None:
    """Brands of the settings are found with the post's mood, also names of several words and in topics."""
    lexicon = load_lexicon(BrandNames(("青禾",), ("Nord Home",)))
    texts = ["青禾的面霜真好用，推荐", "nord  home 不好用", "NORD HOME的沙发太差，退货", "#青禾# 打卡"]
    found = tag_texts(texts, [POSTED] * 4, lexicon)
    brands = [[(t.tag, t.tag_kind, t.sentiment) for t in tags if t.tag_kind.endswith("brand")] for tags in found]
    assert brands[0] == [("青禾", "own_brand", 1.0)]
    assert brands[2] == [("Nord Home", "rival_brand", -1.0)]
    assert brands[3][0][:2] == ("青禾", "own_brand")


def test_offers_of_events() -> None:
    """Every stage of every event has its offer; sensitive ones need their own consent and are never named."""
    offers = load_event_offers()
    assert {(o.event, o.stage) for o in offers} == {(e, s.name) for e in EVENTS for s in KINDS_OF_EVENTS[e].stages}
    for offer in offers:
        sensitive = KINDS_OF_EVENTS[offer.event].purpose == SENSITIVE
        assert (offer.purpose == SENSITIVE) == offer.never_named == sensitive
        assert not set(offer.categories) & set(offer.forbidden)


def test_faults_are_told_together(tmp_path: Path) -> None:
    """A file with several faults says all of them."""
    (tmp_path / "guards.yaml").write_text("self_markers: 我\nengaged: 爱\nleast_confidence: 2\nguards: {}\nmasks: []\n")
    (tmp_path / "events.yaml").write_text(
        "kind: life_event\ntags: {holiday: {gloss: x, words: [假]}, travel: {gloss: x, words: ['a b'], needs: '('}}\n"
    )
    with pytest.raises(SettingsError) as told:
        load_lexicon(folder=tmp_path)
    for part in ("least_confidence", "holiday is no life event", "'a b' is not letters", "is not a pattern"):
        assert part in str(told.value)


def test_braces() -> None:
    """Braces list alternatives, an empty one too."""
    assert expanded("搬{新,}家{了,啦}") == ["搬新家了", "搬新家啦", "搬家了", "搬家啦"]
