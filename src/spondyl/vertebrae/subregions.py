"""Which part of a vertebra is which: from its own shape around the canal, or from given labels."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.vertebrae.landmarks import LAMINA_SPAN, Landmarks

TPTBOX_ARCH = 41
TPTBOX_BODY = (49, 50)
TPTBOX_PARTS = {
    42: SubRegion.SPINOUS,
    43: SubRegion.TRANSVERSE_LEFT,
    44: SubRegion.TRANSVERSE_RIGHT,
    45: SubRegion.FACET_LEFT,
    46: SubRegion.FACET_RIGHT,
    47: SubRegion.FACET_LEFT,
    48: SubRegion.FACET_RIGHT,
}
"""Codes of TPTBox and SPINEPS (moeller2024)."""
PEDICLE_WIDTH_MM = 8.0
"""Where the transverse process begins, aside of the canal, where the pedicles themselves are not seen."""
PEDICLE_WIDTHS_MM = (3.0, 10.0)
"""Own choice: what pedicles measure from T1 to L4; in T1 a transverse process that reaches forward is none."""
PEDICLE_SHARE = 0.6
"""Own choice: further aside than this share of the canal's half width, before its middle, bone is pedicle."""
PEDICLE_SPAN = 0.5
"""Own choice: pedicles leave the body within this share of its height above and below its centre."""
PEDICLE_EDGE = 97.0
"""Own choice: percentile of the pedicles' voxels from the midline; beyond it are roots of processes."""
ROOT_MM = 3.0
"""Own choice: before the canal's middle a process begins this much further aside, as its root runs backward."""
ENOUGH_POINTS = 30
LAMINA_SHARE = 0.75
"""Own choice: depth of the lamina at the midline over the canal's half depth; beyond it is the spinous process."""
FLARE_MM = 1.5
"""Own choice: so much wider to each side than its front half may a body's back half be."""
FRONT_THIRD = 1 / 3
"""Own choice: no process of a cervical vertebra reaches beside this share of its body's voxels."""


def is_body(local_mm: NDArray[np.float64], marks: Landmarks) -> NDArray[np.bool_]:
    """Points (n, 3) in the frame that lie before the posterior wall, or bulge from it between the pedicles."""
    x, y, z = local_mm.T
    aside = np.abs(x - marks.canal_x_mm)
    before_wall = y <= marks.wall_at(z)
    bulge = (aside < 0.7 * marks.canal_half_width_mm) & (y < marks.canal_y_mm - 0.2 * marks.canal_half_depth_mm)
    return before_wall | bulge


def is_beside_body(local_mm: NDArray[np.float64], marks: Landmarks, region: Region) -> NDArray[np.bool_]:
    """Points that lie before the wall without being body: roots of processes and crumbs of ribs beside its back half.

    The back half of a body is no wider than its front half; in L5 the transverse processes start there. A cervical
    transverse process reaches further forward, but a cervical body is a little narrower than its canal
    (panjabi1991cervical: C3 to C7 16 to 23 mm against 23 to 26 mm).
    """
    aside, y = np.abs(local_mm[:, 0] - marks.canal_x_mm), local_mm[:, 1]
    before = y <= marks.wall_at(local_mm[:, 2])
    if not before.any():
        return before
    cervical = region is Region.CERVICAL
    front = before & (y <= np.quantile(y[before], FRONT_THIRD if cervical else 0.5))
    limit = np.percentile(aside[front], 98) + FLARE_MM
    if cervical:
        return aside > min(limit, marks.canal_half_width_mm)
    return before & ~front & (aside > limit)


