"""Exact solutions of linear elasticity, posed as voxel models, and how far the solver is from them.

Each problem is posed so that its exact solution is known inside the whole model and not only far from its ends:
either the exact displacement is prescribed where theory would need a tie-in, or the natural end is stress-free.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mechanics.models import model_of, node_places
from spondyl.mechanics.element import corner_signs
from spondyl.mechanics.solve import Solution, solve
from spondyl.values.strength import SolveStatus
from spondyl.values.voxel_model import VoxelModel

TOLERANCE = 1e-10
"""Relative residual of these solves: well below every discretisation error measured here."""
YOUNG_MPA = 1000.0


@dataclass(frozen=True, eq=False)
class Problem:
    model: VoxelModel
    exact_mm: NDArray[np.float64]
    """(3, nx + 1, ny + 1, nz + 1)."""
    reference_mm: NDArray[np.float64]
    """The part of the exact displacement that is of interest; errors are relative to its size."""


def solved(model: VoxelModel) -> Solution:
    solution = solve(model, tolerance=TOLERANCE)
    assert solution.report.status is SolveStatus.CONVERGED
    return solution


def displacement_error(problem: Problem, solution: Solution) -> float:
    """Root of the mean square error at the nodes, relative to the reference displacement."""
    exists = touched(problem.model)
    off = (solution.displacement_mm - problem.exact_mm)[:, exists]
    return float(np.linalg.norm(off) / np.linalg.norm(problem.reference_mm[:, exists]))


def touched(model: VoxelModel) -> NDArray[np.bool_]:
    """Nodes (nx + 1, ny + 1, nz + 1) at a corner of some element."""
    nodes = np.zeros([size + 1 for size in model.modulus_mpa.shape], dtype=bool)
    active = np.argwhere(model.modulus_mpa > 0)
    for corner in (corner_signs() > 0).astype(int):
        nodes[tuple((active + corner).T)] = True
    return nodes


def orders(step_mm, errors) -> NDArray[np.float64]:
    """Order of convergence between neighbouring mesh sizes."""
    return np.diff(np.log(errors)) / np.diff(np.log(step_mm))


# ---------------------------------------------------------------------------------------------------------------------
# A bar whose modulus changes along it
# ---------------------------------------------------------------------------------------------------------------------
BAR_MM = 12.0
BAR_CONTRAST = 20.0
"""Modulus at the upper end over that at the lower: from spongy to dense bone. Own choice."""


def graded_bar(layers: int) -> tuple[Problem, float]:
    """A bar whose modulus rises linearly along it, pressed by 1 %, and its exact force in N. nu = 0, else it is no rod.

    Each layer has the modulus of its middle, as a voxel has that of its own density.
    """
    step = BAR_MM / layers
    slope = (BAR_CONTRAST - 1) / BAR_MM
    middle = (np.arange(layers) + 0.5) * step
    modulus = YOUNG_MPA * (1 + slope * middle) * np.ones((2, 2, 1))
    model = replace(model_of(modulus, (step, step, step)), poisson_ratio=0.0)
    softness = np.log(1 + slope * np.arange(layers + 1) * step) / (slope * YOUNG_MPA)  # integral of 1 / E
    exact = np.zeros(model.held.shape)
    exact[2] = -0.01 * BAR_MM * softness / softness[-1]
    model.held[2, :, :, [0, -1]] = True
    model.displacement_mm[:] = exact
    return Problem(model, exact, exact), 0.01 * BAR_MM * (2 * step) ** 2 / softness[-1]


# ---------------------------------------------------------------------------------------------------------------------
# A cantilever under a shear force at its tip
# ---------------------------------------------------------------------------------------------------------------------
BEAM_MM = (4.0, 0.5, 1.0)
"""Length along x, width, height along the force."""
TIP_N = 1.0


def cantilever(across: int, *, stretch: int = 1, clamped: bool = False, poisson_ratio: float = 0.0) -> Problem:
    """A short beam of `across` elements over its height under the parabolic shear stress of theory at its tip.

    nu = 0: the plane solution with sigma_x = -P (L - x) z / I and tau = P (c^2 - z^2) / 2 I is then exact in space. The
    root follows it, turned so that the section's mean rotation is zero, which is how Timoshenko's beam is held.
    Voxels are `stretch` times as long as high. `clamped` holds the whole root still, which has no closed solution.
    """
    length, width, height = BEAM_MM
    step = height / across
    shape = (round(length / step / stretch), max(1, round(width / step)), across)
    spacing = (stretch * step, width / shape[1], step)
    model = replace(model_of(np.full(shape, YOUNG_MPA), spacing), poisson_ratio=poisson_ratio)
    x, _, z = node_places(shape, spacing)
    z = z - height / 2
    bend = TIP_N / (YOUNG_MPA * second_moment())
    square = (height / 2) ** 2
    exact = np.zeros(model.held.shape)
    exact[0] = bend * (-(length * x - x**2 / 2) * z - z**3 / 3 + square * z / 5)
    exact[2] = bend * (length * x**2 / 2 - x**3 / 6 + 0.8 * square * x)
    model.held[:, 0] = True
    if not clamped:
        model.displacement_mm[:] = exact
    force = np.zeros(model.held.shape)
    force[2, -1] = np.outer(_line_share(shape[1]), _parabolic_shear(across))
    return Problem(replace(model, force_n=force), exact, exact)


def second_moment() -> float:
    _, width, height = BEAM_MM
    return width * height**3 / 12


def timoshenko_tip_mm(poisson_ratio: float) -> tuple[float, float]:
    """Bending (Euler-Bernoulli) and shear parts of the tip's deflection; shear coefficient of Cowper (1966)."""
    length, width, height = BEAM_MM
    coefficient = 10 * (1 + poisson_ratio) / (12 + 11 * poisson_ratio)
    shear_modulus = YOUNG_MPA / (2 * (1 + poisson_ratio))
    bending = TIP_N * length**3 / (3 * YOUNG_MPA * second_moment())
    return bending, TIP_N * length / (coefficient * shear_modulus * width * height)


