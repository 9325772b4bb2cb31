"""NIfTI, NRRD and MetaImage: places against nibabel and ITK, and a file for every refusal."""

from __future__ import annotations

import gzip
import itertools
import struct
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from truth import LOWEST_HU, is_canonical, ramp_error_hu, refused

from data import demo_case, tptbox_case
from dicom_factory import ramp_hu
from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.core.provenance import sha256_of
from spondyl.imaging import nifti
from spondyl.imaging.files import read_image_file
from spondyl.imaging.read import read_ct

SHAPE = (18, 14, 12)
RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def _ramp_array(lps_affine: NDArray, shape: tuple[int, ...] = SHAPE) -> NDArray[np.int16]:
    index = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), axis=-1)
    return np.rint(ramp_hu(index @ lps_affine[:3, :3].T + lps_affine[:3, 3])).astype(np.int16)


def _placed(axes: NDArray) -> NDArray[np.float64]:
    """An LPS affine with the given axes (3, 3) whose grid is centred where the ramp runs from air to bone."""
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = np.array((-5.0, 10.0, 116.0)) - axes @ (np.array(SHAPE) - 1) / 2
    return affine


def _write_nifti(path: Path, lps_affine: NDArray | None = None, array: NDArray | None = None, **codes: int) -> Path:
    affine = _placed(np.diag([1.5, 2.0, 3.0])) if lps_affine is None else lps_affine
    image = nib.Nifti1Image(_ramp_array(affine) if array is None else array, RAS @ affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(RAS @ affine, codes.get("sform", 1))
    image.set_qform(RAS @ affine, codes.get("qform", 1))
    nib.save(image, path)
    return path


def _edit(path: Path, change: Callable[[bytearray], object]) -> Path:
    """The bytes of a NIfTI changed, packed as before."""
    packed = path.name.endswith(".gz")
    data = bytearray(gzip.decompress(path.read_bytes()) if packed else path.read_bytes())
    change(data)
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def _pack(layout: str, offset: int, *values: float) -> Callable[[bytearray], None]:
    return lambda data: struct.pack_into(layout, data, offset, *values)


ORIENTATIONS = [
    (order, signs) for order in itertools.permutations(range(3)) for signs in itertools.product((1, -1), repeat=3)
]


@pytest.mark.parametrize("forms", [{"sform": 1, "qform": 0}, {"sform": 0, "qform": 1}, {"sform": 2, "qform": 1}])
@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_all_48_nifti_orientations(tmp_path: Path, order: tuple, signs: tuple, forms: dict[str, int]) -> None:
    axes = np.zeros((3, 3))
    axes[list(order), range(3)] = np.array((1.5, 2.0, 3.0)) * signs
    scan = read_ct(_write_nifti(tmp_path / "ct.nii.gz", _placed(axes), **forms))
    assert is_canonical(scan.volume)
    assert ramp_error_hu(scan.volume) <= 0.51
    assert scan.volume.array.dtype == np.int16


@settings(max_examples=40, deadline=None)
@given(angles=st.tuples(*[st.floats(-180, 180)] * 3), mirrored=st.booleans(), by_quaternion=st.booleans())
def test_oblique_nifti_places_agree_with_nibabel(
    tmp_path_factory: pytest.TempPathFactory, angles: tuple[float, ...], mirrored: bool, by_quaternion: bool
) -> None:
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * (1.5, 2.0, -3.0 if mirrored else 3.0)
    path = tmp_path_factory.mktemp("oblique") / "ct.nii"
    _write_nifti(path, _placed(turn), sform=0 if by_quaternion else 1, qform=1)
    volume = read_image_file(path, "the CT")
    # 0.5 from whole HU, the rest from the header's float32, which blurs a quaternion near a half turn.
    assert ramp_error_hu(volume) < (1.0 if by_quaternion else 0.6)
    theirs = nib.load(path)
    for index in ((0, 0, 0), (17, 0, 5), (3, 13, 11)):
        lps = (RAS @ theirs.affine @ (*index, 1.0))[:3]
        ours = np.rint(volume.to_index(lps)).astype(int)
        assert volume.to_lps(ours) == pytest.approx(lps, abs=0.02 if by_quaternion else 1e-4)
        assert volume.array[tuple(ours)] == theirs.dataobj[index]


def test_real_nifti_agrees_with_nibabel() -> None:
    for path in (*demo_case(), *tptbox_case()):
        volume, theirs = read_image_file(path, "the CT"), nib.load(path)
        values = np.asarray(theirs.dataobj)
        rng = np.random.default_rng(1)
        for index in rng.integers(0, values.shape, (200, 3)):
            ours = np.rint(volume.to_index((RAS @ theirs.affine @ (*index, 1.0))[:3])).astype(int)
            assert volume.array[tuple(ours)] == values[tuple(index)]


def test_real_ct_is_in_hu() -> None:
    scan = read_ct(demo_case()[0])
    assert scan.volume.array.dtype == np.int16
    assert (scan.volume.array.min(), scan.volume.array.max()) == (-1024, 3071)
    assert scan.volume.spacing_mm == pytest.approx((0.703125, 0.703125, 2.5))
    assert (scan.kvp, scan.contrast, scan.kernel, scan.slice_thickness_mm) == (None, None, None, None)
    assert not scan.notes


@pytest.mark.parametrize("suffix", [".nrrd", ".mha", ".nii", ".nii.gz"])
@pytest.mark.parametrize("compressed", [True, False])
def test_formats_written_by_itk(tmp_path: Path, suffix: str, compressed: bool) -> None:
    turn = Rotation.from_euler("xyz", (20, 160, -70), degrees=True).as_matrix()
    affine = _placed(turn * (1.5, 2.0, 3.0))
    path = _write_with_itk(tmp_path / f"ct{suffix}", affine, compressed=compressed)
    scan = read_ct(path)
    assert ramp_error_hu(scan.volume) < 0.6
    assert scan.sha256 == sha256_of(path)
    assert suffix in scan.source


def _write_with_itk(path: Path, affine: NDArray, *, compressed: bool = False) -> Path:
    image = sitk.GetImageFromArray(_ramp_array(affine).transpose(2, 1, 0))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    sitk.WriteImage(image, str(path), compressed)
    return path


@pytest.mark.parametrize("kind", [np.int16, np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_number_types_and_byte_orders(tmp_path: Path, kind: type, order: str) -> None:
    affine = _placed(np.diag([1.5, 2.0, 3.0]))
    values = _ramp_array(affine).astype(kind if np.dtype(kind).kind != "u" else np.int16)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(kind)
    if np.dtype(kind).kind == "u":
        header.set_slope_inter(1, -1024)
    image = nib.Nifti1Image(values, RAS @ affine, header)
    nib.save(image, tmp_path / "ct.nii")
    scan = read_ct(tmp_path / "ct.nii")
    assert ramp_error_hu(scan.volume) <= 0.51
    assert scan.volume.array.dtype == np.int16
    assert scan.volume.array.dtype.isnative


def test_fractions_stay_float32(tmp_path: Path) -> None:
    affine = _placed(np.diag([1.5, 2.0, 3.0]))
    scan = read_ct(_write_nifti(tmp_path / "ct.nii", affine, _ramp_array(affine) + 0.25))
    assert scan.volume.array.dtype == np.float32
    assert ramp_error_hu(scan.volume) == pytest.approx(0.25 + 0.5, abs=0.01)


def test_padding_and_numbers_that_are_none(tmp_path: Path) -> None:
    array = _ramp_array(_placed(np.diag([1.5, 2.0, 3.0]))).astype(np.float32)
    array[0, 0, :3] = (-3024, np.nan, np.inf)
    scan = read_ct(_write_nifti(tmp_path / "ct.nii", array=array))
    assert np.count_nonzero(scan.volume.array == LOWEST_HU) >= 3
    assert scan.volume.array.min() == LOWEST_HU
    assert scan.notes == ("2 voxels of the CT hold no number; they were taken as air.",)


def test_trailing_dimensions_of_one_are_no_dimensions(tmp_path: Path) -> None:
    array = _ramp_array(_placed(np.diag([1.5, 2.0, 3.0])))[..., None, None]
    assert ramp_error_hu(read_ct(_write_nifti(tmp_path / "ct.nii", array=array)).volume) <= 0.51


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (lambda ramp: np.interp(ramp, (-1000, 1000), (0, 255)).astype(np.uint8), "grey values"),
        (lambda ramp: np.interp(ramp, (-1000, 1000), (0, 1)).astype(np.float32), "grey values"),
        (lambda ramp: np.interp(ramp, (-1000, 1000), (-1, 1)).astype(np.float32), "no bone"),
        (lambda ramp: (ramp.clip(-1024) + 1024).astype(np.uint16), "offset"),
        (lambda ramp: np.full_like(ramp, -1000), "no bone"),
        (lambda ramp: ramp * 1e36, "so high"),
    ],
)
def test_values_that_are_no_hu(tmp_path: Path, values: Callable[[NDArray], NDArray], words: str) -> None:
    ramp = _ramp_array(_placed(np.diag([1.5, 2.0, 3.0])))
    refused(_write_nifti(tmp_path / "ct.nii.gz", array=values(ramp)), "can't be HU", words)


@pytest.mark.parametrize(
    ("window", "words"),
    [((-200, 2000), "no air"), ((-1024, 400), "cut at 400 HU")],
)
def test_doubtful_values_are_noted(tmp_path: Path, window: tuple[int, int], words: str) -> None:
    ramp = _ramp_array(_placed(np.diag([1.5, 2.0, 3.0]))).clip(*window)
    (note,) = read_ct(_write_nifti(tmp_path / "ct.nii.gz", array=ramp)).notes
    assert words in note


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (_pack("<4f", 280, np.nan, 0, 0, 0), UnsuitableImage, "undefined entries"),
        (_pack("<4f", 280, 0, 0, 0, 0), UnsuitableImage, "zero or undefined"),
        (_pack("<4f", 280, 1.5, 0.5, 0, 0), UnsuitableImage, "right angles"),
        (_pack("<4f", 280, 1.5, 0, 0, 30), UnsuitableImage, "contradict"),
        (_pack("<2h", 252, 0, 0), UnsuitableImage, "left and right"),
        (_pack("<b", 123, 1), UnsuitableImage, "metres"),
        (_pack("<b", 123, 3), UnsuitableImage, "micrometres"),
        (_pack("<h", 70, 128), UnsuitableImage, "datatype 128"),
        (_pack("<8h", 40, 3, 30000, 30000, 30000, 1, 1, 1, 1), UnsuitableImage, "30000 x 30000 x 30000"),
        (_pack("<8h", 40, 3, 1200, 1200, 1200, 1, 1, 1, 1), UnreadableInput, "100 % of its voxels are missing"),
        (_pack("<8h", 40, 3, -4, 3, 3, 1, 1, 1, 1), UnreadableInput, "dimensions"),
        (_pack("<8h", 40, 9, 4, 3, 3, 1, 1, 1, 1), UnreadableInput, "dimensions"),
        (_pack("<f", 108, -5.0), UnreadableInput, "damaged header"),
        (_pack("<f", 108, np.nan), UnreadableInput, "damaged header"),
        (_pack("<4s", 344, b"abcd"), UnreadableInput, "no NIfTI file"),
        (_pack("<4s", 344, b"ni1\0"), UnreadableInput, ".hdr and .img"),
        (_pack("<i", 0, 540), UnreadableInput, "NIfTI-2"),
        (lambda data: data.__delitem__(slice(-2000, None)), UnreadableInput, "33 % of its voxels are missing"),
        (lambda data: data.__delitem__(slice(200, None)), UnreadableInput, "inside its header"),
    ],
)
@pytest.mark.parametrize("name", ["ct.nii", "ct.nii.gz"])
def test_damaged_nifti(tmp_path: Path, name: str, change: Callable, error: type, words: str) -> None:
    refused(_edit(_write_nifti(tmp_path / name), change), words, error=error)


