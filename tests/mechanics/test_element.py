"""The hexahedron against continuum theory, and its sparse modal form against the textbook matrix."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.mechanics.element import corner_signs, elasticity, modal_coefficients, stiffness

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


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_modal_form_keeps_45_entries_and_the_table_holds_them(spacing):
    modes = np.array(
        [[np.prod(sign[[axis for axis in range(3) if m >> axis & 1]]) for sign in corner_signs()] for m in range(8)]
    )
    basis = np.kron(modes, np.eye(3))
    modal = basis @ stiffness(spacing, 0.3) @ basis.T / 64
    modal[abs(modal) < 1e-12 * abs(modal).max()] = 0
    assert np.count_nonzero(modal) == 45
    table = modal_coefficients(spacing, 0.3)
    at = lambda mode, component: 3 * mode + component  # noqa: E731
    for axis in range(3):
        for component in range(3):
            here = at(1 << axis, component)
            assert modal[here, here] == pytest.approx(table[3 * axis + component], rel=1e-12)
    for pair, (i, j) in enumerate(((0, 1), (0, 2), (1, 2))):
        assert modal[at(1 << i, i), at(1 << j, j)] == pytest.approx(table[9 + 2 * pair], rel=1e-12)
        assert modal[at(1 << j, i), at(1 << i, j)] == pytest.approx(table[10 + 2 * pair], rel=1e-12)
