"""Writing a folder of results so that it is either whole or not there."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from spondyl.core.errors import OutputError


@contextmanager
def whole_folder(out: Path, ours: Set[str]) -> Iterator[Path]:
    """Yields an empty folder beside `out` that becomes `out` when the block ends well, and vanishes when it does not.

    An earlier result at `out` (holding nothing but the names in `ours`) stays until the new one is whole and is
    then replaced; a folder holding anything else is refused. A terminated run (SIGTERM) cleans up as a failed one;
    what a killed run (SIGKILL) leaves lies beside `out`, never in it, and the next run removes it.

    Raises OutputError when `out` can't be used.
    """
    out = out.absolute()
    check_replaceable(out, ours)
    partial = out.with_name(f".{out.name}.partial-{os.getpid()}")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(out)
        partial.mkdir()
    except OSError as error:
        raise OutputError(f"the output folder can't be made: {error.strerror}.", "Give a writable --out.") from error
    with _sigterm_as_exit():
        try:
            yield partial
            if out.exists():
                retired = out.with_name(f".{out.name}.old-{os.getpid()}")
                out.rename(retired)
                partial.rename(out)
                shutil.rmtree(retired)
            else:
                partial.rename(out)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def check_replaceable(out: Path, ours: Set[str]) -> None:
    """Raises OutputError unless `out` is absent, empty, or an earlier result of ours."""
    if not out.exists():
        return
    if not out.is_dir():
        raise OutputError("--out names a file, not a folder.", "Name a folder that is new or holds an earlier result.")
    if foreign := sorted(entry.name for entry in out.iterdir() if entry.name not in ours):
        shown = ", ".join(foreign[:3]) + (" and more" if len(foreign) > 3 else "")
        raise OutputError(
            f"--out is a folder that holds other things ({shown}).",
            "Name a new folder, so that nothing of yours is lost.",
        )


def _remove_abandoned(out: Path) -> None:
    """Partial and retired folders of runs that are no longer alive."""
    for kind in ("partial", "old"):
        for folder in out.parent.glob(f".{out.name}.{kind}-*"):
            pid = folder.name.rpartition("-")[2]
            if pid.isdigit() and not _alive(int(pid)):
                if kind == "old" and not out.exists():
                    folder.rename(out)  # killed between the two renames: the earlier result comes back
                else:
                    shutil.rmtree(folder, ignore_errors=True)


def _alive(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """SIGTERM unwinds the stack like an exception, so that `finally` runs; only the main thread may set this."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(signum: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + signum)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        with suppress(ValueError):
            signal.signal(signal.SIGTERM, previous)
