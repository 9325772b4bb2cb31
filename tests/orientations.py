"""The same image stored along other axes, and written as NIfTI, for tests that no axis order may change a number."""

from __future__ import annotations

import itertools
from pathlib import Path

import nibabel as nib
import numpy as np

from spondyl.core.volume import Volume

AXIS_ORIENTATIONS = [
    (permutation, signs)
    for permutation in itertools.permutations(range(3))
    for signs in itertools.product((1, -1), repeat=3)
]
"""All 48 ways to permute and flip three axes."""
RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def reoriented(volume: Volume, permutation: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """The same voxels at the same places, stored along other axes."""
    array = volume.array.transpose(permutation)
    affine = volume.affine.copy()
    affine[:3, :3] = volume.affine[:3, list(permutation)]
    for axis, sign in enumerate(signs):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
            array = np.flip(array, axis)
    return Volume(array, affine, volume.quantity)


def write_nifti(volume: Volume, path: Path) -> Path:
    """Written by nibabel, so that our reader is checked against another program's writer."""
    array = volume.array.astype(np.uint8) if volume.array.dtype == np.bool_ else np.ascontiguousarray(volume.array)
    image = nib.Nifti1Image(array, RAS_FROM_LPS @ volume.affine)
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    nib.save(image, path)
    return path
