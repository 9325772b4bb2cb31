"""A stiff sphere, a soft one and a cavity in a matrix under uniaxial stress, against Goodier and Eshelby."""

from __future__ import annotations

import numpy as np
import pytest

from mechanics.sphere import RADIUS_MM, Sphere, sphere_problem, strains_inside
from mechanics.theory import YOUNG_MPA, displacement_error, orders, solved
from spondyl.mechanics.element import elasticity

RATIOS = [10.0, 0.1, 0.0]


def gradient(sphere, places, side):
    """(3, 3, n) displacement gradient just inside (-1) or outside (+1) the surface, by one-sided differences."""
    step = 1e-4
    away = places * (1 + side * 2 * step / RADIUS_MM)
    columns = []
    for axis in range(3):
        shift = np.zeros((3, 1))
        shift[axis] = step
        columns.append((sphere.displacement(away + shift) - sphere.displacement(away - shift)) / (2 * step))
    return np.stack(columns, axis=1)


def traction(young, slope, normal):
    strain = (slope + slope.transpose(1, 0, 2)) / 2
    voigt = [strain[0, 0], strain[1, 1], strain[2, 2], 2 * strain[0, 1], 2 * strain[1, 2], 2 * strain[2, 0]]
    xx, yy, zz, xy, yz, zx = young * elasticity(0.3) @ np.array(voigt)
    stress = np.array([[xx, xy, zx], [xy, yy, yz], [zx, yz, zz]])
    return np.einsum("ijn,jn->in", stress, normal)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_exact_solution_passes_on_displacement_and_traction_through_the_surface(ratio):
    normal = np.random.default_rng(0).standard_normal((3, 20))
    normal /= np.linalg.norm(normal, axis=0)
    surface = RADIUS_MM * normal
    sphere = Sphere(ratio)
    jump = sphere.displacement(surface * (1 + 1e-9)) - sphere.displacement(surface * (1 - 1e-9))
    assert abs(jump).max() < 1e-9
    inner = traction(ratio * YOUNG_MPA, gradient(sphere, surface, -1), normal)
    outer = traction(YOUNG_MPA, gradient(sphere, surface, +1), normal)
    assert abs(inner - outer).max() < 2e-3 * YOUNG_MPA * 0.01


def test_goodiers_cavity_concentrates_stress_as_in_every_textbook():
    # At the equator 3 (9 - 5 nu) / (2 (7 - 5 nu)) = 2.045 times the far stress for nu = 0.3.
    slope = gradient(Sphere(0.0), np.array([[RADIUS_MM], [0.0], [0.0]]), +1)
    strain = np.concatenate([slope[[0, 1, 2], [0, 1, 2], 0], np.zeros(3)])
    along = (YOUNG_MPA * elasticity(0.3) @ strain)[2]
    assert along / (YOUNG_MPA * 0.01) == pytest.approx(3 * (9 - 1.5) / (2 * (7 - 1.5)), rel=1e-3)


@pytest.mark.parametrize("ratio", RATIOS)
def test_displacement_around_the_sphere_converges_with_about_first_order(ratio):
    # Not second: the jagged surface gives the wrong material to a layer of voxels, whose volume falls with their size.
    sizes = np.array([8, 16, 32])
    problems = [sphere_problem(n, ratio) for n in sizes]
    errors = [displacement_error(problem, solved(problem.model)) for problem in problems]
    assert errors[-1] < 0.04
    slope = orders([1 / 8, 1 / 32], [errors[0], errors[-1]])[0]
    assert (np.diff(errors) < 0).all(), errors
    assert 0.9 < slope < 1.6, (errors, slope)


@pytest.mark.parametrize("ratio", [10.0, 0.1])
def test_strain_inside_the_sphere_is_uniform_and_that_of_eshelby(ratio):
    exact = np.diag(Sphere(ratio).inner_strain)
    problem = sphere_problem(32, ratio)
    strain = strains_inside(problem, solved(problem.model))
    assert strain.mean(axis=0) == pytest.approx(exact, rel=0.02)
    assert (strain.std(axis=0) < 0.01 * abs(exact[2])).all()
