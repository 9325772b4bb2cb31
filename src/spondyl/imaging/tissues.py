"""The patient's own tissues in a CT: air, fat, muscle, blood and compact bone, each as the peak that its voxels make.

Slices through the labelled vertebrae are looked at one by one, so that thick slices do no harm: a tissue is where the
lightly smoothed HU lie in its window, less a rim for partial volume. Its HU is the centre of the histogram's peak,
which fat between muscle fibres, vessels and noise do not move.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Region
from spondyl.core.volume import Volume
from spondyl.imaging.aorta import find_aorta
from spondyl.imaging.hounsfield import LOWEST_HU
from spondyl.values.density import Tissue, TissueSample
from spondyl.values.level_map import LevelMap

STEP_MM = 5.0
"""Own choice: distance of the slices looked at; tissues change little over less."""
MOST_SLICES = 80
"""Own choice: as many as 40 cm have at that distance; a longer stretch shows the same tissues in fewer."""
MOST_VALUES = 100_000
"""Own choice: the centre of a bell of 15 HU is then known to 0.05 HU."""
COARSE_MM = 1.4
"""Own choice: in-plane spacing after smoothing; finer voxels only cost time."""
SMOOTHING_MM = 1.2
"""Own choice: in the slice, so that noise does not empty a window."""
RIM_MM = 2.5
"""Own choice: a voxel closer to another tissue is partly that tissue after smoothing."""
WINDOWS_HU = {Tissue.AIR: (-1100.0, -900.0), Tissue.FAT: (-160.0, -35.0), Tissue.MUSCLE: (-5.0, 115.0)}
"""Own choice: wide enough for 80 to 140 kVp, fatty muscle and contrast medium."""
PLAUSIBLE_HU = {
    Tissue.AIR: (-1023.0, -940.0),
    Tissue.FAT: (-135.0, -50.0),
    Tissue.MUSCLE: (10.0, 90.0),
    Tissue.BLOOD: (15.0, 700.0),
    Tissue.BONE: (500.0, 2400.0),
}
"""Own choice: outside it the peak is another tissue, or the scan is not in HU."""
LEAST_MM3 = {
    Tissue.AIR: 5000.0,
    Tissue.FAT: 500.0,
    Tissue.MUSCLE: 500.0,
    Tissue.BLOOD: 1000.0,
    Tissue.BONE: 20.0,
}
"""Own choice: half a cube of 1 cm for soft tissue; the published method asks for 10 mm2 (michalski2020)."""
WIDEST_SD_HU = 45.0
"""Own choice: a soft tissue's smoothed voxels scatter less, or they are several tissues."""
OUTSIDE_MM = 6.0
"""Own choice: air this far from skin, clothes and table."""
BESIDE_MM = (12.0, 60.0)
"""Own choice: psoas and erector spinae lie this far from the vertebra's middle; nearer is the canal, farther kidney."""
BACK_MM = 30.0
"""Own choice: the erector spinae reaches this far behind the tip of the processes."""
COMPACT_SHARE = 0.005
"""Own choice: the densest two hundredth of the vertebrae is the most compact bone that the scan resolves."""
COMPACT_SMOOTHING_MM = 0.6
"""Own choice: noise would make the densest voxels denser still."""
OFF_HU = 3000.0
"""In place of metal and streaks: in no tissue's window."""
PADDING_SHARE = 0.5
"""Own choice: air of which this share has exactly the scan's lowest value is cut off or was never scanned."""


