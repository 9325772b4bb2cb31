"""What this vertebra's bone should look like, learnt from the patient's own other vertebrae and from its own two sides.

Each vertebra gives a small sample: middle and spread of the density in every cell and layer of its anatomy, relative
to the middle of its spongy bone. What is expected of one level comes from the others near it, so that a lesion never
speaks for itself, and the medians bear lesions in a minority of the levels. An arch that departs on both sides alike is
built so. With too few other levels the vertebra's own bone is asked, held within the norms for adults.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.place import BODY_CELLS, CELLS, KINDS, LAYERS, Place, crop_to, locate
from spondyl.values.vertebra import Vertebra

Array = NDArray[np.floating]

SEEN_VOXELS = 8
"""Own choice: fewer voxels than this tell nothing about a cell and layer."""
NEAREST_LEVELS = 6
"""Own choice: bone changes along the spine, so only the nearest levels are asked."""
FEWEST_LEVELS = 3
"""Own choice: with fewer other levels a spread between vertebrae can't be told."""
NORM_HU = (13.0, 314.0)
"""Spongy bone of adults: mean - 2 SD from 90 years on (89 and 38 HU) to mean + 2 SD under 30 (226 and 44 HU), L1
[jang2019]. The patient's age is not asked for, so the whole range is taken."""
BASE_SPREADS, BASE_FLOOR_HU = 2.0, 15.0
"""Own choice: a vertebra's own middle is believed within so many spreads of what its neighbours predict; no two
vertebrae are more alike than the floor."""
SIDES_HU = 200.0
"""Own choice: so much may both sides of an arch depart together and still be held for build or wear."""
SPREAD_FLOOR_HU = 30.0
"""Own choice: bone is nowhere more even than this in scan after scan; keeps a chance agreement from shouting."""
NOISE_HU = (5.0, 80.0)
"""Own choice: limits of what is believed of the noise; a guess of 25 HU where no soft tissue is seen."""
NOISE_GUESS_HU = 25.0
SOFT_HU = (-50.0, 130.0)
"""Own choice: soft tissue, in which noise is read off."""
MUSCLE_BIN_HU, MUSCLE_HALF_HU = 5.0, 20.0
"""Own choice: bins in which the commonest soft tissue is sought, and the half width over which it is averaged."""
MUSCLE_GUESS_HU = 50.0
"""Own choice: unenhanced muscle, where a scan shows none."""
TUMOUR_OVER_MUSCLE_HU = -5.0
"""Own choice: soft tumour takes up contrast medium much as muscle does, and lies near it without: read off the scan,
so that neither contrast medium nor a scanner's offset makes tumour of marrow or marrow of tumour."""


@dataclass(frozen=True, eq=False)
class LevelSample:
    """A few numbers of one level; cells and layers as in `place`."""

    level: Level
    base_hu: float
    """Median of the spongy bone inside the body; NaN when there is none."""
    noise_hu: float
    """Standard deviation of the scan's noise, from soft tissue beside the bone."""
    offset_hu: NDArray[np.float32]
    """(CELLS * LAYERS,) median density over the base; NaN where too few voxels."""
    spread_hu: NDArray[np.float32]
    """(CELLS * LAYERS,) half the width of the middle 68 %: texture and noise."""
    vein_hu: float
    """Median density over the base where the basivertebral vein runs; NaN where too few voxels."""
    sides_hu: NDArray[np.float32]
    """(2, len(KINDS), LAYERS) as `offset_hu`, for the left and the right part of each kind."""
    muscle_hu: float = float("nan")
    """The commonest soft tissue beside the bone; NaN where the crop shows next to none."""


@dataclass(frozen=True, eq=False)
class Reference:
    samples: tuple[LevelSample, ...]


