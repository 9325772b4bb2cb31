"""Strength of a block between caps: against theory, bounds and properties, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.core.citations import cite
from spondyl.core.errors import ModelError
from spondyl.mechanics.bone import BoneBlock, BoneLesion
from spondyl.mechanics.laws import DEFAULT_LAW, law_named
from spondyl.mechanics.materials import CEMENT_MPA
from spondyl.mechanics.strength import strength
from spondyl.values.strength import LoadCase, SolveStatus

SPACING = (1.0, 1.0, 1.0)


def block(shape=(10, 9, 12), density=150.0, **fields):
    return BoneBlock(np.full(shape, density), np.ones(shape, bool), SPACING, **fields)


def uneven(seed=3, shape=(10, 9, 12)):
    return BoneBlock(np.random.default_rng(seed).uniform(60, 300, shape), np.ones(shape, bool), SPACING)


@pytest.fixture(scope="module")
def plain():
    return strength(block(), thorough=False)


def test_stiffness_of_a_uniform_block_is_three_springs_in_series(plain):
    # With free sides and one Poisson's ratio only the moduli differ; the exact answer lies a little above the springs.
    modulus = law_named(DEFAULT_LAW).modulus_mpa(np.array(150.0))
    springs = 10 * 9 / (12 / modulus + 6 / CEMENT_MPA)
    assert springs < plain.stiffness_n_per_mm < 1.08 * springs
    assert plain.height_mm == 12
    assert plain.solve.status is SolveStatus.CONVERGED
    assert cite(plain.citations)


def test_a_uniform_block_fails_at_its_yield_stress_times_its_area(plain):
    # The caps hold the ends across the load, which can only add; the softening takes a little.
    limit = float(law_named(DEFAULT_LAW).yield_mpa(np.array(150.0))) * 10 * 9
    assert 0.97 * limit < plain.failure_load_n < 1.10 * limit


def test_the_criteria_stand_side_by_side(plain):
    marks = plain.criteria
    assert marks.linear == pytest.approx(0.0068 * plain.stiffness_n_per_mm * plain.height_mm, rel=0.01)
    assert marks.offset <= plain.failure_load_n
    assert marks.at_limit_strain <= plain.failure_load_n
    assert plain.failure_load_n == pytest.approx(max(plain.curve.load), rel=1e-9)
    assert plain.curve.strain[-1] >= 0.019
    assert np.all(np.diff(plain.curve.yielded_share) >= 0)


def test_strain_energy_adds_up_to_the_work_done():
    found = strength(uneven(), thorough=False)
    work = found.failure_load_n**2 / found.stiffness_n_per_mm / 2
    stored = found.strain_energy_density_mpa.sum()
    assert 0.8 * work < stored < work  # the rest lies in the caps


def test_strength_lies_between_the_weakest_layer_and_the_mean():
    weak = np.full((10, 9, 12), 200.0)
    weak[:, :, 5:7] = 100.0
    law, area = law_named(DEFAULT_LAW), 90
    found = strength(BoneBlock(weak, np.ones(weak.shape, bool), SPACING), thorough=False).failure_load_n
    low, high = (float(law.yield_mpa(np.array(density))) * area for density in (100.0, 200.0))
    assert low < found < high


def test_the_interval_holds_its_sources_and_widens_with_the_density():
    exact, vague = (strength(uneven(), relative_density_sd=sd, thorough=False) for sd in (0.0, 0.15))
    assert {entry.source for entry in exact.spreads} == {"segmentation", "law", "supports"}
    assert {entry.source for entry in vague.spreads} == {"calibration", "segmentation", "law", "supports"}
    assert vague.failure_load_n == exact.failure_load_n
    low, high = vague.failure_load_interval_n
    assert low < exact.failure_load_interval_n[0] < exact.failure_load_n < exact.failure_load_interval_n[1] < high
    shares = np.array([[entry.low_share, entry.high_share] for entry in vague.spreads])
    assert (shares[:, 0] <= 0).all()
    assert (shares[:, 1] >= 0).all()
    together = np.sqrt((shares**2).sum(axis=0))
    assert np.array([low, high]) == pytest.approx(vague.failure_load_n * (1 + together * [-1, 1]))


def test_the_density_spread_follows_the_exponent_of_the_law():
    # Yield stress goes with density to the power 1.39, modulus with 1.05: strength lies between.
    entry = next(
        entry
        for entry in strength(block(), relative_density_sd=0.05, thorough=False).spreads
        if entry.source == "calibration"
    )
    reach = 1.959964 * 0.05
    assert (1 + reach) ** 1.05 - 1 < entry.high_share < (1 + reach) ** 1.45 - 1
    assert 1 - (1 - reach) ** 1.05 < -entry.low_share < 1 - (1 - reach) ** 1.45


def with_hole(radius, kind="lytic", shape=(14, 14, 16)):
    place = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    hole = (place**2).sum(axis=0) < radius**2
    return BoneBlock(np.where(hole, 20.0, 180.0), np.ones(shape, bool), SPACING, (BoneLesion(hole, kind),))


def test_a_larger_lesion_costs_more_and_cement_gives_it_back():
    small, large = (strength(with_hole(radius), thorough=False).lesions[0] for radius in (3.0, 5.5))
    assert 0 < small.share_of_bone < large.share_of_bone
    assert 0 < small.lost_share < large.lost_share < 1
    assert small.cemented_share > 0
    assert large.cemented_share > small.cemented_share
    assert large.lost_n > small.lost_n > 0


def test_what_a_lesion_costs_is_the_difference_to_the_bone_without_it():
    sick = with_hole(5.0)
    whole = strength(block((14, 14, 16), density=180.0), thorough=False).failure_load_n
    found = strength(sick, thorough=True)
    assert found.failure_load_n + found.lesions[0].lost_n == pytest.approx(whole, rel=1e-6)


def test_several_lesions_are_told_one_by_one_and_together():
    lower, upper = (np.zeros((14, 14, 16), bool) for _ in range(2))
    lower[3:7, 3:7, 3:7], upper[7:11, 7:11, 9:13] = True, True
    density = np.where(lower | upper, 20.0, 180.0)
    sick = BoneBlock(density, np.ones_like(lower), SPACING, (BoneLesion(lower, "lytic"), BoneLesion(upper, "lytic")))
    effects = strength(sick, thorough=False).lesions
    assert [effect.lesions for effect in effects] == [(0,), (1,), (0, 1)]
    assert effects[2].lost_share > max(effects[0].lost_share, effects[1].lost_share)


def test_bone_that_is_all_tumour_has_a_strength_but_no_cost():
    shape = (10, 9, 12)
    sick = block(shape, 60.0, lesions=(BoneLesion(np.ones(shape, bool), "mixed"),))
    effect = strength(sick, thorough=False).lesions[0]
    assert effect.lost_share is None
    assert effect.lost_n is None
    assert "too little" in effect.notes[0]
    assert effect.cemented_share > 1


def test_blastic_bone_is_never_stronger_than_bone_of_that_density():
    dense = with_hole(4.0, "blastic")
    dense = replace(dense, density_mg_cc=np.where(dense.lesions[0].mask, 500.0, 180.0))
    as_bone = strength(replace(dense, lesions=()), thorough=False)
    assert strength(dense, thorough=False).failure_load_n <= as_bone.failure_load_n * (1 + 1e-6)


@pytest.mark.parametrize("case", [LoadCase.FLEXION, LoadCase.SIDE_LEFT])
def test_a_force_beside_the_centre_breaks_sooner(plain, case):
    found = strength(block(), load=case, thorough=False)
    assert found.failure_load_n < 0.9 * plain.failure_load_n
    assert found.failure_moment_nmm is None


def test_bending_to_the_sick_side_is_the_weaker_one():
    density = np.full((12, 9, 12), 180.0)
    density[8:] = 90.0  # x runs to the left
    sick = BoneBlock(density, np.ones(density.shape, bool), SPACING)
    left, right = (
        strength(sick, load=case, thorough=False).failure_load_n for case in (LoadCase.SIDE_LEFT, LoadCase.SIDE_RIGHT)
    )
    assert left < right


def test_torsion_gives_a_moment_near_the_plastic_torque():
    # A square of side a yields fully at tau a^3 / 3, with tau by von Mises between the two yield stresses.
    found = strength(block((12, 12, 14)), load=LoadCase.TORSION, thorough=False)
    law = law_named(DEFAULT_LAW)
    stress = float(law.yield_mpa(np.array(150.0)))
    tau = 2 * stress * law.tension_share / (1 + law.tension_share) / np.sqrt(3)
    assert found.failure_load_n is None
    assert 0.85 * tau * 12**3 / 3 < found.failure_moment_nmm < 1.1 * tau * 12**3 / 3


def test_one_thread_and_two_give_the_same_bits():
    one, two = (strength(with_hole(4.0), relative_density_sd=0.1, thorough=False, threads=n) for n in (1, 2))
    assert one.failure_load_n == two.failure_load_n
    assert one.spreads == two.spreads
    assert one.lesions == two.lesions
    assert np.array_equal(one.plastic_strain, two.plastic_strain)


@pytest.mark.parametrize("garbage", [1e3, -1e12])
def test_what_memory_held_before_changes_nothing(monkeypatch, garbage):
    # An array that is made without being filled holds what was there before: mostly zeros, now and then not.
    sick = with_hole(4.0)
    clean = strength(sick, relative_density_sd=0.1, thorough=True, threads=1)
    empty, empty_like = np.empty, np.empty_like

    def soiled(make):
        def made(*args, **kwargs):
            array = make(*args, **kwargs)
            if array.dtype.kind == "f":
                array.fill(garbage)
            return array

        return made

    monkeypatch.setattr(np, "empty", soiled(empty))
    monkeypatch.setattr(np, "empty_like", soiled(empty_like))
    again = strength(sick, relative_density_sd=0.1, thorough=True, threads=1)
    assert again.failure_load_n == clean.failure_load_n
    assert again.spreads == clean.spreads
    assert again.lesions == clean.lesions


def test_shares_from_larger_voxels_are_close_to_the_thorough_ones():
    shape = (20, 20, 20)
    place = np.indices(shape) - 9.5
    hole = (place**2).sum(axis=0) < 36
    sick = BoneBlock(np.where(hole, 20.0, 180.0), np.ones(shape, bool), SPACING, (BoneLesion(hole, "lytic"),))
    quick, slow = (strength(sick, relative_density_sd=0.05, thorough=thorough) for thorough in (False, True))
    assert quick.failure_load_n == slow.failure_load_n
    assert quick.lesions[0].lost_share == pytest.approx(slow.lesions[0].lost_share, abs=0.05)
    for ours, theirs in zip(quick.spreads, slow.spreads, strict=True):
        assert (ours.low_share, ours.high_share) == pytest.approx((theirs.low_share, theirs.high_share), abs=0.05)


def test_a_block_placed_anywhere_gives_the_same_strength():
    here = uneven()
    pads = ((2, 2), (0, 4), (4, 6))
    wide = BoneBlock(np.pad(here.density_mg_cc, pads, constant_values=np.nan), np.pad(here.bone, pads), SPACING)
    found, moved = (strength(one, thorough=True) for one in (here, wide))
    assert moved.failure_load_n == pytest.approx(found.failure_load_n, rel=2e-3)
    assert moved.stiffness_n_per_mm == pytest.approx(found.stiffness_n_per_mm, rel=1e-5)
    inside = moved.strain_energy_density_mpa[2:-2, :-4, 4:-6]
    assert inside == pytest.approx(found.strain_energy_density_mpa, rel=1e-2, abs=1e-6)


def test_caps_that_come_with_the_block_are_used():
    shape = (10, 9, 18)
    bone = np.zeros(shape, bool)
    bone[:, :, 3:15] = True
    given = BoneBlock(np.where(bone, 150.0, 0.0), bone, SPACING, cement=~bone)
    cast = BoneBlock(np.where(bone, 150.0, 0.0), bone, SPACING)
    ours, theirs = (strength(one, thorough=True) for one in (given, cast))
    assert ours.failure_load_n == pytest.approx(theirs.failure_load_n, rel=1e-9)  # caps of 3 mm are cast too
    with pytest.raises(ModelError, match="no cement"):
        strength(replace(given, cement=given.cement & (np.arange(18) < 9)))


def test_loose_pieces_are_left_out_and_told():
    loose = block((14, 10, 12))
    bone = loose.bone.copy()
    bone[10] = False  # a slab of three voxels' width, cut off
    bone[11:, :, 4:] = False
    found = strength(replace(loose, bone=bone), thorough=False)
    assert not found.bone[11:].any()
    assert "loose piece" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d, b: (d, b & False), "empty"),
        (lambda d, b: (np.where(np.arange(10)[:, None, None] == 3, np.nan, d), b), "no density"),
        (lambda d, b: (d[:, :, :7], b[:, :, :7]), "7 voxels high"),
        (lambda d, b: (d, b & (np.arange(12) != 6)), "pieces"),
    ],
)
def test_blocks_that_can_not_be_modelled_are_refused_with_a_remedy(change, words):
    density, bone = change(np.full((10, 9, 12), 150.0), np.ones((10, 9, 12), bool))
    with pytest.raises(ModelError, match=words) as caught:
        strength(BoneBlock(density, bone, SPACING))
    assert caught.value.remedy


def test_unknown_law_and_negative_spread_are_refused():
    with pytest.raises(ModelError, match=r"Known: .*kopperdahl2002"):
        strength(block(), law="guess")
    with pytest.raises(ModelError):
        strength(block(), relative_density_sd=-0.1)


def test_coarse_voxels_are_noted():
    coarse = BoneBlock(np.full((10, 9, 12), 150.0), np.ones((10, 9, 12), bool), (1.0, 1.0, 3.0))
    assert any("coarser" in note for note in strength(coarse, thorough=False).notes)


def test_a_lesion_beside_the_bone_costs_nothing_silently():
    shape = (10, 10, 14)
    bone = np.zeros(shape, bool)
    bone[:7] = True
    beside = np.zeros(shape, bool)
    beside[8:] = True
    sick = BoneBlock(np.full(shape, 150.0), bone, (1.0, 1.0, 1.0), (BoneLesion(beside, "lytic"),))
    (effect,) = strength(sick, threads=1).lesions
    assert (effect.lost_share, effect.lost_n, effect.cemented_share, effect.regained_n) == (None,) * 4
    assert "no voxel of the bone" in effect.notes[0]


def test_bone_that_the_mask_leaves_out_is_told():
    """The mask stops at the lesion, as an automatic one may: what was destroyed is not seen, and that is said."""
    shape = (12, 10, 14)
    lesion = np.zeros(shape, bool)
    lesion[7:, 3:7, 4:10] = True
    density = np.where(lesion, 0.0, 150.0)
    whole, cut = (
        strength(BoneBlock(density, mask, (1.0, 1.0, 1.0), (BoneLesion(lesion, "lytic"),)), threads=1).lesions[0]
        for mask in (np.ones(shape, bool), ~lesion | (np.indices(shape)[0] == 7))
    )
    assert not whole.notes
    assert any("told too low" in note for note in cut.notes)
    assert cut.lost_share < 0.6 * whole.lost_share
