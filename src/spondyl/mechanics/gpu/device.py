"""Whether a GPU can be used here, and if not, why not and what to do."""

from __future__ import annotations

from importlib.util import find_spec

INSTALL = "Install Spondyl with the extra `gpu`, on a machine with an NVIDIA GPU and its driver."


def available() -> bool:
    """True where `solve_on_gpu` can run."""
    return why_not() is None


def why_not() -> str | None:
    """None where a GPU can be used, else what is missing, in words."""
    if find_spec("numba.cuda") is None:
        return "Numba's CUDA target is not installed."
    try:
        from numba import cuda

        if cuda.is_available():
            return None
        return f"No usable NVIDIA GPU was found ({_driver_error()})."
    except Exception as problem:
        return f"Numba's CUDA target can't be loaded ({type(problem).__name__}: {problem})."


def _driver_error() -> str:
    """What the driver said when it was asked, in one line."""
    from numba import cuda

    try:
        return " ".join(str(cuda.cuda_error() or "the driver names no device").split())
    except Exception as problem:
        return " ".join(str(problem).split()) or type(problem).__name__
