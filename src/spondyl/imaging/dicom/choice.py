"""Which series of a DICOM folder is the CT to measure the spine in, and why; described without naming anyone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.core.errors import UnsuitableImage
from spondyl.imaging.dicom.headers import Found, Series

CT_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "enhanced CT",
    "1.2.840.10008.5.1.4.1.1.2.2": "legacy converted enhanced CT",
}
"""SOP classes that hold CT slices (PS3.6 A-1). Secondary captures and presentation states are others."""
MIN_SLICES = 8
"""Own choice: a vertebral body of 24 mm in slices of 3 mm; fewer cannot show one whole."""
THICK_MM = 3.0
"""Own choice: spacing above which a series gives way to a thinner one of less coverage; endplates blur beyond it."""
SAME_COVERAGE = 0.9
"""Own choice: a series that covers this share of the longest one counts as covering as much."""
AXIAL_COSINE = 0.8
"""Own choice: slices whose normal lies within 37 degrees of head-foot are axial; gantries tilt by 30 at most."""
PROJECTIONS = ("MIP", "MINIP", "MAX_IP", "MIN_IP", "MPR_THICK", "PROJECTION IMAGE", "AVERAGE", "VRT", "VOLREN")
"""Words in ImageType of slabs that carry extremes or means of many slices in place of the density."""
LUNG_KERNELS = ("LUNG", "BL", "FC5", "YC", "YD", "CHST")
"""Beginnings of the names vendors give to kernels for lung, which overshoot at bone (own choice of list)."""
CRITERIA = (
    "it has enough slices",
    "it is an original axial series",
    f"its slices stand {THICK_MM:g} mm apart or less",
    "it covers more",
    "its kernel suits bone",
    "its slices stand closer together",
    "it covers slightly more",
)


@dataclass(frozen=True)
class SeriesSummary:
    """What a message may say of a series."""

    number: int | None
    uid: str
    modality: str
    kind: str
    """'axial', 'localizer', 'derived', 'projection', 'other plane' or 'not a CT image'."""
    slices: int
    spacing_mm: float | None
    """Median distance of neighbouring slices."""
    coverage_mm: float
    thickness_mm: float | None
    kernel: str | None

    @property
    def usable(self) -> bool:
        return self.modality == "CT" and self.kind not in ("localizer", "not a CT image")

    def __str__(self) -> str:
        number = "without number" if self.number is None else str(self.number)
        parts = [f"{self.slices} slices"]
        if self.spacing_mm is not None:
            parts.append(f"every {self.spacing_mm:.4g} mm")
        if self.thickness_mm is not None:
            parts.append(f"thickness {self.thickness_mm:.4g} mm")
        if self.kernel:
            parts.append(f"kernel {self.kernel}")
        return f"series {number} ({self.modality or 'modality unknown'}, {self.kind}, {', '.join(parts)})"


def summarise(series: Series) -> SeriesSummary:
    """Counts and distances of a series from its headers."""
    first = series.first
    heights = _heights_mm(series)
    steps = np.diff(heights)
    thickness = first.number("SliceThickness")
    return SeriesSummary(
        number=series.number,
        uid=series.uid,
        modality=first.text("Modality"),
        kind=_kind(series),
        slices=len(series.frames),
        spacing_mm=float(np.median(steps)) if len(steps) else None,
        coverage_mm=float(heights[-1] - heights[0]) if len(heights) else 0.0,
        thickness_mm=thickness,
        kernel=first.text("ConvolutionKernel").replace("\\", " / ") or None,
    )


def choose(found: Found, wanted: str | None) -> tuple[Series, str]:
    """The series to read and why. Raises UnsuitableImage when there is no CT, or not the wanted series."""
    summaries = [summarise(series) for series in found.series]
    if wanted is not None:
        return _wanted(found, summaries, wanted.strip()), "chosen by the user"
    usable = [index for index, summary in enumerate(summaries) if summary.usable]
    if not usable:
        raise UnsuitableImage(f"the CT's folder holds no CT slices, but: {listing(summaries)}.", "Give a CT series.")
    if len(usable) == 1:
        reason = "the only CT series" if len(summaries) > 1 else "the only series"
        return found.series[usable[0]], reason
    longest = max(summaries[index].coverage_mm for index in usable)
    ranked = sorted(usable, key=lambda index: _rank(summaries[index], longest), reverse=True)
    best, second = (_rank(summaries[index], longest) for index in ranked[:2])
    ahead = [criterion for criterion, a, b in zip(CRITERIA, best, second, strict=True) if a > b]
    reason = f"chosen because {ahead[0]}" if ahead else "the first of equals"
    return found.series[ranked[0]], f"{reason}, before {summaries[ranked[1]]}"


def listing(summaries: list[SeriesSummary]) -> str:
    """All series for a message; the UID is told only where the number does not tell them apart."""
    numbers = [summary.number for summary in summaries]
    return "; ".join(
        f"{s} with SeriesInstanceUID {s.uid}" if s.number is None or numbers.count(s.number) > 1 else str(s)
        for s in summaries
    )


def _wanted(found: Found, summaries: list[SeriesSummary], wanted: str) -> Series:
    hits = [n for n, s in enumerate(summaries) if wanted in (s.uid, str(s.number))]
    if not hits:
        raise UnsuitableImage(f"there is no series '{wanted}'; there are: {listing(summaries)}.", "Name one of these.")
    if len(hits) > 1:
        raise UnsuitableImage(
            f"{len(hits)} series have the number {wanted}: {listing([summaries[n] for n in hits])}.",
            "Name the SeriesInstanceUID.",
        )
    if not summaries[hits[0]].usable:
        raise UnsuitableImage(
            f"the wanted series can't be measured: {summaries[hits[0]]}; there are: {listing(summaries)}.",
            "Name a CT series.",
        )
    return found.series[hits[0]]


def _rank(summary: SeriesSummary, longest_mm: float) -> tuple[float, ...]:
    """Larger is better; one entry for each of CRITERIA, the first that differs decides."""
    spacing = summary.spacing_mm or np.inf
    kernel = (summary.kernel or "").upper()
    return (
        summary.slices >= MIN_SLICES,
        {"axial": 3, "derived": 2, "other plane": 1}.get(summary.kind, 0),
        spacing <= THICK_MM,
        summary.coverage_mm >= SAME_COVERAGE * longest_mm,
        0 if kernel.startswith(LUNG_KERNELS) or kernel == "L" else 1,
        -round(spacing, 1),
        summary.coverage_mm,
    )


def _kind(series: Series) -> str:
    words = series.first.text("ImageType").upper().split("\\")
    if series.first.text("SOPClassUID") not in CT_CLASSES:
        return "not a CT image"
    if "LOCALIZER" in words:
        return "localizer"
    if any(word.startswith(PROJECTIONS) for word in words):
        return "projection"
    orientation = series.first.numbers("ImageOrientationPatient", 6)
    if orientation is not None and abs(np.cross(orientation[:3], orientation[3:])[2]) < AXIAL_COSINE:
        return "other plane"
    return "derived" if words[0] == "DERIVED" else "axial"


def _heights_mm(series: Series) -> np.ndarray:
    """Distinct slice positions along the normal of the first slice, in rising order; empty when not stated."""
    orientation = series.first.numbers("ImageOrientationPatient", 6)
    positions = [frame.numbers("ImagePositionPatient", 3) for frame in series.frames]
    if orientation is None or any(position is None for position in positions):
        return np.empty(0)
    normal = np.cross(orientation[:3], orientation[3:])
    return np.unique(np.round(np.array(positions) @ normal, 3))
