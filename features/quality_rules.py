"""The row rules of the source tables, from their contracts and from the trade, and how severe each one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Literal

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from features.as_of import OPEN_START
from features.contract import Column, Contract, nearest
from features.errors import SettingsError

Severity = Literal["warn", "quarantine", "stop"]
SEVERITIES = ("warn", "quarantine", "stop")
FIRST_YEAR, LAST_YEAR = 1990, 2100  # dates outside are typing errors or placeholders
LONGEST_STRING = 64 * 1024  # bytes
INT_RANGE = 2**31 - 1
DUPLICATE_KEY = "duplicate key"
# table -> (column, table it refers to, column there)
REFERENCES: dict[str, tuple[tuple[str, str, str], ...]] = {
    "transactions": (("product_id", "products", "product_id"),),
    "offer_products": (("offer_id", "offers", "offer_id"), ("product_id", "products", "product_id")),
    "contacts": (("offer_id", "offers", "offer_id"),),
    "responses": (("offer_id", "offers", "offer_id"),),
}


@dataclass(frozen=True)
class QualityParams:
    """When bad rows stop a run.

    A table whose quarantined share is above `max_quarantined_share` stops the run, unless no more than
    `tolerated_rows` rows are affected (one bad offer of ten is no reason to stop). `severity` overrides rules:
    "table.rule" -> warn, quarantine or stop.
    """

    max_quarantined_share: float = 0.01
    tolerated_rows: int = 10
    severity: dict[str, Severity] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """A rule by name; `broken` is true where a row breaks it, false or null where it does not."""

    name: str
    broken: SparkColumn
    severity: str = "quarantine"


def row_rules(contract: Contract, severity: Mapping[str, str] | None = None) -> list[Rule]:
    """The rules of every column of `contract`, then the table's own, with severities overridden by "table.rule"."""
    rules = [rule for c in contract.columns for rule in _column_rules(c)] + _domain_rules(contract.name)
    chosen = _overrides(contract, severity)
    return [replace(r, severity=chosen.get(r.name, r.severity)) for r in rules]


def set_rules(contract: Contract, severity: Mapping[str, str] | None = None) -> dict[str, str]:
    """Severity of the rules that look across rows, by name."""
    default = {DUPLICATE_KEY: "quarantine"}
    default |= {orphan_rule(c, table): "warn" for c, table, _ in REFERENCES.get(contract.name, ())}
    chosen = _overrides(contract, severity)
    return {name: chosen.get(name, usual) for name, usual in default.items()}


def orphan_rule(column: str, table: str) -> str:
    """Name of the rule that `column` must be found in `table`."""
    return f"{column} not in {table}"


def check_severities(contracts: list[Contract], severity: Mapping[str, str]) -> None:
    """Raises `SettingsError` for an override that names no rule (with the nearest one) or cannot be."""
    known = [f"{c.name}.{n}" for c in contracts for n in [*(r.name for r in row_rules(c)), *set_rules(c)]]
    faults = []
    for key, chosen in severity.items():
        if key not in known:
            faults.append(f"quality.severity: there is no rule {key!r}{nearest(key, known)}")
        elif chosen not in SEVERITIES:
            faults.append(f"quality.severity: {key!r} is {chosen!r}, not one of {', '.join(SEVERITIES)}")
        elif chosen == "warn" and not _can_warn(contracts, key):
            faults.append(f"quality.severity: {key!r} cannot be warn: the clean table could not be written")
    if faults:
        raise SettingsError("\n".join(faults))


def _can_warn(contracts: list[Contract], key: str) -> bool:
    """Whether rows that break the rule fit the clean table: what its contract states cannot be waved through."""
    table, rule = key.split(".", 1)
    if rule == DUPLICATE_KEY:
        return False
    contract = next(c for c in contracts if c.name == table)
    stated = {f"{c.name} is null" for c in contract.columns}
    stated |= {
        f"{c.name} {end}" for c in contract.columns for end in ("is not finite", "does not fit", "is not allowed")
    }
    return rule not in stated and not any(
        rule.startswith((f"{c.name} below ", f"{c.name} above ")) for c in contract.columns
    )


def _overrides(contract: Contract, severity: Mapping[str, str] | None) -> dict[str, str]:
    prefix = f"{contract.name}."
    return {k.removeprefix(prefix): v for k, v in (severity or {}).items() if k.startswith(prefix)}


def _column_rules(c: Column) -> list[Rule]:
    """What the contract says of one column, and what no column of its kind may hold."""
    col = F.col(c.name)
    rules = [] if c.nullable else [Rule(f"{c.name} is null", col.isNull())]
    if c.kind == "string":
        rules += _string_rules(c, col)
    if c.kind in ("double", "money"):
        rules.append(Rule(f"{c.name} is not finite", F.isnan(col) | (F.abs(col) == F.lit(float("inf")))))
    if c.kind == "int":
        rules.append(Rule(f"{c.name} does not fit", F.abs(col) > F.lit(INT_RANGE)))
    if c.low is not None:
        rules.append(Rule(f"{c.name} below {c.low:g}", col < F.lit(c.low)))
    if c.high is not None:  # NaN sorts above every number and has a rule of its own
        rules.append(Rule(f"{c.name} above {c.high:g}", (col > F.lit(c.high)) & ~F.isnan(col)))
    if c.kind in ("date", "timestamp"):
        rules += _time_rules(c, col)
    return rules


def _string_rules(c: Column, col: SparkColumn) -> list[Rule]:
    rules = [
        Rule(f"{c.name} holds a NUL character", col.contains("\0")),
        Rule(f"{c.name} is longer than 64 KiB", F.octet_length(col) > F.lit(LONGEST_STRING)),
    ]
    if not c.nullable:
        rules.append(Rule(f"{c.name} is empty", F.trim(col) == F.lit("")))
    if c.values:
        rules.append(Rule(f"{c.name} is not allowed", ~col.isin(list(c.values))))
    if c.name.endswith("_id"):  # "17 " and "17" are two customers; only the source can say which is meant
        rules.append(Rule(f"{c.name} has blanks around it", F.trim(col) != col, "warn"))
    return rules


def _time_rules(c: Column, col: SparkColumn) -> list[Rule]:
    if c.kind == "date":
        first, after = F.lit(date(FIRST_YEAR, 1, 1)), F.lit(date(LAST_YEAR + 1, 1, 1))
    else:
        first = F.lit(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
        after = F.lit(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
    early = col < first
    if c.kind == "timestamp" and c.nullable:
        early = early & (col != F.lit(OPEN_START))  # "from always", as we write it ourselves
    return [
        Rule(f"{c.name} is before {FIRST_YEAR}", early),
        Rule(f"{c.name} is after {LAST_YEAR}", col >= after),
    ]


def _domain_rules(table: str) -> list[Rule]:
    """What the trade knows of a table beyond its columns."""
    if table == "transactions":
        return [
            Rule("quantity is 0", F.col("quantity") == F.lit(0), "warn"),
            Rule("list_amount is less than amount", F.col("list_amount") < F.col("amount") - F.lit(0.005), "warn"),
            Rule("coupon_amount is more than list_amount", F.col("coupon_amount") > F.col("list_amount"), "warn"),
            Rule("available before it happened", F.col("available_ts") < F.col("event_ts"), "warn"),
        ]
    if table == "offers":
        return [Rule("ends before it starts", F.col("ends_on") < F.col("starts_on"))]
    if table in ("contacts", "responses"):
        return [Rule("available before it happened", F.col("available_ts") < F.col("event_ts"), "warn")]
    return []
