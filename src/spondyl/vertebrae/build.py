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

from spondyl.anatomy.levels import Level, Region, along_spine, neighbours
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.values.vertebra import Frame, Geometry, Vertebra
from spondyl.vertebrae.alignment import Alignment, Edge, Ends, align, beyond_the_row, ends
from spondyl.vertebrae.endplates import with_smooth_endplates
from spondyl.vertebrae.expected import expected_height
from spondyl.vertebrae.facing import facing_edge
from spondyl.vertebrae.form import body_form
from spondyl.vertebrae.frame import Course, Seed, axis_from_endplates, body_seed, courses, frame_from, without_body
from spondyl.vertebrae.landmarks import Landmarks, find_landmarks
from spondyl.vertebrae.shape import BodyShape, measure_shape
from spondyl.vertebrae.stance import stances
from spondyl.vertebrae.subregions import (
    TPTBOX_BODY,
    arch_core,
    arch_parts,
    given_body,
    given_parts,
    is_beside_body,
    is_body,
    pedicles_in_one_piece,
)
from spondyl.vertebrae.surface import BodySurface, body_surface

CITATIONS = (
    "panjabi1991",
    "panjabi1991cervical",
    "panjabi1992",
    "genant1993",
    "raya1990",
    "lumbar_lying",
    "zhang2018disc",
)
"""What heights, height loss, alignment and blocks rest on."""
GIVEN_CITATIONS = ("moeller2024",)
"""What sub-regions that were given rest on."""
MARGIN_MM = 3.0
"""Own choice: around each crop, so that surfaces and borders are seen whole."""
BESIDE_MM = 25.0
"""Own choice: holds the near half of the bodies above and below, the highest discs between."""
CUT_AREA_MM2 = 25.0
"""Own choice: a body with more than this on the scan's outermost slice is cut off; less is a spur or a crumb."""
RING = (
    (SubRegion.PEDICLE_LEFT,),
    (SubRegion.PEDICLE_RIGHT,),
    (SubRegion.LAMINA_LEFT, SubRegion.LAMINA_RIGHT),
)
"""Own choice: a vertebra is cut through when the scan ends in either pedicle or in both laminae: then its canal and
what is behind it are not seen. One that has lost the tips of its arch only is still a vertebra to measure."""
CUT_SHARE = 0.25
"""Own choice: a part is cut where its area on the scan's outermost slice is over this share of its largest one along
the same axis. Beyond a smaller area lies next to nothing of it: of an ellipsoid 1 %, of a paraboloid 6 %, of a cone an
eighth. A part of which most is missing has its largest area at the edge."""
SMALLEST_BODY_MM3 = 800.0
"""Own choice: below half of the smallest normal body (C3, about 2300 mm3) there is nothing to measure."""
PASSES = 3
"""Own choice: the frame moves the parts and the parts move the frame; at most so often, and less when it rests."""
AT_REST = (1.0, 0.5)
"""Degrees and mm: a frame that moves less than this in a pass has settled."""
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
    beside: tuple[Volume | None, Volume | None] = (None, None)
    """Masks of the levels above and below near this one, whole or not; None where the scan shows none."""


@dataclass(frozen=True, eq=False)
class Built:
    vertebra: Vertebra
    landmarks: Landmarks
    surface: BodySurface
    shape: BodyShape
    facing: tuple[Edge | None, Edge | None] = (None, None)
    """What the masks of the levels above and below show of their near endplates."""


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
        masks[level] = levels.mask(level, MARGIN_MM)
        seed = body_seed(masks[level])
        if seed is None or masks[level].array.sum() * masks[level].voxel_volume_mm3 < SMALLEST_BODY_MM3:
            reasons[level] = "too little of it lies in the mask to find its body"
            continue
        seeds[level] = seed
    borders = {level: _at_border(levels, level) for level in seeds}
    for level in without_body(seeds, [level for level in seeds if any(borders[level])]):
        del seeds[level]
        reasons[level] = "the scan holds parts of its arch only, not its body"
    tasks = {}
    for level, course in courses(seeds).items() if seeds else ():
        tasks[level] = LevelTask(
            level=level,
            mask=masks[level].contiguous(),
            course=course,
            at_border=borders[level],
            cord=None if cord is None else _onto(cord, masks[level]),
            subregions=None if subregions is None else _onto(subregions, masks[level]),
            beside=_beside(levels, level),
        )
    return tasks, reasons


