"""Checks of a labelled vertebra against its neighbours: order, size, gaps, doubled and mixed labels.

All bounds are own choices, wide: they are meant to stop what no anatomy explains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from spondyl.anatomy.levels import Level, Region, are_adjacent
from spondyl.imaging.gate.level_checks import Finding
from spondyl.imaging.gate.measuring import Measured

SLIVER_SHARE = 0.5
"""Less of a cut vertebra than this, against its neighbours' volume, is a sliver and not judged at all."""
VOLUME_RATIO_STOPS = (0.45, 1.8)
"""To the neighbours: a label that swallowed a neighbour has 2, one that lost half has 0.5. Whole levels have
0.94 to 1.23 in the demo case and 0.81 to 1.10 in a VerSe sample; a crushed one keeps its arch, a third of it."""
VOLUME_RATIO_WARNS = (0.65, 1.45)
GAP_RATIO, CLOSE_RATIO = 1.6, 0.6
"""Of a distance between neighbours' centroids to that of the pairs around: a skipped vertebra gives 2, a doubled
one 0.5; true pairs of the demo case have 0.85 to 1.2."""
MIXED_STOPS, MIXED_WARNS = 0.05, 0.01
"""Share of a vertebra's front half that lies beyond the middle between it and its neighbour by a further quarter."""
_TYPICAL_STEP_MM = {Region.CERVICAL: 17.0, Region.THORACIC: 25.0, Region.LUMBAR: 36.0}
"""Between centroids of an adult's neighbours, for rows too short to show their own."""
_GROWTH_A_LEVEL = 1.08
"""Of a vertebra's volume, downward: 1.08 from T1 to L2 in the demo case, 1.11 from T9 to L4 in a VerSe sample."""
_SAME_PLACE_MM = 1.0
_REFERENCES = 4  # neighbours or pairs that make an expectation: enough for a median that one wrong one can't move


def order(row: Sequence[Measured]) -> Iterator[Finding]:
    """Each named level lies below the one named before it."""
    wrong = [(a, b) for a, b in pairwise(row) if a.centroid_mm[2] <= b.centroid_mm[2]]
    if wrong and 2 * len(wrong) >= len(row) - 1:
        text = (
            f"the names run from the feet up ({len(wrong)} of {len(row) - 1} neighbours stand the wrong way round): "
            "the mask is upside down, or of another numbering."
        )
        yield Finding(None, text[0].upper() + text[1:])
        yield from (Finding(entry.level, text, stops=True) for entry in row)
        return
    for upper, lower in wrong:
        text = f"{upper.level.name} lies below {lower.level.name}: the labels are out of order."
        yield Finding(upper.level, text, stops=True)
        yield Finding(lower.level, text, stops=True)


def size_in_row(row: Sequence[Measured]) -> Iterator[Finding]:
    """Volume against the median of the nearest whole vertebrae; for a cut one, whether it is a sliver."""
    for position, entry in enumerate(row):
        expected = _expected_volume_mm3(row, position)
        if expected is None:
            continue
        ratio = entry.volume_mm3 / expected
        volume = f"{entry.volume_mm3 / 1000:.1f} cm³"
        share = f"{100 * ratio:.0f} % of what its neighbours lead one to expect"
        if entry.is_cut:
            if ratio < SLIVER_SHARE:
                where = " and ".join(entry.edges)
                text = f"it is cut off by the scan's {where} edge: only {volume} lie in the scan, {share}."
                yield Finding(entry.level, text, stops=True)
        elif not VOLUME_RATIO_STOPS[0] <= ratio <= VOLUME_RATIO_STOPS[1]:
            text = f"its label holds {volume}, {share}: it is mixed with a neighbour, doubled or incomplete."
            yield Finding(entry.level, text, stops=True)
        elif not VOLUME_RATIO_WARNS[0] <= ratio <= VOLUME_RATIO_WARNS[1]:
            yield Finding(entry.level, f"its label holds {volume}, {share}.")


