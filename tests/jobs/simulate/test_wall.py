"""The wall: a world knows nothing of the system, and the system nothing of a world but what a retailer could see."""

from __future__ import annotations

import ast
import dataclasses
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import KFold, cross_val_predict

from features.contract import Contract
from features.set_rules import REFERENCES
from features.source_tables import SOURCES
from jobs.simulate.block_tables import make_block
from jobs.simulate.params import load_world_params
from jobs.simulate.simulate import simulate
from jobs.simulate.world import World, make_world
from jobs.source_files import find_sources

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "jobs" / "simulate"
OURS = ("features", "models", "recommend", "scoring", "jobs")
ALLOWED = ("numpy", "scipy", "pyarrow", "pydantic", "yaml", "opencc")
PERSONS, DAYS = 400, 120


def modules(folder: Path) -> list[Path]:
    """Every module of ours in a folder."""
    return sorted(p for p in folder.rglob("*.py") if "__pycache__" not in p.parts)


def imported(tree: ast.AST) -> Iterator[str]:
    """Full names of everything a module imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide what is imported"
            yield f"{node.module}"


def texts(tree: ast.AST) -> Iterator[str]:
    """String constants of a module that are no docstrings."""
    shown = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in shown:
            yield node.value


@pytest.mark.parametrize("path", modules(PACKAGE), ids=lambda p: p.stem)
def test_a_world_imports_nothing_of_the_system(path: Path) -> None:
    """Only the package itself, the standard library and plain numeric libraries; nothing read from the lexicon."""
    tree = ast.parse(path.read_text("utf-8"))
    for name in imported(tree):
        first = name.split(".")[0]
        if first in OURS:
            assert name.startswith("jobs.simulate.") or name == "jobs.simulate", f"{path.name} imports {name}"
        else:
            assert first in ALLOWED or first in sys.stdlib_module_names, f"{path.name} imports {name}"
        assert first != "importlib" or name in ("importlib", "importlib.resources"), f"{path.name} imports {name}"
    assert not [t for t in texts(tree) if "lexicon" in t.lower()]
    calls = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not calls & {"__import__", "exec", "eval"}


def test_only_the_evaluation_of_worlds_speaks_of_the_truth() -> None:
    """Outside jobs/simulate and jobs/evaluate_world*, no module names the truth's folder or opens a world's code."""
    for folder in OURS:
        for path in modules(ROOT / folder):
            if PACKAGE in path.parents or path.name.startswith("evaluate_world"):
                continue
            tree = ast.parse(path.read_text("utf-8"))
            found = [t for t in texts(tree) if re.search(r"(^|[/\\])truth([/\\]|$)", t)]
            # the help of the command that writes worlds says what it writes
            if path.name != "simulate_world.py":
                assert not found, f"{path} names {found}"
                assert not [n for n in imported(tree) if n.startswith("jobs.simulate.")], path
            else:
                assert all(" " in t for t in found), f"{path} names {found}"


@pytest.fixture(scope="module")
def world() -> World:
    """A small world."""
    return make_world(5, PERSONS, DAYS, load_world_params(), date(2026, 6, 1))


@pytest.fixture(scope="module")
def folder(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It, written as one block."""
    out = tmp_path_factory.mktemp("world") / "w"
    simulate(world, out)
    return out


def read(folder: Path, part: str) -> dict[str, pa.Table]:
    """All tables of `sources` or `truth`."""
    return {p.name: pq.read_table(p) for p in sorted((folder / part).iterdir()) if p.is_dir()}


@pytest.fixture(scope="module")
def sources(folder: Path) -> dict[str, pa.Table]:
    """The written source tables."""
    return read(folder, "sources")


def test_every_source_is_found_and_the_truth_is_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ingest finds each contract's table in `sources`, and looks at no file of the truth."""
    opened: list[str] = []
    real = Path.open

    def spy(self: Path, *args: object, **kwargs: object) -> object:
        opened.append(str(self))
        return real(self, *args, **kwargs)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", spy)
    found, notes = find_sources(folder / "sources", SOURCES)
    assert not notes
    assert sorted(found) == sorted(c.name for c in SOURCES)
    assert opened
    assert not [p for p in opened if f"{folder / 'truth'}" in p]


