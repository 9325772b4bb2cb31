"""The slices of one series in order on one regular grid, or the reason why they are none."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.imaging.dicom.choice import MIN_SLICES
from spondyl.imaging.dicom.headers import Frame
from spondyl.imaging.grid_checks import check_shape

SAME_PLACE_MM = 0.01
"""Own choice: headers state positions to 0.001 mm or finer; slices closer than this lie on one another."""
ORIENTATION_TOLERANCE = 1e-3
"""Own choice: largest difference of direction cosines within a series; 0.06 degrees is rounding."""
GRID_TOLERANCE = 0.1
"""Own choice: a slice may stand this share of the spacing off the regular grid ..."""
ROUNDING_MM = 0.11
"""... or this far, whichever is more: some scanners write positions to 0.1 mm, the ends of the stack included."""
MAX_MATRIX = 4096
"""Own choice: CT matrices reach 2048; a larger claim is a damaged or hostile header."""
MAX_SLOPE, MAX_INTERCEPT = 100.0, 65_536.0
"""Own choice: beyond these no 16-bit value is a HU; scanners write 1 and -1024, or close to it."""
CUT_OFF = "Export the series from the archive (PACS) again."


@dataclass(frozen=True, eq=False)
class Stack:
    """Frames in order along the normal, regular to within the tolerances above."""

    frames: tuple[Frame, ...]
    origin_mm: NDArray[np.float64]
    """Centre of the first frame's first voxel, LPS."""
    along_row: NDArray[np.float64]
    """LPS step in mm from one column to the next; likewise `along_column` from one row to the next."""
    along_column: NDArray[np.float64]
    step_mm: NDArray[np.float64]
    """LPS step from one frame to the next; leans against the normal where the gantry was tilted."""

    @property
    def affine(self) -> NDArray[np.float64]:
        """Indices (column, row, frame) to LPS mm."""
        affine = np.eye(4)
        affine[:3] = np.column_stack([self.along_row, self.along_column, self.step_mm, self.origin_mm])
        return affine


def check_frames(frames: tuple[Frame, ...]) -> None:
    """Raises UnsuitableImage for what makes any slice unfit, whatever its neighbours are."""
    for frame in frames:
        _check_entries(frame)
        _check_pixels(frame)
    first = frames[0]
    if len(matrices := {(f.text("Rows"), f.text("Columns")) for f in frames}) > 1:
        sizes = ", ".join(sorted(f"{rows} x {columns}" for rows, columns in matrices))
        raise UnsuitableImage(f"the CT's slices have different matrix sizes: {sizes}.", "Give one reconstruction only.")
    if any(
        np.abs(_entry(f, "ImageOrientationPatient", 6) - _entry(first, "ImageOrientationPatient", 6)).max()
        > ORIENTATION_TOLERANCE
        for f in frames
    ):
        raise UnsuitableImage("the CT's slices lie in different planes within one series.", "Give one plane only.")
    spacings = {tuple(np.round(_entry(f, "PixelSpacing", 2), 4)) for f in frames}
    if len(spacings) > 1:
        raise UnsuitableImage("the CT's slices have different pixel sizes.", "Give one reconstruction only.")
    check_shape((int(first.text("Columns")), int(first.text("Rows")), max(2, len(frames))), "the CT")


def sorted_by_place(frames: tuple[Frame, ...]) -> list[list[Frame]]:
    """Frames along the normal, rising; those at one place share an entry."""
    orientation = _entry(frames[0], "ImageOrientationPatient", 6)
    normal = np.cross(orientation[:3], orientation[3:])
    heights = np.array([_entry(frame, "ImagePositionPatient", 3) @ normal for frame in frames])
    groups: list[list[Frame]] = []
    last = -np.inf
    for index in np.argsort(heights, kind="stable"):
        if heights[index] - last > SAME_PLACE_MM:
            groups.append([])
            last = heights[index]
        groups[-1].append(frames[index])
    return groups


def regular_stack(frames: tuple[Frame, ...]) -> Stack:
    """One frame a place, in order, to their grid. Raises UnsuitableImage for too few, a gap or uneven steps."""
    if len(frames) < MIN_SLICES:
        raise UnsuitableImage(
            f"the CT has {len(frames)} slices at different places, at least {MIN_SLICES} are needed.",
            "Give the whole series.",
        )
    orientation = _entry(frames[0], "ImageOrientationPatient", 6)
    row_spacing, column_spacing = _entry(frames[0], "PixelSpacing", 2)
    positions = np.array([_entry(frame, "ImagePositionPatient", 3) for frame in frames])
    normal = np.cross(orientation[:3], orientation[3:])
    normal /= np.linalg.norm(normal)
    heights = positions @ normal
    _check_steps(heights, frames)
    step = (positions[-1] - positions[0]) / (len(frames) - 1)
    off_line = positions - positions[0] - np.arange(len(frames))[:, None] * step
    sideways = np.linalg.norm(off_line - np.outer(off_line @ normal, normal), axis=1)
    if sideways.max() > max(row_spacing, column_spacing):
        raise UnsuitableImage(
            f"the CT's slices are shifted sideways against each other, irregularly, by up to {sideways.max():.1f} mm.",
            "Give one reconstruction with one field of view.",
        )
    return Stack(frames, positions[0], orientation[:3] * column_spacing, orientation[3:] * row_spacing, step)


