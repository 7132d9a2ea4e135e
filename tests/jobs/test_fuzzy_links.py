"""Fuzzy links of account holders: found despite slips, the same every time, refused without the extra."""

import builtins

import numpy as np
import pyarrow as pa
import pytest

from features.errors import SettingsError
from jobs.fuzzy_links import LINKS, FuzzyParams, fuzzy_links

GIVEN = ("anna", "berta", "clara", "doris", "emil", "fritz", "gustav", "hanna", "ida", "jonas", "karl", "lena")
SURNAMES = ("smith", "jones", "taylor", "brown", "wilson", "evans", "thomas", "roberts", "walker", "wright")


def people(n: int = 150) -> pa.Table:
    """`n` persons, each once as she is and once with a letter of her surname or a digit of her postcode changed."""
    draw = np.random.default_rng(3)
    rows = []
    for i in range(n):
        row = {
            "given_name": GIVEN[draw.integers(len(GIVEN))],
            "surname": SURNAMES[draw.integers(len(SURNAMES))] + "abcdefgh"[draw.integers(8)],
            "birth_date": f"{1950 + draw.integers(50)}-{1 + draw.integers(12):02d}-{1 + draw.integers(28):02d}",
            "postcode": f"{draw.integers(10000, 99999)}",
            "city": ("leeds", "york", "bath", None)[draw.integers(4)],
        }
        slip = {"surname": row["surname"][:-1] + "x"} if i % 2 else {"postcode": row["postcode"][:-1] + "0"}
        rows += [{"account_id": f"a{i:04d}", **row}, {"account_id": f"b{i:04d}", **row, **slip}]
    return pa.Table.from_pylist(rows)


def test_slips_are_seen_through_and_strangers_are_not_linked() -> None:
    """Nearly all pairs of one person are found, none of two; the same rows whatever their order came in."""
    pytest.importorskip("splink")
    profiles = people()
    found = fuzzy_links(profiles, FuzzyParams(threshold=0.9))
    pairs = list(zip(found["account_a"].to_pylist(), found["account_b"].to_pylist(), strict=True))
    right = [a[1:] == b[1:] for a, b in pairs]
    assert sum(right) >= 135
    assert len(right) - sum(right) <= 2
    assert all(a < b for a, b in pairs)
    shuffled = profiles.take(pa.array(np.random.default_rng(0).permutation(profiles.num_rows)))
    assert fuzzy_links(shuffled, FuzzyParams(threshold=0.9)).equals(found)


def test_nothing_to_match_gives_no_links() -> None:
    """A single record, or one column alone, cannot be matched."""
    pytest.importorskip("splink")
    one = pa.table({"account_id": ["a"], "surname": ["smith"], "given_name": ["ann"]})
    assert fuzzy_links(one).equals(LINKS.empty_table())
    bare = pa.table({"account_id": ["a", "b"], "surname": ["smith", "smith"]})
    assert fuzzy_links(bare).equals(LINKS.empty_table())
    blank = pa.table({"account_id": ["a", "b"], "surname": ["", None], "given_name": pa.array([None, " "])})
    assert fuzzy_links(blank).num_rows == 0


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the extra and the setting."""
    real = builtins.__import__

    def missing(name: str, *args: object, **kwargs: object) -> object:
        if name.startswith("splink"):
            raise ImportError("no", name="splink")
        return real(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(SettingsError, match=r"nextbest\[er\].*identity.fuzzy"):
        fuzzy_links(people(2))
