"""Vertebrae, with their names, from a raw CT: the steps of this room one after the other, and how sure they are.

canal -> straightened scan -> walls and discs -> names -> voxels
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.errors import InputError, UnsuitableImage
from spondyl.core.progress import Progress, silent
from spondyl.core.volume import Volume
from spondyl.segmentation.cord_canal import find_canal
from spondyl.segmentation.discs import find_discs
from spondyl.segmentation.fuse import label
from spondyl.segmentation.looks import looks
from spondyl.segmentation.names import Naming, name_levels
from spondyl.segmentation.prior import priors
from spondyl.segmentation.rows import Span, spans
from spondyl.segmentation.straight import Straight, straighten
from spondyl.segmentation.walls import find_walls
from spondyl.values.level_map import LevelMap

THICKEST_MM = 5.0
"""Slices apart; with 7.5 mm four of 14 names were wrong and overlap fell to 0.65 (own measure on a real scan)."""
SURE_MARGIN = 4.0
"""Log odds of the names over the next best ones from which they are taken without an anchor. Own choice: see
`spondyl.segmentation.names` for how wide the looks are taken to spread."""
LEAST_SEEN = 0.1
"""Share of a body in the scan below which it is not labelled; own choice."""
WHOLE = 0.9
"""Share of a body in the scan from which on it counts as whole; own choice."""
COARSE = "These masks are coarser than a trained network's: a lesion found along their edges may be an error of theirs."
"""On a real scan without known lesions ten candidates were found on them, and one on a network's masks."""
STEPS = 5


@dataclass(frozen=True)
class Confidence:
    """What speaks against one vertebra's mask or name; nothing does where `doubts` is empty."""

    level: Level
    seen: float
    """Share of the body that lies in the scan."""
    doubts: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Segmentation:
    level_map: LevelMap
    levels: tuple[Confidence, ...]
    """From the head down."""
    names_are_sure: bool
    margin: float
    """Log odds of these names over the next best ones; infinite where only these are possible."""
    runner_up: tuple[Level | None, ...]
    """The next best names, from the head down."""
    notes: tuple[str, ...]


def segment(ct: Volume, anchors: Mapping[Level, float] | None = None, progress: Progress = silent) -> Segmentation:
    """Level labels of a CT in HU, on its own grid; `anchors` say at which z (LPS, mm) the middle of some body lies.

    Raises UnsuitableImage for slices too thick and scans without a spine, InputError for anchors that hit no vertebra
    or contradict one another.
    """
    upright = ct.canonical()
    if upright.spacing_mm[2] > THICKEST_MM:
        raise UnsuitableImage(
            f"slices {upright.spacing_mm[2]:.3g} mm apart are too thick to tell one vertebra from the next.",
            f"Give a reconstruction of at most {THICKEST_MM:g} mm, or a mask of the vertebrae.",
        )
    stage = "vertebrae"
    canal = find_canal(upright.array, upright.spacing_mm)
    progress(stage, 1, STEPS)
    straight = straighten(upright.array, upright.spacing_mm, canal)
    progress(stage, 2, STEPS)
    walls = find_walls(straight)
    row = spans(straight, walls, find_discs(straight, walls))
    if len(row) < 2:
        raise UnsuitableImage("no row of vertebrae is seen in this CT.", "Give a mask of them.")
    progress(stage, 3, STEPS)
    naming = _named(straight, row, upright, anchors or {})
    progress(stage, 4, STEPS)
    named = _to_label(row, naming)
    labels = label(straight, named)
    progress(stage, STEPS, STEPS)
    return _result(ct, upright, labels, row, naming, named)


def _named(straight: Straight, row: Sequence[Span], grid: Volume, anchors: Mapping[Level, float]) -> Naming:
    held = {_at(straight, row, grid, z_mm, level): level for level, z_mm in anchors.items()}
    try:
        return name_levels(looks(straight, row), [span.seen for span in row], held)
    except ValueError as error:
        told = ", ".join(f"{level.name} at z {z_mm:g} mm" for level, z_mm in anchors.items())
        raise InputError(
            f"the anchors ({told}) fit no row of vertebrae.",
            "Check their order and their z in patient space (LPS, mm).",
        ) from error


