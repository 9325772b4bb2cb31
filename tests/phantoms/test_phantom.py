"""Whole phantoms: their masks and measurements against their own truth, and what a user relies on."""

from __future__ import annotations

import json

import cc3d
import numpy as np
import pytest

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.phantoms.lesion import LesionSpec
from spondyl.phantoms.phantom import Phantom, make
from spondyl.phantoms.random_spec import random_spec
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.scene import build_scene
from spondyl.phantoms.spec import FractureSpec, PhantomSpec, Scan, parse_spec, read_spec
from spondyl.phantoms.tissues import density_of_hu, hu_of_density, trabecular_hu
from spondyl.phantoms.truth_of_canal import canal_truth
from spondyl.vertebrae.build import build_vertebrae

COARSE = ScannerSpec(voxel_mm=1.0, slice_spacing_mm=1.0, noise_hu=10.0)


def lesion(level: str, **fields) -> LesionSpec:
    return LesionSpec.model_validate({"level": level, **fields})


@pytest.fixture(scope="module")
def trunk() -> Phantom:
    """Four levels, one of them fractured, one with a ball of a lesion far from its cortex, one with a left pedicle."""
    return make(
        PhantomSpec(
            seed=5,
            scan=Scan(first=Level.T11, last=Level.L2, margin_mm=18),
            scanner=COARSE,
            fractures=(FractureSpec(level=Level.L1, shape="wedge", loss=0.4),),
            lesions=(
                lesion("T12", diameter_mm=12, irregularity=0.0, place="centre"),
                lesion("L2", diameter_mm=14, place="pedicle_left", kind="blastic"),
                lesion("T11", diameter_mm=14, place="posterior", canal_growth_mm=6),
            ),
        )
    )


def test_heights_are_found_within_one_millimetre(trunk):
    found, reasons = build_vertebrae(trunk.level_map, trunk.ct)
    for level in (Level.T11, Level.T12, Level.L1, Level.L2):
        assert level in found, reasons
        shape, truth = found[level].geometry, trunk.truth["levels"][level.name]["body"]
        measured = shape.anterior_height_mm, shape.middle_height_mm, shape.posterior_height_mm
        np.testing.assert_allclose(measured, list(truth["heights_mm"].values()), atol=1.0, err_msg=level.name)
    assert trunk.truth["levels"]["L1"]["body"]["height_loss"] == pytest.approx(0.4)


def test_each_whole_vertebra_is_one_piece(trunk):
    for name, truth in trunk.truth["levels"].items():
        if not truth["cut"]:
            mask = (trunk.level_map.labels.array == truth["label"]).astype(np.uint8)
            assert cc3d.connected_components(mask, connectivity=6, return_N=True)[1] == 1, name


def test_cut_levels_are_told_and_no_other_level_is_in_the_masks(trunk):
    assert {level.name for level in trunk.level_map.levels} <= set(trunk.truth["levels"])
    borders = trunk.level_map.labels.array[:, :, [0, -1]]
    for label in np.unique(borders[borders > 0]):
        assert trunk.truth["levels"][Level(label).name]["cut"]
    assert not trunk.truth["levels"]["T12"]["cut"]


def test_a_ball_far_from_the_cortex_has_the_closed_volume(trunk):
    (ball,) = trunk.truth["levels"]["T12"]["lesions"]
    assert ball["volume_mm3"] == pytest.approx(np.pi / 6 * 12**3, rel=1e-3)
    assert ball["bone_volume_mm3"] == pytest.approx(np.pi / 6 * 12**3, rel=1e-2)
    assert ball["longest_diameter_mm"] == pytest.approx(12, rel=0.03)
    assert not ball["cortex_breached"]
    voxels = (trunk.lesions.array == ball["number"]).sum() * trunk.lesions.voxel_volume_mm3
    assert voxels == pytest.approx(ball["volume_mm3"], rel=0.05)


