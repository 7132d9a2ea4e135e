"""What the operator sees: a progress bar on a terminal, plain lines elsewhere, so that logs stay readable."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

T = TypeVar("T")

# in a file or a pipe a line is a line, whatever the width of nobody's terminal
out = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def say(line: str) -> None:
    """Prints one plain line."""
    out.print(line, markup=False)


def fail(line: str) -> None:
    """Prints an error for the person who must act."""
    err.print(f"error: {line}", style="red", markup=False)


def progress(items: Sequence[T], label: str) -> Iterator[T]:
    """Goes through `items` with a bar on a terminal, or a line at every tenth elsewhere."""
    if sys.stdout.isatty():
        yield from track(items, description=label, console=out)
        return
    step = max(1, len(items) // 10)
    for i, item in enumerate(items):
        if i % step == 0 and len(items) > 1:
            say(f"  {label}: {i + 1} of {len(items)}")
        yield item


def show_table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A small table on a terminal; the same as aligned text elsewhere."""
    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    rows = [[_cell(v) for v in row] for row in rows]
    for i, name in enumerate(header):
        numbers = bool(rows) and all(_is_number(row[i]) for row in rows)
        table.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*[str(v) for v in row])
    out.print(table)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)


def _is_number(text: object) -> bool:
    try:
        float(str(text).replace(",", "") or "0")
    except ValueError:
        return False
    return True
