"""Progress on the terminal: bars where somebody looks, plain lines where a file does."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from spondyl.core.progress import Progress


@contextmanager
def terminal_progress() -> Iterator[Progress]:
    """A `Progress` that writes to stderr: rich bars on a terminal, one line a finished stage elsewhere."""
    if sys.stderr.isatty():
        with _bars() as progress:
            yield progress
    else:
        yield _line


def _line(stage: str, done: int, total: int) -> None:
    if done == total:
        print(f"{stage}: {done} of {total}" if total > 1 else stage, file=sys.stderr, flush=True)  # noqa: T201


@contextmanager
def _bars() -> Iterator[Progress]:
    from rich import progress as rich_progress
    from rich.console import Console

    columns = (
        rich_progress.TextColumn("{task.description:<24}"),
        rich_progress.BarColumn(),
        rich_progress.MofNCompleteColumn(),
        rich_progress.TimeElapsedColumn(),
    )
    with rich_progress.Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, rich_progress.TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)

        yield show
