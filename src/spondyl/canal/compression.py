"""Tumour, sac and cord along the canal: the ESCC grade of each level, or what can be said instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.canal import escc
from spondyl.canal.compare import pedicle_height_mm
from spondyl.canal.escc import Known, Section, Verdict
from spondyl.canal.sections import (
    SQUARE,
    Stack,
    along_rays,
    arc_deg,
    dent,
    depth_to_width,
    fluid_arc_shares,
    gap_mm,
    middle_of,
    outline_of,
    outlines_mm,
    radii_about,
    sampled,
    surface_points,
)
from spondyl.canal.surface import surface_of
from spondyl.canal.trace import REACH_MM, Stretch
from spondyl.canal.tube import PLANE_STEP_MM, RAYS, Array, polygon_areas_mm2
from spondyl.core.volume import Volume
from spondyl.values.canal import Compression
from spondyl.values.vertebra import Vertebra

__all__ = ["SQUARE", "Graded", "Labels", "compress"]

FREE_AREA_MM2 = 1.0
"""Own choice: a section with less tumour than this is free."""
FREE_AWAY_MM = 3.0
"""Own choice: and so far from one that is not, because sac and cord bend before they are touched."""
FREE_REACH_MM = 60.0
"""Own choice: free sections further away (two levels) say nothing of the size here."""
FREE_PLANES = 5
"""Own choice: the median of so many free sections on each side, so that one flaw does not count."""
APART = 0.3
"""Own choice: a sac label that holds less of the cord than this was drawn around it (fluid only)."""
OUTSIDE_NOTE = 0.10
"""Own choice: from this share of the cord outside of canal or sac on it is said; labels' edges differ by less."""
UNTOUCHED_MM = 1.5
"""Own choice: tumour nearer to the sac's border than a voxel or two may have moved it."""
UNTOUCHED_SHARE = 0.25
"""Own choice: a shorter part of the border says little of the whole sac's size."""
HALF = 0.5
"""Own choice: a cord label may miss a slice or two of a level, not more than half of it."""
OUTSIDE_BARS = 0.50
"""Own choice: with half of the cord outside of the canal or within tumour one of the labels is wrong: no grade."""


@dataclass(frozen=True)
class Labels:
    """Masks of cord, thecal sac and epidural tumour, None where not given."""

    cord: Volume | None
    sac: Volume | None
    epidural: Volume | None


@dataclass(frozen=True)
class Graded:
    """What `CanalMeasure` is given of cord and sac at one level."""

    grade: str | None = None
    possible: tuple[str, ...] = ()
    reason: str = ""
    compression: Compression | None = None
    sac_area_mm2: float | None = None
    notes: tuple[str, ...] = ()
    cord_given: bool = False

    def fields(self, encroachment: float | None) -> dict[str, Any]:
        """Keyword arguments for `dataclasses.replace`."""
        return {
            "escc_grade": self.grade,
            "escc_possible": self.possible,
            "escc_reason": self.reason or escc.without_labels(cord_given=self.cord_given, encroachment=encroachment),
            "compression": self.compression,
            "sac_area_mm2": self.sac_area_mm2,
        }


