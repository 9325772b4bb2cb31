"""Supports and loads of a block between two flat faces: rigid caps that press, tilt and twist it.

The lower face stands still. The nodes of the upper face move as one rigid plane. Faces are bonded to their caps (held
in x, y and z) or slide on them (held in z only). A pattern is the displacement of the held nodes for a motion of 1 mm
or 1 rad, small motions throughout: multiply it by the amount.
Node arrays are (3, nx + 1, ny + 1, nz + 1); coordinates are mm from the corner of the first voxel.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.solve import MAX_ITERATIONS, TOLERANCE, Solution, solve
from spondyl.values.strength import SolveReport, SolveStatus
from spondyl.values.voxel_model import VoxelModel

Vector = tuple[float, float, float]

PART_TOLERANCE = 0.3 * TOLERANCE
"""Relative residual of solutions that are put together to one, whose errors add up. Own choice."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Nodes (nx + 1, ny + 1, nz + 1) of the lower and the upper face, each in one layer."""

    lower: NDArray[np.bool_]
    upper: NDArray[np.bool_]

    def upper_centre_mm(self, spacing_mm: Vector) -> Vector:
        """Mean place of the upper face's nodes."""
        x, y, z = (np.argwhere(self.upper) * np.array(spacing_mm)).mean(axis=0)
        return float(x), float(y), float(z)

    def upper_extent_mm(self, spacing_mm: Vector) -> tuple[float, float]:
        """Its size along x and y."""
        x, y, _ = np.ptp(np.argwhere(self.upper), axis=0) * np.array(spacing_mm)
        return float(x), float(y)


def end_faces(modulus_mpa: NDArray[np.float64]) -> Faces:
    """The corners of the voxels in the lowest and the highest layer. Raises ModelError where one of them is empty."""
    ends = []
    for layer in (0, -1):
        solid = np.pad(modulus_mpa[:, :, layer] > 0, 1)
        if not solid.any():
            raise ModelError(
                "the block's lowest or highest layer is empty, so no cap can hold it.", "Crop the block to its bone."
            )
        nodes = np.zeros([size + 1 for size in modulus_mpa.shape], dtype=bool)
        nodes[:, :, layer] = solid[:-1, :-1] | solid[1:, :-1] | solid[:-1, 1:] | solid[1:, 1:]
        ends.append(nodes)
    return Faces(*ends)


def axial(faces: Faces, spacing_mm: Vector, *, bonded: bool) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Held components, and the pattern of 1 mm compression between caps that don't tilt."""
    held = _held(faces, bonded)
    return held, cap_motion(faces, spacing_mm, held, shift_mm=(0, 0, -1))