@dataclass(frozen=True, eq=False)
class Expected:
    """Of one level, by cell and layer: density and its standard deviation, HU; NaN where it can't be told."""

    base_hu: float
    noise_hu: float
    hu: Array
    spread_hu: Array
    levels_asked: int
    own_hu: float
    """Middle of this vertebra's own spongy bone, whatever was expected."""
    vein_hu: float = float("nan")
    """The other levels' median where the basivertebral vein runs, over their base."""
    one_sided: bool = False
    """All of the levels asked lie above, or all below: bone changes along the spine."""
    lytic_hu: float = MUSCLE_GUESS_HU + TUMOUR_OVER_MUSCLE_HU
    """What soft tumour looks like in this scan."""

    def field(self, place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(hu, spread_hu) for every voxel; NaN where bone is not judged."""
        hu, spread = np.append(self.hu, np.nan), np.append(self.spread_hu, np.nan)
        return hu[place.cell].astype(np.float32), spread[place.cell].astype(np.float32)


def smooth(hu: NDArray, where: NDArray[np.bool_], sigma_mm: float, grid: Volume) -> NDArray[np.float32]:
    """Gaussian mean over the voxels in `where`; NaN elsewhere."""
    mean = weighted_mean(hu, where.astype(np.float32), sigma_mm, grid)
    return np.where(where, mean, np.nan).astype(np.float32)


def weighted_mean(values: NDArray, weight: NDArray, sigma_mm: float, grid: Volume) -> NDArray[np.float32]:
    """Gaussian mean of `values`, each counted with its weight; NaN where the weights near are nothing."""
    sigma = [sigma_mm / step for step in grid.spacing_mm]
    known = weight > 0
    total = ndimage.gaussian_filter(
        np.where(known, values, 0).astype(np.float32) * weight, sigma, mode="constant", truncate=3
    )
    near = ndimage.gaussian_filter(weight.astype(np.float32), sigma, mode="constant", truncate=3)
    return np.where(near > 1e-4, total / np.maximum(near, 1e-6), np.nan).astype(np.float32)


def collect_reference(ct: Volume, vertebra: Vertebra, exclude: NDArray[np.bool_] | None = None) -> LevelSample:
    """The sample of one level; `exclude` (on the grid of `parts`) keeps a known lesion out of it."""
    hu = crop_to(ct, vertebra)
    return sample_of(hu, locate(vertebra, hu), vertebra, exclude)


def sample_of(hu: NDArray, place: Place, vertebra: Vertebra, exclude: NDArray[np.bool_] | None = None) -> LevelSample:
    keep = place.judged if exclude is None else place.judged & ~exclude
    spongy = hu[place.spongy & keep]
    base = float(np.median(spongy)) if spongy.size >= SEEN_VOXELS else float("nan")
    middle, spread = _by_number(hu[keep], place.cell[keep], CELLS * LAYERS)
    vein = keep & place.at_vein
    sides = np.stack([_side(hu, place, vertebra, keep, side) for side in (0, 1)])
    return LevelSample(
        vertebra.level,
        base,
        noise_of(hu, place, vertebra.parts),
        (middle - base).astype(np.float32),
        spread.astype(np.float32),
        float(np.median(hu[vein]) - base) if vein.sum() >= SEEN_VOXELS else float("nan"),
        (sides - base).astype(np.float32),
        muscle_of(hu, place, vertebra.parts),
    )


def _side(hu: NDArray, place: Place, vertebra: Vertebra, keep: NDArray[np.bool_], side: int) -> Array:
    """Medians of one side's arch by kind and layer; unpaired kinds stand on both sides."""
    numbers = np.full(max(SubRegion) + 1, -1)
    for kind, members in enumerate(KINDS[1:], start=1):
        numbers[int(members[min(side, len(members) - 1)])] = kind
    kind = numbers[vertebra.parts.array[keep]]
    layer = place.cell[keep] % LAYERS
    here = kind > 0
    return _by_number(hu[keep][here], (kind * LAYERS + layer)[here], len(KINDS) * LAYERS)[0].reshape(-1, LAYERS)


def _by_number(values: NDArray, numbers: NDArray, count: int) -> tuple[Array, Array]:
    """Median and half width of the middle 68 % by number; NaN where too few."""
    middle, spread = np.full(count, np.nan), np.full(count, np.nan)
    order = np.argsort(numbers, kind="stable")
    present, starts = np.unique(numbers[order], return_index=True)
    for number, group in zip(present, np.split(values[order], starts[1:]), strict=True):
        if group.size >= SEEN_VOXELS:
            low, middle[number], high = np.percentile(group, [16, 50, 84])
            spread[number] = (high - low) / 2
    return middle, spread


def noise_of(hu: NDArray, place: Place, grid: Volume) -> float:
    """Standard deviation of the noise: half squared differences of soft-tissue voxels two apart in plane."""
    soft = (hu > SOFT_HU[0]) & (hu < SOFT_HU[1]) & ~place.bone
    plane = np.argsort(grid.spacing_mm, kind="stable")[:2]
    shape = [1, 1, 1]
    for axis in plane:
        shape[axis] = 3
    soft = ndimage.binary_erosion(soft, np.ones(shape))
    found = []
    for axis in plane:
        ahead = np.roll(hu, 2, axis)[soft & np.roll(soft, 2, axis)]
        here = hu[soft & np.roll(soft, 2, axis)]
        if here.size >= 100:
            found.append(1.4826 * float(np.median(np.abs(here - ahead))) / np.sqrt(2))
    return float(np.clip(np.mean(found), *NOISE_HU)) if found else NOISE_GUESS_HU


def muscle_of(hu: NDArray, place: Place, grid: Volume) -> float:
    """The commonest density of soft tissue beside the bone; NaN where there is next to none."""
    plane = np.argsort(grid.spacing_mm, kind="stable")[:2]
    even = ndimage.uniform_filter(hu, [3 if axis in plane else 1 for axis in range(3)])
    soft = even[~place.bone & (even > SOFT_HU[0]) & (even < SOFT_HU[1])]
    if soft.size < 200:
        return float("nan")
    counts, edges = np.histogram(soft, np.arange(SOFT_HU[0], SOFT_HU[1] + 1, MUSCLE_BIN_HU))
    middle = float(edges[int(np.argmax(np.convolve(counts, [1, 2, 1], "same")))] + MUSCLE_BIN_HU / 2)
    for _ in range(3):
        middle = float(soft[np.abs(soft - middle) <= MUSCLE_HALF_HU].mean())
    return middle


def lytic_of(samples: Sequence[LevelSample]) -> float:
    """Density of soft tumour, from the muscle beside all levels."""
    told = [sample.muscle_hu for sample in samples if np.isfinite(sample.muscle_hu)]
    return (median(told) if told else MUSCLE_GUESS_HU) + TUMOUR_OVER_MUSCLE_HU


def fit_reference(samples: Sequence[LevelSample]) -> Reference:
    """Levels without spongy bone to speak of are left out."""
    return Reference(tuple(sample for sample in samples if np.isfinite(sample.base_hu)))


def expect(reference: Reference, own: LevelSample) -> Expected:
    """What the levels nearest to `own`, and its own two sides, lead one to expect of it."""
    others = sorted(
        (sample for sample in reference.samples if sample.level != own.level),
        key=lambda sample: (abs(sample.level.order - own.level.order), sample.level.order),
    )[:NEAREST_LEVELS]
    lytic = lytic_of([*others, own])
    if len(others) < FEWEST_LEVELS:
        return _from_itself(own, len(others), lytic)
    offsets = np.stack([sample.offset_hu for sample in others])
    middle = _median(offsets)
    between = 1.4826 * _median(np.abs(offsets - middle))
    within = _median(np.stack([sample.spread_hu for sample in others]))
    base = _expected_base(own, middle, others)
    hu = base + middle
    hu[BODY_CELLS * LAYERS :] += _both_sides(own, middle, base).repeat(LAYERS)
    spread = np.sqrt(between**2 + within**2 + SPREAD_FLOOR_HU**2)
    told = [sample.vein_hu for sample in others if np.isfinite(sample.vein_hu)]
    vein = median(told) if told else float("nan")
    one_sided = len({sample.level.order < own.level.order for sample in others}) == 1
    return Expected(base, own.noise_hu, hu, spread, len(others), own.base_hu, vein, one_sided, lytic)


def _median(rows: NDArray) -> Array:
    """Median by column where at least three levels know it, else NaN."""
    known = np.isfinite(rows).sum(axis=0) >= FEWEST_LEVELS
    result = np.full(rows.shape[1], np.nan)
    if known.any():
        result[known] = np.nanmedian(rows[:, known], axis=0)
    return result


def _both_sides(own: LevelSample, middle: Array, base: float) -> Array:
    """By kind of arch part: by how much the less departing side departs, where both depart the same way."""
    usual = middle[BODY_CELLS * LAYERS :].reshape(-1, LAYERS)
    told = own.sides_hu[:, 1:] + own.base_hu - base - usual
    sides = np.array([[float(np.nanmedian(row)) if np.isfinite(row).any() else 0.0 for row in side] for side in told])
    alike = np.sign(sides[0]) == np.sign(sides[1])
    return np.clip(np.where(alike, np.sign(sides[0]) * np.abs(sides).min(axis=0), 0.0), -SIDES_HU, SIDES_HU)


def _expected_base(own: LevelSample, middle: Array, others: Sequence[LevelSample]) -> float:
    """The level's own middle, held near the line through the others': a body full of tumour can't hide.

    Its own middle is what most of its cells say, each with the offset usual for its place: a plain median over the
    body would move with where a lesion lies.
    """
    order = np.array([sample.level.order - own.level.order for sample in others], dtype=float)
    base = np.array([sample.base_hu for sample in others])
    pairs = [(a, b) for a in range(len(base)) for b in range(a + 1, len(base))]
    slope = median((base[b] - base[a]) / (order[b] - order[a]) for a, b in pairs)
    residual = base - slope * order
    predicted = float(np.median(residual))
    reach = BASE_SPREADS * max(BASE_FLOOR_HU, 1.4826 * float(np.median(np.abs(residual - predicted))))
    told = (own.base_hu + own.offset_hu - middle)[: BODY_CELLS * LAYERS]
    if not np.isfinite(told).any():
        return predicted
    return float(np.clip(np.nanmedian(told), predicted - reach, predicted + reach))


def _from_itself(own: LevelSample, asked: int, lytic_hu: float) -> Expected:
    """Its own bone, layer by layer: the middle over the whole body, and each kind of arch part over both sides."""
    base = float(np.clip(own.base_hu, *NORM_HU)) if np.isfinite(own.base_hu) else float("nan")
    offset, spread = own.offset_hu.reshape(CELLS, LAYERS).copy(), own.spread_hu.reshape(CELLS, LAYERS).copy()
    for table in (offset, spread):
        known = np.isfinite(table[:BODY_CELLS]).any(axis=0)
        table[:BODY_CELLS, known] = np.nanmedian(table[:BODY_CELLS, known], axis=0)
    hu = base + offset.ravel().astype(np.float64)
    spread_hu = np.hypot(spread.ravel(), SPREAD_FLOOR_HU)
    return Expected(base, own.noise_hu, hu, spread_hu, asked, own.base_hu, lytic_hu=lytic_hu)
