"""Lesions found without training data: where one vertebra departs from the patient's own other vertebrae.

Smoothed density is compared, place by place, with what the other levels lead one to expect; what departs by several
spreads is grown to the half of its contrast, measured, and held against harmless look-alikes. Only candidates of
some confidence are reported. The spread holds texture, scan noise and slice thickness, since it is taken from the same
smoothed measure on the same grid. A lesion whose density is that of the patient's marrow can't be seen this way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.volume import Volume
from spondyl.lesions.measure import describe_at, longest_diameter_mm
from spondyl.lesions.mimics import look_alikes, mirrored
from spondyl.lesions.normal import (
    FEWEST_LEVELS,
    SICK_FREEDOM,
    Expected,
    Reference,
    collect_reference,
    expect,
    fit_reference,
    sample_of,
    smooth,
    smoothed_arch,
    smoothed_core,
)
from spondyl.lesions.place import Place, clear_of_cortex_mm, crop_to, locate
from spondyl.values.lesion import Lesion, LesionType
from spondyl.values.vertebra import Vertebra

CITATIONS = ("burns2013", "tzika2021", "ulano2016")

SEED_SPREADS = 3.0
"""Own choice: departures below three spreads are common in healthy bone with thousands of places looked at."""
FRINGE_SPREADS = 2.0
"""Own choice: what hangs together with such a departure belongs to it from two spreads on."""
SEED_HU: dict[LesionType, float] = {"lytic": 40.0, "blastic": 80.0}
"""Own choice: however even the bone, a tumour shows at least this; sclerosis of wear is commoner than marrow loss."""
SEED_VOXELS = 3
EDGE_SMOOTHING_MM = 1.2
"""Own choice: as for typing; keeps the edge where it is and most voxel noise out."""
GROWTH_MM = 4.0
"""Own choice: the edge lies at most so far from the seed, since a ball of 8 mm is mostly seed at its middle."""
SMALLEST_MM3 = 300.0
"""0.3 cm3, an 8.3 mm ball: the smallest lesion the published detectors were asked for [burns2013]."""
REPORTED_FROM = 0.5
"""Own choice: few false findings matter more than the faintest true one."""
PROVISIONAL_FROM = 0.3
"""Own choice: so sure a candidate is left out of its vertebra's own middle, and all is looked at again."""
SURE_SPREADS = 6.0
SURE_MM3 = 900.0
"""Own choice: a 12 mm ball and twice the seed's threshold earn full confidence; it orders findings and is no
probability."""


def detect_lesions(
    ct: Volume, vertebrae: Mapping[Level, Vertebra], *, unfit: Collection[Level] = ()
) -> dict[Level, tuple[Lesion, ...]]:
    """Lesions by level, surest first; levels in `unfit` are neither judged nor used as reference.

    Composes `collect_reference`, `fit_reference` and `detect_in`, which a pipeline may spread over processes.
    """
    fit = [level for level in along_spine(vertebrae) if level not in unfit]
    reference = fit_reference([collect_reference(ct, vertebrae[level]) for level in fit])
    found = {level: detect_in(ct, vertebrae[level], reference) for level in fit}
    return {level: lesions for level, lesions in found.items() if lesions}


def detect_in(ct: Volume, vertebra: Vertebra, reference: Reference) -> tuple[Lesion, ...]:
    """Lesions of one level, surest first. `ct` is the CT or any crop that covers the grid of the vertebra's `parts`.

    The spongy core is searched for loss and gain; the arch as a whole for loss only, because its compact bone differs
    so much between levels and sides that a gain of density there says little.
    """
    hu = crop_to(ct, vertebra)
    place = locate(vertebra, hu)
    known = [sample for sample in reference.samples if sample.level == vertebra.level]
    own = known[0] if known else sample_of(hu, place, vertebra)
    found = _search(hu, place, vertebra, expect(reference, own), PROVISIONAL_FROM)
    if found:
        # A lesion moves its vertebra's own middle, and the rest of the body then seems to depart the other way.
        own = sample_of(hu, place, vertebra, exclude=np.any([one.mask.array for one in found], axis=0))
        found = _search(hu, place, vertebra, expect(reference, own, freedom=SICK_FREEDOM), REPORTED_FROM)
    return found


def _search(
    hu: NDArray[np.float32], place: Place, vertebra: Vertebra, expected: Expected, sure_from: float
) -> tuple[Lesion, ...]:
    """Candidates of at least that confidence, surest first."""
    grid = vertebra.parts
    core, arch = smoothed_core(hu, place, grid), smoothed_arch(hu, place, grid)
    gain = _departure(core, place.core_cell, expected)
    loss = _departure(np.where(place.core, core, arch), place.any_cell, expected)
    lesions = []
    kinds: tuple[tuple[_Departure, LesionType, float], ...] = ((loss, "lytic", -1.0), (gain, "blastic", 1.0))
    for departure, kind, sign in kinds:
        for seed in _seeds(departure, sign, SEED_HU[kind]):
            lesion = _candidate(seed, kind, sign, departure, hu, place, vertebra, expected)
            if lesion is not None and (lesion.confidence or 0) >= sure_from:
                lesions.append(lesion)
    return _without_doubles(lesions)


@dataclass(frozen=True, eq=False)
class _Departure:
    hu: NDArray[np.float32]
    """Smoothed density less the expected; NaN where not judged."""
    normal: NDArray[np.float32]
    spread: NDArray[np.float32]


