"""Strength of a block of bone between two caps: failure load with its interval, and what lesions cost.

The block is moved by its upper face until well past 1.9 % apparent strain, with bone and cement yielding and softening
on the way; the failure load is the highest up to there. The same model with its assumptions varied one at a time gives
the interval; with lesions replaced by the patient's own bone, what they cost; with lesions filled, what cement gives.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.core.progress import Progress, silent
from spondyl.mechanics.bone import BoneBlock, check_block, coarser
from spondyl.mechanics.cases import Posed, posed
from spondyl.mechanics.composition import Composition, Variant, compose, filled_with_own_bone, fit_to_run, on_block
from spondyl.mechanics.criteria import LIMIT_STRAIN, SURE_PEAK, criteria, failure
from spondyl.mechanics.curve import CurveSolution, CurveStatus, load_curve
from spondyl.mechanics.fields import strain_energy_density
from spondyl.mechanics.interval import HALF_A_VOXEL, REACH, Source, sources, spread, together
from spondyl.mechanics.laws import DEFAULT_LAW
from spondyl.mechanics.loading import solve_free
from spondyl.mechanics.materials import POISSON_RATIO
from spondyl.values.strength import LesionEffect, LoadCase, LoadCurve, SolveReport, Spread, Strength
from spondyl.values.voxel_model import VoxelModel

STRAINS = (0.0025, 0.005, 0.0075, 0.01, 0.0125, 0.015, LIMIT_STRAIN)
"""Apparent strains of a curve's points up to the limit; own choice, at most 0.4 % apart."""
BEYOND = (0.0225, 0.026, 0.03)
"""Further points of the curve that is shown, so that a late peak is seen."""
SHOWN_FALL = 0.9
"""The shown curve ends where the load has fallen to this share of its peak; own choice, enough to see that it falls."""
COARSE_MM = 2.0
"""Voxels larger than this are noted: 2 mm was the coarsest mesh found adequate (imai2015)."""
NOTED_OUTSIDE = 0.5
"""Share of the bone whose density lies outside the law's range from which on that is noted. Own choice: the shell of
every vertebra does, so less than half says nothing."""
MOSTLY_HELD = 0.8
"""A lesion with less of it in the bone is noted; own choice. On the published vertebra a hole of 9 mm in its side cost
13 % of the strength; with the hole cut out of the bone's mask too, 3 % were told."""
NOT_IN_BONE = "It holds no voxel of the bone that is modelled: it lies beside it, or is smaller than the voxels."
CITATIONS = ("bonelab_spinefe", "imai2015", "lottes2023", "ghosh2026")


def strength(
    block: BoneBlock,
    *,
    load: LoadCase = LoadCase.AXIAL,
    law: str = DEFAULT_LAW,
    relative_density_sd: float = 0.0,
    thorough: bool = True,
    threads: int | None = None,
    progress: Progress = silent,
) -> Strength:
    """Failure load of a block under one load case, with its interval and what its lesions cost.

    `relative_density_sd` is the standard deviation of the density's scale (0.1 is 10 %). The failure load itself is
    always that of the block as given; with `thorough` so are the interval and the lesions' effects, without it their
    shares are taken from a model of voxels twice as large where these are 2 mm at most, some ten times faster.
    Variants of the model are worked on side by side on `threads` threads (None: all cores); the result is the same to
    the last bit for any number. Raises ModelError for a block that can't be modelled (no bone, no density, too thin,
    broken through).
    """
    check_block(block)
    if not (np.isfinite(relative_density_sd) and relative_density_sd >= 0):
        raise ModelError(
            f"a relative standard deviation of the density of {relative_density_sd}.", "Give 0 or more; 0.1 is 10 %."
        )
    as_it_is = Variant(law)
    study = _study(block, as_it_is, relative_density_sd, thorough=thorough)
    variants = [*study.all_variants()]
    jobs = [_Job(block, as_it_is, None, beyond=True)]
    jobs += [_Job(study.block, variant, study.filled) for variant in variants]
    outcomes = _run_all(jobs, 1 + study.own_base, load, threads, progress)
    base = outcomes[0]
    if isinstance(base, ModelError):
        raise base
    runs = dict(zip(variants, outcomes[1:], strict=True)) | ({as_it_is: base} if study.block is block else {})
    spreads, notes = _spreads(study, runs)
    in_n = None if load is LoadCase.TORSION else base.failure
    effects = tuple(_effect(study, group, runs, in_n) for group in study.groups)
    return _result(block, load, base, spreads, effects, notes)


