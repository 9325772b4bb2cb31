"""Axial strength against theory, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.core.citations import cite
from spondyl.core.errors import ModelError
from spondyl.mechanics.laws import LAWS
from spondyl.mechanics.materials import CEMENT_MPA
from spondyl.mechanics.strength import FAILURE_STRAIN, axial_strength
from spondyl.values.strength import SolveStatus


def block(shape=(12, 10, 14), density=150.0):
    return np.full(shape, density), np.ones(shape, bool)


def test_uniform_block_is_three_springs_in_series():
    # With free sides and nu equal in bone and cement only the moduli differ; lateral strain differs too, so the exact
    # answer lies between series springs (free slip) and a little above.
    density, bone = block()
    result = axial_strength(density, bone, (1.0, 1.0, 1.0))
    law = LAWS["kopperdahl2002"]
    springs = 12 * 10 / (14 / law.modulus_mpa(np.array(150.0)) + 6 / CEMENT_MPA)
    assert springs < result.stiffness_n_per_mm < 1.08 * springs
    assert result.height_mm == 14
    assert result.failure_load_n == pytest.approx(FAILURE_STRAIN * result.stiffness_n_per_mm * 14)
    assert result.solve.status is SolveStatus.CONVERGED
    assert cite(result.citations)


def test_strain_energy_adds_up_to_the_work_done():
    rng = np.random.default_rng(3)
    density, bone = rng.uniform(50, 300, (14, 12, 16)), np.ones((14, 12, 16), bool)
    bone[:2, :3] = False
    result = axial_strength(density, bone, (0.8, 0.8, 1.0))
    work = result.failure_load_n**2 / result.stiffness_n_per_mm / 2
    stored = result.strain_energy_density_mpa.sum() * 0.8 * 0.8 * 1.0
    assert result.strain_energy_density_mpa.shape == bone.shape
    assert not result.strain_energy_density_mpa[~bone].any()
    assert 0.85 * work < stored < work  # the rest lies in the caps


def test_interval_widens_with_the_density_and_holds_the_published_ratio():
    density, bone = block()
    exact = axial_strength(density, bone, (1.0, 1.0, 1.0))
    vague = axial_strength(density, bone, (1.0, 1.0, 1.0), relative_density_sd=0.2)
    per_stiffness_height = np.array(exact.failure_load_interval_n) / (exact.stiffness_n_per_mm * exact.height_mm)
    assert per_stiffness_height == pytest.approx([0.0063 - 1.96 * 0.0013, 0.0063 + 1.96 * 0.0013], abs=1e-6)
    low, high = vague.failure_load_interval_n
    assert low < exact.failure_load_interval_n[0]
    assert high > exact.failure_load_interval_n[1]
    relative = (high - low) / (high + low) / 1.959964
    assert relative == pytest.approx(np.hypot(0.0013 / 0.0063, 1.05 * 0.2), rel=1e-6)


def test_a_block_placed_anywhere_gives_the_same_strength():
    rng = np.random.default_rng(5)
    density, bone = rng.uniform(50, 300, (10, 12, 11)), np.ones((10, 12, 11), bool)
    wide = np.pad(density, ((2, 1), (0, 3), (4, 5)), constant_values=np.nan)
    result = axial_strength(density, bone, (1.0, 1.0, 1.0))
    moved = axial_strength(wide, np.pad(bone, ((2, 1), (0, 3), (4, 5))), (1.0, 1.0, 1.0))
    assert moved.stiffness_n_per_mm == pytest.approx(result.stiffness_n_per_mm, rel=1e-6)
    assert moved.strain_energy_density_mpa[2:-1, :-3, 4:-5] == pytest.approx(
        result.strain_energy_density_mpa, rel=1e-3, abs=1e-9
    )


def test_loose_pieces_are_left_out_and_told():
    density, bone = block((14, 10, 12))
    bone[10] = False  # a slab of three voxels' width, cut off
    bone[11:, :, 4:] = False
    result = axial_strength(density, bone, (1.0, 1.0, 1.0))
    assert not result.bone[11:].any()
    assert "loose piece" in " ".join(result.notes)
    alone = axial_strength(density[:10], bone[:10], (1.0, 1.0, 1.0))
    assert result.stiffness_n_per_mm == pytest.approx(alone.stiffness_n_per_mm, rel=1e-6)


def test_softer_bone_in_the_middle_weakens():
    density, bone = block((14, 14, 14))
    density[4:10, 4:10, 4:10] = -20.0
    assert (
        axial_strength(density, bone, (1.0, 1.0, 1.0)).failure_load_n
        < 0.95 * axial_strength(*block((14, 14, 14)), (1.0, 1.0, 1.0)).failure_load_n
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d, b: (d, b & False), "empty"),
        (lambda d, b: (np.where(np.arange(12)[:, None, None] == 3, np.nan, d), b), "no density"),
        (lambda d, b: (d[:, :, :7], b[:, :, :7]), "7 voxels high"),
        (lambda d, b: (d, b & (np.arange(14) != 6)), "pieces"),
        (lambda d, b: (d[1:], b), "shape"),
    ],
)
def test_blocks_that_can_not_be_modelled_are_refused_with_a_remedy(change, words):
    with pytest.raises(ModelError, match=words) as caught:
        axial_strength(*change(*block()), (1.0, 1.0, 1.0))
    assert caught.value.remedy


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 0.0), (1.0, -1.0, 1.0), (1.0, 1.0, float("nan"))])
def test_impossible_spacing_is_refused(spacing):
    with pytest.raises(ModelError):
        axial_strength(*block(), spacing)


def test_unknown_law_and_negative_spread_are_refused():
    with pytest.raises(ModelError, match=r"Known: .*kopperdahl2002"):
        axial_strength(*block(), (1.0, 1.0, 1.0), law="guess")
    with pytest.raises(ModelError):
        axial_strength(*block(), (1.0, 1.0, 1.0), relative_density_sd=-0.1)


def test_coarse_voxels_are_noted():
    assert any("coarser" in note for note in axial_strength(*block(), (1.0, 1.0, 3.0)).notes)


def test_the_law_gives_what_the_dossier_prints():
    assert LAWS["kopperdahl2002"].modulus_mpa(np.array([100.0]))[0] == pytest.approx(266, abs=1)
    assert LAWS["kopperdahl2002"].modulus_mpa(np.array([-50.0, 0.0])).tolist() == [1.0, 1.0]
