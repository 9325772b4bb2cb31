"""The strength of chosen vertebrae under chosen load cases, from a CT; or of a block that is calibrated already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import InputError, MaskMismatch, ModelError
from spondyl.core.progress import Progress, Stopwatch, silent
from spondyl.core.provenance import sha256_of, versions
from spondyl.imaging.files import read_image_file
from spondyl.imaging.gate.quality import check_levels
from spondyl.mechanics.laws import DEFAULT_LAW, law_named
from spondyl.pipeline.findings import loads_on
from spondyl.pipeline.inputs import Inputs, read_inputs
from spondyl.pipeline.levels import LevelTask, held_by, lesions_in, strengths_of
from spondyl.pipeline.request import Request
from spondyl.pipeline.steps import build_all, level_tasks
from spondyl.pipeline.workers import workers
from spondyl.values.case import StrengthCase, StrengthEntry
from spondyl.values.quality import QualityReport
from spondyl.values.strength import LoadCase, Strength
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.density import measure_density

BONE_LABELS = (1, 2, 3, 4)
CAP_LABELS = (5, 6)
"""Labels of a block, unless told otherwise: those of the published models (bonelab_spinefe: body, processes, caps)."""
AXIAL_ONLY = (LoadCase.AXIAL,)


@dataclass(frozen=True)
class BlockRequest:
    """An image of density on the grid of its labels, z along the load."""

    density: Path
    """mg/cc K2HPO4."""
    labels: Path
    bone_labels: tuple[int, ...] = BONE_LABELS
    cap_labels: tuple[int, ...] = CAP_LABELS
    """None of them in the image: caps are cast on the bone's ends."""
    relative_density_sd: float = 0.0
    law: str = DEFAULT_LAW
    workers: int = 0


def estimate(
    request: Request,
    *,
    levels: Sequence[Level] | None = None,
    cases: Sequence[LoadCase] = AXIAL_ONLY,
    progress: Progress = silent,
) -> StrengthCase:
    """Strength of the chosen levels (None: all) of one CT. Raises InputError for files or levels that can't be used."""
    law_named(request.law)  # a wrong name is told before the wait
    clock = Stopwatch()
    with workers(1) as team:
        with clock.stage("reading"):
            inputs = read_inputs(request, progress)
            quality = check_levels(inputs.scan, inputs.level_map)
            chosen = _chosen(levels, quality)
        with clock.stage("vertebrae"):
            vertebrae, quality = build_all(inputs, quality, team, progress)
            tasks = _tasks(inputs, request, quality, vertebrae, chosen, progress)
        with clock.stage("strength"):
            entries = tuple(
                _entry(level, tasks, quality, inputs, cases, request.workers, _told(progress, level))
                for level in chosen
            )
    return StrengthCase(
        entries=entries,
        calibration=inputs.calibration,
        inputs=inputs.described,
        provenance={"versions": versions(), "parameters": request.parameters()},
        stage_seconds=clock.seconds,
    )


