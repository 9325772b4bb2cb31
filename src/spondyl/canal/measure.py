"""The whole canal once a case: area and diameters by level, what a lesion takes of it, and all that follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level, along_spine
from spondyl.anatomy.subregions import ARCH
from spondyl.canal import compression, doubts, escc, foramina, norms, surface, tube
from spondyl.canal.compare import compare_with_neighbours, pedicle_height_mm
from spondyl.canal.compression import Labels
from spondyl.canal.retropulsion import with_retropulsion
from spondyl.canal.trace import NO_RING, Stretch, find_canal
from spondyl.canal.tube import Array, Tube
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra

CITATIONS = (*escc.CITATIONS, *norms.CITATIONS, *surface.CITATIONS)
"""Of all methods of this room; the norms' own keys stand in each `NormComparison`."""

PEDICLE_REACH_MM = 4.0
"""Own choice: a closed ring this close to the middle of the pedicles (7 to 15 mm high) is still theirs."""
AT_PEDICLE_MM = 1.0
"""Own choice: the median of the planes within this much of the middle, so that one plane's flaw does not count."""
BULGE_NOTE = "Bone reaches far into the canal here; its area is what is left of the ring's outline beside it."
OPEN_NOTE = (
    "What is told of the open canal here is bounded by the bone that is there and, in its gaps, by the outlines of the "
    "closed rings above and below."
)


def measure_canals(
    vertebrae: Mapping[Level, Vertebra],
    *,
    cord: Volume | None = None,
    lesions: Mapping[Level, tuple[Lesion, ...]] | None = None,
    sac: Volume | None = None,
    epidural: Volume | None = None,
    ct: Volume | None = None,
) -> dict[Level, CanalMeasure]:
    """The canal through all levels given, each compared with its neighbours and with norms.

    Bone is where the vertebra masks say it is. cord, sac, epidural (tumour in the canal): boolean, each on any grid,
    already in the CT's space; an empty epidural mask says that tumour was looked for and not found, None that nobody
    looked. lesions: masks on the grid of the parts. ct: only to see fat in the foramina.

    Raises MaskMismatch for cord, sac or tumour that lies outside of the canal.
    """
    held = lesions or {}
    stretches, failed = find_canal(vertebrae, _cords(vertebrae, cord))
    labels = Labels(cord, sac, epidural)
    astray = doubts.check_places(labels, stretches)
    with_lesion = [level for level, lesions_here in held.items() if lesions_here]
    alone: dict[Level, CanalMeasure] = {
        level: _not_seen(labels, (*_cut_notes(vertebrae[level]), f"Bony canal not measured: {why}."))
        for level, why in failed.items()
    }
    for stretch in stretches:
        graded = compression.compress(stretch, vertebrae, labels, with_lesion=with_lesion)
        for level in stretch.bodies:
            alone[level] = _measured(vertebrae[level], stretch, labels, held.get(level, ()), graded[level])
        alone.update(with_retropulsion({level: alone[level] for level in stretch.bodies}, stretch, vertebrae))
    compared = compare_with_neighbours(alone, vertebrae, with_lesion=with_lesion)
    openings = foramina.foramina(vertebrae, ct=ct)
    return {
        level: norms.with_norms(
            level,
            replace(
                one, notes=(*one.notes, *astray), foramina=tuple(found for found in openings if found.above is level)
            ),
        )
        for level, one in compared.items()
    }


def _cord_beside(vertebra: Vertebra, cord: Volume) -> Volume:
    """The cord mask cut to the box of one vertebra, so that little is searched."""
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in vertebra.parts.shape], indexing="ij")).reshape(3, -1).T
    index = cord.to_index(vertebra.parts.to_lps(corners))
    i, j, k = (int(n) for n in np.floor(index.min(axis=0)))
    end_i, end_j, end_k = (int(n) + 1 for n in np.ceil(index.max(axis=0)))
    return cord.crop((i, j, k), (end_i, end_j, end_k)).contiguous()


def _cords(vertebrae: Mapping[Level, Vertebra], cord: Volume | None) -> dict[Level, Volume] | None:
    if cord is None:
        return None
    return {level: _cord_beside(vertebrae[level], cord) for level in along_spine(vertebrae)}