@dataclass(frozen=True, eq=False)
class _Study:
    """What is varied, and on which block."""

    block: BoneBlock
    base: Variant
    sources: tuple[Source, ...]
    groups: tuple[frozenset[int], ...]
    """Each lesion by itself and, where there are several, all together."""
    filled: NDArray[np.float64] | None
    """The density with the patient's own bone in place of the lesions; None where that can't be told."""
    why_not: str
    own_base: bool
    """The unvaried model is to be run on this block too."""

    def held(self, group: frozenset[int]) -> NDArray[np.bool_]:
        """Voxels of bone that these lesions hold."""
        held: NDArray[np.bool_] = np.any([self.block.lesions[place].mask for place in group], axis=0)
        return held & self.block.bone

    def own(self, group: frozenset[int]) -> Variant | None:
        return None if self.filled is None else replace(self.base, own=group)

    def cemented(self, group: frozenset[int]) -> Variant:
        return replace(self.base, cemented=group)

    def all_variants(self) -> Iterator[Variant]:
        if self.own_base:
            yield self.base
        for source in self.sources:
            yield from source.variants
        for group in self.groups:
            if not self.held(group).any():
                continue
            if own := self.own(group):
                yield own
            yield self.cemented(group)


def _study(block: BoneBlock, base: Variant, relative_density_sd: float, *, thorough: bool) -> _Study:
    smaller = block if thorough else coarser(block)
    if max(smaller.spacing_mm) > COARSE_MM or not fit_to_run(smaller):
        smaller = block  # too coarse to take shares from, and quick enough as it is
    filled, why_not = filled_with_own_bone(smaller)
    each = tuple(frozenset([place]) for place in range(len(block.lesions)))
    return _Study(
        block=smaller,
        base=base,
        sources=sources(
            base,
            relative_density_sd=relative_density_sd,
            lytic=any(lesion.kind != "blastic" for lesion in block.lesions),
            surface_voxels=HALF_A_VOXEL * block.spacing_mm[2] / smaller.spacing_mm[2],
        ),
        groups=(*each, frozenset(range(len(each)))) if len(each) > 1 else each,
        filled=filled,
        why_not=why_not,
        own_base=smaller is not block,
    )


@dataclass(frozen=True, eq=False)
class _Outcome:
    """One variant's curve."""

    composed: Composition
    posed: Posed
    curve: CurveSolution
    strain: NDArray[np.float64]
    load: NDArray[np.float64]
    failure: float


@dataclass(frozen=True, eq=False)
class _Job:
    block: BoneBlock
    variant: Variant
    filled: NDArray[np.float64] | None
    beyond: bool = False
    """Follow the curve past the limit strain."""


