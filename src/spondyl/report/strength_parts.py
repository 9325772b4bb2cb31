"""The strength of a vertebra as it stands in the files: estimate, curve, what it is uncertain by, what lesions cost."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field

from spondyl.report.parts import Fine, Measured, Mm, Newton, NewtonMm, Part, Share, Unit, taken
from spondyl.values.load import Ratio, TaskLoad
from spondyl.values.strength import LesionEffect, SolveReport, Strength

CURVE_DIGITS = 4
"""Significant digits of a curve's loads: far below any error of theirs, and the same on every machine."""


class Solve(Part):
    status: str
    iterations: int
    final_relative_residual: float | None
    remedy: str


class FailureCriteria(Part):
    """In N, or N mm in torsion; null where the curve does not get there."""

    peak: Newton = Field(description="highest load, where it falls after it")
    at_limit_strain: Newton = Field(description="load at 1.9 % apparent strain")
    offset: Newton = Field(description="load at 0.2 % permanent strain")
    linear: Newton = Field(description="0.0068 K H, compression only")


class Curve(Part):
    """From the unloaded state on."""

    strain: tuple[Fine, ...] = Field(description="apparent strain; in torsion the shear strain of the outermost bone")
    load: tuple[float, ...] = Field(description="N; in torsion N mm")
    yielded_share: tuple[Share, ...] = Field(description="share of the elements that have yielded")


class Uncertainty(Part):
    source: str
    low_share: Share = Field(description="change of the failure load at the unfavourable end of this source alone")
    high_share: Share = Field(description="the same at its favourable end")
    words: str


class LesionCost(Measured):
    lesions: tuple[int, ...] = Field(
        description="in assessment.json numbers in masks/lesions.nii.gz, in strength.json places in `lesions`, from 1"
    )
    share_of_bone: Share
    lost_share: Share = Field(description="strength lost against the patient's own bone in their place")
    lost_n: Newton
    cemented_share: Share = Field(description="strength gained were they filled with PMMA")
    regained_n: Newton


class StrengthEstimate(Measured):
    load_case: str
    law: str
    failure_load_n: Newton = Field(description="highest force up to 1.9 % apparent strain; null in torsion")
    failure_load_interval_n: tuple[Newton, Newton] | None = Field(
        description="the sources in `spreads` added as squares; calibration's ends are 95 %, the others' alternatives"
    )
    failure_moment_nmm: NewtonMm
    failure_moment_interval_nmm: tuple[NewtonMm, NewtonMm] | None
    stiffness_n_per_mm: Newton
    torsional_stiffness_nmm_per_rad: NewtonMm
    method: str
    height_mm: Mm
    voxel_mm: tuple[Mm, Mm, Mm]
    elements: int
    solve: Solve
    criteria: FailureCriteria
    curve: Curve
    spreads: tuple[Uncertainty, ...]
    lesions: tuple[LesionCost, ...]
    citations: tuple[str, ...]


class TaskRatio(Part):
    """What a posture or task loads this vertebra with; no verdict, since none is established for metastases."""

    task: str
    words: str
    load_n: Newton
    load_range_n: tuple[Newton, Newton] | None = Field(description="what is plausible, without a stated probability")
    load_to_strength: Unit
    load_to_strength_range: tuple[Unit, Unit] | None = Field(
        description="from the lowest load on the strongest bone of its interval to the highest on the weakest"
    )
    status: str = Field(description="'verified', 'own choice' or 'unverified': the weakest figure the load rests on")
    reason: str = Field(description="how the load was reckoned, or why there is none")


def strength_estimate(strength: Strength, first_lesion: int = 1) -> StrengthEstimate:
    """`first_lesion` is the number of the first of the lesions that the strength was handed."""
    return taken(
        StrengthEstimate,
        strength,
        load_case=str(strength.load_case),
        solve=_solve(strength.solve),
        criteria=taken(FailureCriteria, strength.criteria),
        curve=Curve(
            strain=strength.curve.strain,
            load=tuple(float(f"{load:.{CURVE_DIGITS}g}") for load in strength.curve.load),
            yielded_share=strength.curve.yielded_share,
        ),
        spreads=tuple(taken(Uncertainty, spread) for spread in strength.spreads),
        lesions=tuple(_lesion_cost(effect, first_lesion) for effect in strength.lesions),
    )


def task_ratios(loads: Iterable[tuple[TaskLoad, Ratio]]) -> tuple[TaskRatio, ...]:
    return tuple(
        TaskRatio(
            task=load.task,
            words=load.words,
            load_n=load.force_n,
            load_range_n=None if load.low_n is None or load.high_n is None else (load.low_n, load.high_n),
            load_to_strength=ratio.value,
            load_to_strength_range=None if ratio.low is None or ratio.high is None else (ratio.low, ratio.high),
            status=load.status,
            reason=load.reason,
        )
        for load, ratio in loads
    )


def _solve(report: SolveReport) -> Solve:
    return Solve(
        status=str(report.status),
        iterations=report.iterations,
        # Three digits: enough to see how far the solve went, few enough to be the same on every machine.
        final_relative_residual=float(f"{report.residuals[-1]:.2e}") if report.residuals else None,
        remedy=report.remedy,
    )


def _lesion_cost(effect: LesionEffect, first_lesion: int) -> LesionCost:
    return taken(LesionCost, effect, lesions=tuple(first_lesion + place for place in effect.lesions))