def _middle(straight: Straight, span: Span, grid: Volume) -> NDArray[np.float64]:
    """The body's middle in patient LPS."""
    place = straight.line.place(
        np.array([span.middle_s_mm]), np.array([span.middle_a_mm]), np.array([span.middle_l_mm])
    )
    middle: NDArray[np.float64] = grid.to_lps(place[0] / np.array(grid.spacing_mm))
    return middle


def _at(straight: Straight, row: Sequence[Span], grid: Volume, z_mm: float, level: Level) -> int:
    """Which vertebra has its middle nearest this height."""
    heights = np.array([_middle(straight, span, grid)[2] for span in row])
    nearest = int(np.abs(heights - z_mm).argmin())
    if abs(heights[nearest] - z_mm) > row[nearest].height_mm:
        raise InputError(
            f"no vertebra lies at z {z_mm:g} mm, where the anchor has {level.name}.",
            f"Bodies were found from z {heights.min():.0f} to {heights.max():.0f} mm (patient space, LPS).",
        )
    return nearest


def _to_label(row: Sequence[Span], naming: Naming) -> dict[Level, Span]:
    named: dict[Level, Span] = {
        level: span
        for span, level in zip(row, naming.levels, strict=True)
        if level is not None and level is not Level.C1 and span.seen >= LEAST_SEEN
    }
    if Level.C2 in named and Level.C1 in priors():
        named[Level.C1] = named[Level.C2]  # told in C2's measure: it has no body of its own
    return named


def _result(
    ct: Volume, grid: Volume, labels: NDArray[np.uint8], row: Sequence[Span], naming: Naming, named: dict[Level, Span]
) -> Segmentation:
    sure = naming.margin >= SURE_MARGIN
    other = naming.runner_up[::-1]
    notes = ["vertebrae found by Spondyl's own segmenter (shapes from its phantoms)"]
    if naming.variant != "usual":
        notes.append(f"a row with {naming.variant} fits best")
    labelled = LevelMap(_back(ct, grid, labels), "spondyl", notes=tuple(notes))
    levels = tuple(
        Confidence(level, named[level].seen, _doubts(named[level], sure)) for level in labelled.levels if level in named
    )
    doubts: list[tuple[Level | None, str]] = [(entry.level, doubt) for entry in levels for doubt in entry.doubts]
    doubts.append((None, COARSE))
    notes.append(COARSE)
    if not sure:
        unsure = (
            f"The levels' names are not sure: {_span_of(naming.levels[::-1])} fits little better than "
            f"{_span_of(other)}; give one level, as in --anchor L3=-214.5."
        )
        doubts.append((None, unsure))
        notes.append(unsure)
    return Segmentation(replace(labelled, doubts=tuple(doubts)), levels, sure, naming.margin, other, tuple(notes))


def _span_of(levels: Sequence[Level | None]) -> str:
    known = [level.name for level in levels if level is not None]
    return f"{known[0]} to {known[-1]}" if known else "none"


def _doubts(span: Span, sure: bool) -> tuple[str, ...]:
    said = []
    if not sure:
        said.append("its name is not sure")
    if span.seen < WHOLE:
        said.append(f"{span.seen:.0%} of its body lie in the scan")
    if span.below.phase < 0 and span.above.phase < 0:
        said.append("no foramina are seen beside its discs: it may be half of a level off")
    return tuple(said)


def _back(ct: Volume, grid: Volume, labels: NDArray[np.uint8]) -> Volume:
    """Labels of the upright grid on the scan's own: axes back in their order and direction, nothing interpolated."""
    to_grid = np.linalg.inv(grid.affine) @ ct.affine
    turn = np.rint(to_grid[:3, :3]).astype(int)
    order = np.abs(turn).argmax(axis=1)  # axis of ct that runs along each axis of the grid
    array = labels
    for axis in range(3):
        if turn[axis, order[axis]] < 0:
            array = np.flip(array, axis)
    return ct.like(np.ascontiguousarray(array.transpose(np.argsort(order))), "label")