def _beside(levels: LevelMap, level: Level) -> tuple[Volume | None, Volume | None]:
    crop = levels.labels.crop(*levels.box(level, BESIDE_MM))
    above, below = (
        None if other is None else Volume(crop.array == int(other), crop.affine, "mask")
        for other in neighbours(level, levels.levels)
    )
    return above, below


def _at_border(levels: LevelMap, level: Level) -> tuple[bool, ...]:
    start, stop = levels.box(level, MARGIN_MM)
    return tuple(end for a, b, n in zip(start, stop, levels.labels.shape, strict=True) for end in (a == 0, b == n))


def build_one(task: LevelTask) -> Built | str:
    """One vertebra, or why it can't be built. Pure: the same task gives the same result in any process."""
    points = task.mask.to_lps(np.argwhere(task.mask.array))
    settled = _settle(task, points)
    if isinstance(settled, str):
        return settled
    frame, marks, body = settled
    if (edge := _cut_edge(body, task.at_border)) is not None:
        return f"its body is cut off by the {edge} edge of the scan"
    surface = body_surface(body, frame)
    smooth = with_smooth_endplates(surface, body, frame)
    shape = measure_shape(smooth or surface)
    if task.level is Level.C2:  # what lies over its body is the dens, no endplate
        smooth, shape = None, replace(shape, anterior_mm=None, middle_mm=None, posterior_mm=None, wedge_deg=None)
    parts = _parts(task, points, frame, marks, body, shape)
    if (edge := _edge_through_ring(parts, task.at_border)) is not None:
        return f"it is cut off through its arch by the {edge} edge of the scan"
    vertebra = Vertebra(
        level=task.level,
        frame=frame,
        parts=parts,
        geometry=_own_geometry(shape),
        subregion_source="given" if _is_given(task) else "shape",
        cut_parts=_cut_parts(parts, task.at_border),
        form=body_form(surface, smooth, shape, frame, max(task.mask.spacing_mm)),
    )
    measured = smooth or surface
    facing = tuple(
        None if mask is None else facing_edge(measured, shape, frame, mask, up=up)
        for mask, up in zip(task.beside, (True, False), strict=True)
    )
    return Built(vertebra, marks, measured, shape, (facing[0], facing[1]))


def assemble(results: Mapping[Level, Built | str]) -> tuple[dict[Level, Vertebra], dict[Level, str]]:
    """Vertebrae with what only their neighbours can tell (expected height, alignment), and the reasons."""
    built = {level: result for level, result in results.items() if isinstance(result, Built)}
    reasons = {level: result for level, result in results.items() if isinstance(result, str)}
    edges = {
        level: ends(one.vertebra.frame, one.surface, one.shape, max(one.vertebra.parts.spacing_mm))
        for level, one in built.items()
    }
    known = {level: found for level, found in edges.items() if found is not None}
    # What lies over C2's body is the dens: its neighbours see of it what faces them.
    whole: dict[Level, Ends] = {level: found for level, found in known.items() if level is not Level.C2}
    stands = stances(whole, {level: one.facing for level, one in built.items()})
    steps = beyond_the_row(_steps(known))
    return {
        level: replace(_among_neighbours(level, built, steps), stance=stands.get(level)) for level in built
    }, reasons


def _steps(edges: Mapping[Level, Ends]) -> dict[Level, Alignment]:
    """Alignment of each level with the one above it, where both show their endplates and posterior walls."""
    found = {}
    for level, lower in edges.items():
        above, _ = neighbours(level, edges)
        if above is not None:
            found[level] = align(edges[above], lower)
    return found


