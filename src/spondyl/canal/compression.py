"""Tumour, sac and cord along the canal: the ESCC grade of each level, or what can be said instead."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.canal import escc
from spondyl.canal.compare import pedicle_height_mm
from spondyl.canal.course import FREE_AREA_MM2, Course, Labels, course_of, sac_loss_of, section_of
from spondyl.canal.doubts import doubts_of
from spondyl.canal.escc import Known, Verdict
from spondyl.canal.sections import SQUARE, arc_deg, dent, middle_of, outline_of
from spondyl.canal.trace import Stretch
from spondyl.values.canal import Compression
from spondyl.values.vertebra import Vertebra

__all__ = ["SQUARE", "Graded", "Labels", "compress"]

HALF = 0.5
"""Own choice: a cord label may miss a slice or two of a level, not more than half of it."""


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


def compress(
    stretch: Stretch,
    vertebrae: Mapping[Level, Vertebra],
    labels: Labels,
    *,
    with_lesion: Collection[Level] = (),
) -> dict[Level, Graded]:
    """Grade and measures of each level of a stretch; `with_lesion` tells disease of bone from none in the words."""
    if labels.sac is None and labels.epidural is None:
        return {level: Graded(cord_given=labels.cord is not None) for level in stretch.bodies}
    course = course_of(stretch.tube, labels)
    return {
        level: _level(level, course, vertebrae[level], stretch, labels, level in with_lesion)
        for level in stretch.bodies
    }


def _level(
    level: Level, course: Course, vertebra: Vertebra, stretch: Stretch, labels: Labels, lesion_here: bool
) -> Graded:
    planes = stretch.territories[level]
    notes, barred = doubts_of(course, planes, vertebra, stretch)
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
    return Graded(verdict.grade, verdict.possible, _reason(verdict, shown, labels, lesion_here), shown, **kept)


def _below_conus(level: Level, planes: NDArray[np.intp], course: Course, labels: Labels) -> NDArray[np.bool_] | str:
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


def _worst(course: Course, planes: NDArray[np.intp]) -> tuple[Verdict, int]:
    """The highest grade of these planes, every grade possible, and the plane of the highest.

    Where one level ends and the next begins is known to a plane or so: for what is possible, the planes just beyond
    count as well, and the outermost do not have to.
    """
    beyond = np.unique(np.clip([planes.min() - 1, planes.max() + 1], 0, len(course.tumour_mm2) - 1))
    known = {int(plane): escc.grade(section_of(course, int(plane))) for plane in (*planes, *beyond)}
    order = escc.GRADES.index
    inner = planes[1:-1] if planes.size > 2 else planes
    low = max(order(known[int(plane)].possible[0]) for plane in inner)
    high = max(order(verdict.possible[-1]) for verdict in known.values())
    possible = escc.in_order(g for verdict in known.values() for g in verdict.possible if low <= order(g) <= high)
    verdicts = [known[int(plane)] for plane in planes]
    ranks = [order(verdict.grade) if verdict.grade else -1 for verdict in verdicts]
    unsure = any(verdict.grade is None for verdict in verdicts)
    nominal = max(ranks)
    if unsure and (nominal < 0 or len(possible) > 1):
        return Verdict(None, possible), int(planes[np.nanargmax(course.tumour_mm2[planes])])
    grade = escc.GRADES[nominal]
    worst = [plane for plane, rank in zip(planes, ranks, strict=True) if rank == nominal]
    best = max(worst, key=lambda plane: float(np.nan_to_num(course.tumour_mm2[plane])))
    return Verdict(grade, escc.in_order((*possible, grade))), int(best)


def _compression(course: Course, plane: int, vertebra: Vertebra, stretch: Stretch, *, below: bool) -> Compression:
    section = section_of(course, plane)
    stack = course.stack
    label = stack.sac_mm if below or stack.cord_mm is None else stack.cord_mm
    middle = None if label is None else middle_of(label[plane])
    area = float(course.tumour_mm2[plane])
    canal = float(stack.canal_mm2[plane])
    cord = outline_of(stack.cord_mm[plane]) if stack.cord_mm is not None and area >= FREE_AREA_MM2 else None
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
        cord_dent=None if cord is None else dent(cord),
        cord_shift_mm=value(section.cord_shift_mm),
        fluid_arc_share=value(section.fluid_arc_share),
        tumour_arc_deg=arc_deg(stack.tumour_mm[plane], middle) if seen else None,  # type: ignore[index, arg-type]
    )


def _sac_only(
    course: Course, planes: NDArray[np.intp], worst: int, vertebra: Vertebra, stretch: Stretch, kept: dict[str, Any]
) -> Graded:
    """Below the conus: how much of the sac is lost at the worst place."""
    losses = [sac_loss_of(course, int(p)) if course.tumour_mm2[p] >= FREE_AREA_MM2 else 0.0 for p in planes]
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


def _sac_at_pedicles(course: Course, planes: NDArray[np.intp], vertebra: Vertebra, stretch: Stretch) -> float | None:
    height = pedicle_height_mm(vertebra)
    if course.stack.sac_mm is None or height is None:
        return None
    positions = vertebra.frame.to_local(stretch.tube.path.centres_mm[planes])[:, 2]
    area = float(course.sac_mm2[planes[np.abs(positions - height).argmin()]])
    return area if area > 0 else None


def _reason(verdict: Verdict, shown: Compression, labels: Labels, lesion_here: bool) -> str:
    definitions = escc.rules().definitions
    parts = []
    if verdict.grade is None:
        missing = [name for name, mask in (("sac", labels.sac), ("cord", labels.cord)) if mask is None]
        parts.append(f"No single ESCC grade: {_words(verdict.possible)} fit what is labelled.")
        parts.append(f"Without a label of the {' and the '.join(missing)} they can't be told apart." if missing else "")
    elif verdict.grade == "0" and not lesion_here:
        parts.append("Grade 0: no tumour is labelled in the canal.")
    else:
        parts.append(f"Grade {verdict.grade}: {definitions[verdict.grade]}.")
        if len(verdict.possible) > 1:
            parts.append(f"Within a voxel {_words(verdict.possible)} are possible.")
    if shown.epidural_area_mm2 >= FREE_AREA_MM2:
        share = "" if shown.canal_share is None else f" ({shown.canal_share:.0%} of the canal)"
        parts.append(f"Tumour holds up to {shown.epidural_area_mm2:.0f} mm²{share} at the worst place.")
    parts.append("The thresholds are this software's own (canal/escc.toml).")
    return " ".join(part for part in parts if part)


def _words(grades: tuple[str, ...]) -> str:
    return ", ".join(grades[:-1]) + " and " + grades[-1] if len(grades) > 1 else "".join(grades)
