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
    Mm2,
    Mm3,
    Part,
    Share,
    Unit,
    plain,
)
from spondyl.report.strength_parts import StrengthEstimate, TaskRatio, strength_estimate, task_ratios
from spondyl.values.canal import CanalMeasure
from spondyl.values.canal import Foramen as ForamenMeasure
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.density import Calibration as CalibrationLine
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra

SCHEMA_VERSION = "1.2"


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


class LesionFinding(Measured):
    number: int = Field(description="value in masks/lesions.nii.gz")
    level: str
    type: Literal["lytic", "blastic", "mixed"]
    origin: Literal["given", "detected"]
    confidence: Unit = Field(description="0 to 1; null when given")
    volume_mm3: Mm3
    longest_diameter_mm: Mm
    centroid_lps_mm: tuple[Mm, Mm, Mm]
    mean_hu: Hu
    body_share: Share = Field(description="share of the vertebral body's volume held by this lesion")
    parts_touched: tuple[str, ...]
    cortex_breached: bool | None


class Norm(Part):
    """A measure beside the published mean of the same quantity."""

    quantity: str
    unit: str
    measured: Mm
    mean: Mm
    sd: Mm
    deviations: Unit = Field(description="standard deviations above the mean; null where the source gives none")
    source: str
    verified: bool


class Foramen(Measured):
    """The opening between this level's pedicle and that of the level below, on one side, as bone bounds it."""

    below: str
    side: Literal["left", "right"]
    height_mm: Mm
    width_mm: Mm
    area_mm2: Mm2
    fat_share: Share = Field(description="of the opening, with the CT numbers of fat")
    area_to_other_side: Unit
    area_to_neighbours: Unit


class Compression(Part):
    """What labels of cord, sac and tumour show at the worst cross-section."""

    position_mm: Mm = Field(description="along the vertebra's z axis")
    below_conus: bool = Field(description="true where the cord has ended: no ESCC grade, the sac's compression")
    epidural_area_mm2: Mm2
    canal_share: Share
    sac_area_mm2: Mm2
    sac_loss: Share
    tumour_to_cord_mm: Mm
    cord_area_share: Share
    cord_shape_share: Share
    cord_dent: Share
    fluid_arc_share: Share
    tumour_arc_deg: Degrees


class Canal(Measured):
    positions_mm: tuple[Mm, ...] = Field(description="along the vertebra's z axis")
    areas_mm2: tuple[Mm2, ...] = Field(description="at each position; null where the bony ring is open")
    open_areas_mm2: tuple[Mm2, ...] = Field(description="where it is open, bounded by bone and the rings next to it")
    bounded_shares: tuple[Share, ...] = Field(description="of each cross-section's outline, where bone is met")
    min_area_mm2: Mm2
    ap_diameter_mm: Mm
    transverse_diameter_mm: Mm
    pedicle_area_mm2: Mm2 = Field(description="at the middle of the pedicles")
    pedicle_ap_mm: Mm
    pedicle_transverse_mm: Mm
    retropulsion_mm: Mm = Field(description="of the body's back wall behind the line of its neighbours'")
    retropulsion_share: Share = Field(description="that over the canal's front-to-back diameter")
    sac_area_mm2: Mm2
    norms: tuple[Norm, ...]
    foramina: tuple[Foramen, ...]
    compression: Compression | None
    expected_area_mm2: Mm2
    area_loss: Share
    lesion_encroachment: Share
    cord_area_mm2: Mm2
    escc_grade: str | None
    escc_possible: tuple[str, ...] = Field(description="every grade that the geometry allows within a voxel")
    escc_reason: str


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


class Classification(Part):
    origin: str
    compartment: str
    behaviour: str
    entity: str
    reasons: tuple[str, ...]
    citations: tuple[str, ...]


class Tissue(Part):
    """One of the patient's own tissues as the scan shows it."""

    tissue: str
    hu: Hu = Field(description="centre of the peak that its voxels make; null where none were found")
    hu_sd: Hu
    volume_mm3: Mm3
    centre_mm: tuple[Mm, Mm, Mm] | None = Field(description="LPS")
    used: bool
    reason: str = Field(description="where it lies and why it was accepted, or why it was left out")


