"""NIfTI-1 files: header, affine and voxels, with every way they can be wrong named.

Read here and not through ITK, which fills the rest of a truncated file with whatever the memory held,
straightens sheared axes without a word, and takes the array's axes for the patient's where the file does
not say how it lies. Layout: the NIfTI-1.1 header, https://nifti.nimh.nih.gov/nifti-1.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.core.volume import Volume
from spondyl.imaging.compact import compact, joined
from spondyl.imaging.grid_checks import check_affine, check_shape

HEADER_BYTES = 348
NIFTI2_HEADER_BYTES = 540
DTYPES = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4", 1024: "i8", 1280: "u8"}
"""NIfTI datatype codes of plain numbers; complex and colour images are no scans."""
FORMS_AGREE_MM = 1.0
"""Own choice: sform and qform whose corners lie further apart than this contradict each other."""
QUATERNION_ROUNDING = 1e-7
"""A half turn has a = 0; the root of float32's rounding would tilt it by 0.03 degrees (limit as in nifti1_io)."""
CHUNK_BYTES = 1 << 24
EXPORT_AGAIN = "Export or convert the scan again."


@dataclass(frozen=True)
class Header:
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]
    """To LPS mm."""


def read_nifti(path: Path, role: str) -> Volume:
    """Voxels scaled where the header says so, as `compact` as they can be, axes as in the file, affine in LPS.

    `role` names the file in messages ("the CT"). Raises UnreadableInput for a truncated, damaged or foreign
    file, UnsuitableImage for one that holds no single three-dimensional image with a known place.
    """
    try:
        with _opened(path) as file:
            header = _parse_header(file.read(HEADER_BYTES), role)
            file.read(header.offset - HEADER_BYTES)
            array = _voxels(file, header, role)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UnreadableInput(
            f"{role} is damaged or cut off: its compressed data end too early.", EXPORT_AGAIN
        ) from error
    return Volume(array, header.affine, "HU")


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as file:
        compressed = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if compressed else path.open("rb")


def _parse_header(raw: bytes, role: str) -> Header:
    if len(raw) < HEADER_BYTES:
        raise UnreadableInput(
            f"{role} is cut off inside its header ({len(raw)} of {HEADER_BYTES} bytes).", EXPORT_AGAIN
        )
    order = "<" if struct.unpack_from("<i", raw)[0] in (HEADER_BYTES, NIFTI2_HEADER_BYTES) else ">"
    size = struct.unpack_from(order + "i", raw)[0]
    if size == NIFTI2_HEADER_BYTES:
        raise UnreadableInput(f"{role} is a NIfTI-2 file.", "Save it as NIfTI-1 (.nii or .nii.gz).")
    if size != HEADER_BYTES or raw[344:347] not in (b"n+1", b"ni1"):
        raise UnreadableInput(f"{role} is no NIfTI file: its header does not begin like one.", EXPORT_AGAIN)
    if raw[344:347] == b"ni1":
        raise UnreadableInput(f"{role} is a NIfTI pair (.hdr and .img).", "Save it as one .nii or .nii.gz file.")
    shape = _shape(struct.unpack_from(order + "8h", raw, 40), role)
    (code,) = struct.unpack_from(order + "h", raw, 70)
    if code not in DTYPES:
        raise UnsuitableImage(
            f"{role} holds NIfTI datatype {code} (colour or complex).", "A grey-value image is needed."
        )
    dtype = np.dtype(order + DTYPES[code])
    check_shape(shape, role)
    offset, slope, intercept = struct.unpack_from(order + "3f", raw, 108)
    if not (np.isfinite(slope) and np.isfinite(intercept)) or slope == 0.0:  # the standard: 0 means "not scaled"
        slope, intercept = 1.0, 0.0
    if not HEADER_BYTES <= offset < CHUNK_BYTES:
        raise UnreadableInput(f"{role} has a damaged header: its voxels would begin at byte {offset:g}.", EXPORT_AGAIN)
    return Header(shape, dtype, int(offset), slope, intercept, _affine(raw, order, shape, role))


def _shape(dim: tuple[int, ...], role: str) -> tuple[int, ...]:
    if not 1 <= dim[0] <= 7 or min(dim[1 : dim[0] + 1]) < 1:
        raise UnreadableInput(f"{role} has a damaged header: its dimensions read {dim}.", EXPORT_AGAIN)
    shape = list(dim[1 : dim[0] + 1])
    while len(shape) > 3 and shape[-1] == 1:
        shape.pop()
    return tuple(shape)


