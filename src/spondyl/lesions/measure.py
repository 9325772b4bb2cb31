"""From a lesion's mask to a `Lesion`: type, size, parts, cortex."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.normal import Expected, expect, fit_reference, sample_of, smooth
from spondyl.lesions.place import Place, crop_to, locate
from spondyl.lesions.reach import reach_of
from spondyl.values.lesion import Lesion, LesionType, Side
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
    kind: LesionType | None = None,
) -> Lesion:
    """`describe` for who has the crop, the places and the normal density at hand."""
    grid = vertebra.parts
    doubts: tuple[str, ...] = ()
    if kind is None:
        kind, doubts = lesion_type(array, hu, place, expected, grid)
    body = vertebra.mask(SubRegion.BODY)
    touched = parts_touched(array, vertebra)
    reach = reach_of(array, hu, place, vertebra, touched, given=origin == "given")
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
        cortex_breached=reach.cortex_breached,
        origin=origin,
        confidence=confidence,
        notes=notes + doubts + reach.notes,
        cortex_breached_share=reach.cortex_breached_share,
        endplate_breached_share=reach.endplate_breached_share,
        posterior_wall_breached=reach.posterior_wall_breached,
        pedicles_touched=_sides(touched, SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT),
        facets_touched=_sides(touched, SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT),
        costovertebral_touched=reach.costovertebral_touched,
        canal_mm3=reach.canal_mm3,
        soft_tissue_mm3=reach.soft_tissue_mm3,
    )


def _sides(touched: tuple[SubRegion, ...], left: SubRegion, right: SubRegion) -> tuple[Side, ...]:
    sides: tuple[tuple[Side, SubRegion], ...] = (("left", left), ("right", right))
    return tuple(side for side, part in sides if part in touched)


def lesion_type(
    mask: NDArray[np.bool_], hu: NDArray[np.float32], place: Place, expected: Expected, grid: Volume
) -> tuple[LesionType, tuple[str, ...]]:
    """Lytic, blastic or mixed, by the shares of voxels below and above the normal of their place; and doubts."""
    normal, spread = expected.field(place)
    arch = mask & (place.kind > 0)
    typed = mask & np.isfinite(normal)
    doubts: tuple[str, ...] = ()
    if typed.sum() < 0.1 * mask.sum() or not typed.any():
        typed = mask & (place.depth_mm > 0) if (mask & (place.depth_mm > 0)).any() else mask
        base = expected.base_hu
        if not np.isfinite(base):
            rest = (place.depth_mm > 0) & ~mask
            base = float(np.median(hu[rest])) if rest.any() else 0.0
        normal = np.full(mask.shape, base, dtype=np.float32)
        doubts += ("type read against the body's spongy bone: little of the lesion lies where bone is comparable",)
    deviation = smooth(hu, typed, TYPING_SMOOTHING_MM, grid)[typed] - normal[typed]
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
