"""A zip of DICOM: read like its folder, never trusted, and nothing of it left behind."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from truth import ramp_error_hu, read_nameless, refused

from dicom_factory import slice_datasets, write, write_series
from spondyl.core.errors import UnreadableInput
from spondyl.core.provenance import sha256_of
from spondyl.imaging import archive
from spondyl.imaging.read import list_series


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The only place for temporary files, which must be empty again after every test."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    yield folder
    assert not list(folder.iterdir())


def _zip(path: Path, files: list[Path], prefix: str = "study/") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for file in files:
            target.write(file, prefix + file.name)
    return path


def test_zip_reads_like_its_folder(tmp_path: Path) -> None:
    path = _zip(tmp_path / "ct.zip", write_series(tmp_path / "ct"))
    scan = read_nameless(path)
    assert ramp_error_hu(scan.volume) == 0
    assert scan.sha256 == sha256_of(path)
    assert list_series(path)[0].slices == 12


def test_names_in_the_zip_lead_nowhere(tmp_path: Path) -> None:
    files = write_series(tmp_path / "ct")
    path = tmp_path / "deep" / "ct.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as target:
        for number, file in enumerate(files):
            target.write(file, ("../../../evil", "/evil", "..\\evil")[number % 3] + str(number))
    before = set(tmp_path.rglob("*"))
    assert ramp_error_hu(read_nameless(path).volume) == 0
    assert set(tmp_path.rglob("*")) == before


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 11)
    refused(_zip(tmp_path / "ct.zip", write_series(tmp_path / "ct")), "12 files", "at most 11", "folder")


def test_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_UNPACKED_BYTES", 10_000_000)
    path = tmp_path / "ct.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("zeros", bytes(20_000_000))
    assert path.stat().st_size < 100_000
    refused(path, "0.02 GB", "at most")


def test_zip_that_understates_its_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The stated sizes are added up, so an entry must not give more than it states."""
    data = write_series(tmp_path / "ct")[0].read_bytes() + bytes(5_000_000)
    path = tmp_path / "ct.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("a", data)
    raw = path.read_bytes()
    size = len(data).to_bytes(4, "little")
    assert raw.count(size) == 2  # in the entry and in the directory
    path.write_bytes(raw.replace(size, (1000).to_bytes(4, "little")))
    refused(path, "damaged", error=UnreadableInput)


@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_cut_off_zip(tmp_path: Path, keep: float) -> None:
    path = _zip(tmp_path / "ct.zip", write_series(tmp_path / "ct"))
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    refused(path, "damaged or cut off", error=UnreadableInput)


def test_zip_with_a_flipped_byte(tmp_path: Path) -> None:
    path = _zip(tmp_path / "ct.zip", write_series(tmp_path / "ct"))
    data = bytearray(path.read_bytes())
    data[600] ^= 0xFF
    path.write_bytes(data)
    refused(path, "damaged", error=UnreadableInput)


def test_locked_zip(tmp_path: Path) -> None:
    path = _zip(tmp_path / "ct.zip", write_series(tmp_path / "ct"))
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = -1
        while (start := data.find(signature, start + 1)) >= 0:
            data[start + offset] |= 1  # "encrypted"
    path.write_bytes(data)
    refused(path, "password", error=UnreadableInput)


def test_zip_without_dicom(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    refused(_zip(tmp_path / "ct.zip", [tmp_path / "notes.txt"]), "zip holds no DICOM", error=UnreadableInput)


def test_refusal_leaves_nothing_behind(tmp_path: Path) -> None:
    refused(_zip(tmp_path / "ct.zip", write(tmp_path / "ct", slice_datasets(Modality="MR"))), "MR")
