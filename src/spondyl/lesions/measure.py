"""From a lesion's mask to a `Lesion`: type, size, parts, cortex."""

from __future__ import annotations

from typing import Literal

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.normal import Expected, expect, fit_reference, sample_of, smooth
from spondyl.lesions.place import Place, crop_to, locate
from spondyl.values.lesion import Lesion, LesionType
from spondyl.values.vertebra import Vertebra

TYPING_SMOOTHING_MM = 1.2
"""Own choice: takes most voxel noise away and keeps parts of a mixed lesion apart."""
TYPE_MARGIN_HU = 50.0
"""Own choice: a voxel is lytic or blastic when it lies this far from the normal of its place, twice the spread of
smoothed healthy spongy bone (about 25 HU); in the arch, where cortex is thick, at least one spread of the place."""
MIXED_SHARE = 0.25
"""Own choice: a lesion is mixed when both kinds hold at least a quarter of what deviates."""
PART_SHARE = 0.02
PART_MM3 = 30.0
"""Own choice: a part counts as touched from 30 mm3 (a 4 mm ball) or 2 % of the lesion, whichever is less."""
THICK_SLICE_MM = 3.0
"""Own choice: a wall of about 0.5 mm can't be judged in thicker slices."""
WALL_MM = 2.0
"""Own choice: the densest voxel within this distance of the surface is the wall's; bears a mask 1 to 2 voxels off."""
BREACH_MM2 = 25.0
"""Own choice: a missing patch of 5 mm by 5 mm; vessels' entries are smaller."""
OUTGROWTH_MM3 = 100.0
"""Own choice: this much lesion outside the bone (a 6 mm ball) is growth through the cortex, not a mask's edge."""
STAIRCASE = 2 / 3
"""Mean projected share of a smooth surface's voxel faces: the faces of a ball have 3/2 of its area."""


def describe(
    mask: NDArray[np.bool_] | Volume,
    ct: Volume,
    vertebra: Vertebra,
    origin: Literal["given", "detected"],
    confidence: float | None,
    *,
    expected: Expected | None = None,
    notes: tuple[str, ...] = (),
) -> Lesion:
    """Measure one lesion of one vertebra.

    `mask` is boolean on the grid of the vertebra's `parts`; voxels outside the bone (soft tissue) count in volume and
    diameter. `ct` is the whole CT or any crop that covers that grid. `expected` is the normal density of this level
    from the other levels (`normal.expect`); without it the vertebra's own bone outside the lesion stands for it.
    """
    array = np.asarray(mask.array if isinstance(mask, Volume) else mask, dtype=bool)
    if array.shape != vertebra.parts.shape or not array.any():
        raise ValueError("a lesion's mask must have voxels and lie on the grid of the vertebra's parts")
    hu = crop_to(ct, vertebra)
    place = locate(vertebra, hu)
    if expected is None:
        expected = expect(fit_reference(()), sample_of(hu, place, vertebra, exclude=array))
    return describe_at(array, hu, place, vertebra, expected, origin, confidence, notes)


def describe_at(
    array: NDArray[np.bool_],
    hu: NDArray[np.float32],
    place: Place,
    vertebra: Vertebra,
    expected: Expected,
    origin: Literal["given", "detected"],
    confidence: float | None,
    notes: tuple[str, ...],
) -> Lesion:
    """`describe` for who has the crop, the places and the normal density at hand."""
    grid = vertebra.parts
    kind, doubts = lesion_type(array, hu, place, expected, grid)
    body = vertebra.mask(SubRegion.BODY)
    touched = parts_touched(array, vertebra)
    centroid = grid.to_lps(np.argwhere(array).mean(axis=0))
    return Lesion(
        mask=grid.like(array, "mask"),
        level=vertebra.level,
        kind=kind,
        volume_mm3=float(array.sum() * grid.voxel_volume_mm3),
        longest_diameter_mm=longest_diameter_mm(array, grid),
        centroid_lps_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        mean_hu=float(hu[array].mean()),
        body_share=float((array & body).sum() / body.sum()) if body.any() else 0.0,
        parts_touched=touched,
        cortex_breached=cortex_breached(array, hu, place, vertebra, touched),
        origin=origin,
        confidence=confidence,
        notes=notes + doubts,
    )


def lesion_type(
    mask: NDArray[np.bool_], hu: NDArray[np.float32], place: Place, expected: Expected, grid: Volume
) -> tuple[LesionType, tuple[str, ...]]:
    """Lytic, blastic or mixed, by the shares of voxels below and above the normal of their place; and doubts."""
    normal, spread = expected.field(place)
    arch = mask & place.arch & ~place.core
    typed = mask & (place.core | place.arch) & np.isfinite(normal)
    doubts: tuple[str, ...] = ()
    if typed.sum() < 0.1 * mask.sum() or not typed.any():
        typed = mask & (place.depth_mm > 0) if (mask & (place.depth_mm > 0)).any() else mask
        base = expected.base_hu
        if not np.isfinite(base):
            rest = (place.depth_mm > 0) & ~mask
            base = float(np.median(hu[rest])) if rest.any() else 0.0
        normal = np.full(mask.shape, base, dtype=np.float32)
        doubts += ("type read against the body's spongy bone: little of the lesion lies where bone is comparable",)
    deviation = smooth(hu, typed, TYPING_SMOOTHING_MM, grid, seen_from=0.0)[typed] - normal[typed]
    margin = np.where(arch[typed], np.fmax(TYPE_MARGIN_HU, spread[typed]), TYPE_MARGIN_HU)
    lytic, blastic = int((deviation < -margin).sum()), int((deviation > margin).sum())
    if lytic + blastic < MIXED_SHARE * typed.sum():
        doubts += ("its density hardly differs from this patient's normal bone; type uncertain",)
        return ("lytic" if np.nanmean(deviation) <= 0 else "blastic"), doubts
    if min(lytic, blastic) >= MIXED_SHARE * (lytic + blastic):
        return "mixed", doubts
    return ("lytic" if lytic > blastic else "blastic"), doubts


