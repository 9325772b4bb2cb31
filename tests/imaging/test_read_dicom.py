"""DICOM folders that are read: every voxel is checked against the ramp of its place, and against ITK's reader."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
    generate_uid,
)
from scipy.spatial.transform import Rotation
from truth import is_canonical, ramp_error_hu, read_nameless

from data import shared_data
from dicom_factory import AXIAL, ORIGIN_MM, SECRET, SHAPE, SPACING_MM, slice_datasets, write, write_series
from spondyl.core.provenance import sha256_of
from spondyl.imaging.read import list_series, read_ct

CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
FEET_FIRST_PRONE = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


def test_every_voxel_is_where_the_header_says(tmp_path: Path) -> None:
    write_series(tmp_path / "a" / "b")
    scan = read_nameless(tmp_path)
    assert ramp_error_hu(scan.volume) == 0
    assert scan.volume.array.dtype == np.int16
    assert scan.volume.spacing_mm == pytest.approx(SPACING_MM)
    assert scan.volume.to_lps([0, 0, 0]) == pytest.approx(ORIGIN_MM)
    assert scan.volume.quantity == "HU"
    assert not scan.notes
    assert scan.sha256 == sha256_of(tmp_path)
    stated = "series 4 (CT, axial, 12 slices, every 3 mm, thickness 3 mm, kernel B30f)"
    assert scan.source == f"DICOM {stated}, the only series"


@pytest.mark.parametrize("orientation", [AXIAL, CORONAL, SAGITTAL, FEET_FIRST_PRONE])
def test_left_stays_left_in_every_plane(tmp_path: Path, orientation: tuple[float, ...]) -> None:
    write_series(tmp_path, orientation=orientation, origin_mm=(-10.0, 5.0, 115.0))
    volume = read_ct(tmp_path).volume
    assert is_canonical(volume)
    assert ramp_error_hu(volume) <= 0.5  # stored values are whole HU


@settings(max_examples=15, deadline=None)
@given(angles=st.tuples(*[st.floats(-180, 180)] * 3))
def test_left_stays_left_however_the_scan_lies(
    tmp_path_factory: pytest.TempPathFactory, angles: tuple[float, ...]
) -> None:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    centre = np.array((-5.0, 10.0, 116.0))
    corner = centre - turn @ (np.array(SPACING_MM) * (np.array(SHAPE[::-1]) - 1) / 2)
    folder = tmp_path_factory.mktemp("turned")
    write_series(folder, orientation=(*turn[:, 0], *turn[:, 1]), origin_mm=tuple(corner))
    volume = read_ct(folder).volume
    assert ramp_error_hu(volume) < 0.51


def test_positions_and_values_agree_with_itk(tmp_path: Path) -> None:
    turn = Rotation.from_euler("xyz", (10, -15, 20), degrees=True).as_matrix()
    paths = write_series(tmp_path, orientation=(*turn[:, 0], *turn[:, 1]))
    _assert_same_as_itk(tmp_path, paths)


def test_real_series_agrees_with_itk() -> None:
    folder = shared_data("rider_pilot_0117_thoracic_0.8mm_dicom")
    paths = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder / "dicom"))
    assert len(paths) == 95
    _assert_same_as_itk(folder, [Path(path) for path in paths])


def test_real_series_tells_its_header() -> None:
    scan = read_ct(shared_data("rider_pilot_0117_thoracic_0.8mm_dicom"))
    assert (scan.kvp, scan.contrast, scan.kernel, scan.slice_thickness_mm) == (120.0, True, "STANDARD", 1.25)
    assert scan.volume.spacing_mm == pytest.approx((0.644531, 0.644531, 0.8), abs=1e-6)
    assert scan.volume.array.min() == -1024  # the header's padding, -3024 HU, is air
    assert not scan.notes


def _assert_same_as_itk(folder: Path, paths: list[Path]) -> None:
    image = sitk.ReadImage([str(path) for path in paths])
    volume = read_ct(folder).volume
    theirs = np.maximum(sitk.GetArrayViewFromImage(image), -1024).transpose(2, 1, 0)
    for index in ((0, 0, 0), (5, 3, 2), tuple(n - 1 for n in image.GetSize())):
        place = image.TransformIndexToPhysicalPoint(index)
        ours = np.rint(volume.to_index(place)).astype(int)
        assert volume.to_lps(ours) == pytest.approx(place, abs=1e-3)
        assert volume.array[tuple(ours)] == theirs[index]
    assert np.sort(volume.array, axis=None).tolist() == np.sort(theirs, axis=None).tolist()


@pytest.mark.parametrize(
    ("slope", "intercept", "stored"), [(1, -1024, np.uint16), (1, 0, np.int16), (2, -3000, np.int16)]
)
def test_rescaling(tmp_path: Path, slope: float, intercept: float, stored: type) -> None:
    write_series(tmp_path, slope=slope, intercept=intercept, stored=stored)
    volume = read_ct(tmp_path).volume
    assert ramp_error_hu(volume) <= slope / 2
    assert volume.array.dtype == np.int16


def test_fractional_slope_stays_fractional(tmp_path: Path) -> None:
    write_series(tmp_path, slope=0.25, intercept=-1024.5, spacing_mm=(1.51, 2.03, 3.07))
    volume = read_ct(tmp_path).volume
    assert volume.array.dtype == np.float32
    assert ramp_error_hu(volume) <= 0.126


def test_each_slice_has_its_own_rescaling(tmp_path: Path) -> None:
    def shift(dataset: pydicom.Dataset, index: int) -> None:
        dataset.RescaleIntercept = -1024 + index
        dataset.PixelData = (np.frombuffer(dataset.PixelData, np.int16) - np.int16(index)).tobytes()

    write_series(tmp_path, edit=shift)
    assert ramp_error_hu(read_ct(tmp_path).volume) == 0


def test_files_without_preamble_are_read(tmp_path: Path) -> None:
    for index, dataset in enumerate(slice_datasets()):
        bare = pydicom.Dataset({element.tag: element for element in dataset})
        pydicom.dcmwrite(tmp_path / str(index), bare, implicit_vr=True, little_endian=True)
    assert pydicom.dcmread(tmp_path / "0", force=True).file_meta.get("TransferSyntaxUID") != ImplicitVRLittleEndian
    assert ramp_error_hu(read_ct(tmp_path).volume) == 0


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian]
)
def test_plain_transfer_syntaxes(tmp_path: Path, syntax: pydicom.uid.UID) -> None:
    datasets = slice_datasets()
    for dataset in datasets:
        dataset.file_meta.TransferSyntaxUID = syntax
        if not syntax.is_little_endian:
            dataset.PixelData = np.frombuffer(dataset.PixelData, "<i2").astype(">i2").tobytes()
        dataset["PixelData"].VR = "OW"
    write(tmp_path, datasets)
    assert pydicom.dcmread(next(tmp_path.iterdir())).file_meta.TransferSyntaxUID == syntax
    assert ramp_error_hu(read_ct(tmp_path).volume) == 0


def test_other_files_in_the_folder_are_passed_over(tmp_path: Path) -> None:
    write_series(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty").touch()
    assert ramp_error_hu(read_ct(tmp_path).volume) == 0


def test_equal_slices_are_dropped_with_a_note(tmp_path: Path) -> None:
    datasets = slice_datasets()
    write(tmp_path / "one", datasets)
    write(tmp_path / "two", datasets[3:5])
    scan = read_nameless(tmp_path)
    assert scan.notes == ("2 slice(s) that were there twice were dropped.",)
    assert ramp_error_hu(scan.volume) == 0


def test_localizer_within_the_series_is_left_out(tmp_path: Path) -> None:
    datasets = slice_datasets()
    (scout,) = slice_datasets(shape=(1, 30, 40), orientation=CORONAL)
    scout.SeriesInstanceUID, scout.ImageType = datasets[0].SeriesInstanceUID, ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write(tmp_path / "b", datasets)
    write(tmp_path / "a", [scout])
    scan = read_nameless(tmp_path)
    assert "1 localizer" in scan.notes[0]
    assert ramp_error_hu(scan.volume) == 0


def test_damaged_stranger_is_noted(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    (tmp_path / "torn").write_bytes(paths[0].read_bytes()[:200])
    assert "1 DICOM file(s) beside the series are damaged" in read_nameless(tmp_path).notes[0]


@pytest.mark.parametrize("stored_padding", [-2000, -1024])
def test_padding_below_air_becomes_air_without_a_word(tmp_path: Path, stored_padding: int) -> None:
    def pad(dataset: pydicom.Dataset, index: int) -> None:
        dataset.add_new("PixelPaddingValue", "SS", stored_padding)
        pixels = np.frombuffer(dataset.PixelData, np.int16).copy()
        pixels[0] = stored_padding
        dataset.PixelData = pixels.tobytes()

    write_series(tmp_path, edit=pad)
    scan = read_nameless(tmp_path)
    assert (scan.volume.array[0, 0] == -1024).all()
    assert not scan.notes


def test_padding_that_hides_tissue_is_noted(tmp_path: Path) -> None:
    def pad(dataset: pydicom.Dataset, index: int) -> None:
        dataset.add_new("PixelPaddingValue", "SS", 1064)
        dataset.PixelData = np.full(SHAPE[1:], 1064, np.int16).tobytes() if index == 0 else dataset.PixelData

    write_series(tmp_path, edit=pad)
    assert "40 HU, which tissue can have too" in read_nameless(tmp_path).notes[0]


@pytest.mark.parametrize(
    ("agent", "route", "contrast"),
    [
        (None, None, None),
        ("", None, None),
        ("Ultravist 300", None, True),
        ("OMNI", "IV", True),
        ("NONE", None, False),
        ("Gastrografin", "ORAL", None),
        ("ORAL & IV", "IV & ORAL", True),
    ],
)
def test_contrast(tmp_path: Path, agent: str | None, route: str | None, contrast: bool | None) -> None:
    entries = {"ContrastBolusAgent": agent, "ContrastBolusRoute": route}
    write_series(tmp_path, **{key: value for key, value in entries.items() if value is not None})
    assert read_ct(tmp_path).contrast is contrast


def test_header_facts_and_their_absence(tmp_path: Path) -> None:
    write_series(tmp_path / "full", ConvolutionKernel=["Br40d", "3"])
    full = read_ct(tmp_path / "full")
    assert (full.kvp, full.kernel, full.slice_thickness_mm) == (120.0, "Br40d / 3", 3.0)

    def strip(dataset: pydicom.Dataset, index: int) -> None:
        del dataset.KVP, dataset.ConvolutionKernel, dataset.SliceThickness

    write_series(tmp_path / "bare", edit=strip)
    bare = read_ct(tmp_path / "bare")
    assert (bare.kvp, bare.kernel, bare.slice_thickness_mm) == (None, None, None)


def test_two_tube_voltages_are_no_voltage(tmp_path: Path) -> None:
    write_series(tmp_path, edit=lambda dataset, index: setattr(dataset, "KVP", 100 + 20 * (index % 2)))
    scan = read_nameless(tmp_path)
    assert scan.kvp is None
    assert "different tube voltages" in scan.notes[0]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"SliceThickness": 1}, "not imaged"),
        ({"LossyImageCompression": "01"}, "with loss"),
        ({"GantryDetectorTilt": 12}, "straight above each other"),
    ],
)
def test_notes_from_the_header(tmp_path: Path, entries: dict[str, object], words: str) -> None:
    write_series(tmp_path, **entries)
    assert words in read_nameless(tmp_path).notes[0]


def test_two_studies_are_noted(tmp_path: Path) -> None:
    write_series(tmp_path / "a")
    write_series(tmp_path / "b", Modality="MR")
    assert "2 studies" in read_nameless(tmp_path).notes[0]


def test_positions_rounded_by_the_scanner_are_one_grid(tmp_path: Path) -> None:
    def rounded(dataset: pydicom.Dataset, index: int) -> None:
        dataset.ImagePositionPatient = [*ORIGIN_MM[:2], round(ORIGIN_MM[2] + 0.625 * index, 1)]

    write_series(tmp_path, spacing_mm=(1.5, 2.0, 0.625), edit=rounded)
    assert read_ct(tmp_path).volume.spacing_mm[2] == pytest.approx(0.625, abs=0.01)


@pytest.mark.parametrize("tilt_deg", [-25.0, -3.0, 10.0, 30.0])
def test_tilted_gantry_is_set_upright_exactly(tmp_path: Path, tilt_deg: float) -> None:
    """The table moves along z while the slices stand tilted; linear interpolation must give back the ramp."""
    cosine, sine = np.cos(np.radians(tilt_deg)), np.sin(np.radians(tilt_deg))
    write_series(
        tmp_path,
        shape=(12, 40, 18),
        orientation=(1.0, 0.0, 0.0, 0.0, cosine, sine),
        step_mm=(0.0, 0.0, 3.0),
        origin_mm=(-20.0, -30.0, 100.0),
        GantryDetectorTilt=tilt_deg,
    )
    scan = read_nameless(tmp_path)
    volume = scan.volume
    assert f"tilted by {abs(tilt_deg):.1f} degrees" in scan.notes[0]
    axes = volume.affine[:3, :3] / np.array(volume.spacing_mm)
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-9)
    assert volume.spacing_mm[2] == pytest.approx(3.0 * cosine)
    # What each slice saw, found from the geometry alone: back to its own row.
    checked = 0
    for k in range(volume.shape[2]):
        for j in range(volume.shape[1]):
            place = volume.to_lps([4, j, k])
            back = place - np.array((-20.0, -30.0, 100.0)) - np.array((0.0, 0.0, 3.0)) * k
            row = back @ np.array((0.0, cosine, sine)) / 2.0
            assert back @ np.array((0.0, -sine, cosine)) == pytest.approx(0, abs=1e-6)
            value = volume.array[4, j, k]
            if 0 <= row <= 39:
                truth = 20.0 * (place[0] + 7.0) + 15.0 * (place[1] - 10.0) + 25.0 * (place[2] - 116.0)
                assert abs(value - max(truth, -1024)) <= 1.0  # whole HU twice: stored, then interpolated
                checked += 1
            elif row < -1 or row > 40:
                assert value == -1024
    assert checked >= 12 * 39  # nothing that was seen has been cut off


def test_slight_drift_keeps_the_voxels_and_their_exact_places(tmp_path: Path) -> None:
    write_series(tmp_path, step_mm=(0.0, 0.05, 3.0))
    scan = read_nameless(tmp_path)
    assert not scan.notes
    assert ramp_error_hu(scan.volume) < 0.51


TINY = {"shape": (9, 6, 7), "origin_mm": (-5.0, 5.0, 105.0)}


@pytest.mark.parametrize("options", [{}, TINY])  # GDCM 3.0 gives up on one of the tiny slices; pydicom reads it
def test_rle_slices(tmp_path: Path, options: dict[str, tuple]) -> None:
    datasets = slice_datasets(**options)
    for dataset in datasets:
        dataset.compress(RLELossless, generate_instance_uid=False)
    write(tmp_path, datasets)
    assert ramp_error_hu(read_ct(tmp_path).volume) == 0


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_jpeg_2000_slices_written_by_itk(tmp_path: Path, slope: float) -> None:
    write_series(tmp_path / "plain", slope=slope)
    (tmp_path / "packed").mkdir()
    for path in (tmp_path / "plain").iterdir():
        _pack_with_itk(path, tmp_path / "packed" / path.name)
    packed = read_ct(tmp_path / "packed")
    assert ramp_error_hu(packed.volume) <= slope / 2
    assert packed.kernel == "B30f"


def _pack_with_itk(source: Path, target: Path) -> None:
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetCompressor("JPEG2000")
    writer.UseCompressionOn()
    writer.KeepOriginalImageUIDOn()
    writer.SetFileName(str(target.with_suffix(".dcm")))
    image = sitk.ReadImage(str(source), imageIO="GDCMImageIO")
    narrow = image if "float" in image.GetPixelIDTypeAsString() else sitk.Cast(image, sitk.sitkInt16)
    for key in image.GetMetaDataKeys():
        narrow.SetMetaData(key, image.GetMetaData(key))
    writer.Execute(narrow)
    written = pydicom.dcmread(target.with_suffix(".dcm"))
    assert written.file_meta.TransferSyntaxUID.is_compressed
    written.SeriesInstanceUID = pydicom.dcmread(source).SeriesInstanceUID
    written.save_as(target.with_suffix(".dcm"))


def test_multi_frame_ct_written_by_highdicom(tmp_path: Path) -> None:
    from highdicom.legacy import LegacyConvertedEnhancedCTImage

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        enhanced = LegacyConvertedEnhancedCTImage(
            slice_datasets(), series_instance_uid=generate_uid(), series_number=9,
            sop_instance_uid=generate_uid(), instance_number=1,
        )  # fmt: skip
    path = tmp_path / "enhanced"
    enhanced.save_as(path)
    for place in (path, tmp_path):
        scan = read_nameless(place)
        assert ramp_error_hu(scan.volume) == 0
        assert scan.volume.spacing_mm == pytest.approx(SPACING_MM)
        assert (scan.kvp, scan.kernel) == (120.0, "B30f")


def test_compressed_multi_frame(tmp_path: Path) -> None:
    """By hand, with what the standard lets stand in the shared and the per-frame groups; RLE through pydicom."""
    slices = slice_datasets()
    whole = slices[0]
    whole.NumberOfFrames = len(slices)
    whole.PixelData = b"".join(dataset.PixelData for dataset in slices)
    whole.SharedFunctionalGroupsSequence = [
        _group(
            PlaneOrientationSequence={"ImageOrientationPatient": whole.ImageOrientationPatient},
            PixelMeasuresSequence={"PixelSpacing": whole.PixelSpacing, "SliceThickness": 2.5},
            PixelValueTransformationSequence={"RescaleSlope": 1, "RescaleIntercept": -1024},
        )
    ]
    whole.PerFrameFunctionalGroupsSequence = [
        _group(PlanePositionSequence={"ImagePositionPatient": dataset.ImagePositionPatient}) for dataset in slices
    ]
    for keyword in ("ImageOrientationPatient", "ImagePositionPatient", "PixelSpacing", "SliceThickness"):
        delattr(whole, keyword)
    del whole.RescaleSlope, whole.RescaleIntercept
    whole.compress(RLELossless, generate_instance_uid=False)
    write(tmp_path, [whole])
    scan = read_nameless(tmp_path)
    assert ramp_error_hu(scan.volume) == 0
    assert scan.slice_thickness_mm == 2.5


def _group(**sequences: dict[str, object]) -> pydicom.Dataset:
    group = pydicom.Dataset()
    for keyword, entries in sequences.items():
        item = pydicom.Dataset()
        item.update(entries)
        setattr(group, keyword, [item])
    return group


def test_summaries_are_fit_for_messages(tmp_path: Path) -> None:
    write_series(tmp_path / "ct")
    write_series(tmp_path / "mr", Modality="MR", SeriesNumber=2)
    first, second = list_series(tmp_path)
    assert (first.number, first.modality, second.number, second.slices) == (2, "MR", 4, 12)
    assert str(second) == "series 4 (CT, axial, 12 slices, every 3 mm, thickness 3 mm, kernel B30f)"


def test_nothing_is_said_aside(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """pydicom warns of odd entries in warnings and in its log; such entries may hold a name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (odd, *_) = write_series(tmp_path, ContrastBolusAgent=f"{SECRET} {'too long ' * 9}")
    with pytest.warns(UserWarning, match="exceeds the maximum length"):
        assert SECRET in pydicom.dcmread(odd).ContrastBolusAgent
    caplog.clear()
    with caplog.at_level(logging.DEBUG), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_ct(tmp_path).contrast  # the odd entry was read
    assert capfd.readouterr() == ("", "")
    assert not caplog.text
