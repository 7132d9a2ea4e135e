"""When an event happens, from the dates a post tells: 预产期3月, 下个月, 10月8号, 还有20天, 宝宝三个月了."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Sequence
from datetime import date, timedelta

AHEAD, PAST, NEAR = "ahead", "past", "near"
_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2, "〇": 0, "俩": 2, "仨": 3}
NUMBER = r"(?:\d{1,3}|[一二两三四五六七八九十百半俩仨]{1,4})"
_WEEKDAYS = {c: i for i, c in enumerate("一二三四五六")} | {"日": 6, "天": 6}
_FESTIVALS = {"元旦": (1, 1), "情人节": (2, 14), "五一": (5, 1), "六一": (6, 1), "国庆": (10, 1), "十一": (10, 1)}
_FESTIVALS |= {"双十一": (11, 11), "双11": (11, 11), "圣诞": (12, 25), "跨年": (12, 31)}
MID_MONTH = 15  # the day taken where only the month is told
_UNITS = {"天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "个月": 30, "月": 30, "年": 365}
_UNIT = r"(天|个?星期|个?礼拜|周|个月|年)"


def number(text: str) -> float:
    """A number in digits or Chinese numerals; 半 is a half.

    >>> number("12"), number("二十三"), number("十"), number("两"), number("半")
    (12.0, 23.0, 10.0, 2.0, 0.5)
    """
    if text.isdigit():
        return float(text)
    if text == "半":
        return 0.5
    total, digit = 0.0, 0
    for c in text:
        if c == "百":
            total += max(digit, 1) * 100
            digit = 0
        elif c == "十":
            total += max(digit, 1) * 10
            digit = 0
        elif c == "半":
            total += 0.5
        else:
            digit = _DIGITS.get(c, 0)
    return total + digit


def _in(sign: int) -> Callable[[re.Match[str], date, str], date | None]:
    def resolve(m: re.Match[str], posted: date, _: str) -> date | None:
        unit = m.group(2).removeprefix("个") if m.group(2) != "个月" else "个月"
        return posted + timedelta(days=sign * round(number(m.group(1)) * _UNITS[unit]))

    return resolve


def _days(n: int) -> Callable[[re.Match[str], date, str], date | None]:
    return lambda m, posted, _: posted + timedelta(days=n)


def _weekday(m: re.Match[str], posted: date, _: str) -> date | None:
    weeks = {"上上": -2, "上": -1, "下": 1, "下下": 2}.get(m.group(1), 0)
    monday = posted - timedelta(days=posted.weekday()) + timedelta(weeks=weeks)
    named = m.group(2)
    if not named:
        return monday + timedelta(days=3) if weeks else None
    return monday + timedelta(days=5 if named == "末" else _WEEKDAYS[named])


def _month(m: re.Match[str], posted: date, _: str) -> date | None:
    steps = {"上": -1, "下": 1, "下下": 2}.get(m.group(1), 0)
    year, month = divmod(posted.year * 12 + posted.month - 1 + steps, 12)
    month += 1
    part, day = m.group(2), m.group(3)
    if day:
        return _date(year, month, round(number(day)))
    if part == "底":
        return date(year, month, monthrange(year, month)[1])
    if part == "初":
        return date(year, month, 3)
    return date(year, month, MID_MONTH) if steps or part else None


def _month_day(m: re.Match[str], posted: date, clock: str) -> date | None:
    month, day = round(number(m.group(2))), m.group(3)
    if not 1 <= month <= 12:
        return None
    years = {"去年": -1, "今年": 0, "明年": 1, "后年": 2}
    if m.group(1) in years:
        return _date(posted.year + years[m.group(1)], month, round(number(day)) if day else MID_MONTH)
    return _nearest(posted, month, round(number(day)) if day else None, clock)


def _day_of_month(m: re.Match[str], posted: date, clock: str) -> date | None:
    day = round(number(m.group(1)))
    here = _date(posted.year, posted.month, day)
    if here is None:
        return None
    if clock == AHEAD and here < posted:
        after = posted.replace(day=1) + timedelta(days=32)
        return _date(after.year, after.month, day)
    if clock == PAST and here > posted:
        before = posted.replace(day=1) - timedelta(days=1)
        return _date(before.year, before.month, day)
    return here


def _festival(m: re.Match[str], posted: date, clock: str) -> date | None:
    month, day = _FESTIVALS[m.group(1)]
    return _nearest(posted, month, day, clock)


def _year_end(m: re.Match[str], posted: date, _: str) -> date | None:
    return date(posted.year, 12, 20)


def _nearest(posted: date, month: int, day: int | None, clock: str) -> date | None:
    """The date of that month and day that lies as `clock` says; the middle of the month without a day."""
    found = [_date(posted.year + y, month, day or MID_MONTH) for y in (-1, 0, 1)]
    dates = [d for d in found if d is not None]
    slack = timedelta(days=0 if day else 20)  # this month's middle may have passed
    if clock == AHEAD:
        dates = [d for d in dates if d >= posted - slack]
    elif clock == PAST:
        dates = [d for d in dates if d <= posted + slack]
    return min(dates, key=lambda d: (abs((d - posted).days), d)) if dates else None


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


# the first that matches tells; longer and clearer forms come first
_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date, str], date | None]], ...] = tuple(
    (re.compile(pattern), resolve)
    for pattern, resolve in (
        (rf"(?:还有|还剩|倒计时|再过|只剩|不到|剩下?)最?后?({NUMBER}){_UNIT}", _in(1)),
        (rf"({NUMBER}){_UNIT}(?:之后|以后|后)", _in(1)),
        (rf"({NUMBER}){_UNIT}(?:之前|以前|前)", _in(-1)),
        (rf"(去年|今年|明年|后年)?({NUMBER})月份?(?:({NUMBER})[号日])?(?!内|经)", _month_day),
        (r"(双十一|双11)", _festival),
        (r"(元旦|情人节|五一|六一|国庆|十一(?!点|个|岁|楼|月)|圣诞|跨年)", _festival),
        (r"(下下|上上|下|上|这|本)个?(?:周|星期|礼拜)([一二三四五六日天末])?", _weekday),
        (rf"(下下|下|上|这|本)个?月(初|底|中)?(?:({NUMBER})[号日])?", _month),
        (r"大后天", _days(3)),
        (r"后天(?!性)", _days(2)),
        (r"明[天晚早]|明儿", _days(1)),
        (r"前天", _days(-2)),
        (r"昨[天晚日]|昨儿", _days(-1)),
        (r"今[天晚早]|今日|今儿|刚刚|刚才|此刻|凌晨|早上|上午|中午|下午|晚上", _days(0)),
        (r"(周末)", lambda m, posted, _: posted - timedelta(days=posted.weekday()) + timedelta(days=5)),
        (r"()(月底|月初|月中)", lambda m, posted, c: _month_part(m.group(2), posted)),
        (rf"(?<![\d一二三四五六七八九十月])({NUMBER})[号日](?!线|楼|店|色|机|床|院)", _day_of_month),
        (r"年底|年末", _year_end),
    )
)


def _month_part(part: str, posted: date) -> date:
    last = monthrange(posted.year, posted.month)[1]
    return posted.replace(day={"月初": 3, "月中": MID_MONTH, "月底": last}[part])


FORM_PATTERNS = tuple(form.pattern for form, _ in _FORMS)


def happens_on(sentence: str, posted: date, clock: str = NEAR, forms: Sequence[int] | None = None) -> date | None:
    """The day told in a sentence, counted from the local day of the post; None where none is.

    `forms` are the numbers of those in FORM_PATTERNS that may match, ascending; None for all.

    >>> happens_on("10月8号办婚礼", date(2025, 9, 20)), happens_on("还有20天就生了", date(2025, 9, 20))
    (datetime.date(2025, 10, 8), datetime.date(2025, 10, 10))
    """
    for form, resolve in _FORMS if forms is None else [_FORMS[n] for n in forms]:
        m = form.search(sentence)
        if m is not None:
            try:
                found = resolve(m, posted, clock)
            except (ValueError, OverflowError):
                found = None
            if found is not None:
                return found
    return None


def by_rule(m: re.Match[str], posted: date, base_days: float, unit_days: float) -> date:
    """The day by an event's own clock rule, from its match."""
    n = number(m.group("n")) if "n" in m.re.groupindex and m.group("n") else 0.0
    return posted + timedelta(days=round(base_days + n * unit_days))
