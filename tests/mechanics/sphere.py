"""A sphere of another stiffness in a matrix under far-field strain (Goodier 1933; Eshelby 1957), exact everywhere.

Eshelby's equivalent inclusion: the sphere strains as matrix material with a uniform transformation strain would, and so
its own strain is uniform. Displacements come from the harmonic and biharmonic potentials of the sphere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mechanics.models import model_of, node_places
from mechanics.theory import YOUNG_MPA, Problem
from spondyl.mechanics.element import corner_signs, strain_displacement
from spondyl.mechanics.solve import Solution

NU = 0.3
RADIUS_MM = 4.0
HALF_BOX_MM = 8.0
INNER = 0.75
"""Elements whose centre lies within this share of the radius are asked for the strain inside. Own choice: the jagged
surface disturbs a layer about one voxel thick, which is a quarter of the radius on the coarsest mesh used."""


@dataclass(frozen=True, eq=False)
class Sphere:
    """The exact solution for a sphere `ratio` times as stiff as its matrix; uniaxial far-field stress along z."""

    ratio: float

    @property
    def far_strain(self) -> NDArray[np.float64]:
        return np.diag([-NU, -NU, 1.0]) * 0.01

    @property
    def inner_strain(self) -> NDArray[np.float64]:
        """(3, 3), uniform in the sphere."""
        return self.far_strain + eshelby(self.transformation)

    @property
    def transformation(self) -> NDArray[np.float64]:
        """Transformation strain e* with C1 (e0 + S e*) = C0 (e0 + S e* - e*): both phases share nu, so C1 = ratio C0.

        Dilatation and shear part of a sphere do not mix: e* = (1 - r) / (1 - (1 - r) S) e0 for each.
        """
        volume = self.far_strain.trace() / 3 * np.eye(3)
        weight = 1 - self.ratio
        bulk, shear = eshelby_factors()
        return weight / (1 - weight * bulk) * volume + weight / (1 - weight * shear) * (self.far_strain - volume)

    def displacement(self, places: NDArray[np.float64]) -> NDArray[np.float64]:
        """(3, ...) at places (3, ...) from the sphere's centre."""
        far = np.tensordot(self.far_strain, places, 1)
        return far + inclusion_displacement(self.transformation, places)


def eshelby_factors() -> tuple[float, float]:
    """What share of a dilatation and of a shear transformation a sphere keeps in its matrix."""
    return (1 + NU) / (3 * (1 - NU)), 2 * (4 - 5 * NU) / (15 * (1 - NU))


def eshelby(transformation: NDArray[np.float64]) -> NDArray[np.float64]:
    bulk, shear = eshelby_factors()
    volume = transformation.trace() / 3 * np.eye(3)
    return bulk * volume + shear * (transformation - volume)


def inclusion_displacement(transformation: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """u_i = (p_jk psi,ijk / (1 - nu) - 4 p_ik phi,k) / 16 pi mu with p = C e* (Eshelby 1957, eq. 2.8)."""
    lam, mu = YOUNG_MPA * NU / ((1 + NU) * (1 - 2 * NU)), YOUNG_MPA / (2 * (1 + NU))
    p = lam * transformation.trace() * np.eye(3) + 2 * mu * transformation
    a, x = RADIUS_MM, places
    r = np.maximum(np.sqrt((x**2).sum(axis=0)), 1e-9)
    px = np.tensordot(p, x, 1)
    xpx = (x * px).sum(axis=0)
    pair = 2 * px + p.trace() * x  # p_jk (d_ij x_k + d_ik x_j + d_jk x_i)
    volume = 4 * np.pi * a**3 / 3
    # Outside psi = V (r + a^2 / 5 r), phi = V / r; inside psi = -pi r^4 / 15 + ..., phi = 2 pi a^2 - 2 pi r^2 / 3.
    third_of_r = -pair / r**3 + 3 * x * xpx / r**5
    third_of_inverse = 3 * pair / r**5 - 15 * x * xpx / r**7
    outside = volume * ((third_of_r + a**2 / 5 * third_of_inverse) / (1 - NU) + 4 * px / r**3)
    inside = -8 * np.pi / 15 * pair / (1 - NU) + 16 * np.pi / 3 * px
    return np.where(r > a, outside, inside) / (16 * np.pi * mu)


def sphere_problem(n: int, ratio: float, *, partial_volume: bool = False) -> Problem:
    """One eighth of the box, n elements a side; exact displacement on the outer faces, symmetry on the inner ones.

    A voxel belongs to the sphere when its centre does, or takes the mean modulus of 4^3 points (`partial_volume`).
    """
    step = HALF_BOX_MM / n
    spacing = (step, step, step)
    share = _share_in_sphere(n, 4 if partial_volume else 1)
    model = replace(model_of(YOUNG_MPA * (1 + (ratio - 1) * share), spacing), poisson_ratio=NU)
    places = node_places((n, n, n), spacing)
    sphere = Sphere(ratio)
    exact = sphere.displacement(places)
    for axis in range(3):
        at = [slice(None)] * 4
        at[axis + 1] = -1
        model.held[tuple(at)] = True
        at[0], at[axis + 1] = axis, 0
        model.held[tuple(at)] = True
    model.displacement_mm[:] = exact
    return Problem(model, exact, exact - np.tensordot(sphere.far_strain, places, 1))


def _share_in_sphere(n: int, points: int) -> NDArray[np.float64]:
    place = (np.arange(n * points) + 0.5) * HALF_BOX_MM / (n * points)
    inside = place[:, None, None] ** 2 + place[:, None] ** 2 + place**2 <= RADIUS_MM**2
    return inside.reshape(n, points, n, points, n, points).mean(axis=(1, 3, 5))


def strains_inside(problem: Problem, solution: Solution) -> NDArray[np.float64]:
    """(elements, 3) normal strains at the centres of the elements well inside the sphere."""
    n = problem.model.modulus_mpa.shape[0]
    place = (np.arange(n) + 0.5) * problem.model.spacing_mm[0]
    deep = place[:, None, None] ** 2 + place[:, None] ** 2 + place**2 <= (INNER * RADIUS_MM) ** 2
    corners = np.argwhere(deep)[:, None, :] + (corner_signs() > 0)
    u = solution.displacement_mm[:, corners[..., 0], corners[..., 1], corners[..., 2]]
    u = u.transpose(1, 2, 0).reshape(len(corners), 24)
    return (u @ strain_displacement(np.zeros(3), problem.model.spacing_mm).T)[:, :3]
