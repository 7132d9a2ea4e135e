"""What a snapshot's families read: the source tables as far as they were known before the cut, with their customer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from features.as_of import AsOf, known_before
from features.definitions import FeatureParams
from features.order_lines import (
    account_customers,
    as_category_orders,
    as_customers,
    as_names,
    as_orders,
    as_refunds,
    numbered_lines,
    product_versions,
    with_customer_no,
    with_line_names,
)
from features.windows import days_before

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
        """account_id, customer_id, customer_no: who each account belonged to at the cut, one row per account."""
        mapped = self.tables["customer_map"]
        return self.kept("accounts", lambda: with_customer_no(account_customers(mapped, self.as_of)))

    @property
    def customers(self) -> DataFrame:
        """customer_no, customer_id: every customer of an account, with the number that frames are grouped by inside."""
        return self.kept("customers", lambda: as_customers(self.accounts))

    @property
    def product_versions(self) -> DataFrame:
        """Which attributes a product had when, see `product_versions`."""
        return self.kept("product_versions", lambda: product_versions(self.tables["products"], self.as_of))

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
        return days_before(moment, self.as_of)

    def hours_ago(self, moment: Column) -> Column:
        """Elapsed hours from a UTC moment to the cut, as a double."""
        return (F.lit(int(self.as_of.ts.timestamp() * 1000000)) - F.unix_micros(moment)) / F.lit(3600e6)

    @property
    def lines(self) -> DataFrame:
        """Order lines with names, see `numbered_lines` and `with_line_names`."""
        return with_line_names(self.numbered_lines, self.customers, self.category_names, self.brand_names)

    @property
    def numbered_lines(self) -> DataFrame:
        """Order lines, see `numbered_lines`."""
        return self.kept(
            "lines",
            lambda: numbered_lines(
                self.tables["transactions"], self.product_versions, self.accounts, self.as_of, self.params
            ),
        )

    @property
    def category_names(self) -> DataFrame:
        """category_no, category of the categories that products are in or were in before the cut."""
        return self.kept("category_names", lambda: as_names(self.product_versions, "category"))

    @property
    def brand_names(self) -> DataFrame:
        """brand_no, brand, likewise."""
        return self.kept("brand_names", lambda: as_names(self.product_versions, "brand"))

    @property
    def orders(self) -> DataFrame:
        """Orders, see `as_orders`."""
        return self.kept("orders", self._build_orders)

    def _build_orders(self) -> DataFrame:
        refunds = None
        if self.has("order_status"):
            status = self.tables["order_status"]
            refunds = self.kept("refunds", lambda: as_refunds(status, self.as_of))
        return as_orders(self.numbered_lines, self.customers, refunds, self.as_of, self.params)

    @property
    def category_orders(self) -> DataFrame:
        """Orders by category, see `as_category_orders`."""
        return as_category_orders(self.lines)