def _settle(task: LevelTask, points: NDArray[np.float64]) -> tuple[Frame, Landmarks, Volume] | str:
    """Frame, landmarks in it and body, refined in turn until the frame rests."""
    frame = task.course.frame()
    for _ in range(PASSES):
        found = find_landmarks(task.mask, frame, task.course.radius_mm, task.cord)
        if found is None:
            return _cut_or(task, "its spinal canal could not be found in the mask")
        body = _body(task, points, frame, found)
        if body.array.sum() * body.voxel_volume_mm3 < SMALLEST_BODY_MM3:
            return _cut_or(task, "too little of its body lies in the mask")
        surface = body_surface(body, frame)
        surface = with_smooth_endplates(surface, body, frame) or surface
        before, frame = frame, _turned(frame, surface, found, task.course)
        marks = found.seen_from(before, frame)
        if _at_rest(before, frame):
            break
    return frame, marks, body


def _onto(volume: Volume, grid: Volume) -> Volume:
    return volume.resampled_onto(grid, order=0, outside=0)


def _body(task: LevelTask, points: NDArray[np.float64], frame: Frame, marks: Landmarks) -> Volume:
    """What lies before the wall, or is given as body; of loose pieces those between the largest one's sides."""
    array = np.zeros(task.mask.shape, bool)
    if _is_given(task):
        assert task.subregions is not None
        array = given_body(task.subregions.array, task.mask.array)
    else:
        local = frame.to_local(points)
        array[task.mask.array] = is_body(local, marks) & ~is_beside_body(local, marks, task.level.region)
    pieces, count = ndimage.label(array)
    if count > 1:
        array = np.isin(pieces, _main_pieces(pieces, task.mask, frame))
    return task.mask.like(array, "mask")


def _main_pieces(pieces: NDArray, grid: Volume, frame: Frame) -> list[int]:
    """The largest piece and those whose centre lies between its sides: fragments stay, crumbs of ribs go."""
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    largest = int(np.argmax(sizes))
    x = frame.to_local(grid.to_lps(np.argwhere(pieces == largest)))[:, 0]
    numbers = np.flatnonzero(sizes)
    centres = np.array(ndimage.center_of_mass(pieces > 0, pieces, numbers))
    inside = frame.to_local(grid.to_lps(centres))[:, 0]
    kept = (inside > np.percentile(x, 5)) & (inside < np.percentile(x, 95))
    return [int(n) for n in {largest, *numbers[kept]}]


def _turned(frame: Frame, surface: BodySurface, marks: Landmarks, course: Course) -> Frame:
    """The frame moved to the body's centre, along its endplates where they are good, its y through the canal."""
    up = axis_from_endplates(surface.upper, surface.lower, frame, course.from_row)
    centre = surface.centre_mm
    back = np.array([marks.canal_x_mm - centre[0], marks.canal_y_mm - centre[1], 0.0])
    return frame_from(frame.to_lps(centre), course.up if up is None else up, frame.axes @ back)


def _at_rest(before: Frame, after: Frame) -> bool:
    turn = np.degrees(np.arccos(np.clip((before.axes * after.axes).sum(axis=0), -1, 1))).max()
    return bool(turn < AT_REST[0] and np.linalg.norm(before.origin_mm - after.origin_mm) < AT_REST[1])


def _parts(
    task: LevelTask, points: NDArray[np.float64], frame: Frame, marks: Landmarks, body: Volume, shape: BodyShape
) -> Volume:
    local = frame.to_local(points)
    labels = np.zeros(task.mask.shape, np.uint8)
    if _is_given(task):
        assert task.subregions is not None
        labels[task.mask.array] = arch_core(local, marks)
        labels = given_parts(task.subregions.array, task.mask.array, labels)
        labels[(labels == SubRegion.BODY) & ~body.array] = 0
    else:
        arch = arch_parts(local, marks, shape.arch_scale_mm)
        beside = is_beside_body(local, marks, task.level.region)
        if task.level.region is Region.CERVICAL:
            ahead = beside & is_body(local, marks)
            arch[ahead] = np.where(local[ahead, 0] > 0, SubRegion.TRANSVERSE_LEFT, SubRegion.TRANSVERSE_RIGHT)
        arch[is_body(local, marks) & ~beside] = 0  # crumbs before the wall that are no piece of the body
        labels[task.mask.array] = arch
        labels[body.array] = SubRegion.BODY
        labels = pedicles_in_one_piece(labels)
    return task.mask.like(labels, "label")