@dataclass(frozen=True, eq=False)
class _Course:
    """The labels in all planes of a stretch; nan where a label is not given or not there."""

    stack: Stack
    tumour_mm2: Array
    sac_mm2: Array
    cord_mm2: Array
    shape: Array
    """Cord's spread front to back over side to side."""
    middle: Array
    """Of the cord, left and back of the centreline, (n, 2)."""
    swallowed: Array
    """Share of the cord that the tumour label claims as well, (n,)."""
    out_of_canal: Array
    out_of_sac: Array
    dents: dict[tuple[str, int], float] = field(default_factory=dict)
    """What has been worked out so far."""

    @property
    def conus(self) -> int | None:
        """Lowest plane with cord; None without any."""
        planes = np.flatnonzero(self.cord_mm2 >= escc.rules().least_cord_mm2)
        return int(planes[0]) if planes.size else None

    def free(self, plane: int, sizes: Array) -> list[NDArray[np.intp]]:
        """The nearest free planes below and above in which `sizes` is known; a side without any is left out."""
        step = round(FREE_AWAY_MM / PLANE_STEP_MM)
        tumour = np.convolve(np.nan_to_num(self.tumour_mm2) >= FREE_AREA_MM2, np.ones(2 * step + 1), mode="same") > 0
        planes = np.flatnonzero(~tumour & (sizes > 0))
        planes = planes[np.abs(planes - plane) * PLANE_STEP_MM <= FREE_REACH_MM]
        sides = (planes[planes < plane][-FREE_PLANES:], planes[planes > plane][:FREE_PLANES])
        return [side for side in sides if side.size]

    def expected(self, plane: int, sizes: Array) -> float | None:
        """On the line between what the free planes below and above show; None without any."""
        sides = self.free(plane, sizes)
        if not sides:
            return None
        at = [float(np.mean(side)) for side in sides]
        return float(np.interp(plane, at, [float(np.median(sizes[side])) for side in sides]))

    def dent(self, name: str, plane: int) -> float:
        """Share of a label's convex hull that is not label."""
        if (name, plane) not in self.dents:
            label = self.stack.sac_mm if name == "sac" else self.stack.cord_mm
            outline = None if label is None else outline_of(label[plane])
            self.dents[name, plane] = 0.0 if outline is None else dent(outline)
        return self.dents[name, plane]

    def dent_beyond(self, name: str, plane: int, sizes: Array) -> float:
        """The same beyond that of the free planes."""
        usual = [self.dent(name, int(other)) for side in self.free(plane, sizes) for other in side]
        return max(0.0, self.dent(name, plane) - (float(np.median(usual)) if usual else 0.0))


def compress(stretch: Stretch, vertebrae: Mapping[Level, Vertebra], labels: Labels) -> dict[Level, Graded]:
    """Grade and measures of each level of a stretch."""
    if labels.sac is None and labels.epidural is None:
        return {level: Graded(cord_given=labels.cord is not None) for level in stretch.bodies}
    course = _course(stretch, labels)
    return {level: _level(level, course, vertebrae[level], stretch, labels) for level in stretch.bodies}


def _course(stretch: Stretch, labels: Labels) -> _Course:
    tube = stretch.tube
    path = tube.path.centres_mm
    surfaces = [
        None if mask is None else surface_of([mask], path, REACH_MM)
        for mask in (labels.cord, labels.sac, labels.epidural)
    ]
    cord, sac = (sampled(tube, surface, smooth=True) for surface in surfaces[:2])
    tumour = sampled(tube, surfaces[2], smooth=False)
    n = len(path)
    swallowed, out_of_canal, out_of_sac = np.zeros(n), np.zeros(n), np.zeros(n)
    canal = outlines_mm(tube)
    if tumour is not None:
        tumour = np.maximum(tumour, canal)
        if cord is not None:
            swallowed = _share(cord, tumour)
            tumour = np.maximum(tumour, -cord)
    if cord is not None:
        out_of_canal = np.where(tube.closed & (cord < 0).any(axis=(1, 2)), 1 - _share(cord, canal), 0.0)
    if sac is not None:
        if cord is not None:
            held = _share(cord, sac)
            both = (cord < 0).any(axis=(1, 2)) & (sac < 0).any(axis=(1, 2))
            # A label of the fluid alone holds no cord anywhere; then nothing can be said of what lies outside.
            if both.any() and np.median(held[both]) >= APART:
                out_of_sac = np.where(both, 1 - held, 0.0)
            sac = np.minimum(sac, cord)
        if tumour is not None:
            sac = np.maximum(sac, -tumour)
    voxel = max(surface.voxel_mm for surface in surfaces if surface is not None)
    canal_mm2 = np.where(tube.closed, tube.areas_mm2, tube.open_areas_mm2)
    stack = Stack(cord, sac, tumour, canal_mm2, voxel)
    shape = [np.nan] * n if cord is None else [depth_to_width(one) for one in cord]
    tumour_mm2, sac_mm2, cord_mm2 = (
        np.full(n, np.nan) if label is None else stack.area_mm2(label) for label in (tumour, sac, cord)
    )
    middle = np.full((n, 2), np.nan)
    for plane in np.flatnonzero(cord_mm2 > 0):
        middle[plane] = middle_of(cord[plane])  # type: ignore[index]
    return _Course(
        stack, tumour_mm2, sac_mm2, cord_mm2, np.array(shape, dtype=float), middle, swallowed, out_of_canal, out_of_sac
    )


