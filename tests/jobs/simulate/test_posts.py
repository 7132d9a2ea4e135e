"""Posts of the simulated market: same by seed, whatever the blocks; labels and families as the data files say."""

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jobs.simulate import posts as module
from jobs.simulate.errors import WorldError
from jobs.simulate.life_events import EVENTS
from jobs.simulate.post_contents import all_contents, own_brand_names, rival_names
from jobs.simulate.post_dates import FILLERS, NAMES, date_slots
from jobs.simulate.post_disguises import DISGUISES, disguised
from jobs.simulate.post_grammar import Fillers, expand, grammar, parse, variants
from jobs.simulate.posts import CONTENTS, INTERESTS, TRAPS, UNLISTED_TRAPS, PostRequests, content_code, write_posts

_SIMULATE = Path(module.__file__).parent
_DATA = _SIMULATE.parents[1] / "conf" / "world_posts"


def _requests(content, n, days=0, split="all"):
    """`n` posts of different authors; `content` and `days` one for all or one each."""
    number = np.arange(n)
    return PostRequests(
        author=number // 3,
        number=number % 3,
        content=np.broadcast_to(content, n).astype(np.int16),
        days_to_event=np.broadcast_to(days, n).astype(np.int32),
        month=1 + number % 12,
        day=1 + number % 28,
        split=split,
    )


@pytest.fixture(scope="module")
def every_content():
    """Twelve posts of each content."""
    return write_posts(5, _requests(np.repeat(np.arange(len(CONTENTS)), 12), 12 * len(CONTENTS)))


def test_posts_are_the_same_by_seed_and_differ_between_seeds():
    """A seed gives its posts again, another seed gives others."""
    request = _requests(np.arange(400) % len(CONTENTS), 400)
    first, again, other = write_posts(1, request), write_posts(1, request), write_posts(2, request)
    assert first.text.equals(again.text)
    assert first.disguise.equals(again.disguise)
    assert sum(a != b for a, b in zip(first.text.to_pylist(), other.text.to_pylist())) > 300


def test_posts_do_not_depend_on_blocks(monkeypatch):
    """One at a time, in small blocks or in reverse order: the same texts."""
    n = 300
    request = _requests(np.arange(n) % len(CONTENTS), n, days=np.arange(n) - 150)
    whole = write_posts(1, request).text.to_pylist()
    monkeypatch.setattr(module, "_BLOCK", 7)
    assert write_posts(1, request).text.to_pylist() == whole
    arrays = [getattr(request, f)[::-1] for f in ("author", "number", "content", "days_to_event", "month", "day")]
    assert write_posts(1, PostRequests(*arrays)).text.to_pylist()[::-1] == whole


def test_no_posts_are_no_posts():
    """An empty request gives empty columns."""
    texts = write_posts(1, _requests(0, 0))
    assert len(texts.text) == len(texts.family) == len(texts.trap) == 0


def test_every_content_has_families_seen_and_held_out():
    """Events twelve at least, all others four; about a quarter of all held out, and some of each content."""
    held = Counter()
    for content in all_contents():
        n, out = len(content.families), sum(f.is_held_out for f in content.families)
        assert n >= (12 if content.name.startswith("event/") else 4), content.name
        assert out >= 1, content.name
        assert 0.12 <= out / n <= 0.5, content.name
        held.update(all=n, out=out)
    assert 0.2 < held["out"] / held["all"] < 0.35


def test_every_event_is_told_with_and_without_a_date():
    """Each event has families that name a date and families that name none."""
    dated = re.compile("|".join(f"{{{name}}}" for name in NAMES))
    for event in EVENTS:
        texts = [f.text for f in all_contents()[content_code(f"event/{event}")].families]
        assert sum(bool(dated.search(t)) for t in texts) >= 4, event
        assert sum(not dated.search(t) for t in texts) >= 8, event


def test_the_scope_that_was_asked_for():
    """At least 14 events, 40 interests, and five trap classes that no design page names."""
    assert len(EVENTS) >= 14
    assert len(INTERESTS) >= 40
    assert len(UNLISTED_TRAPS) >= 5
    assert set(UNLISTED_TRAPS) < set(TRAPS)
    assert {"negation", "third_person", "hypothetical", "retweet", "lottery", "irony", "past", "loss"} < set(TRAPS)


def test_traps_never_hold_and_true_posts_carry_no_trap(every_content):
    """`holds` stands only on true events and interests."""
    trap, holds = every_content.trap.to_pylist(), every_content.holds
    assert not holds[[t is not None for t in trap]].any()
    about = [e or i for e, i in zip(every_content.event.to_pylist(), every_content.interest.to_pylist())]
    assert all(a is not None for a, h in zip(about, holds) if h)
    assert {t for t, lost in zip(trap, every_content.is_loss) if lost} == {"loss"}


def test_no_text_is_left_unfilled_or_empty(every_content):
    """No braces, brackets of alternatives, marks of held-out families or empty texts."""
    for text, disguise in zip(every_content.text.to_pylist(), every_content.disguise.to_pylist()):
        assert text.strip()
        assert not re.search(r"[{}|~]", text), text
        assert disguise == "pinyin" or not re.search(r"[()]", text), text
        assert not re.search(r"[！？。…～，][，。]", text), text


def test_development_never_uses_held_out_families():
    """Development leaves held-out families out; all uses them at about their share."""
    n = 6 * len(CONTENTS)
    content = np.arange(n) % len(CONTENTS)
    for days in (-40, 0, 40, 250):
        seen = write_posts(3, _requests(content, n, days, "development"))
        assert not seen.is_held_out_family.any()
    every = write_posts(3, _requests(content, n))
    assert 0.2 < every.is_held_out_family.mean() < 0.4
    held = set(grammar().family_id[grammar().is_held_out].tolist())
    assert [f in held for f in every.family.tolist()] == every.is_held_out_family.tolist()