def eccentric(
    faces: Faces, spacing_mm: Vector, *, through_mm: tuple[float, float], bonded: bool
) -> tuple[NDArray[np.bool_], NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Compression by a force through the point (x, y) of a cap that is free to tilt: held, pattern, two free tilts.

    A point ahead of the centre gives flexion with compression, one beside it lateral bending. The pattern moves that
    point by 1 mm; the tilts turn the cap about x and y through it, so that no moment about it is left.
    """
    held = _held(faces, bonded)
    about = (*through_mm, faces.upper_centre_mm(spacing_mm)[2])
    down = cap_motion(faces, spacing_mm, held, shift_mm=(0, 0, -1))
    tilts = tuple(cap_motion(faces, spacing_mm, held, turn_rad=turn, about_mm=about) for turn in ((1, 0, 0), (0, 1, 0)))
    return held, down, tilts


def torsion(
    faces: Faces,
    spacing_mm: Vector,
    *,
    about_mm: tuple[float, float] | None = None,
    lift_free: bool = True,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Twist of a bonded cap by 1 rad about z through (x, y), else through the upper face's centre: held, pattern, free.

    With `lift_free` the cap may rise or sink, so that it carries no axial force.
    """
    held = _held(faces, bonded=True)
    x, y = faces.upper_centre_mm(spacing_mm)[:2] if about_mm is None else about_mm
    twist = cap_motion(faces, spacing_mm, held, turn_rad=(0, 0, 1), about_mm=(x, y, 0))
    lift = cap_motion(faces, spacing_mm, held, shift_mm=(0, 0, 1))
    return held, twist, (lift,) if lift_free else ()


def cap_motion(
    faces: Faces,
    spacing_mm: Vector,
    held: NDArray[np.bool_],
    *,
    shift_mm: Vector = (0, 0, 0),
    turn_rad: Vector = (0, 0, 0),
    about_mm: Vector = (0, 0, 0),
) -> NDArray[np.float64]:
    """Displacement of the upper face's held components when its cap is shifted, and turned about a point."""
    upper = np.nonzero(faces.upper)
    place = np.stack(upper, axis=1) * np.array(spacing_mm)
    motion = np.array(shift_mm) + np.cross(np.array(turn_rad, dtype=np.float64), place - np.array(about_mm))
    pattern = np.zeros(held.shape)
    for axis in range(3):
        pattern[axis][upper] = motion[:, axis]
    return np.where(held, pattern, 0.0)


def _held(faces: Faces, bonded: bool) -> NDArray[np.bool_]:
    held = np.zeros((3, *faces.upper.shape), dtype=bool)
    held[slice(None) if bonded else slice(2, 3)] = faces.lower | faces.upper
    return held


def solve_free(
    model: VoxelModel,
    free: tuple[NDArray[np.float64], ...],
    *,
    tolerance: float = PART_TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
    threads: int | None = None,
) -> tuple[Solution, NDArray]:
    """The linear solution whose reactions do no work on the free patterns, and those patterns' amplitudes.

    Patterns are displacements of held components; the answer is put together from one solution for each and one for
    the model as given. Raises ModelError for patterns that move what is not held or that depend on one another.
    """
    check_free(model, free)
    if not free:
        return solve(model, tolerance=tolerance, max_iterations=max_iterations, threads=threads), np.zeros(0)
    options = {"tolerance": tolerance, "max_iterations": max_iterations, "threads": threads}
    base = solve(model, **options)  # type: ignore[arg-type]
    unloaded = replace(model, force_n=None)
    others = [solve(replace(unloaded, displacement_mm=pattern), **options) for pattern in free]  # type: ignore[arg-type]
    works = _works(others, free)
    amplitude: NDArray = (
        -np.linalg.solve(works, [np.sum(base.reaction_n * pattern) for pattern in free]) if free else np.zeros(0)
    )
    return superposed([base, *others], np.array([1.0, *amplitude])), amplitude


def check_free(model: VoxelModel, free: tuple[NDArray[np.float64], ...]) -> None:
    """Raise ModelError for free patterns that are none."""
    for pattern in free:
        if np.shape(pattern) != model.held.shape or np.any(np.asarray(pattern)[~model.held]):
            raise ModelError("a free pattern moves components that are not held.", "Hold what a pattern moves.")
    flat = np.array([np.ravel(pattern) for pattern in free])
    if len(flat) and np.linalg.matrix_rank(flat @ flat.T, hermitian=True) < len(flat):
        raise ModelError("the free patterns depend on one another.", "Leave out those that the others make up.")


@dataclass(frozen=True, eq=False)
class Carried:
    """A block under a given resultant of its upper cap."""

    solution: Solution
    shift_mm: NDArray[np.float64]
    """(3,), of the cap at the point that the moments are about; 0 along directions in which the faces slide."""
    turn_rad: NDArray[np.float64]
    """(3,)."""


def carry(
    model: VoxelModel,
    faces: Faces,
    *,
    force_n: Vector,
    moment_nmm: Vector = (0.0, 0.0, 0.0),
    about_mm: Vector,
    threads: int | None = None,
) -> Carried:
    """The rigid motion of the upper cap that carries a resultant force (3,) and moment (3,) about a point.

    `model` says what is held (as `axial` gives it: bonded faces carry any resultant, sliding ones a force along z and
    moments about x and y); its displacements are not read. The force is what the cap puts on the block: pressure is
    negative along z. Raises ModelError for a resultant that sliding faces can't carry.
    """
    bonded = bool(model.held[:2].any())
    chosen = [0, 1, 2, 3, 4, 5] if bonded else [2, 3, 4]
    target = np.array([*force_n, *moment_nmm], dtype=np.float64)
    if np.any(np.delete(target, chosen)):
        raise ModelError(
            "sliding faces carry no force along x or y and no torque about z.", "Bond the faces, or leave these out."
        )
    motions = tuple(_unit_motion(model, faces, kind, about_mm) for kind in chosen)
    model = replace(model, force_n=None)
    solutions = [
        solve(replace(model, displacement_mm=motion), tolerance=PART_TOLERANCE, threads=threads) for motion in motions
    ]
    weight: NDArray = np.linalg.solve(_works(solutions, motions), target[chosen])
    motion = np.zeros(6)
    motion[chosen] = weight
    return Carried(superposed(solutions, weight), motion[:3], motion[3:])


def _unit_motion(model: VoxelModel, faces: Faces, kind: int, about_mm: Vector) -> NDArray[np.float64]:
    """Pattern of the cap's shift along axis `kind`, or turn about axis `kind` - 3."""
    x, y, z = (float(kind % 3 == axis) for axis in range(3))
    if kind < 3:
        return cap_motion(faces, model.spacing_mm, model.held, shift_mm=(x, y, z))
    return cap_motion(faces, model.spacing_mm, model.held, turn_rad=(x, y, z), about_mm=about_mm)


def _works(solutions: list[Solution], patterns: tuple[NDArray[np.float64], ...]) -> NDArray[np.float64]:
    """[i, j], work of the reactions of solution j on pattern i; symmetric but for the solver's tolerance."""
    works = np.array([[np.sum(other.reaction_n * pattern) for other in solutions] for pattern in patterns])
    return (works + works.T) / 2


def superposed(solutions: list[Solution], weight: NDArray[np.float64]) -> Solution:
    """Weighted sum of linear solutions, with the report of the worst of them."""
    reports = [solution.report for solution in solutions]
    worst: SolveReport = max(
        reports, key=lambda report: (report.status != SolveStatus.CONVERGED, max(report.residuals[-1:], default=0.0))
    )
    return Solution(
        displacement_mm=sum(part * solution.displacement_mm for part, solution in zip(weight, solutions, strict=True)),
        reaction_n=sum(part * solution.reaction_n for part, solution in zip(weight, solutions, strict=True)),
        report=replace(worst, iterations=sum(report.iterations for report in reports)),
        elements=solutions[0].elements,
    )
