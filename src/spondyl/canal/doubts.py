"""Labels of cord, sac and tumour that can't be right: outside of the canal, mirrored, or at odds with each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from spondyl.canal import escc
from spondyl.canal.course import Course, Labels
from spondyl.canal.trace import Stretch
from spondyl.canal.tube import ANGLES, PLANE_STEP_MM, Tube
from spondyl.core.errors import MaskMismatch
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Vertebra

OUTSIDE_NOTE = 0.10
"""Own choice: from this share of the cord outside of canal or sac on it is said; labels' edges differ by less."""
OUTSIDE_BARS = 0.50
"""Own choice: with half of the cord outside of the canal or within tumour one of the labels is wrong: no grade."""
MOSTLY = 0.50
"""Own choice: a cord or sac with less of it in the canal is of another place; tumour may go on into bone and beside."""
NOTHING = 0.01
"""Own choice: tumour with less of it in the canal than this is not tumour in the canal."""
LITTLE = 0.10
"""Own choice: with less of it in the canal, tumour that would lie in it when mirrored is taken to be mirrored."""
OVERLAP = 0.30
"""Own choice: share of the tumour that the sac's label holds too; edges of labels overlap by less."""
WORDS = ("left to right", "front to back", "head to feet")
"""Of LPS's axes."""


def check_places(labels: Labels, stretches: Sequence[Stretch]) -> tuple[str, ...]:
    """A note on tumour that mostly lies outside of the canal.

    Raises MaskMismatch for a cord or sac most of which lies outside of the canal, for tumour none of which lies in it,
    and for tumour of which hardly anything does but most would if it were mirrored.
    """
    notes: list[str] = []
    for role, mask in (
        ("spinal cord", labels.cord),
        ("thecal sac", labels.sac),
        ("tumour in the canal", labels.epidural),
    ):
        if mask is None:
            continue
        share = _share_in_canal(mask, stretches)
        if share is None or share >= MOSTLY:
            continue
        better = _mirrored(mask, stretches)
        if mask is not labels.epidural or share < NOTHING or (share < LITTLE and better):
            advice = f"It would if it were mirrored {better}: export it again" if better else "Export it again"
            raise MaskMismatch(
                f"only {100 * share:.0f} % of the mask of the {role} lies in the spinal canal.",
                f"{advice} with its place in the patient, or leave it out.",
            )
        notes.append(f"{1 - share:.0%} of the mask of tumour in the canal lies outside of it; what lies in it counts.")
    return tuple(notes)


def _share_in_canal(mask: Volume, stretches: Sequence[Stretch], flip: int | None = None) -> float | None:
    """Share of a mask's voxels in the canal's outline, of those beside it; None where none is beside it.

    flip: with the array's axis turned round.
    """
    index = np.argwhere(mask.array > 0)
    if flip is not None:
        index[:, flip] = mask.shape[flip] - 1 - index[:, flip]
    lps = mask.to_lps(index)
    voxel = float(max(mask.spacing_mm))
    beside, inside = np.zeros(len(lps), bool), np.zeros(len(lps), bool)
    for stretch in stretches:
        beside_here, inside_here = _in_tube(lps, stretch.tube, voxel)
        beside |= beside_here
        inside |= inside_here
    return float(inside[beside].mean()) if beside.any() else None


def _in_tube(lps: NDArray[np.float64], tube: Tube, voxel_mm: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which points lie between a tube's ends where its outline is known, and which within a voxel of that outline."""
    outlines = np.array([tube.outline_mm(plane) for plane in range(len(tube.path.centres_mm))])
    plane = tube.path.nearest(lps)
    local = np.einsum("ni,nic->nc", lps - tube.path.centres_mm[plane], tube.path.axes[plane])
    turn = np.arctan2(local[:, 1], local[:, 0]) / (2 * np.pi) * len(ANGLES)
    limit = outlines[plane, np.rint(turn).astype(int) % len(ANGLES)]
    at_end = (plane == 0) | (plane == len(outlines) - 1)
    beside = np.isfinite(limit) & (~at_end | (np.abs(local[:, 2]) <= PLANE_STEP_MM))
    return beside, beside & (np.hypot(local[:, 0], local[:, 1]) < np.nan_to_num(limit) + voxel_mm)


def _mirrored(mask: Volume, stretches: Sequence[Stretch]) -> str:
    """'left to right' where most of the mask would lie in the canal if it were turned round so; else empty."""
    for axis in range(3):
        share = _share_in_canal(mask, stretches, flip=axis)
        if share is not None and share >= MOSTLY:
            return WORDS[int(np.abs(mask.affine[:3, axis]).argmax())]
    return ""


def doubts_of(
    course: Course, planes: NDArray[np.intp], vertebra: Vertebra, stretch: Stretch
) -> tuple[tuple[str, ...], list[str]]:
    """Notes on labels of one level that can't all be right, and those that forbid a grade."""
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
        text = f"{words} by up to {shares[worst]:.0%}, {_where(worst, vertebra, stretch)}."
        (barred if shares[worst] >= OUTSIDE_BARS else notes).append(text)
    if (at := _at_odds(course, planes)) is not None:
        barred.append(
            f"The label of tumour lies in the sac's label, which is dented elsewhere, {_where(at, vertebra, stretch)}: "
            "one of the two may be mirrored left to right or shifted."
        )
    return (*notes, *barred), barred


def _at_odds(course: Course, planes: NDArray[np.intp]) -> int | None:
    """The plane with most tumour where it lies in a sac that has lost of its size without it; None where it does not.

    A sac drawn as if there were no tumour keeps its size, and one drawn around the tumour holds none of it. The
    tumour's ends are left out: there labels between thick slices overlap.
    """
    tumour = np.nan_to_num(course.tumour_mm2[planes])
    worst = int(planes[np.argmax(tumour)])
    if tumour.max() < escc.rules().thresholds["epidural_area_mm2"]:
        return None
    thick = tumour >= tumour.max() / 2
    if course.in_sac_mm2[planes[thick]].sum() < OVERLAP * tumour[thick].sum():
        return None
    expected = course.expected(worst, course.own_sac_mm2)
    if expected is None or 1 - course.own_sac_mm2[worst] / expected < escc.rules().thresholds["sac_loss"]:
        return None
    return worst


def _where(plane: int, vertebra: Vertebra, stretch: Stretch) -> str:
    height = float(vertebra.frame.to_local(stretch.tube.path.centres_mm[plane])[2])
    return f"{abs(height):.0f} mm {'above' if height > 0 else 'below'} the middle of {vertebra.level.name}"
