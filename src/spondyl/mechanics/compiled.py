"""How this room's kernels are compiled, and how their work is spread over threads.

A kernel works on pieces of the problem (layers, blocks of layers) whose division depends on the problem alone, never on
the number of threads; so one thread and many give the same bits. Kernels release the GIL and run on plain threads: no
threading layer that breaks when a process forks or when two threads solve at once. There are two kinds:

- `(begin, step, ...)`, run by `Workers.run`, does the pieces begin, begin + step, ... of one sweep;
- `(thread, threads, sync, ...)`, run by `Workers.together`, holds many sweeps and meets the other threads at `barrier`.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import types
from numba.core import cgutils, event
from numba.extending import intrinsic

log = logging.getLogger(__name__)

BLOCK = 16384
"""Entries of a vector in one block. Own choice: some tens of microseconds of work, and it stays in the cache."""

Kernel = Callable[..., Any]


def kernel(function: Kernel) -> Kernel:
    """Compile on first call and keep the machine code on disk for later processes.

    Numba keeps it beside the module or, where that folder is read-only, in the user's cache folder (or in
    NUMBA_CACHE_DIR). Where none of them can be written the code is compiled once in each process. Numba looks for
    changes in a kernel's own file only: after a change of a constant or kernel that another file uses, remove the kept
    code (`__pycache__/*.nb?`).
    """
    return _compiled(function)


def inlined(function: Kernel) -> Kernel:
    """The same for a part of a kernel, whose code is put into each caller.

    A process that has just compiled could otherwise call another copy of it than one that loads kept code, and round
    differently.
    """
    return _compiled(function, forceinline=True)


def _compiled(function: Kernel, **options: bool) -> Kernel:
    options = {"nogil": True, "fastmath": True, **options}
    try:
        return numba.njit(cache=True, error_model="numpy", **options)(function)
    except RuntimeError:
        _tell_of_no_folder()
        return numba.njit(error_model="numpy", **options)(function)


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

ARRIVED, TURN, NEXT, PLACES = 0, 16, 32, 48
"""Places in `sync`, on three cache lines: threads that have come to the barrier, how often it has opened, and the next
piece to be taken; and their number."""
SPINS = 4000
"""Looks at a closed barrier before the core is offered to others; own choice, some microseconds."""


def _element_pointer(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    view = context.make_array(array_type)(context, builder, array)
    return cgutils.get_item_pointer(context, builder, array_type, view, [index], wraparound=False)


def _added(typing_context: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _element_pointer(context, builder, array, *arguments)
        one = context.get_constant(types.int64, 1)
        return builder.atomic_rmw("add", pointer, one, "seq_cst")

    return types.int64(array, types.intp), codegen


def _seen(typing_context: Any, array: Any, index: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.load_atomic(_element_pointer(context, builder, array, *arguments), "acquire", 8)

    return types.int64(array, types.intp), codegen


_add_one = intrinsic(_added)
"""array[index] += 1 as one indivisible step; gives the value before."""
_read = intrinsic(_seen)
"""array[index], read from memory each time."""
_offer_core = types.ExternalFunction("SwitchToThread" if sys.platform == "win32" else "sched_yield", types.int32())


@inlined
def barrier(sync: Any, threads: Any) -> None:
    """Wait until all threads are here; what they wrote before is seen by all after."""
    if threads == 1:
        return
    turn = _read(sync, TURN)
    if _add_one(sync, ARRIVED) == threads - 1:
        sync[ARRIVED] = 0
        sync[NEXT] = 0
        _add_one(sync, TURN)
        return
    looks = 0
    while _read(sync, TURN) == turn:
        looks += 1
        if looks > SPINS:
            _offer_core()


@inlined
def next_piece(sync: Any, threads: Any, before: Any) -> Any:
    """The next piece that no thread has taken since the last barrier; `before` is this thread's last one, -1 at first.

    Pieces differ in work and threads in speed, so none is kept for one thread.
    """
    return before + 1 if threads == 1 else _add_one(sync, NEXT)


class Workers:
    """Runs kernels on a fixed number of threads, this one among them."""

    def __init__(self, threads: int, pool: ThreadPoolExecutor | None) -> None:
        self.threads = threads
        self._pool = pool

    def run(self, function: Kernel, *arguments: Any, phases: int = 1) -> None:
        """All pieces, in `phases` rounds: pieces p, p + phases, ... run at the same time in round p."""
        step = phases * self.threads
        for phase in range(phases):
            self._all(function, [(begin, step, *arguments) for begin in range(phase, step, phases)])

    def together(self, function: Kernel, *arguments: Any) -> None:
        """One call a thread, all at the same time."""
        sync = np.zeros(PLACES, dtype=np.int64)
        self._all(function, [(thread, self.threads, sync, *arguments) for thread in range(self.threads)])

    def _all(self, function: Kernel, calls: list[tuple[Any, ...]]) -> None:
        """One call a thread."""
        others = [self._pool.submit(function, *call) for call in calls[1:] if self._pool is not None]
        function(*calls[0])
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
