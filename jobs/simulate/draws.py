"""Random numbers by counter: every draw is a pure function of seed, purpose and ids.

So results do not depend on blocks, order or processes, and two futures that differ in one decision share all other
draws (common random numbers). The mixer is splitmix64 (Steele, Lea, Flood 2014), one round per id.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from scipy.special import ndtri

Array = np.ndarray[Any, Any]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)


_CHUNK = 1 << 15  # numbers that stay in a core's cache


def _mix(z: Array) -> Array:
    """Mixes `z` in place, a cacheful at a time."""
    if z.ndim == 0:
        return _mix(z.reshape(1))[0]
    flat = z.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        part = flat[start : start + _CHUNK]
        moved = part >> np.uint64(30)
        part ^= moved
        part *= _M1
        part ^= np.right_shift(part, np.uint64(27), out=moved)
        part *= _M2
        part ^= np.right_shift(part, np.uint64(31), out=moved)
    return flat.reshape(z.shape)


def bits(seed: int, purpose: str, *ids: Array | int) -> Array:
    """64 random bits per element of the broadcast ids (integers), as uint64.

    >>> bool((bits(1, "a", np.arange(3)) == bits(1, "a", np.arange(3))).all())
    True
    """
    start = int.from_bytes(hashlib.sha256(f"{seed}\x1f{purpose}".encode()).digest()[:8], "little")
    with np.errstate(over="ignore"):
        z: Array = np.asarray(np.uint64(start))
        for part in ids:
            step = np.asarray(part).astype(np.int64).view(np.uint64)
            z = _mix(np.asarray(_mix(np.asarray(step + _GOLDEN)) + (z + _GOLDEN)))
        return np.asarray(z)


def uniform(seed: int, purpose: str, *ids: Array | int) -> Array:
    """Draws in [0, 1), float64, one per element of the broadcast ids.

    >>> u = uniform(7, "doc", np.arange(100_000))
    >>> bool(abs(u.mean() - 0.5) < 0.005 and u.min() >= 0 and u.max() < 1)
    True
    """
    return (bits(seed, purpose, *ids) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seed: int, purpose: str, *ids: Array | int) -> Array:
    """Standard normal draws."""
    return np.asarray(ndtri(uniform(seed, purpose, *ids) * (1 - 2.0**-52) + 2.0**-54))


def exponential(seed: int, purpose: str, *ids: Array | int) -> Array:
    """Exponential draws with mean 1."""
    return -np.log1p(-uniform(seed, purpose, *ids))


def integers(seed: int, purpose: str, n: int, *ids: Array | int) -> Array:
    """Integers in [0, n), int64."""
    return np.minimum((uniform(seed, purpose, *ids) * n).astype(np.int64), n - 1)


def choose(cumulative: Array, u: Array) -> Array:
    """Index per draw `u` into weights given by their cumulative sums (one row for all, or one row per draw).

    >>> choose(np.array([1.0, 4.0]), np.array([0.2, 0.3, 0.99])).tolist()
    [0, 1, 1]
    """
    if cumulative.ndim == 1:
        picked = np.searchsorted(cumulative, u * cumulative[-1], side="right")
        return np.minimum(picked, len(cumulative) - 1)
    picked = (cumulative <= (u * cumulative[:, -1])[:, None]).sum(axis=1)
    return np.minimum(picked, cumulative.shape[1] - 1)


def opaque_ids(seed: int, purpose: str, prefix: str, numbers: Array) -> list[str]:
    """Identifiers that tell nothing of the numbers behind them (64 bits of hash in hexadecimal)."""
    return [f"{prefix}{b:016x}" for b in bits(seed, f"id:{purpose}", numbers).tolist()]
