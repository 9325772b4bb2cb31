"""Chunks of a simulated population as Dask tasks: any scheduler, any number of workers, the same files bit by bit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spondyl.core.errors import InputError
from spondyl.core.progress import Progress
from spondyl.natural_history.run import Run, Work, one_chunk


def with_dask(address: str = "local") -> Work:
    """Work for `natural_history.run.simulate`. 'local': threads of this process; else the address of a scheduler,
    whose workers must see the output folder.

    Raises InputError where Dask is not installed.
    """
    try:
        from dask.base import compute
        from dask.delayed import delayed
    except ImportError as error:
        raise InputError("Dask is not installed.", "Install spondyl[dask], or leave --dask out.") from error

    def work(run: Run, out: Path, waiting: Sequence[int], progress: Progress) -> None:
        tasks = [delayed(one_chunk, pure=False)(run, out.absolute(), number) for number in waiting]
        progress("chunks", run.chunks - len(waiting), run.chunks)
        if address == "local":
            compute(*tasks, scheduler="threads")
        else:
            _on_scheduler(address, tasks)
        progress("chunks", run.chunks, run.chunks)

    return work


def _on_scheduler(address: str, tasks: list[Any]) -> None:
    try:
        from dask.distributed import Client
    except ImportError as error:
        raise InputError("Dask's scheduler is not installed.", "Install spondyl[dask].") from error
    with Client(address) as client:
        client.gather(client.compute(tasks))