def _run_all(
    jobs: Sequence[_Job], models: int, case: LoadCase, threads: int | None, progress: Progress
) -> list[_Outcome | ModelError]:
    """Every job's outcome, or why it has none.

    The first `models` on all threads one after the other, the rest, which are like the last of them, side by side.
    """
    done, counting = 0, Lock()

    def run(job: _Job, like: _Outcome | None = None, within: int | None = 1) -> _Outcome | ModelError:
        nonlocal done
        try:
            outcome: _Outcome | ModelError = _run(job, case, like, within)
        except ModelError as error:
            outcome = error
        with counting:
            done += 1
            progress("strength", done, len(jobs))
        return outcome

    count = threads or len(os.sched_getaffinity(0))
    first = [run(job, within=count) for job in jobs[:models]]
    like = first[-1] if isinstance(first[-1], _Outcome) else None
    if count == 1:
        return first + [run(job, like) for job in jobs[models:]]
    with ThreadPoolExecutor(count) as pool:
        try:
            return first + list(pool.map(lambda job: run(job, like), jobs[models:]))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _run(job: _Job, case: LoadCase, like: _Outcome | None, threads: int | None) -> _Outcome:
    block, variant = job.block, job.variant
    composed = compose(block, variant, job.filled)
    way = posed(case, composed.between, composed.modulus_mpa > 0, block.spacing_mm, bonded=variant.bonded)
    strains = np.array(STRAINS + (BEYOND if job.beyond else ()))
    last = BEYOND[-1]  # of all curves, so that equal load factors are equal strains
    curve = load_curve(
        _model(composed, way, block.spacing_mm, last),
        composed.plasticity,
        steps=(strains / last).tolist(),
        free=way.free,
        about_mm=way.about_mm,
        stop_below_peak=SHOWN_FALL if job.beyond else SURE_PEAK,
        never_before=LIMIT_STRAIN / last if job.beyond else 0.0,
        like=None if like is None else like.curve,
        keep_path=like is None,
        threads=threads,
    )
    strain, load = curve.load_factor * last, way.load(curve)
    highest = failure(strain, load)
    if highest is None:
        raise ModelError(f"the curve could be followed to {strain[-1]:.2%} apparent strain only.", curve.remedy)
    return _Outcome(composed, way, curve, strain, load, highest)


def _model(composed: Composition, way: Posed, spacing_mm: tuple[float, float, float], strain: float) -> VoxelModel:
    return VoxelModel(composed.modulus_mpa, spacing_mm, POISSON_RATIO, way.held, strain * way.pattern)


def _spreads(
    study: _Study, runs: Mapping[Variant, _Outcome | ModelError]
) -> tuple[tuple[Spread, ...], tuple[str, ...]]:
    """What each source does, and notes on variants that could not be run."""
    base = runs[study.base]
    if isinstance(base, ModelError):
        return (), (f"No interval: {base}",)
    found, notes = [], []
    for source in study.sources:
        outcomes = [runs[variant] for variant in source.variants]
        loads = [outcome.failure for outcome in outcomes if isinstance(outcome, _Outcome)]
        if loads:
            found.append(spread(source, base.failure, loads))
        reasons = [outcome for outcome in outcomes if isinstance(outcome, ModelError)]
        if reasons:
            notes.append(f"The interval leaves out part of '{source.name}' ({source.words}): {reasons[0]}")
    return tuple(found), tuple(notes)


def _effect(
    study: _Study, group: frozenset[int], runs: Mapping[Variant, _Outcome | ModelError], failure_n: float | None
) -> LesionEffect:
    """What one group of lesions does; `failure_n` is the failure load that shares are told in N of, if any."""
    held = study.held(group)
    share = float(held.sum() / study.block.bone.sum())
    if not held.any():
        return LesionEffect(tuple(sorted(group)), share, None, None, None, None, (NOT_IN_BONE,))
    notes = [f"Strength lost not told: {study.why_not}"] if study.why_not else []
    drawn = int(np.any([study.block.lesions[place].mask for place in group], axis=0).sum())
    if held.sum() < MOSTLY_HELD * drawn:
        notes.append(
            f"{held.sum() / drawn:.0%} of what is drawn here lies in the bone that is modelled. Where the bone's mask "
            f"leaves out bone that the lesion destroyed, its cost is told too low."
        )
    ratio: dict[str, float | None] = {"own bone": None, "cement": None}
    base = runs[study.base]
    for filling, variant in (("own bone", study.own(group)), ("cement", study.cemented(group))):
        if variant is None:
            continue
        outcome = runs[variant]
        if isinstance(outcome, ModelError) or isinstance(base, ModelError):
            notes.append(f"Not told with {filling} in their place: {outcome}")
        else:
            ratio[filling] = outcome.failure / base.failure
    own, cement = ratio["own bone"], ratio["cement"]
    return LesionEffect(
        lesions=tuple(sorted(group)),
        share_of_bone=share,
        lost_share=None if own is None else 1 - 1 / own,
        lost_n=None if own is None or failure_n is None else (own - 1) * failure_n,
        cemented_share=None if cement is None else cement - 1,
        regained_n=None if cement is None or failure_n is None else (cement - 1) * failure_n,
        notes=tuple(notes),
    )


