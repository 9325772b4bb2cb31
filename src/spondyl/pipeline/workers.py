"""Vertebrae side by side: a pool of processes for the pure, per-vertebra steps.

Processes and not threads, because much of the work holds Python's lock; spawned and not forked, because a fork of a
process that runs threads (SimpleITK, Numba) may hang. Every step is a pure function of its task and solves with one
thread, so results do not depend on the number of workers.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import TypeVar

from spondyl.core.errors import SpondylError
from spondyl.core.progress import Progress

Task = TypeVar("Task")
Result = TypeVar("Result")


class Workers:
    """Maps a picklable function over tasks, in order, in this process or in the pool's."""

    def __init__(self, pool: ProcessPoolExecutor | None) -> None:
        self._pool = pool

    def map(
        self, step: Callable[[Task], Result], tasks: Sequence[Task], progress: Progress, stage: str
    ) -> list[Result]:
        """Results in the order of the tasks; `progress` hears of each."""
        results: list[Result] = []
        progress(stage, 0, len(tasks))
        try:
            for result in self._pool.map(step, tasks) if self._pool else map(step, tasks):
                results.append(result)
                progress(stage, len(results), len(tasks))
        except BrokenProcessPool as error:
            raise SpondylError(
                f"a worker process ended while {stage} (most often the memory did not suffice).",
                "Close other programs or use --workers 1.",
            ) from error
        return results


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """A pool of `count` processes (0: one a core), already importing what they need; 1 means this process."""
    if (count or usable_cores()) == 1:
        yield Workers(None)
        return
    count = count or usable_cores()
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), initializer=_start)
    try:
        for _ in range(count):
            pool.submit(_warm)
        yield Workers(pool)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def usable_cores() -> int:
    """Cores this process may run on; fewer than the machine's in a container."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _start() -> None:
    """In each worker: leave Ctrl-C to the parent, and end when the parent is gone, however it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def _warm() -> None:
    """Imports and compiled code a worker needs, while the parent still reads files."""
    from spondyl.pipeline import levels

    levels.warm()
