"""A whole case made by hand: four small vertebrae on an oblique, anisotropic grid, with everything a report can show.

T12 is not assessed; L1 is whole; L2 holds a lytic lesion in its left half; L3 has lost height. The numbers are
plausible and have no other meaning.
"""

from __future__ import annotations

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.citations import bibliography
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.density import Calibration, DensityMeasure
from spondyl.values.lesion import Lesion
from spondyl.values.level_map import LevelMap
from spondyl.values.load import Ratio, TaskLoad
from spondyl.values.quality import LevelQuality, QualityReport
from spondyl.values.scan import CtScan
from spondyl.values.score import ClassificationResult, ScoredItem, ScoreResult, UrgencyResult
from spondyl.values.strength import (
    Criteria,
    LesionEffect,
    LoadCase,
    LoadCurve,
    SolveReport,
    SolveStatus,
    Spread,
    Strength,
)
from spondyl.values.vertebra import Frame, Geometry, Vertebra

LEVELS = (Level.T12, Level.L1, Level.L2, Level.L3)
LESION_LOCAL_MM = np.array([9.0, 2.0, 0.0])
"""Centre of the lesion of L2 in its own frame: to the patient's left."""
_SHAPE = (72, 72, 64)
_SPACING = np.array([1.3, 1.2, 2.0])


def oblique_affine(degrees: float = 7.0) -> np.ndarray:
    """A grid turned about the front-back and the left-right axis, so that no axis is the patient's."""
    a, b = np.deg2rad([degrees, -degrees / 2])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    affine = np.eye(4)
    affine[:3, :3] = about_y @ about_x * _SPACING
    affine[:3, 3] = -affine[:3, :3] @ (np.array(_SHAPE) - 1) / 2 + (11.0, -23.0, 480.0)
    return affine


def synthetic_case(*, history: bool = True, degrees: float = 7.0) -> CaseResult:
    affine = oblique_affine(degrees)
    grid = Volume(np.zeros(_SHAPE, np.int16), affine, "HU")
    rng = np.random.default_rng(7)
    hu = rng.normal(40, 15, _SHAPE).astype(np.int16)
    labels = np.zeros(_SHAPE, np.uint8)
    frames = {level: _frame(affine, n) for n, level in enumerate(LEVELS)}
    vertebrae, lesion, lumens = {}, None, {}
    for level, frame in frames.items():
        local = frame.to_local(grid.to_lps(np.stack(np.indices(_SHAPE), axis=-1)))
        parts, lumen = _parts(local, flat=level is Level.L3)
        hu[parts > 0] = rng.normal(380, 60, int((parts > 0).sum()))
        core = (np.hypot(local[..., 0] / 17, local[..., 1] / 12) < 1) & (parts == SubRegion.BODY)
        hu[core] = rng.normal(150, 25, int(core.sum()))
        if level is Level.L2:
            blob = (np.linalg.norm(local - LESION_LOCAL_MM, axis=-1) < 8) & (parts > 0)
            hu[blob] = rng.normal(25, 10, int(blob.sum()))
        labels[parts > 0] = int(level)
        start, stop = _box(parts > 0)
        crop = Volume(parts, affine, "label").crop(start, stop)
        vertebrae[level] = Vertebra(level, frame, crop, _geometry(level), "shape")
        lumens[level] = Volume(lumen, affine, "mask").crop(start, stop)
        if level is Level.L2:
            lesion = _lesion(Volume(blob, affine, "mask").crop(start, stop), frame)
    assert lesion is not None
    keys = tuple(sorted(bibliography()))[:3]
    quality = QualityReport(tuple(_quality(level) for level in LEVELS), ("The row of names has no gap.",))
    results = [VertebraResult(Level.T12, quality.of(Level.T12))]
    for level in LEVELS[1:]:
        results.append(
            VertebraResult(
                level,
                quality.of(level),
                vertebra=vertebrae[level],
                density=None if level is Level.L3 else _density(level),
                lesions=(lesion,) if level is Level.L2 else (),
                canal=_canal(lumens[level], level),
                strength=None if level is Level.L3 else _strength(level),
                density_reason="the body is too thin to have a core" if level is Level.L3 else "",
                strength_reason="the slices are too thick for a finite-element model" if level is Level.L3 else "",
                loads=() if level is Level.L3 else _loads(),
                sins=_sins(level, keys),
            )
        )
    return CaseResult(
        scan=CtScan(Volume(hu, affine, "HU"), 120.0, None, None, 2.0, "a synthetic CT of four vertebrae", "0" * 64, ()),
        level_map=LevelMap(Volume(labels, affine, "label"), "verse", "1" * 64),
        quality=quality,
        calibration=Calibration(
            0.78, 2.5, 0.05, 6.0, "generic 120 kVp", keys[:1], ("No phantom was scanned: density is uncertain.",)
        ),
        vertebrae=tuple(results),
        urgency=_urgency(keys) if history else None,
        classification=ClassificationResult(
            "consistent with secondary (metastatic)",
            "extradural",
            "consistent with malignant",
            "consistent with metastasis of the known cancer",
            ("a lesion lies in a vertebra", "cancer is known"),
            keys[:1],
        ),
        history_given=history,
        lesions_given=False,
        cord=None,
        citations=keys,
        inputs={"ct": {"sha256": "0" * 64, "kind": "synthetic"}, "vertebrae": {"sha256": "1" * 64, "kind": "verse"}},
        provenance={"versions": {"spondyl": "0.1.0"}, "parameters": {"voxel_mm": 1.0}},
        stage_seconds={"reading": 1.0},
    )


