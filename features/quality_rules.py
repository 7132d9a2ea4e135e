"""Every rule of the source tables, from their contracts and from the trade, and how severe each one is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from features.as_of import OPEN_START
from features.contract import Column, Contract, nearest
from features.domain_rules import domain_rules
from features.errors import SettingsError
from features.quality_params import SEVERITIES, Rule
from features.set_rules import set_queries
from features.table_rules import AHEAD, FEWER, MORE, STALE, table_rules

FIRST_YEAR, LAST_YEAR = 1990, 2100  # dates outside are typing errors or placeholders
LONGEST_STRING = 64 * 1024  # bytes
INT_RANGE = 2**31 - 1
DUPLICATE_KEY = "duplicate key"
# people and goods are older than the logs of a shop
EARLIEST_YEAR = {"birth_date": 1900, "launched_on": 1900}


def row_rules(contract: Contract, severity: Mapping[str, str] | None = None) -> list[Rule]:
    """The rules of every column of `contract`, then the table's own, with severities overridden by "table.rule"."""
    rules = [rule for c in contract.columns for rule in _column_rules(c)] + domain_rules(contract)
    chosen = _overrides(contract, severity)
    return [replace(r, severity=chosen.get(r.name, r.severity)) for r in rules]


def set_rules(contract: Contract, severity: Mapping[str, str] | None = None) -> dict[str, str]:
    """Severity of the rules that look across rows or at the whole table, by name."""
    default = {DUPLICATE_KEY: "quarantine"} | table_rules(contract)
    for rule in set_queries(contract.name):
        default |= rule.rules
    chosen = _overrides(contract, severity)
    return {name: chosen.get(name, usual) for name, usual in default.items()}


def check_severities(contracts: list[Contract], severity: Mapping[str, str]) -> None:
    """Raises `SettingsError` for an override that names no rule (with the nearest one) or cannot be."""
    if not severity:  # naming every rule of every table takes a third of a second
        return
    known = [f"{c.name}.{n}" for c in contracts for n in [*(r.name for r in row_rules(c)), *set_rules(c)]]
    faults = []
    for key, chosen in severity.items():
        if key not in known:
            faults.append(f"quality.severity: there is no rule {key!r}{nearest(key, known)}")
        elif chosen not in SEVERITIES:
            faults.append(f"quality.severity: {key!r} is {chosen!r}, not one of {', '.join(SEVERITIES)}")
        elif chosen == "quarantine" and key.split(".", 1)[1] in (FEWER, MORE, STALE, AHEAD):
            faults.append(f"quality.severity: {key!r} is about the whole table: warn or stop, not quarantine")
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
    year = EARLIEST_YEAR.get(c.name, FIRST_YEAR)
    if c.kind == "date":
        first, after = F.lit(date(year, 1, 1)), F.lit(date(LAST_YEAR + 1, 1, 1))
    else:
        first = F.lit(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC))
        after = F.lit(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC))
    early = col < first
    if c.kind == "timestamp" and c.nullable:
        early = early & (col != F.lit(OPEN_START))  # "from always", as we write it ourselves
    return [
        Rule(f"{c.name} is before {year}", early),
        Rule(f"{c.name} is after {LAST_YEAR}", col >= after),
    ]
