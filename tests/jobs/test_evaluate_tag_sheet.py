"""The labelled sheet: drawing it, joining it to texts, and judging a tagger on it. All texts here are made up."""

import csv
import json

import pytest

from features.errors import DataError
from jobs.evaluate_tag_sheet import SHEET, evaluate_sheet, read_labels, read_population
from jobs.tag_sheet_draw import (
    DRAWS,
    Draw,
    Keywords,
    draw_posts,
    population,
    post_id,
    read_keywords,
    read_posts,
    split_of,
    stratum_of,
)
from scoring.tag_sheet import INTEREST, LIFE_EVENT

KEYWORDS = Keywords({"move": ("搬家",), "travel": ("机票",)}, {"coffee": ("咖啡",)})
MOVES, TRAP, COFFEE, GONE = "我今天搬家啦", "还没搬家呢", "我爱咖啡", "我买好机票了"


@pytest.fixture
def sheet(tmp_path):
    """A sheet of four posts, the text of one of which is not in the corpus."""
    rows = [
        (MOVES, "cstance:move:self", "development", "move", "", "", "yes"),
        (TRAP, "cstance:move:other", "development", "", "", "negation", "yes"),
        (COFFEE, "cstance:coffee:self", "held_out", "", "coffee", "", "yes"),
        (GONE, "cstance:travel:self", "held_out", "travel", "", "", "no"),
    ]
    folder = tmp_path / "sheet"
    folder.mkdir()
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as lines:
        write = csv.writer(lines)
        write.writerow(["post_id", "stratum", "split", "life_events", "interests", "trap", "sure"])
        write.writerows([(post_id(row[0]), *row[1:]) for row in rows])
    strata = "".join(f"{row[1]},10,1\n" for row in rows)
    (folder / "strata.csv").write_text("stratum,population,drawn\n" + strata)
    (folder / "keywords.csv").write_text(
        "kind,tag,keyword\nlife_event,move,搬家\nlife_event,travel,机票\ninterest,coffee,咖啡\n"
    )
    (folder / "judged_as.csv").write_text("side,key,judged_as\nlexicon,espresso,coffee\n")
    return folder


@pytest.fixture
def corpus(tmp_path):
    """A folder with the files of two corpora, one post twice, and files that are none."""
    folder = tmp_path / "corpus"
    (folder / "part").mkdir(parents=True)
    (folder / "part" / "a.csv").write_text(f"\ufeffText,Target\n{MOVES} ,x\n{MOVES},y\n{TRAP},z\n", encoding="utf-8")
    (folder / "b.txt").write_text(json.dumps([{"content": COFFEE}, {"content": " "}, 3]), encoding="utf-8")
    (folder / "LICENSE.txt").write_text("not a corpus")
    return folder


def test_a_post_is_named_by_its_stripped_text_and_read_once(corpus):
    """The same text in two rows or with blanks around is one post; other files are passed over."""
    assert read_posts(corpus) == {post_id(text): text for text in (MOVES, TRAP, COFFEE)}
    assert post_id(f" {MOVES}\n") == post_id(MOVES)


def test_strata_part_the_corpus():
    """The first event decides, with and without "I"; an interest only with it, and only where interests are drawn."""
    assert stratum_of(MOVES + "买机票", KEYWORDS) == "move:self"
    assert stratum_of(TRAP, KEYWORDS) == "move:other"
    assert stratum_of(COFFEE, KEYWORDS) == "coffee:self"
    assert stratum_of(COFFEE, KEYWORDS, interests=False) == stratum_of("咖啡", KEYWORDS) == "rest"


def test_the_draw_is_the_same_whatever_the_order_of_the_files():
    """Numbers per stratum as asked, never a post twice, and a larger draw holds the smaller."""
    texts = {post_id(t): t for t in [f"我搬家{i}" for i in range(30)] + [f"天气{i}" for i in range(50)]}
    small, large = Draw(10, 5, 0, 0), Draw(10, 12, 0, 0)
    drawn = draw_posts(texts, KEYWORDS, small)
    assert drawn == draw_posts(dict(reversed(texts.items())), KEYWORDS, small)
    assert [how for _, how in drawn.values()].count("uniform") == 10
    assert [how for _, how in drawn.values()].count("enriched") == 5
    assert drawn.items() <= draw_posts(texts, KEYWORDS, large).items()
    assert population(texts.values(), KEYWORDS, small) == {"move:self": 30, "rest": 50}


def test_a_tagger_is_judged_on_the_posts_whose_text_is_there(sheet, corpus, tmp_path, capsys):
    """Found tags are counted per half beside bare keywords; the missing post is said; figures go to a file.

    Espresso is judged as coffee; tea, which the sheet has no key for, is no error.
    """
    answers = {MOVES: "move", TRAP: "move", COFFEE: ""}

    def tagger(posts, texts):
        drinks = {COFFEE: frozenset(["espresso", "tea"])}
        return {
            p.post_id: {
                LIFE_EVENT: frozenset(filter(None, [answers[texts[p.post_id]]])),
                INTEREST: drinks.get(texts[p.post_id], frozenset()),
            }
            for p in posts
        }, frozenset(["espresso", "tea"])

    figures = evaluate_sheet(corpus, tmp_path / "figures.json", sheet, tagger)
    assert (figures["posts"], figures["missing"]) == (3, 1)
    mine = figures["development"]["tagger"]
    assert (mine["all"][LIFE_EVENT]["precision"], mine["all"][LIFE_EVENT]["recall"]) == (0.5, 1.0)
    assert mine["traps"] == {"negation": {"posts": 1, "wrong": 1}}
    bare = figures["held_out"]["bare keywords"]["all"][INTEREST]
    assert (bare["precision"], bare["recall"]) == (1.0, 1.0)
    drinks = figures["held_out"]["tagger"]["all"][INTEREST]
    assert (drinks["tagged"], drinks["hits"], figures["interests_not_on_the_sheet"]) == (1, 1, 1)
    assert json.loads((tmp_path / "figures.json").read_text()) == figures
    printed = capsys.readouterr().out
    assert "1 of the sheet are not in" in printed
    assert "fewer than 5 positives" in printed


def test_a_folder_without_the_corpora_is_an_error(sheet, tmp_path):
    """The message says where to read which corpora are meant."""
    with pytest.raises(DataError, match="README"):
        evaluate_sheet(tmp_path / "sheet", sheet=sheet)


def test_the_sheet_is_whole():
    """Unique posts in the half that their id says, known tags, and a population for every stratum."""
    labels, strata = read_labels(SHEET / "labels.csv"), read_population(SHEET / "strata.csv")
    keywords = read_keywords(SHEET / "keywords.csv")
    interests = (SHEET / "interests.txt").read_text().split()
    assert len({p.post_id for p in labels}) == len(labels) == 1868
    moved = [p for p in labels if p.split != split_of(p.post_id)]
    assert [p.split for p in moved] == ["development"] * 10  # odd ids that repeat a development post
    assert {p.stratum for p in labels} == set(strata)
    assert {p.stratum.partition(":")[0] for p in labels} == set(DRAWS)
    assert {t for p in labels for t in p.tags[LIFE_EVENT]} <= set(keywords.life_events)
    assert {t for p in labels for t in p.tags[INTEREST]} <= set(interests) == set(keywords.interests)
