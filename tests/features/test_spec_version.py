"""A changed definition needs a new version."""

from features.spec_version import SPEC_VERSION, VERSIONS, conflict, definitions_hash, spec_note


def test_the_last_version_is_that_of_the_code() -> None:
    """Whoever changes a definition adds a version with what changed, and its hash."""
    assert VERSIONS[SPEC_VERSION][0] == definitions_hash(), (
        f"definitions have changed: add to features/spec_version.py\n"
        f'    {SPEC_VERSION + 1}: ("{definitions_hash()}", "what changed"),'
    )
    assert all(words for _, words in VERSIONS.values())
    assert sorted(VERSIONS) == list(range(1, SPEC_VERSION + 1))


def test_two_meanings_under_one_version_are_noticed() -> None:
    """Earlier commits of this version with other definitions conflict; other versions and other notes do not."""
    other = f"definitions {SPEC_VERSION} 0123456789abcdef"
    assert conflict([spec_note(), other]) == other
    assert conflict([spec_note(), f"definitions {SPEC_VERSION - 1} 0123456789abcdef", "", "files of version 3"]) is None
