"""Which series of a folder is taken: each pair differs in what should decide, and the reason must name it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from truth import read_nameless, refused

from dicom_factory import slice_datasets, write, write_series

AXIAL_1MM = {"shape": (36, 14, 18), "spacing_mm": (1.5, 2.0, 1.0), "SeriesNumber": 1}
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"Modality": "MR"}, "the only CT series"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "the only CT series"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "the only CT series"),
        ({"shape": (5, 14, 18), "spacing_mm": (1.5, 2.0, 30.0)}, "has enough slices"),
        ({"ImageType": ["DERIVED", "SECONDARY", "MIP"]}, "original axial"),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED"]}, "original axial"),
        ({"orientation": CORONAL}, "original axial"),
        ({"shape": (20, 14, 18), "spacing_mm": (1.5, 2.0, 5.0)}, "3 mm apart or less"),
        ({"shape": (20, 14, 18), "spacing_mm": (1.5, 2.0, 0.6)}, "covers more"),
        ({"ConvolutionKernel": "LUNG", "shape": (72, 14, 18), "spacing_mm": (1.5, 2.0, 0.5)}, "kernel suits bone"),
        ({"ConvolutionKernel": "Bl57d"}, "kernel suits bone"),
        ({"ConvolutionKernel": "FC51"}, "kernel suits bone"),
        ({"shape": (13, 14, 18), "spacing_mm": (1.5, 2.0, 3.0)}, "closer together"),
        ({"shape": (35, 14, 18)}, "slightly more"),
    ],
)
@pytest.mark.parametrize("number", [0, 9])
def test_the_better_series_is_taken(tmp_path: Path, other: dict[str, Any], reason: str, number: int) -> None:
    write_series(tmp_path / "good", **AXIAL_1MM)
    write_series(tmp_path / "other", **AXIAL_1MM | other | {"SeriesNumber": number})
    scan = read_nameless(tmp_path)
    assert "series 1 (CT, axial, 36 slices, every 1 mm" in scan.source
    assert "one of 2 series" in scan.source
    assert reason in scan.source


def test_equal_series_are_taken_in_order(tmp_path: Path) -> None:
    for number in (3, 2):
        write_series(tmp_path / str(number), **AXIAL_1MM | {"SeriesNumber": number})
    assert "series 2 (" in read_nameless(tmp_path).source
    assert "first of equals" in read_nameless(tmp_path).source


def test_wanted_by_number_or_uid(tmp_path: Path) -> None:
    write_series(tmp_path / "a", **AXIAL_1MM)
    worse = slice_datasets(SeriesNumber=7, ConvolutionKernel="LUNG")
    write(tmp_path / "b", worse)
    assert "series 1 (" in read_nameless(tmp_path).source
    for wanted in ("7", str(worse[0].SeriesInstanceUID)):
        scan = read_nameless(tmp_path, series=wanted)
        assert (scan.kernel, scan.volume.shape) == ("LUNG", (18, 14, 12))
        assert "chosen by the user" in scan.source


def test_unknown_wanted_series_lists_what_is_there(tmp_path: Path) -> None:
    write_series(tmp_path / "a", **AXIAL_1MM)
    write_series(tmp_path / "b", SeriesNumber=7, Modality="MR")
    refused(tmp_path, "no series '5'", "series 1 (CT, axial, 36 slices", "series 7 (MR", series="5")


def test_wanted_number_that_two_series_have(tmp_path: Path) -> None:
    uids = [
        str(slices[0].SeriesInstanceUID)
        for folder in "ab"
        for slices in [slice_datasets()]
        if write(tmp_path / folder, slices)
    ]
    refused(tmp_path, "2 series have the number 4", *uids, series="4")
    assert "12 slices" in read_nameless(tmp_path, series=uids[1]).source


def test_wanted_series_that_is_no_ct(tmp_path: Path) -> None:
    write_series(tmp_path / "a", **AXIAL_1MM)
    write_series(tmp_path / "b", SeriesNumber=7, Modality="MR")
    refused(tmp_path, "can't be measured: series 7 (MR", series="7")


def test_series_without_a_number(tmp_path: Path) -> None:
    write_series(tmp_path, edit=lambda dataset, index: delattr(dataset, "SeriesNumber"))
    assert "series without number" in read_nameless(tmp_path).source
