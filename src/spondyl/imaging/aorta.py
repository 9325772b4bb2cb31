"""The aorta beside the spine, found as a round, even column of soft tissue in front of the vertebrae.

In each slice, discs of several sizes are laid on every place where an aorta can be; a good disc is even inside and
differs from its surroundings in most directions. The column is the path down the slices whose discs are best and stay
together.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

RADII_MM = (7.0, 9.0, 11.0, 13.5)
"""Aortas are 15 to 30 mm wide; own choice of steps."""
RING_MM = 3.0
"""Own choice: how far outside the disc its surroundings are looked at, past the wall."""
WINDOW_HU = (10.0, 700.0)
"""Own choice: blood, thin or full of contrast medium; not fat and not bone."""
MOST_STEP_MM_PER_MM = 1.0
"""Own choice: the column leans by 45 degrees at most."""
EDGE_HU, EDGE_SDS = 25.0, 2.0
"""Own choice: outside its wall the surroundings differ from blood by this much, in HU and in sds of the disc."""
DIRECTIONS = 12
LEAST_ROUND = 0.6
"""Own choice: share of directions with an edge; vertebra, crus or gullet may touch the aorta without one."""
WIDEST_SD_HU = 40.0
"""Own choice: blood is even; calcium in the wall and noise scatter less."""
MISSED = 1.5
"""Own choice: what a slice without a good disc costs the path; a barely good disc costs 1.4."""
SHORTEST_MM = 30.0
"""Own choice: less of it is no column."""
FRONT_MM, LEFT_MM, RIGHT_MM = 45.0, 45.0, 18.0
"""Own choice: from the front of the vertebra forward, and from its middle to the patient's left and right."""
BEHIND_THORACIC_MM, BEHIND_LUMBAR_MM = 25.0, 0.0
"""Own choice: the thoracic aorta may lie beside the body; beside a lumbar body lies the psoas."""
SEARCH_MM = 1.5
"""Own choice: spacing at which discs are tried."""


@dataclass(frozen=True, eq=False)
class Column:
    centres: NDArray[np.float64]
    """(n, 3): place in the slices' own index coordinates (i, j) and the slice's number."""
    radius_mm: float
    values: NDArray[np.float64]
    """HU of the voxels in the inner part of the discs."""


def find_aorta(
    slices: NDArray[np.float32],
    spacing_mm: tuple[float, float],
    step_mm: float,
    spine: NDArray[np.bool_],
    lumbar: NDArray[np.bool_],
) -> Column | None:
    """The longest, best column of discs, or None.

    slices: (i to the left, j to the back, n) lightly smoothed HU, `step_mm` apart; spine: vertebrae, same shape;
    lumbar: (n,), whether the vertebra in a slice is a lumbar one.
    """
    coarse = [max(1, round(SEARCH_MM / step)) for step in spacing_mm]
    spacing = (spacing_mm[0] * coarse[0], spacing_mm[1] * coarse[1])
    behind = np.where(lumbar, BEHIND_LUMBAR_MM, BEHIND_THORACIC_MM)
    window = _window(slices[:: coarse[0], :: coarse[1]], spine[:: coarse[0], :: coarse[1]], spacing, behind)
    corner = np.array([window.corner[0] * coarse[0], window.corner[1] * coarse[1]])
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for radius in RADII_MM:
        cost = _cost(window, spacing, radius)
        path = _path(cost, max(1, int(np.ceil(MOST_STEP_MM_PER_MM * step_mm / min(spacing)))))
        if not path:
            continue
        kept = _longest(np.array([np.isfinite(cost[i, j, n]) for n, (i, j) in enumerate(path)]))
        if kept is None or (kept.stop - kept.start) * step_mm < SHORTEST_MM:
            continue
        run = [n for n in range(kept.start, kept.stop) if np.isfinite(cost[*path[n], n])]
        score = radius * sum(MISSED - float(cost[*path[n], n]) for n in run)
        if best is None or score > best[0]:
            at = [(*(np.multiply(path[n], coarse) + corner), n) for n in run]
            best = score, radius, np.array(at, float)
    if best is None:
        return None
    _, radius, centres = best
    return Column(centres, radius, _inside(slices, spacing_mm, centres, 0.7 * radius))


@dataclass(frozen=True, eq=False)
class _Window:
    """All slices over the rectangle that holds every place where an aorta can be, and what a disc there reaches."""

    hu: NDArray[np.float32]
    bone: NDArray[np.bool_]
    place: NDArray[np.bool_]
    """Where the aorta's middle can lie."""
    corner: tuple[int, int]
    border: NDArray[np.float64]
    """Distance of each voxel from the image's edge in mm."""


def _window(
    slices: NDArray[np.float32],
    spine: NDArray[np.bool_],
    spacing: tuple[float, float],
    behind_mm: NDArray[np.float64],
) -> _Window:
    place = np.stack([_place(spine[:, :, n], spacing, behind_mm[n]) for n in range(spine.shape[2])], axis=-1)
    reach = [int(np.ceil((max(RADII_MM) + RING_MM) / step)) + 1 for step in spacing]
    sides = [np.flatnonzero(place.any(axis=axes)) for axes in ((1, 2), (0, 2))]
    box = tuple(
        slice(max(0, side.min(initial=n) - more), side.max(initial=0) + more + 1)
        for side, more, n in zip(sides, reach, place.shape, strict=False)
    )
    i, j = (np.arange(n) for n in place.shape[:2])
    border = np.minimum.outer(
        np.minimum(i, place.shape[0] - 1 - i) * spacing[0], np.minimum(j, place.shape[1] - 1 - j) * spacing[1]
    )
    return _Window(
        hu=np.clip(slices[box], -200, 1000),
        bone=spine[box],
        place=place[box],
        corner=(box[0].start, box[1].start),
        border=border[box],
    )


