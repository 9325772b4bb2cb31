"""The same scan from the hospital's own files: as DICOM folder and as zip it gives what it gives as NIfTI."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from data import tptbox_case
from dicom_factory import SECRET, slice_datasets, write
from spondyl.imaging.files import read_image_file
from spondyl.pipeline.assess import assess
from spondyl.pipeline.request import Request
from spondyl.report.schema import from_case
from spondyl.report.write import write_report


def dicom_of(path: Path, folder: Path) -> Path:
    """The CT as axial slices, with a patient's name in every header field that can hold one."""
    ct = read_image_file(path, "the CT").canonical()
    ni, nj, nk = ct.shape
    stored = np.clip(ct.array, -1024, None).astype(np.int16) + 1024

    def fill(dataset, index: int) -> None:
        dataset.PixelData = np.ascontiguousarray(stored[:, :, index].T).tobytes()

    write(
        folder,
        slice_datasets(
            shape=(nk, nj, ni),
            spacing_mm=ct.spacing_mm,
            origin_mm=tuple(ct.affine[:3, 3]),
            edit=fill,
            KVP=120,
        ),
    )
    return folder


def assert_close(ours, theirs, where: str = "") -> None:
    """Equal but for the last written digit: DICOM spells its places in decimals, NIfTI in float32."""
    if isinstance(ours, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            assert_close(ours[key], theirs[key], f"{where}/{key}")
    elif isinstance(ours, list | tuple):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_close(one, other, f"{where}[{index}]")
    elif isinstance(ours, float):
        # Forces are written in whole newton, so their last digit is 1 N.
        last_digit = 1.0 if re.search(r"_n(\[\d\])?$", where) else 0.011
        assert ours == pytest.approx(theirs, rel=1e-4, abs=last_digit), where
    else:
        assert ours == theirs, where


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_dicom_gives_the_assessment_of_the_nifti(tmp_path, packed):
    ct, labels, _ = tptbox_case()
    given = dicom_of(ct, tmp_path / "dicom")
    if packed:
        with zipfile.ZipFile(tmp_path / "scan.zip", "w") as archive:
            for file in given.iterdir():
                archive.write(file, f"A/{file.name}")
        given = tmp_path / "scan.zip"
    cases = [assess(Request(ct=path, vertebrae=labels, kvp=120, workers=1, voxel_mm=2.0)) for path in (given, ct)]
    dicom, nifti = (from_case(case).model_dump()["vertebrae"] for case in cases)
    assert_close(dicom, nifti)
    # What is printed in whole newton is compared before it is rounded.
    for one, other in zip(*(case.vertebrae for case in cases), strict=True):
        assert (one.strength is None) == (other.strength is None)
        if one.strength and other.strength:
            assert one.strength.failure_load_n == pytest.approx(other.strength.failure_load_n, rel=1e-4)
            assert one.strength.failure_load_interval_n == pytest.approx(
                other.strength.failure_load_interval_n, rel=1e-4
            )
    assert cases[0].scan.kvp == 120
    out = tmp_path / "out"
    out.mkdir()
    write_report(cases[0], out)
    for file in out.rglob("*"):
        assert SECRET not in file.name
        if file.is_file():
            assert SECRET.encode() not in file.read_bytes(), file.name