def _share(inner: NDArray[np.float32], outer: NDArray[np.float32]) -> Array:
    """Share of one label that lies within another, in each plane; 0 where the first is absent."""
    both = ((inner < 0) & (outer < 0)).sum(axis=(1, 2))
    alone = (inner < 0).sum(axis=(1, 2))
    return np.asarray(both / np.maximum(alone, 1))


def _level(level: Level, course: _Course, vertebra: Vertebra, stretch: Stretch, labels: Labels) -> Graded:
    planes = stretch.territories[level]
    notes, barred = _doubts(course, planes, vertebra, stretch)
    sac_area = _sac_at_pedicles(course, planes, vertebra, stretch)
    kept: dict[str, Any] = {"sac_area_mm2": sac_area, "notes": notes, "cord_given": labels.cord is not None}
    if labels.epidural is None:
        why = (
            "No ESCC grade: no label of epidural tumour is given, so nobody says whether there is any (an empty label "
            "would say that there is none)."
        )
        return Graded(reason=why, **kept)
    where = _below_conus(level, planes, course, labels)
    worst = int(planes[np.nanargmax(course.tumour_mm2[planes])])
    if isinstance(where, str) or barred:
        why = " ".join([f"No ESCC grade: {where}." if isinstance(where, str) else "", *barred]).strip()
        return Graded(reason=why, compression=_compression(course, worst, vertebra, stretch, below=False), **kept)
    above, below = planes[~where], planes[where]
    least = escc.rules().thresholds["epidural_area_mm2"]
    only_below = (
        below.size > 0 and (course.tumour_mm2[below] >= least).any() and not (course.tumour_mm2[above] >= least).any()
    )
    if above.size == 0 or only_below:
        return _sac_only(course, below, worst, vertebra, stretch, kept)
    verdict, at = _worst(course, above)
    shown = _compression(course, at, vertebra, stretch, below=False)
    return Graded(verdict.grade, verdict.possible, _reason(verdict, shown, labels), shown, **kept)


def _below_conus(level: Level, planes: NDArray[np.intp], course: _Course, labels: Labels) -> NDArray[np.bool_] | str:
    """Which planes of a level lie below the cord's end; or why that can't be told."""
    rules = escc.rules()
    if level.order > rules.lowest_conus.order:
        return np.ones(planes.size, dtype=bool)
    if labels.cord is None:
        if level.order > rules.highest_conus.order:
            return "the cord may end at this level and no cord label is given; the sac's measures stand by themselves"
        return np.zeros(planes.size, dtype=bool)
    missing = ~(course.cord_mm2[planes] >= rules.least_cord_mm2)
    if not missing.any():
        return missing
    if level.order < rules.highest_conus.order and missing.mean() > HALF:
        return f"the cord label is missing in {missing.mean():.0%} of this level, above where any cord ends"
    below = np.zeros(planes.size, dtype=bool)
    if level.order >= rules.highest_conus.order:
        below = missing if course.conus is None else planes < course.conus
    return below