def _cost(window: _Window, spacing: tuple[float, float], radius: float) -> NDArray[np.float32]:
    """Small for a good disc; infinite where no aorta can be."""
    if not window.place.any():
        return np.full(window.place.shape, np.inf, dtype=np.float32)
    inner = _disc(radius, spacing)[:, :, None].astype(np.float32)

    def summed(values: NDArray) -> NDArray[np.float32]:
        found: NDArray[np.float32] = signal.fftconvolve(values, inner, mode="same", axes=(0, 1))
        return found

    count = inner.sum()
    mean = summed(window.hu) / count
    sd = np.sqrt(np.maximum(summed(window.hu**2) / count - mean**2, 0.0))
    good = window.place & (window.border >= radius)[:, :, None] & (summed(window.bone.astype(np.float32)) <= 0.5)
    good &= (mean > WINDOW_HU[0]) & (mean < WINDOW_HU[1]) & (sd < WIDEST_SD_HU)
    # Only the places left are asked for their surroundings.
    i, j, n = np.nonzero(good)
    edge = np.maximum(EDGE_HU, EDGE_SDS * sd[i, j, n])
    differs = np.zeros(i.size)
    for turn in np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False):
        away = [
            (radius + RING_MM) * part / step for part, step in zip((np.cos(turn), np.sin(turn)), spacing, strict=True)
        ]
        outside = ndimage.map_coordinates(window.hu, [i + away[0], j + away[1], n], order=1, mode="nearest")
        differs += np.abs(outside - mean[i, j, n]) > edge
    share = differs / DIRECTIONS
    cost = np.full(window.place.shape, np.inf, dtype=np.float32)
    cost[i, j, n] = np.where(share >= LEAST_ROUND, 2 * (1 - share) + 0.6 * sd[i, j, n] / WIDEST_SD_HU, np.inf)
    return cost


def _place(bone: NDArray[np.bool_], spacing: tuple[float, float], behind_mm: float) -> NDArray[np.bool_]:
    """Where the middle of an aorta can lie in one slice: in front of the vertebra and not far to the side."""
    i, j = np.nonzero(bone)
    if not i.size:
        return np.zeros(bone.shape, dtype=bool)
    sideways = (np.arange(bone.shape[0]) - 0.5 * (i.min() + i.max())) * spacing[0]
    forward = (np.percentile(j, 2) - np.arange(bone.shape[1])) * spacing[1]
    beside = (sideways < LEFT_MM) & (sideways > -RIGHT_MM)
    near: NDArray[np.bool_] = np.logical_and.outer(beside, (forward < FRONT_MM) & (forward > -behind_mm))
    return near


def _path(cost: NDArray[np.float32], reach: int) -> list[tuple[int, int]]:
    """The cheapest way down the slices, one place in each and none far from the last: dynamic programming."""
    boxes = ndimage.find_objects(np.isfinite(cost).any(axis=2).astype(np.uint8))
    if not boxes:
        return []
    start = boxes[0][0].start, boxes[0][1].start
    cost = cost[boxes[0]]
    bounded = np.where(np.isfinite(cost), cost, MISSED)
    total = bounded[:, :, 0]
    back: list[NDArray[np.intp]] = []
    steps = list(product(range(-reach, reach + 1), repeat=2))
    for n in range(1, cost.shape[2]):
        padded = np.pad(total, reach, constant_values=np.inf)
        options = np.stack(
            [padded[reach + a : reach + a + total.shape[0], reach + b : reach + b + total.shape[1]] for a, b in steps]
        )
        choice = options.argmin(axis=0)
        back.append(choice)
        total = np.take_along_axis(options, choice[None], axis=0)[0] + bounded[:, :, n]
    i, j = np.unravel_index(int(total.argmin()), total.shape)
    path = [(int(i), int(j))]
    for choice in reversed(back):
        a, b = steps[int(choice[path[-1]])]
        path.append((path[-1][0] + a, path[-1][1] + b))
    return [(i + start[0], j + start[1]) for i, j in reversed(path)]


def _longest(good: NDArray[np.bool_]) -> slice | None:
    """The longest run of good slices, single poor ones bridged."""
    bridged = ndimage.binary_closing(np.pad(good, 2), np.ones(3))[2:-2]
    runs = ndimage.find_objects(ndimage.label(bridged)[0])
    return max((run[0] for run in runs), key=lambda run: run.stop - run.start, default=None)


def _disc(radius_mm: float, spacing: tuple[float, float]) -> NDArray[np.float64]:
    reach = [int(np.ceil(radius_mm / step)) for step in spacing]
    i, j = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1]
    return (np.hypot(i * spacing[0], j * spacing[1]) <= radius_mm).astype(float)


def _inside(
    slices: NDArray[np.float32], spacing: tuple[float, float], centres: NDArray[np.float64], radius_mm: float
) -> NDArray[np.float64]:
    disc = _disc(radius_mm, spacing) > 0
    offsets = np.argwhere(disc) - np.array(disc.shape) // 2
    found = []
    for i, j, n in centres.astype(int):
        at = offsets + np.array([i, j])
        at = at[((at >= 0) & (at < slices.shape[:2])).all(axis=1)]
        found.append(slices[at[:, 0], at[:, 1], n])
    return np.concatenate(found).astype(np.float64)
