"""What this vertebra's bone should look like, learnt from the patient's own other vertebrae.

Each vertebra gives a small sample: the smoothed density of every cell of its anatomy, relative to the middle of its
spongy bone. A reference keeps all samples; what is expected of one level comes from the others near it, so that a
lesion never speaks for itself, and the medians bear lesions in a minority of the levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.lesions.place import BODY_CELLS, CELLS, CORE_CELLS, Place, crop_to, locate
from spondyl.values.vertebra import Vertebra

SMOOTHING_MM = 2.5
"""Own choice: standard deviation of the Gaussian that suits a ball of 8 to 12 mm; noise of voxels averages out."""
SEEN_FROM = 0.2
"""Own choice: smoothed values stand where at least this share of the Gaussian's weight lay on bone of the same kind."""
CELL_VOXELS = 12
"""Own choice: fewer voxels than this tell nothing about a cell."""
NEAREST_LEVELS = 6
"""Own choice: bone changes along the spine, so only the nearest levels are asked."""
FEWEST_LEVELS = 3
"""Own choice: with fewer other levels a spread between vertebrae can't be told."""
BASE_FLOOR_HU = 15.0
SPREAD_FLOOR_HU = {"body": 12.0, "arch core": 25.0, "arch": 40.0}
"""Own choice: no two vertebrae are more alike than this; keeps a chance agreement of a few levels from shouting."""
END_OF_ROW = 1.3
"""Own choice: the first and the last level are asked about from one side only, and bone changes along the spine."""
BASE_FREEDOM = 2.0
"""Own choice: a vertebra's own middle is believed within so many spreads of what its neighbours predict."""
SICK_FREEDOM = 1.0
"""Own choice: and half as much once a lesion was found in it, whose fringe still colours what is left."""
MAD_TO_SD = 1.4826


@dataclass(frozen=True, eq=False)
class LevelSample:
    """A few numbers of one level; cells as in `place`."""

    level: Level
    base_hu: float
    """Median of the spongy bone inside the body; NaN when there is none."""
    offset_hu: NDArray[np.float32]
    """(cells,) median of the smoothed density over the base; NaN where too few voxels."""
    grain_hu: NDArray[np.float32]
    """(cells,) robust standard deviation of the smoothed density inside the cell: texture, noise and gradient."""


@dataclass(frozen=True, eq=False)
class Reference:
    samples: tuple[LevelSample, ...]


