"""`spondyl strength` as a user types it: on a CT with its masks, and on the published block."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import nibabel
import numpy as np
import pytest

from data import UTF8, shared_data, tptbox_case

SPONDYL = Path(sys.executable).with_name("spondyl")
BODY = 49
L3 = 22
INDEPENDENT_N_PER_MM = 10547.0
"""An assembled solve of the published files with other software (2109.5 N at 0.2 mm)."""


def spondyl(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [SPONDYL, "strength", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, timeout=300, check=False)


def read(out: Path) -> dict:
    return json.loads((out / "strength.json").read_text(encoding="utf-8"))


def by_case(file: dict, name: str = "L3") -> dict:
    level = next(entry for entry in file["levels"] if entry["name"] == name)
    return {found["load_case"]: found for found in level["strengths"]}


@pytest.fixture(scope="module")
def sick(tmp_path_factory) -> tuple[Path, Path]:
    """The sample's CT with a hole of soft tissue in the left half of L3, and its mask."""
    ct, vertebrae, parts = tptbox_case()
    image = nibabel.load(ct)
    assert nibabel.aff2axcodes(image.affine)[2] == "R"  # the array's last axis runs to the right
    level, part = (np.asarray(nibabel.load(path).dataobj) for path in (vertebrae, parts))
    body = (level == L3) & (part == BODY)
    centre, lowest = np.argwhere(body).mean(axis=0), np.argwhere(body).min(axis=0)
    centre[2] = lowest[2] + 6
    hole = (np.linalg.norm(np.moveaxis(np.indices(level.shape), 0, -1) - centre, axis=-1) < 6) & (level == L3)
    values = image.get_fdata()
    values[hole] = 10
    folder = tmp_path_factory.mktemp("sick")
    nibabel.save(nibabel.Nifti1Image(values.astype(np.int16), image.affine), folder / "ct.nii.gz")
    nibabel.save(nibabel.Nifti1Image(hole.astype(np.uint8), image.affine), folder / "lesion.nii.gz")
    return folder / "ct.nii.gz", folder / "lesion.nii.gz"


@pytest.fixture(scope="module")
def typed(sick) -> tuple[object, ...]:
    _, vertebrae, parts = tptbox_case()
    return (sick[0], "--vertebrae", vertebrae, "--subregions", parts, "--voxel", "2.5", "--levels", "L3")


@pytest.fixture(scope="module")
def study(sick, typed, tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "history.toml").write_text("[person]\nweight_kg = 78\n", encoding="utf-8")
    out = folder / "out"
    loads = [word for load in ("axial", "flexion", "side", "torsion") for word in ("--load", load)]
    run = spondyl(*typed, "--lesions", sick[1], "--history", folder / "history.toml", *loads, "--out", out)
    assert run.returncode == 0, run.stderr
    return out, run


def test_every_load_case_is_there_and_the_file_keeps_its_schema(study):
    out, _ = study
    file = read(out)
    schema = json.loads(subprocess.run([SPONDYL, "schema", "strength"], capture_output=True, check=True).stdout)
    jsonschema.Draft202012Validator(schema).validate(file)
    assert [level["name"] for level in file["levels"]] == ["L3"]
    assert list(by_case(file)) == ["axial", "flexion", "side-left", "side-right", "torsion"]
    assert {path.name for path in (out / "figures").iterdir()} == {f"L3-{case}.png" for case in by_case(file)}


def test_a_hole_on_the_left_costs_most_when_bent_to_the_left(study):
    cost = {name: found["lesions"][-1]["lost_share"] for name, found in by_case(read(study[0])).items()}
    assert cost["side-left"] > cost["axial"] > cost["side-right"]
    load = {name: found["failure_load_n"] for name, found in by_case(read(study[0])).items()}
    assert load["side-left"] < load["side-right"] < load["axial"]
    assert load["torsion"] is None


