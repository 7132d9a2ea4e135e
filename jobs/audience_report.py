"""What a planner sees of an audience: its best customers, reach by channel, and the curve of its size."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

from jobs.console import say, show_table

if TYPE_CHECKING:
    from jobs.audience import Audience

SHOWN = 10
BASES = ("randomised", "prior", "none")
MEANINGS = {
    "randomised": "measured by experiment",
    "prior": "by assumed incrementality",
    "none": "response taken whole, not what a contact adds",
}
EXPECTED = {"p_buy": "expected buyers", "p_response": "expected responses", "tag": "summed strength of the tag"}


def report(audience: Audience) -> None:
    """Prints the audience."""
    asked, rows = audience.asked, audience.rows
    for note in audience.notes:
        say(f"  {note}")
    if not rows:
        say(f"{asked.kind} {asked.subject}: nobody to reach")
        return
    say(f"{asked.kind} {asked.subject}: {len(rows):,} customers, {_bases(rows)}")
    columns = ("rank", "customer_id", "score", "channel", "value", "value_basis", "held_back_by", "reasons")
    shown = [[_text(r.get(c)) for c in columns] for r in rows[:SHOWN]]
    show_table(f"\nthe best {len(shown)} by {rows[0]['score_kind']}", columns, shown)
    reach = (
        "channel",
        "reachable",
        "unknown",
        "no_address",
        "no_consent",
        "unsubscribed",
        "chosen",
        "contact_cost",
        "cost",
    )
    show_table("\nreach by channel", reach, [[r[c] for c in reach] for r in audience.reach])
    held = Counter(str(r["held_back_by"]) for r in rows if r.get("held_back_by"))
    if held:
        why = ", ".join(f"{n:,} {name.replace('_', ' ')}" for name, n in sorted(held.items()))
        say(f"decide-offers would leave {sum(held.values()):,} of them alone today: {why}; budget and capacities aside")
    _curve(audience)


def _bases(rows: list[dict[str, Any]]) -> str:
    """How many values rest on what."""
    counts = Counter(str(r["value_basis"]) for r in rows if r.get("value_basis"))
    told = [f"{counts[b]:,} {MEANINGS[b]}" for b in BASES if counts[b]]
    return "value of a contact " + (", ".join(told) if told else "not known")


def _curve(audience: Audience) -> None:
    curve = audience.curve
    step = max(1, len(curve) // 12)
    points = [r for i, r in enumerate(curve) if i % step == 0 or r["is_best"] or i == len(curve) - 1]
    used = [b for b in BASES if any(r[f"value_{b}"] for r in curve)]
    header = ["size", "reached", "held back", EXPECTED[audience.rows[0]["score_kind"]], "cost"]
    header += [f"profit, {MEANINGS[b]}" for b in used] + [""]
    rows = [
        [r["size"], r["reached"], r["held_back"], r["expected"], r["cost"], *[r[f"value_{b}"] for b in used],
         "largest" if r["is_best"] else ""]
        for r in points
    ]  # fmt: skip
    show_table("\nsize of the audience and what it is expected to bring, contact cost taken off", header, rows)
    best = next((r for r in curve if r["is_best"]), None)
    currency = curve[-1]["currency"]
    if best is not None:
        say(f"the expected profit is largest at {best['size']:,} customers: {_total(best):,.2f} {currency}")
    elif used:
        say("no size is expected to pay for its contacts")


def _total(row: dict[str, Any]) -> float:
    return float(sum(row[f"value_{b}"] for b in BASES))


def _text(value: object) -> object:
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def save_json(audience: Audience, path: Path) -> None:
    """Everything as one JSON file."""
    asked = audience.asked
    whole = {
        "subject_kind": asked.kind,
        "subject": asked.subject,
        "notes": list(audience.notes),
        "customers": audience.rows,
        "curve": audience.curve,
        "reach": audience.reach,
    }
    path.write_text(json.dumps(whole, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
    say(f"  wrote {path}")


def save_curve(audience: Audience, path: Path) -> None:
    """The curve as a picture."""
    curve_figure(audience).savefig(path, dpi=120)
    say(f"  wrote {path}")


def curve_figure(audience: Audience) -> Figure:
    """Size against cumulative expected profit, by what it rests on, and against the expected number who answer."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    curve, asked = audience.curve, audience.asked
    axes.set(xlabel="customers, best first", title=f"{asked.kind} {asked.subject}")
    if not curve:
        return figure
    size = [r["size"] for r in curve]
    used = [b for b in BASES if any(r[f"value_{b}"] for r in curve)]
    for b in used:
        axes.plot(size, [r[f"value_{b}"] for r in curve], lw=1.5, label=f"profit, {MEANINGS[b]}")
    if len(used) > 1:
        axes.plot(size, [_total(r) for r in curve], color="black", lw=1.5, label="profit in all")
    best = next((r for r in curve if r["is_best"]), None)
    if best is not None:
        axes.axvline(best["size"], color="grey", lw=1, ls="--")
        axes.plot([best["size"]], [_total(best)], "o", color="black", label=f"largest, at {best['size']:,}")
    axes.set_ylabel(f"expected profit, {curve[-1]['currency']}, contact cost taken off")
    other = axes.twinx() if used else axes
    other.plot(size, [r["expected"] for r in curve], color="tab:green", lw=1, ls=":", label="expected")
    other.set_ylabel(f"{EXPECTED[audience.rows[0]['score_kind']]} (dotted)")
    axes.legend(loc="best")
    return figure
