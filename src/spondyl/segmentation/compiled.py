"""How this room's loops are compiled: kept on disk where a folder for it can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

Kernel = Callable[..., Any]


def kernel(function: Kernel) -> Kernel:
    """Compile on first call and keep the machine code for later processes.

    Numba looks for changes in a kernel's own file only: after a change of a constant or kernel that another file uses,
    remove the kept code (`__pycache__/*.nb?`).
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)