def _frame(affine: np.ndarray, n: int) -> Frame:
    """Along a gently curved line, in the grid's middle."""
    tilt = np.deg2rad(8.0 - 5.0 * n)
    y = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    z = np.array([0.0, -np.sin(tilt), np.cos(tilt)])
    origin = np.array([11.0 + 1.5 * n, -37.0 + 1.0 * (n - 1.5) ** 2, 480.0 + 44.0 - 29.5 * n])
    return Frame(origin, np.stack([[1.0, 0.0, 0.0], y, z], axis=1))


def _parts(p: np.ndarray, *, flat: bool) -> tuple[np.ndarray, np.ndarray]:
    """Sub-regions of one vertebra and the canal's lumen, from simple solids in its own frame."""
    x, y, z = np.moveaxis(p, -1, 0)
    parts = np.zeros(p.shape[:3], np.uint8)
    top = np.where(flat, 4.0 + 0.45 * (y + 14) / 2, 12.5)
    side = np.where(x > 0, 0, 1)
    ring = np.hypot(x / 14, (y - 24) / 12)
    arch = (ring < 1.35) & (ring > 0.8) & (np.abs(z) < 7) & (y > 13)
    parts[arch & (y < 20)] = (SubRegion.PEDICLE_LEFT + side)[arch & (y < 20)]
    parts[arch & (y >= 20) & (y < 28)] = (SubRegion.FACET_LEFT + side)[arch & (y >= 20) & (y < 28)]
    parts[arch & (y >= 28)] = (SubRegion.LAMINA_LEFT + side)[arch & (y >= 28)]
    transverse = (np.abs(x) > 16) & (np.abs(x) < 36) & (np.abs(y - 22) < 4) & (np.abs(z) < 4)
    parts[transverse] = (SubRegion.TRANSVERSE_LEFT + side)[transverse]
    parts[(np.abs(x) < 3) & (y > 36) & (y < 54) & (np.abs(z + 4) < 8)] = SubRegion.SPINOUS
    parts[(np.hypot(x / 21, y / 15) < 1) & (z < top) & (z > -12.5)] = SubRegion.BODY
    lumen = (ring < 0.8) & (np.abs(z) < 7) & (parts == 0)
    return parts, lumen


