"""Implanted lesions: truth against an independent count, the scan's noise, sides, orientations, refusals."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

import toy_vertebra as toy
from data import UTF8, demo_case
from orientations import reoriented
from spondyl.cli.implant import read_implants, typed_specs
from spondyl.core.errors import InputError, MaskMismatch
from spondyl.core.volume import Volume
from spondyl.imaging.labels import read_level_map
from spondyl.imaging.read import read_ct
from spondyl.phantoms.implant import Implanted, ImplantSpec, implant
from spondyl.phantoms.implants import implant_all, random_implants
from spondyl.phantoms.lesion import LesionSpec, Place
from spondyl.phantoms.look import Look, look_of
from spondyl.phantoms.noise import NoiseTexture, filtered_noise

SPONDYL = Path(sys.executable).with_name("spondyl")
T8_OF_TOTALSEGMENTATOR = 36
LOOK = Look(1.2, 1.5, 20.0, NoiseTexture(2.0), "air")


@pytest.fixture(scope="module")
def scene():
    return toy.make()


def put(scene, **asked) -> Implanted:
    ct, mask, vertebra = scene
    spec = ImplantSpec(**{"level": "T8", "irregularity": 0.1, **asked})
    return implant(ct, mask, spec, vertebra=vertebra, look=LOOK)


@pytest.mark.parametrize(("kind", "diameter_mm"), [("lytic", 10.0), ("blastic", 14.0), ("mixed", 18.0)])
def test_mask_and_truth_agree_and_the_tissue_is_as_told(scene, kind: str, diameter_mm: float) -> None:
    made = put(scene, kind=kind, diameter_mm=diameter_mm)
    truth, voxels = made.truth, made.mask.array.sum() * made.mask.voxel_volume_mm3
    assert truth["longest_diameter_mm"] == pytest.approx(diameter_mm, abs=1e-6)
    assert voxels == pytest.approx(truth["volume_mm3"], rel=0.05)
    centre = made.mask.to_lps(np.argwhere(made.mask.array)).mean(axis=0)
    np.testing.assert_allclose(centre, truth["centroid_lps_mm"], atol=0.3)
    core = ndimage.binary_erosion(made.mask.array, iterations=2)
    if kind == "lytic":
        assert made.ct.array[core].mean() == pytest.approx(truth["lytic_hu"], abs=6)
    if kind == "blastic":
        assert made.ct.array[core].mean() == pytest.approx(truth["blastic_hu"], rel=0.12)
    if kind == "mixed":
        assert 0.15 < truth["blastic_share"] < 0.85


def test_a_ball_has_the_volume_of_a_ball(scene) -> None:
    made = put(scene, diameter_mm=12.0, irregularity=0.0)
    assert made.truth["volume_mm3"] == pytest.approx(np.pi / 6 * 12**3, rel=1e-9)
    assert made.truth["share_of_body"] == pytest.approx(np.pi / 6 * 12**3 / (np.pi * 20 * 16 * 26), rel=0.02)


def test_noise_inside_is_that_of_the_scan(scene) -> None:
    made = put(scene, diameter_mm=20.0, irregularity=0.0)
    core = ndimage.binary_erosion(made.mask.array, iterations=3)
    assert made.ct.array[core].std() == pytest.approx(20.0, rel=0.12)
    after, before = made.ct.array[core].astype(float), scene[0].array[core].astype(float)
    assert np.corrcoef(after, before)[0, 1] > 0.5  # it is the scan's own noise, not another


def test_far_from_the_lesion_nothing_changes_to_the_bit(scene) -> None:
    made = put(scene, diameter_mm=12.0, kind="blastic")
    away = ndimage.distance_transform_edt(~made.mask.array, sampling=made.mask.spacing_mm)
    assert (made.ct.array[away > 6] == scene[0].array[away > 6]).all()
    assert made.ct.array.dtype == scene[0].array.dtype
    assert (made.ct.array != scene[0].array).any()


def test_a_blastic_lesion_makes_nothing_less_dense_and_a_lytic_one_nothing_denser(scene) -> None:
    for kind, sign in (("blastic", 1), ("lytic", -1)):
        made = put(scene, kind=kind, diameter_mm=14.0, place="left", breach=True)
        change = ndimage.gaussian_filter(made.ct.array.astype(float) - scene[0].array, 2.0)
        assert (sign * change).min() > -12


@pytest.mark.parametrize("place", ["left", "right", "anterior", "posterior", "superior", "inferior"])
def test_places_of_the_body_are_where_they_say(scene, place: str) -> None:
    made = put(scene, diameter_mm=9.0, place=place)
    local = np.array(made.truth["centroid_vertebra_mm"])
    axis, sign = {"left": (0, 1), "right": (0, -1), "posterior": (1, 1), "anterior": (1, -1)}.get(
        place, (2, 1 if place == "superior" else -1)
    )
    assert sign * local[axis] > 4
    assert np.abs(np.delete(local, axis)).max() < 1.0
    assert not made.truth["cortex_breached"]
    if place == "left":  # LPS: the patient's left is +x, whatever the vertebra's own frame
        assert made.truth["centroid_lps_mm"][0] > toy.frame().origin_mm[0] + 4


@pytest.mark.parametrize("place", [place for place in Place if not place.in_body])
def test_places_of_the_arch_touch_their_part_on_their_side(scene, place: Place) -> None:
    made = put(scene, diameter_mm=10.0, place=place)
    assert np.sign(made.truth["centroid_vertebra_mm"][0]) == (1 if place.endswith("left") else -1)
    parts = made.truth["parts_mm3"]
    if place.startswith("costo"):  # where the side of the body meets the pedicle
        side = place.rpartition("_")[2]
        assert parts["body"] > 40
        assert parts["body"] + parts[f"pedicle_{side}"] > 0.8 * made.truth["volume_mm3"]
    else:
        assert parts[str(place)] > 0.3 * made.truth["volume_mm3"]


def test_a_breach_eats_the_cortex_and_sparing_it_does_not(scene) -> None:
    wall = scene[0].sample(toy.frame().to_lps(np.array([[19.3, 0.0, 0.0]])), order=1, outside=0)[0]
    eaten = put(scene, diameter_mm=12.0, place="left", breach=True)
    spared = put(scene, diameter_mm=12.0, place="left", breach=False)
    ring = toy.frame().to_lps(np.array([[19.3, y, z] for y in (-2.0, 0.0, 2.0) for z in (-2.0, 0.0, 2.0)]))
    assert wall > 350
    assert eaten.ct.sample(ring, order=1, outside=0).mean() < 120
    assert spared.ct.sample(ring, order=1, outside=0).mean() > 350
    assert eaten.truth["cortex_breached"]
    assert not spared.truth["cortex_breached"]


def test_growth_into_the_canal_lies_behind_the_wall(scene) -> None:
    made = put(scene, diameter_mm=14.0, place="posterior", canal_growth_mm=5.0)
    local = toy.frame().to_local(made.mask.to_lps(np.argwhere(made.mask.array)))
    assert local[:, 1].max() == pytest.approx(16 + 5, abs=1.0)
    assert made.truth["outside_bone_mm3"] > 100
    assert made.truth["cortex_breached"]
    beside = put(scene, diameter_mm=14.0, place="left", paravertebral_growth_mm=8.0)
    local = toy.frame().to_local(beside.mask.to_lps(np.argwhere(beside.mask.array)))
    assert local[:, 0].max() == pytest.approx(20 + 8, abs=1.0)


def test_same_spec_same_bits_other_seed_other_lesion(scene) -> None:
    one, again, other = (put(scene, kind="mixed", seed=seed) for seed in (4, 4, 5))
    assert (one.ct.array == again.ct.array).all()
    assert one.truth == again.truth
    assert (one.mask.array != other.mask.array).any()


@pytest.mark.parametrize(
    ("permutation", "signs"), [((2, 0, 1), (1, -1, 1)), ((1, 0, 2), (-1, -1, -1)), ((0, 2, 1), (1, 1, -1))]
)
def test_another_orientation_of_the_file_gives_the_same_lesion(scene, permutation, signs) -> None:
    ct, mask, vertebra = scene
    spec = ImplantSpec(level="T8", kind="mixed", place="left", diameter_mm=12.0)
    plain = implant(ct, mask, spec, vertebra=vertebra, look=LOOK)
    turned = implant(
        reoriented(ct, permutation, signs), reoriented(mask, permutation, signs), spec, vertebra=vertebra, look=LOOK
    )
    assert turned.truth == plain.truth
    assert (turned.ct.canonical().array == plain.ct.array).all()
    assert (turned.mask.canonical().array == plain.mask.array).all()
    assert turned.ct.shape == tuple(np.array(ct.shape)[list(permutation)])


def test_an_oblique_grid_gives_the_same_lesion_in_the_patient() -> None:
    """On a grid turned by 20 degrees: centroid, volume and diameter are the patient's, not the grid's."""
    scene = toy.make()
    ct, mask, vertebra = scene
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    affine = ct.affine.copy()
    middle = ct.to_lps((np.array(ct.shape) - 1) / 2)
    affine[:3, :3] = turn @ affine[:3, :3]
    affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(ct.shape) - 1) / 2)
    grid = Volume(np.zeros(ct.shape, np.uint8), affine, "label")
    oblique = ct.resampled_onto(grid, order=1, outside=40), mask.resampled_onto(grid, order=0, outside=0), vertebra
    oblique = oblique[0], grid.like(oblique[1].array > 0, "mask"), vertebra
    plain, turned = (put(s, diameter_mm=12.0, place="anterior") for s in (scene, oblique))
    np.testing.assert_allclose(turned.truth["centroid_lps_mm"], plain.truth["centroid_lps_mm"], atol=0.5)
    assert turned.truth["volume_mm3"] == pytest.approx(plain.truth["volume_mm3"], rel=1e-9)
    centre = turned.mask.to_lps(np.argwhere(turned.mask.array)).mean(axis=0)
    np.testing.assert_allclose(centre, turned.truth["centroid_lps_mm"], atol=0.3)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"diameter_mm": 55.0}, "larger than T8"),
        ({"diameter_mm": 38.0, "place": "lamina_left"}, "larger than the bone there"),
        ({"diameter_mm": 6.0, "place": "centre", "breach": True}, "does not reach the cortex"),
        ({"diameter_mm": 24.0, "place": "lamina_left", "breach": False}, "let it breach"),
    ],
)
def test_what_has_no_place_is_refused(scene, asked: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        put(scene, **asked)


def test_costovertebral_joints_are_thoracic_and_absent_parts_are_named(scene) -> None:
    ct, mask, vertebra = scene
    lumbar = ImplantSpec(level="L2", place="costovertebral_left", diameter_mm=8)
    with pytest.raises(InputError, match="L2 bears no rib"):
        implant(ct, mask, lumbar, vertebra=vertebra, look=LOOK)
    parts = vertebra.parts.array.copy()
    parts[parts == 2] = 0
    without = replace(vertebra, parts=vertebra.parts.like(parts, "label"))
    with pytest.raises(InputError, match="no whole left pedicle"):
        implant(ct, mask, ImplantSpec(level="T8", place="pedicle_left", diameter_mm=8), vertebra=without, look=LOOK)
    with pytest.raises(MaskMismatch, match="T8 is not in"):
        implant(ct, mask.like(np.zeros(mask.shape, bool), "mask"), ImplantSpec(level="T8"))


@pytest.mark.parametrize(("fwhm_mm", "noise_hu"), [(1.2, 15.0), (1.8, 40.0)])
def test_sharpness_and_noise_of_a_known_scan_are_measured(fwhm_mm: float, noise_hu: float) -> None:
    spacing, shape = (0.7, 0.7, 2.0), (180, 180, 16)
    x, y = ((np.arange(n) - n / 2) * 0.7 for n in shape[:2])
    disc = np.where(np.hypot(x[:, None], y[None, :]) < 50, 50.0, -1000.0)
    bone = np.hypot(x[:, None], y[None, :]) < 14
    exact = np.repeat(np.where(bone, 180.0, disc)[:, :, None], shape[2], 2)
    blurred = ndimage.gaussian_filter(exact, [fwhm_mm / 2.3548 / 0.7] * 2 + [0])
    texture = NoiseTexture(0.45)
    blurred += filtered_noise(shape, spacing, texture, noise_hu, np.random.default_rng(1))
    ct = Volume(blurred, np.diag([*spacing, 1.0]), "HU")
    look = look_of(ct, ct.like(np.repeat(bone[:, :, None], shape[2], 2), "mask"))
    assert look.sharpness_from == "air"
    assert look.in_plane_fwhm_mm == pytest.approx(fwhm_mm, rel=0.25)
    assert look.noise_sd_hu == pytest.approx(noise_hu, rel=0.1)
    assert look.texture.cutoff_per_mm == pytest.approx(0.45, rel=0.15)


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(SPONDYL), "implant", *map(str, arguments)], capture_output=True, text=True, encoding="utf-8", env=UTF8
    )


@pytest.fixture(scope="module")
def around_t8(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """CT and mask of the demo case, cut to T8 and what lies within 35 mm, so that the command answers soon."""
    ct, mask = map(nibabel.load, demo_case())
    labels = np.asarray(mask.dataobj)
    low, high = (f(np.argwhere(labels == T8_OF_TOTALSEGMENTATOR), axis=0) for f in (np.min, np.max))
    margin = np.ceil(35 / np.array(mask.header.get_zooms()[:3])).astype(int)
    box = tuple(slice(max(0, a - m), b + m) for a, b, m in zip(low, high, margin, strict=True))
    folder = tmp_path_factory.mktemp("t8")
    for image, name, kind in ((ct, "ct.nii.gz", np.int16), (mask, "mask.nii.gz", np.uint8)):
        cropped = image.slicer[box]
        nibabel.save(nibabel.Nifti1Image(np.asarray(cropped.dataobj).astype(kind), cropped.affine), folder / name)
    return folder / "ct.nii.gz", folder / "mask.nii.gz"


def test_the_command_on_a_real_scan(around_t8: tuple[Path, Path], tmp_path: Path) -> None:
    ct, mask = around_t8
    out = tmp_path / "case"
    asked = ("--level", "T8", "--type", "lytic", "--diameter-mm", 14, "--where", "posterior")
    done = run(ct, "--vertebrae", mask, *asked, "--out", out)
    assert done.returncode == 0, done.stderr
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))["lesions"][0]
    before, after, lesion = (
        nibabel.as_closest_canonical(nibabel.load(path)) for path in (ct, out / "ct.nii.gz", out / "lesion.nii.gz")
    )
    inside = lesion.get_fdata() > 0
    volume = inside.sum() * abs(np.linalg.det(lesion.affine[:3, :3]))
    assert volume == pytest.approx(truth["volume_mm3"], rel=0.05)
    centre = nibabel.affines.apply_affine(lesion.affine, np.argwhere(inside)).mean(axis=0) * [-1, -1, 1]
    np.testing.assert_allclose(centre, truth["centroid_lps_mm"], atol=0.4)
    was, now = np.maximum(before.get_fdata(), -1024), after.get_fdata()  # padding below air is air to the reader
    away = ndimage.distance_transform_edt(~inside, sampling=lesion.header.get_zooms()[:3]) > 8
    assert (was[away] == now[away]).all()
    assert now[inside].mean() < was[inside].mean() - 40


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (("--level", "C3"), "C3 is not in the vertebra mask"),
        (("--level", "T11"), "no lesion can be placed in T11"),
        (("--level", "T8", "--diameter-mm", 58), "larger than T8"),
        (("--level", "T8", "--where", "elbow"), "--where"),
    ],
)
def test_wrong_input_is_refused_in_words_and_leaves_nothing(
    around_t8: tuple[Path, Path], tmp_path: Path, asked: tuple, said: str
) -> None:
    ct, mask = around_t8
    done = run(ct, "--vertebrae", mask, *asked, "--out", tmp_path / "case")
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("typed", "file", "random", "said"),
    [
        ({"level": "Q9"}, None, None, "--level: 'Q9' is no vertebral level"),
        ({"level": "T8", "kind": "soft"}, None, None, "--type"),
        ({"level": "T8", "diameter_mm": 900.0}, None, None, "--diameter-mm"),
        ({}, None, None, "no lesion is named"),
        ({"level": "T8"}, None, 3, "given together"),
        ({"place": "left"}, None, 3, "of use only with --level"),
        ({}, Path("nowhere.toml"), None, "can't be read"),
    ],
)
def test_what_is_typed_is_checked_before_the_work(
    typed: dict, file: Path | None, random: int | None, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        typed_specs(file, typed, 0, random)


def test_a_random_set_leaves_controls_and_comes_back_the_same(around_t8: tuple[Path, Path]) -> None:
    ct = read_ct(around_t8[0]).volume
    levels = read_level_map(around_t8[1], ct)
    case, again = (random_implants(ct, levels, 3, 2) for _ in range(2))
    assert case.controls
    assert case.truths
    assert json.dumps(case.truths, default=float) == json.dumps(again.truths, default=float)
    assert (case.ct.array == again.ct.array).all()
    for level in case.controls:
        bone = levels.labels.array == int(level)
        assert not case.lesions.array[bone].any()
    for truth in case.truths:
        volume = (case.lesions.array == truth["label"]).sum() * ct.voxel_volume_mm3
        assert volume == pytest.approx(truth["volume_mm3"], rel=0.1)
        assert truth["level"] not in {level.name for level in case.controls}


def test_lesions_that_overlap_are_refused(around_t8: tuple[Path, Path]) -> None:
    ct = read_ct(around_t8[0]).volume
    levels = read_level_map(around_t8[1], ct)
    specs = [ImplantSpec(level="T8", diameter_mm=12, place=place) for place in ("centre", "posterior")]
    with pytest.raises(InputError, match="overlaps lesion 1"):
        implant_all(ct, levels, specs)


def test_a_file_names_the_path_of_a_wrong_entry(tmp_path: Path) -> None:
    file = tmp_path / "two.toml"
    file.write_text('[[lesion]]\nlevel = "T8"\nkind = "lytic"\n[[lesion]]\nlevel = "T9"\nplace = "elbow"\n')
    with pytest.raises(InputError, match=r"lesion\[1\]\.place"):
        read_implants(file, 0)
    file.write_text('[[lesion]]\nlevel = "T8"\n[[lesion]]\nlevel = "T9"\nseed = 40\n')
    assert [spec.seed for spec in read_implants(file, 7)] == [7, 40]
    assert isinstance(read_implants(file, 7)[0], LesionSpec)
