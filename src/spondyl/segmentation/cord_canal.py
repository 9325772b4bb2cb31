"""Where the spinal canal runs: soft tissue with bone all around, a body before it and a spinous process behind.

On a copy of 2 mm every soft voxel looks along 24 rays in its axial plane: it lies in the canal where opposite rays meet
bone at like distances. The canal is the path through all slices that gathers most of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.errors import UnsuitableImage
from spondyl.segmentation.compiled import kernel
from spondyl.segmentation.sampling import coarse_copy
from spondyl.segmentation.tracking import track

COARSE_MM = 2.0
BONE_HU, SOFT_HU, AIR_BELOW_HU = 150.0, (-40.0, 130.0), -150.0
"""Own choices: trabecular bone of most adults and all cortex lie above the first, cord, sac and fat among muscle in the
second, nothing inside a canal below the third."""
RAYS, REACH_MM, NEAREST_MM = 24, 20.0, 4.0
"""Own choices: canals are 12 to 30 mm wide, so bone lies 4 to 20 mm from their middle."""
STEP_COST = (0.045, 0.015)
"""Of a step of 2 mm a slice sideways and front to back, against scores of 0 to about 3. Own choice: the spine bends
more in the sagittal plane."""
LEAST_RUN_MM = 40.0
"""Own choice: two vertebrae. A shorter canal gives no row of levels."""


@dataclass(frozen=True, eq=False)
class CanalTrack:
    """The canal's middle in each 2 mm slice from `first_mm` upward, in mm of the grid."""

    places_mm: NDArray[np.float64]
    """(slices, 3), from below upward."""
    score: NDArray[np.float64]
    """(slices,), about 1 in a closed ring of bone, 0 where nothing speaks for a canal."""


