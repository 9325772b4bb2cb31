"""Rigid caps against the theory of bars: eccentric compression (Navier) and torsion (Saint-Venant)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import model_of, porous
from spondyl.core.errors import ModelError
from spondyl.mechanics.loading import axial, carry, eccentric, end_faces, solve_free, torsion
from spondyl.mechanics.solve import solve

E = 1000.0


def bar(shape, spacing_mm):
    return np.full(shape, E), spacing_mm


def test_eccentric_compression_of_a_bar_is_navier_bending_and_axial():
    """Between sliding faces the exact stress is linear, and trilinear elements with linear strain are nearly exact."""
    modulus, spacing = bar((8, 6, 20), (1.0, 1.5, 1.0))
    offset_x, offset_y = 1.0, -0.8
    held, down, tilts = eccentric(end_faces(modulus), spacing, through_mm=(4 + offset_x, 4.5 + offset_y), bonded=False)
    model = replace(model_of(modulus, spacing), held=held, displacement_mm=0.1 * down)
    solution, tilt = solve_free(model, tilts)
    force = solution.reaction_n[2, :, :, -1].sum()
    length, area, about_x, about_y = 20, 8 * 9, 8 * 9**3 / 12, 9 * 8**3 / 12
    # shortening at the point of the force = F L / E (1 / A + ex^2 / Iy + ey^2 / Ix)
    compliance = length / E * (1 / area + offset_x**2 / about_y + offset_y**2 / about_x)
    assert force == pytest.approx(-0.1 / compliance, rel=0.01)
    assert tilt[0] == pytest.approx(force * offset_y * length / (E * about_x), rel=0.02)
    assert tilt[1] == pytest.approx(-force * offset_x * length / (E * about_y), rel=0.02)


@pytest.mark.parametrize("bonded", [False, True])
def test_resultant_passes_through_the_point(bonded):
    modulus = porous((9, 8, 7), seed=3)
    modulus[:, :, [0, -1]] = 500
    through = (2.5, 5.0)
    held, down, tilts = eccentric(end_faces(modulus), (1.0, 1.0, 1.0), through_mm=through, bonded=bonded)
    model = replace(model_of(modulus), held=held, displacement_mm=0.05 * down)
    solution, _ = solve_free(model, tilts, tolerance=1e-9)
    top = solution.reaction_n[2, :, :, -1]
    x, y = np.meshgrid(np.arange(10.0), np.arange(9.0), indexing="ij")
    assert (top * x).sum() / top.sum() == pytest.approx(through[0], abs=1e-6)
    assert (top * y).sum() / top.sum() == pytest.approx(through[1], abs=1e-6)


def test_torsion_of_a_square_bar():
    """Saint-Venant's constant of a square is 0.1406 a^4; warping is held at both ends, which a long bar forgets."""
    stiffness = []
    for layers in (40, 80):
        modulus, spacing = bar((12, 12, layers), (1.0, 1.0, 1.0))
        held, twist, free = torsion(end_faces(modulus), spacing)
        model = replace(model_of(modulus, spacing), held=held, displacement_mm=0.01 * twist)
        solution, _ = solve_free(model, free)
        stiffness.append(0.01 / np.sum(solution.reaction_n * twist))
    per_mm = (stiffness[1] - stiffness[0]) / 40  # the ends' share drops out
    shear = E / (2 * 1.3)
    assert 1 / per_mm == pytest.approx(shear * 0.1406 * 12**4, rel=0.02)


def test_torsion_with_free_lift_carries_no_axial_force():
    modulus = porous((8, 8, 8), seed=5)
    modulus[:, :, [0, -1]] = 500
    held, twist, free = torsion(end_faces(modulus), (1.0, 1.0, 1.0))
    model = replace(model_of(modulus), held=held, displacement_mm=0.01 * twist)
    lifted, amplitude = solve_free(model, free, tolerance=1e-9)
    kept = solve(model, tolerance=1e-9)
    assert abs(amplitude[0]) > 0
    assert abs(lifted.reaction_n[2, :, :, -1].sum()) < 1e-6 * abs(kept.reaction_n).max()
    assert abs(kept.reaction_n[2, :, :, -1].sum()) > 1e-3 * abs(kept.reaction_n).max()


@pytest.mark.parametrize("bonded", [False, True])
def test_carry_gives_the_asked_resultant(bonded):
    modulus = porous((9, 8, 7), seed=1)
    modulus[:, :, [0, -1]] = 500
    held, _ = axial(end_faces(modulus), (1.0, 1.0, 1.5), bonded=bonded)
    model = replace(model_of(modulus, (1.0, 1.0, 1.5)), held=held)
    force = (3.0, -2.0, -100.0) if bonded else (0.0, 0.0, -100.0)
    moment = (150.0, -80.0, 40.0 if bonded else 0.0)
    about = (4.0, 3.0, 10.5)
    carried = carry(model, end_faces(modulus), force_n=force, moment_nmm=moment, about_mm=about)
    top = carried.solution.reaction_n[:, :, :, -1].reshape(3, -1).T
    x, y = np.meshgrid(np.arange(10.0), np.arange(9.0), indexing="ij")
    place = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 10.5)])
    np.testing.assert_allclose(top.sum(axis=0), force, atol=1e-3)
    np.testing.assert_allclose(np.cross(place - np.array(about), top).sum(axis=0), moment, atol=1e-2)
    again = solve(replace(model, displacement_mm=carried.solution.displacement_mm))
    np.testing.assert_allclose(again.reaction_n, carried.solution.reaction_n, atol=1e-3)


def test_carry_by_a_central_force_is_plain_compression():
    modulus, spacing = bar((6, 6, 10), (1.0, 1.0, 1.0))
    held, _ = axial(end_faces(modulus), spacing, bonded=False)
    carried = carry(
        replace(model_of(modulus, spacing), held=held),
        end_faces(modulus),
        force_n=(0, 0, -360.0),
        about_mm=end_faces(modulus).upper_centre_mm(spacing),
    )
    assert carried.shift_mm[2] == pytest.approx(-360 / 36 / E * 10, rel=1e-6)
    np.testing.assert_allclose(carried.turn_rad, 0, atol=1e-8)


def test_sliding_faces_refuse_a_torque():
    modulus, spacing = bar((4, 4, 4), (1.0, 1.0, 1.0))
    held, _ = axial(end_faces(modulus), spacing, bonded=False)
    with pytest.raises(ModelError, match="sliding faces"):
        carry(
            replace(model_of(modulus, spacing), held=held),
            end_faces(modulus),
            force_n=(0, 0, -1),
            moment_nmm=(0, 0, 1),
            about_mm=(2, 2, 4),
        )


def test_patterns_that_are_none_are_refused():
    modulus, spacing = bar((4, 4, 4), (1.0, 1.0, 1.0))
    held, down, tilts = eccentric(end_faces(modulus), spacing, through_mm=(2, 2), bonded=False)
    model = replace(model_of(modulus, spacing), held=held, displacement_mm=down)
    with pytest.raises(ModelError, match="depend on one another"):
        solve_free(model, (tilts[0], tilts[0]))
    with pytest.raises(ModelError, match="not held"):
        solve_free(model, (np.ones_like(down),))


def test_an_empty_face_is_refused():
    modulus = np.full((3, 3, 3), E)
    modulus[:, :, -1] = 0
    with pytest.raises(ModelError, match="empty"):
        axial(end_faces(modulus), (1.0, 1.0, 1.0), bonded=True)
