"""How the tables of `nextbest evaluate recommender` are printed, stored and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from jobs.code_version import code_version
from jobs.console import say, show_table
from jobs.workspace import Workspace
from models.gate import Verdict
from recommend.evaluation import MIN_EXPLORE_WEEKS, Line
from scoring.pooled import Difference

Table = list[dict[str, object]]


@dataclass
class Found:
    """Everything that one call found: lines per cut, the second stage against the others on all cuts pooled and on
    each, what was dropped, and the tables asked for."""

    protocol: str
    seeds: int = 1
    final: bool = False
    lines: list[Line] = field(default_factory=list)
    pooled: list[Difference] = field(default_factory=list)
    dropped: Table = field(default_factory=list)
    extra: dict[str, Table] = field(default_factory=dict)

    def tables(self) -> dict[str, Table]:
        """Name -> flat rows, for JSON and tracking."""
        named = {
            "lines": [x.as_dict() for x in self.lines],
            "pooled": [x.as_dict() for x in self.pooled],
            "dropped": self.dropped,
        }
        return {name: rows for name, rows in {**named, **self.extra}.items() if rows}


def report_window(found: Found) -> None:
    """Prints the lines of the window that was measured last, and what was dropped there."""
    dropped = found.dropped[-1]
    place = (dropped["cut"], dropped["level"], dropped["catalogue"])
    rows = [_cells(x) for x in found.lines if (x.cut, x.level, x.catalogue) == place]
    header = ["task", "recommender", "recall@10", "NDCG@10", "recall 95 %", "recall against champion", "NDCG"]
    show_table(f"{place[1]} ({place[2]}), cut {place[0]}", header, rows)
    say("  " + ", ".join(f"{k} {v:,}" for k, v in dropped.items() if isinstance(v, (int, float))))
    say(f"  {explore_remark(found, dropped)}")


def report(found: Found) -> None:
    """Prints the cuts pooled and one by one, then whatever else was asked for; windows were reported as they came."""
    for group in dict.fromkeys((x.level, x.catalogue, x.cuts, x.challenger) for x in found.pooled):
        chosen = [x for x in found.pooled if (x.level, x.catalogue, x.cuts, x.challenger) == group]
        header = ["task", "recommender", "recall@10", "NDCG@10", f"{group[3]}: recall", "NDCG", "best baseline on"]
        seeds = f", {found.seeds} seeds" if found.seeds > 1 else ""
        cuts = f"pooled: {', '.join(group[2])}" if len(group[2]) > 1 else f"cut {group[2][0]}"
        show_table(f"{group[0]} ({group[1]}), {cuts}{seeds}", header, map(_pooled_cells, chosen))
    for name, table in found.extra.items():
        if table:
            show_table(name.replace("_", " "), list(table[0]), [tuple(row.values()) for row in table])
    say("* marks a difference whose 95 % interval, over customers, excludes 0")


def explore_remark(found: Found, dropped: dict[str, object]) -> str:
    """What "never bought" means in this window, or why EXPLORE is not there."""
    if "weeks of history" not in dropped:
        return "EXPLORE: not in an earlier basket"
    weeks = int(str(dropped["weeks of history"]))
    place = (dropped["cut"], dropped["level"], dropped["catalogue"])
    if not any(x.task == "explore" for x in found.lines if (x.cut, x.level, x.catalogue) == place):
        return (
            f"EXPLORE is left out: {weeks} weeks of history are below {MIN_EXPLORE_WEEKS} (--explore-always shows it)"
        )
    short = f", below the {MIN_EXPLORE_WEEKS} that the rule asks for" if weeks < MIN_EXPLORE_WEEKS else ""
    return f"EXPLORE: never bought within {weeks} weeks{short}"


def _cells(x: Line) -> tuple[str, ...]:
    means = (f"{x.recall.mean:.4f}", f"{x.ndcg.mean:.4f}", f"[{x.recall.low:.4f}, {x.recall.high:.4f}]")
    if x.recommender == x.champion:
        return (x.task, x.recommender, *means, "champion", "champion")
    gains = (
        f"{gain.mean:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]" + (" *" if gain.excludes_zero else "")
        for gain in (x.recall_gain, x.ndcg_gain)
    )
    return (x.task, x.recommender, *means, *gains)


def _pooled_cells(x: Difference) -> tuple[str, ...]:
    means = (f"{x.recall.champion:.4f}", f"{x.ndcg.champion:.4f}")
    if x.recommender == x.challenger:
        return (x.task, x.recommender, *means, "", "", "")
    return (x.task, x.recommender, *means, shown(x.recall), shown(x.ndcg), ", ".join(x.best))


def shown(v: Verdict) -> str:
    """A difference with its interval."""
    return f"{v.difference:+.4f} [{v.low:+.4f}, {v.high:+.4f}]" + (" *" if v.low > 0 or v.high < 0 else "")


def markdown(pooled: Sequence[Difference]) -> list[str]:
    """Rows of a Markdown table per level, catalogue and task: recommender, recall / NDCG, the challenger's gain."""
    rows: list[str] = []
    group: tuple[str, ...] = ()
    for x in pooled:
        if group != (x.level, x.catalogue, x.task, *x.cuts):
            group = (x.level, x.catalogue, x.task, *x.cuts)
            rows += ["", f"{x.level}, {x.catalogue}, {x.task.upper()}, cuts {', '.join(x.cuts)}", ""]
            rows += ["| recommender | recall@10 / NDCG@10 | second stage: recall | NDCG |", "|---|---|---|---|"]
        gains = ("", "") if x.recommender == x.challenger else (shown(x.recall), shown(x.ndcg))
        name = f"{x.recommender} (best baseline)" if x.best else x.recommender
        rows.append(f"| {name} | {x.recall.champion:.4f} / {x.ndcg.champion:.4f} | {gains[0]} | {gains[1]} |")
    return rows[1:]


def finish(w: Workspace, found: Found, params: Mapping[str, Any], json_path: Path | None) -> None:
    """Prints, stores and writes everything."""
    report(found)
    if json_path:
        about = {"protocol": found.protocol, "seeds": found.seeds, "final": found.final}
        json_path.write_text(json.dumps({**about, **found.tables(), "markdown": markdown(found.pooled)}, indent=1))
        say(f"wrote {json_path}")
    store(w, found, params)


def store(w: Workspace, found: Found, params: Mapping[str, Any]) -> None:
    """One tracked run with all tables and the means as metrics; runs on final cuts carry the tag `final`."""
    tags = {"protocol": found.protocol, "code_version": code_version(), "final": str(found.final).lower()}
    plain = {name: asdict(value) if is_dataclass(value) else value for name, value in params.items()}  # type: ignore[arg-type]
    with w.tracking.training("evaluate-recommender", {**plain, "seeds": found.seeds}, tags) as t:
        metrics: dict[str, float] = {}
        for x in found.lines:
            where = f"{x.level}.{x.catalogue}.{x.task}.{x.cut}.{x.recommender}"
            metrics |= {f"recall_at_10.{where}": x.recall.mean, f"ndcg_at_10.{where}": x.ndcg.mean}
        t.metrics(metrics)
        for name, rows in found.tables().items():
            t.table("recommenders" if name == "lines" else name, rows)
    say(f"stored as run {t.run_id} in {w.tracking.uri}")
