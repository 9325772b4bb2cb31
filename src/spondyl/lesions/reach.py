"""What a lesion has reached and destroyed: wall, endplates, posterior wall, joints, canal, soft tissue.

The wall's density at a surface voxel is the greatest within 2 mm. It has gone where that is less than the least tenth
of the same vertebra's wall elsewhere, and less than midway from spongy bone to the usual wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.boundary import ball
from spondyl.lesions.place import BODY_KIND, Place
from spondyl.values.lesion import Side
from spondyl.values.vertebra import Vertebra

THICK_SLICE_MM = 3.0
"""Own choice: a wall of about 0.5 mm can't be judged in thicker slices."""
WALL_MM = 2.0
"""Own choice: the densest voxel within this distance of the surface is the wall's; bears a mask 1 to 2 voxels off."""
BREACH_MM2 = 25.0
"""Own choice: a missing patch of 5 mm by 5 mm; vessels' entries are smaller."""
OUTGROWTH_MM3 = 100.0
"""Own choice: this much lesion outside the bone (a 6 mm ball) is growth through the cortex, not a mask's edge."""
CORTEX_UNSEEN = "cortex not judged: slices too thick, or a part is cut off"
STAIRCASE = 2 / 3
"""Mean projected share of a smooth surface's voxel faces: the faces of a ball have 3/2 of its area."""
ENDPLATE_MM = 2.5
"""Own choice: surface of the body this near to the end of its column is endplate."""
MIDLINE_SHARE, POSTERIOR_BACK = 0.6, 0.6
"""Own choice: the canal is about this share of the body's half width to each side."""
JOINT_MM = 4.0
"""Own choice: bone this deep under the surface bears a rib's head."""
JOINT_SHARE = 0.25
"""Own choice: of that bone so much must a lesion hold for the joint to be involved; one that ends before it, however
near, has destroyed nothing there. On tuning phantoms those that eat the joint hold 0.30 and more, others up to 0.18."""
JOINT_BACK, JOINT_UP, JOINT_LEFT = 0.5, 0.2, 0.7
"""Own choice: a rib's head meets the body in its last quarter, in its upper two fifths, at its side (-1 to 1)."""


@dataclass(frozen=True)
class Reach:
    cortex_breached: bool | None
    cortex_breached_share: float | None
    endplate_breached_share: float | None
    posterior_wall_breached: bool | None
    costovertebral_touched: tuple[Side, ...] | None
    canal_mm3: float | None
    soft_tissue_mm3: float | None
    notes: tuple[str, ...]


def reach_of(
    mask: NDArray[np.bool_],
    hu: NDArray[np.float32],
    place: Place,
    vertebra: Vertebra,
    touched: tuple[SubRegion, ...],
    *,
    given: bool,
) -> Reach:
    """`given` masks may hold soft tissue; a detected one ends at the bone, whose outside was not searched."""
    canal, soft = _outside(mask, place, vertebra) if given else (None, None)
    notes = (
        () if given else ("growth into canal and soft tissue is not measured: it hardly shows in CT without a mask",)
    )
    joints = _joints(mask, place, vertebra)
    if max(vertebra.parts.spacing_mm) > THICK_SLICE_MM or set(touched) & set(vertebra.cut_parts):
        return Reach(None, None, None, None, joints, canal, soft, (*notes, CORTEX_UNSEEN))
    bone = place.bone
    outgrown = (mask & ~bone).sum() * vertebra.parts.voxel_volume_mm3 >= OUTGROWTH_MM3 and bool((mask & bone).any())
    surface, gone = _wall(mask, hu, place, vertebra)
    if gone is None:
        return Reach(True if outgrown else None, None, None, None, joints, canal, soft, notes)
    area = _face_area_mm2(bone, vertebra.parts)
    ends = surface & (place.endplate_mm <= ENDPLATE_MM)
    back = _posterior_wall(surface, place)
    return Reach(
        cortex_breached=outgrown or _has_patch(gone, area),
        cortex_breached_share=float(area[gone].sum() / area[surface].sum()),
        endplate_breached_share=float(area[gone & ends].sum() / area[ends].sum()) if ends.any() else None,
        posterior_wall_breached=_has_patch(gone & back, area) if back.any() else None,
        costovertebral_touched=joints,
        canal_mm3=canal,
        soft_tissue_mm3=soft,
        notes=notes,
    )