@pytest.mark.parametrize("contract", SOURCES, ids=lambda c: c.name)
def test_tables_satisfy_their_contracts(contract: Contract, sources: dict[str, pa.Table]) -> None:
    """Columns, types, nulls, allowed values, bounds and keys are those of the contract."""
    t = sources[contract.name]
    assert contract.differences(t.schema, partial=True) == []
    assert not [n for n in t.column_names if n not in contract.names]
    assert t.num_rows
    for c in contract.columns:
        if c.name not in t.column_names:
            continue
        column = t[c.name]
        assert c.nullable or column.null_count == 0, f"{c.name} is null"
        if c.values:
            assert set(pc.unique(column.drop_null()).to_pylist()) <= set(c.values), c.name
        if c.low is not None and column.null_count < len(column):
            assert float(pc.min(column).as_py()) >= c.low, c.name
        if c.high is not None and column.null_count < len(column):
            assert float(pc.max(column).as_py()) <= c.high, c.name
        if c.kind == "string" and not c.nullable:
            assert pc.min(pc.utf8_length(pc.utf8_trim_whitespace(column))).as_py() > 0, f"{c.name} is empty"
    assert t.select(list(contract.key)).group_by(list(contract.key)).aggregate([]).num_rows == t.num_rows


@pytest.mark.parametrize("contract", [c for c in SOURCES if "event_ts" in c.names], ids=lambda c: c.name)
def test_facts_lie_within_the_world_and_are_known_later(
    contract: Contract, sources: dict[str, pa.Table], world: World
) -> None:
    """Facts of the world's days end before its end, and nothing is known before it happens."""
    t = sources[contract.name]
    end = np.datetime64(f"{world.end}T00:00") - np.timedelta64(8, "h")
    start = np.datetime64(f"{world.first_day}T00:00") - np.timedelta64(8, "h")
    assert t["event_ts"].to_numpy().max() < end
    # who was there before day 0 has identifiers, consents, friends and follows from before
    if contract.name not in ("accounts", "consents", "referrals", "social_interactions", "social_stats", "social_tags"):
        assert t["event_ts"].to_numpy().min() >= start
    assert pc.all(pc.greater_equal(t["available_ts"], t["event_ts"]).drop_null()).as_py()


def test_references_hold(sources: dict[str, pa.Table]) -> None:
    """Products, offers, contacts, coupons and orders that are named exist."""
    checks = [(t, *r) for t, refs in REFERENCES.items() for r in refs]
    checks += [("coupons_redeemed", "order_id", "transactions", "order_id")]
    checks += [("points_ledger", "order_id", "transactions", "order_id")]
    checks += [("responses", "coupon_id", "offer_products", "coupon_id")]
    for name, column, table, key in checks:
        known = set(sources[table][key].to_pylist()) | {None, "any"}
        assert set(pc.unique(sources[name][column]).to_pylist()) <= known, f"{name}.{column}"
    placed = sources["order_status"].filter(pc.equal(sources["order_status"]["status"], "placed"))["order_id"]
    orders = set(sources["transactions"]["order_id"].to_pylist()) | set(placed.to_pylist())
    assert set(sources["cart_events"]["order_id"].drop_null().to_pylist()) <= orders


def test_orders_add_up(sources: dict[str, pa.Table]) -> None:
    """What was paid is what the lines cost less coupons; refunds never exceed it and come after it."""
    lines = sources["transactions"].to_pandas()
    log = sources["order_status"].to_pandas()
    due = lines.assign(due=lines.amount - lines.coupon_amount).groupby("order_id").due.sum()
    paid = log[log.status == "paid"].set_index("order_id")
    assert (paid.amount == due.reindex(paid.index)).all()
    refunds = log[log.status == "refunded"].groupby("order_id").agg(amount=("amount", "sum"), first=("event_ts", "min"))
    assert (refunds.amount <= due.reindex(refunds.index)).all()
    both = refunds.join(paid.event_ts.rename("paid"), how="inner")
    assert (both["first"] > both.paid).all()
    unpaid = set(log[log.status == "closed"].order_id)
    assert unpaid.isdisjoint(lines.order_id)


