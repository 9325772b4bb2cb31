"""What every image must have, whatever file it came in: three axes, a sane size, a true place in the patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnsuitableImage

MAX_VOXELS = 2_000_000_000
"""Own choice: 7600 slices of 512 x 512, 4 GB in 16 bits; a claim beyond it is a damaged or hostile header."""
RIGHT_ANGLE_TOLERANCE = 0.01
"""Own choice: largest cosine between two axes, 0.6 degrees. Headers rounded to four digits stay far below;
beyond it lengths and areas along the grid are no longer those of the body."""


def check_shape(shape: Sequence[int], role: str) -> None:
    """Raises UnsuitableImage unless there are three axes, each longer than one voxel, and a sane count of voxels."""
    stated = " x ".join(str(n) for n in shape)
    if len(shape) > 3:
        raise UnsuitableImage(
            f"{role} has {len(shape)} dimensions ({stated}), one volume is needed.",
            "Save the volume wanted (one phase or time point) as its own file.",
        )
    if len(shape) < 3 or min(shape) < 2:
        raise UnsuitableImage(f"{role} is a single slice ({stated}), a volume is needed.", "Give the whole scan.")
    if int(np.prod([int(n) for n in shape], dtype=np.float64)) > MAX_VOXELS:
        raise UnsuitableImage(
            f"{role} claims {stated} voxels, more than the {MAX_VOXELS:g} that are read.",
            "Its header is damaged, or the scan must be cropped to the spine first.",
        )


def check_affine(affine: NDArray[np.float64], role: str) -> None:
    """Raises UnsuitableImage for an affine (4, 4) with NaN, without volume, or with axes not at right angles."""
    axes = affine[:3, :3]
    lengths = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or lengths.min() == 0.0:
        raise UnsuitableImage(
            f"{role} has no usable place in the patient: its affine has zero or undefined entries.",
            "Convert it from DICOM again.",
        )
    cosines = (axes / lengths).T @ (axes / lengths) - np.eye(3)
    if np.abs(cosines).max() > RIGHT_ANGLE_TOLERANCE:
        angle = np.degrees(np.arccos(np.clip(np.abs(cosines).max(), 0, 1)))
        raise UnsuitableImage(
            f"{role} has axes that do not stand at right angles ({angle:.1f} degrees; a gantry tilt or a shear).",
            "Give the DICOM series itself, or resample the image to an upright grid.",
        )