def _wall(
    mask: NDArray[np.bool_], hu: NDArray[np.float32], place: Place, vertebra: Vertebra
) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Surface voxels, and those over the lesion whose wall has gone; None when there is no wall to compare with."""
    bone, footprint = place.bone, ball(WALL_MM, vertebra.parts)
    surface = bone & ~ndimage.binary_erosion(bone, border_value=1)
    over = surface & ndimage.binary_dilation(mask, footprint)
    if not over.any():
        return surface, over
    healthy = surface & ~over & (place.kind <= BODY_KIND)
    if healthy.sum() < 50:
        return surface, None
    wall = ndimage.maximum_filter(np.where(np.isfinite(hu), hu, -1000), footprint=footprint)
    spongy = place.spongy & ~mask
    middle = float(np.median(hu[spongy])) if spongy.any() else 0.0
    below = min(float(np.percentile(wall[healthy], 10)), (middle + float(np.median(wall[healthy]))) / 2)
    return surface, over & (wall < below)


def _has_patch(gone: NDArray[np.bool_], area: NDArray[np.float64]) -> bool:
    patches = cc3d.connected_components(gone.astype(np.uint8), connectivity=26)
    per_patch = np.bincount(patches.ravel(), weights=area.ravel())[1:] * STAIRCASE
    return bool(per_patch.size and per_patch.max() >= BREACH_MM2)


def _posterior_wall(surface: NDArray[np.bool_], place: Place) -> NDArray[np.bool_]:
    """The body's surface towards the canal."""
    with np.errstate(invalid="ignore"):
        return (
            surface
            & (place.back > POSTERIOR_BACK)
            & (np.abs(place.left) < MIDLINE_SHARE)
            & (place.endplate_mm > ENDPLATE_MM)
        )


def _joints(mask: NDArray[np.bool_], place: Place, vertebra: Vertebra) -> tuple[Side, ...] | None:
    """Sides on which the lesion holds bone that bears a rib's head; None where there are no ribs."""
    if vertebra.level.region is not Region.THORACIC:
        return None
    with np.errstate(invalid="ignore"):
        seat = (place.depth_mm < JOINT_MM) & (place.back > JOINT_BACK) & (place.up > JOINT_UP)
        sides: tuple[tuple[Side, NDArray[np.bool_]], ...] = (
            ("left", seat & (place.left > JOINT_LEFT)),
            ("right", seat & (place.left < -JOINT_LEFT)),
        )
    return tuple(side for side, where in sides if (mask & where).sum() > JOINT_SHARE * max(1, where.sum()))


def _outside(mask: NDArray[np.bool_], place: Place, vertebra: Vertebra) -> tuple[float, float]:
    """mm3 of the mask in the canal (behind the body, ahead of the laminae, between the pedicles), and elsewhere."""
    out = mask & ~place.bone
    volume = vertebra.parts.voxel_volume_mm3
    if not out.any():
        return 0.0, 0.0
    local = vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(out)))
    spans = [
        vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(vertebra.mask(*parts))))
        for parts in (
            (SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT),
            (SubRegion.LAMINA_LEFT, SubRegion.LAMINA_RIGHT),
            (SubRegion.BODY,),
        )
    ]
    if min(len(span) for span in spans) == 0:
        return 0.0, float(out.sum() * volume)
    pedicles, laminae, body = spans
    wall = np.percentile(body[:, 1], 95)
    inner = min(np.percentile(np.abs(pedicles[:, 0]), 20), np.abs(body[:, 0]).max())
    inside = (np.abs(local[:, 0]) < inner) & (local[:, 1] > wall - 3) & (local[:, 1] < np.median(laminae[:, 1]))
    return float(inside.sum() * volume), float((~inside).sum() * volume)


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