def mean_tip_mm(solution: Solution) -> float:
    """Mean deflection of the end section, each node by the area it stands for."""
    tip = solution.displacement_mm[2, -1]
    weight = np.outer(_line_share(tip.shape[0] - 1), _line_share(tip.shape[1] - 1))
    return float((tip * weight).sum())


def _line_share(elements: int) -> NDArray[np.float64]:
    """Share of a uniform load that each node of a line of elements takes."""
    share = np.ones(elements + 1)
    share[[0, -1]] = 0.5
    return share / elements


def _parabolic_shear(across: int) -> NDArray[np.float64]:
    """Nodal forces, in all TIP_N, of a shear stress that is parabolic over the height and zero at the surfaces."""
    edge = np.linspace(-1, 1, across + 1)
    stress = lambda place: 0.75 * TIP_N * (1 - place**2)  # noqa: E731
    middle = stress((edge[:-1] + edge[1:]) / 2)
    force = np.zeros(across + 1)  # Simpson's rule is exact for a parabola times a linear shape function
    force[:-1] += (stress(edge[:-1]) + 2 * middle) / 6 * (2 / across)
    force[1:] += (stress(edge[1:]) + 2 * middle) / 6 * (2 / across)
    return force


# ---------------------------------------------------------------------------------------------------------------------
# Torsion of a square bar
# ---------------------------------------------------------------------------------------------------------------------
SQUARE_MM = 2.0
TWIST = 0.01
"""Turn a length, rad/mm."""
SERIES = 400
"""Terms of the series; they fall with the third power (warping) and the fifth (torsion constant)."""


def square_torsion(across: int) -> Problem:
    """Saint-Venant torsion of a bar of square section, four layers long.

    The end sections are turned as a whole and left free to warp: then the series solution holds from end to end.
    """
    step = SQUARE_MM / across
    shape, spacing = (across, across, 4), (step, step, step)
    model = model_of(np.full(shape, YOUNG_MPA), spacing)
    x, y, z = node_places(shape, spacing)
    x, y = x - SQUARE_MM / 2, y - SQUARE_MM / 2
    exact = TWIST * np.stack([-z * y, z * x, warping(x, y)])
    model.held[:2, :, :, [0, -1]] = True
    model.displacement_mm[:] = exact
    warp = exact * np.array([0, 0, 1])[:, None, None, None]
    return Problem(model, exact, warp)


def warping(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Saint-Venant's warping of the square |x|, |y| <= a for a turn a length of 1."""
    a = SQUARE_MM / 2
    total = x * y
    for n in range(SERIES):
        k = (n + 0.5) * np.pi / a
        # sinh(k y) / cosh(k a), without overflow
        ratio = np.sign(y) * (np.exp(k * (abs(y) - a)) - np.exp(-k * (abs(y) + a))) / (1 + np.exp(-2 * k * a))
        total = total - 4 * (-1) ** n / (a * k**3) * np.sin(k * x) * ratio
    return total


def torsion_constant() -> float:
    """J of the square in mm^4."""
    odd = 2 * np.arange(SERIES) + 1
    return float(SQUARE_MM**4 * (1 / 3 - 64 / np.pi**5 * (np.tanh(odd * np.pi / 2) / odd**5.0).sum()))


def torque_nmm(problem: Problem, solution: Solution) -> float:
    """Moment of the reactions on the upper end about the bar's axis."""
    x, y, _ = node_places(problem.model.modulus_mpa.shape, problem.model.spacing_mm)[..., -1] - SQUARE_MM / 2
    return float((x * solution.reaction_n[1, :, :, -1] - y * solution.reaction_n[0, :, :, -1]).sum())
