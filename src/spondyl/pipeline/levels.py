"""What is done to each vertebra by itself: pure steps over small crops, fit to run in another process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.errors import ModelError
from spondyl.core.progress import Progress, silent
from spondyl.core.volume import Volume
from spondyl.lesions.detect import detect_in
from spondyl.lesions.normal import LevelSample, Reference, collect_reference
from spondyl.values.density import Calibration, DensityMeasure
from spondyl.values.lesion import Lesion
from spondyl.values.strength import LoadCase, Strength
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.block import sample_block
from spondyl.vertebrae.density import measure_density, why_no_core

if TYPE_CHECKING:
    from spondyl.mechanics.bone import BoneBlock

BLOCK_MARGIN_MM = 2.0
"""Own choice: room around the body in its block, so that a smooth outline is not clipped."""


@dataclass(frozen=True, eq=False)
class LevelTask:
    """One vertebra and the CT around it."""

    vertebra: Vertebra
    ct: Volume
    """A crop that covers the grid of the vertebra's parts with a margin."""
    unusable: np.ndarray | None
    """Voxels of metal and its streaks on the grid of the vertebra's parts; None without any."""
    calibration: Calibration
    voxel_mm: float
    law: str
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
    strength: Strength | None
    strength_reason: str


def survey(task: LevelTask) -> LevelSample:
    """What this level adds to the picture of the patient's own normal bone."""
    return collect_reference(task.ct, task.vertebra)


def examine(task: LevelTask) -> LevelOutcome:
    """Lesions, density and strength of one vertebra."""
    lesions = lesions_in(task)
    held = held_by(lesions)
    density = measure_density(task.vertebra, task.ct, task.calibration, exclude=held, unusable=task.unusable)
    strengths, reason = strengths_of(task, lesions, density)
    return LevelOutcome(
        lesions=lesions,
        density=density,
        density_reason="" if density else why_no_core(task.vertebra, exclude=held, unusable=task.unusable),
        strength=strengths[0] if strengths else None,
        strength_reason=reason,
    )


def lesions_in(task: LevelTask) -> tuple[Lesion, ...]:
    """Those given by the user, or those found."""
    if task.lesions is not None:
        return task.lesions
    return detect_in(task.ct, task.vertebra, task.reference) if task.reference else ()


def warm() -> None:
    """Load compiled code (compiling it, the first time on a machine) by crushing a block of eight voxels a side."""
    from spondyl.mechanics.bone import BoneBlock
    from spondyl.mechanics.strength import strength

    cube = BoneBlock(np.full((8, 8, 8), 150.0), np.ones((8, 8, 8), dtype=bool), (1.0, 1.0, 1.0))
    strength(cube, threads=1)


def held_by(lesions: tuple[Lesion, ...]) -> np.ndarray | None:
    """Voxels of any lesion, on the grid of the vertebra's parts; None without lesions."""
    if not lesions:
        return None
    held: np.ndarray = np.any([lesion.mask.array for lesion in lesions], axis=0)
    return held


def strengths_of(
    task: LevelTask,
    lesions: tuple[Lesion, ...],
    density: DensityMeasure | None,
    *,
    cases: Sequence[LoadCase] = (LoadCase.AXIAL,),
    thorough: bool = False,
    threads: int | None = 1,
    progress: Progress = silent,
) -> tuple[tuple[Strength, ...], str]:
    """The body, cut free of its arch, under each load case that can be modelled, and why where one can't.

    `thorough`, `threads` and `progress` are those of `mechanics.strength.strength`.
    """
    if task.strength_barred:
        return (), task.strength_barred
    from spondyl.mechanics.strength import strength

    bone = _bone_block(task, lesions)
    spread = relative_density_sd(task.calibration, density)
    found: list[Strength] = []
    failed: dict[LoadCase, ModelError] = {}
    for case in cases:
        try:
            found.append(
                strength(
                    bone,
                    load=case,
                    law=task.law,
                    relative_density_sd=spread,
                    thorough=thorough,
                    threads=threads,
                    progress=progress,
                )
            )
        except ModelError as error:
            failed[case] = error
    return tuple(found), in_words(failed, len(cases))


def in_words(failed: Mapping[LoadCase, ModelError], asked: int) -> str:
    """Why load cases have no strength; said once where all that were asked for fail alike."""
    reasons = {str(error) for error in failed.values()}
    if len(failed) == asked and len(reasons) == 1:
        return reasons.pop()
    return " ".join(f"{case.words.capitalize()}: {error}" for case, error in failed.items())


def _bone_block(task: LevelTask, lesions: tuple[Lesion, ...]) -> BoneBlock:
    """The body with its lesions in the vertebra's own frame."""
    from spondyl.mechanics.bone import BoneBlock, BoneLesion

    block = sample_block(
        task.ct, task.vertebra, voxel_mm=task.voxel_mm, margin_mm=BLOCK_MARGIN_MM, parts=(SubRegion.BODY,)
    )
    grid = block.as_volume()
    return BoneBlock(
        density_mg_cc=task.calibration.density_mg_cc(block.values).astype(np.float64),
        bone=block.mask,
        spacing_mm=block.spacing_mm,
        lesions=tuple(
            BoneLesion(lesion.mask.resampled_onto(grid, order=1, outside=0.0).array > 0.5, lesion.kind)
            for lesion in lesions
        ),
    )


def relative_density_sd(calibration: Calibration, density: DensityMeasure | None) -> float:
    """Relative standard deviation of the density from the calibration, at this body's trabecular core.

    Without a core, that of the slope.
    """
    if density is None or density.trabecular_mg_cc <= 0:
        return calibration.slope_sd / calibration.slope_mg_cc_per_hu
    return calibration.sd_mg_cc(density.trabecular_hu) / density.trabecular_mg_cc
