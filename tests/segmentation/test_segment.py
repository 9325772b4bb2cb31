"""Vertebrae from a raw CT: a phantom whose labels are known, and real scans with another program's masks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from data import UTF8, demo_case, shared_data, tptbox_case
from spondyl.anatomy.levels import Level
from spondyl.core.errors import InputError
from spondyl.core.volume import Volume
from spondyl.imaging.files import read_image_file
from spondyl.imaging.labels import read_level_map
from spondyl.imaging.read import read_ct
from spondyl.phantoms.phantom import Phantom, make
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.spec import PhantomSpec, Scan
from spondyl.segmentation.segment import SURE_MARGIN, segment

SPONDYL = Path(sys.executable).with_name("spondyl")
DEMO_LEVELS = [Level[f"T{n}"] for n in range(1, 13)] + [Level.L1, Level.L2]


def dice(ours, theirs, level):
    one, other = ours == level, theirs == level
    return 2 * (one & other).sum() / max(1, one.sum() + other.sum())


@pytest.fixture(scope="module")
def phantom() -> Phantom:
    scanner = ScannerSpec(voxel_mm=0.9, slice_spacing_mm=1.5, slice_thickness_mm=1.5, noise_hu=15)
    return make(PhantomSpec(seed=4, scan=Scan(first=Level.T8, last=Level.L3), scanner=scanner))


@pytest.fixture(scope="module")
def found(phantom):
    return segment(phantom.ct)


def test_a_phantoms_levels_are_found_under_their_names(phantom, found):
    truth, ours = phantom.level_map.labels.array, found.level_map.labels.array
    whole = [Level.T9, Level.T10, Level.T11, Level.T12, Level.L1, Level.L2]
    shares = [dice(ours, truth, level) for level in whole]
    assert min(shares) > 0.8
    assert np.mean(shares) > 0.86
    assert found.names_are_sure == (found.margin >= SURE_MARGIN)


@pytest.mark.xfail(strict=True, reason="asked for: mean overlap of 0.93 with phantoms; 0.89 so far")
def test_a_phantoms_levels_overlap_as_asked_for(phantom, found):
    truth, ours = phantom.level_map.labels.array, found.level_map.labels.array
    whole = [Level.T9, Level.T10, Level.T11, Level.T12, Level.L1, Level.L2]
    assert np.mean([dice(ours, truth, level) for level in whole]) >= 0.93


def test_the_arrays_orientation_changes_nothing(phantom, found):
    ct = phantom.ct
    affine = ct.affine[:, [2, 0, 1, 3]].copy()
    array = ct.array.transpose(2, 0, 1)[::-1]
    affine[:3, 3] = ct.affine[:3, 3] + affine[:3, 0] * (array.shape[0] - 1)
    affine[:3, 0] *= -1
    other = segment(Volume(array, affine, "HU")).level_map.labels
    assert other.same_grid(Volume(array, affine, "HU"))
    assert np.array_equal(other.array[::-1].transpose(1, 2, 0), found.level_map.labels.array)


def test_an_anchor_names_the_row(phantom, found):
    middle = phantom.level_map.points_lps_mm(Level.T11).mean(axis=0)
    held = segment(phantom.ct, {Level.T10: float(middle[2])})
    assert dice(held.level_map.labels.array, found.level_map.labels.array, Level.T10) < 0.1
    moved = (held.level_map.labels.array == Level.T10) & (found.level_map.labels.array == Level.T11)
    assert moved.sum() > 1000
    with pytest.raises(InputError, match="no vertebra lies at z"):
        segment(phantom.ct, {Level.T10: float(middle[2]) + 900})
    with pytest.raises(InputError, match="fit no row"):
        segment(phantom.ct, {Level.T10: float(middle[2]), Level.L4: float(middle[2]) + 30})


@pytest.fixture(scope="module")
def demo():
    ct, labels = demo_case()
    scan = read_ct(ct)
    return segment(scan.volume), read_level_map(labels, scan.volume).labels.array


def test_every_level_of_the_demo_scan_gets_its_name_without_an_anchor(demo):
    ours, truth = demo[0].level_map.labels.array, demo[1]
    for level in DEMO_LEVELS:
        here = truth == level
        assert Level(np.bincount(ours[here & (ours > 0)]).argmax()) is level


def test_overlap_with_another_programs_mask_of_the_demo_scan(demo):
    ours, truth = demo[0].level_map.labels.array, demo[1]
    assert np.mean([dice(ours, truth, level) for level in DEMO_LEVELS]) > 0.84


@pytest.mark.xfail(strict=True, reason="asked for: mean 0.90, none under 0.85; 0.86 and 0.75 so far")
def test_overlap_with_another_programs_mask_is_as_asked_for(demo):
    shares = [dice(demo[0].level_map.labels.array, demo[1], level) for level in DEMO_LEVELS]
    assert np.mean(shares) >= 0.90
    assert min(shares) >= 0.85


def test_names_that_are_not_sure_say_so_at_every_level():
    scan = read_ct(tptbox_case()[0])
    found = segment(scan.volume)
    assert not found.names_are_sure
    assert all("its name is not sure" in entry.doubts for entry in found.levels)
    assert "--anchor" in " ".join(found.notes)
    assert None in {level for level, _ in found.level_map.doubts}


def test_with_one_anchor_the_sample_gets_its_names():
    ct, labels, _ = tptbox_case()
    scan = read_ct(ct)
    truth = read_level_map(labels, scan.volume)
    z = float(truth.points_lps_mm(Level.L3).mean(axis=0)[2])
    found = segment(scan.volume, {Level.L3: z})
    assert found.level_map.levels == (Level.L2, Level.L3, Level.L4)
    assert dice(found.level_map.labels.array, truth.labels.array, Level.L3) > 0.8


def test_the_command_writes_a_mask_and_a_picture(tmp_path):
    ct = shared_data("rider_pilot_0117_thoracic_0.8mm_dicom")
    mask, picture = tmp_path / "mask.nii.gz", tmp_path / "look.png"
    run = subprocess.run(
        [SPONDYL, "segment", ct, "--out", mask, "--preview", picture, "--anchor", "T9=-255"],
        capture_output=True,
        encoding="utf-8",
        env=UTF8,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    labels = read_image_file(mask, "the mask")
    assert labels.same_grid(read_ct(ct).volume)
    assert Level.T9 in np.unique(labels.array)


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--anchor", "T9"], "LEVEL=Z"), (["--anchor", "X9=3"], "LEVEL=Z"), (["--levels", "L9"], "no vertebral level")],
)
def test_wrong_options_are_refused(tmp_path, options, said):
    run = subprocess.run(
        [SPONDYL, "segment", tmp_path / "ct.nii.gz", "--out", tmp_path / "mask.nii.gz", *options],
        capture_output=True,
        encoding="utf-8",
        env=UTF8,
        check=False,
    )
    assert run.returncode == 2
    assert said in run.stderr
    assert not list(tmp_path.iterdir())
