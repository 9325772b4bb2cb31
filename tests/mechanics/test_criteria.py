"""Failure criteria on curves whose answers are known by hand."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.mechanics.criteria import criteria, failure

STRAIN = np.linspace(0, 0.03, 301)


def elastic_plastic(strain, slope=200_000.0, at=0.008):
    return slope * np.minimum(strain, at)


def test_perfect_plasticity_has_no_peak_and_its_plateau_everywhere_else():
    found = criteria(STRAIN, elastic_plastic(STRAIN), 200_000.0)
    assert found.peak is None
    assert found.at_limit_strain == pytest.approx(1600)
    assert found.offset == pytest.approx(1600)  # the offset line meets the plateau at 1.0 % strain
    assert found.linear == pytest.approx(0.0068 * 200_000)
    assert failure(STRAIN, elastic_plastic(STRAIN)) == pytest.approx(1600)


def test_a_falling_curve_fails_at_its_peak():
    load = elastic_plastic(STRAIN) - 40_000 * np.maximum(STRAIN - 0.012, 0)
    found = criteria(STRAIN, load, 200_000.0)
    assert found.peak == pytest.approx(1600)
    assert found.at_limit_strain == pytest.approx(1600 - 40_000 * 0.007)
    assert failure(STRAIN, load) == pytest.approx(1600)


def test_the_offset_lies_where_the_moved_line_meets_a_power_curve():
    # The line k (e - 0.002) meets the curve a sqrt(e) where a quadratic in sqrt(e) has its positive root.
    a, k = 16_000.0, 300_000.0
    root = (a + np.sqrt(a**2 + 4 * k * k * 0.002)) / (2 * k)
    assert criteria(STRAIN, a * np.sqrt(STRAIN), k).offset == pytest.approx(a * root, rel=1e-3)


def test_what_the_curve_does_not_reach_is_not_said():
    short = STRAIN[STRAIN < 0.006]
    found = criteria(short, 200_000 * short, 200_000.0)
    assert found.peak is None
    assert found.at_limit_strain is None
    assert found.offset is None
    assert failure(short, 200_000 * short) is None
    assert criteria(STRAIN, elastic_plastic(STRAIN), 200_000.0, compressive=False).linear is None


def test_a_peak_beyond_the_limit_strain_is_not_the_failure_load():
    load = 100_000 * np.where(STRAIN < 0.025, STRAIN, 0.05 - STRAIN)
    assert criteria(STRAIN, load, 100_000.0).peak == pytest.approx(2500)
    assert failure(STRAIN, load) == pytest.approx(1900)
