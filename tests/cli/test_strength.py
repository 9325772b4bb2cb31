"""What `spondyl strength` understands of what is typed, and how it refuses the rest."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

from data import UTF8
from spondyl.cli.strength import parse_levels
from spondyl.core.errors import InputError

SPONDYL = Path(sys.executable).with_name("spondyl")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("L1", "L1"),
        ("l1-l3", "L1 L2 L3"),
        ("T11-L2", "T11 T12 L1 L2"),  # T13 is there only where it is named
        ("L4 - L5", "L4 L5"),
        ("T12-T13", "T12 T13"),
        ("L5-L6", "L5 L6"),
        ("L3,T12, L1-L2", "T12 L1 L2 L3"),
        ("L1,L1-L2", "L1 L2"),
        ("L1–L2", "L1 L2"),
    ],
)
def test_levels_are_read_from_the_head_down(text: str, names: str) -> None:
    assert [level.name for level in parse_levels(text)] == names.split()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Q9", "'Q9' is no vertebral level"),
        ("", "'' is no vertebral level"),
        ("L1-", "'' is no vertebral level"),
        ("L1,,L2", "'' is no vertebral level"),
        ("L1-L2-L3", "'L2-L3' is no vertebral level"),
        ("L4-L2", "runs upward"),
    ],
)
def test_wrong_levels_are_refused_with_an_example(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as refused:
        parse_levels(text)
    assert "L1-L5" in refused.value.remedy


def cube() -> tuple[np.ndarray, np.ndarray]:
    density = np.full((18, 16, 18), 20.0, dtype=np.float32)
    labels = np.zeros(density.shape, dtype=np.int16)
    labels[3:-3, 3:-3, 3:-3] = 1
    density[labels == 1] = 150
    return density, labels


def saved(folder: Path, density: np.ndarray, labels: np.ndarray, *, step: float = 1.0) -> list[str]:
    paths = folder / "density.nii.gz", folder / "labels.nii.gz"
    for path, array, size in zip(paths, (density, labels), (1.0, step), strict=True):
        nibabel.save(nibabel.Nifti1Image(array, np.diag([-size, -size, size, 1.0])), path)
    return ["--density", str(paths[0]), "--labels", str(paths[1])]


def wrong(name: str, folder: Path) -> list[str]:
    """Arguments that must be refused."""
    density, labels = cube()
    step, extra = 1.0, name.split()[1:] if name.startswith("typed") else []
    match name:
        case "no density at a voxel":
            density[8, 8, 8] = np.nan
        case "densities in g/cc":
            density = density / 1000
        case "densities of fat":
            density = -density
        case "no label":
            labels[:] = 0
        case "probabilities":
            labels = labels.astype(np.float32) * 0.7
        case "another number":
            labels[:, :, 8] *= 77
        case "one cap":
            labels[3:-3, 3:-3, :3] = 5
        case "broken through":
            labels[:, :, 9] = 0
        case "three layers":
            labels[:, :, 6:] = 0
        case "another grid":
            step = 1.1
    if name == "nothing":
        return []
    if name == "half of a block":
        return saved(folder, density, labels)[:2]
    if name == "a CT and a block":
        return ["ct.nii.gz", *saved(folder, density, labels)]
    if name == "a block's option for a CT":
        return ["ct.nii.gz", "--bone-labels", "3"]
    return [*saved(folder, density, labels, step=step), *extra]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "no CT is given"),
        ("half of a block", "go together"),
        ("a CT and a block", "without a CT"),
        ("a block's option for a CT", "--bone-labels: of no use with a CT"),
        ("typed --levels L1 --voxel-mm 2", "--levels, --voxel-mm: of no use with --density"),
        ("typed --law nobody1900", "Known: crawford2003"),
        ("typed --load sideways", "Known: axial, flexion, side, torsion"),
        ("typed --bone-labels 1,x", "no list of label numbers"),
        ("typed --bone-labels 9", "none of the bone's labels [9]"),
        ("typed --cap-labels 1,5", "named as bone and as cap"),
        ("no density at a voxel", "have no density"),
        ("densities in g/cc", "not HU, nor g/cc"),
        ("densities of fat", "not those of bone in mg/cc"),
        ("no label", "the label image is empty"),
        ("probabilities", "numbers that are not whole"),
        ("another number", "[77]"),
        ("one cap", "no cement above the bone"),
        ("broken through", "none of which reaches from bottom to top"),
        ("three layers", "3 voxels high"),
        ("another grid", "do not lie on the density's grid"),
    ],
)
def test_wrong_input_is_refused_in_words_and_leaves_nothing(name: str, said: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [SPONDYL, "strength", *wrong(name, tmp_path), "--out", str(out)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, timeout=120, check=False)
    assert run.returncode == 2, run.stderr
    assert said in " ".join(run.stderr.split())
    assert "Traceback" not in run.stderr
    assert sorted(path.name for path in tmp_path.iterdir() if "nii" not in path.name) == []


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    command = [SPONDYL, "strength", "ct.nii.gz", "--out", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, timeout=60, check=False)
    assert run.returncode == 2
    assert "mine.txt" in run.stderr
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_the_benchmark_writes_into_nothing_else(tmp_path: Path) -> None:
    taken = tmp_path / "file"
    taken.write_text("mine", encoding="utf-8")
    for out, said in ((taken, "names a file"), (tmp_path, "other things (file)")):
        command = [SPONDYL, "benchmark", "mechanics", "--fast", "--out", str(out)]
        run = subprocess.run(command, capture_output=True, encoding="utf-8", env=UTF8, timeout=60, check=False)
        assert run.returncode == 2
        assert said in run.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
