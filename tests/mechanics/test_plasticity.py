"""One yielding element against the closed answers, the tangent against differences, energy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import model_of, node_places
from mechanics.plasticity_reference import Material
from spondyl.core.errors import ModelError
from spondyl.mechanics import plasticity as module
from spondyl.mechanics.curve import load_curve
from spondyl.mechanics.element import elasticity
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.plasticity import Plasticity, body, check_plasticity
from spondyl.mechanics.solve import to_vector
from spondyl.values.voxel_model import TransverselyIsotropic

E, NU = 1000.0, 0.3
COMPRESSION, TENSION = 8.0, 5.0


def one(residual=1.0, softening_strain=np.inf, compression=COMPRESSION, tension=TENSION, spacing=(1.0, 1.0, 1.0)):
    modulus = np.full((1, 1, 1), E)
    yields = Plasticity(
        np.full(modulus.shape, compression), np.full(modulus.shape, tension), residual, softening_strain
    )
    return model_of(modulus, spacing, NU), yields


def deformed(model, gradient):
    """Kernel vector of the displacement gradient (3, 3)."""
    grid = lattice(model.modulus_mpa.T > 0)
    field = np.einsum("ij,jxyz->ixyz", gradient, node_places(model.modulus_mpa.shape, model.spacing_mm))
    return to_vector(grid, field)


def path_stress(model, yields, gradients):
    """Stress (xx, yy, zz, xy, yz, zx) after each displacement gradient, from the nodal forces; and the states."""
    solid = body(lattice(model.modulus_mpa.T > 0), model, yields)
    places = node_places((1, 1, 1), model.spacing_mm)
    volume = np.prod(model.spacing_mm)
    stresses, states = [], []
    for gradient in gradients:
        u = deformed(model, gradient)
        force = np.zeros_like(u)
        solid.internal_force(u, force)
        solid.accept()
        states.append(solid.before[:, 0].copy())
        nodal = [force[axis * solid.grid.stride + solid.grid.node.T] for axis in range(3)]
        virial = np.einsum("ixyz,jxyz->ij", np.array(nodal), places) / volume
        stresses.append([virial[0, 0], virial[1, 1], virial[2, 2], virial[0, 1], virial[1, 2], virial[2, 0]])
    return np.array(stresses), np.array(states)


def uniaxial(residual, softening_strain, strain):
    """Stress of a free bar pulled or pressed to `strain`, by the curve of one element."""
    model, yields = one(residual, softening_strain)
    model.held[2, :, :, [0, -1]] = True
    model.displacement_mm[2, :, :, -1] = strain
    curve = load_curve(model, yields, steps=np.linspace(0, 1, 11)[1:], stop_below_peak=None, tolerance=1e-5)
    return curve.load_factor * strain, curve.force_n[:, 2]


@pytest.mark.parametrize(("sign", "limit"), [(-1, COMPRESSION), (1, TENSION)])
def test_a_free_element_yields_at_its_uniaxial_stress(sign, limit):
    strain, stress = uniaxial(1.0, np.inf, sign * 0.03)
    np.testing.assert_allclose(stress, sign * np.minimum(E * np.abs(strain), limit), rtol=2e-3)


def test_softening_in_compression_falls_by_the_strain_it_is_given():
    """The softening strain is the plastic strain of an axial test in compression at which the residual is reached."""
    strain, stress = uniaxial(0.5, 0.02, -0.04)
    plastic = -strain - np.abs(stress) / E
    after = plastic > 1e-6
    expected = COMPRESSION * np.maximum(1 - 0.5 * plastic / 0.02, 0.5)
    assert after.sum() >= 7
    np.testing.assert_allclose(-stress[after], expected[after], rtol=3e-3)


def test_pure_shear_with_equal_yield_stresses_is_von_mises():
    model, yields = one(compression=6.0, tension=6.0)
    gradient = np.zeros((3, 3))
    gradient[0, 1] = 0.05
    stress, _ = path_stress(model, yields, [gradient])
    np.testing.assert_allclose(stress[0], [0, 0, 0, 6 / np.sqrt(3), 0, 0], atol=1e-9)


def test_hydrostatic_tension_goes_to_the_apex():
    """All of the cone's pull: k / (3 a) in each direction, and no shear is left there."""
    model, yields = one()
    gradient = 0.03 * np.eye(3)
    gradient[0, 1] = 0.002
    stress, _ = path_stress(model, yields, [gradient])
    a, k = 3 / 13, 2 * COMPRESSION * TENSION / 13
    np.testing.assert_allclose(stress[0], [k / (3 * a)] * 3 + [0] * 3, rtol=1e-9, atol=1e-9)


def test_hydrostatic_compression_never_yields():
    model, yields = one()
    stress, states = path_stress(model, yields, [-0.1 * np.eye(3)])
    assert not states.any()
    np.testing.assert_allclose(stress[0, :3], -0.1 * E / (1 - 2 * NU), rtol=1e-12)


