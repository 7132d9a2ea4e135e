"""The protocols of `nextbest evaluate recommender`: cuts, label window, item filter, and which cuts are final.

Models are developed on the development cuts. The final cuts are run once per candidate release; each run says so in its
tags. Windows are whole weeks that begin on a Monday.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from features.hierarchy import LEVELS


@dataclass(frozen=True)
class Protocol:
    """Without cuts: those asked for, else the last window of the data. `min_baskets` orders make an item known."""

    development: tuple[date, ...] = ()
    final: tuple[date, ...] = ()
    window_days: int = 28
    min_baskets: int = 50
    levels: tuple[str, ...] = LEVELS


PROTOCOLS = {
    "lake": Protocol(),
    "complete-journey": Protocol(
        development=(date(2017, 8, 14), date(2017, 9, 11), date(2017, 10, 9)),
        final=(date(2017, 11, 6), date(2017, 12, 4)),
    ),
    # Four months in all. Windows of two weeks leave two for development, each with two windows before it to learn from;
    # a shop of 24,000 items and few visits: 50 orders would drop half of the truth, 10 drop a sixth.
    "tafeng": Protocol(
        development=(date(2001, 1, 1), date(2001, 1, 15)),
        final=(date(2001, 1, 29), date(2001, 2, 12)),
        window_days=14,
        min_baskets=10,
        levels=("product", "category"),
    ),
    # 50 orders would drop a quarter of the truth, 10 drop 5 to 8 %
    "online-retail": Protocol(
        development=(date(2011, 7, 18), date(2011, 8, 15), date(2011, 9, 12)),
        final=(date(2011, 10, 10), date(2011, 11, 7)),
        min_baskets=10,
        levels=("product",),
    ),
    "folder": Protocol(),
}
OTHERS = ("movielens",)  # no calendar: a sanity check of the factorisation
NEEDS_DATA = ("tafeng", "online-retail", "folder", "movielens")
