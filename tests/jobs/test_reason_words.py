"""Words of reasons: every language says the same things."""

from importlib import resources

import pytest
import yaml

from jobs.lexicon_files import load_event_offers
from jobs.reason_words import LANGUAGES, differences, places, read_words


def lexicon_tags() -> set[str]:
    """Interests of the lexicon's files; reading all of it takes seconds."""
    files = [p for p in resources.files("conf").joinpath("lexicon").iterdir() if p.name.startswith("interests")]
    return {str(tag) for file in files for tag in yaml.safe_load(file.read_text("utf-8"))["tags"]}


@pytest.mark.parametrize("language", LANGUAGES)
def test_languages_have_the_same_keys_and_places(language: str) -> None:
    """Every key and place of the English words, and no other; text in every one of them."""
    words = read_words(language)
    assert differences(words, read_words("en")) == []
    assert all(words.values())


def test_what_differs_is_named() -> None:
    """Missing and unknown keys, missing and unknown places, all at once."""
    model = {"ago": "{n} days ago", "and": " and ", "one": "1"}
    found = differences({"ago": "{m} days ago", "and": ", ", "two": "2"}, model)
    assert found == ["one is missing", "two is unknown", "ago lacks {n}", "ago has {m}, which nothing fills"]
    assert places("{a} and {b}") == {"a", "b"}


def test_only_tags_of_the_lexicon_are_named_and_no_sensitive_one() -> None:
    """Names belong to interests and events that there are; what must not be named has no name."""
    words, known = read_words("en"), lexicon_tags()
    interests = {key.removeprefix("interest.") for key in words if key.startswith("interest.")}
    assert interests <= known
    events = {key.removeprefix("event.") for key in words if key.startswith("event.")}
    assert not events & {offer.event for offer in load_event_offers() if offer.never_named}
    assert not interests & {"diapers", "baby_food", "baby_gear", "weight_loss", "sleepless"}
