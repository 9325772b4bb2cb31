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
    small = slices[:: coarse[0], :: coarse[1]]
    bone = spine[:: coarse[0], :: coarse[1]]
    spacing = (spacing_mm[0] * coarse[0], spacing_mm[1] * coarse[1])
    behind = np.where(lumbar, BEHIND_LUMBAR_MM, BEHIND_THORACIC_MM)
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for radius in RADII_MM:
        cost = np.stack(
            [_cost(small[:, :, n], bone[:, :, n], spacing, radius, behind[n]) for n in range(small.shape[2])], axis=-1
        )
        path = _path(cost, max(1, int(np.ceil(MOST_STEP_MM_PER_MM * step_mm / min(spacing)))))
        if not path:
            continue
        kept = _longest(np.array([np.isfinite(cost[i, j, n]) for n, (i, j) in enumerate(path)]))
        if kept is None or (kept.stop - kept.start) * step_mm < SHORTEST_MM:
            continue
        run = [n for n in range(kept.start, kept.stop) if np.isfinite(cost[*path[n], n])]
        score = radius * sum(MISSED - float(cost[*path[n], n]) for n in run)
        if best is None or score > best[0]:
            best = score, radius, np.array([(path[n][0] * coarse[0], path[n][1] * coarse[1], n) for n in run], float)
    if best is None:
        return None
    _, radius, centres = best
    return Column(centres, radius, _inside(slices, spacing_mm, centres, 0.7 * radius))


def _cost(
    image: NDArray[np.float32], bone: NDArray[np.bool_], spacing: tuple[float, float], radius: float, behind_mm: float
) -> NDArray[np.float32]:
    """Small for a good disc; infinite where no aorta can be."""
    none = np.full(image.shape, np.inf, dtype=np.float32)
    if not bone.any():
        return none
    place = _place(bone, spacing, radius, behind_mm)
    if not place.any():
        return none
    inner = _disc(radius, spacing)
    pad = max(inner.shape) + int(np.ceil(RING_MM / min(spacing)))
    box = tuple(slice(max(0, s.start - pad), s.stop + pad) for s in ndimage.find_objects(place.astype(np.uint8))[0])
    cut = np.clip(image[box], -200, 1000).astype(np.float64)
    count = inner.sum()
    mean = signal.fftconvolve(cut, inner, mode="same") / count
    square = signal.fftconvolve(cut**2, inner, mode="same") / count
    sd = np.sqrt(np.maximum(square - mean**2, 0.0))
    hit = signal.fftconvolve(bone[box].astype(float), inner, mode="same") > 0.5
    edge = np.maximum(EDGE_HU, EDGE_SDS * sd)
    reach = radius + RING_MM
    turns = np.linspace(0, 2 * np.pi, DIRECTIONS, endpoint=False)
    around = [
        ndimage.shift(
            cut, (-reach * np.cos(turn) / spacing[0], -reach * np.sin(turn) / spacing[1]), order=1, mode="nearest"
        )
        for turn in turns
    ]
    share = np.mean([np.abs(value - mean) > edge for value in around], axis=0)
    good = place[box] & ~hit & (mean > WINDOW_HU[0]) & (mean < WINDOW_HU[1])
    good &= (sd < WIDEST_SD_HU) & (share >= LEAST_ROUND)
    none[box] = np.where(good, 2 * (1 - share) + 0.6 * sd / WIDEST_SD_HU, np.inf)
    return none


def _place(bone: NDArray[np.bool_], spacing: tuple[float, float], radius: float, behind_mm: float) -> NDArray[np.bool_]:
    """Where the middle of an aorta can lie in one slice: in front of the vertebra and not far to the side."""
    i, j = np.nonzero(bone)
    middle = 0.5 * (i.min() + i.max())
    front = np.percentile(j, 2)
    grid_i, grid_j = np.indices(bone.shape)
    sideways, forward = (grid_i - middle) * spacing[0], (front - grid_j) * spacing[1]
    near = (sideways < LEFT_MM) & (sideways > -RIGHT_MM) & (forward < FRONT_MM) & (forward > -behind_mm)
    margin = [int(np.ceil(radius / step)) for step in spacing]
    whole = np.zeros_like(near)
    whole[margin[0] : bone.shape[0] - margin[0], margin[1] : bone.shape[1] - margin[1]] = True
    return near & whole


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