def test_every_interval_holds_its_load_and_tasks_are_told_without_a_verdict(study):
    for found in by_case(read(study[0])).values():
        kind = "moment" if found["load_case"] == "torsion" else "load"
        unit = "nmm" if kind == "moment" else "n"
        low, high = found[f"failure_{kind}_interval_{unit}"]
        assert low < found[f"failure_{kind}_{unit}"] < high
        assert {entry["source"] for entry in found["spreads"]} >= {"calibration", "law", "tumour"}
    loads = read(study[0])["levels"][0]["loads"]
    assert loads
    strength = by_case(read(study[0]))["axial"]["failure_load_n"]
    for task in loads:
        assert task["load_to_strength"] == pytest.approx(task["load_n"] / strength, abs=0.006)
    page = (study[0] / "strength.html").read_text(encoding="utf-8")
    assert not any(word in page.lower() for word in (" unsafe", "will break", "high risk", "stable"))


def test_the_terminal_cuts_no_number_off(study):
    out, run = study
    for found in by_case(read(out)).values():
        if found["failure_load_n"] is not None:
            low, high = found["failure_load_interval_n"]
            assert f"{found['failure_load_n']:.0f} N" in run.stdout
            assert f"{low:.0f}–{high:.0f}" in run.stdout
    assert "…" not in run.stdout


def test_nothing_of_paths_is_written(study, sick):
    for name in ("strength.json", "strength.html"):
        text = (study[0] / name).read_text(encoding="utf-8")
        assert not any(str(path) in text for path in (*sick, study[0], Path.home()))


def test_same_bytes_for_one_and_two_workers(sick, typed, tmp_path):
    for workers in ("1", "2"):
        run = spondyl(*typed, "--lesions", sick[1], "--workers", workers, "--out", tmp_path / workers)
        assert run.returncode == 0, run.stderr
    files = [path.relative_to(tmp_path / "1") for path in sorted((tmp_path / "1").rglob("*")) if path.is_file()]
    assert len(files) == 3
    for path in files:
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "2" / path).read_bytes(), path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--levels", "T5"), "It names L2, L3, L4"),
        (("--levels", "L2"), "L2: its body is cut off by the upper edge"),
    ],
)
def test_a_level_that_is_not_there_or_cut_is_refused(typed, tmp_path, arguments, said):
    run = spondyl(*typed[:-2], *arguments, "--out", tmp_path / "out")
    assert run.returncode == 2
    assert said in run.stderr
    assert not list(tmp_path.iterdir())


def test_a_lesion_mask_beside_the_spine_is_refused(sick, typed, tmp_path):
    mask = nibabel.load(sick[1])
    away = np.zeros(mask.shape, np.uint8)
    away[2:6, :5, :5] = 1
    nibabel.save(nibabel.Nifti1Image(away, mask.affine), tmp_path / "away.nii.gz")
    run = spondyl(*typed, "--lesions", tmp_path / "away.nii.gz", "--out", tmp_path / "out")
    assert run.returncode == 2
    assert "touches none of the vertebrae" in run.stderr
    assert not (tmp_path / "out").exists()


def published() -> list[object]:
    folder = shared_data("verse004_L2_fe_benchmark")
    density, labels = (folder / f"sub-verse004_0000_vertebra_21_{kind}.nii.gz" for kind in ("im", "seg"))
    return ["--density", density, "--labels", labels]


def test_the_published_block_has_the_stiffness_of_other_software(tmp_path):
    run = spondyl(*published(), "--out", tmp_path / "out")
    assert run.returncode == 0, run.stderr
    found = by_case(read(tmp_path / "out"), "block")["axial"]
    assert found["stiffness_n_per_mm"] == pytest.approx(INDEPENDENT_N_PER_MM, rel=2e-3)
    # Its image is blank outside the bone: the outward end of the surface can't be told, and that is said.
    assert any("blank outside the bone" in note for note in found["notes"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_run_cut_short_leaves_nothing(typed, tmp_path, how):
    # Fine enough to last; a run that is cut short ends when the variants that are being solved have ended.
    command = [str(SPONDYL), "strength", *map(str, typed), "--voxel", "1.2", "--out", str(tmp_path / "out")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=UTF8) as run:
        deadline = time.monotonic() + 60
        while not any("partial" in name for name in os.listdir(tmp_path)) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(2)  # into the solving
        run.send_signal(how)
        run.communicate(timeout=60)
        assert run.returncode not in (0, None)
    assert not list(tmp_path.iterdir())
