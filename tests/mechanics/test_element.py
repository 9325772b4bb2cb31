"""The hexahedron against continuum theory, and its sparse modal form against the textbook matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.mechanics.element import corner_signs, elasticity, is_physical, lame, modal_coefficients, stiffness
from spondyl.values.voxel_model import TransverselyIsotropic

SPACINGS = [(1.0, 1.0, 1.0), (0.5, 0.7, 2.5)]
steps = st.floats(0.3, 3.0)
ratios = st.floats(0.0, 0.49)


@given(st.tuples(steps, steps, steps), ratios)
@settings(max_examples=30, deadline=None)
def test_rigid_motions_cost_nothing_and_all_else_does(spacing, poisson):
    values = np.linalg.eigvalsh(stiffness(spacing, poisson))
    assert abs(values[:6]).max() < 1e-9 * values[-1]
    assert values[6] > 1e-6 * values[-1]


@pytest.mark.parametrize("spacing", SPACINGS)
def test_uniform_strain_stores_the_energy_of_the_continuum(spacing):
    rng = np.random.default_rng(1)
    gradient = rng.standard_normal((3, 3))
    u = (corner_signs() / 2 * np.array(spacing)) @ gradient.T
    strain = (gradient + gradient.T) / 2
    lam, mu = 0.3 / (1.3 * 0.4), 1 / 2.6
    density = lam / 2 * np.trace(strain) ** 2 + mu * (strain**2).sum()
    energy = u.ravel() @ stiffness(spacing, 0.3) @ u.ravel() / 2
    assert energy == pytest.approx(density * np.prod(spacing), rel=1e-13)


def test_elasticity_pulls_a_bar_as_young_and_poisson_say():
    strain = np.linalg.solve(elasticity(0.3), [1.0, 0, 0, 0, 0, 0])
    assert strain[:3] == pytest.approx([1, -0.3, -0.3])
    assert np.linalg.solve(elasticity(0.3), [0, 0, 0, 1.0, 0, 0])[3] == pytest.approx(2.6)


GRAINED = TransverselyIsotropic(0.4, 0.2, 0.3, 0.25)


def test_a_grained_solid_answers_a_pull_along_and_across_its_axis_as_its_constants_say():
    law = elasticity(GRAINED)
    along = np.linalg.solve(law, [0, 0, 1.0, 0, 0, 0])
    assert along[:3] == pytest.approx([-0.3, -0.3, 1])
    across = np.linalg.solve(law, [1.0, 0, 0, 0, 0, 0])
    assert across[:3] == pytest.approx([1 / 0.4, -0.25 / 0.4, -0.3])
    shears = [np.linalg.solve(law, np.eye(6)[row])[row] for row in (3, 4, 5)]
    assert shears == pytest.approx([2 * 1.25 / 0.4, 1 / 0.2, 1 / 0.2])


def test_a_grained_solid_with_equal_constants_is_the_isotropic_one():
    same = TransverselyIsotropic(1.0, 1 / 2.6, 0.3, 0.3)
    np.testing.assert_allclose(elasticity(same), elasticity(0.3), rtol=1e-12)
    lam, mu = lame(0.3)
    assert elasticity(0.3)[0, :4] == pytest.approx([lam + 2 * mu, lam, lam, 0])


@pytest.mark.parametrize(
    ("constants", "physical"),
    [
        ((0.4, 0.2, 0.3, 0.25), True),
        ((0.4, 0.2, 1.1, 0.25), False),  # 1 - nu_xy - 2 nu_zx^2 E_x / E_z < 0
        ((0.4, -0.2, 0.3, 0.25), False),
        ((0.4, 0.2, 0.3, -1.0), False),
        ((np.nan, 0.2, 0.3, 0.25), False),
    ],
)
def test_constants_that_give_energy_away_are_known(constants, physical):
    assert is_physical(TransverselyIsotropic(*constants)) is physical


@pytest.mark.parametrize("material", [0.3, GRAINED])
@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_modal_form_keeps_45_entries_and_the_table_holds_them(spacing, material):
    modes = np.array(
        [[np.prod(sign[[axis for axis in range(3) if m >> axis & 1]]) for sign in corner_signs()] for m in range(8)]
    )
    basis = np.kron(modes, np.eye(3))
    modal = basis @ stiffness(spacing, material) @ basis.T / 64
    modal[abs(modal) < 1e-12 * abs(modal).max()] = 0
    assert np.count_nonzero(modal) == 45
    table = modal_coefficients(spacing, material)
    at = lambda mode, component: 3 * mode + component  # noqa: E731
    for axis in range(3):
        for component in range(3):
            here = at(1 << axis, component)
            assert modal[here, here] == pytest.approx(table[3 * axis + component], rel=1e-12)
    for pair, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        assert modal[at(1 << i, i), at(1 << j, j)] == pytest.approx(table[9 + 2 * pair], rel=1e-12)
        assert modal[at(1 << j, i), at(1 << i, j)] == pytest.approx(table[10 + 2 * pair], rel=1e-12)
