"""The bridge to TotalSegmentator: with a stand-in for the program, and for real where it is missing."""

from __future__ import annotations

import importlib.util
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from spondyl.core.errors import InputError
from spondyl.core.volume import Volume
from spondyl.imaging.files import read_image_file
from spondyl.imaging.labels import read_level_map
from spondyl.imaging.schemes import LEVELS_OF, TOTALSEGMENTATOR
from spondyl.segmentation.totalsegmentator import CLASSES, segment
from spondyl.values.scan import CtScan


@pytest.fixture
def scan() -> CtScan:
    """Oblique and anisotropic, so that a lost direction or spacing shows."""
    angle = np.radians(10.0)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]) * [
        1.0,
        1.5,
        2.0,
    ]
    affine[:3, 3] = [-12.0, 30.0, -250.0]
    hu = np.random.default_rng(1).integers(-200, 900, (12, 14, 40)).astype(np.int16)
    return CtScan(Volume(hu, affine, "HU"), None, None, None, None, "synthetic", "")


def stand_in(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    """Puts `run` where TotalSegmentator's own function would be imported from."""
    package, api = ModuleType("totalsegmentator"), ModuleType("totalsegmentator.python_api")
    api.totalsegmentator = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "totalsegmentator", package)
    monkeypatch.setitem(sys.modules, "totalsegmentator.python_api", api)


def test_it_is_called_for_the_spine_and_its_mask_is_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scan: CtScan
) -> None:
    import nibabel as nib

    calls: list[dict[str, Any]] = []

    def run(given: Path, out: Path, **options: Any) -> None:
        calls.append(options)
        seen = read_image_file(given, "the CT")
        assert seen.same_grid(scan.volume)
        assert np.array_equal(seen.array, scan.volume.array)
        image = nib.load(given)
        labels = np.zeros(image.shape, np.uint8)
        labels[:, :, 2:16], labels[:, :, 20:34] = 27, 28  # L5 below L4
        labels[5, 5, :] = 79
        nib.save(nib.Nifti1Image(labels, image.affine), out)

    stand_in(monkeypatch, run)
    out = segment(scan, tmp_path / "mask.nii.gz")
    assert calls == [{"ml": True, "task": "total", "roi_subset": list(CLASSES), "quiet": True}]
    levels = read_level_map(out, scan.volume)
    assert levels.scheme == TOTALSEGMENTATOR
    assert [level.name for level in levels.levels] == ["L4", "L5"]


def test_every_vertebra_the_numbering_knows_is_asked_for() -> None:
    asked = {name.removeprefix("vertebrae_") for name in CLASSES} - {"sacrum", "spinal_cord"}
    assert asked == {level.name for level in LEVELS_OF[TOTALSEGMENTATOR].values()}
    assert "spinal_cord" in CLASSES


@pytest.mark.skipif(importlib.util.find_spec("totalsegmentator") is not None, reason="TotalSegmentator is installed")
def test_where_it_is_missing_the_error_gives_the_commands(scan: CtScan, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        segment(scan, tmp_path / "mask.nii.gz")
    assert 'pip install "spondyl[segment]"' in caught.value.remedy
    command = caught.value.remedy.split("with: ")[2].split(";")[0]
    assert shlex.split(command)[:7] == [
        "TotalSegmentator", "-i", "CT.nii.gz", "-o", "MASK.nii.gz", "--ml", "--roi_subset"
    ]  # fmt: skip
    assert tuple(shlex.split(command)[7:]) == CLASSES


def test_its_failure_is_told_with_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scan: CtScan) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise RuntimeError("no weights")

    stand_in(monkeypatch, run)
    with pytest.raises(InputError, match=r"failed \(RuntimeError\)") as caught:
        segment(scan, tmp_path / "mask.nii.gz")
    assert "--roi_subset" in caught.value.remedy


def test_a_run_without_a_mask_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, scan: CtScan) -> None:
    stand_in(monkeypatch, lambda *_, **__: None)
    with pytest.raises(InputError, match="without writing a mask"):
        segment(scan, tmp_path / "mask.nii.gz")
