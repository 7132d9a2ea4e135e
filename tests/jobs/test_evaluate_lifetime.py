"""`nextbest evaluate lifetime` on a small file in the form of a public one."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from features.errors import DataError
from jobs.evaluate import command


def write_purchases(path: Path, customers: int = 250) -> Path:
    """Purchases of two years, of customers with rates of their own."""
    rng = np.random.default_rng(0)
    rows = []
    for c in range(customers):
        rate, day = rng.gamma(0.8, 1 / 40), int(rng.integers(0, 200))
        while day < 730:
            rows.append((c, str(date(2020, 1, 1) + timedelta(days=day)), 1, round(float(rng.lognormal(3, 0.5)), 2)))
            if rng.random() < 0.1:
                break
            day += max(1, int(rng.exponential(1 / rate)))
    pd.DataFrame(rows, columns=["users_id", "date", "cds", "amt"]).to_parquet(path)
    return path


def test_tables_and_plots(tmp_path: Path) -> None:
    """Every forecast and table is there with intervals, as text, JSON and pictures; the lake is not made."""
    data = write_purchases(tmp_path / "cdnow.parquet")
    out, lake = tmp_path / "out.json", tmp_path / "lake"
    arguments = ["lifetime", "--data", "cdnow", str(data), "--plots", str(tmp_path / "plots"), "--json", str(out)]
    done = CliRunner().invoke(command, [*arguments, "--lake", str(lake)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(out.read_text())
    forecasts = {r["forecast"]: r for r in found["tables"]["orders"]}
    assert set(forecasts) == {found["models"]["buying"]["status"], "last_days_again", "cell_mean", "seasonal_naive"}
    total = forecasts[found["models"]["buying"]["status"]]["total"]
    assert 0.5 < total["low"] < total["value"] < total["high"] < 2
    assert {"spend", "value", "alive_deciles", "churn", "stages", "survival"} <= set(found["tables"])
    assert sum(r["customers"] for r in found["tables"]["stages"]) == found["about"]["customers"]
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {
        "lifetime_cdnow_calibration.png",
        "lifetime_cdnow_survival.png",
    }
    assert not lake.exists()


def test_bad_input(tmp_path: Path) -> None:
    """A file of another kind, and a cut too late, name what is wrong."""
    data = write_purchases(tmp_path / "cdnow.parquet", 5)
    with pytest.raises(DataError, match="cannot be read as online-retail purchases"):
        CliRunner().invoke(command, ["lifetime", "--data", "online-retail", str(data)], catch_exceptions=False)
    arguments = ["lifetime", "--data", "cdnow", str(data), "--cut", "2021-12-01"]
    with pytest.raises(DataError, match="end after the data do"):
        CliRunner().invoke(command, arguments, catch_exceptions=False)
