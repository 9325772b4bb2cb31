"""Multigrid: its parts against their definition, its quality on a gallery of problems."""

from __future__ import annotations

import numpy as np
import pytest

from mechanics.models import cylinder, node_places, porous, pressed
from spondyl.mechanics.compiled import ALONE
from spondyl.mechanics.cycle import level_part, prolong_layer, restrict_layer
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.multigrid import coarsened, hierarchy, v_cycle
from spondyl.mechanics.solve import solve, to_array, to_vector
from spondyl.values.strength import SolveStatus


def two_levels(modulus):
    """Two levels where nothing is held, as the compiled cycle sees them."""
    turned = np.ascontiguousarray(modulus.T)
    held = np.zeros((3, *(size + 1 for size in turned.shape)), bool)
    levels = hierarchy(lattice(turned > 0), turned, (1.0, 1.0, 1.0), 0.3, held)
    fine, coarse = (level.operator.lattice for level in levels[:2])
    return fine, coarse, level_part(levels.packed, 0), level_part(levels.packed, 1)


def interpolated(fine, coarse, fine_part, coarse_part, nodal):
    out, row = np.zeros(3 * fine.stride), np.zeros(1000)
    for z in range(len(fine.node)):
        prolong_layer(z, out, to_vector(coarse, nodal), fine_part, coarse_part, row)
    return out


SHAPES = [(7, 6, 5), (8, 8, 8), (2, 3, 19), (150, 3, 3), (9, 8, 1)]


@pytest.mark.parametrize("shape", SHAPES)
def test_interpolation_keeps_linear_fields(shape):
    fine, coarse, *parts = two_levels(porous(shape, 1))
    slopes = np.random.default_rng(0).standard_normal((3, 3))
    field = lambda places: np.tensordot(slopes, places, 1) + 1.0  # noqa: E731
    coarse_places = node_places(coarse.shape[::-1], (2.0, 2.0, 2.0))
    expected = field(node_places(shape, (1.0, 1.0, 1.0))) * (fine.node >= 0).T
    found = to_array(fine, interpolated(fine, coarse, *parts, field(coarse_places)))
    assert abs(found - expected).max() < 1e-12 * abs(expected).max()


@pytest.mark.parametrize("shape", SHAPES)
def test_restriction_is_the_transpose_of_interpolation(shape):
    fine, coarse, *parts = two_levels(porous(shape, 2))
    rng = np.random.default_rng(0)
    a = rng.standard_normal((3, *coarse.node.shape[::-1])) * (coarse.node >= 0).T
    b = rng.standard_normal((3, *fine.node.shape[::-1])) * (fine.node >= 0).T
    up = interpolated(fine, coarse, *parts, a)
    down = np.zeros(3 * coarse.stride)
    for z in range(len(coarse.node)):
        restrict_layer(z, to_vector(fine, b), down, *parts, np.zeros(1000))
    assert up @ to_vector(fine, b) == pytest.approx(to_vector(coarse, a) @ down, rel=1e-12)


def test_the_cycle_is_symmetric_and_positive():
    model = pressed(porous((14, 12, 13), 3), bonded=True)
    modulus = np.ascontiguousarray(model.modulus_mpa.T)
    grid = lattice(modulus > 0)
    levels = hierarchy(grid, modulus, (1.0, 1.0, 1.0), 0.3, model.held.transpose(0, 3, 2, 1))
    assert len(levels) > 2
    free = levels[0].inverse_diagonal > 0
    rng = np.random.default_rng(0)
    a, b = (np.where(free, rng.standard_normal(len(free)), 0).astype(np.float32) for _ in range(2))

    def cycle(right_side):
        levels[0].scratch[0][:] = right_side
        return v_cycle(levels, ALONE).astype(np.float64)

    za, zb = cycle(a), cycle(b)
    assert a @ zb == pytest.approx(b @ za, rel=1e-4)
    assert a @ za > 0
    assert b @ zb > 0


def test_coarse_moduli_are_means_and_the_load_axis_is_filled_up():
    fine = np.arange(1.0, 28.0).reshape(3, 3, 3)
    coarse = coarsened(fine)
    assert coarse[0, 0, 0] == fine[:2, :2, :2].mean()
    assert coarse[1, 0, 0] == fine[2, :2, :2].mean()
    assert coarse[1, 1, 1] == fine[2, 2, 2] / 4


def shell(n):
    modulus = np.full((n, n, n), 5e3)
    modulus[1:-1, 1:-1, 1:-1] = 100.0
    return modulus


# name, model, iterations allowed to a relative residual of 1e-6
GALLERY = {
    "uniform": (lambda n: np.full((n, n, n), 500.0), 12),
    "odd sizes": (lambda n: np.full((n + 1, n - 1, n + 1), 500.0), 14),
    "log-uniform noise 10 to 1000": (lambda n: porous((n, n, n), 1, porosity=0.0), 16),
    "a stiff shell": (shell, 16),
    "contrast 1e5, soft ball": (
        lambda n: np.where((np.indices((n, n, n)) - n / 2).__pow__(2).sum(0) < (n / 4) ** 2, 0.1, 1e4),
        22,
    ),
}


@pytest.mark.parametrize("name", GALLERY)
def test_iterations_stay_few_and_do_not_grow_with_size(name):
    make, allowed = GALLERY[name]
    counts = []
    for size in (12, 24, 36):
        report = solve(pressed(make(size)), threads=1).report
        assert report.status is SolveStatus.CONVERGED
        counts.append(report.iterations)
    assert max(counts) <= allowed, counts
    assert counts[-1] <= 1.3 * counts[1] + 1, counts


@pytest.mark.parametrize("bonded", [True, False])
def test_the_study_cylinder_takes_as_few_iterations_as_published_for_the_prototype(bonded):
    reports = [solve(pressed(cylinder(step), (step,) * 3, bonded=bonded), threads=1).report for step in (2.0, 1.0)]
    assert all(report.status is SolveStatus.CONVERGED for report in reports)
    assert max(report.iterations for report in reports) <= 22


HARD = {
    # What the mean of eight moduli serves badly: stiff parts that touch soft ones alone. No bone looks like this; it
    # must converge all the same.
    "layers across the load, 5 and 10000": lambda: np.where(np.arange(36) % 8 < 4, 5.0, 1e4) * np.ones((36, 36, 36)),
    "specks of 10000 in 5": lambda: np.where(np.random.default_rng(0).random((24, 24, 24)) < 0.05, 1e4, 5.0),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_contrasts_still_converge(name):
    report = solve(pressed(HARD[name]()), threads=1).report
    assert report.status is SolveStatus.CONVERGED
    assert report.iterations <= 130
