"""Vertebra masks from a raw CT by TotalSegmentator (wasserthal2023), where it is installed.

TotalSegmentator is an optional extra: it brings a deep-learning framework and downloads its weights on the
first run. It sends anonymous usage statistics unless it is configured not to.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from spondyl.core.errors import InputError, SpondylError
from spondyl.core.volume import Volume
from spondyl.values.scan import CtScan

CLASSES = (
    "sacrum",
    "vertebrae_S1",
    *(f"vertebrae_L{n}" for n in range(5, 0, -1)),
    *(f"vertebrae_T{n}" for n in range(12, 0, -1)),
    *(f"vertebrae_C{n}" for n in range(7, 0, -1)),
    "spinal_cord",
)
"""What is asked of the task 'total', by TotalSegmentator's names."""
_INSTALL = 'pip install "spondyl[segment]"'
_COMMAND = f"TotalSegmentator -i CT.nii.gz -o MASK.nii.gz --ml --roi_subset {' '.join(CLASSES)}"


def segment(ct: CtScan, out: Path) -> Path:
    """Write a multilabel mask of `ct` to `out` (.nii.gz, TotalSegmentator's numbers) and return its path.

    Read it with `imaging.labels.read_level_map` (scheme 'totalsegmentator'). Raises InputError, with the
    commands that make a mask by hand, when TotalSegmentator is not installed or fails.
    """
    totalsegmentator = _load()
    with tempfile.TemporaryDirectory() as folder:
        scan = Path(folder) / "ct.nii.gz"
        _write_nifti(ct.volume, scan)
        try:
            totalsegmentator(scan, out, ml=True, task="total", roi_subset=list(CLASSES), quiet=True)
        except SpondylError:
            raise
        except (Exception, SystemExit) as error:  # torch, nnU-Net, its licence check and its download fail in many ways
            raise InputError(
                f"TotalSegmentator failed ({type(error).__name__}), so the CT has no vertebra mask.",
                f"Run it by itself to see why, and give its mask: {_COMMAND}",
            ) from error
    if not out.is_file():
        raise InputError(
            "TotalSegmentator ended without writing a mask.", f"Run it by itself and give its mask: {_COMMAND}"
        )
    return out


def _load() -> Any:
    try:
        from totalsegmentator.python_api import totalsegmentator
    except ImportError as error:
        raise InputError(
            "no vertebra mask was given, and TotalSegmentator, which would make one, is not installed.",
            f"Install it with: {_INSTALL}; or make a mask elsewhere with: {_COMMAND}; or give a mask of your own.",
        ) from error
    return totalsegmentator


def _write_nifti(volume: Volume, path: Path) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(volume.array.transpose(2, 1, 0))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / volume.spacing_mm).ravel().tolist())
    sitk.WriteImage(image, str(path))