def _box(mask: np.ndarray) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    where = np.argwhere(mask)
    return tuple(where.min(axis=0).tolist()), tuple((where.max(axis=0) + 1).tolist())


def _quality(level: Level) -> LevelQuality:
    if level is Level.T12:
        return LevelQuality(level, False, ("its upper part is cut off by the scan",), cut_by_border=True)
    warnings = ("thick slices: heights are good to about 1 mm",) if level is Level.L3 else ()
    return LevelQuality(level, True, (), warnings)


def _geometry(level: Level) -> Geometry:
    loss = {Level.L1: 0.03, Level.L2: None, Level.L3: 0.31}.get(level)
    notes = ("Height loss not measured: a lesion reaches the endplate.",) if level is Level.L2 else ()
    return Geometry(
        anterior_height_mm=17.3 if level is Level.L3 else 25.12,
        middle_height_mm=19.9 if level is Level.L3 else 24.4,
        posterior_height_mm=24.9,
        width_mm=42.0,
        depth_mm=30.1,
        predicted_height_mm=25.3,
        height_loss=loss,
        height_loss_interval=None if loss is None else (loss - 0.05, loss + 0.05),
        wedge_deg=14.2 if level is Level.L3 else -0.0,
        sagittal_angle_to_above_deg=None if level is Level.L1 else -5.0,
        coronal_angle_to_above_deg=None if level is Level.L1 else 1.2,
        translation_ap_mm=None if level is Level.L1 else 0.4,
        translation_lr_mm=None if level is Level.L1 else -0.3,
        notes=(*notes, *(("Angles: the level above is not assessed.",) if level is Level.L1 else ())),
    )


def _density(level: Level) -> DensityMeasure:
    value = 104.6 if level is Level.L2 else 119.51234567
    return DensityMeasure(value / 0.78, 25.0, value, (value - 18, value + 18), 4210.0)


def _lesion(mask: Volume, frame: Frame) -> Lesion:
    return Lesion(
        mask=mask,
        level=Level.L2,
        kind="lytic",
        volume_mm3=float(mask.array.sum() * mask.voxel_volume_mm3),
        longest_diameter_mm=16.1,
        centroid_lps_mm=tuple(frame.to_lps(LESION_LOCAL_MM).tolist()),
        mean_hu=25.0,
        body_share=0.09,
        parts_touched=(SubRegion.BODY, SubRegion.PEDICLE_LEFT),
        cortex_breached=None,
        origin="detected",
        confidence=0.72,
        notes=("The scan is too coarse to judge the cortex.",),
    )


def _canal(lumen: Volume, level: Level) -> CanalMeasure:
    areas = np.array([np.nan, 262.3, 255.1, 249.8, 258.0, np.nan])
    return CanalMeasure(
        positions_mm=np.linspace(-10, 10, 6),
        areas_mm2=areas,
        min_area_mm2=249.8,
        ap_diameter_mm=15.9,
        transverse_diameter_mm=22.4,
        expected_area_mm2=258.0,
        area_loss=0.032,
        lesion_encroachment=0.06 if level is Level.L2 else None,
        cord_area_mm2=None,
        escc_grade=None,
        escc_reason="bone alone on CT: MRI is needed",
        notes=("No cord mask was given.",),
        lumen=lumen,
    )


