"""Load cases of a uniform block against beam theory, and against their own mirror images."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.mechanics.bone import BoneBlock
from spondyl.mechanics.cases import ECCENTRICITY, posed
from spondyl.mechanics.composition import Variant, compose
from spondyl.mechanics.loading import solve_free
from spondyl.mechanics.materials import CEMENT_MPA, POISSON_RATIO
from spondyl.values.strength import LoadCase
from spondyl.values.voxel_model import VoxelModel

SPACING = (1.0, 1.0, 1.0)
LAW = "kopperdahl2002"


def linear_slope(block, case, *, bonded=False):
    """Load at an apparent strain of 1 of a linear solve, with the composition and the case as posed."""
    composed = compose(block, Variant(LAW))
    way = posed(case, composed.between, composed.modulus_mpa > 0, block.spacing_mm, bonded=bonded)
    model = VoxelModel(composed.modulus_mpa, block.spacing_mm, POISSON_RATIO, way.held, way.pattern)
    solution, _ = solve_free(model, way.free, threads=1)
    return float(np.sum(solution.reaction_n * way.pattern)) / way.per_strain, composed, way, solution


def uniform(width=10, depth=8, height=16, density=150.0):
    shape = (width, depth, height)
    return BoneBlock(np.full(shape, density), np.ones(shape, bool), SPACING)


@pytest.mark.parametrize(
    ("case", "along"),
    [(LoadCase.AXIAL, None), (LoadCase.FLEXION, 1), (LoadCase.SIDE_LEFT, 0), (LoadCase.SIDE_RIGHT, 0)],
)
def test_a_force_beside_the_centre_shortens_its_own_line_as_navier_says(case, along):
    # Shortening along the force's line: F (1 + e^2 A / I) / (E A / L), bone and both caps in series; A / I = 12 / b^2.
    # The face has (b + 1) nodes over b mm, so that e is a quarter of b itself. Stiff caps hinder the bone beside them
    # from widening, which is no part of Navier's bar: it can only be stiffer, by a few per cent at this height.
    block = uniform()
    slope, composed, way, _ = linear_slope(block, case)
    between = composed.between
    modulus = composed.modulus_mpa[between.bone][0]
    caps_mm = composed.modulus_mpa.shape[2] - 16
    compliance = 16 / modulus + caps_mm / CEMENT_MPA
    factor = 1.0 if along is None else 1 + 12 * ECCENTRICITY**2
    expected = 10 * 8 / (compliance * factor)
    assert expected < slope / way.per_strain < 1.05 * expected


@pytest.mark.parametrize(
    ("case", "axis", "towards"),
    [(LoadCase.FLEXION, 1, -1), (LoadCase.SIDE_LEFT, 0, 1), (LoadCase.SIDE_RIGHT, 0, -1)],
)
def test_the_side_that_is_bent_to_is_the_one_that_is_pressed(case, axis, towards):
    # x runs to the patient's left and y to the back: flexion presses the front (small y), side-left large x.
    _, composed, _, solution = linear_slope(uniform(), case)
    force = solution.reaction_n[2, :, :, composed.modulus_mpa.shape[2]]
    place = np.indices(force.shape)[axis] - (force.shape[axis] - 1) / 2
    near, far = force[place * towards > 0].sum(), force[place * towards < 0].sum()
    assert near < 0
    assert near < far - 0.5 * abs(near)
    centre = (force * place).sum() / force.sum()
    assert centre == pytest.approx(towards * ECCENTRICITY * (force.shape[axis] - 1), rel=1e-6)


def test_left_and_right_change_places_in_the_mirror():
    rng = np.random.default_rng(5)
    density = rng.uniform(60, 250, (9, 8, 12))
    block, mirrored = (
        BoneBlock(values, np.ones_like(values, bool), SPACING) for values in (density, density[::-1].copy())
    )
    left, right = (linear_slope(block, case)[0] for case in (LoadCase.SIDE_LEFT, LoadCase.SIDE_RIGHT))
    assert linear_slope(mirrored, LoadCase.SIDE_RIGHT)[0] == pytest.approx(left, rel=1e-4)
    assert linear_slope(mirrored, LoadCase.SIDE_LEFT)[0] == pytest.approx(right, rel=1e-4)
    assert abs(left / right - 1) > 1e-3
    for case in (LoadCase.AXIAL, LoadCase.FLEXION, LoadCase.TORSION):
        there, back = (linear_slope(one, case)[0] for one in (block, mirrored))
        assert back == pytest.approx(there, rel=1e-4)


def test_torsion_of_a_round_bar_is_that_of_theory():
    # G J / L for the bar, cement caps in series; the polar moment of the voxels bounds a staircase from above.
    x, y = np.indices((22, 22)) - 10.5
    disc = np.hypot(x, y) < 10
    bone = np.repeat(disc[:, :, None], 24, axis=2)
    slope, composed, way, solution = linear_slope(
        BoneBlock(np.full(bone.shape, 150.0), bone, SPACING), LoadCase.TORSION
    )
    modulus = composed.modulus_mpa[composed.between.bone][0]
    polar = (np.hypot(x, y)[disc] ** 2 + 1 / 6).sum()
    per_length = polar / (2 * (1 + POISSON_RATIO))
    stiffness = 1 / (24 / (modulus * per_length) + (composed.modulus_mpa.shape[2] - 24) / (CEMENT_MPA * per_length))
    found = slope / way.per_strain
    assert 0.9 * stiffness < found < stiffness
    # Shear strain at the rim is its radius times the twist over the height.
    assert way.per_strain == pytest.approx(24 / 10, rel=0.06)
    lifted = solution.reaction_n[2, :, :, composed.modulus_mpa.shape[2]].sum()
    assert abs(lifted) * 10 < 1e-5 * abs(found)


def test_processes_beside_the_caps_do_not_count_for_the_strain_of_a_twist():
    block = uniform(10, 10, 16)
    longer = np.zeros((10, 30, 16), bool)
    longer[:, :10] = True
    plain = linear_slope(block, LoadCase.TORSION)[2].per_strain
    longer[4:6, 10:28, 7:9] = True  # a spine in the middle of the height, under no cap
    with_spine = linear_slope(BoneBlock(np.full(longer.shape, 150.0), longer, SPACING), LoadCase.TORSION)[2].per_strain
    assert with_spine == pytest.approx(plain, rel=1e-9)
