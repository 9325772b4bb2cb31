"""From a map of levels to vertebrae: plan (all levels together), build one (pure, on a crop), put together.

    plan ──► LevelTask per level ──► build_one ──► Built or a reason ──► assemble ──► Vertebra by level

`build_one` needs nothing but its task, so that a caller may run it in worker processes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, Region, neighbours
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.values.vertebra import Frame, Geometry, Vertebra
from spondyl.vertebrae.alignment import align, ends
from spondyl.vertebrae.expected import expected_height
from spondyl.vertebrae.frame import Course, Seed, axis_from_endplates, body_seed, courses, frame_from
from spondyl.vertebrae.shape import BodyShape, BodySurface, body_surface, measure_shape
from spondyl.vertebrae.subregions import Landmarks, arch_parts, find_landmarks, is_body

CITATIONS: tuple[str, ...] = ()
"""Geometry of our own; no published method or norm enters it."""

MARGIN_VOXELS_MM = 3.0
CUT_AREA_MM2 = 25.0
"""Own choice: a body with more than this on the scan's outermost slice is cut off; less is a spur or a crumb."""
SMALLEST_BODY_MM3 = 800.0
"""Own choice: below half of the smallest normal body (C3, about 2300 mm3) there is nothing to measure."""
PASSES = 2
"""The frame moves the parts and the parts move the frame; it has settled after the second pass."""
BORDERS = ("right", "left", "front", "back", "lower", "upper")


@dataclass(frozen=True, eq=False)
class LevelTask:
    """All that one vertebra's building needs; crops only, so that it travels cheaply."""

    level: Level
    mask: Volume
    course: Course
    at_border: tuple[bool, ...]
    """Whether the crop's first and last slice along i, j, k is the scan's own: in the order of `BORDERS`."""
    cord: Volume | None = None
    subregions: Volume | None = None


@dataclass(frozen=True, eq=False)
class Built:
    vertebra: Vertebra
    landmarks: Landmarks
    surface: BodySurface
    shape: BodyShape


def build_vertebrae(
    levels: LevelMap,
    ct: Volume,
    *,
    subregions: Volume | None = None,
    cord: Volume | None = None,
    only: Collection[Level] | None = None,
) -> tuple[dict[Level, Vertebra], dict[Level, str]]:
    """Vertebrae by level from the head down, and for the others why they could not be built, in plain words.

    All levels of the map serve to find the spine's course; those in `only` are returned (all when None).
    `subregions` has TPTBox codes (41 to 50), `cord` is a mask; both may have another grid than the CT.
    """
    if not levels.labels.same_grid(ct):
        raise ValueError("the level map does not lie on the CT's grid")
    tasks, reasons = plan(levels, subregions=subregions, cord=cord)
    built, unbuilt = assemble({level: build_one(task) for level, task in tasks.items()})
    reasons |= unbuilt
    asked = levels.levels if only is None else [level for level in levels.levels if level in set(only)]
    return (
        {level: built[level] for level in asked if level in built},
        {level: reasons[level] for level in asked if level in reasons},
    )


def plan(
    levels: LevelMap, *, subregions: Volume | None = None, cord: Volume | None = None
) -> tuple[dict[Level, LevelTask], dict[Level, str]]:
    """One task for each level that has a body, with the spine's course through it; reasons for the others."""
    seeds: dict[Level, Seed] = {}
    reasons: dict[Level, str] = {}
    masks: dict[Level, Volume] = {}
    for level in levels.levels:
        if level is Level.C1 or level.region in (Region.SACRAL, Region.COCCYGEAL):
            reasons[level] = "it has no body of its own kind that could be measured"
            continue
        masks[level] = levels.mask(level, MARGIN_VOXELS_MM)
        seed = body_seed(masks[level])
        if seed is None or masks[level].array.sum() * masks[level].voxel_volume_mm3 < SMALLEST_BODY_MM3:
            reasons[level] = "too little of it lies in the mask to find its body"
            continue
        seeds[level] = seed
    tasks = {}
    for level, course in courses(seeds).items() if seeds else ():
        start, stop = levels.box(level, MARGIN_VOXELS_MM)
        borders = [end for a, b, n in zip(start, stop, levels.labels.shape, strict=True) for end in (a == 0, b == n)]
        tasks[level] = LevelTask(
            level=level,
            mask=masks[level].contiguous(),
            course=course,
            at_border=tuple(borders),
            cord=None if cord is None else _onto(cord, masks[level]),
            subregions=None if subregions is None else _onto(subregions, masks[level]),
        )
    return tasks, reasons


def build_one(task: LevelTask) -> Built | str:
    """One vertebra, or why it can't be built. Pure: the same task gives the same result in any process."""
    mask, course = task.mask, task.course
    frame = course.frame()
    points = mask.to_lps(np.argwhere(mask.array))
    for _ in range(PASSES):
        marks = find_landmarks(mask, frame, course.radius_mm, task.cord)
        if marks is None:
            return _cut_or(task, "its spinal canal could not be found in the mask")
        body = _body(task, points, frame, marks)
        if body.array.sum() * body.voxel_volume_mm3 < SMALLEST_BODY_MM3:
            return _cut_or(task, "too little of its body lies in the mask")
        surface = body_surface(body, frame)
        frame = _turned(frame, surface, marks, course)
    if (edge := _cut_edge(body, task.at_border)) is not None:
        return f"its body is cut off by the {edge} edge of the scan"
    marks = find_landmarks(mask, frame, course.radius_mm, task.cord)
    if marks is None:
        return "its spinal canal could not be found in the mask"
    body = _body(task, points, frame, marks)
    surface = body_surface(body, frame)
    shape = measure_shape(surface)
    parts = _parts(task, points, frame, marks, body, shape)
    vertebra = Vertebra(
        level=task.level,
        frame=frame,
        parts=parts,
        geometry=_own_geometry(shape),
        subregion_source="shape" if task.subregions is None else "given",
        cut_parts=_cut_parts(parts, task.at_border),
    )
    return Built(vertebra, marks, surface, shape)