def _worst(course: _Course, planes: NDArray[np.intp]) -> tuple[Verdict, int]:
    """The highest grade that reaches far enough along the canal, every grade possible, and its worst plane."""
    verdicts = [escc.grade(_section(course, int(plane))) for plane in planes]
    length = min(max(1, round(escc.rules().thresholds["extent_mm"] / PLANE_STEP_MM)), len(planes))
    order = escc.GRADES.index

    def reached(ranks: list[int]) -> int:
        windows = np.lib.stride_tricks.sliding_window_view(np.array(ranks), length)
        return int(windows.min(axis=-1).max())

    low = reached([order(verdict.possible[0]) for verdict in verdicts])
    high = reached([order(verdict.possible[-1]) for verdict in verdicts])
    possible = escc.in_order(g for verdict in verdicts for g in verdict.possible if low <= order(g) <= high)
    ranks = [order(verdict.grade) if verdict.grade else -1 for verdict in verdicts]
    unsure = any(verdict.grade is None for verdict in verdicts)
    nominal = reached(ranks)
    grade = None if unsure and (nominal < 0 or len(possible) > 1) else escc.GRADES[nominal]
    best = max(range(len(planes)), key=lambda n: (ranks[n] == nominal, _severity(course, int(planes[n]))))
    if grade is None:
        best = int(np.nanargmax(course.tumour_mm2[planes]))
    possible = escc.in_order((*possible, grade)) if grade else possible
    return Verdict(grade, possible), int(planes[best])


def _severity(course: _Course, plane: int) -> float:
    return float(np.nan_to_num(course.tumour_mm2[plane]))


def _section(course: _Course, plane: int) -> Section:
    """Measures of one plane, each with what half a voxel at every surface makes of it."""
    stack = course.stack
    area = float(course.tumour_mm2[plane])
    half = stack.voxel_mm / 2
    tumour = Known(area, half * np.sqrt(4 * np.pi * area))
    if area < FREE_AREA_MM2 or stack.tumour_mm is None:
        return Section(tumour, None, None, None, None, None, None, None)
    # The border that tumour and sac, or tumour and cord, share: about half of the tumour's own circumference.
    border = 0.5 * float(np.sqrt(4 * np.pi * area))
    sac_loss = _sac_loss(course, plane)
    sac = None if sac_loss is None else Known(sac_loss, half * border / float(course.sac_mm2[plane] + area))
    cord = None if stack.cord_mm is None else outline_of(stack.cord_mm[plane])
    mass = surface_points(stack.tumour_mm[plane])
    if cord is None or mass is None or stack.cord_mm is None:
        return Section(tumour, sac, None, None, None, None, None, None)
    cord_area = float(course.cord_mm2[plane])
    touched = min(border, 0.5 * float(np.sqrt(4 * np.pi * cord_area)))
    wrong = half * touched / cord_area
    fluid = None
    if stack.sac_mm is not None:
        limit = escc.rules().thresholds["fluid_mm"]
        less, as_is, more = fluid_arc_shares(cord, stack.sac_mm[plane], (limit + half, limit, limit - half))
        fluid = Known(as_is, max(as_is - less, more - as_is))
    return Section(
        tumour,
        sac,
        Known(gap_mm(cord, mass), stack.voxel_mm),
        _cord_share(course, plane, course.cord_mm2, wrong, both_ways=False),
        _cord_share(course, plane, course.shape, wrong, both_ways=True),
        Known(course.dent_beyond("cord", plane, course.cord_mm2), wrong / 2),
        _cord_shift(course, plane, half),
        fluid,
    )


def _sac_loss(course: _Course, plane: int) -> float | None:
    """What is missing of the sac: of what free planes and its own untouched border show, or of its convex hull."""
    sac = course.stack.sac_mm
    if sac is None or not course.sac_mm2[plane] > 0:
        return None if sac is None else 1.0
    return max(0.0, _area_missing(course, plane, sac), course.dent_beyond("sac", plane, course.sac_mm2))


