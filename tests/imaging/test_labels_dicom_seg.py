"""DICOM SEG made by highdicom over a synthetic CT series."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from dicom_factory import slice_datasets
from spondyl.anatomy.levels import Level
from spondyl.core.errors import MaskMismatch, UnreadableInput
from spondyl.core.volume import Volume
from spondyl.imaging.dicom.seg import level_of_text
from spondyl.imaging.labels import cord_from, read_level_map, read_mask
from spondyl.imaging.schemes import DICOM_SEG

FRAMES, ROWS, COLUMNS = 24, 20, 16
SPACING_MM = (2.0, 2.5, 3.0)
ORIGIN_MM = (-20.0, -10.0, -300.0)
VERTEBRA = codes.SCT.Vertebra


@pytest.fixture(scope="module")
def series() -> list[pydicom.Dataset]:
    return list(slice_datasets(shape=(FRAMES, ROWS, COLUMNS), spacing_mm=SPACING_MM, origin_mm=ORIGIN_MM))


@pytest.fixture
def ct() -> Volume:
    affine = np.diag([*SPACING_MM, 1.0])
    affine[:3, 3] = ORIGIN_MM
    return Volume(np.zeros((COLUMNS, ROWS, FRAMES), np.int16), affine, "HU")


def block(low: int, high: int) -> NDArray[np.bool_]:
    """Voxels (frame, row, column) of frames low to high, off the middle so that a flip shows."""
    array = np.zeros((FRAMES, ROWS, COLUMNS), bool)
    array[low:high, 3:10, 4:12] = True
    return array


def seg_file(
    path: Path,
    series: list[pydicom.Dataset],
    segments: Mapping[tuple[str, object], NDArray[np.bool_]],
    kind: str = "BINARY",
) -> Path:
    """`segments` maps (label, property type code) to voxels."""
    described = [
        hd.seg.SegmentDescription(n, label, codes.SCT.AnatomicalStructure, code, "MANUAL")
        for n, (label, code) in enumerate(segments, start=1)
    ]
    pixels = np.stack(list(segments.values()), axis=-1)
    seg = hd.seg.Segmentation(
        series,
        pixels.astype(np.float32) * 0.6 if kind == "FRACTIONAL" else pixels.astype(np.uint8),
        kind,
        described,
        generate_uid(),
        9,
        generate_uid(),
        1,
        "Maker",
        "Model",
        "1",
        "1",
        max_fractional_value=100,
    )
    seg.save_as(path)
    return path


def test_coded_segments_find_their_levels(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    upper, lower, cord = block(15, 21), block(4, 10), np.zeros((FRAMES, ROWS, COLUMNS), bool)
    cord[2:22, 14:16, 7:9] = True
    path = seg_file(
        tmp_path / "seg.dcm",
        series,
        {
            ("upper", codes.SCT.L1Vertebra): upper,
            ("lower", codes.SCT.L2Vertebra): lower,
            ("a cord", codes.SCT.SpinalCord): cord,
        },
    )
    found = read_level_map(path, ct)
    assert found.scheme == DICOM_SEG
    expected = np.where(upper, int(Level.L1), np.where(lower, int(Level.L2), 0)).transpose(2, 1, 0)
    assert np.array_equal(found.labels.array, expected)
    read_cord = cord_from(path, ct, found)
    assert read_cord is not None
    assert np.array_equal(read_cord.array, cord.transpose(2, 1, 0))
    # The same file alone in a folder, with a name that says nothing.
    folder = tmp_path / "folder"
    folder.mkdir()
    path.rename(folder / "I0001")
    assert np.array_equal(read_level_map(folder, ct).labels.array, expected)


def test_a_seg_without_cord_has_none(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    path = seg_file(tmp_path / "seg.dcm", series, {("T12", VERTEBRA): block(4, 10)})
    found = read_level_map(path, ct)
    assert found.levels == (Level.T12,)
    assert cord_from(path, ct, found) is None


def test_codes_are_read_whatever_words_stand_beside_them(
    series: list[pydicom.Dataset], ct: Volume, tmp_path: Path
) -> None:
    """SNOMED CT 66794005 is L1, in DICOM's context group 7602; the meaning beside it may be in any language."""
    path = seg_file(tmp_path / "seg.dcm", series, {("Segment 1", Code("66794005", "SCT", "Wirbel")): block(4, 10)})
    assert read_level_map(path, ct).levels == (Level.L1,)


def test_labels_in_words_find_their_levels(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    segments = {
        ("vertebrae_T9", VERTEBRA): block(18, 22),
        ("Vertebra T10", VERTEBRA): block(12, 16),
        ("Disc T10/T11", codes.SCT.IntervertebralDisc if hasattr(codes.SCT, "IntervertebralDisc") else VERTEBRA): block(
            10, 12
        ),
        ("eleventh thoracic vertebra", VERTEBRA): block(6, 10),
    }
    found = read_level_map(seg_file(tmp_path / "seg.dcm", series, segments), ct)
    assert found.levels == (Level.T9, Level.T10, Level.T11)
    assert (found.labels.array > 0).sum() == (4 + 4 + 4) * 7 * 8


@pytest.mark.parametrize(
    ("text", "level"),
    [
        ("First lumbar vertebra", Level.L1),
        ("Twelfth thoracic vertebra", Level.T12),
        ("L5 vertebra", Level.L5),
        ("vertebrae_C3", Level.C3),
        ("T-10", Level.T10),
        ("T04", Level.T4),
        ("Sacrum", Level.S1),
        ("Coccyx", Level.CO),
        ("Vertebra", None),
        ("L1-L2 disc", None),
        ("Rib T7 left", None),
        ("metastasis in L3", None),
        ("T14", None),
        ("Liver", None),
        ("CT1 scan", None),
    ],
)
def test_names_in_words(text: str, level: Level | None) -> None:
    assert level_of_text(text) == level


def test_a_seg_without_vertebrae_is_refused(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    path = seg_file(tmp_path / "seg.dcm", series, {("Liver", codes.SCT.Liver): block(4, 10)})
    with pytest.raises(MaskMismatch, match="no segment"):
        read_level_map(path, ct)


def test_overlapping_segments_are_refused_as_levels_and_joined_as_a_mask(
    series: list[pydicom.Dataset], ct: Volume, tmp_path: Path
) -> None:
    path = seg_file(
        tmp_path / "seg.dcm",
        series,
        {("L1", codes.SCT.L1Vertebra): block(4, 12), ("L2", codes.SCT.L2Vertebra): block(8, 16)},
    )
    with pytest.raises(MaskMismatch, match="overlap"):
        read_level_map(path, ct)
    assert np.array_equal(read_mask(path, ct, role="lesion mask").array, block(4, 16).transpose(2, 1, 0))


def test_fractional_segments_are_refused(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    path = seg_file(tmp_path / "seg.dcm", series, {("L1", codes.SCT.L1Vertebra): block(4, 12)}, kind="FRACTIONAL")
    with pytest.raises(MaskMismatch, match="fractional"):
        read_level_map(path, ct)


def test_a_ct_slice_given_as_mask_is_refused(series: list[pydicom.Dataset], ct: Volume, tmp_path: Path) -> None:
    path = tmp_path / "slice.dcm"
    pydicom.dcmwrite(path, series[0], enforce_file_format=True)
    with pytest.raises(UnreadableInput, match="no Segmentation object"):
        read_level_map(path, ct)
