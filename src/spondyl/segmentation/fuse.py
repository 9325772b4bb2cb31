"""Each voxel's vertebra: how likely its place is, and whether it looks like bone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.segmentation.compiled import kernel
from spondyl.segmentation.prior import SHAPE, START, STEP, normal_place, prior_of
from spondyl.segmentation.rows import Span
from spondyl.segmentation.straight import Straight, places_of_voxels

BONE_HU, BONE_SPREAD_HU = 140.0, 45.0
BONE_WEIGHT = 3.0
LEAST = 0.004
"""Own choices, by overlap on real scans and phantoms: bone and none are equally likely at the first; what looks like
bone or like none is worth odds of exp(3); the prior's odds end at 1 to 250."""
NEVER = 0.02
"""Own choice: below it no density makes a place part of the vertebra."""
SOFTNESS = 0.9
"""Own choice: steps of the prior's grid (about 1.5 mm) that it is blurred by, for what people differ beyond the
phantoms."""
NO_BONE_HU = -150.0
CANAL_MM = (5.0, 4.0)
"""Own choice: half width and half depth about the canal's middle that no vertebra holds; canals are at least 12 mm."""
REACH_SIDE_MM, REACH_BACK_MM, REACH_FRONT_MM = 60.0, 76.0, 66.0


@kernel
def _likely(places: Any, numbers: Any, ranges: Any, priors: Any, names: Any, best: Any, which: Any) -> None:
    """The highest prior of each straightened place (3, ...) and whose it is."""
    nu, nv, nx = priors.shape[1:]
    for x in range(best.shape[0]):
        for y in range(best.shape[1]):
            for z in range(best.shape[2]):
                s, a, left = places[0, x, y, z], places[1, x, y, z], places[2, x, y, z]
                if np.isnan(s):
                    continue
                for k in range(len(numbers)):
                    if s < ranges[k, 0] or s > ranges[k, 1]:
                        continue
                    u, v, w = normal_place(numbers[k], s, a, left)
                    fu, fv, fx = (u - START[0]) / STEP[0], (v - START[1]) / STEP[1], (w - START[2]) / STEP[2]
                    if not (0 <= fu < nu - 1 and 0 <= fv < nv - 1 and 0 <= fx < nx - 1):
                        continue
                    i, j, m = int(fu), int(fv), int(fx)
                    fu, fv, fx = fu - i, fv - j, fx - m
                    p = priors[k]
                    low = (p[i, j, m] * (1 - fx) + p[i, j, m + 1] * fx) * (1 - fv)
                    low += (p[i, j + 1, m] * (1 - fx) + p[i, j + 1, m + 1] * fx) * fv
                    high = (p[i + 1, j, m] * (1 - fx) + p[i + 1, j, m + 1] * fx) * (1 - fv)
                    high += (p[i + 1, j + 1, m] * (1 - fx) + p[i + 1, j + 1, m + 1] * fx) * fv
                    here = low * (1 - fu) + high * fu
                    if here > best[x, y, z]:
                        best[x, y, z], which[x, y, z] = here, names[k]