@dataclass(frozen=True, eq=False)
class Expected:
    """Of one level: cells' smoothed density and its standard deviation, HU; NaN where it can't be told."""

    base_hu: float
    hu: NDArray[np.floating]
    spread_hu: NDArray[np.floating]
    levels_asked: int

    def field(self, place: Place) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(hu, spread_hu) for every voxel, the core's where there is a core; NaN outside all cells."""
        return self.at(place.any_cell)

    def at(self, cells: NDArray[np.int8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(hu, spread_hu) of an array of cells; NaN where the cell is -1."""
        hu, spread = np.append(self.hu, np.nan), np.append(self.spread_hu, np.nan)
        return hu[cells].astype(np.float32), spread[cells].astype(np.float32)


def smooth(
    hu: NDArray, where: NDArray[np.bool_], sigma_mm: float, grid: Volume, *, seen_from: float = SEEN_FROM
) -> NDArray[np.float32]:
    """Gaussian mean over the voxels in `where` only; NaN outside it and where too little of it is near."""
    sigma = [sigma_mm / step for step in grid.spacing_mm]
    weight = ndimage.gaussian_filter(where.astype(np.float32), sigma, mode="constant", truncate=3)
    total = ndimage.gaussian_filter(np.where(where, hu, 0).astype(np.float32), sigma, mode="constant", truncate=3)
    return np.where(where & (weight > seen_from), total / np.maximum(weight, 1e-6), np.nan).astype(np.float32)


def smoothed_core(hu: NDArray, place: Place, grid: Volume) -> NDArray[np.float32]:
    """Spongy bone, smoothed by itself so that no cortex leaks in; NaN elsewhere."""
    return smooth(hu, place.core, SMOOTHING_MM, grid)


def smoothed_arch(hu: NDArray, place: Place, grid: Volume) -> NDArray[np.float32]:
    """The arch with its cortex, smoothed by itself; NaN elsewhere."""
    return smooth(hu, place.arch, SMOOTHING_MM, grid)


def collect_reference(ct: Volume, vertebra: Vertebra, exclude: NDArray[np.bool_] | None = None) -> LevelSample:
    """The sample of one level; `exclude` (on the grid of `parts`) keeps a known lesion out of it."""
    hu = crop_to(ct, vertebra)
    return sample_of(hu, locate(vertebra, hu), vertebra, exclude)


def sample_of(hu: NDArray, place: Place, vertebra: Vertebra, exclude: NDArray[np.bool_] | None = None) -> LevelSample:
    keep = np.ones(hu.shape, dtype=bool) if exclude is None else ~exclude
    spongy = hu[place.body_core & keep]
    base = float(np.median(spongy)) if spongy.size >= CELL_VOXELS else float("nan")
    offset = np.full(CELLS, np.nan, dtype=np.float32)
    grain = np.full(CELLS, np.nan, dtype=np.float32)
    for values, cells in (
        (smoothed_core(hu, place, vertebra.parts), place.core_cell),
        (smoothed_arch(hu, place, vertebra.parts), place.arch_cell),
    ):
        seen = np.isfinite(values) & keep
        numbers, where = values[seen], cells[seen]
        for cell in np.unique(where):
            inside = numbers[where == cell]
            if inside.size >= CELL_VOXELS:
                middle = np.median(inside)
                offset[cell] = middle - base
                grain[cell] = MAD_TO_SD * np.median(np.abs(inside - middle))
    return LevelSample(vertebra.level, base, offset, grain)


def fit_reference(samples: Sequence[LevelSample]) -> Reference:
    """Levels without spongy bone to speak of are left out."""
    return Reference(tuple(sample for sample in samples if np.isfinite(sample.base_hu)))


def expect(reference: Reference, own: LevelSample, *, freedom: float = BASE_FREEDOM) -> Expected:
    """What the levels nearest to `own` lead one to expect of it.

    `freedom` is how many spreads its own middle may lie from what they predict.

    With fewer than three others the vertebra's own middle stands for the whole body, and the arch is not judged.
    """
    others = sorted(
        (sample for sample in reference.samples if sample.level != own.level),
        key=lambda sample: (abs(sample.level.order - own.level.order), sample.level.order),
    )[:NEAREST_LEVELS]
    floor = np.full(CELLS, SPREAD_FLOOR_HU["arch"])
    floor[:CORE_CELLS] = SPREAD_FLOOR_HU["arch core"]
    floor[:BODY_CELLS] = SPREAD_FLOOR_HU["body"]
    if len(others) < FEWEST_LEVELS:
        hu = np.full(CELLS, np.nan)
        hu[:BODY_CELLS] = own.base_hu
        grain = np.nanmedian(own.grain_hu[:BODY_CELLS]) if np.isfinite(own.grain_hu[:BODY_CELLS]).any() else np.nan
        return Expected(own.base_hu, hu, np.hypot(np.full(CELLS, grain), 2 * floor), len(others))
    offsets = np.stack([sample.offset_hu for sample in others])
    grains = np.stack([sample.grain_hu for sample in others])
    middle = _median(offsets)
    base = _expected_base(_own_base(own, middle), own.level, others, freedom)
    between = MAD_TO_SD * _median(np.abs(offsets - middle))
    spread = np.sqrt(between**2 + _median(grains) ** 2 + floor**2)
    if len({sample.level.order < own.level.order for sample in others}) == 1:
        spread *= END_OF_ROW
    return Expected(base, base + middle, spread, len(others))


def _median(rows: NDArray) -> NDArray:
    """Median by column where at least three levels know it, else NaN."""
    known = np.isfinite(rows).sum(axis=0) >= FEWEST_LEVELS
    result = np.full(rows.shape[1], np.nan)
    if known.any():
        result[known] = np.nanmedian(rows[:, known], axis=0)
    return result


def _own_base(own: LevelSample, middle: NDArray) -> float:
    """The level's own middle as most of its cells say, each with the offset usual for its place.

    A plain median over the body would move with where a lesion lies, and move again when the lesion is left out.
    """
    told = own.base_hu + own.offset_hu[:BODY_CELLS] - middle[:BODY_CELLS]
    return float(np.nanmedian(told)) if np.isfinite(told).any() else own.base_hu


def _expected_base(own_hu: float, level: Level, others: Sequence[LevelSample], freedom: float) -> float:
    """The level's own middle, held near the line through the others': a body full of tumour can't hide."""
    order = np.array([sample.level.order for sample in others], dtype=float)
    base = np.array([sample.base_hu for sample in others])
    slopes = [
        (b2 - b1) / (o2 - o1)
        for n, (o1, b1) in enumerate(zip(order, base, strict=True))
        for o2, b2 in zip(order[n + 1 :], base[n + 1 :], strict=True)
    ]
    slope = median(slopes)
    residual = base - slope * (order - level.order)
    predicted = float(np.median(residual))
    reach = freedom * max(BASE_FLOOR_HU, MAD_TO_SD * float(np.median(np.abs(residual - predicted))))
    if not np.isfinite(own_hu):
        return predicted
    return float(np.clip(own_hu, predicted - reach, predicted + reach))
