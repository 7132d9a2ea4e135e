"""Every line of a CSV file is a row or a reject with its number."""

from pathlib import Path

import pytest

from features.errors import DataError
from jobs import csv_lines
from jobs.csv_lines import read_blocks


def read(path: Path, content: bytes) -> tuple[list[tuple[int, ...]], list[tuple[int, str]]]:
    """Rows as (line, a, b) and rejects as (line, reason)."""
    path.write_bytes(b"a,b\n" + content)
    rows, rejects = [], []
    for block in read_blocks(path, path.name, ["a", "b"]):
        columns = [block.lines.to_pylist(), *(c.to_pylist() for c in block.table.columns)]
        rows += list(zip(*columns, strict=True))
        rejects += [(n, why[0]) for n, why, _ in block.rejects]
    return rows, rejects


def test_well_formed(tmp_path: Path) -> None:
    """Quotes, empty values, blank lines and Windows line ends."""
    rows, rejects = read(tmp_path / "x.csv", b'1,"x, ""y"""\r\n\r\n2,\r\n3,""')
    assert rows == [(2, b"1", b'x, "y"'), (4, b"2", None), (5, b"3", None)]
    assert rejects == []


def test_ragged_and_broken_lines_cost_only_themselves(tmp_path: Path) -> None:
    """Too few or many values, an open quote, bytes that are not UTF-8 in a ragged line, a value over two lines."""
    content = b'1,x\n2\n3,x,y\n4,"open\n5,y\n\xff6\n7,\xff\n8,"two\nlines"\n9,"z"\n'
    rows, rejects = read(tmp_path / "x.csv", content)
    assert rows == [(2, b"1", b"x"), (6, b"5", b"y"), (8, b"7", b"\xff"), (11, b"9", b"z")]
    assert [n for n, _ in rejects] == [3, 4, 5, 7, 9, 10]
    assert rejects[0][1] == "line has 1 values where the header has 2"
    assert rejects[2][1] == "line has a quote that is not closed"


def test_slow_path_equals_fast_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad line changes nothing about the others, whatever block they are in."""
    good = b"".join(b'%d,"v ""%d"""\n' % (i, i) for i in range(50))
    fast, _ = read(tmp_path / "x.csv", good)
    monkeypatch.setattr(csv_lines, "BLOCK_LINES", 7)
    slow, rejects = read(tmp_path / "y.csv", good + b"bad\n")
    assert slow == fast
    assert rejects == [(52, "line has 1 values where the header has 2")]


def test_one_megabyte_value(tmp_path: Path) -> None:
    """A long value is a value, also beside a ragged line."""
    rows, rejects = read(tmp_path / "x.csv", b"1," + b"x" * 1_000_000 + b"\n2\n")
    assert len(rows[0][2]) == 1_000_000
    assert len(rejects) == 1


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is one endless line stops with its name instead of filling memory."""
    monkeypatch.setattr(csv_lines, "LONGEST_LINE", 100)
    with pytest.raises(DataError, match=r"x\.csv: line 2 is longer"):
        read(tmp_path / "x.csv", b"y" * 200)