def _result(
    block: BoneBlock,
    case: LoadCase,
    base: _Outcome,
    spreads: tuple[Spread, ...],
    effects: tuple[LesionEffect, ...],
    notes: tuple[str, ...],
) -> Strength:
    composed, torsion = base.composed, case is LoadCase.TORSION
    slope, energy, report = _linear(base, block.spacing_mm)
    energy = energy * (base.failure / slope) ** 2
    per_strain = base.posed.per_strain
    interval = together(base.failure, spreads) if spreads else None
    shape = block.bone.shape
    kept = composed.bone & block.bone
    return Strength(
        load_case=case,
        law=composed.law.name,
        failure_load_n=None if torsion else base.failure,
        failure_load_interval_n=None if torsion else interval,
        failure_moment_nmm=base.failure if torsion else None,
        failure_moment_interval_nmm=interval if torsion else None,
        stiffness_n_per_mm=None if torsion else slope / per_strain,
        torsional_stiffness_nmm_per_rad=slope / per_strain if torsion else None,
        method=_method(composed, case, spreads),
        height_mm=composed.between.height_mm,
        voxel_mm=block.spacing_mm,
        elements=int((composed.modulus_mpa > 0).sum()),
        solve=report,
        criteria=criteria(base.strain, base.load, slope, compressive=not torsion),
        curve=LoadCurve(
            tuple(base.strain.tolist()), tuple(base.load.tolist()), tuple(base.curve.yielded_share.tolist())
        ),
        strain_energy_density_mpa=np.where(kept, on_block(composed.between, energy, shape), 0).astype(np.float32),
        plastic_strain=np.where(kept, on_block(composed.between, base.curve.peak_plastic_strain, shape), 0).astype(
            np.float32
        ),
        bone=kept,
        spreads=spreads,
        lesions=effects,
        citations=tuple(sorted({*CITATIONS, *composed.law.citations})),
        notes=composed.notes + notes + _notes(block, base),
    )


def _linear(base: _Outcome, spacing_mm: tuple[float, float, float]) -> tuple[float, NDArray[np.float64], SolveReport]:
    """Load at an apparent strain of 1, strain-energy density (x, y, z) in MPa there, and how the solve went."""
    model = _model(base.composed, base.posed, spacing_mm, 1.0)
    solution, _ = solve_free(model, base.posed.free, threads=1)
    # The reactions' work on the motion is the load times what it moves; free tilts carry none.
    slope = float(np.sum(solution.reaction_n * base.posed.pattern)) / base.posed.per_strain
    return slope, strain_energy_density(model, solution), solution.report


def _method(composed: Composition, case: LoadCase, spreads: Sequence[Spread]) -> str:
    named = ", ".join(entry.source for entry in spreads)
    held = f"the interval adds {named} as squares, {REACH}" if named else "no interval: no variant could be run"
    return (
        f"Voxel finite elements between cement caps in {case.words}, bone yielding and softening by Drucker-Prager, "
        f"modulus and yield stress by {composed.law.title}; the failure load is the highest up to {LIMIT_STRAIN:.1%} "
        f"apparent strain; {held}."
    )


def _notes(block: BoneBlock, base: _Outcome) -> tuple[str, ...]:
    said = []
    if max(block.spacing_mm) > COARSE_MM:
        said.append(
            f"Voxels of up to {max(block.spacing_mm):.2g} mm are coarser than the {COARSE_MM:g} mm found adequate: too "
            f"thick to tell the cortex from what it holds."
        )
    outside = base.composed.law.outside_range_share(block.density_mg_cc[base.composed.bone])
    if outside >= NOTED_OUTSIDE:
        said.append(f"{outside:.0%} of the bone has a density outside the range that the law was fitted on.")
    if base.curve.status is CurveStatus.STOPPED:
        said.append(f"The curve ends at {base.strain[-1]:.1%} apparent strain. {base.curve.remedy}")
    return tuple(said)
