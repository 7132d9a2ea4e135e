"""What a snapshot's families read: the source tables as far as they were known before the cut, with their customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.definitions import FeatureParams
from features.order_lines import account_customers, as_category_orders, as_orders, customer_lines

Keep = Callable[[str, DataFrame], DataFrame]


def recomputed(name: str, df: DataFrame) -> DataFrame:
    """Keeps nothing: the engine computes `df` again wherever it is used. For small data."""
    return df


@dataclass(frozen=True)
class Facts:
    """The sources of a snapshot at `as_of`, and the intermediate frames that several families share.

    `tables` holds the sources that were delivered (and `customer_map`), as in their contracts. `keep(name, frame)`
    writes an intermediate frame and reads it back, since neither engine can be asked to hold one (`cache` does
    nothing on the embedded one). Results do not depend on it.
    """

    tables: Mapping[str, DataFrame]
    as_of: AsOf
    params: FeatureParams = field(default_factory=FeatureParams)
    keep: Keep = recomputed
    _kept: dict[str, DataFrame] = field(default_factory=dict, repr=False)

    def has(self, *names: str) -> bool:
        """Whether all of these sources were delivered."""
        return all(n in self.tables for n in names)

    def kept(self, name: str, build: Callable[[], DataFrame]) -> DataFrame:
        """The frame that `build` makes, written once however often it is asked for."""
        if name not in self._kept:
            self._kept[name] = self.keep(name, build())
        return self._kept[name]

    @property
    def accounts(self) -> DataFrame:
        """account_id, customer_id: who each account belonged to at the cut, one row per account."""
        return self.kept("accounts", lambda: account_customers(self.tables["customer_map"], self.as_of))

    def log(self, name: str, *columns: str | Column, days: int | None = None) -> DataFrame:
        """Rows of a source known before the cut: customer_id, event_ts, days_ago and `columns`.

        `days_ago` counts local days back from the cut: 1 is the day before it. With `days`, only the last so many
        local days. Accounts without a customer at the cut are left out.
        """
        known = known_before(self.tables[name], self.as_of)
        if days is not None:
            known = known.where(F.col("event_ts") >= F.lit(self.as_of.plus(-days).ts))
        return known.join(self.accounts, "account_id", how="inner").select(
            "customer_id", "event_ts", self.days_ago(F.col("event_ts")).alias("days_ago"), *columns
        )

    def days_ago(self, moment: Column) -> Column:
        """Local days from a UTC moment to the cut; 1 is the day before it, 0 or less is not before it."""
        local_day = F.to_date(F.from_utc_timestamp(moment, self.as_of.time_zone))
        return (F.lit(self.as_of.epoch_day) - F.unix_date(local_day)).cast("int")

    def hours_ago(self, moment: Column) -> Column:
        """Elapsed hours from a UTC moment to the cut, as a double."""
        return (F.lit(int(self.as_of.ts.timestamp() * 1000000)) - F.unix_micros(moment)) / F.lit(3600e6)

    @property
    def lines(self) -> DataFrame:
        """Order lines, see `customer_lines`."""
        t = self.tables
        return self.kept(
            "lines", lambda: customer_lines(t["transactions"], t["products"], t["customer_map"], self.as_of)
        )

    @property
    def orders(self) -> DataFrame:
        """Orders, see `as_orders`."""
        return self.kept("orders", lambda: as_orders(self.lines, self.as_of, self.params))

    @property
    def category_orders(self) -> DataFrame:
        """Orders by category, see `as_category_orders`."""
        return as_category_orders(self.lines)
