"""Headers of all DICOM files in a folder, grouped into series. No element that names a patient is ever read."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
READ_TAGS = [
    "AcquisitionNumber",
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "ContrastBolusAgent",
    "ContrastBolusAgentSequence",
    "ContrastBolusRoute",
    "ConvolutionKernel",
    "GantryDetectorTilt",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "KVP",
    "LossyImageCompression",
    "Modality",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "Rows",
    "SOPClassUID",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SliceThickness",
    "StudyInstanceUID",
    "TemporalPositionIdentifier",
]
DICOMDIR_CLASS = "1.2.840.10008.1.3.10"
DICM_OFFSET = 128
BARE_STARTS = (b"\x08\x00", b"\x02\x00")
"""First bytes of a DICOM file without the 128-byte preamble, as old archives write it: group 0008 or 0002."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One slice: where its pixels are and its header, flat also when it comes out of a multi-frame file."""

    file: Path
    index: int
    """Its place among the frames of the file; 0 in a classic file."""
    frames_in_file: int
    transfer_syntax: str
    header: Dataset

    def text(self, keyword: str) -> str:
        """A header entry as text, several values joined by a backslash; empty when absent."""
        value = self._value(keyword)
        if value is None:
            return ""
        return "\\".join(str(v) for v in value) if _is_list(value) else str(value).strip()

    def numbers(self, keyword: str, count: int) -> NDArray[np.float64] | None:
        """A header entry of `count` finite numbers; None when absent, of another length or not numbers."""
        value = self._value(keyword)
        try:
            array = np.array(list(value) if _is_list(value) else [value], dtype=np.float64)
        except (TypeError, ValueError):
            return None
        return array if array.shape == (count,) and np.isfinite(array).all() else None

    def _value(self, keyword: str) -> Any:
        try:
            return self.header.get(keyword)
        except Exception:  # pydicom decodes on access, and a damaged entry can raise nearly anything
            return None

    def number(self, keyword: str) -> float | None:
        found = self.numbers(keyword, 1)
        return None if found is None else float(found[0])


@dataclass(frozen=True, eq=False)
class Series:
    uid: str
    frames: tuple[Frame, ...]
    """Its slices; its localizers only where it holds nothing else."""
    localizers: int = 0
    """Localizers that some scanners file with the slices, left out of `frames`."""

    @property
    def first(self) -> Frame:
        return self.frames[0]

    @property
    def number(self) -> int | None:
        value = self.first.number("SeriesNumber")
        return None if value is None else int(value)


@dataclass(frozen=True, eq=False)
class Found:
    series: tuple[Series, ...]
    """In order of series number, then UID."""
    damaged: int
    """Files that begin like DICOM but whose header could not be read, so that no one knows where they belong."""


def read_headers(path: Path) -> Found:
    """Headers of every DICOM image below a folder, whatever the files are called, or of one file."""
    frames: dict[str, list[Frame]] = {}
    damaged = 0
    for file in sorted(entry for entry in path.rglob("*") if entry.is_file()) if path.is_dir() else [path]:
        if not looks_like_dicom(file):
            continue
        try:
            members = _frames(file)
        except Exception:  # pydicom has no single error for "this is not, or no longer, a DICOM file"
            damaged += 1
            continue
        for frame in members:
            frames.setdefault(frame.text("SeriesInstanceUID"), []).append(frame)
    series = [_without_localizers(uid, members) for uid, members in frames.items()]
    return Found(tuple(sorted(series, key=lambda s: (s.number is None, s.number or 0, s.uid))), damaged)


def _without_localizers(uid: str, members: list[Frame]) -> Series:
    slices = [frame for frame in members if "LOCALIZER" not in frame.text("ImageType").upper()]
    return Series(uid, tuple(slices or members), len(members) - len(slices) if slices else 0)


def looks_like_dicom(file: Path) -> bool:
    with file.open("rb") as handle:
        return bytes_look_like_dicom(handle.read(DICM_OFFSET + 4))


def bytes_look_like_dicom(start: bytes) -> bool:
    """From the first 132 bytes of a file."""
    return start[DICM_OFFSET : DICM_OFFSET + 4] == b"DICM" or start[:2] in BARE_STARTS


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """pydicom warns of unusual entries and quotes them, ITK of files and names them: both may name the patient."""
    import SimpleITK as sitk

    shown, log = sitk.ProcessObject.GetGlobalWarningDisplay(), logging.getLogger("pydicom")
    level = log.level
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pydicom")
            yield
    finally:
        log.setLevel(level)
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)


def _frames(file: Path) -> list[Frame]:
    """Frames of one file, none for a DICOMDIR. Raises whatever pydicom raises for a damaged one."""
    import pydicom

    header = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=[*READ_TAGS, *GROUPS])
    if header.file_meta.get("MediaStorageSOPClassUID") == DICOMDIR_CLASS:
        return []
    if not header.get("SeriesInstanceUID"):
        raise ValueError("no series")
    # A file without the meta group is in DICOM's default, implicit little endian.
    syntax = str(header.file_meta.get("TransferSyntaxUID", "1.2.840.10008.1.2"))
    count = int(header.get("NumberOfFrames") or 1)
    if GROUPS[1] not in header:
        return [Frame(file, index, count, syntax, header) for index in range(count)]
    per_frame = header[GROUPS[1]].value
    shared = header[GROUPS[0]].value if GROUPS[0] in header else []
    return [
        Frame(file, index, count, syntax, _flattened(header, [*shared[:1], groups]))
        for index, groups in enumerate(per_frame[:count])
    ]


def _flattened(header: Dataset, groups: list[Dataset]) -> Dataset:
    """The file's own entries, then those of its shared and per-frame functional groups (PS3.3 C.7.6.16) over them."""
    from pydicom.dataset import Dataset

    flat = Dataset()
    for element in header:
        if element.keyword not in GROUPS:
            flat.add(element)
    for group in groups:
        for sequence in group:
            if sequence.VR == "SQ" and len(sequence.value) == 1:
                for element in sequence.value[0]:
                    if element.keyword in READ_TAGS:
                        flat.add(element)
    return flat


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue"