@pytest.mark.parametrize("keep", [0.02, 0.5, 0.999])
def test_cut_off_gzip(tmp_path: Path, keep: float) -> None:
    path = _write_nifti(tmp_path / "ct.nii.gz")
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])
    refused(path, "cut off", error=UnreadableInput)


def test_flipped_byte_in_gzip(tmp_path: Path) -> None:
    path = _write_nifti(tmp_path / "ct.nii.gz")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    refused(path, "damaged", error=UnreadableInput)


def test_memory_is_taken_as_bytes_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A header that claims 3 GB over a file of 6 kB costs no more than the file."""
    monkeypatch.setattr(nifti, "CHUNK_BYTES", 4096)
    path = _edit(_write_nifti(tmp_path / "ct.nii"), _pack("<8h", 40, 3, 1100, 1100, 1200, 1, 1, 1, 1))
    refused(path, "cut off", error=UnreadableInput)


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize("compressed", [True, False])
def test_cut_off_nrrd_and_metaimage(tmp_path: Path, suffix: str, compressed: bool) -> None:
    path = _write_with_itk(tmp_path / f"ct{suffix}", _placed(np.diag([1.5, 2.0, 3.0])), compressed=compressed)
    path.write_bytes(path.read_bytes()[:-200])
    refused(path, "cut off", error=UnreadableInput)


@pytest.mark.parametrize(
    ("old", "new", "error", "words"),
    [
        (b"space: left-posterior-superior\n", b"space dimension: 3\n", UnsuitableImage, "lacks 'space'"),
        (b"left-posterior-superior", b"scanner-xyz", UnsuitableImage, "lacks 'space'"),
        (b"space directions: ", b"# ", UnsuitableImage, "'space directions'"),
        (b"(0,2,0)", b"(0.5,2,0)", UnsuitableImage, "right angles"),
        (b"(0,2,0)", b"(1,0,0)", UnsuitableImage, "right angles"),
        (b"(0,2,0)", b"(nan,nan,nan)", UnsuitableImage, "space directions"),
        (b"sizes: 18 14 12", b"sizes: 30000 30000 30000", UnsuitableImage, "30000 x 30000"),
        (b"sizes: 18 14 12", b"sizes: 600 600 600", UnreadableInput, "cut off"),
        (b"NRRD0004", b"JUNK0004", UnreadableInput, "not what its name ends in"),
    ],
)
def test_damaged_nrrd(tmp_path: Path, old: bytes, new: bytes, error: type, words: str) -> None:
    path = _write_with_itk(tmp_path / "ct.nrrd", _placed(np.diag([1.5, 2.0, 3.0])))
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    refused(path, words, error=error)


@pytest.mark.parametrize("space", [b"right-anterior-superior", b"RAS", b"left-anterior-superior", b"LPS"])
def test_nrrd_spaces(tmp_path: Path, space: bytes) -> None:
    """The same header numbers under another space are another place; ITK's own conversion is checked by hand."""
    affine = _placed(np.diag([1.5, 2.0, 3.0]))
    path = _write_with_itk(tmp_path / "ct.nrrd", affine)
    path.write_bytes(path.read_bytes().replace(b"left-posterior-superior", space))
    signs = {"R": (-1.0, -1.0), "l": (1.0, -1.0), "r": (-1.0, -1.0), "L": (1.0, 1.0)}[space.decode()[0]]
    place = np.array((*signs, 1.0)) * affine[:3, 3]
    volume = read_image_file(path, "the CT")
    first = np.rint(volume.to_index(place)).astype(int)
    assert volume.to_lps(first) == pytest.approx(place)
    assert volume.array[tuple(first)] == _ramp_array(affine)[0, 0, 0]


