"""Masks of sac, tumour in the canal and phantom rods, right and wrong ones, through the command a user types."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from data import UTF8
from spondyl.phantoms.phantom import make
from spondyl.phantoms.spec import parse_spec
from spondyl.phantoms.tissues import hu_of_density
from spondyl.phantoms.write import write_phantom

SPONDYL = Path(sys.executable).with_name("spondyl")
RODS_MG_CC = {1: 0.0, 2: 75.0, 3: 150.0}
LEVELS = ("T11", "T12", "L1")
SPEC = {
    "seed": 77,
    "person": {"sex": "female", "age": 60},
    "scan": {"first": "T11", "last": "L1", "width_mm": 110},
    "scanner": {"voxel_mm": 1.2, "slice_spacing_mm": 2.0, "slice_thickness_mm": 2.0},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom of three levels with three rods at its front, and masks that went wrong in some way."""
    out = tmp_path_factory.mktemp("masks") / "phantom"
    write_phantom(make(parse_spec(SPEC)), out)
    ct, sac = (sitk.ReadImage(str(out / f"{name}.nii.gz")) for name in ("ct", "sac"))
    hu, held = sitk.GetArrayFromImage(ct), sitk.GetArrayFromImage(sac)
    rods = np.zeros_like(held)
    for label, mg_cc in RODS_MG_CC.items():
        rod = (slice(10, 30), slice(2, 16), slice(20 * label, 20 * label + 14))
        rods[rod] = label
        hu[rod] = round(hu_of_density(mg_cc))
    written = {"with_rods": (hu, ct), "rods": (rods, sac), "empty": (0 * held, sac), "half": (0.5 * held, sac)}
    written |= {"front_to_back": (held[:, ::-1], sac), "head_to_feet": (held[::-1], sac)}
    for name, (array, like) in written.items():
        image = sitk.GetImageFromArray(np.ascontiguousarray(array))
        image.CopyInformation(like)
        sitk.WriteImage(image, str(out / f"{name}.nii.gz"))
    start = [n - 4.3 for n in sac.GetOrigin()]
    moved = sitk.Resample(sac, [150, 150, 160], sitk.Transform(), sitk.sitkNearestNeighbor, start, [0.9, 1.1, 1.3])
    sitk.WriteImage(moved, str(out / "other_grid.nii.gz"))
    return out


def assess(folder: Path, *options: object, ct: str = "ct") -> tuple[subprocess.CompletedProcess[str], Path]:
    out = folder.parent / f"out-{len(list(folder.parent.iterdir()))}"
    command = ["assess", folder / f"{ct}.nii.gz", "--vertebrae", folder / "vertebrae.nii.gz", "--out", out]
    run = subprocess.run(
        [str(part) for part in (SPONDYL, *command, "--no-strength", "--workers", 1, *options)],
        capture_output=True,
        encoding="utf-8",
        env=UTF8,
        timeout=300,
        check=False,
    )
    return run, out


def canals(out: Path) -> dict[str, dict]:
    found = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    return {entry["level"]: entry["canal"] for entry in found["vertebrae"] if entry["level"] in LEVELS}


def test_a_sac_on_another_grid_measures_the_same(folder: Path) -> None:
    areas = []
    for name in ("sac", "other_grid"):
        run, out = assess(folder, "--sac", folder / f"{name}.nii.gz", "--epidural", folder / "epidural.nii.gz")
        assert run.returncode == 0, run.stderr
        areas.append([canals(out)[level]["sac_area_mm2"] for level in LEVELS])
    # Its voxels are 0.9 x 1.1 mm: a rim of a fifth of a voxel around a sac of 15 mm.
    assert areas[0] == pytest.approx(areas[1], rel=0.08)


def test_tumour_in_the_canal_without_a_sac_measures_no_sac(folder: Path) -> None:
    run, out = assess(folder, "--epidural", folder / "epidural.nii.gz")
    assert run.returncode == 0, run.stderr
    assert {canal["sac_area_mm2"] for canal in canals(out).values()} == {None}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--sac", "empty"), "the mask of the thecal sac is empty"),
        (("--sac", "front_to_back"), "of the thecal sac's mask lies in the vertebrae's labels"),
        (("--sac", "head_to_feet"), "of the thecal sac's mask lies in the vertebrae's labels"),
        (("--cord", "front_to_back"), "of the spinal cord's mask lies in the vertebrae's labels"),
        (("--sac", "half"), "not whole"),
        (("--rod-mask", "rods"), "without their densities"),
        (("--rod-mask", "rods", "--rod", "1=0", "--rod", "2=75"), "no density for label 3"),
        (("--rod-mask", "rods", *(f"--rod={n}={50 * n}" for n in range(1, 5))), "holds no label 4"),
    ],
)
def test_wrong_masks_are_refused_in_words(folder: Path, options: tuple[str, ...], said: str) -> None:
    name, file, *others = options
    run, out = assess(folder, name, folder / f"{file}.nii.gz", *others)
    assert run.returncode == 2, run.stdout + run.stderr
    assert said in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert not out.exists()


def test_rods_by_label_give_their_line(folder: Path) -> None:
    given = [f"--rod={label}={mg_cc}" for label, mg_cc in RODS_MG_CC.items()]
    run, out = assess(folder, "--rod-mask", folder / "rods.nii.gz", *given, ct="with_rods")
    assert run.returncode == 0, run.stderr
    found = json.loads((out / "assessment.json").read_text(encoding="utf-8"))["calibration"]
    per_mg = (hu_of_density(150.0) - hu_of_density(0.0)) / 150.0
    assert found["slope_mg_cc_per_hu"] == pytest.approx(1 / per_mg, rel=0.01)
    assert "rod" in found["method"]
