"""`nextbest evaluate identity`: who is whom, against a world's truth or public data with known persons."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from features.as_of import AsOf
from features.errors import DataError, SettingsError
from features.identity_metrics import IdentityScores, score_identities, wrong_accounts
from jobs.cli import common_options
from jobs.console import say, show_table
from jobs.fuzzy_links import FuzzyParams
from jobs.public_identity import read_public, stitch_records
from jobs.settings import Settings
from jobs.tables import Lake
from jobs.workspace import open_lake, resolve_as_of

HEADER = [
    "stitched by",
    "precision",
    "95 %",
    "recall",
    "95 %",
    "observable recall",
    "95 %",
    "largest",
    "merged",
    "split",
]


@click.command("identity")
@click.option("--world", type=click.Path(path_type=Path, exists=True, file_okay=False), help="Folder of the world.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Parquet file of febrl dataset2 or fake_1000; may repeat.",
)
@click.option("--fuzzy/--no-fuzzy", default=True, show_default=True, help="With --data: also with the [er] extra.")
@click.option(
    "--json", "json_path", type=click.Path(path_type=Path, dir_okay=False), help="Also write the tables here."
)
@common_options
def command(
    settings: Settings, world: Path | None, data: tuple[Path, ...], fuzzy: bool, json_path: Path | None
) -> None:
    """Pairwise precision and recall of customers against persons, with 95 % intervals over persons.

    With --world: the lake's customer_map as of the cut, against the world that its sources came from. With --data:
    public records, stitched by exact keys, and with fuzzy links over them.
    """
    if world is None and not data:
        raise SettingsError("give the folder of a simulated world with --world, or public records with --data")
    found: dict[str, Any] = {}
    if world is not None:
        found["world"] = evaluate_world(settings, world)
    for path in data:
        found[path.name] = evaluate_data(settings, path, fuzzy)
    if json_path:
        json_path.write_text(json.dumps(found, indent=1))
        say(f"wrote {json_path}")


def evaluate_world(settings: Settings, folder: Path) -> dict[str, Any]:
    """Scores of the lake's map; prints them and returns plain values."""
    lake = open_lake(settings)
    as_of = resolve_as_of(settings, lake)
    customers = customers_at(lake, as_of)
    truth, end = read_truth(folder)
    if str(as_of.day) != end:
        say(f"the world ends on {end}, the map is read as of {as_of.day}: observable links are those of the end")
    at = pc.index_in(customers["account_id"], value_set=truth["account_id"].combine_chunks())
    known = np.asarray(at.is_valid())
    if not known.any():
        raise DataError(f"no account of {lake.root} is one of {folder}; ingest its sources into this lake first")
    if not known.all():
        say(f"{int((~known).sum()):,} of {len(known):,} accounts are not of this world and are left out")
    rows = truth.take(at.drop_null())
    customer, group = (_codes(c) for c in (customers["customer_id"].filter(pa.array(known)), rows["observable_group"]))
    person = rows["person"].to_numpy()
    scores = score_identities(customer, person, group, settings.seed)
    title = f"identity as of {as_of.day}: {scores.accounts:,} accounts, {scores.persons:,} persons, "
    show_table(f"{title}{scores.customers:,} customers", HEADER, [_row("the lake", scores)])
    traps = _traps(customer, person, group, rows)
    header = ["trap", "accounts", "with a stranger", "link missing"]
    show_table("accounts by the traps among their identifiers", header, [list(t.values()) for t in traps])
    return {"as_of": str(as_of.day), "scores": asdict(scores), "traps": traps}


def evaluate_data(settings: Settings, path: Path, fuzzy: bool) -> dict[str, Any]:
    """Scores of public records without and with fuzzy links; prints them and returns plain values."""
    records = read_public(path)
    ways = {"exact keys": None, **({"exact keys and Splink": FuzzyParams(seed=settings.seed)} if fuzzy else {})}
    scores = {
        name: score_identities(stitch_records(records, settings.identity, params), records.person, None, settings.seed)
        for name, params in ways.items()
    }
    first = next(iter(scores.values()))
    title = f"{records.name}: {first.accounts:,} records of {first.persons:,} persons"
    show_table(title, HEADER, [_row(name, s) for name, s in scores.items()])
    return {name: asdict(s) for name, s in scores.items()}


def customers_at(lake: Lake, as_of: AsOf) -> pa.Table:
    """account_id and customer_id at the cut, one row per account: as `features.order_lines.account_customers`."""
    if lake.table("customer_map") is None:
        raise DataError(f"lake {lake.root} has no customer_map yet; `nextbest resolve-identities` writes it")
    cut = pa.scalar(as_of.ts, pa.timestamp("us", tz="UTC"))
    rows = lake.arrow("customer_map").filter(
        (pc.field("valid_from") < cut) & (pc.field("valid_to").is_null() | (pc.field("valid_to") >= cut))
    )
    newest = rows.sort_by([("account_id", "ascending"), ("valid_from", "ascending"), ("customer_id", "descending")])
    account = newest["account_id"].combine_chunks()
    last = np.ones(len(account), bool)
    last[:-1] = np.asarray(pc.not_equal(account[1:], account[:-1]))
    return newest.filter(pa.array(last)).select(["account_id", "customer_id"])


def read_truth(folder: Path) -> tuple[pa.Table, str]:
    """Truth of a world's accounts, and the day it ends on."""
    root = folder / "truth"
    try:
        end = json.loads((root / "world.json").read_text("utf-8"))["end"]
        table = ds.dataset(root / "accounts", format="parquet").to_table()
    except (OSError, ValueError, KeyError) as e:
        raise DataError(f"{folder} holds no simulated world ({e}); `nextbest simulate --out DIR` makes one") from e
    return table.set_column(0, "account_id", table["account_id"].cast(pa.string())), str(end)


def _traps(customer: np.ndarray, person: np.ndarray, group: np.ndarray, truth: pa.Table) -> list[dict[str, Any]]:
    """Per trap: accounts that show it, of them in a customer with another person, with an observable link missing."""
    merged, lost = wrong_accounts(customer, person, group)
    sets = truth["traps"].cast(pa.string()).to_numpy(zero_copy_only=False)
    kinds, of = np.unique(sets.astype(str), return_inverse=True)
    names = sorted({t for kind in kinds for t in kind.split(",")})
    out = []
    for name in names:
        has = np.array([name in kind.split(",") for kind in kinds])[of]
        counts = {
            "accounts": int(has.sum()),
            "merged": int((merged & has).sum()),
            "link_missing": int((lost & has).sum()),
        }
        out.append({"trap": name or "none", **counts})
    return out


def _codes(names: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(pc.dictionary_encode(names.cast(pa.string()).combine_chunks()).indices)


def _row(name: str, s: IdentityScores) -> list[object]:
    cells: list[object] = [name]
    for share in (s.precision, s.recall, s.observable_recall):
        cells += ["", ""] if share is None else [f"{share.value:.4f}", f"[{share.low:.4f}, {share.high:.4f}]"]
    return [*cells, f"{s.largest:,}", f"{s.merged_customers:,}", f"{s.split_persons:,}"]