def test_metaimage_without_directions(tmp_path: Path) -> None:
    path = _write_with_itk(tmp_path / "ct.mha", _placed(np.diag([1.5, 2.0, 3.0])))
    path.write_bytes(path.read_bytes().replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1\n", b""))
    refused(path, "does not say how it lies", "TransformMatrix")


def test_colour_image(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.zeros((12, 14, 18, 3), np.int16), isVector=True)
    sitk.WriteImage(image, str(tmp_path / "ct.mha"))
    refused(tmp_path / "ct.mha", "3 numbers a voxel")


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
@pytest.mark.parametrize(
    ("shape", "words"), [((12, 14, 18, 2), "4 dimensions"), ((14, 18), "single slice"), ((1, 14, 18), "single slice")]
)
def test_no_single_volume(tmp_path: Path, suffix: str, shape: tuple[int, ...], words: str) -> None:
    path = tmp_path / f"ct{suffix}"
    image = sitk.GetImageFromArray(np.zeros(shape, np.int16), isVector=False)
    sitk.WriteImage(image, str(path))
    with pytest.raises(UnsuitableImage, match=words):
        read_image_file(path, "the CT")


def test_too_few_slices(tmp_path: Path) -> None:
    refused(_write_nifti(tmp_path / "ct.nii", array=_ramp_array(np.eye(4), (18, 14, 7))), "18 x 14 x 7", "at least 8")


@pytest.mark.parametrize("name", ["ct.hdr", "ct.mhd", "ct.png", "ct"])
def test_unknown_kinds(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"some bytes of another kind")
    refused(tmp_path / name, "no kind of image", ".nii.gz", error=UnreadableInput)


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(tmp_path))

    path = _write_nifti(tmp_path / "ct.nii")
    monkeypatch.setattr("spondyl.imaging.read.read_image_file", locked)
    refused(path, "could not be read: Permission denied", error=UnreadableInput)


