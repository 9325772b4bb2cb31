"""Lesions from a mask someone else drew: shared out among the vertebrae and measured."""

from __future__ import annotations

from collections.abc import Mapping

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import MaskMismatch
from spondyl.core.volume import Volume
from spondyl.lesions.measure import describe
from spondyl.lesions.normal import collect_reference, expect, fit_reference
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra

SPECK_MM3 = 10.0
"""Own choice: a 2.7 mm ball; less is the edge of a drawing, or of a neighbour's lesion, and no lesion of its own."""


def lesions_from_mask(
    mask: Volume, ct: Volume, vertebrae: Mapping[Level, Vertebra]
) -> tuple[dict[Level, tuple[Lesion, ...]], tuple[str, ...]]:
    """Lesions by level, largest first, and notes on what of the mask could not be used.

    `mask` is boolean (or above 0) on the CT's grid. A lesion that crosses levels is one lesion in each; its voxels
    outside bone go to the nearest of the levels it touches. Components that touch no vertebra are noted only.
    Raises MaskMismatch when the mask lies on another grid.
    """
    if not mask.same_grid(ct):
        raise MaskMismatch(
            f"the lesion mask's grid {mask.shape} is not the CT's {ct.shape}.", "Resample it onto the CT."
        )
    names = _level_names(ct, vertebrae)
    shares = np.zeros(ct.shape, dtype=names.dtype)
    components = cc3d.connected_components(mask.array > 0, connectivity=26)
    notes = []
    for number, box in enumerate(ndimage.find_objects(components), start=1):
        if box is None:
            continue
        wide = tuple(slice(max(0, s.start - 1), s.stop + 1) for s in box)
        inside = components[wide] == number
        shared = _nearest_touched(inside, names[wide], ct.spacing_mm)
        if shared is None:
            notes.append(_untouched(ct, wide, inside))
        else:
            shares[wide][inside] = shared[inside]
    cut = {level: _on_parts(shares == int(level), ct, vertebra) for level, vertebra in vertebrae.items()}
    reference = fit_reference([collect_reference(ct, v, exclude=cut[level][0]) for level, v in vertebrae.items()])
    found: dict[Level, tuple[Lesion, ...]] = {}
    for level in along_spine(vertebrae):
        drawn, lost_mm3 = cut[level]
        own = next((sample for sample in reference.samples if sample.level == level), None)
        own = own or collect_reference(ct, vertebrae[level], exclude=drawn)
        expected = expect(reference, own)
        lesions, specks_mm3 = [], 0.0
        pieces = cc3d.connected_components(drawn, connectivity=26)
        for number in range(1, int(pieces.max(initial=0)) + 1):
            piece = pieces == number
            volume_mm3 = float(piece.sum() * ct.voxel_volume_mm3)
            if volume_mm3 < SPECK_MM3:
                specks_mm3 += volume_mm3
                continue
            lesions.append(describe(piece, ct, vertebrae[level], "given", None, expected=expected))
        if specks_mm3:
            notes.append(f"{level.name}: specks of the lesion mask left out, {specks_mm3:.0f} mm3 in all")
        if lost_mm3 >= SPECK_MM3:
            notes.append(f"{level.name}: {lost_mm3:.0f} mm3 of the lesion mask lies too far from the bone to measure")
        if lesions:
            found[level] = tuple(sorted(lesions, key=lambda lesion: (-lesion.volume_mm3, lesion.centroid_lps_mm)))
    return found, tuple(notes)


def _level_names(ct: Volume, vertebrae: Mapping[Level, Vertebra]) -> NDArray[np.uint8]:
    """Level of each voxel of the CT, from the vertebrae's crops."""
    names = np.zeros(ct.shape, dtype=np.uint8)
    for level, vertebra in vertebrae.items():
        window, inner = _windows(ct, vertebra)
        bone = vertebra.parts.array[inner] > 0
        names[window][bone] = int(level)
    return names


def _windows(ct: Volume, vertebra: Vertebra) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the vertebra's crop lies in the CT's array, and which part of the crop that is."""
    start = np.rint(ct.to_index(vertebra.parts.affine[:3, 3])).astype(int)
    low = np.maximum(start, 0)
    high = np.minimum(start + vertebra.parts.shape, ct.shape)
    return (
        tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True)),
        tuple(slice(int(a), int(b)) for a, b in zip(low - start, high - start, strict=True)),
    )


def _nearest_touched(
    inside: NDArray[np.bool_], names: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> NDArray[np.uint8] | None:
    """Level of every voxel in the box: its own, else the nearest of those the component touches; None if none."""
    touching = ndimage.binary_dilation(inside, np.ones((3, 3, 3))) & (names > 0)
    if not touching.any():
        return None
    seeds = np.where(np.isin(names, np.unique(names[touching])), names, 0)
    nearest = ndimage.distance_transform_edt(
        seeds == 0, sampling=spacing_mm, return_distances=False, return_indices=True
    )
    return seeds[tuple(nearest)]


def _on_parts(drawn: NDArray[np.bool_], ct: Volume, vertebra: Vertebra) -> tuple[NDArray[np.bool_], float]:
    """A level's share on the grid of its parts, and the volume of what does not fit there."""
    window, inner = _windows(ct, vertebra)
    cropped = np.zeros(vertebra.parts.shape, dtype=bool)
    cropped[inner] = drawn[window]
    return cropped, float((drawn.sum() - cropped.sum()) * ct.voxel_volume_mm3)


def _untouched(ct: Volume, box: tuple[slice, ...], inside: NDArray[np.bool_]) -> str:
    centre = ct.to_lps(np.argwhere(inside).mean(axis=0) + [s.start for s in box])
    volume_mm3 = inside.sum() * ct.voxel_volume_mm3
    return (
        f"a component of the lesion mask ({volume_mm3:.0f} mm3 at left {centre[0]:.0f}, posterior {centre[1]:.0f}, "
        f"superior {centre[2]:.0f} mm) touches no vertebra and is left out"
    )