class Contrast(Part):
    """Whether intravenous contrast medium is in the scan."""

    present: bool | None
    blood_hu: Hu
    rise_hu: Hu = Field(description="blood above what it has without contrast medium")
    reason: str


class Calibration(Measured):
    """density [mg/cc K2HPO4] = slope_mg_cc_per_hu * HU + intercept_mg_cc."""

    slope_mg_cc_per_hu: Fine
    intercept_mg_cc: Fine
    slope_sd_mg_cc_per_hu: Fine
    intercept_sd_mg_cc: Fine
    covariance: Fine = Field(description="of slope and intercept")
    method: str
    effective_energy_kev: Unit = Field(description="of an internal calibration")
    tissues: tuple[Tissue, ...] = Field(description="what an internal calibration found in the patient")
    contrast: Contrast | None
    citations: tuple[str, ...]


class Assessment(Part):
    """The findings of one case."""

    schema_version: Literal["1.2"]
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
        schema_version="1.2",
        disclaimer=DISCLAIMER,
        inputs=plain(case.inputs),
        history_given=case.history_given,
        lesions_given=case.lesions_given,
        scan=_scan(case),
        quality=Quality(
            levels=tuple(LevelQuality(**vars(entry) | {"level": entry.level.name}) for entry in case.quality.levels),
            notes=case.quality.notes,
        ),
        vertebrae=tuple(_vertebra(result, first[result.level]) for result in case.vertebrae),
        urgency=Urgency(**vars(case.urgency)) if case.urgency else None,
        classification=Classification(**vars(case.classification)) if case.classification else None,
        calibration=calibration_part(case.calibration),
        citations=tuple(Citation(**vars(reference)) for reference in cite(citation_keys(case))),
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


def calibration_part(line: CalibrationLine) -> Calibration:
    return Calibration(
        slope_mg_cc_per_hu=line.slope_mg_cc_per_hu,
        intercept_mg_cc=line.intercept_mg_cc,
        slope_sd_mg_cc_per_hu=line.slope_sd,
        intercept_sd_mg_cc=line.intercept_sd,
        covariance=line.covariance,
        method=line.method,
        effective_energy_kev=line.effective_energy_kev,
        tissues=tuple(Tissue(**vars(tissue)) for tissue in line.tissues),
        contrast=Contrast(**vars(line.contrast)) if line.contrast else None,
        citations=line.citations,
        notes=line.notes,
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
        geometry=Geometry(**vars(vertebra.geometry)) if vertebra else None,
        density=Density(**vars(result.density)) if result.density else None,
        density_reason=result.density_reason,
        lesions=tuple(_lesion(lesion, n) for n, lesion in enumerate(result.lesions, first_lesion)),
        canal=_canal(result.canal) if result.canal else None,
        strength=strength_estimate(result.strength, first_lesion) if result.strength else None,
        strength_reason=result.strength_reason,
        loads=task_ratios(result.loads),
        sins=Sins(**vars(result.sins) | {"items": tuple(SinsItem(**vars(item)) for item in result.sins.items)})
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


def _lesion(lesion: Lesion, number: int) -> LesionFinding:
    same = ("confidence", "volume_mm3", "longest_diameter_mm", "centroid_lps_mm", "mean_hu", "body_share", "origin")
    return LesionFinding(
        number=number,
        level=lesion.level.name,
        type=lesion.kind,
        parts_touched=tuple(part.words for part in sorted(lesion.parts_touched)),
        cortex_breached=lesion.cortex_breached,
        notes=lesion.notes,
        **{name: getattr(lesion, name) for name in same},
    )


def _canal(canal: CanalMeasure) -> Canal:
    fields = {name: getattr(canal, name) for name in Canal.model_fields}
    rows = ("positions_mm", "areas_mm2", "open_areas_mm2", "bounded_shares")
    return Canal(
        **fields
        | {name: tuple(fields[name].tolist()) for name in rows}
        | {
            "norms": tuple(Norm(**vars(norm) | {"deviations": norm.deviations}) for norm in canal.norms),
            "foramina": tuple(_foramen(foramen) for foramen in canal.foramina),
            "compression": Compression(**vars(canal.compression)) if canal.compression else None,
        }
    )


def _foramen(foramen: ForamenMeasure) -> Foramen:
    fields = {name: getattr(foramen, name) for name in Foramen.model_fields}
    return Foramen(**fields | {"below": foramen.below.name})