def _is_given(task: LevelTask) -> bool:
    """Given sub-regions count where they name this vertebra's body."""
    if task.subregions is None:
        return False
    named = np.isin(task.subregions.array, TPTBOX_BODY) & task.mask.array
    return bool(named.sum() * task.mask.voxel_volume_mm3 >= SMALLEST_BODY_MM3)


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


def _among_neighbours(level: Level, built: Mapping[Level, Built], steps: Mapping[Level, Alignment]) -> Vertebra:
    """The vertebra with what the neighbours tell, and notes on what they can't."""
    geometry, form, notes = built[level].vertebra.geometry, built[level].vertebra.form, []
    expected = expected_height(level, {other: result.shape for other, result in built.items()})
    if level is Level.C2:
        notes.append("no heights: the dens stands on its body, which has no upper endplate")
    elif expected is None:
        notes.append("no height loss: fewer than two intact neighbours to compare with")
    else:
        names = ", ".join(other.name for other in along_spine(expected.witnesses))
        notes.append(f"height expected from {names}")
        geometry = replace(
            geometry,
            anterior_height_mm=expected.heights_mm[0],
            middle_height_mm=expected.heights_mm[1],
            posterior_height_mm=expected.heights_mm[2],
            predicted_height_mm=expected.tallest_mm,
            height_loss=expected.loss,
            height_loss_interval=expected.loss_interval,
        )
        wedges = tuple(w for other in expected.witnesses if (w := built[other].shape.wedge_deg) is not None)
        form = replace(form, losses=expected.losses, neighbours_wedge_deg=wedges)
    above, _ = neighbours(level, built)
    if above is None:
        notes.append("no alignment: the level above could not be built")
    elif level not in steps:
        notes.append(f"no alignment: an endplate or the posterior wall of {above.name} or {level.name} was not found")
    else:
        found = steps[level]
        geometry = replace(
            geometry,
            sagittal_angle_to_above_deg=found.sagittal_deg,
            coronal_angle_to_above_deg=found.coronal_deg,
            translation_ap_mm=found.translation_ap_mm,
            translation_lr_mm=found.translation_lr_mm,
        )
    geometry = replace(geometry, notes=(*geometry.notes, *notes))
    return replace(built[level].vertebra, geometry=geometry, form=form)


def _faces(array: NDArray, at_border: tuple[bool, ...]) -> list[tuple[str, int, NDArray]]:
    """Name, axis and slice of each face of the crop that is the scan's own border."""
    faces = [(BORDERS[2 * axis + end], axis, array.take(-end, axis)) for axis in range(3) for end in (0, 1)]
    return [face for face, border in zip(faces, at_border, strict=True) if border]


def _cut_edge(body: Volume, at_border: tuple[bool, ...]) -> str | None:
    for name, axis, face in _faces(body.array, at_border):
        if face.sum() * body.voxel_volume_mm3 / body.spacing_mm[axis] > CUT_AREA_MM2:
            return name
    return None


def _edge_through_ring(parts: Volume, at_border: tuple[bool, ...]) -> str | None:
    """The edge of the scan that cuts the ring of the canal; a touch too small to be a cut does not count."""
    for stretch in RING:
        edges = [_cut_edge(parts.like(parts.array == int(part), "mask"), at_border) for part in stretch]
        if all(edges):
            return edges[0]
    return None


def _cut_or(task: LevelTask, reason: str) -> str:
    """The border explains most of what can't be found."""
    edge = _cut_edge(task.mask, task.at_border)
    return reason if edge is None else f"{reason}, and it is cut off by the {edge} edge of the scan"


def _cut_parts(parts: Volume, at_border: tuple[bool, ...]) -> tuple[SubRegion, ...]:
    cut = set()
    for _, axis, face in _faces(parts.array, at_border):
        beside = tuple(other for other in range(3) if other != axis)
        for label in set(np.unique(face).tolist()) - {0}:
            slices = (parts.array == label).sum(axis=beside)
            if (face == label).sum() > CUT_SHARE * slices.max():
                cut.add(SubRegion(label))
    return tuple(sorted(cut))
