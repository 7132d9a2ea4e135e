"""How much memory a run took, and giving back what a step no longer needs."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys

import pyarrow as pa


def peak_memory_gb() -> float:
    """Peak resident memory of this process in GB (10^9 bytes); engine `spark` works in a JVM that is not counted.

    Children are left out: the kernel credits a short child with the memory of the parent it was forked from.
    """
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def release_memory() -> None:
    """Returns freed memory to the system between steps; without it the allocators keep each step's peak."""
    gc.collect()
    pa.default_memory_pool().release_unused()
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):
        return  # not glibc: nothing to do