def test_missing_and_empty_files_are_named_by_their_role(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="the lesion mask is not there"):
        read_image_file(tmp_path / "no.nii.gz", "the lesion mask")
    (tmp_path / "no.nii.gz").touch()
    with pytest.raises(UnreadableInput, match="the lesion mask is an empty file"):
        read_image_file(tmp_path / "no.nii.gz", "the lesion mask")


def test_series_of_a_file_that_has_none(tmp_path: Path) -> None:
    refused(_write_nifti(tmp_path / "ct.nii"), "series '3'", "no DICOM", series="3")


@pytest.mark.parametrize("offset", [-1024, 16000, -16000, 30000])
def test_scaled_values_never_wrap(tmp_path: Path, offset: int) -> None:
    """Stored values near both ends of 16 bits, with offsets that carry some of them beyond."""
    stored = np.linspace(-32768, 32767, 18 * 14 * 12).astype(np.int16).reshape(SHAPE)
    header = nib.Nifti1Header()
    header.set_slope_inter(1, offset)
    for values in (stored, stored // 4):
        image = nib.Nifti1Image(values, np.eye(4), header)
        image.header.set_slope_inter(1, offset)
        path = tmp_path / "ct.nii"
        path.write_bytes(image.to_bytes())
        _edit(path, _pack("<2f", 112, 1.0, float(offset)))
        theirs = np.asarray(nib.load(path).dataobj)
        ours = read_image_file(path, "the CT").array
        assert np.array_equal(np.sort(ours, axis=None), np.sort(theirs, axis=None))


def test_labels_keep_their_numbers(tmp_path: Path) -> None:
    array = np.arange(18 * 14 * 12, dtype=np.uint16).reshape(SHAPE)
    volume = read_image_file(_write_nifti(tmp_path / "mask.nii.gz", array=array), "the vertebra mask")
    assert volume.array.dtype == np.uint16
    assert np.array_equal(np.unique(volume.array), np.arange(array.size))
