"""The load curve of a yielding voxel model: Newton's method with multigrid under every linear solve.

Each step moves the supports on, guesses the displacements from the two steps before, and corrects them until the
unbalanced nodal forces are small beside the reactions. The linear solves are inexact conjugate gradients in single
precision over the consistent tangent; the residual they work on is in double precision, so they bear on the speed
alone. A step that does not come to balance is cut in halves. Loading only grows: the state unloads elastically where
it must, but no cycle of loading and unloading is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import BLOCK, Workers, block_count, dot, kernel, workers
from spondyl.mechanics.grid import Lattice, lattice
from spondyl.mechanics.multigrid import Level, hierarchy, place_of_components, v_cycle
from spondyl.mechanics.plasticity import Body, Plasticity, body, check_plasticity
from spondyl.mechanics.rigid import free_rigid_modes
from spondyl.mechanics.solve import check, to_array, to_vector
from spondyl.values.voxel_model import VoxelModel

FORCE_TOLERANCE = 3e-3
"""Unbalanced nodal forces over reactions, both as root sums of squares, at which a step is accepted. Own choice: on
the study's cylinder the force then lies within 0.05 % of the one at 1e-5, and 1e-3 takes half as many cycles more."""
ELASTIC_TOLERANCE = 1e-4
"""The same for the elastic response, from which the first steps are taken as they are."""
ELASTIC_REDUCTION = 1e-6
"""What its linear solve reduces the residual by: far enough for most models to need just one. Own choice."""
LINEAR_REDUCTION = 0.3
"""What one linear solve reduces the residual by at least. Own choice: tighter solves cost more than they save."""
LINEAR_ITERATIONS = 60
NEWTON_ITERATIONS = 20
SLOPE_KEPT = 0.8
"""A correction is taken whole unless the forces along it have turned round by more than this share, or have grown; else
it is shortened. Own choice."""
WEAKENED_BY = 2
"""Corrections in a step up to which the hourglass modes are weakened anew. Own choice: from there on the change is
small, and the tangent, which does not know of it, is exact."""
SHORTENINGS = 4
SHORTEST_STEP = 1 / 16
"""Share of a step below which it is not cut any further. Own choice."""

Progress = Callable[[float, NDArray[np.float64]], None]
"""Told after each step: load factor and force in N (3,)."""


class CurveStatus(StrEnum):
    COMPLETE = "complete"
    STOPPED = "stopped"


@dataclass(frozen=True, eq=False)
class CurveSolution:
    """Row 0 is the unloaded state; resultants are those of the reactions at the moved nodes."""

    load_factor: NDArray[np.float64]
    """(n,)."""
    force_n: NDArray[np.float64]
    """(n, 3)."""
    moment_nmm: NDArray[np.float64]
    """(n, 3), about `about_mm`."""
    work_rate_nmm: NDArray[np.float64]
    """(n,), work of the reactions on the prescribed displacements of load factor 1: what peaks and falls."""
    yielded_share: NDArray[np.float64]
    """(n,), of the elements."""
    amplitude: NDArray[np.float64]
    """(n, free patterns)."""
    residual: NDArray[np.float64]
    """(n,), unbalanced forces over reactions."""
    displacement_mm: NDArray[np.float64]
    """(3, nx + 1, ny + 1, nz + 1) at the last step."""
    peak_displacement_mm: NDArray[np.float64]
    """The same at the step of the largest `work_rate_nmm`."""
    peak_plastic_strain: NDArray[np.float64]
    """(nx, ny, nz), equivalent, at that step."""
    status: CurveStatus
    remedy: str
    """Empty unless stopped."""
    iterations: int
    """Multigrid cycles in all."""


