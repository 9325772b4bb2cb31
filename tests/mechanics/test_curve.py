"""The load curve against limit loads, plastic moments, eight-point integration, another program and itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import cylinder, model_of, pressed
from spondyl.core.errors import ModelError
from spondyl.mechanics.curve import CurveStatus, load_curve
from spondyl.mechanics.loading import eccentric
from spondyl.mechanics.plasticity import Plasticity
from spondyl.mechanics.solve import solve

TEN = np.linspace(0, 1, 11)[1:]


def yielding(modulus, strain=0.0085, asymmetry=1.0, residual=1.0, softening_strain=np.inf):
    modulus = np.where(modulus > 0, modulus, 1.0)
    return Plasticity(strain * modulus, asymmetry * strain * modulus, residual, softening_strain)


def holed_block(repeat=1):
    """8 mm cube of moduli that differ by a factor of about 4, with a hole; the same body at any `repeat`."""
    at = (np.arange(6) + 0.5) / 6 - 0.5
    x, y, z = np.meshgrid(at, at, at, indexing="ij")
    modulus = 1000 * np.exp(0.4 * np.random.default_rng(0).standard_normal(x.shape))
    modulus[x**2 + y**2 + z**2 < 0.09] = 0
    for axis in range(3):
        modulus = modulus.repeat(repeat, axis)
    return modulus, (8 / 6 / repeat,) * 3


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


def test_balance_and_work():
    """Forces on both faces are equal and opposite in every row, and all work is positive."""
    modulus, spacing = holed_block()
    model = pressed(modulus, spacing, bonded=True, strain=0.03)
    curve = load_curve(model, yielding(modulus, asymmetry=0.7), steps=TEN, stop_below_peak=None)
    assert (curve.residual <= 1e-3).all()
    assert (np.diff(curve.yielded_share) >= 0).all()
    shortening = -model.displacement_mm[2].min()
    np.testing.assert_allclose(curve.work_rate_nmm, -curve.force_n[:, 2] * shortening, rtol=1e-9)


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
    held, down, tilts = eccentric(modulus, (1.0, 1.0, 1.0), through_mm=(4, 4), bonded=True)
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
    held, down, tilts = eccentric(modulus, spacing, through_mm=(breadth / 2 + e, 1.0), bonded=False)
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
    held, down, tilts = eccentric(modulus, (1.0,) * 3, through_mm=(26.0, 15.0), bonded=True)
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
