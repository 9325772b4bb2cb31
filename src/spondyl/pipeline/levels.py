"""What is done to each vertebra by itself: pure steps over small crops, fit to run in another process."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.measure import measure_one
from spondyl.core.errors import ModelError
from spondyl.core.volume import Volume
from spondyl.lesions.detect import detect_in
from spondyl.lesions.normal import LevelSample, Reference, collect_reference
from spondyl.values.canal import CanalMeasure
from spondyl.values.density import Calibration, DensityMeasure
from spondyl.values.lesion import Lesion
from spondyl.values.strength import Strength
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.block import sample_block
from spondyl.vertebrae.density import measure_density, why_no_core

BLOCK_MARGIN_MM = 2.0
"""Own choice: room around the body in its block, so that a smooth outline is not clipped."""


@dataclass(frozen=True, eq=False)
class LevelTask:
    """One vertebra and the CT around it."""

    vertebra: Vertebra
    ct: Volume
    """A crop that covers the grid of the vertebra's parts with a margin."""
    cord: Volume | None
    calibration: Calibration
    voxel_mm: float
    strength_barred: str = ""
    """Why no strength is to be computed; empty when it is."""
    lesions: tuple[Lesion, ...] | None = None
    """Those given by the user; None when they are to be looked for."""
    reference: Reference | None = None
    """What the patient's other levels look like; needed when lesions are to be looked for."""


@dataclass(frozen=True, eq=False)
class LevelOutcome:
    lesions: tuple[Lesion, ...]
    density: DensityMeasure | None
    density_reason: str
    canal: CanalMeasure
    strength: Strength | None
    strength_reason: str


def survey(task: LevelTask) -> LevelSample:
    """What this level adds to the picture of the patient's own normal bone."""
    return collect_reference(task.ct, task.vertebra)


def examine(task: LevelTask) -> LevelOutcome:
    """Lesions, density, canal and strength of one vertebra."""
    lesions = task.lesions
    if lesions is None:
        lesions = detect_in(task.ct, task.vertebra, task.reference) if task.reference else ()
    held = _held_by(lesions, task.vertebra)
    density = measure_density(task.vertebra, task.ct, task.calibration, exclude=held)
    strength, reason = _strength(task, density)
    return LevelOutcome(
        lesions=lesions,
        density=density,
        density_reason="" if density else why_no_core(task.vertebra, exclude=held),
        canal=measure_one(task.vertebra, cord=task.cord, lesions=lesions),
        strength=strength,
        strength_reason=reason,
    )


def warm() -> None:
    """Load compiled code (compiling it, the first time on a machine) by solving a block of eight voxels a side."""
    from spondyl.mechanics.strength import axial_strength

    axial_strength(np.full((8, 8, 8), 150.0), np.ones((8, 8, 8), dtype=bool), (1.0, 1.0, 1.0), threads=1)


def _held_by(lesions: tuple[Lesion, ...], vertebra: Vertebra) -> np.ndarray | None:
    if not lesions:
        return None
    held: np.ndarray = np.any([lesion.mask.array for lesion in lesions], axis=0)
    return held


def _strength(task: LevelTask, density: DensityMeasure | None) -> tuple[Strength | None, str]:
    """The body, cut free of its arch, compressed along its axis; None with the reason where that is not possible."""
    if task.strength_barred:
        return None, task.strength_barred
    from spondyl.mechanics.strength import axial_strength

    block = sample_block(
        task.ct, task.vertebra, voxel_mm=task.voxel_mm, margin_mm=BLOCK_MARGIN_MM, parts=(SubRegion.BODY,)
    )
    try:
        strength = axial_strength(
            task.calibration.density_mg_cc(block.values),
            block.mask,
            block.spacing_mm,
            relative_density_sd=relative_density_sd(task.calibration, density),
            threads=1,
        )
    except ModelError as error:
        return None, str(error)
    return strength, ""


def relative_density_sd(calibration: Calibration, density: DensityMeasure | None) -> float:
    """Relative standard deviation of the density from the calibration, at this body's trabecular core.

    Without a core, that of the slope. The sd of slope and intercept are taken as independent.
    """
    if density is None or density.trabecular_mg_cc <= 0:
        return calibration.slope_sd / calibration.slope_mg_cc_per_hu
    sd_mg_cc = math.hypot(calibration.slope_sd * density.trabecular_hu, calibration.intercept_sd)
    return sd_mg_cc / density.trabecular_mg_cc