def _area_missing(course: _Course, plane: int, sac: NDArray[np.float32]) -> float:
    """1 - the sac's area over the free planes' outline, scaled to fit the border here that no tumour touches.

    Levels differ in size, so that a line between the planes above and below alone would be wrong by a tenth.
    """
    sides = course.free(plane, course.sac_mm2)
    if not sides:
        return 0.0
    centres = np.array([np.median([middle_of(sac[p]) for p in side], axis=0) for side in sides])
    at = [float(np.mean(side)) for side in sides]
    centre = np.array([np.interp(plane, at, centres[:, axis]) for axis in (0, 1)])
    free = np.array(
        [
            np.median([radii_about(sac[p], where) for p in side], axis=0)
            for side, where in zip(sides, centres, strict=True)
        ]
    )
    usual = np.array([np.interp(plane, at, free[:, ray]) for ray in range(RAYS)])
    here = radii_about(sac[plane], centre)
    tumour = course.stack.tumour_mm
    touched = tumour is not None and along_rays(tumour[plane], centre, usual) < UNTOUCHED_MM
    untouched = ~np.asarray(touched) & (here > 0)
    scale = float(np.median(here[untouched] / usual[untouched])) if untouched.mean() >= UNTOUCHED_SHARE else 1.0
    return float(1 - course.sac_mm2[plane] / (scale**2 * polygon_areas_mm2(usual)))


def _cord_share(course: _Course, plane: int, sizes: Array, wrong: float, *, both_ways: bool) -> Known | None:
    """A size of the cord over what free planes show; None near the conus where they don't stand on both sides."""
    sides = course.free(plane, course.cord_mm2)
    conus = course.conus
    near_end = conus is not None and conus > 0 and (plane - conus) * PLANE_STEP_MM < escc.rules().taper_mm
    if not sides or (near_end and len(sides) < 2):
        return None
    expected = course.expected(plane, sizes)
    if expected is None or not np.isfinite(sizes[plane]):
        return None
    share = float(sizes[plane]) / expected
    return Known(min(share, 1 / share) if both_ways else share, wrong)


def _cord_shift(course: _Course, plane: int, wrong: float) -> Known | None:
    """How far the cord's middle lies off the line between the free planes below and above; None without both."""
    sides = course.free(plane, course.cord_mm2)
    if len(sides) < 2 or not np.isfinite(course.middle[plane]).all():
        return None
    at = [float(np.mean(side)) for side in sides]
    ends = np.array([np.median(course.middle[side], axis=0) for side in sides])
    expected = [np.interp(plane, at, ends[:, axis]) for axis in (0, 1)]
    return Known(float(np.linalg.norm(course.middle[plane] - expected)), wrong)


def _compression(course: _Course, plane: int, vertebra: Vertebra, stretch: Stretch, *, below: bool) -> Compression:
    section = _section(course, plane)
    stack = course.stack
    label = stack.sac_mm if below or stack.cord_mm is None else stack.cord_mm
    middle = None if label is None else middle_of(label[plane])
    area = float(course.tumour_mm2[plane])
    canal = float(stack.canal_mm2[plane])
    seen = stack.tumour_mm is not None and area >= FREE_AREA_MM2 and middle is not None

    def value(known: Known | None) -> float | None:
        return None if known is None else known.value

    return Compression(
        position_mm=float(vertebra.frame.to_local(stretch.tube.path.centres_mm[plane])[2]),
        below_conus=below,
        epidural_area_mm2=area,
        canal_share=area / canal if np.isfinite(canal) and canal > 0 else None,
        sac_area_mm2=float(course.sac_mm2[plane]) if stack.sac_mm is not None else None,
        sac_loss=value(section.sac_loss),
        tumour_to_cord_mm=value(section.cord_gap_mm),
        cord_area_share=value(section.cord_area_share),
        cord_shape_share=value(section.cord_shape_share),
        cord_dent=value(section.cord_dent),
        cord_shift_mm=value(section.cord_shift_mm),
        fluid_arc_share=value(section.fluid_arc_share),
        tumour_arc_deg=arc_deg(stack.tumour_mm[plane], middle) if seen else None,  # type: ignore[index, arg-type]
    )


