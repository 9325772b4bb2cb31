"""The case's masks as NIfTI files on the CT's grid, and the legend of their numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.case import CaseResult


def write_masks(case: CaseResult, folder: Path) -> None:
    """Writes vertebrae, parts, lesions, canal (if measured) and labels.json into an existing folder.

    All masks lie on the canonical CT's grid as uint8. Lesions are numbered as in assessment.json.
    """
    grid = case.scan.volume
    results = [result for result in case.vertebrae if result.vertebra is not None]
    lesions = [lesion for result in case.vertebrae for lesion in result.lesions]
    canals = [result.canal.lumen for result in case.vertebrae if result.canal and result.canal.lumen is not None]
    write_nifti(case.level_map.labels, folder / "vertebrae.nii.gz")
    write_nifti(_pasted((r.vertebra.parts for r in results if r.vertebra), grid), folder / "parts.nii.gz")
    write_nifti(_pasted((lesion.mask for lesion in lesions), grid, numbered=True), folder / "lesions.nii.gz")
    if canals:
        write_nifti(_pasted(canals, grid), folder / "canal.nii.gz")
    legend = {
        "space": "voxels of the CT turned to left, posterior, superior; the file's affine places them in the patient",
        "vertebrae.nii.gz": {str(int(result.level)): result.level.name for result in case.vertebrae},
        "parts.nii.gz": {str(int(part)): part.words for part in SubRegion},
        "lesions.nii.gz": {
            str(n): f"{lesion.kind} lesion in {lesion.level.name}, {lesion.origin}"
            for n, lesion in enumerate(lesions, 1)
        },
    }
    if canals:
        legend["canal.nii.gz"] = {"1": "spinal canal, where it was measured"}
    (folder / "labels.json").write_text(json.dumps(legend, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_nifti(volume: Volume, path: Path) -> None:
    """A label or mask volume as uint8 (uint16 when its numbers need it); SimpleITK holds LPS, as `Volume` does."""
    import SimpleITK as sitk

    array = np.asarray(volume.array)
    kind = np.uint8 if array.max(initial=0) <= np.iinfo(np.uint8).max else np.uint16
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0), dtype=kind))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / np.array(volume.spacing_mm)).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)


def _pasted(crops: Iterable[Volume], grid: Volume, *, numbered: bool = False) -> Volume:
    """Crops laid onto the CT's grid, with their own labels or, `numbered`, each with its number from 1."""
    listed = list(crops)
    out: NDArray[np.integer] = np.zeros(grid.shape, np.uint8 if len(listed) <= np.iinfo(np.uint8).max else np.uint16)
    for number, crop in enumerate(listed, 1):
        box = place(crop, grid)
        here = crop.array > 0
        out[box][here] = number if numbered else crop.array[here]
    return Volume(out, grid.affine, "label")


def place(crop: Volume, grid: Volume) -> tuple[slice, slice, slice]:
    """Where a crop of `grid` lies in it. Raises ValueError for a volume that is no crop of this grid."""
    start = np.rint(grid.to_index(crop.affine[:3, 3])).astype(int)
    stop = start + crop.shape
    if (start < 0).any() or (stop > grid.shape).any() or not crop.same_grid(grid.crop(tuple(start), tuple(stop))):
        raise ValueError("a mask of the report does not lie on the CT's grid")
    i, j, k = (slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))
    return i, j, k
