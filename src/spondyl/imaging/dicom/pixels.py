"""Voxels of DICOM slices in HU. Plain pixels come through pydicom, compressed ones through GDCM in SimpleITK."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.imaging.dicom.headers import Frame
from spondyl.imaging.dicom.stack import CUT_OFF

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PLAIN_SYNTAXES = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99")
"""Implicit and explicit little endian, big endian, deflated: pixels as they are."""
DEFLATED = "1.2.840.10008.1.2.1.99"
PIXEL_TAGS = [
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "HighBit",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelData",
    "PixelRepresentation",
    "Rows",
    "SamplesPerPixel",
]


def voxels_hu(frames: tuple[Frame, ...]) -> NDArray:
    """HU (frame, row, column): int16 where every slice's slope and intercept are whole numbers, else float32."""
    whole = all(float(_rescale(frame)[n]).is_integer() for frame in frames for n in (0, 1))
    check_sizes(frames)
    shape = (len(frames), int(frames[0].text("Rows")), int(frames[0].text("Columns")))
    array = np.empty(shape, np.int16 if whole else np.float32)
    by_file: dict[Path, list[int]] = {}
    for place, frame in enumerate(frames):
        by_file.setdefault(frame.file, []).append(place)
    for places in by_file.values():
        pixels, in_hu = _decoded(frames[places[0]])
        for place in places:
            stored = pixels[frames[place].index]
            hu = stored if in_hu else _rescaled(stored, frames[place], array.dtype)
            array[place] = np.clip(hu, -32768, 32767) if whole else hu
    return array


def frame_hu(frame: Frame) -> NDArray:
    """HU (row, column) of one slice."""
    return voxels_hu((frame,))[0]


def check_sizes(frames: tuple[Frame, ...]) -> None:
    """Raises UnreadableInput for a plain file shorter than the pixels it claims, before any of them is read."""
    for frame in frames:
        claimed = int(frame.text("Rows")) * int(frame.text("Columns")) * 2 * frame.frames_in_file
        plain = frame.transfer_syntax in PLAIN_SYNTAXES and frame.transfer_syntax != DEFLATED
        if plain and frame.file.stat().st_size < claimed:
            raise _cut_off(frame)


def _decoded(frame: Frame) -> tuple[NDArray, bool]:
    """Pixels of a file (frame, row, column), and whether they are HU already: GDCM rescales, pydicom does not."""
    import pydicom

    try:
        header = pydicom.dcmread(frame.file, force=True, specific_tags=[*PIXEL_TAGS])
        held = "PixelData" in header and header.PixelData is not None
    except Exception as error:  # pydicom has no single error for a damaged file
        raise _cut_off(frame) from error
    if not held:
        raise _cut_off(frame)
    if frame.transfer_syntax in PLAIN_SYNTAXES:
        array, in_hu = _plain(header, frame), False
    else:
        array, in_hu = _decompressed(header, frame)
    expected = (frame.frames_in_file, int(frame.text("Rows")), int(frame.text("Columns")))
    if array.size != np.prod(expected):
        raise _cut_off(frame)
    return array.reshape(expected), in_hu


def _decompressed(header: Dataset, frame: Frame) -> tuple[NDArray, bool]:
    """GDCM first, which is fast and knows most; then what pydicom or a plug-in of it can do, all frames of a file."""
    import pydicom
    import SimpleITK as sitk

    if frame.frames_in_file == 1:  # GDCM rescales a multi-frame file by one frame's numbers
        with contextlib.suppress(RuntimeError):
            return sitk.GetArrayFromImage(sitk.ReadImage(str(frame.file), imageIO="GDCMImageIO")), True
    try:
        return header.pixel_array, False
    except Exception as error:  # likewise
        name = pydicom.uid.UID(frame.transfer_syntax).name
        raise UnsuitableImage(
            f"the CT's slices are compressed ({name}) in a way that could not be decoded.",
            "Export them uncompressed (explicit VR little endian), or decompress them with gdcmconv --raw.",
        ) from error


def _plain(header: Dataset, frame: Frame) -> NDArray:
    import pydicom

    if "TransferSyntaxUID" not in header.file_meta:
        header.file_meta.TransferSyntaxUID = pydicom.uid.UID(frame.transfer_syntax)
    try:
        return header.pixel_array
    except Exception as error:  # likewise
        raise _cut_off(frame) from error


def _rescaled(stored: NDArray, frame: Frame, dtype: np.dtype) -> NDArray:
    slope, intercept = _rescale(frame)
    if dtype == np.int16:
        return stored.astype(np.int32) * int(slope) + int(intercept)
    return stored.astype(np.float32) * np.float32(slope) + np.float32(intercept)


def _rescale(frame: Frame) -> tuple[float, float]:
    slope, intercept = frame.number("RescaleSlope"), frame.number("RescaleIntercept")
    if slope is None or intercept is None:
        raise UnsuitableImage("a slice of the CT has no RescaleSlope or RescaleIntercept.", CUT_OFF)
    return slope, intercept


def _cut_off(frame: Frame) -> UnreadableInput:
    number = frame.number("InstanceNumber")
    which = "a slice" if number is None else f"image {number:.0f}"
    return UnreadableInput(
        f"{which} of the CT is cut off or damaged: its file does not hold the pixels it claims.", CUT_OFF
    )