def longest_diameter_mm(mask: NDArray[np.bool_], grid: Volume) -> float:
    """Greatest distance between two points of the surface (maximum Feret diameter).

    The centres of voxels inside a smooth body never lie farther apart than its diameter, their outer faces hardly ever
    nearer; the estimate takes the points midway between centre and face.
    """
    index = np.argwhere(mask & ~ndimage.binary_erosion(mask)).astype(float)
    faces = np.concatenate([index + sign * 0.25 * step for step in np.eye(3) for sign in (-1, 1)])
    points = grid.to_lps(faces)
    try:
        points = points[ConvexHull(points).vertices]
    except QhullError as error:  # pragma: no cover - six points around each voxel are never flat
        raise ValueError("the lesion's surface can't be measured") from error
    return float(pdist(points).max())


def parts_touched(mask: NDArray[np.bool_], vertebra: Vertebra) -> tuple[SubRegion, ...]:
    """Parts that hold more of the lesion than the edge of a mask explains."""
    counts = np.bincount(vertebra.parts.array[mask].astype(np.intp), minlength=max(SubRegion) + 1)
    enough = min(PART_MM3 / vertebra.parts.voxel_volume_mm3, max(1.0, PART_SHARE * mask.sum()))
    return tuple(part for part in SubRegion if counts[part] >= enough)


def cortex_breached(
    mask: NDArray[np.bool_],
    hu: NDArray[np.float32],
    place: Place,
    vertebra: Vertebra,
    touched: tuple[SubRegion, ...],
) -> bool | None:
    """True when the lesion grows out of the bone or the wall over it has gone; None when the scan can't tell.

    The wall's density at a surface voxel is the greatest within 2 mm. It has gone where that is less than the least
    tenth of the same vertebra's wall elsewhere, and less than midway from spongy bone to the usual wall.
    """
    grid = vertebra.parts
    if max(grid.spacing_mm) > THICK_SLICE_MM or set(touched) & set(vertebra.cut_parts):
        return None
    bone = place.depth_mm > 0
    if (mask & ~bone).sum() * grid.voxel_volume_mm3 >= OUTGROWTH_MM3 and (mask & bone).any():
        return True
    surface = bone & ~ndimage.binary_erosion(bone, border_value=1)
    reach = _ball(WALL_MM, grid)
    over = surface & ndimage.binary_dilation(mask, reach)
    healthy = surface & ~over & ~place.arch
    if not over.any() or healthy.sum() < 50:
        return False if not over.any() else None
    wall = ndimage.maximum_filter(np.where(np.isfinite(hu), hu, -1000), footprint=reach)
    spongy = place.body_core & ~mask
    middle = float(np.median(hu[spongy])) if spongy.any() else 0.0
    gone_below = min(float(np.percentile(wall[healthy], 10)), (middle + float(np.median(wall[healthy]))) / 2)
    patches = cc3d.connected_components((over & (wall < gone_below)).astype(np.uint8), connectivity=26)
    areas = _face_area_mm2(bone, grid)
    per_patch = np.bincount(patches.ravel(), weights=areas.ravel())[1:] * STAIRCASE
    return bool(per_patch.size and per_patch.max() >= BREACH_MM2)


def _ball(radius_mm: float, grid: Volume) -> NDArray[np.bool_]:
    """Footprint of a ball on the grid, at least one voxel each way in plane."""
    reach = [max(1, int(radius_mm / step)) if step <= radius_mm else 0 for step in grid.spacing_mm]
    offsets = np.meshgrid(
        *[np.arange(-r, r + 1) * step for r, step in zip(reach, grid.spacing_mm, strict=True)], indexing="ij"
    )
    return sum(axis**2 for axis in offsets) <= radius_mm**2 + 1e-6


def _face_area_mm2(bone: NDArray[np.bool_], grid: Volume) -> NDArray[np.float64]:
    """Area of each bone voxel's faces that look outside."""
    padded = np.pad(bone, 1, mode="edge")
    area = np.zeros(bone.shape)
    for axis in range(3):
        face = grid.voxel_volume_mm3 / grid.spacing_mm[axis]
        for shift in (-1, 1):
            beside = np.roll(padded, shift, axis)[1:-1, 1:-1, 1:-1]
            area += face * (bone & ~beside)
    return area
