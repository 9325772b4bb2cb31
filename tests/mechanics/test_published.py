"""A real second lumbar vertebra with the published result of another engine (Bonelab spineFE-benchmark, VerSe 004)."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import data
from mechanics.models import PUBLISHED_SHORTENING_MM, PUBLISHED_TOP, published_images, published_vertebra
from spondyl.mechanics.reference import solve_assembled
from spondyl.mechanics.solve import solve
from spondyl.mechanics.strength import NONLINEAR_RATIO, NONLINEAR_RATIO_SD, axial_strength
from spondyl.values.strength import SolveStatus

INDEPENDENT_N_PER_MM = 10547.0
"""An assembled solve of the same files with other software (2109.5 N at 0.2 mm)."""
PUBLISHED_N_PER_MM = 12362.0
PUBLISHED_NONLINEAR_N = 1847.0
PUBLISHED_HEIGHT_MM = 29


@pytest.fixture(scope="module")
def vertebra():
    return published_images()


@pytest.fixture(scope="module")
def published_model():
    return published_vertebra()


def stiffness_of(solution):
    assert solution.report.status is SolveStatus.CONVERGED
    return -solution.reaction_n[2, :, :, PUBLISHED_TOP].sum() / PUBLISHED_SHORTENING_MM


def test_fast_path_gives_the_independent_stiffness(published_model):
    # Moduli from 1e-4 to 4500 MPa, a contrast beyond 1e7.
    found = stiffness_of(solve(published_model))
    assert found == pytest.approx(INDEPENDENT_N_PER_MM, rel=1e-3)
    # The publication prints 17 % more, which its own files do not give by either solver. No single change explains it:
    # the linear law of the same authors gives +4.5 %, held sides +2.5 %, rigid cement +8.7 %, nu = 0.4 +7.4 %.
    assert found / PUBLISHED_N_PER_MM == pytest.approx(0.853, abs=0.002)


def test_the_assembled_matrix_agrees_with_the_fast_solution(published_model):
    # From nothing it needs some 2000 iterations for the same number: benchmarks/mechanics.py --reference.
    fast = solve(published_model)
    judged = solve_assembled(published_model, start=fast, tolerance=2e-6)
    assert judged.report.iterations <= 5
    assert stiffness_of(judged) == pytest.approx(INDEPENDENT_N_PER_MM, rel=1e-3)
    assert stiffness_of(judged) == pytest.approx(stiffness_of(fast), rel=1e-5)


def test_body_alone_between_our_caps_comes_close_and_the_interval_holds_the_published_strength(vertebra):
    density, labels = vertebra
    result = axial_strength(density, np.isin(labels, (1, 2)), (1.0, 1.0, 1.0))
    assert result.stiffness_n_per_mm == pytest.approx(INDEPENDENT_N_PER_MM, rel=0.05)
    low, high = result.failure_load_interval_n
    assert low < PUBLISHED_NONLINEAR_N < high
    assert result.height_mm == PUBLISHED_HEIGHT_MM


def test_coarser_voxels_change_the_stiffness_little(vertebra):
    density, labels = vertebra
    body = np.isin(labels, (1, 2))
    fine = axial_strength(density, body, (1.0, 1.0, 1.0))
    box = tuple(slice(2 * (size // 2)) for size in body.shape)
    blocks = lambda values: values[box].reshape(50, 2, 44, 2, 37, 2).mean(axis=(1, 3, 5))  # noqa: E731
    share = blocks(body.astype(float))
    coarse_density = blocks(np.where(body, density, 0.0)) / np.maximum(share, 0.125)
    coarse = axial_strength(coarse_density, share >= 0.5, (2.0, 2.0, 2.0))
    assert coarse.stiffness_n_per_mm == pytest.approx(fine.stiffness_n_per_mm, rel=0.2)


def test_the_scatter_of_the_linear_estimate_is_that_of_the_published_table():
    folder = data.shared_data("verse004_L2_fe_benchmark")
    columns = ("F.Load (nonlinear) [kN]", "Stiffness (linear) [N/mm]", "Model height [mm]")
    with (folder / "verse19fem_AppendixA.csv").open() as table:
        rows = [[float(row[column] or "nan") for column in columns] for row in csv.DictReader(table)]
    load_kn, stiffness, height = np.array(rows).T
    ratio = 1000 * load_kn / (stiffness * height)
    ratio = ratio[np.isfinite(ratio)]
    assert len(ratio) == 160
    assert ratio.mean() == pytest.approx(NONLINEAR_RATIO, abs=5e-5)
    assert ratio.std(ddof=1) == pytest.approx(NONLINEAR_RATIO_SD, abs=5e-5)
    low, high = np.percentile(ratio, [2.5, 97.5])
    half_width = 1.96 * NONLINEAR_RATIO_SD
    assert (low, high) == pytest.approx((NONLINEAR_RATIO - half_width, NONLINEAR_RATIO + half_width), rel=0.2)