def estimate_block(
    request: BlockRequest, *, cases: Sequence[LoadCase] = AXIAL_ONLY, progress: Progress = silent
) -> StrengthCase:
    """Strength of one calibrated block. Raises InputError for files that don't fit, or labels that are not in them."""
    from spondyl.mechanics.bone import BoneBlock
    from spondyl.mechanics.strength import strength

    clock = Stopwatch()
    with clock.stage("reading"):
        density = read_image_file(request.density, "the density image")
        labels = read_image_file(request.labels, "the label image")
        if not density.same_grid(labels):
            raise MaskMismatch(
                f"the labels ({_grid(labels.shape, labels.spacing_mm)}) do not lie on the density's grid "
                f"({_grid(density.shape, density.spacing_mm)}).",
                "Resample one onto the other.",
            )
        numbers = np.rint(labels.array).astype(np.int64)
        _check_labels(numbers, request)
        cement = np.isin(numbers, request.cap_labels)
        block = BoneBlock(
            density_mg_cc=density.array.astype(np.float64),
            bone=np.isin(numbers, request.bone_labels),
            spacing_mm=density.spacing_mm,
            cement=cement if cement.any() else None,
        )
    strengths: list[Strength] = []
    reason = ""
    with clock.stage("strength"):
        try:
            for case in cases:
                strengths.append(
                    strength(
                        block,
                        load=case,
                        law=request.law,
                        relative_density_sd=request.relative_density_sd,
                        threads=request.workers or None,
                        progress=progress,
                    )
                )
        except ModelError as error:
            reason = str(error)
    described = {
        role: {"sha256": sha256_of(path), "source": "given", "notes": []}
        for role, path in (("density", request.density), ("labels", request.labels))
    }
    parameters = {"law": request.law, "bone_labels": request.bone_labels, "cap_labels": request.cap_labels}
    return StrengthCase(
        entries=(StrengthEntry("block", None, (), tuple(strengths), reason),),
        calibration=None,
        inputs=described,
        provenance={"versions": versions(), "parameters": parameters},
        stage_seconds=clock.seconds,
    )


def _chosen(levels: Sequence[Level] | None, quality: QualityReport) -> tuple[Level, ...]:
    present = [entry.level for entry in quality.levels]
    if levels is None:
        return tuple(present)
    if missing := [level.name for level in levels if level not in present]:
        named = ", ".join(level.name for level in present)
        raise InputError(f"the mask names no {', '.join(missing)}.", f"It names {named}.")
    return along_spine(levels)


def _tasks(
    inputs: Inputs,
    request: Request,
    quality: QualityReport,
    vertebrae: Mapping[Level, Vertebra],
    chosen: Sequence[Level],
    progress: Progress,
) -> dict[Level, LevelTask]:
    """Only the chosen ones, unless lesions are to be looked for: that takes all of the patient's bone."""
    needed = (
        vertebrae if inputs.lesions is None else {level: vertebrae[level] for level in chosen if level in vertebrae}
    )
    with workers(1) as team:
        return level_tasks(inputs, request, quality, needed, team, progress)


def _entry(
    level: Level,
    tasks: Mapping[Level, LevelTask],
    quality: QualityReport,
    inputs: Inputs,
    cases: Sequence[LoadCase],
    threads: int,
    progress: Progress,
) -> StrengthEntry:
    if level not in tasks:
        return StrengthEntry(level.name, level, (), (), "; ".join(quality.of(level).reasons))
    task = tasks[level]
    lesions = lesions_in(task)
    density = measure_density(task.vertebra, task.ct, task.calibration, exclude=held_by(lesions))
    strengths, reason = strengths_of(
        task, lesions, density, cases=cases, thorough=True, threads=threads or None, progress=progress
    )
    axial = next((found for found in strengths if found.load_case is LoadCase.AXIAL), None)
    return StrengthEntry(
        name=level.name,
        level=level,
        lesions=lesions,
        strengths=strengths,
        reason=reason,
        loads=loads_on(level, axial, inputs.history),
        notes=quality.of(level).warnings,
    )


def _told(progress: Progress, level: Level) -> Progress:
    return lambda stage, done, total: progress(f"{level.name} {stage}", done, total)


def _grid(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> str:
    return f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{step:.3g}' for step in spacing_mm)} mm"


def _check_labels(numbers: np.ndarray, request: BlockRequest) -> None:
    found = {int(number) for number in np.unique(numbers)} - {0}
    if not found & set(request.bone_labels):
        raise MaskMismatch(
            f"the label image holds {sorted(found)[:8]} and none of the bone's labels {sorted(request.bone_labels)}.",
            "Name the bone's labels with --bone-labels.",
        )
    if other := found - set(request.bone_labels) - set(request.cap_labels):
        raise MaskMismatch(
            f"the label image holds {sorted(other)[:8]}, which is neither bone {sorted(request.bone_labels)} nor cap "
            f"{sorted(request.cap_labels)}.",
            "Name all of them with --bone-labels and --cap-labels, or remove them from the image.",
        )
