"""DICOM that is refused: each test makes the file that provokes it, and the message must say what was found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import HTJ2KLossless, RLELossless
from truth import refused

from dicom_factory import SHAPE, Edit, slice_datasets, write, write_series
from spondyl.core.errors import UnreadableInput
from spondyl.imaging.read import read_ct


def _remove(keyword: str, at: int | None = None) -> Edit:
    def edit(dataset: pydicom.Dataset, index: int) -> None:
        if at is None or index == at:
            delattr(dataset, keyword)

    return edit


def _set(keyword: str, value: object, at: int | None = None) -> Edit:
    def edit(dataset: pydicom.Dataset, index: int) -> None:
        if at is None or index == at:
            setattr(dataset, keyword, value)

    return edit


def _crop_one(dataset: pydicom.Dataset, index: int) -> None:
    if index == 5:
        dataset.Rows = 10
        dataset.PixelData = dataset.PixelData[: 10 * SHAPE[2] * 2]


def _uneven(dataset: pydicom.Dataset, index: int) -> None:
    dataset.ImagePositionPatient = [-20, -3, 100 + index * 3 + (1.3 if index > 6 else 0)]


def _zigzag(dataset: pydicom.Dataset, index: int) -> None:
    dataset.ImagePositionPatient = [-20 + 8 * (index % 2), -3, 100 + index * 3]


def _bytes_only(dataset: pydicom.Dataset, index: int) -> None:
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = b"\0" * (SHAPE[1] * SHAPE[2])


def _colour(dataset: pydicom.Dataset, index: int) -> None:
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
    dataset.PixelData = dataset.PixelData * 3


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (_remove("RescaleSlope"), ("RescaleSlope", "HU")),
        (_remove("RescaleIntercept", at=3), ("RescaleIntercept", "HU")),
        (_set("RescaleSlope", 0), ("RescaleSlope",)),
        (_set("RescaleSlope", 1e12), ("RescaleSlope",)),
        (_set("RescaleIntercept", -1e12), ("RescaleIntercept",)),
        (_set("RescaleType", "HU_MOD"), ("not HU but 'HU_MOD'",)),
        (_remove("ImagePositionPatient", at=2), ("ImagePositionPatient", "unknown")),
        (_remove("ImageOrientationPatient"), ("ImageOrientationPatient",)),
        (_remove("PixelSpacing"), ("PixelSpacing",)),
        (_set("PixelSpacing", [0, 1]), ("impossible",)),
        (_set("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]), ("impossible",)),
        (_set("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]), ("impossible",)),
        (_set("ImageOrientationPatient", [1, 0, 0, 0, 0, -1], at=4), ("different planes",)),
        (_set("PixelSpacing", [1.5, 1.5], at=4), ("different pixel sizes",)),
        (_crop_one, ("different matrix sizes", "10 x 18, 14 x 18")),
        (_set("PhotometricInterpretation", "MONOCHROME1"), ("MONOCHROME1",)),
        (_colour, ("RGB",)),
        (_bytes_only, ("8 bits",)),
        (_uneven, ("unevenly spaced", "3 to 4.3 mm")),
        (_zigzag, ("shifted sideways",)),
        (_set("Rows", 65535), ("65535", "4096")),
    ],
)
def test_unfit_slices(tmp_path: Path, edit: Edit, words: tuple[str, ...]) -> None:
    write_series(tmp_path, edit=edit)
    refused(tmp_path, *words)


def test_claim_larger_than_the_file_is_found_before_memory_is_taken(tmp_path: Path) -> None:
    write_series(tmp_path, Rows=4000, Columns=4000)
    refused(tmp_path, "cut off", error=UnreadableInput)


def test_too_many_voxels_in_all(tmp_path: Path) -> None:
    write_series(tmp_path, shape=(130, 4, 4), edit=lambda d, index: d.update({"Rows": 4096, "Columns": 4096}))
    refused(tmp_path, "4096 x 4096 x 130", "cropped")


@pytest.mark.parametrize(("missing", "words"), [([5], "1 slice(s) missing between images 5 and 7"), ([5, 6, 9], "3 ")])
def test_gap(tmp_path: Path, missing: list[int], words: str) -> None:
    paths = write_series(tmp_path)
    for index in missing:
        paths[index].unlink()
    refused(tmp_path, "gap", words)


def test_gap_at_the_last_slice_but_one(tmp_path: Path) -> None:
    write_series(tmp_path, shape=(300, 4, 4), spacing_mm=(1, 1, 0.5))[298].unlink()
    refused(tmp_path, "1 slice(s) missing between images 298 and 300")


def test_too_few_slices(tmp_path: Path) -> None:
    write_series(tmp_path, shape=(7, 14, 18))
    refused(tmp_path, "7 slices", "at least 8")


def test_single_slice_file(tmp_path: Path) -> None:
    refused(write_series(tmp_path)[3], "single DICOM slice", "folder")


def test_different_slices_at_one_place(tmp_path: Path) -> None:
    datasets = slice_datasets()
    double = slice_datasets()[6]
    double.SeriesInstanceUID = datasets[0].SeriesInstanceUID
    double.PixelData = bytes(len(double.PixelData))
    write(tmp_path / "a", datasets)
    write(tmp_path / "b", [double])
    refused(tmp_path, "different slices at the same place (1 of 12 places).")


@pytest.mark.parametrize(
    ("keyword", "words"),
    [("TemporalPositionIdentifier", "2 time points"), ("AcquisitionNumber", "2 acquisitions")],
)
def test_two_phases_in_one_series(tmp_path: Path, keyword: str, words: str) -> None:
    datasets = slice_datasets(**{keyword: 1})
    second = slice_datasets(intercept=-1000, **{keyword: 2})
    for dataset in second:
        dataset.SeriesInstanceUID, dataset.RescaleIntercept = datasets[0].SeriesInstanceUID, -1024
    write(tmp_path / "a", datasets)
    write(tmp_path / "b", second)
    refused(tmp_path, "different slices at the same place (12 of 12 places)", words, "Export one")


def test_lean_beyond_any_gantry(tmp_path: Path) -> None:
    write_series(tmp_path, step_mm=(0.0, 3.0, 3.0))
    refused(tmp_path, "45 degrees")


def test_cut_off_pixels(tmp_path: Path) -> None:
    path = write_series(tmp_path)[4]
    path.write_bytes(path.read_bytes()[:-100])
    refused(tmp_path, "image 5 of the CT is cut off", error=UnreadableInput)


def test_cut_off_header_leaves_a_gap(tmp_path: Path) -> None:
    path = write_series(tmp_path)[4]
    path.write_bytes(path.read_bytes()[:300])
    refused(tmp_path, "gap")


def test_header_cut_off_behind_the_series(tmp_path: Path) -> None:
    path = write_series(tmp_path)[4]
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"\x28\x00\x02\x00")])  # before SamplesPerPixel
    refused(tmp_path)


def test_all_headers_cut_off(tmp_path: Path) -> None:
    for path in write_series(tmp_path):
        path.write_bytes(path.read_bytes()[:200])
    refused(tmp_path, "12 DICOM file(s) are damaged", error=UnreadableInput)


def test_cut_off_compressed_slice(tmp_path: Path) -> None:
    datasets = slice_datasets()
    for dataset in datasets:
        dataset.compress(RLELossless, generate_instance_uid=False)
    path = write(tmp_path, datasets)[4]
    path.write_bytes(path.read_bytes()[:-300])
    refused(tmp_path, "image 5 of the CT is cut off", error=UnreadableInput)


def test_compression_that_cannot_be_decoded(tmp_path: Path) -> None:
    datasets = slice_datasets()
    for dataset in datasets:
        dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
        dataset.PixelData = pydicom.encaps.encapsulate([b"\xff\x4f" + bytes(200)])
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    write(tmp_path, datasets)
    refused(tmp_path, "High-Throughput JPEG 2000", "gdcmconv")


def test_multi_frame_without_places(tmp_path: Path) -> None:
    (dataset,) = slice_datasets(shape=(1, 14, 18))
    dataset.NumberOfFrames = 12
    dataset.PixelData = np.arange(12 * 14 * 18, dtype=np.int16).tobytes()
    write(tmp_path, [dataset])
    refused(tmp_path, "same place")


@pytest.mark.parametrize("modality", ["MR", "PT", "OT"])
def test_other_modalities(tmp_path: Path, modality: str) -> None:
    write_series(tmp_path, Modality=modality)
    refused(tmp_path, "no CT slices", f"({modality}", "12 slices")


def test_secondary_capture(tmp_path: Path) -> None:
    write_series(tmp_path, SOPClassUID="1.2.840.10008.5.1.4.1.1.7")
    refused(tmp_path, "not a CT image")


def test_localizers_only(tmp_path: Path) -> None:
    write_series(tmp_path, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    refused(tmp_path, "localizer")


def test_values_that_are_no_hu(tmp_path: Path) -> None:
    write_series(tmp_path, edit=_set("RescaleIntercept", 1000))
    refused(tmp_path, "nothing lies below zero")


def test_missing_path(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"nothing at .*nowhere"):  # the one place where the path helps
        read_ct(tmp_path / "nowhere")


def test_folder_without_dicom(tmp_path: Path) -> None:
    refused(tmp_path, "holds no DICOM file", error=UnreadableInput)
    (tmp_path / "ct.nii.gz").write_bytes(b"x")
    refused(tmp_path, "1 image file(s)", error=UnreadableInput)
