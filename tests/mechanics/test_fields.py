"""Strain, stress and energy of each element against theory and against the work of the loads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import model_of, node_places, porous, pressed
from spondyl.mechanics.element import elasticity
from spondyl.mechanics.fields import fields, strain_energy_density
from spondyl.mechanics.solve import solve
from spondyl.values.voxel_model import TransverselyIsotropic

BONE = TransverselyIsotropic(0.4, 0.2, 0.3, 0.25)


def strained(gradient, grained):
    shape, spacing = (5, 4, 3), (0.7, 1.0, 1.6)
    model = model_of(np.full(shape, 700.0), spacing)
    model.held[:] = True
    model.displacement_mm[:] = np.tensordot(gradient, node_places(shape, spacing), 1)
    if grained:
        model = replace(model, material=np.ones(shape, np.uint8), grained=(BONE,))
    return model


@pytest.mark.parametrize("grained", [False, True])
def test_uniform_strain_has_the_stress_and_energy_of_the_continuum(grained):
    gradient = np.random.default_rng(0).standard_normal((3, 3)) * 0.01
    model = strained(gradient, grained)
    solution = solve(model)
    found = fields(model, solution)
    g = gradient
    strain = np.array([g[0, 0], g[1, 1], g[2, 2], g[0, 1] + g[1, 0], g[1, 2] + g[2, 1], g[2, 0] + g[0, 2]])
    stress = 700.0 * elasticity(BONE if grained else 0.3) @ strain
    np.testing.assert_allclose(np.moveaxis(found.strain, 0, 3), np.broadcast_to(strain, (5, 4, 3, 6)), rtol=1e-5)
    np.testing.assert_allclose(np.moveaxis(found.stress_mpa, 0, 3), np.broadcast_to(stress, (5, 4, 3, 6)), rtol=1e-5)
    np.testing.assert_allclose(strain_energy_density(model, solution), strain @ stress / 2, rtol=1e-12)


def test_all_energy_is_the_work_of_the_supports():
    model = pressed(porous((9, 8, 10), 3), (0.7, 1.0, 1.6), bonded=True)
    material = np.random.default_rng(0).integers(0, 2, model.modulus_mpa.shape).astype(np.uint8)
    model = replace(model, material=material, grained=(BONE,))
    solution = solve(model, tolerance=1e-10)
    work = (solution.reaction_n * solution.displacement_mm).sum() / 2
    stored = strain_energy_density(model, solution).sum() * 0.7 * 1.0 * 1.6
    assert stored == pytest.approx(work, rel=1e-9)


def test_voids_hold_nothing_and_threads_change_nothing():
    model = pressed(porous((9, 8, 10), 3))
    solution = solve(model)
    void = model.modulus_mpa == 0
    one, two = (fields(model, solution, threads=threads) for threads in (1, 2))
    assert not one.strain[:, void].any()
    assert not strain_energy_density(model, solution)[void].any()
    assert one.stress_mpa.tobytes() == two.stress_mpa.tobytes()
