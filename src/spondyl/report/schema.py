"""assessment.json: its models, and the one function that fills them from a `CaseResult`.

Every unit stands in a key's name. Nothing here is ever nan: what could not be measured is null, and the
`notes` beside it say why. The same case gives the same bytes: no times, no paths, numbers rounded to the
digits that mean something in their unit (far below any measurement's own error).
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import Field

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.citations import cite
from spondyl.report.calibration_parts import Calibration, calibration_part
from spondyl.report.canal_parts import Canal, canal_part
from spondyl.report.fracture_parts import Fracture, fracture_part
from spondyl.report.lesion_parts import LesionFinding, lesion_part
from spondyl.report.parts import (
    DISCLAIMER,
    Citation,
    Degrees,
    Fine,
    Hu,
    Kilovolt,
    Measured,
    MgCc,
    Mm,
    Mm3,
    Part,
    Share,
    plain,
    taken,
)
from spondyl.report.strength_parts import StrengthEstimate, TaskRatio, strength_estimate, task_ratios
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.vertebra import Vertebra

SCHEMA_VERSION = "1.3"


class Scan(Measured):
    """The CT as it was read."""

    source: str
    shape: tuple[int, int, int]
    spacing_mm: tuple[Mm, Mm, Mm]
    kvp: Kilovolt
    contrast: bool | None
    kernel: str | None
    slice_thickness_mm: Mm
    label_scheme: str
    label_notes: tuple[str, ...] = ()


class LevelQuality(Part):
    level: str
    assessed: bool
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    cut_by_border: bool
    metal_mm3: Mm3


class Quality(Part):
    levels: tuple[LevelQuality, ...]
    notes: tuple[str, ...]


class Frame(Part):
    """A vertebra's own axes: columns x (to its left), y (to its back), z (up), in patient LPS."""

    origin_lps_mm: tuple[Mm, Mm, Mm]
    axes_lps: tuple[tuple[Fine, Fine, Fine], tuple[Fine, Fine, Fine], tuple[Fine, Fine, Fine]]


class VertebraPart(Part):
    name: str
    label: int = Field(description="value in masks/parts.nii.gz")
    volume_mm3: Mm3
    cut_by_border: bool


class Geometry(Measured):
    anterior_height_mm: Mm
    middle_height_mm: Mm
    posterior_height_mm: Mm
    width_mm: Mm
    depth_mm: Mm
    predicted_height_mm: Mm = Field(description="what the neighbours lead one to expect of the tallest height")
    height_loss: Share = Field(description="1 - lowest height / predicted height")
    height_loss_interval: tuple[Share, Share] | None
    wedge_deg: Degrees = Field(description="between the endplates, positive when the front is lower")
    sagittal_angle_to_above_deg: Degrees = Field(description="kyphosis positive")
    coronal_angle_to_above_deg: Degrees
    translation_ap_mm: Mm = Field(description="level above on this one, backward positive")
    translation_lr_mm: Mm = Field(description="level above on this one, to the patient's left positive")


class Density(Measured):
    trabecular_hu: Hu
    trabecular_hu_sd: Hu
    trabecular_mg_cc: MgCc = Field(description="K2HPO4-equivalent")
    trabecular_mg_cc_interval: tuple[MgCc, MgCc] | None = Field(description="95 % from the calibration")
    core_volume_mm3: Mm3
    unusable_share: Share = Field(description="of the core, left out for metal and its streaks")


class SinsItem(Part):
    name: str
    answer: str
    points_min: int
    points_max: int
    basis: str
    source: str


class Sins(Part):
    rule: str
    version: str
    applies: bool = Field(description="false where there is no lesion: the total is what one would make")
    items: tuple[SinsItem, ...]
    total_min: int
    total_max: int
    category: str
    advice: str
    missing: tuple[str, ...]
    citations: tuple[str, ...]


class VertebraAssessment(Part):
    """One level. Everything below `warnings` is null or empty when `status` is 'not_assessed'."""

    level: str
    label: int = Field(description="value in masks/vertebrae.nii.gz")
    status: Literal["assessed", "not_assessed"]
    reasons: tuple[str, ...] = Field(description="why it is not assessed")
    warnings: tuple[str, ...]
    frame: Frame | None
    parts_source: str | None = Field(description="'given' by a mask or found from 'shape'")
    parts: tuple[VertebraPart, ...]
    geometry: Geometry | None
    density: Density | None
    density_reason: str = Field(description="why there is no density, when there is none")
    lesions: tuple[LesionFinding, ...]
    canal: Canal | None
    fracture: Fracture | None = Field(description="null where the loss of height can't be judged")
    strength: StrengthEstimate | None
    strength_reason: str = Field(description="why there is no strength, when there is none")
    loads: tuple[TaskRatio, ...] = Field(description="load by task and load over failure load; empty where unknown")
    sins: Sins | None


class Urgency(Part):
    tier: str
    for_patient: str
    for_clinician: str
    reasons: tuple[str, ...]
    would_change: tuple[str, ...]
    citations: tuple[str, ...]
    least: str = Field(description="the least urgent tier that unanswered questions and a missing examination leave")
    most: str = Field(description="the most urgent one")
    call: str = Field(description="whom to call")
    how_soon: str
    ask_again: str = Field(description="when to go through the questions again")