def test_points_are_never_overdrawn(sources: dict[str, pa.Table]) -> None:
    """No balance of points falls below 0."""
    ledger = sources["points_ledger"].to_pandas().groupby(["account_id", "event_ts"], as_index=False).points.sum()
    ledger = ledger.sort_values(["account_id", "event_ts"])
    assert (ledger.groupby("account_id").points.cumsum() >= 0).all()


def rows_of(t: pa.Table) -> pa.Table:
    """Rows in an order of their own."""
    plain = [f.name for f in t.schema if not pa.types.is_nested(f.type)]
    return t.sort_by([(n, "ascending") for n in plain])


def test_blocks_and_processes_change_nothing(world: World, folder: Path, tmp_path: Path) -> None:
    """Two processes and blocks of another size write equal tables, truth included."""
    simulate(world, tmp_path / "other", processes=2, block=150)
    assert len(list((tmp_path / "other" / "sources" / "transactions").iterdir())) == 3
    for part in ("sources", "truth"):
        one, other = read(folder, part), read(tmp_path / "other", part)
        assert sorted(one) == sorted(other)
        for name, t in one.items():
            assert rows_of(t).equals(rows_of(other[name])), f"{part}/{name} depends on blocks"


@pytest.fixture(scope="module")
def latents() -> dict[str, np.ndarray]:
    """Truth of 6,000 persons, by number, and the bytes of their ids."""
    world = make_world(11, 6000, 28, load_world_params())
    block = make_block(world, np.arange(6000))
    p = block.people
    member = block.member.cast(pa.string()).fill_null("mc-" + "0" * 16).to_pylist()
    word = np.array([int(m[3:], 16) for m in member], np.uint64)
    codes = np.frombuffer(word.tobytes(), np.uint8).reshape(-1, 8).astype(float)
    return {
        "x": np.column_stack([codes, np.arange(6000), np.arange(6000) % 2, np.arange(6000) % 7]),
        "buys": (p.rate * p.wallet_share > np.median(p.rate * p.wallet_share)).astype(int),
        "taste": (p.taste[:, 0] > np.median(p.taste[:, 0])).astype(int),
        "persuadable": (p.uplift_type == 0).astype(int),
        "event": (p.event_kind[:, 0] >= 0).astype(int),
        "household": (p.household % 2).astype(int),
        "active": np.isin(np.arange(6000), block.log.trips.person).astype(int),
    }


@pytest.mark.parametrize("name", ["buys", "taste", "persuadable", "event", "household", "active"])
def test_ids_and_order_tell_no_latent(latents: dict[str, np.ndarray], name: str) -> None:
    """From the bytes of a member's id and her place in the rows nothing of her can be learned: AUC is chance."""
    model = lightgbm.LGBMClassifier(n_estimators=40, num_leaves=7, verbose=-1, n_jobs=1, deterministic=True)
    y = latents[name]
    folds = KFold(4, shuffle=True, random_state=0)
    score = cross_val_predict(model, latents["x"], y, cv=folds, method="predict_proba")[:, 1]
    n1, n0 = y.sum(), (1 - y).sum()
    spread = np.sqrt((n1 + n0 + 1) / (12 * n1 * n0))  # of an AUC without information (Mann and Whitney 1947)
    assert abs(roc_auc_score(y, score) - 0.5) < 3.5 * spread


def test_row_order_tells_no_latent(sources: dict[str, pa.Table], folder: Path) -> None:
    """Rows stand by time and then by id, so the order among rows of one moment is that of random ids."""
    for name, key in (("browsing", "event_id"), ("contacts", "contact_id"), ("responses", "response_id")):
        t = sources[name]
        moments = t["event_ts"].to_numpy().astype("int64")
        assert (np.diff(moments) >= 0).all(), name
        ids = t[key].to_pylist()
        same = np.flatnonzero(np.diff(moments) == 0)
        assert all(ids[i][:11] <= ids[i + 1][:11] for i in same.tolist()), name


def test_parameters_say_what_a_world_is(world: World) -> None:
    """Every parameter of a world is plain data, so that a world can be made again from its file."""
    assert dataclasses.asdict(world.params)
