"""Multigrid levels that follow yielding, against levels made anew and the tangent itself."""

from __future__ import annotations

import numpy as np

from mechanics.models import cylinder, pressed
from spondyl.mechanics.compiled import ALONE
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.multigrid import hierarchy
from spondyl.mechanics.plasticity import Plasticity, body
from spondyl.mechanics.softened import soften, stiffness_share
from spondyl.mechanics.solve import to_vector


def pressed_body(strain):
    """A cylinder shortened evenly by `strain` at its volume, its levels, and its moduli [z, y, x]."""
    model = pressed(cylinder(3.0), (3.0,) * 3, bonded=True)
    modulus = np.ascontiguousarray(model.modulus_mpa.T)
    grid = lattice(modulus > 0)
    stress = 0.0085 * np.where(model.modulus_mpa > 0, model.modulus_mpa, 1.0)
    solid = body(grid, model, Plasticity(stress, 0.7 * stress))
    u = np.zeros_like(model.displacement_mm)
    u[0] = 0.5 * strain * 3.0 * np.arange(u.shape[1])[:, None, None]
    u[1] = 0.5 * strain * 3.0 * np.arange(u.shape[2])[:, None]
    u[2] = -strain * 3.0 * np.arange(u.shape[3])
    vector = to_vector(grid, u)
    solid.internal_force(vector, np.zeros_like(vector))
    held = model.held.transpose(0, 3, 2, 1)

    def levels(moduli):
        return hierarchy(grid, moduli, model.spacing_mm, model.poisson_ratio, held)

    return solid, levels, modulus


def test_without_yielding_nothing_changes():
    solid, levels, modulus = pressed_body(0.001)
    kept, fresh = levels(modulus), levels(modulus)
    np.testing.assert_array_equal(stiffness_share(solid), 1)
    soften(kept, solid, ALONE)
    for name in ("modulus", "inverse_diagonal", "inverse"):
        np.testing.assert_array_equal(getattr(kept.packed, name), getattr(fresh.packed, name))


def test_softened_levels_are_those_of_a_softer_body():
    solid, levels, modulus = pressed_body(0.03)
    kept = levels(modulus)
    soften(kept, solid, ALONE)
    softer = np.zeros(modulus.shape)
    softer[solid.grid.active] = solid.modulus * stiffness_share(solid)
    fresh = levels(softer)
    for name in ("modulus", "inverse_diagonal"):
        np.testing.assert_allclose(getattr(kept.packed, name), getattr(fresh.packed, name), rtol=1e-6)


def test_the_share_lies_between_nothing_and_all_and_falls_with_the_strain():
    mild, severe = (stiffness_share(pressed_body(strain)[0]) for strain in (0.012, 0.04))
    assert (mild > 0).all()
    assert (severe > 0).all()
    assert severe.mean() < mild.mean() < 1
