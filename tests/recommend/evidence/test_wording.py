"""What may be said of tags, and numbers in words."""

from jobs.reason_words import read_words
from recommend.evidence.wording import numbered, tag_words


def test_only_listed_tags_are_named() -> None:
    """An interest and a life event by name; what is not listed, given by others or never to be named is not told."""
    words = read_words("en")
    assert tag_words("post:running", words) == "fits your interest in running"
    assert tag_words("post:wedding@planning", words) == "for your wedding"
    for tag in ("post:pregnant@late", "post:pregnant", "given:baby shower", "spare:running", "region:east", ""):
        assert tag_words(tag, words) == words["unnamed"]


def test_one_has_words_of_its_own() -> None:
    """One day, and several; nearly a day between purchases is almost every day."""
    words = read_words("en")
    assert numbered(words, "ago", 1.0) == "1 day ago"
    assert numbered(words, "ago", 12.0) == "12 days ago"
    assert numbered(words, "gap", 1.3) == "almost every day"
    assert numbered(words, "popular", 1.0, day="") == "bought by 1 customer in the last 28 days"
