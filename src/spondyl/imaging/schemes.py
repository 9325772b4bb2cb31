"""Numberings of vertebra masks, and telling which one a mask uses.

VerSe numbers rise from the head down (C1 = 1 … L5 = 24, T13 = 28); TPTBox and SPINEPS use the same and
add discs and endplates above 100. TotalSegmentator v2 (task `total`) falls (C1 = 50 … L5 = 27) and
gives other organs the numbers VerSe gives vertebrae, so that a mask is only accepted when its labels
stand in space as the vertebrae of exactly one numbering would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import MaskMismatch

VERSE = "verse"
TOTALSEGMENTATOR = "totalsegmentator"
DICOM_SEG = "dicom-seg"

# Sekuboyina 2021 for 1–28; TPTBox continues with the sacral pieces 29–32. Level's own integers.
_VERSE_IDS = {int(level): level for level in Level}
# Class map of TotalSegmentator v2, task 'total' (wasserthal2023): one id a level, falling towards the head.
_FROM_THE_SACRUM_UP = [Level.S1, *(Level[f"L{n}"] for n in range(5, 0, -1))]
_FROM_THE_SACRUM_UP += [Level[f"T{n}"] for n in range(12, 0, -1)] + [Level[f"C{n}"] for n in range(7, 0, -1)]
_TOTALSEGMENTATOR_IDS = {25: Level.S1} | {26 + n: level for n, level in enumerate(_FROM_THE_SACRUM_UP)}

LEVELS_OF = {VERSE: _VERSE_IDS, "tptbox": _VERSE_IDS, TOTALSEGMENTATOR: _TOTALSEGMENTATOR_IDS}
"""What may be given as `scheme`, and which label is which level in it."""
TOTALSEGMENTATOR_CORD = 79
TPTBOX_SUBREGIONS = range(41, 51)
"""Arch, processes and body inside one vertebra, the same codes in every vertebra."""
_FIRST_TPTBOX_EXTRA = 101

# Own choices, wide: two schemes are told apart by far larger differences than these.
_MAX_SIDEWAYS_MM = 40.0  # from one vertebra's centroid to the next, across the body's long axis
_STEP_MM = (4.0, 80.0)  # downward from one vertebra's centroid to the next, for one name step
_SIZE_RATIO = 5.0  # of a vertebra to the row's median, either way; organs differ by more
_ENOUGH = 0.8  # share of the row that must agree: single errors are the gate's business, which names them


@dataclass(frozen=True)
class LabelStats:
    """Where one label of a mask lies."""

    volume_mm3: float
    centroid_mm: NDArray[np.float64]
    """LPS, (3,)."""
    cut: bool = False
    """Whether the grid's edge cuts it: then neither its size nor its centroid is a vertebra's."""


def choices() -> str:
    """How the options are written in a remedy."""
    return " or ".join(f"--scheme {name}" for name in LEVELS_OF)


def recognise(stats: Mapping[int, LabelStats]) -> str:
    """The one numbering in which these labels stand like vertebrae. Raises MaskMismatch when none or several do."""
    fitting = [name for name in (VERSE, TOTALSEGMENTATOR) if _may_be(name, stats) and _stand_in_a_row(name, stats)]
    if len(fitting) == 1:
        return fitting[0]
    shown = ", ".join(str(label) for label in sorted(stats)[:12]) + (" …" if len(stats) > 12 else "")
    raise MaskMismatch(f"the vertebra mask holds the labels {shown}. {_why_not(stats)}", _remedy(stats))


def _may_be(name: str, stats: Mapping[int, LabelStats]) -> bool:
    """Whether every label has a meaning in the numbering, and enough of them are vertebrae to check the order."""
    levels = {LEVELS_OF[name][label] for label in stats if label in LEVELS_OF[name]}
    if len(levels) < 2:
        return False
    return name != VERSE or all(label in _VERSE_IDS or label >= _FIRST_TPTBOX_EXTRA for label in stats)


def _stand_in_a_row(name: str, stats: Mapping[int, LabelStats]) -> bool:
    """Whether the levels follow each other downward, at a vertebra's distance, and are of one size."""
    of_level = {LEVELS_OF[name][label]: entry for label, entry in stats.items() if label in LEVELS_OF[name]}
    whole = {level: entry for level, entry in of_level.items() if not entry.cut}
    of_level = whole if len(whole) > 1 else of_level
    row = along_spine(of_level)
    volumes = np.array([of_level[level].volume_mm3 for level in row])
    alike = np.abs(np.log(volumes / np.median(volumes))) < np.log(_SIZE_RATIO)
    follows = []
    for upper, lower in pairwise(row):
        left, back, up = of_level[upper].centroid_mm - of_level[lower].centroid_mm
        steps = lower.order - upper.order
        follows.append(
            _STEP_MM[0] < up / steps < _STEP_MM[1] and float(np.hypot(left, back)) < _MAX_SIDEWAYS_MM * steps
        )
    return bool(np.mean(follows) >= _ENOUGH and np.mean(alike) >= _ENOUGH)


def _why_not(stats: Mapping[int, LabelStats]) -> str:
    if set(stats) == {1}:
        return "A single label 1 says where bone is, but not which vertebra."
    if set(stats) <= set(TPTBOX_SUBREGIONS):
        return "They do not stand in a row as vertebrae do; 41 to 50 are TPTBox's parts of one vertebra."
    levels = {name: [table[label] for label in stats if label in table] for name, table in LEVELS_OF.items()}
    if max(len(found) for found in levels.values()) < 2:
        return "One vertebra alone does not show which numbering it follows."
    return (
        "They do not stand in the patient as the vertebrae of VerSe (numbers rising downward) or of "
        "TotalSegmentator (falling downward) do: the numbering is another, or the mask is flipped."
    )


def _remedy(stats: Mapping[int, LabelStats]) -> str:
    if set(stats) == {1}:
        return "Give a mask in which each vertebra has its own number."
    if set(stats) <= set(TPTBOX_SUBREGIONS):
        return "Give the vertebra mask here, and this one as the sub-region mask."
    return f"Name the numbering with {choices()}."
