"""One case from files to `CaseResult`: the order of the work, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from spondyl.anatomy.levels import Level
from spondyl.canal.measure import CITATIONS as canal_citations
from spondyl.canal.measure import measure_canals
from spondyl.clinical.classification import classify
from spondyl.clinical.urgency import triage
from spondyl.core.progress import Progress, Stopwatch, silent
from spondyl.core.provenance import versions
from spondyl.imaging.gate.quality import check_levels
from spondyl.lesions.detect import CITATIONS as lesions_citations
from spondyl.pipeline.findings import fracture_at, loads_on, sins_of
from spondyl.pipeline.inputs import Inputs, read_inputs
from spondyl.pipeline.levels import LevelOutcome, examine
from spondyl.pipeline.request import Request
from spondyl.pipeline.steps import build_all, level_tasks
from spondyl.pipeline.workers import workers
from spondyl.values.canal import CanalMeasure
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.quality import QualityReport
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.build import CITATIONS as vertebrae_citations
from spondyl.vertebrae.build import GIVEN_CITATIONS


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
            vertebrae, quality = build_all(inputs, quality, team, progress)
        with clock.stage("measuring"):
            tasks = level_tasks(inputs, request, quality, vertebrae, team, progress)
            found = team.map(examine, list(tasks.values()), progress, "measuring")
            outcomes = dict(zip(tasks, found, strict=True))
        with clock.stage("canal"):
            canals = measure_canals(
                vertebrae,
                cord=inputs.cord,
                lesions={level: outcome.lesions for level, outcome in outcomes.items()},
                sac=inputs.sac,
                epidural=inputs.epidural,
                ct=inputs.scan.volume,
            )
        with clock.stage("scoring"):
            results = _results(inputs, quality, vertebrae, outcomes, canals)
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
        sac=inputs.sac,
        epidural=inputs.epidural,
        citations=_room_citations(inputs, results),
        inputs=inputs.described,
        provenance={"versions": versions(), "parameters": request.parameters()},
        stage_seconds=clock.seconds,
    )


def _results(
    inputs: Inputs,
    quality: QualityReport,
    vertebrae: Mapping[Level, Vertebra],
    outcomes: Mapping[Level, LevelOutcome],
    canals: Mapping[Level, CanalMeasure],
) -> tuple[VertebraResult, ...]:
    results = []
    lesions = {level: outcome.lesions for level, outcome in outcomes.items()}
    looked = inputs.epidural is not None
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
                canal=canals[entry.level],
                fracture=fracture_at(entry.level, vertebrae, lesions, canals[entry.level], looked_in_canal=looked),
                strength=outcome.strength,
                strength_reason=outcome.strength_reason,
                loads=loads_on(entry.level, outcome.strength, inputs.history),
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