def spacing(row: Sequence[Measured]) -> Iterator[Finding]:
    """Gaps of about two vertebrae, names that skip one, and one vertebra under two names."""
    for position, (upper, lower) in enumerate(pairwise(row)):
        step = _step_mm(upper, lower)
        missing = [level.name for level in Level if upper.level.order < level.order < lower.level.order]
        adjacent = are_adjacent(upper.level, lower.level)
        if upper.is_cut or lower.is_cut:
            if not adjacent:
                yield from _both(upper, lower, f"no label for {_listed(missing)} between them")
            continue
        ratio = step / _expected_step_mm(row, position)
        apart = f"their centres lie {step:.0f} mm apart, {ratio:.1f} times the distance of the pairs around"
        if ratio > GAP_RATIO and adjacent:
            yield from _both(upper, lower, f"{apart}: a vertebra between them has no label, and names may be shifted")
        elif ratio > GAP_RATIO:
            yield from _both(upper, lower, f"no label for {_listed(missing)} between them ({apart})")
        elif not adjacent:
            yield from _both(upper, lower, f"the names skip {_listed(missing)}, yet {apart}: names may be shifted")
        elif ratio < CLOSE_RATIO and _both_small(row, position):
            yield from _both(upper, lower, f"{apart}, and both are small: one vertebra bears two names", stops=True)
        elif ratio < CLOSE_RATIO:
            yield from _both(upper, lower, apart)


def mixed_neighbours(row: Sequence[Measured]) -> Iterator[Finding]:
    """Voxels of one label on the far side of its neighbour, in front of the canal, where processes do not reach."""
    for upper, lower in pairwise(row):
        if _stump(upper, lower) or _stump(lower, upper):
            continue
        middle_up, middle_low = upper.front_mm.mean(axis=0), lower.front_mm.mean(axis=0)
        axis, halfway = middle_low - middle_up, (middle_low + middle_up) / 2
        if float(np.linalg.norm(axis)) < _SAME_PLACE_MM:
            continue  # no side to be on: one label lies around the other, which the other checks name
        for entry, other, sign in ((upper, lower, 1.0), (lower, upper, -1.0)):
            # In units of the distance between the two: 0 halfway, 0.5 at the other's centre.
            beyond = sign * ((entry.front_mm - halfway) @ axis) / float(axis @ axis)
            share = float(np.mean(beyond > 0.25))
            if share >= MIXED_WARNS:
                yield Finding(
                    entry.level,
                    f"{100 * share:.0f} % of its front half lies where {other.level.name} is: the labels are mixed.",
                    stops=share >= MIXED_STOPS,
                )


def _stump(entry: Measured, other: Measured) -> bool:
    """Whether so little of a cut vertebra is left that the middle of its front says nothing of where it lies."""
    return entry.is_cut and entry.volume_mm3 < SLIVER_SHARE * other.volume_mm3


def _expected_volume_mm3(row: Sequence[Measured], position: int) -> float | None:
    """Median of the nearest whole vertebrae, each carried here by the spine's growth downward."""
    whole = [index for index, entry in enumerate(row) if index != position and not entry.is_cut]
    nearest = sorted(whole, key=lambda index: abs(index - position))[:_REFERENCES]
    carried = [row[index].volume_mm3 * _GROWTH_A_LEVEL ** (position - index) for index in nearest]
    return float(np.median(carried)) if len(nearest) >= 2 else None


def _step_mm(upper: Measured, lower: Measured) -> float:
    return float(np.linalg.norm(upper.centroid_mm - lower.centroid_mm))


def _expected_step_mm(row: Sequence[Measured], position: int) -> float:
    pairs = list(pairwise(row))
    whole = [
        index
        for index, (upper, lower) in enumerate(pairs)
        if index != position and are_adjacent(upper.level, lower.level) and not (upper.is_cut or lower.is_cut)
    ]
    nearest = sorted(whole, key=lambda index: abs(index - position))[:_REFERENCES]
    if len(nearest) < 2:
        return _TYPICAL_STEP_MM[row[position].level.region]
    return float(np.median([_step_mm(*pairs[index]) for index in nearest]))


def _both_small(row: Sequence[Measured], position: int) -> bool:
    """Whether the pair at `position` has together about one vertebra's volume; True where nothing tells."""
    others = [entry.volume_mm3 for n, entry in enumerate(row) if n not in (position, position + 1) and not entry.is_cut]
    together = row[position].volume_mm3 + row[position + 1].volume_mm3
    return not others or together < VOLUME_RATIO_WARNS[1] * float(np.median(others))


def _both(upper: Measured, lower: Measured, text: str, *, stops: bool = False) -> Iterator[Finding]:
    names = f"{upper.level.name} and {lower.level.name}"
    yield Finding(None, f"{names}: {text}.")
    yield Finding(upper.level, f"towards {lower.level.name}: {text}.", stops)
    yield Finding(lower.level, f"towards {upper.level.name}: {text}.", stops)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