def arch_parts(local_mm: NDArray[np.float64], marks: Landmarks, height_mm: float) -> NDArray[np.uint8]:
    """`SubRegion` of points (n, 3) behind the posterior wall; later rules overrule earlier ones.

    The borders are straight lines in lengths of this vertebra itself: the canal's half width and half depth and the
    body's height, and where its own pedicles end. Their places are an own choice, set on one lumbar vertebra with
    known parts and on thoracic ones of exactly known shape.
    """
    x, y, z = local_mm.T
    side = x - marks.canal_x_mm
    aside, behind, left = np.abs(side), y - marks.canal_y_mm, side >= 0
    width, depth = marks.canal_half_width_mm, marks.canal_half_depth_mm
    parts = np.where(left, SubRegion.LAMINA_LEFT, SubRegion.LAMINA_RIGHT).astype(np.uint8)

    def put(where: NDArray[np.bool_], if_left: SubRegion, if_right: SubRegion) -> None:
        parts[where & left] = if_left
        parts[where & ~left] = if_right

    superior = (aside > 0.5 * width) & (z + 0.55 * behind > 0.42 * height_mm)
    inferior = (aside > 0.2 * width) & (z - 0.5 * aside < -0.45 * height_mm)
    put(superior | inferior, SubRegion.FACET_LEFT, SubRegion.FACET_RIGHT)
    put((behind < 0) & (aside > PEDICLE_SHARE * width), SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT)
    outside = aside > _pedicles_edge(aside, behind, z, width, height_mm) + ROOT_MM * (behind < 0)
    put(outside & (z > -height_mm), SubRegion.TRANSVERSE_LEFT, SubRegion.TRANSVERSE_RIGHT)
    low, high = LAMINA_SPAN
    lamina = marks.back_at(np.clip(z, low * height_mm, high * height_mm))
    parts[(y > lamina + LAMINA_SHARE * depth) & (aside < 0.6 * width)] = SubRegion.SPINOUS
    return parts


def _pedicles_edge(
    aside: NDArray[np.float64],
    behind: NDArray[np.float64],
    z: NDArray[np.float64],
    width_mm: float,
    height_mm: float,
) -> float:
    """How far from the midline the pedicles reach: there the transverse processes begin."""
    level = (behind < 0) & (aside > PEDICLE_SHARE * width_mm) & (np.abs(z) < PEDICLE_SPAN * height_mm)
    if level.sum() < ENOUGH_POINTS:
        return width_mm + PEDICLE_WIDTH_MM
    edge = float(np.percentile(aside[level], PEDICLE_EDGE))
    return float(np.clip(edge, width_mm + PEDICLE_WIDTHS_MM[0], width_mm + PEDICLE_WIDTHS_MM[1]))


def given_body(codes: NDArray, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels of a vertebra's mask that given TPTBox codes call body; unlabelled ones go with the nearest label."""
    return np.isin(_completed(codes, mask), TPTBOX_BODY) & mask


def given_parts(codes: NDArray, mask: NDArray[np.bool_], own: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`SubRegion` labels from given TPTBox codes; the arch (41) is split as `own` labels say.

    What `own` does not call pedicle is lamina of its side there: a given arch has no processes in it.
    """
    full = _completed(codes, mask)
    parts = np.zeros(own.shape, np.uint8)
    for code, part in TPTBOX_PARTS.items():
        parts[full == code] = part
    arch = full == TPTBOX_ARCH
    parts[arch] = own[arch]
    parts[np.isin(full, TPTBOX_BODY)] = SubRegion.BODY
    parts[~mask] = 0
    return parts


def pedicles_in_one_piece(parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Labels in which each pedicle is its largest piece; a crumb goes to the part around it that it touches most.

    Straight borders can leave a few voxels of a curved process on the pedicle's side. Facets are no such parts: each
    holds an upper and a lower process.
    """
    parts = parts.copy()
    for pedicle in (SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT):
        pieces = cc3d.connected_components(parts == pedicle, connectivity=26)
        sizes = np.bincount(pieces.ravel())[1:]
        for number in np.flatnonzero(sizes < sizes.max(initial=0)) + 1:
            crumb = pieces == number
            around = parts[ndimage.binary_dilation(crumb, np.ones((3, 3, 3))) & ~crumb]
            others = around[(around > 0) & (around != pedicle)]
            if others.size:
                parts[crumb] = np.bincount(others).argmax()
    return parts


def arch_core(local_mm: NDArray[np.float64], marks: Landmarks) -> NDArray[np.uint8]:
    """Pedicles and laminae of points (n, 3) that are known to be neither body nor process."""
    side, behind = local_mm[:, 0] - marks.canal_x_mm, local_mm[:, 1] - marks.canal_y_mm
    pedicle = behind < 0
    return np.where(
        side >= 0,
        np.where(pedicle, SubRegion.PEDICLE_LEFT, SubRegion.LAMINA_LEFT),
        np.where(pedicle, SubRegion.PEDICLE_RIGHT, SubRegion.LAMINA_RIGHT),
    ).astype(np.uint8)


def _completed(codes: NDArray, mask: NDArray[np.bool_]) -> NDArray:
    known = (codes >= TPTBOX_ARCH) & (codes <= max(TPTBOX_BODY)) & mask
    if not known.any() or known[mask].all():
        return np.where(known, codes, 0)
    nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
    return np.where(mask, codes[tuple(nearest)], 0)
