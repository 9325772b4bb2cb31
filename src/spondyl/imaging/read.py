"""The door for CTs: a DICOM folder, a zip of one, a NIfTI, NRRD or MetaImage file to one `CtScan`."""

from __future__ import annotations

import contextlib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.core.provenance import sha256_of
from spondyl.imaging.archive import unpacked
from spondyl.imaging.dicom.choice import MIN_SLICES, SeriesSummary, choose, summarise
from spondyl.imaging.dicom.headers import Found, looks_like_dicom, quiet, read_headers
from spondyl.imaging.dicom.series import read_series
from spondyl.imaging.files import IMAGE_SUFFIXES, read_image_file
from spondyl.imaging.hounsfield import plain_hu
from spondyl.values.scan import CtScan

ROLE = "the CT"


def read_ct(path: Path, *, series: str | None = None) -> CtScan:
    """A CT in HU on a canonical grid (axes closest to left, posterior, superior; LPS mm).

    `path` is a DICOM folder (searched recursively), a zip of one, a multi-frame DICOM file, or a NIfTI, NRRD or
    MetaImage file. Of several DICOM series the one best suited to the spine is taken, or the one whose number or
    SeriesInstanceUID is `series`. Raises UnreadableInput for what is missing, damaged or of an unknown kind,
    UnsuitableImage for what is no CT that can be measured; both say what was found and what to do.
    """
    if not path.exists():
        raise UnreadableInput(f"{ROLE} is not there: nothing at {path}.", "Check the path.")
    try:
        with quiet():
            return _dicom(path, series) if _is_dicom(path) else _image_file(path, series)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UnreadableInput(f"{ROLE} could not be read: {reason}.", "Check the disk and the rights on it.") from error


def list_series(path: Path) -> tuple[SeriesSummary, ...]:
    """All series of a DICOM folder or zip, in order of number; `str` of an entry is fit for a message."""
    with quiet(), _headers(path) as found:
        return tuple(summarise(series) for series in found.series)


def _dicom(path: Path, series: str | None) -> CtScan:
    with _headers(path) as found:
        chosen, reason = choose(found, series)
        return read_series(found, chosen, reason, sha256_of(path))


def _image_file(path: Path, series: str | None) -> CtScan:
    if series is not None:
        raise UnsuitableImage(f"series '{series}' was asked for, but {ROLE} is no DICOM.", "Leave the series out.")
    volume = read_image_file(path, ROLE)
    if min(volume.shape) < MIN_SLICES:
        stated = " x ".join(map(str, volume.shape))
        raise UnsuitableImage(f"{ROLE} has {stated} voxels; at least {MIN_SLICES} each way are needed.", "Give more.")
    array, notes = plain_hu(volume.array)
    kind = next(suffix for suffix in IMAGE_SUFFIXES if path.name.lower().endswith(suffix))
    source = f"{kind} file, {volume.shape[2]} slices every {volume.spacing_mm[2]:.4g} mm"
    return CtScan(
        volume=volume.like(array, "HU"),
        kvp=None,
        contrast=None,
        kernel=None,
        slice_thickness_mm=None,
        source=source,
        sha256=sha256_of(path),
        notes=notes,
    )


def _is_dicom(path: Path) -> bool:
    return path.is_dir() or _is_zip(path) or looks_like_dicom(path)


def _is_zip(path: Path) -> bool:
    return path.is_file() and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


@contextlib.contextmanager
def _headers(path: Path) -> Iterator[Found]:
    with unpacked(path) if _is_zip(path) else contextlib.nullcontext(path) as folder:
        found = read_headers(folder)
        if not found.series:
            raise UnreadableInput(_without_dicom(path, found), "Give a DICOM series, or the image file itself.")
        if path.is_file() and not _is_zip(path) and len(found.series[0].frames) == 1:
            raise UnsuitableImage(f"{ROLE} is a single DICOM slice.", "Give the folder that holds the whole series.")
        yield found


def _without_dicom(path: Path, found: Found) -> str:
    if found.damaged:
        return f"{ROLE} can't be read: {found.damaged} DICOM file(s) are damaged or cut off inside the header."
    if path.is_dir():
        images = sum(entry.name.lower().endswith(IMAGE_SUFFIXES) for entry in path.rglob("*"))
        if images:
            return f"{ROLE}'s folder holds no DICOM file, but {images} image file(s) ({', '.join(IMAGE_SUFFIXES)})."
    return f"{ROLE}'s {'folder' if path.is_dir() else 'zip'} holds no DICOM file."