def test_left_is_left_and_the_pedicle_is_destroyed(trunk):
    truth = trunk.truth["levels"]["L2"]
    (entry,) = truth["lesions"]
    frame = truth["frame"]
    aside = (np.array(entry["centroid_lps_mm"]) - frame["origin_lps_mm"]) @ np.array(frame["axes"])[:, 0]
    assert aside > 5
    assert entry["pedicles"] == {"left": True, "right": False}
    assert truth["sins"]["items"]["posterolateral"] == "unilateral"
    left = trunk.subregions.array == SubRegion.PEDICLE_LEFT
    right = trunk.subregions.array == SubRegion.PEDICLE_RIGHT
    assert np.argwhere(left)[:, 0].mean() > np.argwhere(right)[:, 0].mean()
    assert trunk.ct.affine[0, 0] > 0


def test_epidural_tumour_lies_in_the_canal_and_presses_the_sac(trunk):
    truth = trunk.truth["levels"]["T11"]
    canal = truth["canal"]
    assert canal["escc"] in ("1b", "1c", "2", "3")
    assert canal["sac_area_mm2"] < canal["intact_sac_area_mm2"]
    assert truth["lesions"][0]["posterior_wall"]
    epidural, sac = trunk.epidural.array, trunk.sac.array
    assert epidural.any()
    assert not (epidural & sac).any()
    voxels = epidural.sum() * trunk.epidural.voxel_volume_mm3
    assert voxels == pytest.approx(truth["lesions"][0]["canal_volume_mm3"], rel=0.3)


def test_masks_nest_and_noise_free_tissue_has_its_hu(trunk):
    assert not (trunk.cord.array & ~trunk.sac.array).any()
    assert ((trunk.subregions.array > 0) == (trunk.level_map.labels.array > 0)).all()
    inner = (trunk.level_map.labels.array == Level.L2) & (trunk.subregions.array == SubRegion.BODY)
    from scipy import ndimage

    core = ndimage.binary_erosion(inner, iterations=5) & (trunk.lesions.array == 0)
    expected = trunk.truth["levels"]["L2"]["trabecular"]["hu_as_scanned"]
    assert trunk.ct.array[core].mean() == pytest.approx(expected, abs=6)
    csf = ndimage.binary_erosion(trunk.sac.array, iterations=2) & ~ndimage.binary_dilation(
        trunk.cord.array, iterations=3
    )
    assert trunk.ct.array[csf].mean() == pytest.approx(8, abs=8)


def test_the_same_spec_gives_the_same_bits():
    spec = PhantomSpec(seed=2, scan=Scan(first=Level.C5, last=Level.C6), scanner=COARSE)
    one, two = make(spec), make(spec)
    assert (one.ct.array == two.ct.array).all()
    assert json.dumps(one.truth) == json.dumps(two.truth)
    other = make(spec.model_copy(update={"seed": 3}))
    assert (one.ct.array != other.ct.array).any()
    assert one.truth["levels"] == other.truth["levels"]


def test_voxel_volumes_converge_to_the_shape():
    """The volume of a whole vertebra by voxels of 2 and 1 mm against a fine lattice of its shape."""
    errors = []
    spec = PhantomSpec(scan=Scan(first=Level.T12, last=Level.T12, margin_mm=30))
    scene = build_scene(spec)
    placed = scene.spine.of[Level.T12]
    axes = [np.arange(a, b, 0.5) for a, b in zip(*placed.shape.box, strict=True)]
    local = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    distance, _ = scene.evaluate(Level.T12, *local.T)
    true = float(np.clip(0.5 - distance / 0.5, 0, 1).sum() * 0.125)
    for step in (3.0, 1.0):
        phantom = make(
            spec.model_copy(update={"scanner": ScannerSpec(voxel_mm=step, slice_spacing_mm=step, noise_hu=0)})
        )
        voxels = (phantom.level_map.labels.array == Level.T12).sum() * phantom.ct.voxel_volume_mm3
        errors.append(abs(voxels / true - 1))
    assert errors[1] < 0.01
    assert errors[1] < errors[0] or errors[0] < 0.01