def _measured(
    vertebra: Vertebra,
    stretch: Stretch,
    labels: Labels,
    lesions: tuple[Lesion, ...],
    graded: compression.Graded,
) -> CanalMeasure:
    found, planes = stretch.tube, stretch.bodies[vertebra.level]
    positions = vertebra.frame.to_local(found.path.centres_mm[planes])[:, 2]
    areas = found.areas_mm2[planes]
    notes = _cut_notes(vertebra)
    encroachment, lesion_notes = _encroachment(found, planes, lesions, labels.epidural)
    if not np.isfinite(areas).any():
        known = np.isfinite(found.open_areas_mm2[planes]).any()
        open_notes = (f"Bony canal not measured: {NO_RING}.", *([OPEN_NOTE] if known else []))
        one = _not_seen(labels, (*notes, *open_notes, *lesion_notes, *graded.notes))
        return replace(
            one,
            positions_mm=positions,
            areas_mm2=areas,
            open_areas_mm2=found.open_areas_mm2[planes],
            bounded_shares=found.bounded_shares[planes],
            lesion_encroachment=encroachment,
            **graded.fields(encroachment),
        )
    narrowest = int(planes[np.nanargmin(areas)])
    if found.bulged[narrowest]:
        notes = (*notes, BULGE_NOTE)
    ap, transverse = found.diameters_mm(narrowest)
    cord_area, cord_notes = _cord_area_mm2(found, narrowest, labels.cord)
    pedicle = _at_pedicles(vertebra, found, planes, positions)
    one = CanalMeasure(
        positions_mm=positions,
        areas_mm2=areas,
        min_area_mm2=float(np.nanmin(areas)),
        ap_diameter_mm=ap,
        transverse_diameter_mm=transverse,
        expected_area_mm2=None,
        area_loss=None,
        lesion_encroachment=encroachment,
        cord_area_mm2=cord_area,
        escc_grade=None,
        escc_reason="",
        notes=(*notes, *cord_notes, *lesion_notes, *graded.notes),
        lumen=tube.lumen_mask(found, planes[np.isfinite(areas)], vertebra.parts),
        pedicle_area_mm2=pedicle[0],
        pedicle_ap_mm=pedicle[1],
        pedicle_transverse_mm=pedicle[2],
        open_areas_mm2=found.open_areas_mm2[planes],
        bounded_shares=found.bounded_shares[planes],
    )
    if pedicle[0] is None:
        why = "No closed ring at the middle of the pedicles: no measures of the canal there."
        one = replace(one, notes=(*one.notes, why))
    return replace(one, **graded.fields(encroachment))


def _at_pedicles(
    vertebra: Vertebra, found: Tube, planes: NDArray[np.intp], positions: Array
) -> tuple[float | None, float | None, float | None]:
    """(area, AP, transverse) at the middle of the pedicles."""
    height = pedicle_height_mm(vertebra)
    closed = found.closed[planes]
    if height is None or not closed.any():
        return None, None, None
    away = np.where(closed, np.abs(positions - height), np.inf)
    if away.min() > PEDICLE_REACH_MM:
        return None, None, None
    chosen = planes[away <= away.min() + AT_PEDICLE_MM]
    diameters = np.array([found.diameters_mm(int(plane)) for plane in chosen])
    ap, transverse = np.median(diameters, axis=0)
    return float(np.median(found.areas_mm2[chosen])), float(ap), float(transverse)


def _encroachment(
    found: Tube, planes: NDArray[np.intp], lesions: tuple[Lesion, ...], epidural: Volume | None
) -> tuple[float | None, tuple[str, ...]]:
    """Largest share of a cross-section that lies in a mask of tumour. Only given masks can reach into the canal."""
    given = [lesion.mask for lesion in lesions if lesion.origin == "given"]
    if not given and epidural is None:
        why = "Lesion in the canal not judged: a detected lesion is sought in bone only."
        return None, (why,) if lesions else ()
    masks = [*given, *([epidural] if epidural is not None else [])]
    shares = []
    for plane in planes:
        if not np.isfinite(found.outline_mm(int(plane))).all():
            continue
        points, inside = found.pixels(int(plane))
        lps = found.path.lps_mm(int(plane), points)
        held = np.logical_or.reduce([mask.sample(lps, order=1, outside=0.0) >= 0.5 for mask in masks])
        if inside.any():
            shares.append((held & inside).sum() / inside.sum())
    if not shares:
        return None, ("Lesion in the canal not judged: its outline is not known here.",)
    worst = float(max(shares))
    if worst == 0 and given:
        return 0.0, ("The given lesion mask holds nothing of the canal; a mask drawn on bone alone can't.",)
    return worst, ()


def _cord_area_mm2(found: Tube, plane: int, cord: Volume | None) -> tuple[float | None, tuple[str, ...]]:
    """Cord's cross-section in one plane, and why there is none."""
    if cord is None:
        return None, ()
    held = cord.sample(found.path.lps_mm(plane, compression.SQUARE), order=1, outside=0.0) >= 0.5
    if not held.any():
        return None, ("The cord mask does not reach the narrowest place of the canal here.",)
    area = float(held.sum() * tube.PIXEL_MM**2)
    if area > norms.MAX_CORD_MM2:
        return area, (f"The cord mask is {area:.0f} mm² here, wider than cords are: it may hold the thecal sac.",)
    return area, ()


def _cut_notes(vertebra: Vertebra) -> tuple[str, ...]:
    cut = [part for part in vertebra.cut_parts if part in ARCH]
    if not cut:
        return ()
    return (f"The scan ends within the arch ({', '.join(part.words for part in sorted(cut))}).",)


def _not_seen(labels: Labels, notes: tuple[str, ...]) -> CanalMeasure:
    nothing = np.zeros(0)
    reason = escc.without_labels(cord_given=labels.cord is not None, encroachment=None)
    return CanalMeasure(nothing, nothing, None, None, None, None, None, None, None, None, reason, notes)