class Classification(Part):
    origin: str
    compartment: str
    behaviour: str
    entity: str
    reasons: tuple[str, ...]
    citations: tuple[str, ...]


class Assessment(Part):
    """The findings of one case."""

    schema_version: Literal["1.3"]
    disclaimer: str
    inputs: dict[str, dict[str, Any]] = Field(description="by role (ct, vertebrae, lesions, ...): sha256, kind, notes")
    history_given: bool
    lesions_given: bool
    scan: Scan
    quality: Quality
    vertebrae: tuple[VertebraAssessment, ...] = Field(description="from the head down")
    urgency: Urgency | None
    classification: Classification | None
    calibration: Calibration
    citations: tuple[Citation, ...] = Field(description="of every method and figure used in this case")
    provenance: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of assessment.json."""
    schema = Assessment.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Spondyl assessment"}


def from_case(case: CaseResult) -> Assessment:
    """The findings of a case as they are written. Raises RuleError when a cited key has no reference."""
    first = _first_lesion_numbers(case)
    return Assessment(
        schema_version="1.3",
        disclaimer=DISCLAIMER,
        inputs=plain(case.inputs),
        history_given=case.history_given,
        lesions_given=case.lesions_given,
        scan=_scan(case),
        quality=Quality(
            levels=tuple(taken(LevelQuality, entry, level=entry.level.name) for entry in case.quality.levels),
            notes=case.quality.notes,
        ),
        vertebrae=tuple(_vertebra(result, first[result.level]) for result in case.vertebrae),
        urgency=taken(Urgency, case.urgency) if case.urgency else None,
        classification=taken(Classification, case.classification) if case.classification else None,
        calibration=calibration_part(case.calibration),
        citations=tuple(taken(Citation, reference) for reference in cite(citation_keys(case))),
        provenance=plain(case.provenance),
    )


def citation_keys(case: CaseResult) -> set[str]:
    """Every key the case names, at the top or inside one of its values."""
    keys = {*case.citations, *case.calibration.citations}
    for judged in (case.urgency, case.classification):
        keys.update(judged.citations if judged else ())
    for result in case.vertebrae:
        keys.update(result.strength.citations if result.strength else ())
        keys.update(result.sins.citations if result.sins else ())
        keys.update(result.fracture.citations if result.fracture else ())
        keys.update(norm.source for norm in (result.canal.norms if result.canal else ()))
        keys.update(key for load, _ in result.loads for key in load.citations)
    return keys


def _first_lesion_numbers(case: CaseResult) -> dict[Level, int]:
    """Lesions are numbered from 1 along the spine; the number of each level's first."""
    first, number = {}, 1
    for result in case.vertebrae:
        first[result.level] = number
        number += len(result.lesions)
    return first


def _scan(case: CaseResult) -> Scan:
    scan = case.scan
    return Scan(
        source=scan.source,
        shape=scan.volume.shape,
        spacing_mm=scan.volume.spacing_mm,
        kvp=scan.kvp,
        contrast=scan.contrast,
        kernel=scan.kernel,
        slice_thickness_mm=scan.slice_thickness_mm,
        label_scheme=case.level_map.scheme,
        label_notes=case.level_map.notes,
        notes=scan.notes,
    )


def _vertebra(result: VertebraResult, first_lesion: int) -> VertebraAssessment:
    vertebra = result.vertebra
    return VertebraAssessment(
        level=result.level.name,
        label=int(result.level),
        status="assessed" if result.quality.assessed else "not_assessed",
        reasons=result.quality.reasons,
        warnings=result.quality.warnings,
        frame=_frame(vertebra) if vertebra else None,
        parts_source=vertebra.subregion_source if vertebra else None,
        parts=_parts(vertebra) if vertebra else (),
        geometry=taken(Geometry, vertebra.geometry) if vertebra else None,
        density=taken(Density, result.density) if result.density else None,
        density_reason=result.density_reason,
        lesions=tuple(lesion_part(lesion, n) for n, lesion in enumerate(result.lesions, first_lesion)),
        canal=canal_part(result.canal) if result.canal else None,
        fracture=fracture_part(result.fracture) if result.fracture else None,
        strength=strength_estimate(result.strength, first_lesion) if result.strength else None,
        strength_reason=result.strength_reason,
        loads=task_ratios(result.loads),
        sins=taken(Sins, result.sins, items=tuple(taken(SinsItem, item) for item in result.sins.items))
        if result.sins
        else None,
    )


def _frame(vertebra: Vertebra) -> Frame:
    return Frame.model_validate(
        {"origin_lps_mm": vertebra.frame.origin_mm.tolist(), "axes_lps": vertebra.frame.axes.tolist()}
    )


def _parts(vertebra: Vertebra) -> tuple[VertebraPart, ...]:
    return tuple(
        VertebraPart(
            name=part.words,
            label=int(part),
            volume_mm3=vertebra.volume_mm3(part),
            cut_by_border=part in vertebra.cut_parts,
        )
        for part in SubRegion
        if vertebra.mask(part).any()
    )
