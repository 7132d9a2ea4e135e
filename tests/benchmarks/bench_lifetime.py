"""Lifetime models: seconds and memory at a million customers, and parameters beside those of `lifetimes` on CDNOW.

    python -m tests.benchmarks.bench_lifetime [--customers 1000000] [--cdnow PATH] [--online-retail PATH]

Customers are simulated by the story of BG/NBD itself, followed for up to three years in whole days. CDNOW comes from
a file (users_id, date, amt) and, where `lifetimes` is installed, from the sample that it brings. `lifetimes` stops
where its optimiser sees no gain any more; its own likelihood is followed from there to a flat gradient for the
second comparison. Decile tables: `nextbest evaluate lifetime`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from jobs.lifetime_scores import HORIZONS
from jobs.memory import peak_memory_gb
from models.bgnbd import PurchaseModel, fit_bgnbd
from models.bgnbd_likelihood import bgnbd_loss
from models.gamma_gamma import fit_gamma_gamma
from models.purchase_counts import Floats, PurchaseCounts

T = TypeVar("T")

TRUTH = (0.5, 30.0, 0.8, 2.5)
NAMES = ("r", "alpha", "a", "b")


def simulate(n: int, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """x, t_x and T in whole days."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b = TRUTH
    rate, p, T = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.integers(1, 1100, n).astype(float)
    x, t_x, t, alive = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, bool)
    while alive.any():
        t = t + rng.exponential(1 / rate)
        bought = alive & (t <= T)
        x[bought] += 1
        t_x[bought] = t[bought]
        alive = bought & (rng.random(n) > p)
    return x, np.ceil(t_x).clip(max=T), T


def at_scale(n: int) -> None:
    """Seconds of the clock, and of one processor in brackets, to group, to fit and to score."""

    def timed(function: Callable[[], T], what: str) -> T:
        clock, cpu = time.perf_counter(), time.process_time()
        found = function()
        print(f"  {what}: {time.perf_counter() - clock:.1f} s ({time.process_time() - cpu:.1f} s)")
        return found

    x, t_x, age = simulate(n)
    rng = np.random.default_rng(1)
    days = rng.integers(2, 40, n).astype(float)
    means = rng.gamma(6 * days, 1 / (rng.gamma(4, 1 / 15, n) * days))
    before = peak_memory_gb()
    print(f"{n:,} customers; seconds of the clock (of one processor)")
    counts = timed(lambda: PurchaseCounts.of(x, t_x, age), "group in memory (the engine does it in build-features)")
    model = timed(lambda: fit_bgnbd(counts), f"fit BG/NBD and its limits to {counts.n.size:,} groups")
    timed(lambda: model.expected(counts.x, counts.t_x, counts.T, HORIZONS), f"score, {len(HORIZONS)} horizons")
    timed(lambda: fit_gamma_gamma(days, means), "fit Gamma-Gamma")
    print(f"  {model.status}: " + ", ".join(f"{k} {getattr(model, k):.4f} ({v})" for k, v in zip(NAMES, TRUTH)))
    print(f"  peak memory {peak_memory_gb():.2f} GB, {before:.2f} GB of it before the fit")


def beside(name: str, model: PurchaseModel, theirs: Mapping[str, float]) -> None:
    """Relative distances of the parameters."""
    apart = {k: abs(getattr(model, k) / theirs[k] - 1) for k in NAMES}
    print(
        f"  {name}: largest relative distance {max(apart.values()):.1e} ("
        + ", ".join(f"{k} {v:.1e}" for k, v in apart.items())
        + ")"
    )


def against_lifetimes(x: Floats, t_x: Floats, T: Floats) -> None:
    """Our parameters, theirs, and those of their likelihood with a flat gradient."""
    model = fit_bgnbd(PurchaseCounts.of(x, t_x, T))
    print(f"  ours: {model.status}, " + ", ".join(f"{k} {getattr(model, k):.9f}" for k in NAMES))
    unit = T.mean()
    theta = np.log([model.r, model.alpha / unit, model.a, model.b])
    slope = np.abs(bgnbd_loss(PurchaseCounts.of(x, t_x, T).scaled(unit))(theta)[1]).max()
    print(f"  largest slope per customer at our parameters: {slope:.0e}; log likelihood {model.log_likelihood:.4f}")
    try:
        import lifetimes
        from autograd import value_and_grad
        from scipy.optimize import minimize
    except ImportError:
        print(
            "  lifetimes is not installed: published parameters of the sample are r .243, alpha 4.414, a .793, b 2.426"
        )
        return
    fitter: Any = lifetimes.BetaGeoFitter()
    fitter.fit(x, t_x, T)
    beside("lifetimes as it stops", model, fitter.params_)
    data = (x, t_x, T, np.ones_like(x), 0.0)
    loss = value_and_grad(lambda p: lifetimes.BetaGeoFitter._negative_log_likelihood(p, *data))
    p = np.log([fitter.params_[k] for k in NAMES])
    for _ in range(4):
        p = minimize(loss, p, jac=True, method="BFGS", options={"gtol": 1e-13}).x
    beside("its likelihood, to a flat gradient", model, dict(zip(NAMES, np.exp(p))))


def sample() -> tuple[Floats, Floats, Floats] | None:
    """The sample of CDNOW that `lifetimes` brings, in weeks."""
    try:
        from lifetimes.datasets import load_cdnow_summary
    except ImportError:
        return None
    d = load_cdnow_summary()
    x, t_x, T = (d[c].to_numpy(dtype=float) for c in ("frequency", "recency", "T"))
    return x, t_x, T


def histories(customer: pd.Series, day: pd.Series, end: pd.Timestamp) -> tuple[Floats, Floats, Floats]:
    """x, t_x, T in days up to `end`, as `lifetimes` counts them."""
    days = pd.DataFrame({"customer": customer, "day": day.dt.normalize()}).drop_duplicates()
    days = days[days["day"] <= end]
    found = days.groupby("customer")["day"].agg(["min", "max", "count"])
    t_x, T = (found["max"] - found["min"]).dt.days, (end - found["min"]).dt.days
    return tuple(v.to_numpy(dtype=float) for v in (found["count"] - 1, t_x, T))  # type: ignore[return-value]


def main() -> None:
    """Prints everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--cdnow", type=Path)
    parser.add_argument("--online-retail", type=Path)
    options = parser.parse_args()
    at_scale(options.customers)
    if (rows := sample()) is not None:
        print("CDNOW, the sample of 2,357 customers, weeks, 39 weeks")
        against_lifetimes(*rows)
    if options.cdnow:
        d = pd.read_parquet(options.cdnow)
        print("CDNOW, all customers, days, 39 weeks")
        against_lifetimes(*histories(d["users_id"], pd.to_datetime(d["date"]), pd.Timestamp("1997-09-30")))
    if options.online_retail:
        d = pd.read_parquet(options.online_retail, columns=["CustomerID", "InvoiceDate", "Quantity", "UnitPrice"])
        d = d[d["CustomerID"].notna() & (d["Quantity"] > 0) & (d["UnitPrice"] > 0)]
        for end in ("2011-06-10", "2011-12-09"):
            rows = histories(d["CustomerID"], d["InvoiceDate"], pd.Timestamp(end))
            model = fit_bgnbd(PurchaseCounts.of(*rows))
            print(f"Online Retail up to {end}: {model.status}, r {model.r:.4f}, alpha {model.alpha:.2f}; {model.why}")


if __name__ == "__main__":
    main()
