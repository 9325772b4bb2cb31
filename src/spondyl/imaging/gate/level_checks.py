"""Checks of one labelled vertebra by itself: pieces, size, bone, metal, thickness of the slices.

All bounds are own choices, wide: they are meant to stop what no anatomy explains.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from spondyl.anatomy.levels import Level, Region
from spondyl.imaging.gate.measuring import Measured, Piece
from spondyl.imaging.gate.metal import METAL_HU

SECOND_PIECE_SHARE = 0.10
"""Of a vertebra's volume: a second piece this large is no crumb but a second thing under the same name."""
CRUMBS_SHARE = 0.005
VOLUME_BOUNDS_CM3 = {Region.CERVICAL: (3.0, 45.0), Region.THORACIC: (5.0, 80.0), Region.LUMBAR: (12.0, 160.0)}
"""From about a third of a small woman's to twice a large man's; the demo case spans 15 (T3) to 53 (L2) cm3."""
BONE_MEAN_HU = 100.0
"""A whole vertebra with its cortex has 250 to 400 HU in the demo case; soft tissue stays below, with contrast too."""
NO_BONE_AT_ALL_HU = 0.0
METAL_STOPS_MM3 = 200.0
"""A fifth of one pedicle screw's shaft (6 mm x 40 mm = 1100 mm3): density and strength are artefact from there on."""
THICK_MM, TOO_THICK_MM = 3.0, 5.0
"""A thoracic endplate-to-endplate height is 15 to 25 mm: three voxels are lost to partial volume at its ends."""
THICK = "thick slices"
TOO_THICK = "slices too thick for a strength estimate"
"""Warnings about slice thickness begin with one of these."""


@dataclass(frozen=True)
class Finding:
    level: Level | None
    """None for what concerns the whole row."""
    text: str
    stops: bool = False
    """Whether the level can't be assessed for it."""


def pieces(row: Iterable[Measured]) -> Iterator[Finding]:
    """A second body under one name stops; an arch parted from its body, cut ends and crumbs warn."""
    for entry in row:
        first, *others = entry.pieces
        large = [piece for piece in others if piece.volume_mm3 >= SECOND_PIECE_SHARE * entry.volume_mm3]
        crumbs = sum(piece.volume_mm3 for piece in others) - sum(piece.volume_mm3 for piece in large)
        for piece in large:
            share = f"{100 * piece.volume_mm3 / entry.volume_mm3:.0f} % of its volume"
            if set(first.edges) & set(piece.edges):
                yield Finding(entry.level, f"a separate piece with {share} hangs on the scan's edge, like the rest.")
            elif _side_by_side(first, piece):
                yield Finding(
                    entry.level,
                    f"a piece with {share} stands beside the rest without touching it: body and arch may be parted "
                    "(a defect of the pars, a lesion through both pedicles), or the mask has a gap.",
                )
            else:
                apart = float(np.linalg.norm(piece.centroid_mm - first.centroid_mm))
                yield Finding(
                    entry.level,
                    f"its label is in two pieces {apart:.0f} mm apart, the second with {share}: "
                    "one name stands for two things.",
                    stops=True,
                )
        if crumbs >= CRUMBS_SHARE * entry.volume_mm3:
            yield Finding(entry.level, f"loose crumbs of {crumbs:.0f} mm³ bear its label.")


def size(row: Iterable[Measured]) -> Iterator[Finding]:
    """Against bounds that hold for any adult; a cut vertebra may be small."""
    for entry in row:
        low, high = VOLUME_BOUNDS_CM3[entry.level.region]
        volume = entry.volume_mm3 / 1000
        if volume > high or (volume < low and not entry.is_cut):
            yield Finding(
                entry.level,
                f"its label holds {volume:.1f} cm³; a {entry.level.region} vertebra has {low:.0f} to {high:.0f} cm³.",
                stops=True,
            )


def bone(row: Sequence[Measured]) -> Iterator[Finding]:
    """No bone under most labels means a mask of another scan; under one, a destroyed vertebra or a stray label."""
    poor = [entry for entry in row if entry.mean_hu < BONE_MEAN_HU]
    if len(poor) > len(row) / 2:
        mean = float(np.mean([entry.mean_hu for entry in row]))
        text = f"the labels do not lie on bone (mean {mean:.0f} HU): the mask does not belong to this CT."
        yield Finding(None, f"In {len(poor)} of {len(row)} vertebrae {text}")
        yield from (Finding(entry.level, text, stops=True) for entry in row)
        return
    for entry in poor:
        if entry.mean_hu < NO_BONE_AT_ALL_HU:
            text = f"its label lies in fat or air (mean {entry.mean_hu:.0f} HU)."
            yield Finding(entry.level, text, stops=True)
        else:
            yield Finding(
                entry.level,
                f"its label has a mean of only {entry.mean_hu:.0f} HU: the vertebra is largely destroyed, "
                "or the label lies beside it.",
            )


def metal(row: Iterable[Measured]) -> Iterator[Finding]:
    for entry in row:
        if entry.metal_mm3 >= METAL_STOPS_MM3:
            text = f"{entry.metal_mm3:.0f} mm³ of metal (above {METAL_HU:.0f} HU) lie inside it."
            yield Finding(entry.level, text, stops=True)
        elif entry.metal_nearby_mm3 > 0:
            yield Finding(
                entry.level,
                f"{entry.metal_nearby_mm3:.0f} mm³ of metal (above {METAL_HU:.0f} HU) in or near it: "
                "streaks may falsify its density.",
            )


def thickness(row: Iterable[Measured], thickest_mm: float) -> Iterator[Finding]:
    """`thickest_mm` is the largest of voxel spacing and stated slice thickness."""
    if thickest_mm <= THICK_MM:
        return
    if thickest_mm > TOO_THICK_MM:
        text = f"{TOO_THICK}: {thickest_mm:.1f} mm, more than {TOO_THICK_MM:.0f} mm."
    else:
        text = f"{THICK}: {thickest_mm:.1f} mm; heights and strength are less certain above {THICK_MM:.0f} mm."
    yield from (Finding(entry.level, text) for entry in row)


def _side_by_side(first: Piece, second: Piece) -> bool:
    """Whether the pieces share most of their height, as a body and its own arch do."""
    shared = min(first.up_mm[1], second.up_mm[1]) - max(first.up_mm[0], second.up_mm[0])
    shortest = min(first.up_mm[1] - first.up_mm[0], second.up_mm[1] - second.up_mm[0])
    return shared > 0.5 * shortest