@kernel
def _rays(kind: Any, wanted: Any, steps: Any, score: Any, aside: Any) -> None:
    """`kind`: 0 soft, 1 bone, 2 stops a ray. `steps` (rays, n, 2): voxels along each ray."""
    rays, length = steps.shape[0], steps.shape[1]
    nx, ny, nz = kind.shape
    hit = np.zeros(rays, np.float64)
    turn = 2 * np.pi / rays
    for x in range(nx):
        for y in range(ny):
            for z in range(nz):
                if not wanted[x, y, z]:
                    continue
                found, east, south, total, squares = 0, 0.0, 0.0, 0.0, 0.0
                for ray in range(rays):
                    hit[ray] = 0
                    for n in range(length):
                        i, j = x + steps[ray, n, 0], y + steps[ray, n, 1]
                        if i < 0 or j < 0 or i >= nx or j >= ny or kind[i, j, z] == 2:
                            break
                        if kind[i, j, z] == 1:
                            hit[ray] = 0.5 * n + 1
                            break
                    if hit[ray] > 0:
                        found += 1
                        east += np.cos(turn * ray) * hit[ray]
                        south += np.sin(turn * ray) * hit[ray]
                        total += hit[ray]
                        squares += hit[ray] ** 2
                if 2 * found < rays:
                    continue
                mean = total / found
                if mean * COARSE_MM < NEAREST_MM:
                    continue
                pairs = 0
                for ray in range(rays // 2):
                    if hit[ray] > 0 and hit[ray + rays // 2] > 0:
                        pairs += 1
                uneven = max(0.0, squares / found - mean * mean) / (mean * mean)
                off = (east / found) ** 2 + (south / found) ** 2
                share = 0.5 * found / rays + pairs / rays
                score[x, y, z] = share * np.exp(-2 * off / (mean * mean) - 2 * uneven)
                aside[0, x, y, z], aside[1, x, y, z] = east / found, south / found


def _ray_steps() -> NDArray[np.int64]:
    angle = np.arange(RAYS) * 2 * np.pi / RAYS
    reach = np.arange(1.0, REACH_MM / COARSE_MM + 0.01, 0.5)
    return np.rint(np.stack([np.outer(np.cos(angle), reach), np.outer(np.sin(angle), reach)], axis=-1)).astype(np.int64)


def _odd(length_mm: float) -> int:
    return int(length_mm / COARSE_MM) | 1


def _shifted(values: NDArray[np.float32], back: int) -> NDArray[np.float32]:
    """What lies `back` voxels behind each one (in front where negative); 0 outside."""
    out = np.zeros_like(values)
    if back > 0:
        out[:, :-back] = values[:, back:]
    else:
        out[:, -back:] = values[:, :back]
    return out


def _evidence(hu: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Score of each voxel for lying in the canal, and where the middle of its ring lies (2, ...) in voxels."""
    smooth = ndimage.gaussian_filter(np.clip(hu, -1024, 2000), 0.5)
    bony = np.clip(smooth, 0, 300) / 300
    body = ndimage.uniform_filter(bony, (_odd(26), _odd(24), 5))
    before = np.clip((_shifted(body, -round(22 / COARSE_MM)) - 0.15) / 0.25, 0, 1)
    process = ndimage.maximum_filter(ndimage.uniform_filter(bony, (5, 3, 7)), (3, 1, 1))
    behind = _shifted(process, round(14 / COARSE_MM))
    kind = (smooth > BONE_HU).astype(np.uint8)
    kind[smooth < AIR_BELOW_HU] = 2
    wanted = (smooth >= SOFT_HU[0]) & (smooth <= SOFT_HU[1]) & (before > 0)
    ring = np.zeros(hu.shape, np.float32)
    aside = np.zeros((2, *hu.shape), np.float32)
    _rays(kind, wanted, _ray_steps(), ring, aside)
    along = ndimage.uniform_filter1d(ring, _odd(10), axis=2)
    return (along + 0.5 * ring) * before * (0.5 + behind), aside


def find_canal(hu: NDArray[Any], spacing_mm: tuple[float, float, float]) -> CanalTrack:
    """The canal of a scan (left, back, up). Raises UnsuitableImage where no spine is seen."""
    coarse = coarse_copy(hu, spacing_mm, COARSE_MM)
    score, aside = _evidence(coarse)
    layers = np.ascontiguousarray(score.transpose(2, 0, 1))
    path = track(layers, reach=2, cost=STEP_COST)
    found = _taken(layers, path)
    first, last = _good_run(path, found)
    layers = _towards(layers, aside, path, first, last)
    path = track(layers, reach=2, cost=STEP_COST)
    first, last = _grown(_taken(layers, path), first, last)
    if (last - first) * COARSE_MM < LEAST_RUN_MM:
        raise UnsuitableImage(
            "no spinal canal is seen in this CT.", "Give a scan that shows at least three vertebrae, or a mask of them."
        )
    z = np.arange(first, last + 1)
    x, y = path[z].T
    places = np.stack([x + 0.7 * aside[0, x, y, z], y + 0.7 * aside[1, x, y, z], z], axis=1)
    return CanalTrack(places * COARSE_MM, layers[z, x, y].astype(np.float64))


def _taken(layers: NDArray[np.float32], path: NDArray[np.int64]) -> NDArray[np.float32]:
    return layers[np.arange(len(path)), path[:, 0], path[:, 1]]


def _good_run(path: NDArray[np.int64], found: NDArray[np.float32]) -> tuple[int, int]:
    """First and last slice of the longest stretch that scores well and does not jump sideways."""
    score = ndimage.median_filter(found, 5)
    usual = np.median(score[score >= np.percentile(score, 40)])
    sideways = np.abs(ndimage.gaussian_filter1d(np.gradient(path[:, 0].astype(float)), 2))
    good = (score > 0.3 * usual) & (sideways < 0.7)
    good |= ndimage.binary_closing(good, iterations=6)
    runs, count = ndimage.label(good)
    if not count or usual <= 0:
        return 0, 0
    longest = 1 + int(np.argmax(ndimage.sum_labels(score, runs, np.arange(1, count + 1))))
    inside = np.flatnonzero(runs == longest)
    return int(inside[0]), int(inside[-1])


def _towards(
    layers: NDArray[np.float32], aside: NDArray[np.float32], path: NDArray[np.int64], first: int, last: int
) -> NDArray[np.float32]:
    """Beyond the good stretch only a cone about its straight continuation counts: in the pelvis the ring of the ilium
    would win otherwise."""
    out = layers.copy()
    xs, ys = np.arange(layers.shape[1]), np.arange(layers.shape[2])
    for end, inner, beyond in (
        (first + 4, slice(first + 4, first + 34), range(0, first + 4)),
        (last - 4, slice(max(last - 34, 0), last - 4), range(last - 3, len(layers))),
    ):
        z = np.arange(len(path))[inner]
        z = z[(z >= first) & (z <= last)]
        if len(z) < 12:
            continue
        line_x, line_y = np.polyfit(z, path[z, 0], 1), np.polyfit(z, path[z, 1], 1)
        for k in beyond:
            away = k - end
            x = np.polyval(line_x, end) + 0.7 * line_x[0] * away
            y = np.polyval(line_y, end) + line_y[0] * away
            cone_x = np.exp(-0.5 * ((xs - x) / (2.5 + 0.05 * abs(away))) ** 2)
            cone_y = np.exp(-0.5 * ((ys - y) / (3 + 0.35 * abs(away))) ** 2)
            out[k] *= cone_x[:, None] * cone_y[None, :]
    return out


def _grown(found: NDArray[np.float32], first: int, last: int) -> tuple[int, int]:
    score = ndimage.gaussian_filter1d(found.astype(np.float64), 2)
    least = 0.12 * np.median(score[first : last + 1])
    while first > 0 and score[first - 1] > least:
        first -= 1
    while last < len(score) - 1 and score[last + 1] > least:
        last += 1
    return first, last
