"""Area and diameters of the bony canal at each level, against the neighbours, and what a lesion takes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from spondyl.anatomy.levels import Level, along_spine
from spondyl.anatomy.subregions import ARCH, SubRegion
from spondyl.canal import escc, trace, tube
from spondyl.canal.tube import Tube
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra

CITATIONS = (*escc.CITATIONS, "pam50_metrics")

NEIGHBOURS_A_SIDE = 3
"""Own choice: the canal's width changes slowly, but over more levels than these it follows no line."""
MIN_NEIGHBOURS = 2
"""Own choice: one neighbour can't show that it is itself at fault."""
SAME_POSITION_MM = 3.0
"""Own choice: neighbours are compared at their narrowest within this much of the same height to the pedicles. The
canal widens by up to 3 % a mm within one level, and the pedicles' height is known to a slice or so."""
MAX_CORD_MM2 = 100.0
"""Mean and three standard deviations of the cord at C4, where it is thickest (77.3 +- 7.5 mm2; pam50_metrics)."""
BULGE_NOTE = "Bone reaches far into the canal here; its area is what is left of the ring's outline beside it."
NO_BODY = frozenset({Level.C1})


def measure_canals(
    vertebrae: Mapping[Level, Vertebra],
    *,
    cord: Volume | None,
    lesions: Mapping[Level, tuple[Lesion, ...]],
) -> dict[Level, CanalMeasure]:
    """The canal at every level given, each compared with its neighbours.

    Bone is where the vertebra masks say it is. cord: boolean, on any grid; lesions: masks on the grid of the parts.

    Errors: on a chest CT of 2.5 mm slices, levels without any known narrowing lose between -14 and 10 % against
    their neighbours; a loss within that band says nothing.
    """
    alone = {
        level: measure_one(
            vertebra, cord=None if cord is None else cord_beside(vertebra, cord), lesions=lesions.get(level, ())
        )
        for level, vertebra in vertebrae.items()
    }
    return compare_with_neighbours(alone, vertebrae, with_lesion={level for level, held in lesions.items() if held})


def cord_beside(vertebra: Vertebra, cord: Volume) -> Volume:
    """The cord mask cut to the box of one vertebra, small enough to send to another process."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in vertebra.parts.shape], indexing="ij")).reshape(3, -1).T
    index = cord.to_index(vertebra.parts.to_lps(corners))
    i, j, k = (int(n) for n in np.floor(index.min(axis=0)))
    end_i, end_j, end_k = (int(n) + 1 for n in np.ceil(index.max(axis=0)))
    return cord.crop((i, j, k), (end_i, end_j, end_k)).contiguous()


def measure_one(vertebra: Vertebra, *, cord: Volume | None, lesions: tuple[Lesion, ...]) -> CanalMeasure:
    """The canal at one level, by itself: `expected_area_mm2` and `area_loss` stay None.

    cord: mask of the cord beside this vertebra (`cord_beside`); lesions: those of this vertebra.
    """
    notes: tuple[str, ...] = _cut_notes(vertebra)
    found = "the first vertebra has no body" if vertebra.level in NO_BODY else trace.find_tube(vertebra, cord)
    if isinstance(found, str):
        return _not_seen(cord is not None, (*notes, f"Bony canal not measured: {found}."))
    areas = found.areas_mm2
    narrowest = int(np.nanargmin(areas))
    if found.bulged[narrowest]:
        notes = (*notes, BULGE_NOTE)
    ap, transverse = found.diameters_mm(narrowest)
    cord_area, cord_notes = _cord_area_mm2(found, narrowest, cord)
    encroachment, lesion_notes = _encroachment(found, lesions)
    grade, reason = escc.grade(cord_given=cord is not None, encroachment=encroachment)
    return CanalMeasure(
        positions_mm=found.positions_mm * float(found.frame.axes[:, 2] @ vertebra.frame.axes[:, 2]),
        areas_mm2=areas,
        min_area_mm2=float(areas[narrowest]),
        ap_diameter_mm=ap,
        transverse_diameter_mm=transverse,
        expected_area_mm2=None,
        area_loss=None,
        lesion_encroachment=encroachment,
        cord_area_mm2=cord_area,
        escc_grade=grade,
        escc_reason=reason,
        notes=(*notes, *cord_notes, *lesion_notes),
        lumen=tube.lumen_mask(found, vertebra.parts),
    )


def compare_with_neighbours(
    measures: Mapping[Level, CanalMeasure], vertebrae: Mapping[Level, Vertebra], *, with_lesion: Iterable[Level] = ()
) -> dict[Level, CanalMeasure]:
    """Adds to each level what its neighbours predict and how much of it is lost at the narrowest place.

    The neighbours' areas at the same height to the pedicles are laid on a robust line along the spine. Levels with a
    lesion are no neighbours as long as enough others are there.
    """
    diseased = frozenset(with_lesion)
    pedicles = {level: _pedicle_height_mm(vertebrae[level]) for level in measures}
    return {level: _compared(level, measures, pedicles, diseased) for level in along_spine(measures)}


def _compared(
    level: Level,
    measures: Mapping[Level, CanalMeasure],
    pedicles: Mapping[Level, float | None],
    diseased: frozenset[Level],
) -> CanalMeasure:
    own = measures[level]
    own_pedicle = pedicles[level]
    if own.min_area_mm2 is None or own_pedicle is None:
        return own
    height = float(own.positions_mm[np.nanargmin(own.areas_mm2)]) - own_pedicle
    at_height = {}
    for other in measures:
        pedicle = pedicles[other]
        if other is level or pedicle is None:
            continue
        area = _area_at(measures[other], pedicle + height)
        if area is not None:
            at_height[other] = area
    healthy = {other: area for other, area in at_height.items() if other not in diseased}
    chosen = _nearest(level, healthy) if len(_nearest(level, healthy)) >= MIN_NEIGHBOURS else _nearest(level, at_height)
    if len(chosen) < MIN_NEIGHBOURS:
        why = "Narrowing of the canal not judged: fewer than two neighbours show it at the same place."
        return replace(own, notes=(*own.notes, why))
    expected = _robust_line_at(level.order, {other.order: at_height[other] for other in chosen})
    return replace(own, expected_area_mm2=expected, area_loss=1 - own.min_area_mm2 / expected)


def _area_at(measure: CanalMeasure, position_mm: float) -> float | None:
    """Smallest area near a position along the vertebra's z; None where the ring is open there."""
    near = np.isfinite(measure.areas_mm2) & (np.abs(measure.positions_mm - position_mm) <= SAME_POSITION_MM)
    return float(measure.areas_mm2[near].min()) if near.any() else None


