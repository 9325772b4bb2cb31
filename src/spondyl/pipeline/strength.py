"""The strength of chosen vertebrae under chosen load cases, from a CT; or of a block that is calibrated already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import InputError, MaskMismatch, ModelError, UnsuitableImage
from spondyl.core.progress import Progress, Stopwatch, silent
from spondyl.core.provenance import sha256_of, versions
from spondyl.imaging.files import read_image_file
from spondyl.imaging.gate.quality import check_levels
from spondyl.mechanics.laws import DEFAULT_LAW, law_named
from spondyl.pipeline.findings import loads_on
from spondyl.pipeline.inputs import Inputs, read_inputs
from spondyl.pipeline.levels import LevelTask, held_by, in_words, lesions_in, strengths_of
from spondyl.pipeline.request import Request
from spondyl.pipeline.steps import build_all, level_tasks
from spondyl.pipeline.workers import workers
from spondyl.values.case import StrengthCase, StrengthEntry
from spondyl.values.quality import QualityReport
from spondyl.values.strength import LoadCase, Strength
from spondyl.vertebrae.density import measure_density

if TYPE_CHECKING:
    from spondyl.mechanics.bone import BoneBlock

BONE_LABELS = (1, 2, 3, 4)
CAP_LABELS = (5, 6)
"""Labels of a block, unless told otherwise: those of the published models (bonelab_spinefe: body, processes, caps)."""
LEAST_MG_CC, MOST_MG_CC = 5.0, 2500.0
"""Own choice: an image whose bone has its median below the first or its 99th percentile above the second is not in
mg/cc K2HPO4. Osteoporotic bodies have 40 and more; solid cortex has some 1200 to 1900."""
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
    """Strength of the chosen levels (None: all) of one CT.

    Raises InputError for files or levels that can't be used, and where no strength can be given for any level.
    """
    law_named(request.law)  # a wrong name is told before the wait
    clock = Stopwatch()
    with workers(1) as team:
        with clock.stage("reading"):
            inputs = read_inputs(request, progress)
            quality = check_levels(inputs.scan, inputs.level_map)
            chosen = _chosen(levels, quality)
        with clock.stage("vertebrae"):
            vertebrae, quality = build_all(inputs, quality, team, progress)
            tasks = level_tasks(inputs, request, quality, vertebrae, team, progress)
            _check_lesions(inputs, tasks)
        with clock.stage("strength"):
            entries = tuple(
                _entry(level, tasks, quality, inputs, cases, request.workers, _told(progress, level.name))
                for level in chosen
            )
    _check_any(entries)
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
    """Strength of one calibrated block under each load case that can be modelled.

    Raises InputError for files that don't fit, labels that are not in them, densities that are none, and where no case
    can be modelled.
    """
    from spondyl.mechanics.strength import strength

    law_named(request.law)
    clock = Stopwatch()
    with clock.stage("reading"):
        block = _read_block(request)
    strengths: list[Strength] = []
    failed: dict[LoadCase, ModelError] = {}
    with clock.stage("strength"):
        for case in cases:
            try:
                strengths.append(
                    strength(
                        block,
                        load=case,
                        law=request.law,
                        relative_density_sd=request.relative_density_sd,
                        threads=request.workers or None,
                        progress=_told(progress, str(case)),
                    )
                )
            except ModelError as error:
                failed[case] = error
    if not strengths:
        raise next(iter(failed.values()))
    entry = StrengthEntry("block", None, (), tuple(strengths), in_words(failed, len(cases)))
    described = {
        role: {"sha256": sha256_of(path), "source": "given", "notes": []}
        for role, path in (("density", request.density), ("labels", request.labels))
    }
    parameters = {
        "law": request.law,
        "bone_labels": request.bone_labels,
        "cap_labels": request.cap_labels,
        "relative_density_sd": request.relative_density_sd,
    }
    return StrengthCase(
        entries=(entry,),
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


def _check_lesions(inputs: Inputs, tasks: Mapping[Level, LevelTask]) -> None:
    """A given mask that meets no vertebra would look like a spine without lesions."""
    if inputs.lesions is not None and not any(task.lesions for task in tasks.values()):
        raise MaskMismatch(
            f"the lesion mask touches none of the vertebrae that can be modelled: "
            f"{'; '.join(inputs.described['lesions']['notes'][:3]) or 'it holds specks only'}.",
            "Check that it was drawn on this CT, and which levels the vertebra mask names.",
        )


def _check_any(entries: Sequence[StrengthEntry]) -> None:
    if not any(entry.strengths for entry in entries):
        why = "; ".join(f"{entry.name}: {entry.reason.rstrip('.')}" for entry in entries)
        raise InputError(f"no strength can be given. {why}.", "Name other levels, or a scan that shows them whole.")


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
        return StrengthEntry(
            level.name, level, (), (), "; ".join(quality.of(level).reasons) or "no reason was recorded"
        )
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


def _told(progress: Progress, of: str) -> Progress:
    return lambda stage, done, total: progress(f"{of} {stage}", done, total)


def _read_block(request: BlockRequest) -> BoneBlock:
    """Density and labels on one grid, checked to be what they are said to be."""
    from spondyl.mechanics.bone import BoneBlock

    density = read_image_file(request.density, "the density image")
    labels = read_image_file(request.labels, "the label image")
    if not density.same_grid(labels):
        raise MaskMismatch(
            f"the labels ({_grid(labels.shape, labels.spacing_mm)}) do not lie on the density's grid "
            f"({_grid(density.shape, density.spacing_mm)}).",
            "Resample one onto the other.",
        )
    if not np.array_equal(labels.array, np.rint(labels.array)):
        raise MaskMismatch("the label image holds numbers that are not whole.", "Give labels, not probabilities.")
    numbers = labels.array.astype(np.int64)
    _check_labels(numbers, request)
    cement = np.isin(numbers, request.cap_labels)
    block = BoneBlock(
        density_mg_cc=density.array.astype(np.float64),
        bone=np.isin(numbers, request.bone_labels),
        spacing_mm=density.spacing_mm,
        cement=cement if cement.any() else None,
    )
    _check_density(block)
    return block


def _check_density(block: BoneBlock) -> None:
    """Raise InputError for densities in other units; those that are no numbers are told by the model itself."""
    of_bone = block.density_mg_cc[block.bone]
    if not np.isfinite(of_bone).all():
        return
    middle, high = np.percentile(of_bone, [50, 99])
    if middle < LEAST_MG_CC or high > MOST_MG_CC:
        raise UnsuitableImage(
            f"the bone's densities (median {middle:.3g}, 99th percentile {high:.3g}) are not those of bone in mg/cc.",
            "Give K2HPO4-equivalent mg/cc (not HU, nor g/cc) with 0 for none.",
        )


def _grid(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> str:
    return f"{' x '.join(map(str, shape))} voxels of {' x '.join(f'{step:.3g}' for step in spacing_mm)} mm"


def _check_labels(numbers: np.ndarray, request: BlockRequest) -> None:
    found = {int(number) for number in np.unique(numbers)} - {0}
    if both := sorted(set(request.bone_labels) & set(request.cap_labels)):
        raise InputError(f"the labels {both} are named as bone and as cap.", "Name each of them once.")
    if not found:
        raise MaskMismatch("the label image is empty.", "Give one that labels the bone.")
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