def _departure(smoothed: NDArray[np.float32], cells: NDArray[np.int8], expected: Expected) -> _Departure:
    normal, spread = expected.at(cells)
    return _Departure(smoothed - normal, normal, spread)


def _seeds(departure: _Departure, sign: float, least_hu: float) -> list[NDArray[np.bool_]]:
    """Connected clusters that depart by enough HU and spreads, each holding some voxels that do so beyond doubt."""
    with np.errstate(invalid="ignore"):
        departs = np.nan_to_num(sign * departure.hu, nan=-np.inf)
        fringe = (departs > FRINGE_SPREADS * departure.spread) & (departs > least_hu)
        seeds = fringe & (departs > SEED_SPREADS * departure.spread)
    clusters = cc3d.connected_components(fringe.astype(np.uint8), connectivity=26)
    sizes = np.bincount(clusters[seeds])
    return [clusters == number for number in np.flatnonzero(sizes >= SEED_VOXELS)]


def _candidate(
    seed: NDArray[np.bool_],
    kind: LesionType,
    sign: float,
    departure: _Departure,
    hu: NDArray[np.float32],
    place: Place,
    vertebra: Vertebra,
    expected: Expected,
) -> Lesion | None:
    """The lesion around one seed, or None when it is too small."""
    grid = vertebra.parts
    mask = grow(seed, sign, hu, departure.normal, place, grid)
    volume_mm3 = float(mask.sum() * grid.voxel_volume_mm3)
    if volume_mm3 < SMALLEST_MM3:
        return None
    strength = float(np.percentile(sign * departure.hu[seed] / departure.spread[seed], 90))
    findings = look_alikes(
        mask,
        kind,
        hu,
        departure.normal,
        place,
        ball_diameter_mm=2 * (volume_mm3 * 3 / (4 * np.pi)) ** (1 / 3),
        longest_diameter_mm=longest_diameter_mm(mask, grid),
    )
    findings += mirrored(mask, departure.hu, vertebra)
    confidence = np.sqrt(_ramp(strength, SEED_SPREADS - 1, SURE_SPREADS) * _ramp(volume_mm3, 0.0, SURE_MM3))
    confidence *= np.prod([factor for factor, _ in findings])
    notes = tuple(note for _, note in findings)
    if expected.levels_asked < FEWEST_LEVELS:
        notes += ("fewer than three other levels to compare with: judged against this vertebra alone",)
    return describe_at(mask, hu, place, vertebra, expected, "detected", round(float(confidence), 3), notes)


def grow(
    seed: NDArray[np.bool_],
    sign: float,
    hu: NDArray[np.float32],
    normal: NDArray[np.float32],
    place: Place,
    grid: Volume,
) -> NDArray[np.bool_]:
    """From the seed to the half of its contrast, within reach; over cortex only where that is changed as well."""
    whole = np.zeros(seed.shape, dtype=bool)
    box = _box_around(seed, GROWTH_MM + 3 * EDGE_SMOOTHING_MM, grid)
    seed, hu, normal = seed[box], hu[box], normal[box]
    judged, bone = np.isfinite(normal), place.depth_mm[box] > 0
    contrast = sign * (smooth(hu, judged, EDGE_SMOOTHING_MM, grid) - normal)
    half = 0.5 * float(np.nanpercentile(contrast[seed], 75))
    near = ndimage.distance_transform_edt(~seed, sampling=grid.spacing_mm) <= GROWTH_MM
    inside = judged & near & (np.nan_to_num(contrast, nan=-np.inf) > half)
    # A voxel of the wall is held against the spongy bone under it: blastic tumour is as dense as the wall, so there
    # only what lies over the lesion is taken; lytic tumour is not, so an intact wall stays out.
    reach, under = ndimage.distance_transform_edt(~judged, sampling=grid.spacing_mm, return_indices=True)
    over = bone & ~judged & near & (reach <= clear_of_cortex_mm(grid)) & inside[tuple(under)]
    shell = over & (sign * (hu - normal[tuple(under)]) > half)
    labels = cc3d.connected_components((inside | shell).astype(np.uint8), connectivity=6)
    kept = (labels > 0) & np.isin(labels, np.unique(labels[seed]))
    whole[box] = ndimage.binary_fill_holes(kept) & bone
    return whole


def _box_around(mask: NDArray[np.bool_], margin_mm: float, grid: Volume) -> tuple[slice, ...]:
    box = ndimage.find_objects(mask.astype(np.uint8))[0]
    extra = [int(np.ceil(margin_mm / step)) for step in grid.spacing_mm]
    return tuple(slice(max(0, s.start - e), s.stop + e) for s, e in zip(box, extra, strict=True))


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0, 1))


def _without_doubles(lesions: list[Lesion]) -> tuple[Lesion, ...]:
    """Surest first; of two that share more than half of the smaller one, the surer stays."""
    kept: list[Lesion] = []
    for lesion in sorted(lesions, key=lambda one: (-(one.confidence or 0), -one.volume_mm3, one.centroid_lps_mm)):
        mine = lesion.mask.array
        if all((mine & other.mask.array).sum() <= 0.5 * min(mine.sum(), other.mask.array.sum()) for other in kept):
            kept.append(lesion)
    return tuple(kept)
