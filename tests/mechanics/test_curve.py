"""The load curve against limit loads, plastic moments, eight-point integration, another program and itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import cylinder, model_of, pressed
from mechanics.plasticity_reference import reference_curve
from spondyl.core.errors import ModelError
from spondyl.mechanics.curve import FORCE_TOLERANCE, CurveStatus, load_curve
from spondyl.mechanics.loading import eccentric, end_faces
from spondyl.mechanics.plasticity import Plasticity
from spondyl.mechanics.solve import solve

TEN = np.linspace(0, 1, 11)[1:]


def yielding(modulus, strain=0.0085, asymmetry=1.0, residual=1.0, softening_strain=np.inf):
    modulus = np.where(modulus > 0, modulus, 1.0)
    return Plasticity(strain * modulus, asymmetry * strain * modulus, residual, softening_strain)


def holed_block(repeat=1, contrast=0.0):
    """8 mm cube with a hole in the middle; the same body at any `repeat`, of moduli that differ by `contrast`."""
    at = (np.arange(6) + 0.5) / 6 - 0.5
    x, y, z = np.meshgrid(at, at, at, indexing="ij")
    modulus = 1000 * np.exp(contrast * np.random.default_rng(0).standard_normal(x.shape))
    modulus[x**2 + y**2 + z**2 < 0.09] = 0
    for axis in range(3):
        modulus = modulus.repeat(repeat, axis)
    return modulus, (8 / 6 / repeat,) * 3


def eighth(repeat, strain, contrast=0.0):
    """An eighth of the holed block between its planes of symmetry and a bonded upper face that is pressed down."""
    whole, spacing = holed_block(repeat, contrast)
    modulus = np.ascontiguousarray(whole[3 * repeat :, 3 * repeat :, 3 * repeat :])
    model = model_of(modulus, spacing)
    model.held[0, 0] = model.held[1, :, 0] = model.held[2, :, :, 0] = True
    model.held[:, :, :, -1] = True
    model.displacement_mm[2, :, :, -1] = -strain * 4
    return model


def test_the_linear_range_equals_solve():
    model = pressed(cylinder(2.0), (2.0,) * 3, bonded=True, strain=0.002)
    curve = load_curve(model, yielding(model.modulus_mpa, np.inf), steps=[0.25, 1.0], stop_below_peak=None)
    linear = solve(model)
    assert curve.status is CurveStatus.COMPLETE
    force = linear.reaction_n[:, :, :, -1].sum(axis=(1, 2))
    np.testing.assert_allclose(curve.force_n[:, 2], np.array([0, 0.25, 1]) * force[2], rtol=1e-5)
    scale = abs(linear.displacement_mm).max()
    np.testing.assert_allclose(curve.displacement_mm, linear.displacement_mm, atol=1e-3 * scale)
    assert not curve.yielded_share.any()
    assert not curve.peak_plastic_strain.any()


def test_limit_load_of_a_bar_is_the_sum_of_yield_stress_times_area():
    """Columns of different strength side by side, free to slide: each takes its own yield stress."""
    rng = np.random.default_rng(4)
    modulus = np.full((6, 5, 8), 1000.0)
    stress = np.broadcast_to(rng.uniform(4, 9, (6, 5, 1)), modulus.shape).copy()
    model = replace(pressed(modulus, (1.0, 0.8, 1.2), strain=0.03), poisson_ratio=0.0)
    curve = load_curve(model, Plasticity(stress, stress), steps=TEN, stop_below_peak=None)
    # Side by side, columns hinder each other's widening as they flow, so the bound is reached from above by little.
    assert -curve.force_n[-1, 2] == pytest.approx(stress[:, :, 0].sum() * 0.8, rel=0.01)
    assert curve.yielded_share[-1] == 1


@pytest.mark.parametrize("layers", [16, 24])
def test_plastic_moment_of_a_thick_beam(layers):
    """Pure bending by opposite turns of the ends: M = 1.5 times the moment at first yield (shape factor of a box)."""
    height, width, length = 8.0, 2.0, 10.0
    spacing = (height / layers, 1.0, 1.0)
    modulus = np.full((layers, 2, 10), 1000.0)
    model = replace(model_of(modulus, spacing), poisson_ratio=0.0)
    model.held[2, :, :, [0, -1]] = True
    x = np.arange(layers + 1) * spacing[0] - height / 2
    first_yield = 0.005 * length / (height / 2)  # turn of one end against the other
    model.displacement_mm[2, :, :, -1] = 8 * first_yield * x[:, None]
    curve = load_curve(model, yielding(modulus, 0.005), steps=TEN, about_mm=(height / 2, 1, 10), stop_below_peak=None)
    elastic_moment = 0.005 * 1000 * width * height**2 / 6
    # at 8 times first yield the elastic core leaves 1 - 1 / (3 * 64) of the plastic moment
    expected = 1.5 * elastic_moment * (1 - 1 / (3 * 8**2))
    assert abs(curve.moment_nmm[-1, 1]) == pytest.approx(expected, rel=0.02)
    assert abs(curve.force_n[-1, 2]) < 1e-3 * elastic_moment / height


@pytest.mark.parametrize(("asymmetry", "residual", "softening_strain"), [(1.0, 1.0, np.inf), (0.6, 0.8, 0.1)])
def test_a_block_with_a_hole_against_eight_point_integration(asymmetry, residual, softening_strain):
    """Without locking (B-bar); plain 2x2x2 points lie above both once much has yielded and converge to them."""
    model = eighth(3, 0.02)
    yields = yielding(model.modulus_mpa, 0.0085, asymmetry, residual, softening_strain)
    curve = load_curve(model, yields, steps=TEN, stop_below_peak=None)
    expected = reference_curve(model, yields, TEN, b_bar=True, tolerance=1e-4)
    np.testing.assert_allclose(curve.load_factor[1:], TEN)
    np.testing.assert_allclose(curve.force_n[1:, 2], expected[:, 2], rtol=0.02)


def test_coarse_voxels_of_mixed_bone_overestimate_the_strength_by_little():
    """Same body at half the voxel size: strength falls, and by less at each halving."""
    forces = []
    for repeat in (1, 2, 4):
        modulus, spacing = holed_block(repeat, contrast=0.4)
        model = pressed(modulus, spacing, bonded=True, strain=0.02)
        curve = load_curve(model, yielding(modulus), steps=np.linspace(0, 1, 6)[1:], stop_below_peak=None)
        forces.append(-curve.force_n[-1, 2])
    assert forces[0] > forces[1] > forces[2]
    assert forces[1] - forces[2] < forces[0] - forces[1]


@pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not on PATH")
def test_a_mixed_block_against_calculix(tmp_path):
    """Von Mises, perfectly plastic, C3D8; equal increments; up to 1.2 % strain, beyond which C3D8 locks by over 2 %."""
    model = eighth(4, 0.012, contrast=0.3)
    steps = np.linspace(0, 1, 6)[1:]
    curve = load_curve(model, yielding(model.modulus_mpa), steps=steps, stop_below_peak=None)
    expected = calculix_curve(model, 0.0085, len(steps), tmp_path)
    np.testing.assert_allclose(curve.force_n[1:, 2], expected, rtol=0.02)


def calculix_curve(model, yield_strain, increments, folder):
    """Force along z on the upper face after each increment, by ccx."""
    solid = np.argwhere(model.modulus_mpa > 0)
    shape = model.held.shape[1:]
    order = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]])
    corner = np.ravel_multi_index(np.moveaxis(solid[:, None, :] + order, 2, 0), shape)
    used = np.unique(corner)
    place = np.column_stack(np.unravel_index(used, shape)) * np.array(model.spacing_mm)
    lines = ["*NODE, NSET=ALL", *(f"{n + 1},{x:.9g},{y:.9g},{z:.9g}" for n, (x, y, z) in zip(used, place, strict=True))]
    values, material = np.unique(model.modulus_mpa[tuple(solid.T)], return_inverse=True)
    for number, value in enumerate(values):
        lines.append(f"*ELEMENT, TYPE=C3D8, ELSET=E{number}")
        for element in np.flatnonzero(material == number):
            lines.append(",".join(str(n) for n in [element + 1, *(corner[element] + 1)]))
        lines += [f"*MATERIAL, NAME=M{number}", "*ELASTIC", f"{value:.9g},{model.poisson_ratio}"]
        lines += ["*PLASTIC", f"{value * yield_strain:.9g},0.", f"*SOLID SECTION, ELSET=E{number}, MATERIAL=M{number}"]
    upper = used[np.unravel_index(used, shape)[2] == shape[2] - 1] + 1
    lines += [
        "*NSET, NSET=UPPER",
        *(f"{n}," for n in upper),
        "*STEP, INC=1000",
        "*STATIC, DIRECT",
        f"{1 / increments},1.",
    ]
    lines.append("*BOUNDARY")
    for axis in range(3):
        held = model.held[axis].ravel()[used]
        moved = model.displacement_mm[axis].ravel()[used]
        lines += [f"{n + 1},{axis + 1},{axis + 1},{u:.9g}" for n, u in zip(used[held], moved[held], strict=True)]
    lines += ["*NODE PRINT, NSET=UPPER, TOTALS=ONLY", "RF", "*END STEP"]
    (folder / "block.inp").write_text("\n".join(lines) + "\n", encoding="ascii")
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(["ccx", "block"], cwd=folder, env=environment, check=True, capture_output=True, timeout=120)
    rows = [line.split() for line in (folder / "block.dat").read_text().splitlines()]
    return np.array([float(row[2]) for row in rows if len(row) == 3 and "E" in row[2]])


def test_balance_and_work():
    """Forces on both faces are equal and opposite in every row, and all work is positive."""
    modulus, spacing = holed_block()
    model = pressed(modulus, spacing, bonded=True, strain=0.03)
    curve = load_curve(model, yielding(modulus, asymmetry=0.7), steps=TEN, stop_below_peak=None, tolerance=1e-3)
    assert (curve.residual <= 1e-3).all()
    assert (np.diff(curve.yielded_share) >= 0).all()
    shortening = -model.displacement_mm[2].min()
    np.testing.assert_allclose(curve.work_rate_nmm, -curve.force_n[:, 2] * shortening, rtol=1e-9)


def test_the_force_is_far_more_exact_than_the_tolerance():
    modulus, spacing = holed_block(1, contrast=0.4)
    model = pressed(modulus, spacing, bonded=True, strain=0.03)
    rough, exact = (
        load_curve(model, yielding(modulus), steps=TEN, stop_below_peak=None, **options)
        for options in ({}, {"tolerance": 1e-5})
    )
    np.testing.assert_allclose(rough.force_n[:, 2], exact.force_n[:, 2], rtol=3e-3)


def test_softening_has_a_peak_and_the_walk_stops_beyond_it():
    modulus, spacing = holed_block()
    model = pressed(modulus, spacing, bonded=True, strain=0.06)
    yields = yielding(modulus, residual=0.3, softening_strain=0.05)
    steps = np.linspace(0, 1, 31)[1:]
    curve = load_curve(model, yields, steps=steps, stop_below_peak=0.95)
    peak = curve.work_rate_nmm.argmax()
    assert curve.status is CurveStatus.COMPLETE
    assert 0 < peak < len(curve.load_factor) - 1
    assert curve.work_rate_nmm[-1] < 0.95 * curve.work_rate_nmm[peak]
    assert curve.load_factor[-1] < 1
    assert curve.peak_plastic_strain.max() > 0
    longer = load_curve(model, yields, steps=steps, stop_below_peak=0.95, never_before=0.8)
    assert longer.load_factor[-1] >= 0.8


def test_a_block_weak_on_one_side_tilts_to_that_side_under_a_central_force():
    modulus = np.full((8, 8, 8), 1000.0)
    stress = np.full(modulus.shape, 8.0)
    stress[:4] = 5.0
    held, down, tilts = eccentric(end_faces(modulus), (1.0, 1.0, 1.0), through_mm=(4, 4), bonded=True)
    model = replace(model_of(modulus), held=held, displacement_mm=0.15 * down)
    curve = load_curve(
        model, Plasticity(stress, stress), steps=TEN, free=tilts, about_mm=(4, 4, 8), stop_below_peak=None
    )
    assert abs(curve.amplitude[1]).max() < 1e-6  # still elastic, and so symmetric
    # the weak side, at small x, sinks: a turn about y by a positive angle lowers large x, so this one is negative
    assert curve.amplitude[-1, 1] < -1e-3
    assert abs(curve.amplitude[-1, 0]) < 1e-3 * abs(curve.amplitude[-1, 1])
    scale = abs(curve.force_n[-1, 2]) * 8
    assert abs(curve.moment_nmm[:, :2]).max() < 1e-3 * scale


def test_eccentric_force_on_a_bar_of_stretched_and_pressed_halves():
    """Limit load under a force at distance e from the middle: q (sqrt(4 e^2 + b^2) - 2 e), q = yield stress * width."""
    breadth, layers, e = 8.0, 16, 1.0
    spacing = (breadth / layers, 1.0, 1.0)
    modulus = np.full((layers, 2, 8), 1000.0)
    held, down, tilts = eccentric(end_faces(modulus), spacing, through_mm=(breadth / 2 + e, 1.0), bonded=False)
    model = replace(model_of(modulus, spacing), held=held, displacement_mm=0.4 * down, poisson_ratio=0.0)
    about = (breadth / 2 + e, 1.0, 8.0)
    curve = load_curve(
        model,
        yielding(modulus, 0.006),
        steps=np.linspace(0, 1, 21)[1:],
        free=tilts,
        about_mm=about,
        stop_below_peak=None,
    )
    limit = 6.0 * 2 * (np.sqrt(4 * e**2 + breadth**2) - 2 * e)
    assert -curve.force_n[-1, 2] == pytest.approx(limit, rel=0.02)
    assert abs(curve.moment_nmm[-1]).max() < 2e-3 * limit * breadth


def test_one_and_two_threads_give_the_same_bits():
    modulus = cylinder(1.0)
    held, down, tilts = eccentric(end_faces(modulus), (1.0,) * 3, through_mm=(26.0, 15.0), bonded=True)
    model = replace(model_of(modulus, (1.0,) * 3), held=held, displacement_mm=0.5 * down)
    yields = yielding(modulus, asymmetry=0.7, residual=0.8, softening_strain=0.1)
    one, two = (load_curve(model, yields, steps=[0.3, 0.6, 1.0], free=tilts, threads=count) for count in (1, 2))
    assert one.yielded_share[-1] > 0.1
    for name in ("force_n", "moment_nmm", "amplitude", "displacement_mm", "peak_plastic_strain"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_progress_is_told_every_step():
    model = pressed(cylinder(4.0), (4.0,) * 3)
    told = []
    load_curve(
        model, yielding(model.modulus_mpa), steps=[0.5, 1.0], progress=lambda at, force: told.append((at, *force))
    )
    assert [row[0] for row in told] == [0.5, 1.0]
    assert all(row[3] < 0 for row in told)


@pytest.mark.parametrize("steps", [[], [0.0, 1.0], [0.5, 0.4], [np.nan]])
def test_steps_that_do_not_grow_are_refused(steps):
    model = pressed(np.ones((2, 2, 2)))
    with pytest.raises(ModelError, match="load steps"):
        load_curve(model, yielding(model.modulus_mpa), steps=steps)


def test_a_model_that_nothing_moves_and_one_with_forces_are_refused():
    model = pressed(np.ones((2, 2, 2)))
    with pytest.raises(ModelError, match="no support moves"):
        load_curve(replace(model, displacement_mm=0 * model.displacement_mm), yielding(model.modulus_mpa), steps=[1])
    with pytest.raises(ModelError, match="nodal forces"):
        load_curve(replace(model, force_n=np.ones_like(model.displacement_mm)), yielding(model.modulus_mpa), steps=[1])


def test_a_free_pattern_that_moves_what_is_not_held_is_refused():
    model = pressed(np.ones((2, 2, 2)))
    with pytest.raises(ModelError, match="not held"):
        load_curve(model, yielding(model.modulus_mpa), steps=[1], free=(np.ones_like(model.displacement_mm),))


def test_a_similar_curve_saves_iterations_and_leaves_the_result():
    modulus, spacing = holed_block(2, contrast=0.4)
    model = pressed(modulus, spacing, bonded=True, strain=0.03)
    known = load_curve(model, yielding(modulus), steps=TEN, stop_below_peak=None, keep_path=True)
    assert len(known.path_mm) == len(known.load_factor)
    yields = yielding(modulus, strain=0.0087, asymmetry=0.95)
    alone = load_curve(model, yields, steps=TEN, stop_below_peak=None)
    led = load_curve(model, yields, steps=TEN, stop_below_peak=None, like=known)
    assert led.iterations < alone.iterations
    assert (led.residual <= FORCE_TOLERANCE).all()
    np.testing.assert_allclose(led.force_n[:, 2], alone.force_n[:, 2], rtol=3e-3)
    assert not led.path_mm


def test_a_curve_on_another_grid_and_one_without_a_path_are_left_aside():
    modulus, spacing = holed_block()
    model = pressed(modulus, spacing, bonded=True, strain=0.03)
    yields = yielding(modulus)
    expected = load_curve(model, yields, steps=TEN)
    larger = pressed(cylinder(4.0), (4.0,) * 3)
    other = load_curve(larger, yielding(larger.modulus_mpa), steps=TEN, keep_path=True)
    for like in (expected, other):
        np.testing.assert_array_equal(load_curve(model, yields, steps=TEN, like=like).force_n, expected.force_n)
