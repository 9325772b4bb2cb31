"""One case from files to `CaseResult`: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from spondyl.anatomy.levels import Level
from spondyl.canal.measure import CITATIONS as canal_citations
from spondyl.canal.measure import compare_with_neighbours, cord_beside
from spondyl.clinical.classification import classify
from spondyl.clinical.urgency import triage
from spondyl.core.progress import Progress, Stopwatch, silent
from spondyl.core.provenance import versions
from spondyl.core.volume import Volume
from spondyl.imaging.gate.quality import check_levels, is_too_thick
from spondyl.lesions.detect import CITATIONS as lesions_citations
from spondyl.lesions.given import lesions_from_mask
from spondyl.lesions.normal import fit_reference
from spondyl.pipeline.findings import sins_of
from spondyl.pipeline.inputs import Inputs, read_inputs
from spondyl.pipeline.levels import LevelOutcome, LevelTask, examine, survey
from spondyl.pipeline.request import Request
from spondyl.pipeline.workers import Workers, workers
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.quality import LevelQuality, QualityReport
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.build import CITATIONS as vertebrae_citations
from spondyl.vertebrae.build import GIVEN_CITATIONS, assemble, build_one, plan

CT_MARGIN_MM = 10.0
"""Own choice: CT kept around a vertebra for the steps that look just outside it."""


def assess(request: Request, progress: Progress = silent) -> CaseResult:
    """Assess every vertebra of one CT. Raises InputError for files that can't be used; writes nothing."""
    clock = Stopwatch()
    with workers(request.workers) as team:
        with clock.stage("reading"):
            inputs = read_inputs(request, progress)
        with clock.stage("checking"):
            progress("checking", 0, 1)
            quality = check_levels(inputs.scan, inputs.level_map)
            progress("checking", 1, 1)
        with clock.stage("vertebrae"):
            vertebrae, unbuilt = _build_all(inputs, quality, team, progress)
            quality = _with_cut_parts(_with_unbuilt(quality, unbuilt), vertebrae)
        with clock.stage("measuring"):
            outcomes = _examine_all(inputs, request, quality, vertebrae, team, progress)
        with clock.stage("scoring"):
            results = _results(inputs, quality, vertebrae, outcomes)
    lesions_present = any(result.lesions for result in results)
    return CaseResult(
        scan=inputs.scan,
        level_map=inputs.level_map,
        quality=quality,
        calibration=inputs.calibration,
        vertebrae=results,
        urgency=triage(inputs.history),
        classification=classify(inputs.history, lesions_present),
        history_given=inputs.history is not None,
        lesions_given=inputs.lesions is not None,
        cord=inputs.cord,
        citations=_room_citations(inputs, results),
        inputs=inputs.described,
        provenance={"versions": versions(), "parameters": request.parameters()},
        stage_seconds=clock.seconds,
    )


def _build_all(
    inputs: Inputs, quality: QualityReport, team: Workers, progress: Progress
) -> tuple[dict[Level, Vertebra], dict[Level, str]]:
    """Vertebrae that passed the gate, and why the rest of these can't be built. All labels show the spine's course."""
    tasks, unplanned = plan(inputs.level_map, subregions=inputs.subregions, cord=inputs.cord)
    passed = [entry.level for entry in quality.levels if entry.assessed]
    levels = [level for level in passed if level in tasks]
    results = team.map(build_one, [tasks[level] for level in levels], progress, "vertebrae")
    vertebrae, unbuilt = assemble(dict(zip(levels, results, strict=True)))
    return vertebrae, {level: {**unplanned, **unbuilt}[level] for level in passed if level not in vertebrae}


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


def _examine_all(
    inputs: Inputs,
    request: Request,
    quality: QualityReport,
    vertebrae: Mapping[Level, Vertebra],
    team: Workers,
    progress: Progress,
) -> dict[Level, LevelOutcome]:
    tasks = [_task(inputs, request, quality, vertebra) for vertebra in vertebrae.values()]
    if inputs.lesions is not None:
        given, notes = lesions_from_mask(inputs.lesions, inputs.scan.volume, vertebrae)
        inputs.described["lesions"]["notes"] = list(notes)
        tasks = [replace(task, lesions=given.get(task.vertebra.level, ())) for task in tasks]
    else:
        reference = fit_reference(team.map(survey, tasks, progress, "normal bone"))
        tasks = [replace(task, reference=reference) for task in tasks]
    outcomes = dict(zip(vertebrae, team.map(examine, tasks, progress, "measuring"), strict=True))
    canals = compare_with_neighbours(
        {level: outcome.canal for level, outcome in outcomes.items()},
        vertebrae,
        with_lesion=[level for level, outcome in outcomes.items() if outcome.lesions],
    )
    return {level: replace(outcome, canal=canals[level]) for level, outcome in outcomes.items()}


def _task(inputs: Inputs, request: Request, quality: QualityReport, vertebra: Vertebra) -> LevelTask:
    entry = quality.of(vertebra.level)
    return LevelTask(
        vertebra=vertebra,
        ct=_around(inputs.scan.volume, vertebra),
        cord=None if inputs.cord is None else cord_beside(vertebra, inputs.cord),
        calibration=inputs.calibration,
        voxel_mm=request.voxel_mm,
        strength_barred="the slices are too thick for a finite-element model" if is_too_thick(entry) else "",
    )


def _around(ct: Volume, vertebra: Vertebra) -> Volume:
    """The CT over the vertebra's own grid and a margin, small enough to send to another process."""
    corner = ct.to_index(vertebra.parts.affine[:3, 3]).round().astype(int)
    margin = [int(CT_MARGIN_MM // step) + 1 for step in ct.spacing_mm]
    start = tuple(int(c) - m for c, m in zip(corner, margin, strict=True))
    stop = tuple(int(c) + n + m for c, n, m in zip(corner, vertebra.parts.shape, margin, strict=True))
    return ct.crop(start, stop).contiguous()  # type: ignore[arg-type]


def _results(
    inputs: Inputs,
    quality: QualityReport,
    vertebrae: Mapping[Level, Vertebra],
    outcomes: Mapping[Level, LevelOutcome],
) -> tuple[VertebraResult, ...]:
    results = []
    for entry in quality.levels:
        if entry.level not in outcomes:
            results.append(VertebraResult(level=entry.level, quality=entry))
            continue
        outcome = outcomes[entry.level]
        results.append(
            VertebraResult(
                level=entry.level,
                quality=entry,
                vertebra=vertebrae[entry.level],
                density=outcome.density,
                density_reason=outcome.density_reason,
                lesions=outcome.lesions,
                canal=outcome.canal,
                strength=outcome.strength,
                strength_reason=outcome.strength_reason,
                sins=sins_of(entry.level, vertebrae, outcome.lesions, inputs.history),
            )
        )
    return tuple(results)


def _room_citations(inputs: Inputs, results: tuple[VertebraResult, ...]) -> tuple[str, ...]:
    """Keys of the methods whose values carry none themselves: geometry, canal and lesions."""
    keys: set[str] = set()
    if inputs.subregions is not None:
        keys.update(GIVEN_CITATIONS)
    if any(result.vertebra for result in results):
        keys.update(vertebrae_citations, canal_citations, lesions_citations)
    return tuple(sorted(keys))
