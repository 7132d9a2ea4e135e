"""`nextbest identities`: merges and splits as they happened, and the way to undo them."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
import pyarrow as pa
import pyarrow.compute as pc

from features.contract import nearest
from features.errors import DataError, LakeError
from features.identity_overrides import (
    Override,
    active_overrides,
    as_overrides,
    check_consistent,
    override_id,
    withdrawals,
)
from jobs.cli import common_options, raw_options
from jobs.console import say, show_table
from jobs.lock import lake_lock
from jobs.settings import Settings
from jobs.tables import Lake
from jobs.workspace import open_lake

NEXT = "the next `nextbest resolve-identities` applies it, from its cut on"


@click.group("identities", invoke_without_command=True)
@raw_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """List merges and splits of customers; undo, split, link.

    Without a subcommand: the newest events and the decisions made by hand.
    """
    given = {name: value for name, value in options.items() if value is not None}
    ctx.default_map = dict.fromkeys(command.commands, given)
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_events, **options)


@command.command("list")
@click.option("--limit", type=int, default=20, show_default=True, help="Newest events to show.")
@common_options
def list_events(settings: Settings, limit: int = 20) -> None:
    """The newest merges and splits, and the decisions made by hand."""
    lake = open_lake(settings)
    events = _table(lake, "identity_events")
    if events is None:
        raise LakeError(
            f"lake {lake.root} has no identity events; resolve-identities writes them once there are accounts"
        )
    order = [("event_ts", "descending"), ("event_id", "ascending")]
    columns = ("event_id", "event_ts", "event_kind", "customer_id", "other_customer_id", "accounts_moved", "via")
    newest = events.sort_by(order).slice(0, limit).to_pylist()
    show_table(f"{events.num_rows:,} events", columns, [[r[c] for c in columns] for r in newest])
    _show_decisions(lake)
    say("next: nextbest identities history CUSTOMER; nextbest identities undo EVENT_ID")


@command.command()
@click.argument("name")
@common_options
def history(settings: Settings, name: str) -> None:
    """Accounts of a customer, or customers of an account, through time."""
    lake = open_lake(settings)
    table = _map(lake)
    rows = table.filter((pc.field("customer_id") == name) | (pc.field("account_id") == name))
    if not rows.num_rows:
        raise DataError(f"there is no customer or account {name!r}{_near(name, table)}")
    columns = ("account_id", "customer_id", "valid_from", "valid_to", "confidence", "reason")
    ordered = rows.sort_by([("valid_from", "ascending"), ("account_id", "ascending")]).to_pylist()
    show_table("", columns, [[r[c] for c in columns] for r in ordered])
    events = _table(lake, "identity_events")
    if events is not None:
        mine = events.filter((pc.field("customer_id") == name) | (pc.field("other_customer_id") == name))
        columns = ("event_id", "event_ts", "event_kind", "customer_id", "other_customer_id", "via")
        show_table("events", columns, [[r[c] for c in columns] for r in mine.sort_by("event_ts").to_pylist()])


@command.command()
@click.argument("target")
@common_options
def undo(settings: Settings, target: str) -> None:
    """Undo a merge or split (EVENT_ID), or a decision made by hand (OVERRIDE_ID), also an undo."""
    with lake_lock(_writable(settings).root, "identities undo"):
        lake = open_lake(settings)
        decisions = as_overrides(_table(lake, "identity_overrides"))
        known = {o.override_id for o in decisions}
        events = _table(lake, "identity_events")
        event_ids = [] if events is None else events["event_id"].to_pylist()
        if target in known:
            new = _withdraw(decisions, target)
        elif target in event_ids:
            assert events is not None
            new = _undo_event(lake, decisions, events.filter(pc.field("event_id") == target).to_pylist()[0])
        else:
            raise DataError(f"there is no event or decision {target!r}{nearest(target, [*known, *event_ids])}; "
                            "`nextbest identities list` shows them")  # fmt: skip
        _write(lake, decisions, new, f"undo {target}")


@command.command()
@click.argument("customer")
@click.argument("accounts", nargs=-1, required=True)
@common_options
def split(settings: Settings, customer: str, accounts: tuple[str, ...]) -> None:
    """Keep ACCOUNTS apart from the other accounts of CUSTOMER."""
    with lake_lock(_writable(settings).root, "identities split"):
        lake = open_lake(settings)
        table = _map(lake)
        hers = _accounts_of(table, customer)
        if not hers:
            raise DataError(f"there is no customer {customer!r}{_near(customer, table)}")
        strangers = sorted(set(accounts) - set(hers))
        if strangers:
            hint = nearest(strangers[0], hers)
            raise DataError(f"{', '.join(strangers)}: not an account of {customer}{hint}; hers are {', '.join(hers)}")
        rest = tuple(sorted(set(hers) - set(accounts)))
        if not rest:
            raise DataError(f"these are all accounts of {customer}; name those that belong to somebody else")
        decisions = as_overrides(_table(lake, "identity_overrides"))
        new = _new(decisions, "apart", None, tuple(sorted(set(accounts))), rest)
        _write(lake, decisions, new, f"split {customer}")


@command.command()
@click.argument("first")
@click.argument("second")
@common_options
def link(settings: Settings, first: str, second: str) -> None:
    """Make two accounts (or customers) one customer, whatever the evidence says."""
    with lake_lock(_writable(settings).root, "identities link"):
        lake = open_lake(settings)
        table = _map(lake)
        ends = [_one_account(table, name) for name in (first, second)]
        if ends[0] == ends[1]:
            raise DataError(f"{first} and {second} are the same account, {ends[0]}")
        decisions = as_overrides(_table(lake, "identity_overrides"))
        new = _new(decisions, "link", None, (ends[0],), (ends[1],))
        _write(lake, decisions, new, f"link {first} {second}")


def _withdraw(decisions: Sequence[Override], target: str) -> Override:
    by = withdrawals(decisions).get(target)
    if by is not None:
        raise DataError(f"{target} is undone already, by {by}; `nextbest identities undo {by}` brings it back")
    return _new(decisions, "withdraw", target, (), ())


def _undo_event(lake: Lake, decisions: Sequence[Override], event: dict[str, Any]) -> Override:
    name, kind = event["event_id"], event["event_kind"]
    already = next((o for o in active_overrides(decisions) if o.target == name), None)
    if already is not None:
        raise DataError(f"{name} is undone already, by {already.override_id}")
    if kind in ("undo", "restore"):
        raise DataError(
            f"{name} is what a decision made by hand did; undo the decision: "
            + ", ".join(o.override_id for o in decisions if o.action != "withdraw" or kind == "restore")
        )
    table, at = _map(lake), event["event_ts"]
    merged = kind == "merge"
    of_before = (pc.field("valid_from") < at) & (pc.field("valid_to").is_null() | (pc.field("valid_to") >= at))
    of_after = (pc.field("valid_from") <= at) & (pc.field("valid_to").is_null() | (pc.field("valid_to") > at))
    then = table.filter(of_before if merged else of_after)
    left, right = (_accounts(then, event[c]) for c in ("other_customer_id", "customer_id"))
    return _new(decisions, "apart" if merged else "link", name, left, right)


def _new(
    decisions: Sequence[Override], action: str, target: str | None, left: tuple[str, ...], right: tuple[str, ...]
) -> Override:
    return Override(override_id(decisions, action, target, (*left, "|", *right)), action, target, left, right)


def _write(lake: Lake, decisions: Sequence[Override], new: Override, note: str) -> None:
    """Appends a decision, unless it contradicts those in force."""
    check_consistent([*decisions, new])
    attempt = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
    row = {
        "override_id": new.override_id,
        "action": new.action,
        "target": new.target,
        "left_accounts": list(new.left),
        "right_accounts": list(new.right),
        "written_at": datetime.now(UTC),
        "note": note,
    }
    table = pa.Table.from_pylist([row], schema=lake.contract("identity_overrides").arrow_schema())
    staged = lake.stage("identity_overrides", table, attempt, None)
    lake.publish(staged, run_id=new.override_id, step="identities", attempt_id=attempt, note=note)
    words = {
        "apart": f"keeps {', '.join(new.left)} apart from {', '.join(new.right)}",
        "link": f"makes {', '.join((*new.left, *new.right))} one customer",
        "withdraw": f"withdraws {new.target}",
    }
    say(f"{new.override_id} {words[new.action]}; {NEXT}")
    say(f"next: nextbest resolve-identities; nextbest identities undo {new.override_id} takes it back")


def _show_decisions(lake: Lake) -> None:
    decisions = as_overrides(_table(lake, "identity_overrides"))
    gone = withdrawals(decisions)
    rows = [
        (o.override_id, o.action, o.target or "", ", ".join(o.left), ", ".join(o.right), gone.get(o.override_id, ""))
        for o in decisions
    ]
    if rows:
        show_table("decisions", ("decision", "action", "undoes", "one side", "other side", "undone by"), rows)


def _writable(settings: Settings) -> Lake:
    lake = open_lake(settings)
    _map(lake)
    lake.check_writable()
    return lake


def _map(lake: Lake) -> pa.Table:
    table = _table(lake, "customer_map")
    if table is None:
        raise LakeError(f"lake {lake.root} knows no customers yet; `nextbest resolve-identities` finds them")
    return table


def _table(lake: Lake, name: str) -> pa.Table | None:
    return None if lake.table(name) is None else lake.arrow(name)


def _accounts(table: pa.Table, customer: str) -> tuple[str, ...]:
    return tuple(sorted(set(table.filter(pc.field("customer_id") == customer)["account_id"].to_pylist())))


def _accounts_of(table: pa.Table, customer: str) -> list[str]:
    """Accounts that are the customer's now."""
    return list(_accounts(table.filter(pc.field("valid_to").is_null()), customer))


def _one_account(table: pa.Table, name: str) -> str:
    """The account called so, or the first of the customer called so."""
    if pc.index(table["account_id"], name).as_py() >= 0:
        return name
    hers = _accounts_of(table, name)
    if not hers:
        raise DataError(f"there is no account or customer {name!r}{_near(name, table)}")
    return hers[0]


def _near(name: str, table: pa.Table) -> str:
    """The nearest of the ids that begin alike; comparing with all would take minutes."""
    ids = pc.unique(pa.chunked_array([*table["account_id"].chunks, *table["customer_id"].chunks]))
    return nearest(name, sorted(ids.filter(pc.starts_with(ids, name[:2])).slice(0, 20_000).to_pylist()))