def assemble(results: Mapping[Level, Built | str]) -> tuple[dict[Level, Vertebra], dict[Level, str]]:
    """Vertebrae with what only their neighbours can tell (expected height, alignment), and the reasons."""
    built = {level: result for level, result in results.items() if isinstance(result, Built)}
    reasons = {level: result for level, result in results.items() if isinstance(result, str)}
    vertebrae = {
        level: replace(result.vertebra, geometry=_with_neighbours(level, built)) for level, result in built.items()
    }
    return vertebrae, reasons


def _onto(volume: Volume, grid: Volume) -> Volume:
    return volume.resampled_onto(grid, order=0, outside=0)


def _body(task: LevelTask, points: NDArray[np.float64], frame: Frame, marks: Landmarks) -> Volume:
    """The largest connected piece of what lies before the wall."""
    array = np.zeros(task.mask.shape, bool)
    array[task.mask.array] = is_body(frame.to_local(points), marks)
    pieces, count = ndimage.label(array)
    if count > 1:
        array = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return task.mask.like(array, "mask")


def _turned(frame: Frame, surface: BodySurface, marks: Landmarks, course: Course) -> Frame:
    """The frame moved to the body's centre, along its endplates where they are good, its y through the canal."""
    up = axis_from_endplates(surface.upper, surface.lower, frame, course.from_row)
    centre = surface.centre_mm
    back = np.array([marks.canal_x_mm - centre[0], marks.canal_y_mm - centre[1], 0.0])
    return frame_from(frame.to_lps(centre), course.up if up is None else up, frame.axes @ back)


def _parts(
    task: LevelTask, points: NDArray[np.float64], frame: Frame, marks: Landmarks, body: Volume, shape: BodyShape
) -> Volume:
    labels = np.zeros(task.mask.shape, np.uint8)
    labels[task.mask.array] = arch_parts(frame.to_local(points), marks, shape.width_mm / 2)
    labels[body.array] = SubRegion.BODY
    return task.mask.like(labels, "label")


def _own_geometry(shape: BodyShape) -> Geometry:
    return Geometry(
        anterior_height_mm=shape.anterior_mm,
        middle_height_mm=shape.middle_mm,
        posterior_height_mm=shape.posterior_mm,
        width_mm=shape.width_mm,
        depth_mm=shape.depth_mm,
        predicted_height_mm=None,
        height_loss=None,
        height_loss_interval=None,
        wedge_deg=shape.wedge_deg,
        sagittal_angle_to_above_deg=None,
        coronal_angle_to_above_deg=None,
        translation_ap_mm=None,
        translation_lr_mm=None,
    )


def _with_neighbours(level: Level, built: Mapping[Level, Built]) -> Geometry:
    """The geometry with what the neighbours tell, and notes on what they can't."""
    geometry, notes = built[level].vertebra.geometry, []
    expected = expected_height(level, {other: result.shape for other, result in built.items()})
    if expected is None:
        notes.append("no height loss: fewer than two intact neighbours to compare with")
    else:
        names = ", ".join(other.name for other in expected.witnesses)
        notes.append(f"height expected from {names}")
        geometry = replace(
            geometry,
            predicted_height_mm=expected.tallest_mm,
            height_loss=expected.loss,
            height_loss_interval=expected.loss_interval,
        )
    above, _ = neighbours(level, built)
    pair = [
        ends(result.vertebra.frame, result.surface, result.shape, result.landmarks)
        for result in (built[name] for name in (above, level) if name is not None)
    ]
    if above is None:
        notes.append("no alignment: the level above could not be built")
    elif pair[0] is None or pair[1] is None:
        notes.append(f"no alignment: an endplate of {above.name} or {level.name} could not be fitted")
    else:
        found = align(pair[0], pair[1])
        geometry = replace(
            geometry,
            sagittal_angle_to_above_deg=found.sagittal_deg,
            coronal_angle_to_above_deg=found.coronal_deg,
            translation_ap_mm=found.translation_ap_mm,
            translation_lr_mm=found.translation_lr_mm,
        )
    return replace(geometry, notes=(*geometry.notes, *notes))


def _faces(array: NDArray, at_border: tuple[bool, ...]) -> list[tuple[str, int, NDArray]]:
    """Name, axis and slice of each face of the crop that is the scan's own border."""
    faces = [(BORDERS[2 * axis + end], axis, array.take(-end, axis)) for axis in range(3) for end in (0, 1)]
    return [face for face, border in zip(faces, at_border, strict=True) if border]


def _cut_edge(body: Volume, at_border: tuple[bool, ...]) -> str | None:
    for name, axis, face in _faces(body.array, at_border):
        if face.sum() * body.voxel_volume_mm3 / body.spacing_mm[axis] > CUT_AREA_MM2:
            return name
    return None


def _cut_or(task: LevelTask, reason: str) -> str:
    """The border explains most of what can't be found."""
    edge = _cut_edge(task.mask, task.at_border)
    return reason if edge is None else f"{reason}, and it is cut off by the {edge} edge of the scan"


def _cut_parts(parts: Volume, at_border: tuple[bool, ...]) -> tuple[SubRegion, ...]:
    touched = {int(label) for _, _, face in _faces(parts.array, at_border) for label in np.unique(face)}
    return tuple(SubRegion(label) for label in sorted(touched - {0}))