@kernel
def _scale_to_single(begin: int, step: int, source: Any, factor: float, out: Any) -> None:
    for block in range(begin, (len(out) + BLOCK - 1) // BLOCK, step):
        values, target = source[block * BLOCK : (block + 1) * BLOCK], out[block * BLOCK : (block + 1) * BLOCK]
        for i in range(len(target)):
            target[i] = np.float32(values[i] * factor)


@kernel
def _add_scaled(begin: int, step: int, base: Any, change: Any, factor: float, out: Any) -> None:
    """out = base + factor change."""
    for block in range(begin, (len(out) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        bb, cc, target = base[part], change[part], out[part]
        for i in range(len(target)):
            target[i] = bb[i] + factor * cc[i]


@kernel
def _extrapolate(begin: int, step: int, last: Any, previous: Any, ratio: float, out: Any) -> None:
    """out = last + ratio (last - previous)."""
    for block in range(begin, (len(out) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        new, old, target = last[part], previous[part], out[part]
        for i in range(len(target)):
            target[i] = new[i] + ratio * (new[i] - old[i])


@kernel
def _turn(begin: int, step: int, p: Any, z: Any, beta: Any) -> None:
    """p = z + beta p."""
    for block in range(begin, (len(p) + BLOCK - 1) // BLOCK, step):
        pp, zz = p[block * BLOCK : (block + 1) * BLOCK], z[block * BLOCK : (block + 1) * BLOCK]
        for i in range(len(pp)):
            pp[i] = zz[i] + beta * pp[i]


@kernel
def _advance(begin: int, step: int, x: Any, r: Any, p: Any, product: Any, alpha: Any, partial: Any) -> None:
    """x += alpha p; r -= alpha product; the blocks' parts of r . r."""
    for block in range(begin, len(partial), step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        xx, rr, pp, kk = x[part], r[part], p[part], product[part]
        total = 0.0
        for i in range(len(xx)):
            xx[i] += alpha * pp[i]
            residual = rr[i] - alpha * kk[i]
            rr[i] = residual
            total += np.float64(residual) * residual
        partial[block] = total


@dataclass(frozen=True, eq=False)
class Supports:
    """Held components, and the directions in which the held nodes may move so that no reaction works on them."""

    places: NDArray[np.int64]
    prescribed: NDArray[np.float64]
    """(vector,), the displacements of load factor 1."""
    directions: NDArray[np.float64]
    """(m, places), orthonormal."""
    mixing: NDArray[np.float64]
    """(m, m): amplitudes of the free patterns from those of the directions."""
    responses: NDArray[np.float32]
    """(m, vector): the elastic body's displacements for each direction."""
    compliance: NDArray[np.float64]
    """(m, m), inverse of the elastic stiffness of those responses."""

    def project(self, forces: NDArray) -> None:
        """Leave of the reactions only what works on the free directions."""
        if len(self.directions):
            at = forces[self.places].astype(np.float64)
            forces[self.places] = (self.directions @ at) @ self.directions
        else:
            forces[self.places] = 0

    def amplitude(self, u: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
        """(m,), of the free patterns."""
        at = u[self.places] - factor * self.prescribed[self.places]
        return self.mixing @ (self.directions @ at)


@dataclass(frozen=True, eq=False)
class _Linear:
    """Work arrays of the linear solves."""

    x: NDArray[np.float32]
    r: NDArray[np.float32]
    p: NDArray[np.float32]
    product: NDArray[np.float32]
    partial: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Problem:
    solid: Body
    levels: list[Level]
    supports: Supports
    team: Workers
    linear: _Linear
    reactions: NDArray[np.float64]
    """(places,), at the displacements last looked at."""

    def forces(self, u: NDArray[np.float64], out: NDArray[np.float64], weakens: bool) -> tuple[float, float]:
        """Unbalanced forces at `out`; their size and that of the reactions."""
        self.solid.internal_force(u, out, self.team, weakens=weakens)
        np.take(out, self.supports.places, out=self.reactions)
        self.supports.project(out)
        return float(np.sqrt(dot(self.team, out, out))), float(np.sqrt(np.sum(self.reactions**2)))


def _precondition(problem: _Problem, r: NDArray[np.float32]) -> NDArray[np.float32]:
    """A V-cycle inside and the elastic responses for the free directions: exact together while nothing yields."""
    levels, supports, team = problem.levels, problem.supports, problem.team
    right = levels[0].scratch[0]
    right[:] = r
    right[supports.places] = 0
    z = v_cycle(levels, team)
    along = np.array([dot(team, response, r) for response in supports.responses])
    for response, share in zip(supports.responses, supports.compliance @ along, strict=True):
        team.run(_add_scaled, z, response, np.float32(share), z)
    return z


def _linear_solve(problem: _Problem, residual: NDArray[np.float64], size: float, reduction: float) -> tuple[float, int]:
    """The correction for unbalanced forces at `linear.x`, to be scaled by the returned factor; iterations."""
    team, work, supports = problem.team, problem.linear, problem.supports
    x, r, p, product, partial = work.x, work.r, work.p, work.product, work.partial
    team.run(_scale_to_single, residual, -1 / size, r)
    x[:] = 0
    previous = 1.0
    for iteration in range(LINEAR_ITERATIONS):
        z = _precondition(problem, r)
        along = dot(team, r, z)
        if iteration == 0:
            p[:] = z
        else:
            team.run(_turn, p, z, np.float32(along / previous))
        problem.solid.apply_tangent(p, product, team)
        supports.project(product)
        curvature = dot(team, p, product)
        if not curvature > 0:
            return size, iteration + 1
        team.run(_advance, x, r, p, product, np.float32(along / curvature), partial)
        if np.sqrt(partial.sum()) <= reduction:
            return size, iteration + 1
        previous = along
    return size, LINEAR_ITERATIONS


@dataclass(frozen=True)
class _Balance:
    converged: bool
    residual: float
    cycles: int


def _balance(problem: _Problem, u: NDArray[np.float64], tolerance: float, *, elastic: bool = False) -> _Balance:
    """Correct `u` in place until the forces balance, or as far as it goes."""
    team, x = problem.team, problem.linear.x
    forces, start = np.zeros_like(u), np.empty_like(u)
    size, reactions = problem.forces(u, forces, True)
    cycles = 0
    for correction in range(NEWTON_ITERATIONS):
        if size <= tolerance * reactions:
            return _Balance(True, size / reactions if reactions else 0.0, cycles)
        first = elastic and correction == 0
        reduction = ELASTIC_REDUCTION if first else max(LINEAR_REDUCTION, 0.5 * tolerance * reactions / size)
        factor, iterations = _linear_solve(problem, forces, size, reduction)
        cycles += iterations
        start[:] = u
        slope = dot(team, x, forces)
        step = 1.0
        for _ in range(SHORTENINGS):
            team.run(_add_scaled, start, x, factor * step, u)
            size, reactions = problem.forces(u, forces, correction < WEAKENED_BY)
            now = dot(team, x, forces)
            if -SLOPE_KEPT <= now / slope <= 1:
                break
            step *= min(0.7, max(0.2, slope / (slope - now))) if now / slope < 0 else 0.5
    return _Balance(size <= tolerance * reactions, size / reactions, cycles)


def load_curve(
    model: VoxelModel,
    plasticity: Plasticity,
    *,
    steps: Sequence[float],
    free: tuple[NDArray[np.float64], ...] = (),
    about_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    stop_below_peak: float | None = 0.9,
    never_before: float = 0.0,
    tolerance: float = FORCE_TOLERANCE,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CurveSolution:
    """Resultants of a body of yielding voxels while its supports move by `steps` times the model's displacements.

    `free` are displacement patterns (3, nx + 1, ny + 1, nz + 1) over held nodes whose amplitudes are found such that
    the reactions do no work on them. The curve ends with the last step, or where the work rate has fallen below
    `stop_below_peak` times its peak, but not before load factor `never_before`; one that could not be followed is told
    in `status` and `remedy`. Steps that had to be cut add rows between those asked for. Every row is in balance to
    `tolerance`: unbalanced nodal forces over reactions, as root sums of squares. `progress` is told load factor and
    force after each step. The result is the same to the last bit for any number of threads. Raises ModelError for a
    model that can't be posed.
    """
    check(model)
    check_plasticity(model, plasticity)
    _check_steps(model, steps)
    with workers(threads) as team:
        problem, elastic, cycles = _problem(model, plasticity, free, team)
        moved = _moved(model, problem.solid.grid, free, about_mm)
        curve = _Curve(problem, elastic, moved, cycles, tolerance)
        remedy = _follow(curve, steps, stop_below_peak, never_before, progress)
        return _solution(model, curve, remedy)


def _check_steps(model: VoxelModel, steps: Sequence[float]) -> None:
    if not len(steps) or not np.isfinite(steps).all() or (np.diff([0.0, *steps]) <= 0).any():
        raise ModelError(f"load steps {list(steps)}.", "Give positive factors that increase.")
    if model.force_n is not None and np.any(model.force_n):
        raise ModelError("nodal forces on a yielding model.", "Prescribe displacements; forces come out as reactions.")


def _problem(
    model: VoxelModel, plasticity: Plasticity, free: tuple[NDArray, ...], team: Workers
) -> tuple[_Problem, NDArray[np.float64], int]:
    """The posed problem, its elastic displacements at load factor 1, and the iterations they took."""
    modulus = np.ascontiguousarray(model.modulus_mpa.T, dtype=np.float64)
    grid = lattice(modulus > 0)
    held = model.held.transpose(0, 3, 2, 1)
    places = place_of_components(grid, held)
    prescribed = np.zeros(3 * grid.stride)
    prescribed[places] = to_vector(grid, model.displacement_mm)[places]
    if not prescribed.any():
        raise ModelError("no support moves.", "Give a displacement other than zero at some held node.")
    solid = body(grid, model, plasticity)
    levels = hierarchy(grid, modulus, model.spacing_mm, model.poisson_ratio, held, team)
    size = 3 * grid.stride
    work = np.zeros((4, size), np.float32)
    linear = _Linear(work[0], work[1], work[2], work[3], np.empty(block_count(size)))
    nothing = np.zeros((0, size), np.float32)
    fixed = Supports(places, prescribed, np.zeros((0, len(places))), np.zeros((0, 0)), nothing, np.zeros((0, 0)))
    problem = _Problem(solid, levels, fixed, team, linear, np.empty(len(places)))
    elastic, cycles = _elastic(problem, prescribed)
    if not free:
        return problem, elastic, cycles
    directions, mixing = _directions(grid, model, places, free)
    responses = np.zeros((len(directions), size))
    for direction, response in zip(directions, responses, strict=True):
        response[places] = direction
        response[:], more = _elastic(problem, response)
        cycles += more
    product = np.zeros(size)
    stiffness = np.empty((len(directions), len(directions)))
    for row, response in zip(stiffness, responses, strict=True):
        _elastic_forces(solid, response, product, team)
        row[:] = [dot(team, other, product) for other in responses]
    compliance: NDArray = np.linalg.inv((stiffness + stiffness.T) / 2)
    supports = replace(
        fixed, directions=directions, mixing=mixing, responses=responses.astype(np.float32), compliance=compliance
    )
    _elastic_forces(solid, elastic, product, team)
    elastic -= (compliance @ [dot(team, response, product) for response in responses]) @ responses
    problem = replace(problem, supports=supports)
    return problem, elastic, cycles


def _directions(
    grid: Lattice, model: VoxelModel, places: NDArray[np.int64], free: tuple[NDArray, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The free patterns made orthonormal, and the matrix that turns amplitudes of those into amplitudes of these."""
    for pattern in free:
        if np.shape(pattern) != model.held.shape or np.any(np.asarray(pattern)[~model.held]):
            raise ModelError("a free pattern moves components that are not held.", "Hold them: the pattern moves them.")
    patterns = np.array([to_vector(grid, pattern)[places] for pattern in free])
    q, r = np.linalg.qr(patterns.T)
    if np.abs(np.diag(r)).min() <= 1e-9 * np.abs(np.diag(r)).max():
        raise ModelError("the free patterns depend on one another.", "Leave out those that the others make up.")
    return q.T, np.linalg.inv(r)


def _elastic_forces(solid: Body, u: NDArray[np.float64], out: NDArray[np.float64], team: Workers) -> None:
    """Forces of displacements too small to yield: the body is linear there."""
    solid.internal_force(u * SMALL, out, team)
    out /= SMALL


SMALL = 1e-9
"""Scale at which the elastic response is worked out: far below yield, far above round-off."""


def _elastic(problem: _Problem, moved: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Displacements of the elastic body whose supports move like that, and the iterations."""
    u = moved * SMALL
    balance = _balance(problem, u, ELASTIC_TOLERANCE, elastic=True)
    return u / SMALL, balance.cycles


@dataclass(frozen=True, eq=False)
class _Moved:
    """The held components of the moved nodes."""

    among: NDArray[np.intp]
    """Which of the held places they are."""
    axis: NDArray[np.intp]
    arm_mm: NDArray[np.float64]
    """(n, 3), from the point that moments are taken about."""

    def resultants(self, reactions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Force (3,) and moment (3,)."""
        force = np.zeros((len(self.axis), 3))
        force[np.arange(len(self.axis)), self.axis] = reactions[self.among]
        return force.sum(axis=0), np.cross(self.arm_mm, force).sum(axis=0)


def _moved(model: VoxelModel, grid: Lattice, free: tuple[NDArray, ...], about_mm: tuple[float, float, float]) -> _Moved:
    moves = (np.where(model.held, model.displacement_mm, 0) != 0).any(axis=0)
    for pattern in free:
        moves |= (np.asarray(pattern) != 0).any(axis=0)
    exists = grid.node >= 0
    places, moved = [], []
    for axis in range(3):  # in the order of `place_of_components`
        at = np.argwhere(model.held[axis].T & exists)
        places.append(np.column_stack([np.full(len(at), axis), at[:, ::-1]]))
        moved.append(moves[tuple(at[:, ::-1].T)])
    chosen = np.flatnonzero(np.concatenate(moved))
    entry = np.concatenate(places)[chosen]
    arm = entry[:, 1:] * np.array(model.spacing_mm) - np.array(about_mm)
    return _Moved(chosen, entry[:, 0], arm)


class _Curve:
    """Where the walk stands, and the rows it has gathered."""

    def __init__(
        self, problem: _Problem, elastic: NDArray[np.float64], moved: _Moved, cycles: int, tolerance: float
    ) -> None:
        self.problem = problem
        self.tolerance = tolerance
        self.elastic = elastic
        self.moved = moved
        self.cycles = cycles
        patterns = len(problem.supports.directions)
        self.rows: list[_Row] = [_Row(0.0, np.zeros(3), np.zeros(3), 0.0, 0.0, np.zeros(patterns), 0.0)]
        self.u = np.zeros_like(elastic)
        self.before = np.zeros_like(elastic)
        self.peak = 0.0
        self.peak_u = self.u
        self.peak_strain = np.zeros_like(problem.solid.modulus)

    def advance(self, factor: float) -> bool:
        """Take the step to `factor`; False, and nothing changed, where it does not come to balance."""
        guess = self._guess(factor)
        balance = _balance(self.problem, guess, self.tolerance)
        self.cycles += balance.cycles
        if balance.converged:
            self._accept(factor, guess, balance.residual)
        return balance.converged

    def _guess(self, factor: float) -> NDArray[np.float64]:
        if len(self.rows) == 1:
            return self.elastic * factor
        last, previous = self.rows[-1].load_factor, self.rows[-2].load_factor
        guess = np.empty_like(self.u)
        ratio = (factor - last) / (last - previous)
        self.problem.team.run(_extrapolate, self.u, self.before, ratio, guess)
        return guess

    def _accept(self, factor: float, u: NDArray[np.float64], residual: float) -> None:
        supports, solid, reactions = self.problem.supports, self.problem.solid, self.problem.reactions
        force, moment = self.moved.resultants(reactions)
        rate = float(np.sum(reactions * supports.prescribed[supports.places]))
        strain = solid.after[-1]
        share = float(np.count_nonzero(strain) / len(strain))
        self.rows.append(_Row(factor, force, moment, rate, share, supports.amplitude(u, factor), residual))
        solid.accept()
        self.before, self.u = self.u, u
        if rate > self.peak:
            self.peak, self.peak_u, self.peak_strain = rate, u, strain.copy()


@dataclass(frozen=True, eq=False)
class _Row:
    load_factor: float
    force_n: NDArray[np.float64]
    moment_nmm: NDArray[np.float64]
    work_rate_nmm: float
    yielded_share: float
    amplitude: NDArray[np.float64]
    residual: float


def _follow(
    curve: _Curve, steps: Sequence[float], stop_below_peak: float | None, never_before: float, progress: Progress | None
) -> str:
    """Walk through the steps; what to do where the walk ended early, else nothing."""
    for start, goal in pairwise([0.0, *steps]):
        share = 1.0
        while (at := curve.rows[-1].load_factor) < goal:
            reached = curve.advance(min(goal, at + share * (goal - start)) if share < 1 else goal)
            if not reached:
                share /= 2
            if share < SHORTEST_STEP:
                return _remedy(at, goal - start)
        row = curve.rows[-1]
        if progress is not None:
            progress(row.load_factor, row.force_n)
        fallen = stop_below_peak is not None and row.work_rate_nmm < stop_below_peak * curve.peak
        if fallen and row.load_factor >= never_before:
            break
    return ""


def _remedy(at: float, step: float) -> str:
    return (
        f"No balance was found beyond load factor {at:.4g}, even in steps of {step * SHORTEST_STEP:.2g}. Up to there "
        "the curve holds. Soften less steeply (a larger softening strain or residual share), or take what was reached "
        "as a lower bound of the strength."
    )


def _solution(model: VoxelModel, curve: _Curve, remedy: str) -> CurveSolution:
    grid = curve.problem.solid.grid
    rigid = free_rigid_modes(grid, model.spacing_mm, model.held.transpose(0, 3, 2, 1))
    strain = np.zeros(grid.active.shape)
    strain[grid.active] = curve.peak_strain
    columns = {item.name: np.array([getattr(row, item.name) for row in curve.rows]) for item in fields(_Row)}
    return CurveSolution(
        **columns,
        displacement_mm=to_array(grid, curve.u - (rigid @ curve.u) @ rigid),
        peak_displacement_mm=to_array(grid, curve.peak_u - (rigid @ curve.peak_u) @ rigid),
        peak_plastic_strain=strain.T,
        status=CurveStatus.STOPPED if remedy else CurveStatus.COMPLETE,
        remedy=remedy,
        iterations=curve.cycles,
    )
