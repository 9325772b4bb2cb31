"""One DICOM series to a `CtScan`: slices sorted out, checked, decoded, set upright, and what the header tells."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnsuitableImage
from spondyl.core.volume import Volume
from spondyl.imaging.dicom.choice import summarise
from spondyl.imaging.dicom.headers import Found, Frame, Series
from spondyl.imaging.dicom.pixels import check_sizes, frame_hu, voxels_hu
from spondyl.imaging.dicom.stack import Stack, check_frames, regular_stack, sorted_by_place
from spondyl.imaging.dicom.tilt import is_tilted, tilt_deg, upright
from spondyl.imaging.hounsfield import LOWEST_HU, plain_hu
from spondyl.values.scan import CtScan

SPARSE = 1.2
"""Own choice: slices that stand further apart than this many thicknesses leave bone between them unseen."""
TILT_STATED_DEG = 0.5
"""Own choice: a GantryDetectorTilt below this is rounding."""
NO_CONTRAST = ("NONE", "NO", "NO CONTRAST", "WITHOUT", "W/O", "NATIVE", "UNENHANCED")
OTHER_ROUTES = ("ORAL", "RECTAL", "INTRATHECAL", "ARTICULAR", "PO")


def read_series(found: Found, series: Series, reason: str, sha256: str) -> CtScan:
    """The scan of one series of a folder. Raises UnsuitableImage or UnreadableInput, saying what was found."""
    check_frames(series.frames)
    check_sizes(series.frames)
    frames, notes = _without_doubles(series.frames)
    if series.localizers:
        notes.append(f"{series.localizers} localizer image(s) within the series were left out.")
    stack = regular_stack(frames)
    array = voxels_hu(stack.frames)
    notes += _padding_notes(array, stack.frames)
    affine = stack.affine
    if is_tilted(stack):
        array, affine = upright(array, stack)
        notes.append(
            f"The gantry was tilted by {tilt_deg(stack):.1f} degrees; the slices were moved onto an upright grid."
        )
    array, value_notes = plain_hu(array)
    volume = Volume(array.transpose(2, 1, 0), affine, "HU").canonical()
    notes += [*value_notes, *_header_notes(stack), *_folder_notes(found)]
    first = stack.frames[0]
    among = f"one of {len(found.series)} series, " if len(found.series) > 1 else ""
    return CtScan(
        volume=volume,
        kvp=_kvp(stack.frames),
        contrast=_contrast(first),
        kernel=summarise(series).kernel,
        slice_thickness_mm=first.number("SliceThickness"),
        source=f"DICOM {summarise(series)}, {among}{reason}",
        sha256=sha256,
        notes=tuple(notes),
    )


def _without_doubles(frames: tuple[Frame, ...]) -> tuple[tuple[Frame, ...], list[str]]:
    """One frame a place; equal ones are dropped, different ones at one place are refused."""
    groups = sorted_by_place(frames)
    for group in groups:
        if len(group) > 1:
            kept = frame_hu(group[0])
            if not all(np.array_equal(kept, frame_hu(other)) for other in group[1:]):
                raise UnsuitableImage(*_two_at_one_place(frames, groups))
    dropped = len(frames) - len(groups)
    notes = [f"{dropped} slice(s) that were there twice were dropped."] if dropped else []
    return tuple(group[0] for group in groups), notes


def _two_at_one_place(frames: tuple[Frame, ...], groups: list[list[Frame]]) -> tuple[str, str]:
    places = sum(len(group) > 1 for group in groups)
    found = f"the CT's series holds different slices at the same place ({places} of {len(groups)} places)"
    for keyword, word in (("TemporalPositionIdentifier", "time points"), ("AcquisitionNumber", "acquisitions")):
        values = {frame.text(keyword) for frame in frames}
        if len(values) > 1:
            return f"{found}: {len(values)} {word} are mixed in it.", "Export one of them as its own series."
    return f"{found}.", "Export the series again, or only the reconstruction wanted."


def _padding_notes(array: NDArray, frames: tuple[Frame, ...]) -> list[str]:
    """Padding below air says nothing; padding with a value that tissue has hides what was there."""
    first = frames[0]
    padding, slope, intercept = (first.number(k) for k in ("PixelPaddingValue", "RescaleSlope", "RescaleIntercept"))
    if padding is None or slope is None or intercept is None or (value := padding * slope + intercept) <= LOWEST_HU:
        return []
    share = float(np.count_nonzero(array == value)) / array.size
    if share == 0 or value <= -900:  # air by another number
        return []
    return [f"{100 * share:.1f} % of the voxels hold the padding value, {value:g} HU, which tissue can have too."]


def _header_notes(stack: Stack) -> list[str]:
    first = stack.frames[0]
    notes = []
    spacing, thickness = float(np.linalg.norm(stack.step_mm)), first.number("SliceThickness")
    if thickness and spacing > SPARSE * thickness:
        notes.append(f"Slices of {thickness:g} mm stand {spacing:.3g} mm apart: the bone between them was not imaged.")
    if first.text("LossyImageCompression") == "01":
        notes.append("The slices were once compressed with loss; their HU are not exact.")
    stated = first.number("GantryDetectorTilt")
    if stated is not None and abs(stated) > TILT_STATED_DEG and tilt_deg(stack) < TILT_STATED_DEG:
        notes.append(
            f"The header states a gantry tilt of {stated:g} degrees, yet the slices lie straight above each other."
        )
    voltages = {frame.number("KVP") for frame in stack.frames} - {None}
    if len(voltages) > 1:
        notes.append("The slices were made at different tube voltages; none is reported.")
    return notes


def _folder_notes(found: Found) -> list[str]:
    notes = []
    if found.damaged:
        notes.append(f"{found.damaged} DICOM file(s) beside the series are damaged and belong no one knows where.")
    if (studies := len({series.first.text("StudyInstanceUID") for series in found.series})) > 1:
        notes.append(f"The folder holds {studies} studies: make sure that they and the masks are of one person.")
    return notes


def _kvp(frames: tuple[Frame, ...]) -> float | None:
    voltages = {value for frame in frames if (value := frame.number("KVP"))}
    return voltages.pop() if len(voltages) == 1 else None


def _contrast(frame: Frame) -> bool | None:
    """Intravenous contrast; an empty or absent entry says nothing, since scanners leave it so in both cases."""
    agent, route = (frame.text(keyword).upper() for keyword in ("ContrastBolusAgent", "ContrastBolusRoute"))
    if not agent:
        return None
    if agent in NO_CONTRAST:
        return False
    if any(word in f"{agent} {route}".replace("\\", " ").split() for word in OTHER_ROUTES) and "IV" not in route:
        return None
    return True
