"""Bars, beams and layers whose exact solution is known: how far off, and with what order the error falls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import model_of, node_places
from mechanics.theory import (
    TIP_N,
    TWIST,
    YOUNG_MPA,
    cantilever,
    displacement_error,
    graded_bar,
    mean_tip_mm,
    orders,
    solved,
    square_torsion,
    timoshenko_tip_mm,
    torque_nmm,
    torsion_constant,
    warping,
)

SECOND_ORDER = 1.8
"""Linear elements give order 2 in displacement for smooth solutions; what the coarsest meshes lack is left here."""


def falls_with_second_order(step_mm, errors):
    measured = orders(step_mm, errors)
    assert (measured > SECOND_ORDER).all(), (errors, measured)


def test_graded_bar_has_the_force_and_displacement_of_theory():
    layers = np.array([24, 48, 96])
    errors, force_errors = [], []
    for count in layers:
        problem, force = graded_bar(count)
        solution = solved(problem.model)
        errors.append(displacement_error(problem, solution))
        force_errors.append(abs(solution.reaction_n[2, :, :, 0].sum() / force - 1))
    falls_with_second_order(1 / layers, errors)
    falls_with_second_order(1 / layers, force_errors)
    assert force_errors[-1] < 1e-3


@pytest.mark.parametrize("stretch", [1, 2])
def test_cantilever_converges_to_timoshenko_and_not_to_euler_bernoulli(stretch):
    bending, shear = timoshenko_tip_mm(0.0)
    across = np.array([4, 8, 16])
    problems = [cantilever(count, stretch=stretch) for count in across]
    solutions = [solved(problem.model) for problem in problems]
    falls_with_second_order(1 / across, [displacement_error(*pair) for pair in zip(problems, solutions, strict=True)])
    tips = np.array([mean_tip_mm(solution) for solution in solutions])
    falls_with_second_order(1 / across, abs(tips / (bending + shear) - 1))
    limit = tips[-1] + (tips[-1] - tips[-2]) / 3  # Richardson, order 2
    assert limit == pytest.approx(bending + shear, rel=5e-4)
    assert limit > 1.03 * bending
    root = solutions[-1].reaction_n[:, 0].sum(axis=(1, 2))
    assert root == pytest.approx([0, 0, -TIP_N], abs=1e-7)


def test_clamped_cantilever_with_poisson_ratio_is_a_timoshenko_beam_within_the_clamp_s_effect():
    # No closed solution: the clamp hinders warping and widening, and stiffens a beam four heights long by about 1 %.
    bending, shear = timoshenko_tip_mm(0.3)
    coarse, fine = (
        mean_tip_mm(solved(cantilever(n, clamped=True, poisson_ratio=0.3).model)) / (bending + shear) for n in (8, 16)
    )
    limit = fine + (fine - coarse) / 3
    assert 0.985 < limit < 1.0
    assert limit > 1.025 * bending / (bending + shear)


def test_square_bar_twists_and_warps_as_saint_venant_says():
    across = np.array([6, 12, 24, 48])
    warp_errors, torque_errors = [], []
    theory = TWIST * torsion_constant() * YOUNG_MPA / 2.6
    for count in across:
        problem = square_torsion(count)
        solution = solved(problem.model)
        warp_errors.append(displacement_error(problem, solution))
        torque_errors.append(abs(torque_nmm(problem, solution) / theory - 1))
    falls_with_second_order(1 / across, warp_errors)
    falls_with_second_order(1 / across, torque_errors)
    assert torque_errors[-1] < 5e-4


def test_the_warping_series_is_harmonic_and_leaves_the_sides_free():
    place = np.linspace(-0.9, 0.9, 7)
    x, y = np.meshgrid(place, place, indexing="ij")
    step = 1e-3
    laplace = sum(warping(x + a, y + b) for a, b in ((step, 0), (-step, 0), (0, step), (0, -step))) - 4 * warping(x, y)
    assert abs(laplace).max() / step**2 < 1e-5
    side = np.ones(7)
    slope = (warping(side + step, place) - warping(side - step, place)) / (2 * step)
    assert slope == pytest.approx(place, abs=1e-4)
    assert torsion_constant() == pytest.approx(0.1406 * 2.0**4, rel=5e-4)  # printed in every table


def layered(axis):
    """Random layers across `axis` on flat voxels, contrast up to 1e4, nothing held yet."""
    moduli = 10.0 ** np.random.default_rng(3).uniform(0, 4, 8)
    shape, spacing = (8, 6, 8), (0.5, 0.7, 1.0)
    moduli = moduli[: shape[axis]]
    along = [1, 1, 1]
    along[axis] = -1
    model = model_of(moduli.reshape(along) * np.ones(shape), spacing)
    return model, moduli, node_places(shape, spacing)


def test_confined_layers_are_springs_in_series():
    # Reuss: uniform stress. Sides that may not widen make each layer uniaxial strain, with nu = 0.3 exact.
    model, moduli, _ = layered(axis=2)
    for axis in (0, 1):
        at = [axis] + [slice(None)] * 3
        at[axis + 1] = [0, -1]
        model.held[tuple(at)] = True
    model.held[2, :, :, [0, -1]] = True
    model.displacement_mm[2, :, :, -1] = -0.08
    oedometer = moduli * 0.7 / (1.3 * 0.4)
    stress = 0.08 / (1.0 / oedometer).sum()
    solution = solved(model)
    assert solution.reaction_n[2, :, :, -1].sum() == pytest.approx(-stress * 4.0 * 4.2, rel=1e-7)
    exact = -np.concatenate([[0], np.cumsum(stress / oedometer)])
    assert abs(solution.displacement_mm[2] - exact).max() < 1e-7 * 0.08


@pytest.mark.parametrize("parallel", [False, True])
def test_sheared_layers_give_the_bounds_of_reuss_and_voigt(parallel):
    # u_x = u_x(z) over layers across z (series), u_z = gamma x over layers across y (parallel): exact for any nu.
    model, moduli, places = layered(axis=1 if parallel else 2)
    shear = moduli / 2.6
    model.held[2, [0, -1]] = True
    model.held[0, :, :, [0, -1]] = True
    if parallel:
        model.displacement_mm[2] = 0.01 * places[0]
        force = 0.01 * shear.mean() * 4.2 * 8.0
        found = solved(model).reaction_n[2, -1].sum()
    else:
        model.displacement_mm[0, :, :, -1] = 0.08
        force = 0.08 / (1.0 / shear).sum() * 4.0 * 4.2
        found = solved(model).reaction_n[0, :, :, -1].sum()
    assert found == pytest.approx(force, rel=1e-7)


def test_any_mixture_lies_between_the_bounds_of_reuss_and_voigt():
    rng = np.random.default_rng(5)
    modulus = np.where(rng.random((16, 16, 16)) < 0.4, 1000.0, 10.0)
    model = replace(model_of(modulus), poisson_ratio=0.0)
    model.held[2, :, :, [0, -1]] = True
    model.displacement_mm[2, :, :, -1] = -0.16
    stiffness = -solved(model).reaction_n[2, :, :, -1].sum() / (0.01 * 256)
    assert 1 / (1 / modulus).mean() < stiffness < modulus.mean()
