"""Balance of a yielding body: Newton's method with multigrid under every linear solve.

The linear solves are inexact conjugate gradients in single precision over the consistent tangent; the residual they
work on is in double precision, so they bear on the speed alone. Where a step yields much the multigrid levels take the
moduli of the tangent first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import BLOCK, Workers, block_count, dot, kernel
from spondyl.mechanics.grid import Lattice, lattice
from spondyl.mechanics.multigrid import Levels, hierarchy, place_of_components, v_cycle
from spondyl.mechanics.plasticity import Body, Plasticity, body
from spondyl.mechanics.softened import soften
from spondyl.mechanics.solve import to_vector
from spondyl.values.voxel_model import VoxelModel

ELASTIC_TOLERANCE = 1e-4
"""Unbalanced forces over reactions of the elastic response, from which the first steps are taken as they are."""
ELASTIC_REDUCTION = 1e-6
"""What its linear solve reduces the residual by: far enough for most models to need just one. Own choice."""
LINEAR_REDUCTION = 0.3
"""What one linear solve reduces the residual by at least. Own choice: tighter solves cost more than they save. On the
published vertebra 0.4 saves a tenth more, but the first force is then 0.35 % off instead of 0.13 %."""
LINEAR_ITERATIONS = 60
NEWTON_ITERATIONS = 20
SLOPE_KEPT = 0.5
"""A correction is taken whole unless the forces along it have turned round by more than this share, or have grown; else
it is shortened. Own choice."""
WEAKENED_BY = 2
"""Corrections in a step up to which the hourglass modes are weakened anew. Own choice: from there on the change is
small, and the tangent, which does not know of it, is exact."""
SHORTENINGS = 4
SOFTENED_FROM = 10
"""Unbalanced forces of a step's first guess, over those tolerated, from which on the multigrid levels take the moduli
of its tangent. Own choice: that costs about as much as one iteration and pays where some ten or more follow."""


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
class Problem:
    solid: Body
    levels: Levels
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


def _precondition(problem: Problem, r: NDArray[np.float32]) -> NDArray[np.float32]:
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


def _linear_solve(problem: Problem, residual: NDArray[np.float64], size: float, reduction: float) -> tuple[float, int]:
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


def balance(problem: Problem, u: NDArray[np.float64], tolerance: float, *, elastic: bool = False) -> _Balance:
    """Correct `u` in place until the forces balance, or as far as it goes."""
    team, x = problem.team, problem.linear.x
    forces, start = np.zeros_like(u), np.empty_like(u)
    size, reactions = problem.forces(u, forces, True)
    cycles = 0
    if not elastic and size > SOFTENED_FROM * tolerance * reactions:
        soften(problem.levels, problem.solid, team)
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


def pose(
    model: VoxelModel, plasticity: Plasticity, free: tuple[NDArray, ...], team: Workers
) -> tuple[Problem, NDArray[np.float64], int]:
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
    problem = Problem(solid, levels, fixed, team, linear, np.empty(len(places)))
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


def _elastic(problem: Problem, moved: NDArray[np.float64]) -> tuple[NDArray[np.float64], int]:
    """Displacements of the elastic body whose supports move like that, and the iterations."""
    u = moved * SMALL
    found = balance(problem, u, ELASTIC_TOLERANCE, elastic=True)
    return u / SMALL, found.cycles