def _strength(level: Level) -> Strength:
    shape = (44, 32, 26)
    x, y, z = np.moveaxis(np.stack(np.indices(shape), axis=-1) - (np.array(shape) - 1) / 2, -1, 0)
    bone = np.hypot(x / 21, y / 15) < 1
    if level is Level.L2:
        bone &= np.linalg.norm(np.stack([x - 9, y - 2, z], axis=-1), axis=-1) > 6
    energy = np.where(bone, 0.004 + 0.02 * np.exp(-((np.hypot(x / 21, y / 15) - 0.95) ** 2) / 0.02), 0)
    lytic = level is Level.L2
    load = 4120.0 if lytic else 5230.0
    strain = (0.0, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.019)
    share = (0.0, 0.4, 0.76, 0.96, 1.0, 0.93, 0.88)
    plastic = np.where(bone & (np.abs(z) > 9), 0.03, 0)
    return Strength(
        load_case=LoadCase.AXIAL,
        law="kopperdahl2002",
        failure_load_n=load,
        failure_load_interval_n=(0.72 * load, 1.31 * load),
        failure_moment_nmm=None,
        failure_moment_interval_nmm=None,
        stiffness_n_per_mm=14210.0,
        torsional_stiffness_nmm_per_rad=None,
        method="Voxel model of the body, axial compression; the interval holds the sources named.",
        height_mm=26.0,
        voxel_mm=(1.0, 1.0, 1.0),
        elements=int(bone.sum()),
        solve=SolveReport(SolveStatus.CONVERGED, 11, (0.3, 1e-3, 8.1234e-9)),
        criteria=Criteria(peak=load, at_limit_strain=0.88 * load, offset=0.99 * load, linear=1.2 * load),
        curve=LoadCurve(strain, tuple(load * part for part in share), (0, 0, 0.1, 0.3, 0.4, 0.42, 0.43)),
        strain_energy_density_mpa=energy.astype(np.float32),
        plastic_strain=plastic.astype(np.float32),
        bone=bone,
        spreads=(
            Spread("calibration", -0.13, 0.14, "density 10 % lower and higher (95 %)"),
            Spread("law", 0.0, 0.25, "another law in its place"),
        ),
        lesions=(LesionEffect((0,), 0.11, 0.21, 1095.0, 0.35, 1442.0),) if lytic else (),
    )


def _loads() -> tuple[tuple[TaskLoad, Ratio], ...]:
    how = "0.5 MPa measured in the L4-L5 disc of one man, carried to this level."
    return (
        (TaskLoad("standing", "standing relaxed", 520.0, 360.0, 750.0, "unverified", (), how), Ratio(0.12, 0.07, 0.25)),
        (TaskLoad("lifting", "lifting 20 kg", 2100.0, 1460.0, 3030.0, "unverified", (), how), Ratio(0.5, 0.27, 1.02)),
    )


def _sins(level: Level, keys: tuple[str, ...]) -> ScoreResult:
    lytic = level is Level.L2
    items = (
        ScoredItem("location", "junctional" if level is Level.L1 else "mobile", 2, 2, f"level {level.name}", "image"),
        ScoredItem("pain", "unknown: one of mechanical, occasional, pain free", 0, 3, "not answered", "unknown"),
        ScoredItem("lesion", "lytic" if lytic else "unknown: any", 2 if lytic else 0, 2, "lytic 2.1 cm3", "image"),
        ScoredItem("alignment", "normal", 0, 0, "no step, no angle beyond the ordinary", "image"),
        ScoredItem("collapse", "unknown: one of none, under half", 0, 2, "height loss not measured", "unknown"),
        ScoredItem("posterolateral", "unilateral", 1, 1, "the lesion touches the left pedicle", "image"),
    )
    low, high = (sum(getattr(item, end) for item in items) for end in ("points_min", "points_max"))
    return ScoreResult(
        "sins", "1", items, low, high, "stable or indeterminate", "Ask a spine surgeon from 7 points on.",
        ("pain", "collapse"), keys[:2], applies=lytic,
    )  # fmt: skip


def _urgency(keys: tuple[str, ...]) -> UrgencyResult:
    return UrgencyResult(
        tier="call_physician",
        for_patient="Call your physician or your cancer team today and tell them about your back pain.",
        for_clinician="Back pain of concern where cancer is known: assess promptly.",
        reasons=("much worse pain: yes", "cancer is known"),
        would_change=("weakness of a leg", "numbness"),
        citations=keys[:1],
    )
