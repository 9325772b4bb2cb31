"""How this room's functions are compiled: kept on disk, without the interpreter's lock, without reordered sums.

Numba looks for changes in a function's own file only. These functions are in many files that become one kernel, so
the kept code of all of them goes when any of the files changes; otherwise old code could give a run's results.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numba

Compiled = Callable[..., Any]
_STAMP = "kernels.sha256"
_MARKS = (b"@compiled", b"NEVER = ", b"ARRIVAL_LUNG = ")
"""What shows that a file holds compiled functions, or states and decisions that they read."""


def compiled(function: Compiled) -> Compiled:
    """Compile on first call and keep the machine code for later processes, where a folder for it can be written."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


def _forget_stale() -> None:
    """Removes kept code of this room that was made from other files than those that lie here now."""
    here = Path(__file__).parent
    texts = [file.read_bytes() for file in sorted(here.glob("*.py"))]
    kernels = [text for text in texts if any(mark in text for mark in _MARKS)]
    digest = hashlib.sha256(b"".join(kernels)).hexdigest()
    stamp = here / "__pycache__" / _STAMP
    with suppress(OSError):
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == digest:
            return
        for kept in stamp.parent.glob("*.nb[ic]"):
            kept.unlink(missing_ok=True)
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(digest, encoding="utf-8")


_forget_stale()