@dataclass(frozen=True, eq=False)
class Slices:
    """Some axial slices of a canonical CT, through labelled vertebrae."""

    hu: NDArray[np.float32]
    """Lightly smoothed."""
    raw: NDArray
    spine: NDArray[np.bool_]
    lumbar: NDArray[np.bool_]
    """(n,), slices through lumbar or sacral labels."""
    numbers: NDArray[np.int64]
    """Their places along k."""
    grid: Volume
    coarse: tuple[int, int]
    """Every how many voxels of the grid along i and j."""
    step_mm: float

    @cached_property
    def spacing_mm(self) -> tuple[float, float]:
        return self.grid.spacing_mm[0] * self.coarse[0], self.grid.spacing_mm[1] * self.coarse[1]

    @property
    def voxel_mm3(self) -> float:
        """Volume that one voxel stands for."""
        return self.spacing_mm[0] * self.spacing_mm[1] * self.step_mm

    @cached_property
    def bone(self) -> NDArray[np.bool_]:
        return self.spine | (self.hu > WINDOWS_HU[Tissue.MUSCLE][1])

    def deep(self, inside: NDArray[np.bool_], rim_mm: float) -> NDArray[np.bool_]:
        """Voxels with nothing that is not inside within `rim_mm` in the slice; the image's edge is no border."""
        reach = [int(rim_mm // step) for step in self.spacing_mm]
        padded = np.pad(inside, ((reach[0],) * 2, (reach[1],) * 2, (0, 0)), constant_values=True)
        kept = inside.copy()
        for i, j in product(range(-reach[0], reach[0] + 1), range(-reach[1], reach[1] + 1)):
            if 0 < np.hypot(i * self.spacing_mm[0], j * self.spacing_mm[1]) <= rim_mm:
                kept &= padded[reach[0] + i :, reach[1] + j :][: inside.shape[0], : inside.shape[1]]
        return kept

    def middle_mm(self, indices: NDArray) -> tuple[float, float, float]:
        """LPS of the mean of indices (n, 3) into these arrays."""
        i, j, n = indices.mean(axis=0)
        k = np.interp(n, np.arange(self.numbers.size), self.numbers)
        # The middle of the voxels that were averaged.
        x, y, z = self.grid.to_lps([(n + 0.5) * size - 0.5 for n, size in zip((i, j), self.coarse, strict=True)] + [k])
        return float(x), float(y), float(z)


def find_tissues(
    ct: Volume, levels: LevelMap, *, unusable: NDArray[np.bool_] | None = None
) -> tuple[TissueSample, ...]:
    """One sample of each tissue, used or left out with the reason.

    ct: HU, canonical; `levels` on its grid; unusable: metal and streaks, same shape.
    """
    slices = _slices(ct, levels, unusable)
    return (_air(slices), _fat(slices), _muscle(slices), _blood(slices), _compact_bone(ct, levels, unusable))


def peak(values: NDArray) -> tuple[float, float]:
    """Centre and sd of the highest peak: a Gaussian fitted to what lies within 1.5 sd of it, until it rests."""
    values = np.asarray(values[:: 1 + values.size // MOST_VALUES], dtype=np.float64)
    low, high = np.percentile(values, (1, 99))
    width = max((high - low) / 60, 1.0)
    counts, edges = np.histogram(values, bins=np.arange(low - width, high + 2 * width, width))
    smooth = ndimage.gaussian_filter1d(counts.astype(float), 1.5)
    top = int(smooth.argmax())
    # Width of the peak at 0.6 of its height is about one sd on each side.
    side = [np.abs(np.flatnonzero(smooth < 0.6 * smooth[top]) - top)]
    sd = max(float(side[0].min(initial=len(smooth))) * width, width)
    centre = float(0.5 * (edges[top] + edges[top + 1]))
    for _ in range(20):
        near = values[np.abs(values - centre) <= 1.5 * sd]
        moved, spread = float(near.mean()), float(near.std()) / _TRUNCATED_SD
        done = abs(moved - centre) < 0.01 and abs(spread - sd) < 0.01
        centre, sd = moved, max(spread, 0.1)
        if done:
            break
    return centre, sd


_TRUNCATED_SD = 0.7439
"""Sd of a standard normal cut at 1.5 sd on both sides."""


def _slices(ct: Volume, levels: LevelMap, unusable: NDArray[np.bool_] | None) -> Slices:
    dz = ct.spacing_mm[2]
    boxes = [levels.box(level) for level in levels.levels]
    low, high = min(box[0][2] for box in boxes), max(box[1][2] for box in boxes)
    stride = max(1, round(STEP_MM / dz), -(-(high - low) // MOST_SLICES))
    numbers = np.arange(low, high, stride)
    first, second = (max(1, round(COARSE_MM / step)) for step in ct.spacing_mm[:2])
    spine, lumbar = _spine(levels, numbers, (first, second))
    held = spine.any(axis=(0, 1))
    numbers, spine, lumbar = numbers[held], spine[:, :, held], lumbar[held]
    # Averaging has smoothed by a box already.
    sigma = [
        np.sqrt(max(SMOOTHING_MM**2 - (n * step) ** 2 / 12, 0.0)) / (n * step)
        for n, step in zip((first, second), ct.spacing_mm[:2], strict=True)
    ]
    hu = np.empty(spine.shape, dtype=np.float32)
    for n, k in enumerate(numbers):
        hu[:, :, n] = ndimage.gaussian_filter(_averaged(ct.array[:, :, k], first, second), sigma)
    if unusable is not None and unusable.any():
        hu[_sampled(unusable, numbers, (first, second))] = OFF_HU
    raw = _sampled(ct.array, numbers, (first, second))
    return Slices(hu, raw, spine, lumbar, numbers, ct, (first, second), dz * stride)


def _spine(
    levels: LevelMap, numbers: NDArray[np.int64], coarse: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which of the averaged voxels are vertebra, and which slices show a lumbar or sacral one."""
    labels = _sampled(levels.labels.array, numbers, coarse)
    low_regions = [int(level) for level in levels.levels if level.region in (Region.LUMBAR, Region.SACRAL)]
    return labels > 0, np.asarray(np.isin(labels, low_regions).any(axis=(0, 1)))


def _averaged(plane: NDArray, first: int, second: int) -> NDArray[np.float32]:
    """Mean of blocks of first x second voxels; what is left over at the far borders is dropped."""
    m, n = plane.shape[0] // first, plane.shape[1] // second
    blocks = plane[: m * first, : n * second].reshape(m, first, n, second)
    averaged: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return averaged


def _sampled(array: NDArray, numbers: NDArray[np.int64], coarse: tuple[int, int]) -> NDArray:
    """The voxel in the middle of each block that `_averaged` makes."""
    (first, second), (m, n) = coarse, array.shape[:2]
    across = array[first // 2 : m - m % first : first, second // 2 : n - n % second : second]
    return np.stack([across[:, :, k] for k in numbers], axis=-1)


def _air(slices: Slices) -> TissueSample:
    """In front of and beside the body: mattress and table lie behind. Not where the scanner writes a constant."""
    window = WINDOWS_HU[Tissue.AIR]
    thin = (slices.hu > window[0]) & (slices.hu < window[1])
    outside = np.zeros_like(thin)
    for n in range(thin.shape[2]):
        labels, _ = ndimage.label(thin[:, :, n])
        rim = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
        outside[:, :, n] = np.isin(labels, rim[rim > 0])
        outside[:, int(np.nonzero(slices.spine[:, :, n])[1].min()) :, n] = False
    where = slices.deep(outside, OUTSIDE_MM)
    lowest = slices.raw.min()
    constant = where & (slices.raw == lowest)
    if where.any() and constant.sum() > PADDING_SHARE * where.sum():
        # Scanned air beside padding remains when padding is a block: away from every constant voxel.
        where &= slices.deep(~ndimage.binary_opening(constant, np.ones((3, 3, 1))), OUTSIDE_MM)
        if np.count_nonzero(where & (slices.raw == lowest)) > PADDING_SHARE * max(where.sum(), 1):
            return _missing(Tissue.AIR, f"air is cut off at {max(float(lowest), LOWEST_HU):.0f} HU.")
    return _judged(Tissue.AIR, slices, where, "in front of the body", "no air outside the body is in the scan.")


def _fat(slices: Slices) -> TissueSample:
    window = WINDOWS_HU[Tissue.FAT]
    where = slices.deep((slices.hu > window[0]) & (slices.hu < window[1]), RIM_MM)
    return _judged(Tissue.FAT, slices, where, "under the skin and between organs", "no fat thick enough to measure.")


def _muscle(slices: Slices) -> TissueSample:
    """Beside and behind the vertebrae."""
    window = WINDOWS_HU[Tissue.MUSCLE]
    soft = (slices.hu > window[0]) & (slices.hu < window[1]) & ~slices.bone
    near = np.zeros_like(soft)
    for n in range(soft.shape[2]):
        i, j = np.nonzero(slices.spine[:, :, n])
        sideways = np.abs(np.arange(soft.shape[0]) - np.median(i)) * slices.spacing_mm[0]
        beside = (sideways > BESIDE_MM[0]) & (sideways < BESIDE_MM[1])
        back = np.arange(soft.shape[1])
        behind = (back > np.median(j)) & (back < j.max() + BACK_MM / slices.spacing_mm[1])
        near[:, :, n] = beside[:, None] & behind[None, :]
    where = near & slices.deep(soft, RIM_MM)
    return _judged(Tissue.MUSCLE, slices, where, "beside and behind the spine", "no muscle thick enough to measure.")


def _blood(slices: Slices) -> TissueSample:
    """In the aorta; whether it holds contrast medium is for `imaging.contrast` to say."""
    column = find_aorta(slices.hu, slices.spacing_mm, slices.step_mm, slices.spine, slices.lumbar)
    if column is None:
        return _missing(Tissue.BLOOD, "no aorta was found in front of the spine.")
    hu, sd = peak(column.values)
    volume = column.values.size * slices.voxel_mm3
    place = f"{len(column.centres) * slices.step_mm:.0f} mm of the aorta, {2 * column.radius_mm:.0f} mm wide"
    return _accepted(Tissue.BLOOD, hu, sd, volume, slices.middle_mm(column.centres), place)


def _compact_bone(ct: Volume, levels: LevelMap, unusable: NDArray[np.bool_] | None) -> TissueSample:
    """The densest bone of the labelled vertebrae: a lower bound of what compact bone has."""
    dense: list[NDArray[np.float32]] = []
    places: list[NDArray[np.float64]] = []
    for level in levels.levels:
        box = levels.box(level, 2.0)
        crop = ct.crop(*box)
        sigma = [COMPACT_SMOOTHING_MM / step for step in crop.spacing_mm]
        hu = ndimage.gaussian_filter(crop.array.astype(np.float32), sigma)
        mask = levels.labels.crop(*box).array == int(level)
        if unusable is not None:
            mask &= ~unusable[tuple(slice(a, b) for a, b in zip(*box, strict=True))]
        if not mask.any():
            continue
        least = np.quantile(hu[mask], 1 - COMPACT_SHARE)
        found = mask & (hu >= least)
        dense.append(hu[found])
        places.append(crop.to_lps(np.argwhere(found)).mean(axis=0))
    if not dense:
        return _missing(Tissue.BONE, "metal covers the vertebrae.")
    values = np.concatenate(dense)
    x, y, z = np.mean(places, axis=0)
    volume = values.size * ct.voxel_volume_mm3
    place = f"densest {100 * COMPACT_SHARE:g} % of {len(dense)} vertebrae"
    middle = float(np.median(values)), float(values.std())
    return _accepted(Tissue.BONE, *middle, volume, (float(x), float(y), float(z)), place)


def _judged(tissue: Tissue, slices: Slices, where: NDArray[np.bool_], place: str, absent: str) -> TissueSample:
    volume = float(where.sum()) * slices.voxel_mm3
    if volume < LEAST_MM3[tissue]:
        return _missing(tissue, absent if volume == 0 else f"only {volume / 1000:.2f} cm³ {place}.")
    hu, sd = peak(slices.hu[where])
    return _accepted(tissue, hu, sd, volume, slices.middle_mm(np.argwhere(where)), place)


def _accepted(
    tissue: Tissue, hu: float, sd: float, volume: float, centre: tuple[float, float, float], place: str
) -> TissueSample:
    """The sample with the last word on whether it is that tissue."""
    low, high = PLAUSIBLE_HU[tissue]
    said, used = place, True
    if volume < LEAST_MM3[tissue]:
        said, used = f"{place}: only {volume / 1000:.2f} cm³.", False
    elif not low <= hu <= high:
        said, used = f"{place}: {hu:.0f} HU is no {tissue.value} ({low:.0f} to {high:.0f} HU).", False
    elif tissue is not Tissue.BONE and sd > WIDEST_SD_HU:
        said, used = f"{place}: the voxels scatter by {sd:.0f} HU, which is more than one tissue.", False
    return TissueSample(tissue, hu, sd, volume, centre, used, said)


def _missing(tissue: Tissue, reason: str) -> TissueSample:
    return TissueSample(tissue, float("nan"), float("nan"), 0.0, None, False, reason)
