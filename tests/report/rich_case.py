"""The synthetic case with all that is known where labels were given: fracture, compression, norms, foramina, tissues.

The numbers are plausible and have no other meaning.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from synthetic_case import synthetic_case

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure, Compression, Foramen, NormComparison
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.density import ContrastFinding, Tissue, TissueSample
from spondyl.values.fracture import Fracture, LookAlike, PlaceLoss, Sign

WORST_MM = 6.0
"""Place of the worst compression of L2 along its own axis; the lesion lies at 0."""


def rich_case() -> CaseResult:
    case = synthetic_case()
    by_level = {result.level: result for result in case.vertebrae}
    levels = (
        by_level[Level.T12],
        replace(by_level[Level.L1], fracture=whole(Level.L1)),
        _with_compression(by_level[Level.L2]),
        replace(by_level[Level.L3], fracture=broken(Level.L3)),
    )
    sac, epidural = _sac_and_tumour(case, by_level[Level.L2])
    return replace(case, vertebrae=levels, calibration=_calibration(case), sac=sac, epidural=epidural)


def whole(level: Level) -> Fracture:
    return Fracture(
        level, None, (0, 0), 0, _losses(0.02, 0.01, 0.0), ("heights of the mask",), (), None,
        "no height is lost that makes a fracture", (), ("genant1993",),
    )  # fmt: skip


def broken(level: Level) -> Fracture:
    mr = ("mauch2018",)
    signs = (
        Sign("convex posterior border", "malignant", False, "seen", "middle third +1.6 mm", mr),
        Sign("pedicle involved", "malignant", True, "not seen", "from the findings at this level", mr),
        Sign("epidural mass", "malignant", True, "not assessable", "from the findings at this level", mr),
    )
    like = LookAlike("Schmorl's node", False, "a narrow dent of 2.0 mm", ("jiang2004",))
    return Fracture(
        level, "wedge", (1, 2), 2, _losses(0.31, 0.2, 0.05), ("heights of the mask",), (like,), "cannot tell",
        "convex posterior border alone does not tell", signs, ("genant1993", "mauch2018"),
    )  # fmt: skip


def _losses(*losses: float) -> tuple[PlaceLoss, ...]:
    places = ("front", "middle", "back")
    return tuple(
        PlaceLoss(place, 25 * (1 - loss), 25.0, loss, (max(0.0, loss - 0.06), loss + 0.06))
        for place, loss in zip(places, losses, strict=True)
    )


def _with_compression(result: VertebraResult) -> VertebraResult:
    assert result.canal is not None
    canal: CanalMeasure = replace(
        result.canal,
        open_areas_mm2=np.array([291.0, np.nan, np.nan, np.nan, np.nan, 287.0]),
        bounded_shares=np.array([0.6, 1, 1, 1, 1, 0.5]),
        pedicle_area_mm2=251.0,
        pedicle_ap_mm=15.1,
        pedicle_transverse_mm=22.6,
        retropulsion_mm=2.4,
        retropulsion_share=0.16,
        sac_area_mm2=171.0,
        escc_grade="1c",
        escc_possible=("1c", "2"),
        escc_reason="Grade 1c: deformation of the thecal sac with abutment of the cord. "
        "Within a voxel 1c and 2 are possible.",
        compression=Compression(WORST_MM, False, 61.0, 0.24, 118.0, 0.31, 0.4, 0.95, 0.93, 0.01, 0.3, 0.5, 88.0),
        norms=(
            NormComparison("bony canal, front to back (a)", "mm", 15.1, 17.3, 1.1, "kjs2012canal", False),
            NormComparison("bony canal, side to side (b)", "mm", 22.6, 23.7, None, "panjabi1992", False),
        ),
        foramina=(
            Foramen(Level.L2, Level.L3, "right", notes=("Foramen not measured: the facet is cut off.",)),
            Foramen(Level.L2, Level.L3, "left", 17.0, 8.0, 111.0, 0.66, None, 0.91),
        ),
    )
    lesion = replace(
        result.lesions[0],
        cortex_breached=True,
        cortex_breached_share=0.021,
        endplate_breached_share=0.0,
        posterior_wall_breached=True,
        pedicles_touched=("left",),
        costovertebral_touched=None,
        canal_mm3=402.0,
        notes=("Soft tissue beside the bone was not looked for.",),
    )
    return replace(result, canal=canal, lesions=(lesion,))


def _sac_and_tumour(case: CaseResult, result: VertebraResult) -> tuple[Volume, Volume]:
    """Of L2, in its own axes: the sac behind the body, tumour in its front."""
    assert result.vertebra is not None
    grid = case.scan.volume
    local = result.vertebra.frame.to_local(grid.to_lps(np.stack(np.indices(grid.shape), axis=-1)))
    sac = np.hypot(local[..., 0], local[..., 1] - 25) < 6
    tumour = (np.hypot(local[..., 0], local[..., 1] - 18) < 4) & (np.abs(local[..., 2] - WORST_MM) < 5)
    return grid.like(sac & ~tumour, "mask"), grid.like(tumour, "mask")


def _calibration(case: CaseResult):
    found = ((Tissue.FAT, -100.0, True), (Tissue.MUSCLE, 60.0, True), (Tissue.BLOOD, 180.0, False))
    samples = [TissueSample(kind, hu, 12.0, 4200.0, (1.0, 2.0, 3.0), used, "beside it") for kind, hu, used in found]
    missed = TissueSample(Tissue.AIR, float("nan"), float("nan"), 0.0, None, False, "no air is in the scan")
    return replace(
        case.calibration,
        method="internal",
        covariance=-0.1,
        effective_energy_kev=70.2,
        tissues=(*samples, missed),
        contrast=ContrastFinding(True, 180.0, 136.0, "The aorta's blood has 180 HU."),
    )