def _voxels(file: BinaryIO, header: Header, role: str) -> NDArray:
    """The array in file order; memory is taken as the bytes come, so a false header cannot claim it."""
    expected = int(np.prod(header.shape, dtype=np.int64)) * header.dtype.itemsize
    pieces: list[NDArray] = []
    held = 0
    while held < expected and (chunk := _chunk(file, min(CHUNK_BYTES, expected - held))):
        held += len(chunk)
        whole = len(chunk) - len(chunk) % header.dtype.itemsize  # a file that is cut off ends anywhere
        stored = np.frombuffer(chunk[:whole], header.dtype)
        if header.dtype.byteorder == ">":
            stored = stored.astype(header.dtype.newbyteorder("="))
        pieces.append(compact(_scaled(stored, header.slope, header.intercept)))
    if held < expected:
        missing = 100 * (1 - held / expected)
        raise UnreadableInput(f"{role} is cut off: {missing:.0f} % of its voxels are missing.", EXPORT_AGAIN)
    file.read(1)  # past the last voxel gzip compares its checksum
    return joined(pieces).reshape(header.shape, order="F")


def _chunk(file: BinaryIO, size: int) -> bytes:
    """`size` bytes, fewer only at the file's end."""
    data = file.read(size)
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _scaled(array: NDArray, slope: float, intercept: float) -> NDArray:
    if (slope, intercept) == (1.0, 0.0):
        return array
    if array.dtype == np.int16 and slope == 1.0 and intercept.is_integer() and abs(intercept) < 2**14:
        low, high = int(array.min()) + intercept, int(array.max()) + intercept
        if np.iinfo(np.int16).min <= low and high <= np.iinfo(np.int16).max:
            return array + np.int16(intercept)  # the usual CT, in a quarter of the time and half the memory
    with np.errstate(over="ignore", invalid="ignore"):  # absurd slopes give inf, which no reader takes for HU
        return array.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _affine(raw: bytes, order: str, shape: tuple[int, ...], role: str) -> NDArray[np.float64]:
    """sform where the file has one, else qform, in LPS; refused when they contradict or neither is set."""
    if (units := raw[123] & 7) not in (0, 2):
        unit = {1: "metres", 3: "micrometres"}.get(units, "an unknown unit")
        raise UnsuitableImage(f"{role} states its voxel size in {unit}.", "Save it in millimetres.")
    qform_code, sform_code = struct.unpack_from(order + "2h", raw, 252)
    if qform_code <= 0 and sform_code <= 0:
        raise UnsuitableImage(
            f"{role} does not say how it lies in the patient (neither sform nor qform is set), so left and right "
            "can't be told apart.",
            "Convert it from DICOM again with a program that keeps the orientation.",
        )
    forms = []
    if sform_code > 0:
        forms.append(np.vstack([np.array(struct.unpack_from(order + "12f", raw, 280)).reshape(3, 4), [0, 0, 0, 1]]))
    if qform_code > 0:
        forms.append(_qform(struct.unpack_from(order + "6f", raw, 256), struct.unpack_from(order + "4f", raw, 76)))
    forms = [np.diag([-1.0, -1.0, 1.0, 1.0]) @ form for form in forms]  # RAS to LPS
    for form in forms:
        check_affine(form, role)
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij")).reshape(3, -1)
    if len(forms) == 2 and np.abs((forms[0] - forms[1])[:3] @ np.vstack([corners, np.ones(8)])).max() > FORMS_AGREE_MM:
        raise UnsuitableImage(
            f"{role} states two places in the patient (sform and qform) that contradict each other.",
            "Save it with the one that is true.",
        )
    return forms[0]


def _qform(quaternion_offset: tuple[float, ...], pixdim: tuple[float, ...]) -> NDArray[np.float64]:
    """Rotation from the quaternion's (b, c, d), with a = sqrt(1 - b2 - c2 - d2); pixdim[0] flips the third axis."""
    b, c, d = quaternion_offset[:3]
    square = 1.0 - (b * b + c * c + d * d)
    if square < QUATERNION_ROUNDING:
        a, (b, c, d) = 0.0, np.array((b, c, d)) / np.linalg.norm((b, c, d))
    else:
        a = float(np.sqrt(square))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * np.array([pixdim[1], pixdim[2], pixdim[3] * (-1.0 if pixdim[0] < 0 else 1.0)])
    affine[:3, 3] = quaternion_offset[3:]
    return affine