def test_about_one_author_in_seven_writes_traditional_always():
    """The share is of authors, each keeps to one script, and the characters are those of it."""
    n = 6000
    texts = write_posts(4, _requests(content_code("event/wedding"), n))
    share = texts.is_traditional.reshape(-1, 3)
    assert 0.13 < share.mean() < 0.17
    assert (share == share[:, :1]).all()
    traditional = "".join(t for t, is_t in zip(texts.text.to_pylist(), texts.is_traditional) if is_t)
    simplified = "".join(t for t, is_t in zip(texts.text.to_pylist(), texts.is_traditional) if not is_t)
    assert "婚禮" in traditional
    assert "婚礼" not in traditional
    assert "婚礼" in simplified
    assert "婚禮" not in simplified


def test_dates_are_those_of_the_event():
    """Written on 21 November, 40 days ahead is 31 December, next month; 100 days after the birth are 百天."""
    index = date_slots(np.array([11, 11, 12]), np.array([21, 21, 31]), np.array([40, -100, 1]))
    said = {name: [FILLERS[name][i] for i in index[row]] for row, name in enumerate(NAMES)}
    assert (said["e_date_dot"][0], said["e_month"][0], said["e_days"][0]) == ("12.31", "12月", "40")
    assert said["e_rel"] == ["下个月", "今天", "明天"]
    assert said["gest_week"][0] == "35"
    assert said["baby_age"][1] == "百天"
    assert said["e_date_dot"][2] == "1.1"


def test_a_true_post_with_a_date_names_the_right_month():
    """Months named by true posts of a child that is due are the month of the birth."""
    request = _requests(content_code("event/baby_due"), 600, days=70)
    month = 1 + (np.searchsorted(np.cumsum([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]), _day(request) % 365 + 1))
    texts = write_posts(6, request)
    named = [(re.search(r"预产期是?(\d+)月", t), m) for t, m in zip(texts.text.to_pylist(), month.tolist())]
    named = [(int(found[1]), m) for found, m in named if found]
    assert len(named) > 20
    assert all(said == true for said, true in named)


def _day(request):
    starts = np.cumsum([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30])
    return starts[request.month - 1] + request.day - 1 + request.days_to_event


def test_disguises_keep_what_is_said():
    """Pinyin stands behind its character, zero-width characters between, and the rest of the text stays."""
    assert disguised("我怀孕了", "pinyin", 0.0) == "我怀(huái)孕(yùn)了"
    assert disguised("我懷孕了", "pinyin", 0.0) == "我懷(huái)孕(yùn)了"
    assert disguised("我怀孕了", "zero_width", 0.0) == "我怀\u200b孕了"
    assert disguised("我怀孕了", "emoji", 0.0) == "我🤰了"
    assert all(disguised("今天吃面", name, 0.5) == "今天吃面" for name in DISGUISES)


def test_disguised_posts_are_labelled():
    """A few in a hundred, every kind of disguise, and only where the text has changed."""
    texts = write_posts(7, _requests(content_code("event/wedding"), 9000))
    kinds = Counter(texts.disguise.to_pylist())
    assert set(kinds) == {None, *DISGUISES}
    assert 0.01 < 1 - kinds[None] / 9000 < 0.06


def test_texts_are_varied():
    """Of 20,000 posts over all contents more than nine in ten are distinct."""
    rows = (np.arange(20_000) * 7919) % len(CONTENTS)
    assert len(set(write_posts(8, _requests(rows, 20_000)).text.to_pylist())) > 18_000


def test_the_brand_is_named_where_it_is_judged(every_content):
    """Posts with a sentiment name the brand; posts about rivals name one."""
    names = re.compile("半步|Banbu")
    for text, sentiment in zip(every_content.text.to_pylist(), every_content.sentiment.tolist()):
        assert sentiment == 0 or names.search(text), text
    assert all("半步" in name for name in own_brand_names())
    assert not any("半步" in name for name in rival_names())


def test_alternatives_weigh_the_same_whatever_they_stand_for():
    """One text against four: half of the draws each."""
    assert expand("(甲|{d})", Fillers({"d": ("1", "2", "3", "4")})).count("甲") == 4
    assert variants("离{e_days}天(a|b)") == ["离{e_days}天(a|b)"]


@pytest.mark.parametrize("broken", ["我(开|关", "我)开"])
def test_broken_templates_are_refused(broken):
    """A bracket that is not closed, or not opened, names the template."""
    with pytest.raises(WorldError, match="conf/world_posts"):
        parse(broken)


def test_faults_are_named():
    """Unknown slots, contents and splits say what they are."""
    with pytest.raises(WorldError, match="feeling"):
        expand("{feeling}", Fillers({}))
    with pytest.raises(WorldError, match="event/birthday"):
        content_code("event/birthday")
    with pytest.raises(WorldError, match="contents run from 0"):
        write_posts(1, _requests(len(CONTENTS), 3))
    with pytest.raises(WorldError, match="test"):
        write_posts(1, _requests(0, 3, split="test"))


def test_posts_know_nothing_of_how_they_are_read():
    """The modules of posts import nothing of the system outside the simulator and name no lexicon."""
    for path in _SIMULATE.glob("post*.py"):
        source = path.read_text("utf-8")
        assert "lexicon" not in source, path.name
        for node in ast.walk(ast.parse(source)):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in {"features", "models", "recommend", "scoring"}, path.name
                assert not name.startswith("jobs.") or name.startswith("jobs.simulate"), path.name
    assert {p.suffix for p in _DATA.iterdir()} == {".yaml"}