def _sac_only(
    course: _Course, planes: NDArray[np.intp], worst: int, vertebra: Vertebra, stretch: Stretch, kept: dict[str, Any]
) -> Graded:
    """Below the conus: how much of the sac is lost at the worst place."""
    losses = [_sac_loss(course, int(p)) if course.tumour_mm2[p] >= FREE_AREA_MM2 else 0.0 for p in planes]
    told = [0.0 if loss is None else loss for loss in losses]
    at = int(planes[int(np.argmax(told))]) if max(told) > 0 else worst
    shown = _compression(course, at, vertebra, stretch, below=True)
    parts = ["No ESCC grade: below the end of the cord there is none to be compressed."]
    if shown.epidural_area_mm2 < escc.rules().thresholds["epidural_area_mm2"]:
        parts.append("No epidural tumour is labelled here.")
    elif shown.sac_loss is None:
        parts.append("Tumour lies in the canal; without a sac label the compression of the sac is not known.")
    else:
        parts.append(f"Sac (cauda equina) compression: {shown.sac_loss:.0%} of the sac's cross-section is lost.")
    return Graded(reason=" ".join(parts), compression=shown, **kept)


def _doubts(
    course: _Course, planes: NDArray[np.intp], vertebra: Vertebra, stretch: Stretch
) -> tuple[tuple[str, ...], list[str]]:
    """Notes on labels that can't all be right, and those that forbid a grade."""
    checks = (
        (course.out_of_canal, "The cord label lies outside of the bony canal"),
        (course.swallowed, "The label of epidural tumour covers the cord label"),
        (course.out_of_sac, "The sac label is smaller than the cord label, which lies outside of it"),
    )
    notes: list[str] = []
    barred: list[str] = []
    for shares, words in checks:
        worst = int(planes[np.argmax(shares[planes])])
        if shares[worst] < OUTSIDE_NOTE:
            continue
        height = float(vertebra.frame.to_local(stretch.tube.path.centres_mm[worst])[2])
        text = f"{words} by up to {shares[worst]:.0%}, {abs(height):.0f} mm {'above' if height > 0 else 'below'}"
        text += f" the middle of {vertebra.level.name}."
        (barred if shares[worst] >= OUTSIDE_BARS else notes).append(text)
    return (*notes, *barred), barred


def _sac_at_pedicles(course: _Course, planes: NDArray[np.intp], vertebra: Vertebra, stretch: Stretch) -> float | None:
    height = pedicle_height_mm(vertebra)
    if course.stack.sac_mm is None or height is None:
        return None
    positions = vertebra.frame.to_local(stretch.tube.path.centres_mm[planes])[:, 2]
    area = float(course.sac_mm2[planes[np.abs(positions - height).argmin()]])
    return area if area > 0 else None


def _reason(verdict: Verdict, shown: Compression, labels: Labels) -> str:
    definitions = escc.rules().definitions
    parts = []
    if verdict.grade is None:
        missing = [name for name, mask in (("sac", labels.sac), ("cord", labels.cord)) if mask is None]
        parts.append(f"No single ESCC grade: {_words(verdict.possible)} fit what is labelled.")
        parts.append(f"Without a label of the {' and the '.join(missing)} they can't be told apart." if missing else "")
    else:
        parts.append(f"Grade {verdict.grade}: {definitions[verdict.grade]}.")
        if len(verdict.possible) > 1:
            parts.append(f"Within a voxel {_words(verdict.possible)} are possible.")
    if shown.epidural_area_mm2 >= FREE_AREA_MM2:
        share = "" if shown.canal_share is None else f" ({shown.canal_share:.0%} of the canal)"
        parts.append(f"Tumour holds up to {shown.epidural_area_mm2:.0f} mm2{share} at the worst place.")
    parts.append("The thresholds are this software's own (canal/escc.toml).")
    return " ".join(part for part in parts if part)


def _words(grades: tuple[str, ...]) -> str:
    return ", ".join(grades[:-1]) + " and " + grades[-1] if len(grades) > 1 else "".join(grades)
