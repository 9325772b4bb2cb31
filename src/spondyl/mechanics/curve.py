"""The load curve of a yielding voxel model, step by step.

Each step moves the supports on, guesses the displacements from the two steps before or from how a similar model moved,
and lets `balance` correct them until the unbalanced nodal forces are small beside the reactions. A step that does not
come to balance is cut in halves. Loading only grows: the state unloads elastically where it must, but no cycle of
loading and unloading is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.balance import Problem, balance, pose
from spondyl.mechanics.compiled import BLOCK, kernel, workers
from spondyl.mechanics.grid import Lattice
from spondyl.mechanics.path import Path
from spondyl.mechanics.plasticity import Plasticity, check_plasticity
from spondyl.mechanics.rigid import free_rigid_modes
from spondyl.mechanics.solve import check, to_array
from spondyl.values.voxel_model import VoxelModel

FORCE_TOLERANCE = 3e-3
"""Unbalanced nodal forces over reactions, both as root sums of squares, at which a step is accepted. Own choice: on
the study's cylinder the force then lies within 0.05 % of the one at 1e-5, on the published vertebra within 0.2 % of the
one at 1e-4 up to its peak; 1e-3 takes half as many cycles more."""
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
    path_mm: tuple[NDArray[np.float32], ...] = ()
    """Displacements of every row as in `displacement_mm`, where they were to be kept."""


@kernel
def _extrapolate(begin: int, step: int, last: Any, previous: Any, ratio: float, out: Any) -> None:
    """out = last + ratio (last - previous)."""
    for block in range(begin, (len(out) + BLOCK - 1) // BLOCK, step):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        new, old, target = last[part], previous[part], out[part]
        for i in range(len(target)):
            target[i] = new[i] + ratio * (new[i] - old[i])


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
    like: CurveSolution | None = None,
    keep_path: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> CurveSolution:
    """Resultants of a body of yielding voxels while its supports move by `steps` times the model's displacements.

    `free` are displacement patterns (3, nx + 1, ny + 1, nz + 1) over held nodes whose amplitudes are found such that
    the reactions do no work on them. The curve ends with the last step, or where the work rate has fallen below
    `stop_below_peak` times its peak, but not before load factor `never_before`; one that could not be followed is told
    in `status` and `remedy`. Steps that had to be cut add rows between those asked for. Every row is in balance to
    `tolerance`: unbalanced nodal forces over reactions, as root sums of squares. `like` is the curve of a similar model
    of as many voxels each way, walked with `keep_path`: its motion is tried as a guess, which saves iterations and
    leaves the balance asked for. `progress` is told load factor and force after each step. The result is the same to
    the last bit for any number of threads. Raises ModelError for a model that can't be posed.
    """
    check(model)
    check_plasticity(model, plasticity)
    _check_steps(model, steps)
    with workers(threads) as team:
        problem, elastic, cycles = pose(model, plasticity, free, team)
        moved = _moved(model, problem.solid.grid, free, about_mm)
        path = _path_of(problem.solid.grid, like)
        curve = _Curve(problem, elastic, moved, cycles, tolerance, path, keeps_path=keep_path)
        remedy = _follow(curve, steps, stop_below_peak, never_before, progress)
        return _solution(model, curve, remedy)


def _path_of(grid: Lattice, like: CurveSolution | None) -> Path | None:
    """The path of a similar model's curve; None where it was not kept or its grid is of another shape."""
    if like is None or len(like.path_mm) < 2 or like.path_mm[0].shape[1:] != grid.node.shape[::-1]:
        return None
    return Path(grid, like.load_factor, like.path_mm)


def _check_steps(model: VoxelModel, steps: Sequence[float]) -> None:
    if not len(steps) or not np.isfinite(steps).all() or (np.diff([0.0, *steps]) <= 0).any():
        raise ModelError(f"load steps {list(steps)}.", "Give positive factors that increase.")
    if model.force_n is not None and np.any(model.force_n):
        raise ModelError("nodal forces on a yielding model.", "Prescribe displacements; forces come out as reactions.")


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
        self,
        problem: Problem,
        elastic: NDArray[np.float64],
        moved: _Moved,
        cycles: int,
        tolerance: float,
        like: Path | None,
        *,
        keeps_path: bool,
    ) -> None:
        self.problem = problem
        self.like = like
        self.path: list[NDArray[np.float32]] | None = [] if keeps_path else None
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
        self._keep()
        self.peak_strain = np.zeros_like(problem.solid.modulus)

    def advance(self, factor: float) -> bool:
        """Take the step to `factor`; False, and nothing changed, where it does not come to balance."""
        guess = self._guess(factor)
        found = balance(self.problem, guess, self.tolerance)
        self.cycles += found.cycles
        if found.converged:
            self._accept(factor, guess, found.residual)
        return found.converged

    def _guess(self, factor: float) -> NDArray[np.float64]:
        if len(self.rows) == 1:
            return self.elastic * factor
        last, previous = self.rows[-1].load_factor, self.rows[-2].load_factor
        guess = np.empty_like(self.u)
        ratio = (factor - last) / (last - previous)
        self.problem.team.run(_extrapolate, self.u, self.before, ratio, guess)
        if self.like is None or factor > self.like.load_factor[-1]:
            return guess
        return self._better(guess, self.like.moved_on(self.u, guess, self.elastic, last, factor))

    def _better(self, guess: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
        """Which of two guesses leaves less force unbalanced; only the first one's supports are right."""
        # Forces are written at nodes only, and their size is taken of the whole vector: elsewhere it must be zero.
        supports, work = self.problem.supports, np.zeros_like(guess)
        aside = other[supports.places] - guess[supports.places]
        other[supports.places] = guess[supports.places] + (supports.directions @ aside) @ supports.directions
        sizes = [self.problem.forces(u, work, True)[0] for u in (guess, other)]
        return guess if sizes[0] <= sizes[1] else other

    def _accept(self, factor: float, u: NDArray[np.float64], residual: float) -> None:
        supports, solid, reactions = self.problem.supports, self.problem.solid, self.problem.reactions
        force, moment = self.moved.resultants(reactions)
        rate = float(np.sum(reactions * supports.prescribed[supports.places]))
        strain = solid.after[-1]
        share = float(np.count_nonzero(strain) / len(strain))
        self.rows.append(_Row(factor, force, moment, rate, share, supports.amplitude(u, factor), residual))
        solid.accept()
        self.before, self.u = self.u, u
        self._keep()
        if rate > self.peak:
            self.peak, self.peak_u, self.peak_strain = rate, u, strain.copy()

    def _keep(self) -> None:
        if self.path is not None:
            self.path.append(to_array(self.problem.solid.grid, self.u).astype(np.float32))


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
        path_mm=tuple(curve.path or ()),
    )
