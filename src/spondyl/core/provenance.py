"""Where a result came from: versions, parameters and hashes of the input, and nothing of the patient."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

NUMERICAL_LIBRARIES = ("numpy", "scipy", "numba", "SimpleITK", "pydicom", "scikit-image", "connected-components-3d")


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files in name order (their bytes only: names may carry identity)."""
    digest = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]:
        with file.open("rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Versions of Spondyl, Python and the libraries whose numbers enter a result."""
    found = {"spondyl": version("spondyl"), "python": platform.python_version()}
    for name in NUMERICAL_LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
