"""Hashes of whole arrays: equal to the plain ones, independent of what stands beside them."""

import numpy as np
import pyarrow as pa

from features.stable_hash import as_hex, combine, hash_strings


def test_fnv_of_any_text() -> None:
    """Each text has the FNV-1a hash of its bytes, also in a slice and beside longer ones."""
    texts = ["", "a", "foobar", "宝宝", "a" * 100]
    expected = []
    for text in texts:
        h = 0xCBF29CE484222325
        for octet in text.encode():
            h = ((h ^ octet) * 0x100000001B3) % 2**64
        expected.append(h)
    assert hash_strings(pa.array(texts)).tolist() == expected
    assert hash_strings(pa.array(["x", *texts]).slice(1)).tolist() == expected
    assert hash_strings(pa.array([], pa.string())).tolist() == []
    assert expected[2] == 0x85944171F73967E8  # from the reference list of the method's authors


def test_order_counts() -> None:
    """Two numbers in another order hash differently; negative ones are written as 16 digits."""
    a, b = np.array([1]), np.array([2])
    assert combine(a, b) != combine(b, a)
    assert as_hex(np.array([-1, 16])).to_pylist() == ["f" * 16, "0" * 14 + "10"]
