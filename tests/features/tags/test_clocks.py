"""Dates in posts become days."""

from datetime import date

import pytest

from features.tags.clocks import happens_on, number

POSTED = date(2025, 9, 20)  # a Saturday


@pytest.mark.parametrize(
    ("sentence", "clock", "expected"),
    [
        ("预产期3月", "ahead", date(2026, 3, 15)),
        ("10月8号办婚礼", "near", date(2025, 10, 8)),
        ("还有20天", "near", date(2025, 10, 10)),
        ("下个月搬家", "near", date(2025, 10, 15)),
        ("下周三入职", "near", date(2025, 9, 24)),
        ("上个月领证", "near", date(2025, 8, 15)),
        ("三天前出院", "past", date(2025, 9, 17)),
        ("两个月后毕业", "ahead", date(2025, 11, 19)),
        ("明天提车", "near", date(2025, 9, 21)),
        ("昨晚卸货", "past", date(2025, 9, 19)),
        ("国庆去云南", "ahead", date(2025, 10, 1)),
        ("月底搬家", "near", date(2025, 9, 30)),
        ("25号搬家", "ahead", date(2025, 9, 25)),
        ("5号搬家", "ahead", date(2025, 10, 5)),
        ("明年5月20日领证", "near", date(2026, 5, 20)),
        ("2月30日", "near", None),  # there is no such day
        ("终于搬家了", "near", None),  # no date told
    ],
)
def test_dates(sentence: str, clock: str, expected: date | None) -> None:
    """The day told, counted from the local day of the post."""
    assert happens_on(sentence, POSTED, clock) == expected


def test_numbers() -> None:
    """Digits and Chinese numerals."""
    assert [number(n) for n in ("7", "两", "十", "十二", "二十", "三十五", "一百", "半")] == [
        7,
        2,
        10,
        12,
        20,
        35,
        100,
        0.5,
    ]
