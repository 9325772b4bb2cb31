"""How this room's kernels are compiled, and how their blocks are spread over threads.

A kernel takes `(begin, step, ...)` and works on the blocks begin, begin + step, ... of a division that depends on the
problem alone, never on the number of threads; so one thread and many give the same bits. Kernels release the GIL and
run on plain threads: no threading layer that breaks when a process forks or when two threads solve at once.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numba
import numpy as np
from numba.core import event

log = logging.getLogger(__name__)

BLOCK = 16384
"""Entries of a vector in one block. Own choice: some tens of microseconds of work, and it stays in the cache.

Kept kernels know this number and grid's LANE and MAX_RUN as they were: Numba looks for changes in a kernel's own file
only, so remove the kept code (`__pycache__/*.nb?`) after changing one of them."""

Kernel = Callable[..., None]


def kernel(function: Kernel) -> Kernel:
    """Compile on first call and keep the machine code on disk for later processes.

    Numba keeps it beside the module or, where that folder is read-only, in the user's cache folder (or in
    NUMBA_CACHE_DIR). Where none of them can be written the code is compiled once in each process.
    """
    options = {"nogil": True, "fastmath": True, "error_model": "numpy"}
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        _tell_of_no_folder()
        return numba.njit(**options)(function)


@cache
def _tell_of_no_folder() -> None:
    log.info("no folder to keep compiled kernels in: set NUMBA_CACHE_DIR to a writable one to start faster")


class _Announcement(event.Listener):  # type: ignore[misc]
    """Says once a process that kernels are being compiled, which takes seconds and happens once a machine."""

    said = False

    def on_start(self, event: Any) -> None:
        function = event.data["dispatcher"].py_func
        if not self.said and str(function.__module__).startswith("spondyl.mechanics"):
            log.info("compiling the mechanics kernels once for this machine (some seconds)")
            self.said = True

    def on_end(self, event: Any) -> None:
        """Nothing to say."""


event.register("numba:compile", _Announcement())


class Workers:
    """Runs kernels on a fixed number of threads, this one among them."""

    def __init__(self, threads: int, pool: ThreadPoolExecutor | None) -> None:
        self.threads = threads
        self._pool = pool

    def run(self, function: Kernel, *arguments: Any, phases: int = 1) -> None:
        """All blocks, in `phases` rounds: blocks p, p + phases, ... run at the same time in round p."""
        for phase in range(phases):
            step = phases * self.threads
            others = [
                self._pool.submit(function, phase + phases * thread, step, *arguments)
                for thread in range(1, self.threads)
                if self._pool is not None
            ]
            function(phase, step, *arguments)
            for other in others:
                other.result()


ALONE = Workers(1, None)
"""This thread only: for work too small to share."""


@contextmanager
def workers(threads: int | None) -> Iterator[Workers]:
    """Threads for one solve; None takes Numba's number (NUMBA_NUM_THREADS, else the cores of this process)."""
    count = numba.get_num_threads() if threads is None else threads
    if count <= 1:
        yield ALONE
        return
    with ThreadPoolExecutor(count - 1, thread_name_prefix="mechanics") as pool:
        yield Workers(count, pool)


def block_count(entries: int) -> int:
    """Blocks a vector is cut into; the last one may be short."""
    return -(-entries // BLOCK)


@kernel
def _dot(begin: int, step: int, a: Any, b: Any, partial: Any) -> None:
    for block in range(begin, len(partial), step):
        left = a[block * BLOCK : (block + 1) * BLOCK]
        right = b[block * BLOCK : (block + 1) * BLOCK]
        total = 0.0
        for i in range(len(left)):
            total += left[i] * np.float64(right[i])
        partial[block] = total


def dot(team: Workers, a: Any, b: Any) -> float:
    """Inner product in double precision, summed block by block in a fixed order."""
    partial = np.empty(block_count(len(a)))
    team.run(_dot, a, b, partial)
    return float(partial.sum())
