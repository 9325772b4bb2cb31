"""The steps that lead from a read case to its vertebrae, whatever is then asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.core.progress import Progress
from spondyl.core.volume import Volume
from spondyl.imaging.gate.quality import is_too_thick
from spondyl.lesions.given import lesions_from_mask
from spondyl.lesions.normal import fit_reference
from spondyl.pipeline.inputs import Inputs
from spondyl.pipeline.levels import LevelTask, survey
from spondyl.pipeline.request import Request
from spondyl.pipeline.workers import Workers
from spondyl.values.quality import LevelQuality, QualityReport
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.build import assemble, build_one, plan

CT_MARGIN_MM = 10.0
"""Own choice: CT kept around a vertebra for the steps that look just outside it."""


def build_all(
    inputs: Inputs, quality: QualityReport, team: Workers, progress: Progress
) -> tuple[dict[Level, Vertebra], QualityReport]:
    """Vertebrae that passed the gate, and its word with those added that can't be built.

    All labels are looked at, because they show the spine's course.
    """
    tasks, unplanned = plan(inputs.level_map, subregions=inputs.subregions, cord=inputs.cord)
    passed = [entry.level for entry in quality.levels if entry.assessed]
    levels = [level for level in passed if level in tasks]
    results = team.map(build_one, [tasks[level] for level in levels], progress, "vertebrae")
    vertebrae, unbuilt = assemble(dict(zip(levels, results, strict=True)))
    reasons = {level: {**unplanned, **unbuilt}[level] for level in passed if level not in vertebrae}
    return vertebrae, _with_cut_parts(_with_unbuilt(quality, reasons), vertebrae)


def _with_unbuilt(quality: QualityReport, unbuilt: Mapping[Level, str]) -> QualityReport:
    """The gate's word, with those added whose frame or body could not be found."""
    return replace(
        quality,
        levels=tuple(
            replace(entry, assessed=False, reasons=(*entry.reasons, unbuilt[entry.level]))
            if entry.level in unbuilt and entry.assessed
            else entry
            for entry in quality.levels
        ),
    )


def _with_cut_parts(quality: QualityReport, vertebrae: Mapping[Level, Vertebra]) -> QualityReport:
    """A warning at levels whose arch the scan cuts, with what that means for them."""

    def warned(entry: LevelQuality) -> LevelQuality:
        vertebra = vertebrae.get(entry.level)
        if vertebra is None or not vertebra.cut_parts:
            return entry
        parts = ", ".join(part.words for part in vertebra.cut_parts)
        warning = (
            f"the scan's edge cuts its arch ({parts}): body, density and strength are measured; what lies in the cut "
            f"parts is not, so the posterolateral item of SINS stays open on a cut side and the canal may be measured "
            f"in part only"
        )
        return replace(entry, warnings=(*entry.warnings, warning))

    return replace(quality, levels=tuple(warned(entry) for entry in quality.levels))


def level_tasks(
    inputs: Inputs,
    request: Request,
    quality: QualityReport,
    vertebrae: Mapping[Level, Vertebra],
    team: Workers,
    progress: Progress,
) -> dict[Level, LevelTask]:
    """What is to be measured at each level: with the lesions given, or with what the patient's own bone looks like."""
    tasks = {level: _task(inputs, request, quality, vertebra) for level, vertebra in vertebrae.items()}
    if inputs.lesions is not None:
        given, notes = lesions_from_mask(inputs.lesions, inputs.scan.volume, vertebrae)
        inputs.described["lesions"]["notes"] = list(notes)
        return {level: replace(task, lesions=given.get(level, ())) for level, task in tasks.items()}
    reference = fit_reference(team.map(survey, list(tasks.values()), progress, "normal bone"))
    return {level: replace(task, reference=reference) for level, task in tasks.items()}


def _task(inputs: Inputs, request: Request, quality: QualityReport, vertebra: Vertebra) -> LevelTask:
    entry = quality.of(vertebra.level)
    return LevelTask(
        vertebra=vertebra,
        ct=_around(inputs.scan.volume, vertebra),
        unusable=_on_parts(inputs.unusable, vertebra),
        calibration=inputs.calibration,
        voxel_mm=request.voxel_mm,
        law=request.law,
        strength_barred=_barred(request, entry),
    )


def _on_parts(mask: Volume | None, vertebra: Vertebra) -> np.ndarray | None:
    """A mask on the CT's grid, on that of the vertebra's parts; None where it holds nothing."""
    if mask is None:
        return None
    i, j, k = (int(n) for n in np.rint(mask.to_index(vertebra.parts.affine[:3, 3])))
    di, dj, dk = vertebra.parts.shape
    held = mask.crop((i, j, k), (i + di, j + dj, k + dk)).array
    return np.ascontiguousarray(held) if held.any() else None


def _barred(request: Request, entry: LevelQuality) -> str:
    if not request.strength:
        return "it was not asked for"
    return "the slices are too thick for a finite-element model" if is_too_thick(entry) else ""


def _around(ct: Volume, vertebra: Vertebra) -> Volume:
    """The CT over the vertebra's own grid and a margin, small enough to send to another process."""
    corner = ct.to_index(vertebra.parts.affine[:3, 3]).round().astype(int)
    margin = [int(CT_MARGIN_MM // step) + 1 for step in ct.spacing_mm]
    start = tuple(int(c) - m for c, m in zip(corner, margin, strict=True))
    stop = tuple(int(c) + n + m for c, n, m in zip(corner, vertebra.parts.shape, margin, strict=True))
    return ct.crop(start, stop).contiguous()  # type: ignore[arg-type]
