"""Hashes and their text form, for whole arrays at once: ids that a million rows need within a second."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
BASIS, PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


def hash_strings(texts: pa.Array) -> Hashes:
    """64-bit FNV-1a of the UTF-8 bytes of each text (Fowler, Noll, Vo; draft-eastlake-fnv).

    >>> hex(hash_strings(pa.array(["a"]))[0])
    '0xaf63dc4c8601ec8c'
    """
    texts = texts.cast(pa.large_binary())
    if not len(texts):
        return np.empty(0, np.uint64)
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    octets = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    start, length = bounds[:-1], np.diff(bounds)
    found = np.full(len(texts), BASIS, np.uint64)
    for position in range(int(length.max())):
        there = np.flatnonzero(length > position)
        found[there] = (found[there] ^ octets[start[there] + position]) * PRIME
    return found


def combine(*parts: NDArray[np.integer]) -> Hashes:
    """One hash of several numbers per row, the order counting (the finaliser of SplitMix64 after each)."""
    found = np.full(len(parts[0]), BASIS, np.uint64)
    for part in parts:
        found = (found ^ part.astype(np.uint64)) * PRIME
        found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        found ^= found >> np.uint64(31)
    return found


def as_hex(values: NDArray[np.integer], prefix: str = "") -> pa.Array:
    """16 hexadecimal digits per number, after a prefix.

    >>> as_hex(np.array([255]), "ev-").to_pylist()
    ['ev-00000000000000ff']
    """
    width = 16 + len(prefix)
    rows = np.empty((len(values), width), np.uint8)
    rows[:, : len(prefix)] = np.frombuffer(prefix.encode(), np.uint8)
    digits = values.astype(np.int64).view(np.uint64).astype(">u8").tobytes().hex().encode()
    rows[:, len(prefix) :] = np.frombuffer(digits, np.uint8).reshape(-1, 16)
    offsets = np.arange(len(values) + 1, dtype=np.int64) * width
    large = pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(rows.tobytes()))
    return large.cast(pa.string())