@dataclass(frozen=True, eq=False)
class Row:
    """The named vertebrae as the kernel takes them."""

    numbers: NDArray[np.float64]
    ranges: NDArray[np.float64]
    priors: NDArray[np.float32]
    names: NDArray[np.int64]

    def likely(self, places: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        best, which = np.zeros(places.shape[1:], np.float32), np.zeros(places.shape[1:], np.uint8)
        _likely(places, self.numbers, self.ranges, self.priors, self.names, best, which)
        return best, which


def row_of(named: Mapping[Level, Span]) -> Row:
    numbers = np.array([span.numbers() for span in named.values()])
    low, high = START[0], START[0] + STEP[0] * (SHAPE[0] - 1)
    tilt = 1.2 * (np.abs(numbers[:, [1, 4]]).max(axis=1) * numbers[:, 7] + np.abs(numbers[:, [2, 5]]).max(axis=1) * 25)
    middle, height = 0.5 * (numbers[:, 0] + numbers[:, 3]), numbers[:, 3] - numbers[:, 0]
    ranges = np.column_stack([middle + 1.3 * low * height - tilt, middle + 1.3 * high * height + tilt])
    priors = np.stack([ndimage.gaussian_filter(prior_of(level), SOFTNESS) for level in named])
    return Row(numbers, ranges, priors, np.array([int(level) for level in named]))


def _looks_like_bone(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    out: NDArray[np.float32] = 1 / (1 + np.exp(-(np.clip(hu, -300, 800) - BONE_HU) / BONE_SPREAD_HU))
    return out


def label(straight: Straight, named: Mapping[Level, Span]) -> NDArray[np.uint8]:
    """`Level` integers on the scan's grid."""
    hu, spacing = straight.scan_hu, straight.spacing_mm
    start, stop = _box(straight)
    box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
    crop = np.clip(hu[box], -300, 1500).astype(np.float32)
    crop = ndimage.gaussian_filter(crop, [0.5 / step for step in spacing])
    row = row_of(named)
    places = places_of_voxels(straight.line, spacing, start, stop)
    canal = (np.abs(places[2]) < CANAL_MM[0]) & (np.abs(places[1]) < CANAL_MM[1])
    best, which = row.likely(places)
    odds = np.clip(best, LEAST, 1 - LEAST)
    odds = np.log(odds / (1 - odds)) + BONE_WEIGHT * (2 * _looks_like_bone(crop) - 1)
    which[(odds <= 0) | (best < NEVER) | (crop < NO_BONE_HU) | canal] = 0
    found = _filled(which, spacing)
    found[canal] = 0
    out = np.zeros(hu.shape, np.uint8)
    out[box] = found
    return out


def _box(straight: Straight) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Voxels that the straightened scan reaches."""
    line, spacing = straight.line, np.array(straight.spacing_mm)
    corners = [
        line.middle_mm + a * line.front + side * line.left
        for a in (-REACH_BACK_MM, REACH_FRONT_MM)
        for side in (-REACH_SIDE_MM, REACH_SIDE_MM)
    ]
    points = np.concatenate(corners) / spacing
    shape = np.array(straight.scan_hu.shape)
    start = np.clip(np.floor(points.min(axis=0)), 0, shape - 1).astype(np.int64)
    stop = np.clip(np.ceil(points.max(axis=0)) + 1, start + 1, shape).astype(np.int64)
    start[2], stop[2] = 0, shape[2]
    return start, stop


SPECK_SHARE, SPECK_VOXELS = 0.02, 30
HOLE_MM2 = 45.0
"""Own choices: pieces smaller than these are dropped, holes of an axial slice smaller than this are filled (marrow and
lytic lesions within a closed cortex; the canal is larger)."""


def _filled(labels: NDArray[np.uint8], spacing_mm: tuple[float, float, float]) -> NDArray[np.uint8]:
    out = labels.copy()
    pixel = spacing_mm[0] * spacing_mm[1]
    for number, box in enumerate(ndimage.find_objects(labels), 1):
        if box is None:
            continue
        mask = labels[box] == number
        pieces, count = ndimage.label(mask)
        if count > 1:
            sizes = np.bincount(pieces.ravel())
            sizes[0] = 0
            kept = np.isin(pieces, np.flatnonzero(sizes > max(SPECK_SHARE * sizes.max(), SPECK_VOXELS)))
            out[box][mask & ~kept] = 0
            mask = kept
        hole = ndimage.binary_fill_holes(mask) & ~mask
        for z in range(mask.shape[2]):
            flat = ndimage.binary_fill_holes(mask[:, :, z]) & ~mask[:, :, z]
            if flat.any():
                parts, _ = ndimage.label(flat)
                area = np.bincount(parts.ravel()) * pixel
                area[0] = np.inf
                hole[:, :, z] |= area[parts] < HOLE_MM2
        inside = out[box]
        inside[hole & (inside == 0)] = number
    return out