def _check_steps(heights: NDArray[np.float64], frames: tuple[Frame, ...]) -> None:
    steps = np.diff(heights)
    mean = (heights[-1] - heights[0]) / len(steps)
    off_grid = np.abs(heights - heights[0] - np.arange(len(heights)) * mean).max()
    if off_grid <= max(GRID_TOLERANCE * mean, ROUNDING_MM):
        return
    usual = float(np.median(steps))
    multiples = steps / usual
    wide = np.flatnonzero(multiples > 1.5)
    if len(wide) and np.abs(multiples - np.round(multiples)).max() <= GRID_TOLERANCE:
        missing = int(np.round(multiples[wide] - 1).sum())
        places = ", ".join(_between(frames[n], frames[n + 1]) for n in wide[:5])
        raise UnsuitableImage(
            f"the CT has a gap: {missing} slice(s) missing {places}{' and elsewhere' if len(wide) > 5 else ''}.",
            "Export the whole series again; nothing is filled in.",
        )
    raise UnsuitableImage(
        f"the CT's slices are unevenly spaced: neighbours stand {steps.min():.3g} to {steps.max():.3g} mm apart.",
        "Give a series with even spacing, or one of its parts.",
    )


def _between(below: Frame, above: Frame) -> str:
    numbers = sorted((below.number("InstanceNumber") or 0, above.number("InstanceNumber") or 0))
    if below.file == above.file or numbers[0] == numbers[1]:
        return f"between frames {below.index + 1} and {above.index + 1}"
    return f"between images {numbers[0]:.0f} and {numbers[1]:.0f}"


def _check_entries(frame: Frame) -> None:
    for keyword, count in (("ImagePositionPatient", 3), ("ImageOrientationPatient", 6), ("PixelSpacing", 2)):
        if frame.numbers(keyword, count) is None:
            raise UnsuitableImage(
                f"a slice of the CT has no readable {keyword}, so its place in the patient is unknown.", CUT_OFF
            )
    orientation, spacing = _entry(frame, "ImageOrientationPatient", 6), _entry(frame, "PixelSpacing", 2)
    lengths = np.linalg.norm(orientation.reshape(2, 3), axis=1)
    if np.abs(lengths - 1).max() > 0.01 or abs(orientation[:3] @ orientation[3:]) > 0.01 or spacing.min() <= 0:
        raise UnsuitableImage("a slice of the CT has an impossible ImageOrientationPatient or PixelSpacing.", CUT_OFF)
    for keyword, largest in (("RescaleSlope", MAX_SLOPE), ("RescaleIntercept", MAX_INTERCEPT)):
        value = frame.number(keyword)
        if value is None or abs(value) > largest or (keyword == "RescaleSlope" and value == 0):
            raise UnsuitableImage(
                f"a slice of the CT has no usable {keyword}, so its values can't be turned into HU.",
                "Export the original series; a copy that has passed an editor or viewer has often lost it.",
            )
    unit = frame.text("RescaleType").upper()
    if unit not in ("", "HU", "US") and not unit.startswith("HOUNSFIELD"):  # US: unspecified (PS3.3 C.11.1.1.2)
        raise UnsuitableImage(f"the CT's values are not HU but '{unit}'.", "Give the series in Hounsfield units.")


def _check_pixels(frame: Frame) -> None:
    rows, columns, bits = (frame.number(keyword) for keyword in ("Rows", "Columns", "BitsAllocated"))
    if rows is None or columns is None or bits is None:
        raise UnreadableInput("a slice of the CT is cut off inside its header.", CUT_OFF)
    if max(rows, columns) > MAX_MATRIX:
        raise UnsuitableImage(
            f"a slice of the CT claims {columns:.0f} x {rows:.0f} pixels; more than {MAX_MATRIX} a side are not read.",
            "Its header is damaged; export it again.",
        )
    colours = frame.text("PhotometricInterpretation")
    if colours != "MONOCHROME2" or frame.number("SamplesPerPixel") not in (None, 1.0):
        raise UnsuitableImage(
            f"the CT's slices are stored as {colours or 'an unknown kind of image'}, which is no density.",
            "Give the original series (MONOCHROME2), not a screen copy.",
        )
    if bits != 16:
        raise UnsuitableImage(f"the CT's slices hold {bits:.0f} bits a pixel; HU need 16.", "Give the original series.")


def _entry(frame: Frame, keyword: str, count: int) -> NDArray[np.float64]:
    value = frame.numbers(keyword, count)
    if value is None:
        raise UnsuitableImage(f"a slice of the CT has no readable {keyword}.", CUT_OFF)
    return value
