"""Lesions from a mask someone else drew: shared out among the vertebrae and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import MaskMismatch
from spondyl.core.volume import Volume
from spondyl.lesions.measure import describe
from spondyl.lesions.normal import Expected, collect_reference, expect, fit_reference, smooth
from spondyl.lesions.place import crop_to
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra

SPECK_MM3 = 10.0
"""Own choice: a 2.7 mm ball; less is the edge of a drawing, or of a neighbour's lesion, and no lesion of its own."""

INNER_MM, INNER_SHARE = 2.5, 0.6
"""Own choice: an outline's inner part lies this deep in it, or of a small one as deep as this share of the deepest:
sclerosis fades towards bone, so that near the outline a dense lesion is not dense."""
INNER_SMOOTHING_MM = 0.8
"""Own choice: takes most voxel noise away and keeps parts of a mixed lesion apart."""
DENSE_PERCENTILE = 90.0
HALF_WAY = 0.5
"""Own choice: what is nearer to soft tumour than to the lesion's own dense part is destroyed."""
LYTIC_SHARE = 0.05
"""Own choice: on tuning phantoms 30 mixed lesions but one held more of the former inside than this, 23 blastic none."""


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
    drawn = {Level(int(level)): _share(shares, level) for level in np.unique(shares) if level}
    spans = {level: _spanning(ct, v, drawn.get(level)) for level, v in vertebrae.items()}
    masks = {level: shares[_window(ct, wide.parts)] == int(level) for level, wide in spans.items()}
    samples = {level: collect_reference(ct, wide, exclude=masks[level]) for level, wide in spans.items()}
    reference = fit_reference(list(samples.values()))
    found: dict[Level, tuple[Lesion, ...]] = {}
    for level in along_spine(drawn):
        expected = expect(reference, samples[level])
        lesions, specks_mm3 = [], 0.0
        pieces = cc3d.connected_components(masks[level], connectivity=26)
        for number in range(1, int(pieces.max()) + 1):
            piece = pieces == number
            volume_mm3 = float(piece.sum() * ct.voxel_volume_mm3)
            if volume_mm3 < SPECK_MM3:
                specks_mm3 += volume_mm3
                continue
            lesion = describe(piece, ct, spans[level], "given", None, expected=expected)
            if lesion.kind == "blastic" and _holds_soft(piece, ct, spans[level], expected):
                lesion = replace(lesion, kind="mixed")
            lesions.append(_on_parts(lesion, vertebrae[level]))
        if specks_mm3:
            notes.append(f"{level.name}: specks of the lesion mask left out, {specks_mm3:.0f} mm3 in all")
        if lesions:
            found[level] = tuple(sorted(lesions, key=lambda lesion: (-lesion.volume_mm3, lesion.centroid_lps_mm)))
    return found, tuple(notes)


def _holds_soft(piece: NDArray[np.bool_], ct: Volume, vertebra: Vertebra, expected: Expected) -> bool:
    """Whether a dense lesion holds destroyed parts as well.

    All that lies well inside a drawn outline is tumour: what is soft there is no marrow, be it as dense as marrow.
    """
    grid = vertebra.parts
    depth = ndimage.distance_transform_edt(np.pad(piece, 1), sampling=grid.spacing_mm)[1:-1, 1:-1, 1:-1]
    in_bone = piece & (grid.array > 0)
    inner = in_bone & (depth >= min(INNER_MM, INNER_SHARE * float(depth.max())))
    if not inner.any():
        return False
    hu = smooth(crop_to(ct, vertebra), in_bone, INNER_SMOOTHING_MM, grid)[inner]
    half_way = expected.lytic_hu + HALF_WAY * (float(np.percentile(hu, DENSE_PERCENTILE)) - expected.lytic_hu)
    return bool((hu < half_way).mean() >= LYTIC_SHARE)


def _share(shares: NDArray[np.uint8], level: int) -> tuple[slice, ...]:
    """Box of one level's share on the CT's grid."""
    return ndimage.find_objects(shares, max_label=int(level))[int(level) - 1]


def _level_names(ct: Volume, vertebrae: Mapping[Level, Vertebra]) -> NDArray[np.uint8]:
    """Level of each voxel of the CT, from the vertebrae's crops."""
    names = np.zeros(ct.shape, dtype=np.uint8)
    for level, vertebra in vertebrae.items():
        bone = vertebra.parts.array > 0
        names[_window(ct, vertebra.parts)][bone] = int(level)
    return names


def _window(ct: Volume, crop: Volume) -> tuple[slice, ...]:
    """Where a crop of the CT's grid lies in the CT's array."""
    start = np.rint(ct.to_index(crop.affine[:3, 3])).astype(int)
    if not ct.crop(tuple(start), tuple(start + crop.shape)).same_grid(crop):
        raise ValueError("the vertebrae do not lie on the CT's grid")
    return tuple(slice(int(a), int(a) + n) for a, n in zip(start, crop.shape, strict=True))


def _spanning(ct: Volume, vertebra: Vertebra, share: tuple[slice, ...] | None) -> Vertebra:
    """The vertebra on a box that holds its share of the lesion mask as well: soft tissue may reach far."""
    if share is None:
        return vertebra
    own = _window(ct, vertebra.parts)
    low = tuple(min(a.start, b.start) for a, b in zip(own, share, strict=True))
    high = tuple(max(a.stop, b.stop) for a, b in zip(own, share, strict=True))
    grid = ct.crop(low, high)
    parts = np.zeros(grid.shape, dtype=vertebra.parts.array.dtype)
    parts[tuple(slice(s.start - a, s.stop - a) for s, a in zip(own, low, strict=True))] = vertebra.parts.array
    return replace(vertebra, parts=grid.like(parts, "label"))


def _on_parts(lesion: Lesion, vertebra: Vertebra) -> Lesion:
    """The measured lesion with its mask on the grid of the vertebra's `parts`, and a note when some lies beyond."""
    start = np.rint(vertebra.parts.to_index(lesion.mask.affine[:3, 3])).astype(int)
    inner = tuple(slice(-a, -a + n) for a, n in zip(start, vertebra.parts.shape, strict=True))
    mask = vertebra.parts.like(np.ascontiguousarray(lesion.mask.array[inner]), "mask")
    beyond_mm3 = lesion.volume_mm3 - float(mask.array.sum() * vertebra.parts.voxel_volume_mm3)
    if beyond_mm3 < SPECK_MM3:
        return replace(lesion, mask=mask)
    note = f"{beyond_mm3:.0f} mm3 of it lie beyond the vertebra's box: measured, but not in its mask"
    return replace(lesion, mask=mask, notes=(*lesion.notes, note))


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


def _untouched(ct: Volume, box: tuple[slice, ...], inside: NDArray[np.bool_]) -> str:
    centre = ct.to_lps(np.argwhere(inside).mean(axis=0) + [s.start for s in box])
    volume_mm3 = inside.sum() * ct.voxel_volume_mm3
    return (
        f"a component of the lesion mask ({volume_mm3:.0f} mm3 at left {centre[0]:.0f}, posterior {centre[1]:.0f}, "
        f"superior {centre[2]:.0f} mm) touches no vertebra and is left out"
    )
