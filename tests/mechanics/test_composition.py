"""Every variant of a model changes exactly what it says, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from spondyl.core.errors import ModelError
from spondyl.mechanics.bone import BoneBlock, BoneLesion
from spondyl.mechanics.composition import Variant, compose, fit_to_run, on_block
from spondyl.mechanics.laws import law_named
from spondyl.mechanics.materials import CEMENT_MPA, CEMENT_YIELD_MPA
from spondyl.mechanics.tumour import BLASTIC, LYTIC

LAW = law_named("kopperdahl2002")
BASE = Variant("kopperdahl2002")
SPACING = (1.0, 1.0, 1.0)


def body(**fields):
    """A round body of uneven density with a margin, and two lesions apart: one lytic, one blastic."""
    shape = (16, 14, 18)
    x, y, z = np.indices(shape) - (np.array(shape)[:, None, None, None] - 1) / 2
    bone = (np.hypot(x, y) < 6.2) & (np.abs(z) < 7)
    density = np.random.default_rng(1).uniform(80, 220, shape)
    lesions = (
        BoneLesion(bone & (np.hypot(x - 2, y) < 2.2) & (np.abs(z) < 2), "lytic"),
        BoneLesion(bone & (np.hypot(x + 2, y) < 2.2) & (np.abs(z) < 2), "blastic"),
    )
    return BoneBlock(density, bone, SPACING, **{"lesions": lesions, **fields})


def materials(block, variant=BASE, filled=None):
    """Modulus, yield in compression and in tension on the block's own grid."""
    made = compose(block, variant, filled)
    fields = made.modulus_mpa, made.plasticity.compression_mpa, made.plasticity.tension_mpa
    return [on_block(made.between, np.where(np.isfinite(f), f, 0), block.bone.shape) for f in fields], made


@pytest.fixture(scope="module")
def block():
    return body()


@pytest.fixture(scope="module")
def base(block):
    return materials(block)[0]


def test_bone_takes_the_law_lesions_their_own_and_caps_cement(block, base):
    lytic, blastic = (lesion.mask for lesion in block.lesions)
    plain = block.bone & ~lytic & ~blastic
    assert np.array_equal(base[0][plain], LAW.modulus_mpa(block.density_mg_cc[plain]))
    assert np.array_equal(base[1][plain], LAW.yield_mpa(block.density_mg_cc[plain]))
    assert base[2][plain] == pytest.approx(LAW.tension_share * base[1][plain], rel=1e-12)
    assert np.all(base[0][lytic] == LYTIC.value)
    assert base[0][blastic] == pytest.approx(BLASTIC.value * LAW.modulus_mpa(block.density_mg_cc[blastic]), rel=1e-12)
    cement = base[0][~block.bone & (base[0] > 0)]
    assert np.all(cement == CEMENT_MPA)


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"lytic_mpa": 20.0}, 0),
        ({"cemented": frozenset([0])}, 0),
        ({"cemented": frozenset([1])}, 1),
        ({"own": frozenset([0])}, 0),
        ({"own": frozenset([1])}, 1),
    ],
)
def test_a_change_of_one_lesion_stays_inside_it(block, base, change, where):
    filled = np.full(block.bone.shape, 137.0)
    changed, made = materials(block, replace(BASE, **change), filled)
    at = block.lesions[where].mask
    for before, after in zip(base, changed, strict=True):
        assert np.array_equal(before[~at], after[~at])
    expected = {
        "lytic_mpa": (20.0, None, None),
        "cemented": (CEMENT_MPA, CEMENT_YIELD_MPA, CEMENT_YIELD_MPA),  # cement in bone is the cement of the caps
        "own": (LAW.modulus_mpa(137.0), LAW.yield_mpa(137.0), LAW.tension_share * LAW.yield_mpa(137.0)),
    }[next(iter(change))]
    for value, after in zip(expected, changed, strict=True):
        if value is not None:
            assert after[at] == pytest.approx(float(value), rel=1e-12)
    assert np.array_equal(made.bone, block.bone)


def test_a_density_factor_is_the_same_as_a_denser_image(block):
    # Calibration errs by the scan, so lesions read off the same scan are scaled with the bone.
    scaled = materials(block, replace(BASE, density_factor=1.2))[0]
    denser = materials(replace(block, density_mg_cc=1.2 * block.density_mg_cc))[0]
    for one, other in zip(scaled, denser, strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    assert np.all(scaled[0][block.lesions[0].mask] == LYTIC.value)


def test_a_moved_surface_adds_or_takes_only_the_surface(block, base):
    from scipy.ndimage import binary_dilation, binary_erosion

    for sign, reach in ((1, binary_dilation(block.bone, np.ones((3, 3, 3)))), (-1, block.bone)):
        made = compose(block, replace(BASE, surface_voxels=0.5 * sign))
        core = binary_erosion(block.bone, np.ones((3, 3, 3)))
        assert np.all(made.bone[core])
        assert not np.any(made.bone & ~reach)
        assert sign * (int(made.bone.sum()) - int(block.bone.sum())) > 0
        modulus = on_block(made.between, made.modulus_mpa, block.bone.shape)
        assert np.array_equal(modulus[core], base[0][core])


@pytest.mark.parametrize("blank", [0.0, np.nan])
def test_a_surface_is_not_moved_into_a_blank_image(blank):
    cut_out = body()
    cut_out = replace(cut_out, density_mg_cc=np.where(cut_out.bone, cut_out.density_mg_cc, blank))
    compose(cut_out, replace(BASE, surface_voxels=-0.5))
    with pytest.raises(ModelError, match="blank outside the bone"):
        compose(cut_out, replace(BASE, surface_voxels=0.5))


def test_another_law_and_other_supports(block, base):
    other = law_named("crawford2003")
    changed, made = materials(block, replace(BASE, law="crawford2003"))
    plain = block.bone & ~block.lesions[0].mask & ~block.lesions[1].mask
    assert np.array_equal(changed[0][plain], other.modulus_mpa(block.density_mg_cc[plain]))
    assert made.law is other
    for before, after in zip(base, materials(block, replace(BASE, bonded=True))[0], strict=True):
        assert np.array_equal(before, after)  # supports are no material


def test_own_bone_without_a_filling_is_refused(block):
    with pytest.raises(ModelError, match="no own bone"):
        compose(block, replace(BASE, own=frozenset([0])))


def test_what_can_run_is_what_composes(block):
    assert fit_to_run(block)
    thin = replace(block, bone=block.bone & (np.arange(18) < 8), lesions=())
    assert not fit_to_run(thin)
    with pytest.raises(ModelError, match="voxels high"):
        compose(thin, BASE)
