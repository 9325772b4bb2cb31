"""The matrix-free operator against the assembled matrix and against what any stiffness must obey."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanics.models import node_places, porous
from spondyl.mechanics.compiled import workers
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.operator import SHARED_FROM_ELEMENTS, operator
from spondyl.mechanics.reference import assembled
from spondyl.mechanics.solve import to_array, to_vector
from spondyl.values.voxel_model import TransverselyIsotropic

shapes = st.tuples(st.integers(1, 20), st.integers(1, 12), st.integers(1, 12))
steps = st.floats(0.2, 3.0)


def set_up(modulus, spacing=(1.0, 1.0, 1.0), poisson=0.3):
    turned = np.ascontiguousarray(modulus.T)
    grid = lattice(turned > 0)
    return grid, operator(grid, turned, spacing, poisson)


def applied(grid, matrix_free, nodal):
    out = np.full(3 * grid.stride, np.nan)
    out[:] = 7.0
    matrix_free.apply(to_vector(grid, nodal), out)
    return to_array(grid, out)


@given(shapes, st.tuples(steps, steps, steps), st.floats(0, 0.45), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_equals_the_assembled_matrix_on_random_media(shape, spacing, poisson, seed):
    modulus = porous(shape, seed, lowest=1e-2, highest=1e4)
    grid, matrix_free = set_up(modulus, spacing, poisson)
    matrix, number = assembled(modulus, spacing, poisson)
    u = np.random.default_rng(seed).standard_normal((3, *(size + 1 for size in shape)))
    by_number = np.argsort(number[number >= 0])
    flat = np.moveaxis(u, 0, 3)[number >= 0][by_number].ravel()
    expected = (matrix @ flat).reshape(-1, 3)
    found = np.moveaxis(applied(grid, matrix_free, u), 0, 3)[number >= 0][by_number]
    assert abs(found - expected).max() <= 1e-10 * abs(expected).max()


def test_long_rows_equal_the_assembled_matrix():
    modulus = porous((300, 3, 4), 4, porosity=0.02)
    grid, matrix_free = set_up(modulus)
    matrix, number = assembled(modulus, (1.0, 1.0, 1.0), 0.3)
    u = np.random.default_rng(0).standard_normal((3, 301, 4, 5))
    by_number = np.argsort(number[number >= 0])
    flat = np.moveaxis(u, 0, 3)[number >= 0][by_number].ravel()
    found = np.moveaxis(applied(grid, matrix_free, u), 0, 3)[number >= 0][by_number].ravel()
    assert abs(found - matrix @ flat).max() <= 1e-10 * abs(found).max()


@given(shapes, st.tuples(steps, steps, steps), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_equals_the_assembled_matrix_with_mixed_materials(shape, spacing, seed):
    modulus = porous(shape, seed, lowest=1e-2, highest=1e4)
    material = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    grained = (TransverselyIsotropic(0.4, 0.2, 0.3, 0.25), TransverselyIsotropic(0.9, 0.1, 0.1, 0.4))
    turned = np.ascontiguousarray(modulus.T)
    grid = lattice(turned > 0, np.ascontiguousarray(material.T))
    matrix_free = operator(grid, turned, spacing, 0.3, grained=grained)
    matrix, number = assembled(modulus, spacing, 0.3, material, grained)
    u = np.random.default_rng(seed).standard_normal((3, *(size + 1 for size in shape)))
    by_number = np.argsort(number[number >= 0])
    expected = matrix @ np.moveaxis(u, 0, 3)[number >= 0][by_number].ravel()
    found = np.moveaxis(applied(grid, matrix_free, u), 0, 3)[number >= 0][by_number].ravel()
    assert abs(found - expected).max() <= 1e-10 * abs(expected).max()


def test_symmetric_and_positive():
    rng = np.random.default_rng(2)
    shape = (9, 11, 8)
    grid, matrix_free = set_up(porous(shape, 2), (0.7, 0.7, 1.3))
    a, b = rng.standard_normal((2, 3, 10, 12, 9))
    exists = (grid.node >= 0).T
    a, b = a * exists, b * exists
    ka, kb = applied(grid, matrix_free, a), applied(grid, matrix_free, b)
    assert (a * kb).sum() == pytest.approx((b * ka).sum(), rel=1e-12)
    assert (a * ka).sum() > 0


def test_rigid_motions_need_no_force():
    shape, spacing = (9, 11, 8), (0.7, 0.5, 1.3)
    grid, matrix_free = set_up(porous(shape, 3), spacing)
    places = node_places(shape, spacing)
    motions = [np.eye(3)[axis][:, None, None, None] + 0 * places for axis in range(3)]
    motions += [np.cross(np.eye(3)[axis], places, axisb=0, axisc=0) for axis in range(3)]
    size = abs(applied(grid, matrix_free, np.random.default_rng(0).standard_normal(places.shape))).max()
    for motion in motions:
        assert abs(applied(grid, matrix_free, motion)).max() < 1e-12 * size * abs(motion).max()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_two_and_three_threads_agree_to_the_last_bit(dtype):
    modulus = porous((40, 40, 30), 5)
    turned = np.ascontiguousarray(modulus.T)
    grid = lattice(turned > 0)
    assert grid.element_count > SHARED_FROM_ELEMENTS
    matrix_free = operator(grid, turned, (1.0, 1.0, 1.0), 0.3, dtype)
    u = np.random.default_rng(0).standard_normal(3 * grid.stride).astype(dtype)
    results = []
    for threads in (1, 2, 3):
        with workers(threads) as team:
            for _ in range(3):
                out = np.zeros_like(u)
                matrix_free.apply(u, out, team)
                results.append(out.tobytes())
    assert len(set(results)) == 1
