"""A real second lumbar vertebra with the published result of another engine (Bonelab spineFE-benchmark, VerSe 004)."""

from __future__ import annotations

import csv

import numpy as np
import pytest

import data
from mechanics.models import PUBLISHED_SHORTENING_MM, PUBLISHED_TOP, published_images, published_vertebra
from spondyl.mechanics.bone import BoneBlock, coarser
from spondyl.mechanics.reference import solve_assembled
from spondyl.mechanics.solve import solve
from spondyl.mechanics.strength import strength
from spondyl.values.strength import SolveStatus

INDEPENDENT_N_PER_MM = 10547.0
"""An assembled solve of the same files with other software (2109.5 N at 0.2 mm)."""
PUBLISHED_N_PER_MM = 12362.0
PUBLISHED_NONLINEAR_N = 1847.0
PUBLISHED_HEIGHT_MM = 29
NONLINEAR_RATIO, NONLINEAR_RATIO_SD = 0.0063, 0.0013
"""Non-linear strength over K H in 160 of its models: recomputed from its table below."""


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


@pytest.fixture(scope="module")
def as_published(vertebra):
    """Whole vertebra between the published caps: stiffness, height and failure load of `strength`."""
    density, labels = vertebra
    block = BoneBlock(density, (labels > 0) & (labels < 5), (1.0, 1.0, 1.0), cement=labels >= 5)
    return strength(block, thorough=False, relative_density_sd=0.05)


def test_the_failure_load_comes_close_to_the_published_non_linear_one(as_published):
    # Theirs has its own yield rule and a stiffness that is 17 % higher, see above.
    assert as_published.height_mm == PUBLISHED_HEIGHT_MM
    assert as_published.stiffness_n_per_mm == pytest.approx(INDEPENDENT_N_PER_MM, rel=2e-3)
    assert as_published.failure_load_n == pytest.approx(PUBLISHED_NONLINEAR_N, rel=0.15)
    low, high = as_published.failure_load_interval_n
    assert low < PUBLISHED_NONLINEAR_N < high


def test_strength_over_stiffness_lies_within_the_scatter_of_the_published_models(as_published):
    ratio = as_published.failure_load_n / (as_published.stiffness_n_per_mm * as_published.height_mm)
    assert abs(ratio - NONLINEAR_RATIO) < NONLINEAR_RATIO_SD


def test_body_alone_between_our_caps_is_as_stiff_and_as_strong(vertebra, as_published):
    density, labels = vertebra
    body = strength(BoneBlock(density, np.isin(labels, (1, 2)), (1.0, 1.0, 1.0)), thorough=False)
    assert body.height_mm == PUBLISHED_HEIGHT_MM
    assert body.stiffness_n_per_mm == pytest.approx(as_published.stiffness_n_per_mm, rel=0.05)
    assert body.failure_load_n == pytest.approx(as_published.failure_load_n, rel=0.05)


def test_coarser_voxels_change_strength_little(vertebra, as_published):
    density, labels = vertebra
    block = BoneBlock(density, (labels > 0) & (labels < 5), (1.0, 1.0, 1.0), cement=labels >= 5)
    coarse = strength(coarser(block), thorough=True)
    assert coarse.failure_load_n == pytest.approx(as_published.failure_load_n, rel=0.15)


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