@pytest.mark.parametrize(("residual", "softening_strain"), [(1.0, np.inf), (0.3, 0.03)])
@pytest.mark.parametrize("seed", range(4))
def test_mixed_paths_agree_with_a_return_by_bisection(residual, softening_strain, seed):
    rng = np.random.default_rng(seed)
    model, yields = one(residual, softening_strain, spacing=(1.25, 0.8, 1.0))
    gradients = np.cumsum(rng.standard_normal((8, 3, 3)) * 0.006, axis=0)
    stress, states = path_stress(model, yields, gradients)
    material = Material(np.full(1, E), NU, np.full(1, COMPRESSION), np.full(1, TENSION), residual, softening_strain)
    plastic, equivalent = np.zeros((1, 6)), np.zeros(1)
    for gradient, found, state in zip(gradients, stress, states, strict=True):
        xx, yy, zz = np.diag(gradient)
        xy, yz, zx = (gradient[i, j] + gradient[j, i] for i, j in ((0, 1), (1, 2), (2, 0)))
        expected, plastic, equivalent = material.update(np.array([[xx, yy, zz, xy, yz, zx]]), plastic, equivalent)
        np.testing.assert_allclose(found, expected[0], rtol=1e-8, atol=1e-8)
        assert state[-1] == pytest.approx(equivalent[0], rel=1e-8, abs=1e-12)
    assert equivalent[0] > 0


def test_the_stress_stays_on_or_inside_the_surface_and_work_is_lost_only_by_flow():
    """Work done = energy stored + yield strength times flow, in the limit of small steps."""
    model, yields = one()
    rng = np.random.default_rng(7)
    moves = rng.standard_normal((3, 3, 3)) * 0.02
    moves -= np.trace(moves, axis1=1, axis2=2)[:, None, None] / 3 * np.eye(3)
    path = np.cumsum(np.repeat(moves / 400, 400, axis=0), axis=0)
    stress, states = path_stress(model, yields, path)
    a, k = 3 / 13, 2 * COMPRESSION * TENSION / 13
    i1 = stress[:, :3].sum(axis=1)
    deviator = stress - i1[:, None] / 3 * np.array([1, 1, 1, 0, 0, 0])
    q = np.sqrt(1.5 * (deviator**2 @ np.array([1, 1, 1, 2, 2, 2])))
    assert (q + a * i1 - k).max() < 1e-9
    symmetric = (path + path.transpose(0, 2, 1)) / 2
    strain = np.array([[e[0, 0], e[1, 1], e[2, 2], 2 * e[0, 1], 2 * e[1, 2], 2 * e[2, 0]] for e in symmetric])
    middle = (stress[1:] + stress[:-1]) / 2
    work = np.sum(middle * np.diff(strain, axis=0))
    stored = stress[-1] @ np.linalg.inv(E * elasticity(NU)) @ stress[-1] / 2
    flow = states[-1, -1] / (1 - a)
    assert flow > 0.01
    assert work == pytest.approx(stored + k * flow, rel=5e-3)


def test_the_tangent_is_the_derivative_and_symmetric(monkeypatch):
    monkeypatch.setattr(module, "TANGENT_KEPT", 1.0)
    model, yields = one(spacing=(1.25, 0.8, 1.0))
    solid = body(lattice(model.modulus_mpa.T > 0), model, yields)
    rng = np.random.default_rng(1)
    gradient = rng.standard_normal((3, 3)) * 0.03 - 0.02 * np.eye(3)
    u = deformed(model, gradient)
    changes = [deformed(model, rng.standard_normal((3, 3))) for _ in range(2)]
    high, low = np.zeros_like(u), np.zeros_like(u)
    products = []
    for change in changes:
        solid.internal_force(u + 1e-7 * change, high)
        solid.internal_force(u - 1e-7 * change, low)
        solid.internal_force(u, np.zeros_like(u))
        assert solid.after[-1, 0] > 0
        product = np.zeros(len(u), np.float32)
        solid.apply_tangent(change.astype(np.float32), product)
        expected = (high - low) / 2e-7
        np.testing.assert_allclose(product, expected, atol=1e-5 * abs(expected).max())
        products.append(product.astype(float))
    assert changes[0] @ products[1] == pytest.approx(changes[1] @ products[0], rel=1e-5)


def test_what_never_yields_is_the_elastic_element():
    model, yields = one(compression=np.inf, tension=np.inf, residual=0.5, softening_strain=0.05)
    gradient = np.random.default_rng(2).standard_normal((3, 3))
    stress, states = path_stress(model, yields, [gradient])
    xx, yy, zz = np.diag(gradient)
    shears = [gradient[i, j] + gradient[j, i] for i, j in ((0, 1), (1, 2), (2, 0))]
    np.testing.assert_allclose(stress[0], E * elasticity(NU) @ [xx, yy, zz, *shears], rtol=1e-12)
    assert not states.any()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"compression_mpa": np.ones((2, 1, 1))}, "shape"),
        ({"compression_mpa": np.zeros((1, 1, 1))}, "positive"),
        ({"tension_mpa": np.full((1, 1, 1), np.nan)}, "positive"),
        ({"tension_mpa": np.full((1, 1, 1), np.inf)}, "one direction"),
        ({"residual_share": 1.5}, "residual share"),
        ({"softening_strain": 0.0}, "softening strain"),
    ],
)
def test_yield_stresses_that_do_not_fit_are_refused(change, message):
    model, yields = one()
    with pytest.raises(ModelError, match=message):
        check_plasticity(model, replace(yields, **change))


def test_grained_materials_are_refused():
    model, yields = one()
    grain = TransverselyIsotropic(0.5, 0.2, 0.3, 0.3)
    model = replace(model, material=np.zeros((1, 1, 1), np.uint8), grained=(grain,))
    with pytest.raises(ModelError, match="grained"):
        check_plasticity(model, yields)


def test_softening_so_steep_that_an_element_snaps_back_is_refused():
    model, yields = one(0.0, 0.002, spacing=(3.0, 3.0, 3.0))
    with pytest.raises(ModelError, match="too steep"):
        body(lattice(model.modulus_mpa.T > 0), model, yields)