def _nearest(level: Level, others: Iterable[Level]) -> list[Level]:
    above = [other for other in along_spine(others) if other.order < level.order][-NEIGHBOURS_A_SIDE:]
    below = [other for other in along_spine(others) if other.order > level.order][:NEIGHBOURS_A_SIDE]
    return above + below


def _robust_line_at(order: int, areas: Mapping[int, float]) -> float:
    """Theil-Sen line through (order, area); the median alone when all neighbours lie on one side."""
    x = np.array(list(areas), dtype=float)
    y = np.array(list(areas.values()))
    if (x > order).all() or (x < order).all():
        return float(np.median(y))
    i, j = np.triu_indices(x.size, 1)
    slope = np.median((y[j] - y[i]) / (x[j] - x[i]))
    return float(np.median(y - slope * (x - order)))


def _pedicle_height_mm(vertebra: Vertebra) -> float | None:
    """Middle of the pedicles along the vertebra's z."""
    voxels = np.argwhere(vertebra.mask(SubRegion.PEDICLE_LEFT, SubRegion.PEDICLE_RIGHT))
    if len(voxels) == 0:
        return None
    return float(vertebra.frame.to_local(vertebra.parts.to_lps(voxels))[:, 2].mean())


def _encroachment(found: Tube, lesions: tuple[Lesion, ...]) -> tuple[float | None, tuple[str, ...]]:
    """Largest share of a cross-section that lies in a lesion mask. Only given masks can reach into the canal."""
    if not lesions:
        return None, ()
    given = [lesion for lesion in lesions if lesion.origin == "given"]
    if not given:
        return None, ("Lesion in the canal not judged: a detected lesion is sought in bone only.",)
    first = given[0].mask
    together = Volume(np.logical_or.reduce([lesion.mask.array for lesion in given]), first.affine, "mask")
    shares = []
    for plane in np.flatnonzero(found.closed):
        points, inside = found.pixels(int(plane))
        held = together.sample(found.plane_points_lps_mm(int(plane), points), order=1, outside=0.0) >= 0.5
        shares.append((held & inside).sum() / inside.sum())
    worst = float(max(shares))
    if worst == 0:
        return 0.0, ("The given lesion mask holds nothing of the canal; a mask drawn on bone alone can't.",)
    return worst, ()


def _cord_area_mm2(found: Tube, plane: int, cord: Volume | None) -> tuple[float | None, tuple[str, ...]]:
    """Cord's cross-section in one plane, and why there is none."""
    if cord is None:
        return None, ()
    line = np.arange(-trace.MAX_RADIUS_MM, trace.MAX_RADIUS_MM, tube.PIXEL_MM)
    points = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    held = cord.sample(found.plane_points_lps_mm(plane, points), order=1, outside=0.0) >= 0.5
    if not held.any():
        return None, ("The cord mask does not reach the narrowest place of the canal here.",)
    area = float(held.sum() * tube.PIXEL_MM**2)
    if area > MAX_CORD_MM2:
        return area, (f"The cord mask is {area:.0f} mm2 here, wider than cords are: it may hold the thecal sac.",)
    return area, ()


def _cut_notes(vertebra: Vertebra) -> tuple[str, ...]:
    cut = [part for part in vertebra.cut_parts if part in ARCH]
    if not cut:
        return ()
    return (f"The scan ends within the arch ({', '.join(part.words for part in sorted(cut))}).",)


def _not_seen(cord_given: bool, notes: tuple[str, ...]) -> CanalMeasure:
    grade, reason = escc.grade(cord_given=cord_given, encroachment=None)
    nothing = np.zeros(0)
    return CanalMeasure(nothing, nothing, None, None, None, None, None, None, None, grade, reason, notes)