def test_canal_truth_without_a_mass_is_the_closed_form():
    scene = build_scene(PhantomSpec())
    for placed in scene.spine.vertebrae:
        canal = canal_truth(scene, placed)
        assert canal["free_area_mm2"] == canal["area_mm2"] == placed.shape.canal.area_mm2
        assert canal["escc"] is None


def test_retropulsion_takes_room_by_its_depth():
    shares = []
    for depth in (2.0, 5.0):
        scene = build_scene(
            PhantomSpec(fractures=(FractureSpec(level=Level.L1, shape="crush", loss=0.4, retropulsion_mm=depth),))
        )
        shares.append(canal_truth(scene, scene.spine.of[Level.L1])["retropulsed_share"])
    assert 0.02 < shares[0] < shares[1] < 0.5


def test_escc_rises_with_growth_into_the_canal():
    order = ("0", "1a", "1b", "1c", "2", "3")
    grades = []
    for growth in (0.0, 1.2, 3.0, 6.0, 12.0):
        entry = lesion("T8", diameter_mm=16, irregularity=0.0, place="posterior", canal_growth_mm=growth)
        scene = build_scene(PhantomSpec(lesions=(entry,)))
        grades.append(canal_truth(scene, scene.spine.of[Level.T8])["escc"])
    places = [order.index(grade) for grade in grades]
    assert places[0] == 0
    assert places == sorted(places)
    assert places[-1] >= 4


def test_below_the_conus_there_is_no_escc():
    scene = build_scene(PhantomSpec(lesions=(lesion("L4", diameter_mm=16, place="posterior", canal_growth_mm=6),)))
    canal = canal_truth(scene, scene.spine.of[Level.L4])
    assert canal["escc"] is None
    assert "sac" in canal["escc_reason"]


def test_density_by_age_follows_the_published_line():
    """L1 226 HU below 30 years, 2.5 HU less a year (jang2019)."""
    assert trabecular_hu(Level.L1, "male", 27) == pytest.approx(226)
    assert trabecular_hu(Level.L1, "male", 60) == pytest.approx(226 - 2.5 * 33)
    assert density_of_hu(hu_of_density(123.0)) == pytest.approx(123.0)
    assert trabecular_hu(Level.L1, "female", 75) < trabecular_hu(Level.L1, "male", 75)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[person]\nage = 150", "person.age"),
        ("[[lesions]]\nlevel = 'T19'", "no vertebral level"),
        ("[[fractures]]\nlevel = 'T13'\nloss = 0.3", "no level of a spine"),
        ("colour = 3", "colour"),
        ("[scan]\nfirst = 'L2'\nlast = 'T9'", "lies below"),
        ("[[mimics]]\nlevel = 'T5'\nkind = 'ghost'", "mimics.0.kind"),
    ],
)
def test_wrong_entries_are_named(tmp_path, text, words):
    path = tmp_path / "spec.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidAnswer, match=words):
        read_spec(path)


def test_a_file_that_is_no_toml_is_refused(tmp_path):
    path = tmp_path / "spec.toml"
    path.write_text("= no", encoding="utf-8")
    with pytest.raises(UnreadableInput):
        read_spec(path)


def test_a_lesion_where_there_is_no_bone_is_refused():
    with pytest.raises(InvalidAnswer, match="no rib"):
        build_scene(parse_spec({"lesions": [{"level": "L2", "place": "costovertebral_left"}]}))


def test_random_specs_are_keyed_and_can_be_built():
    assert random_spec(1, 5) == random_spec(1, 5)
    assert random_spec(1, 5) != random_spec(1, 6)
    specs = [random_spec(1, n) for n in range(60)]
    assert 0.1 < np.mean([not spec.lesions for spec in specs]) < 0.6
    assert {entry.kind for spec in specs for entry in spec.lesions} == {"lytic", "blastic", "mixed"}
    for spec in specs[:12]:
        assert {entry.level for entry in spec.lesions} <= set(spec.scanned())
        build_scene(spec)
