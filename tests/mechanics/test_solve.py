"""The whole solve against theory: patches, bars, beams, and the slow reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mechanics.models import model_of, node_places, porous, pressed
from spondyl.core.errors import ModelError
from spondyl.mechanics.operator import SHARED_FROM_ELEMENTS
from spondyl.mechanics.reference import assembled, solve_assembled
from spondyl.mechanics.solve import prepare, solve
from spondyl.values.strength import SolveStatus
from spondyl.values.voxel_model import TransverselyIsotropic

BOX = (0.7, 1.0, 1.6)


def patch(shape, spacing, field):
    """A homogeneous block whose outer nodes follow a displacement field."""
    model = model_of(np.full(shape, 800.0), spacing)
    model.held[:] = True
    model.held[:, 1:-1, 1:-1, 1:-1] = False
    model.displacement_mm[:] = field(node_places(shape, spacing))
    return model


@pytest.mark.parametrize("solver", [lambda m: solve(m, tolerance=1e-13), solve_assembled])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), BOX])
def test_patch_of_uniform_strain_is_exact(solver, spacing):
    gradient = np.random.default_rng(0).standard_normal((3, 3)) * 0.01
    model = patch((6, 5, 7), spacing, lambda places: np.tensordot(gradient, places, 1))
    solution = solver(model)
    assert abs(solution.displacement_mm - model.displacement_mm).max() < 1e-12 * abs(model.displacement_mm).max()
    assert abs(solution.reaction_n.sum(axis=(1, 2, 3))).max() < 1e-9 * abs(solution.reaction_n).max()


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), BOX])
def test_bar_between_sliding_faces_has_the_stiffness_of_theory(spacing):
    shape, young = (6, 5, 9), 730.0
    model = pressed(np.full(shape, young), spacing)
    solution = solve(model, tolerance=1e-12)
    area, length = 6 * spacing[0] * 5 * spacing[1], 9 * spacing[2]
    force = solution.reaction_n[2, :, :, -1].sum()
    assert force == pytest.approx(-young * area * 0.01, rel=1e-10)
    assert solution.reaction_n[2, :, :, 0].sum() == pytest.approx(-force, rel=1e-10)
    # It widens by nu times the strain, evenly to both sides, as free rigid motions are taken out.
    half_width = 6 * spacing[0] / 2
    assert solution.displacement_mm[0, -1] == pytest.approx(0.3 * 0.01 * half_width, rel=1e-8)
    assert solution.displacement_mm[0, 0] == pytest.approx(-0.3 * 0.01 * half_width, rel=1e-8)
    assert solution.displacement_mm[2, :, :, -1] == pytest.approx(-0.01 * length)


def test_bars_of_two_moduli_side_by_side_share_the_load_by_modulus():
    # nu = 0 keeps the bars from disturbing each other, so the sum is exact.
    modulus = np.full((8, 4, 10), 100.0)
    modulus[4:] = 10000.0
    model = replace(pressed(modulus), poisson_ratio=0.0)
    force = solve(model, tolerance=1e-11).reaction_n[2, :, :, -1].sum()
    assert force == pytest.approx(-0.01 * (16 * 100 + 16 * 10000), rel=1e-9)


def test_layers_across_the_load_are_springs_in_series():
    modulus = np.full((4, 4, 12), 50.0)
    modulus[:, :, 6:] = 5000.0
    model = replace(pressed(modulus), poisson_ratio=0.0)
    force = solve(model, tolerance=1e-11).reaction_n[2, :, :, -1].sum()
    assert force == pytest.approx(-0.12 * 16 / (6 / 50 + 6 / 5000), rel=1e-9)


def test_forces_stretch_a_bar():
    model = pressed(np.full((4, 4, 8), 200.0))
    model.held[2, :, :, -1] = False
    force = np.zeros(model.held.shape)
    share = np.outer([0.5, 1, 1, 1, 0.5], [0.5, 1, 1, 1, 0.5])
    force[2, :, :, -1] = 32.0 * share / share.sum()
    solution = solve(replace(model, force_n=force), tolerance=1e-12)
    assert solution.displacement_mm[2, :, :, -1] == pytest.approx(32.0 * 8 / (200 * 16), rel=1e-9)
    assert solution.reaction_n[2, :, :, 0].sum() == pytest.approx(-32.0, rel=1e-9)


def bending_error(refinement):
    """Relative error of the deflection of a cantilever in pure bending, nu = 0, where beam theory is exact."""
    step = 1.0 / refinement
    shape = (12 * refinement, refinement, 2 * refinement)
    spacing = (step, step, step)
    young, curvature = 1000.0, 1e-3
    model = replace(model_of(np.full(shape, young), spacing), poisson_ratio=0.0)
    model.held[0, 0] = True
    model.held[1, 0] = True
    model.held[2, 0, :, refinement] = True
    height = (np.arange(2 * refinement + 1) - refinement) * step
    stress = -young * curvature * height
    # Consistent nodal forces of a stress that is linear between nodes.
    line = np.convolve(stress, [1 / 6, 4 / 6, 1 / 6], "same")
    line[0] = stress[0] / 3 + stress[1] / 6
    line[-1] = stress[-1] / 3 + stress[-2] / 6
    across = np.ones(refinement + 1)
    across[[0, -1]] = 0.5
    force = np.zeros(model.held.shape)
    force[0, -1] = np.outer(across, line) * step**2
    solution = solve(replace(model, force_n=force), tolerance=1e-10)
    deflection = solution.displacement_mm[2, -1, :, refinement].mean()
    return abs(deflection / (curvature * 12.0**2 / 2) - 1)


def test_bending_converges_with_second_order():
    errors = [bending_error(refinement) for refinement in (1, 2, 4)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert errors[-1] < 0.04
    assert (orders > 1.7).all(), (errors, orders)
    assert (orders < 2.3).all(), (errors, orders)


@pytest.mark.parametrize(("lowest", "highest"), [(10.0, 1000.0), (0.1, 1e4)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), BOX])
def test_equals_the_factorised_reference_up_to_contrast_1e5(lowest, highest, spacing):
    model = pressed(porous((9, 10, 11), 7, lowest, highest), spacing, bonded=True)
    fast, slow = solve(model, tolerance=1e-12), solve_assembled(model)
    assert fast.report.status is SolveStatus.CONVERGED
    size = abs(slow.displacement_mm).max()
    assert abs(fast.displacement_mm - slow.displacement_mm).max() < 1e-8 * size
    assert fast.reaction_n[2, :, :, -1].sum() == pytest.approx(slow.reaction_n[2, :, :, -1].sum(), rel=1e-9)
    assert fast.elements == slow.elements


def test_one_two_and_three_threads_agree_to_the_last_bit():
    model = pressed(porous((36, 34, 30), 9, porosity=0.1))
    assert (model.modulus_mpa > 0).sum() > SHARED_FROM_ELEMENTS
    solutions = [solve(model, threads=threads) for threads in (1, 2, 3)]
    for other in solutions[1:]:
        assert other.displacement_mm.tobytes() == solutions[0].displacement_mm.tobytes()
        assert other.reaction_n.tobytes() == solutions[0].reaction_n.tobytes()
        assert other.report == solutions[0].report


def test_two_solves_at_once_do_not_disturb_each_other():
    from concurrent.futures import ThreadPoolExecutor

    models = [pressed(porous((12, 12, 12), seed)) for seed in range(4)]
    alone = [solve(model, threads=1).displacement_mm.tobytes() for model in models]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda model: solve(model, threads=2).displacement_mm.tobytes(), models))
    assert together == alone


def test_no_convergence_is_a_value_with_a_remedy():
    report = solve(pressed(porous((12, 12, 12), 1)), max_iterations=2).report
    assert report.status is SolveStatus.NOT_CONVERGED
    assert len(report.residuals) == 2
    assert "iterations" in report.remedy


def test_nothing_asked_gives_nothing():
    model = pressed(np.full((4, 4, 4), 100.0), strain=0.0)
    solution = solve(model)
    assert not solution.displacement_mm.any()
    assert solution.report.status is SolveStatus.CONVERGED


@pytest.mark.parametrize("bonded", [True, False])
@pytest.mark.parametrize("shape", [(1, 1, 1), (4, 4, 2), (7, 6, 1), (1, 1, 40), (40, 1, 2), (40, 40, 1), (3, 130, 3)])
def test_thin_and_tiny_models(shape, bonded):
    # Supports may leave nothing free, here or on a coarser level.
    solution = solve(replace(pressed(np.ones(shape), bonded=bonded), poisson_ratio=0.0), tolerance=1e-10)
    assert solution.reaction_n[2, :, :, -1].sum() == pytest.approx(-0.01 * shape[0] * shape[1], rel=1e-9)


def test_everything_held_needs_no_solve():
    model = model_of(np.ones((9, 9, 9)))
    model.held[:] = True
    model.displacement_mm[2] = np.arange(10) * -0.01
    solution = solve(model)
    assert solution.report.iterations == 0
    assert (solution.displacement_mm == model.displacement_mm).all()


GRAINED = TransverselyIsotropic(0.4, 0.2, 0.3, 0.25)


def mixed(shape, seed):
    """Isotropic and two grained materials at random."""
    material = np.random.default_rng(seed).integers(0, 3, shape).astype(np.uint8)
    return {"material": material, "grained": (GRAINED, TransverselyIsotropic(0.7, 0.4, 0.2, 0.4))}


@pytest.mark.parametrize("solver", [lambda m: solve(m, tolerance=1e-12), solve_assembled])
def test_patch_of_a_grained_block_is_exact_in_stretch_and_shear(solver):
    gradient = np.random.default_rng(0).standard_normal((3, 3)) * 0.01
    model = patch((6, 5, 7), BOX, lambda places: np.tensordot(gradient, places, 1))
    model = replace(model, material=np.ones((6, 5, 7), np.uint8), grained=(GRAINED,))
    solution = solver(model)
    assert abs(solution.displacement_mm - model.displacement_mm).max() < 1e-11 * abs(model.displacement_mm).max()


def test_a_grained_block_is_as_stiff_along_and_across_as_theory_says():
    shape = (6, 5, 7)
    block = {"material": np.ones(shape, np.uint8), "grained": (GRAINED,)}
    along = replace(pressed(np.full(shape, 700.0)), **block)
    assert solve(along, tolerance=1e-10).reaction_n[2, :, :, -1].sum() == pytest.approx(-700 * 0.01 * 30, rel=1e-8)
    across = replace(model_of(np.full(shape, 700.0)), **block)
    across.held[0, [0, -1]] = True
    across.displacement_mm[0, -1] = -0.06
    force = solve(across, tolerance=1e-10).reaction_n[0, -1].sum()
    assert force == pytest.approx(-700 * 0.4 * 0.01 * 35, rel=1e-8)


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), BOX])
def test_mixed_materials_equal_the_factorised_reference(spacing):
    shape = (9, 10, 11)
    model = replace(pressed(porous(shape, 7), spacing, bonded=True), **mixed(shape, 1))
    fast, slow = solve(model, tolerance=1e-11), solve_assembled(model)
    assert fast.report.status is SolveStatus.CONVERGED
    size = abs(slow.displacement_mm).max()
    assert abs(fast.displacement_mm - slow.displacement_mm).max() < 1e-8 * size


def test_further_loads_on_a_prepared_system_are_those_of_a_new_solve():
    model = pressed(porous((12, 11, 13), 3), bonded=True)
    other = model.displacement_mm.copy()
    other[0, :, :, -1] = 0.3
    force = np.zeros(model.held.shape)
    force[1, :, :, 6] = np.where((prepare(model).stiffness.lattice.node[6] >= 0).T, 0.1, 0)
    system = prepare(model, threads=1)
    first = system.solve()
    found = system.solve(displacement_mm=other, force_n=force)
    assert system.solve().displacement_mm.tobytes() == first.displacement_mm.tobytes()
    expected = solve(replace(model, displacement_mm=other, force_n=force), threads=1)
    assert found.displacement_mm.tobytes() == expected.displacement_mm.tobytes()
    assert found.reaction_n.tobytes() == expected.reaction_n.tobytes()


def test_more_than_round_off_allows_is_told():
    report = solve(pressed(porous((12, 12, 12), 1), bonded=True), tolerance=1e-18).report
    assert report.status is SolveStatus.NOT_CONVERGED
    assert "Round-off" in report.remedy
    assert report.residuals[-1] < 1e-11


def test_the_last_residual_is_that_of_the_answer():
    model = pressed(porous((9, 9, 9), 2), bonded=True)
    solution = solve(model, tolerance=1e-7)
    matrix, number = assembled(model.modulus_mpa, model.spacing_mm, model.poisson_ratio)
    order = np.argsort(number[number >= 0])
    flat = lambda nodal: np.moveaxis(nodal, 0, 3)[number >= 0][order].ravel()  # noqa: E731
    free = ~flat(model.held)
    start = matrix @ flat(np.where(model.held, model.displacement_mm, 0))
    left = matrix @ flat(solution.displacement_mm)
    share = np.linalg.norm(left[free]) / np.linalg.norm(start[free])
    assert share == pytest.approx(solution.report.residuals[-1], rel=1e-3)
    assert share <= 1e-7


def loaded_outside():
    modulus = np.full((4, 4, 4), 100.0)
    modulus[3] = 0
    force = np.zeros((3, 5, 5, 5))
    force[2, 4, 4, 4] = -1.0
    return replace(pressed(modulus, bonded=True), force_n=force)


def held_outside():
    modulus = np.full((4, 4, 4), 100.0)
    modulus[:, :, 3] = 0
    model = model_of(modulus)
    model.held[2, :, :, 4] = True
    return model


def moved_outside():
    modulus = np.full((4, 4, 4), 100.0)
    modulus[:, :, 3] = 0
    return pressed(modulus)


def of_material(number, *constants):
    model = pressed(np.full((4, 4, 4), 100.0))
    grained = (TransverselyIsotropic(*constants),)
    return replace(model, material=np.full((4, 4, 4), number, np.uint8), grained=grained)


def unbalanced():
    model = pressed(np.full((4, 4, 4), 100.0))
    force = np.zeros(model.held.shape)
    force[0, 2, 2, 2] = 1.0
    return replace(model, force_n=force)


def with_voxel(value):
    modulus = np.full((4, 4, 4), 100.0)
    modulus[1, 1, 1] = value
    return pressed(modulus)


def hinged():
    modulus = np.zeros((4, 4, 4))
    modulus[:2, :2], modulus[2:, 2:] = 100.0, 100.0
    return pressed(modulus)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (unbalanced(), "nothing holds"),
        (loaded_outside(), "touch no element"),
        (held_outside(), "held lies on the body"),
        (moved_outside(), "moved lies on the body"),
        (of_material(1, 0.4, 0.2, 1.1, 0.25), "energy"),
        (of_material(2, 0.4, 0.2, 0.3, 0.25), "materials"),
        (with_voxel(np.nan), "moduli"),
        (with_voxel(-1.0), "moduli"),
        (hinged(), "2 pieces"),
        (pressed(np.zeros((4, 4, 4))), "0 pieces"),
        (replace(pressed(np.ones((4, 4, 4))), poisson_ratio=0.5), "Poisson"),
        (replace(pressed(np.ones((4, 4, 4))), spacing_mm=(1.0, 0.0, 1.0)), "spacing"),
        (replace(pressed(np.ones((4, 4, 4))), held=np.zeros((3, 4, 4, 4), bool)), "supports"),
        (pressed(np.ones((4, 4, 4)), strain=np.nan), "displacements"),
    ],
)
def test_models_that_can_not_be_posed_are_refused_with_a_remedy(model, words):
    with pytest.raises(ModelError, match=words) as caught:
        solve(model)
    assert caught.value.remedy


def test_directions_stay_conjugate_at_a_contrast_of_1e7():
    # Islands of bone in a floor of 1e-4 MPa. With the textbook's ratio of residuals in single precision: 140.
    from scipy import ndimage

    noise = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal((30, 30, 30)), 3.0)
    report = solve(pressed(np.maximum(1e-4, 400 * (noise / noise.std() - 0.5)))).report
    assert report.status is SolveStatus.CONVERGED
    assert report.iterations < 90
