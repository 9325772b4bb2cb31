"""Which finding hits which true lesion, by overlaps made by hand."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.validation.compare import TrueLesion, lesion_records
from spondyl.values.lesion import Lesion

SHIFTED = np.diag([-1.0, 1.0, 1.0, 1.0])
"""The finding's grid: flipped and moved against the truth's."""


def finding(start: int, stop: int) -> Lesion:
    """A bar from x = start to stop in the truth's index, stored on another grid."""
    affine = SHIFTED.copy()
    affine[:3, 3] = 19, 2, 3
    array = np.zeros((20, 4, 4), bool)
    array[20 - stop : 20 - start, :2, :2] = True
    return Lesion(
        mask=Volume(array, affine, "mask"),
        level=Level.T8,
        kind="lytic",
        volume_mm3=float(array.sum()),
        longest_diameter_mm=float(stop - start),
        centroid_lps_mm=(0.0, 0.0, 0.0),
        mean_hu=20.0,
        body_share=0.1,
        parts_touched=(),
        cortex_breached=None,
        origin="detected",
        confidence=0.9,
    )


def case(*lesions: Lesion) -> SimpleNamespace:
    quality = SimpleNamespace(assessed=True)
    return SimpleNamespace(vertebrae=(SimpleNamespace(level=Level.T8, quality=quality, lesions=lesions),))


def true_bar(start: int, stop: int) -> tuple[list[TrueLesion], Volume]:
    array = np.zeros((20, 8, 8), np.uint8)
    array[start:stop, 2:4, 3:5] = 1
    volume_mm3 = float((array > 0).sum())
    return [TrueLesion(1, "T8", "lytic", "centre", 10.0, volume_mm3, 15.0)], Volume(array, np.eye(4), "label")


def test_a_finding_over_the_truth_hits_whatever_its_grid() -> None:
    lesions, false = lesion_records(case(finding(5, 15)), *true_bar(5, 15))  # type: ignore[arg-type]
    assert lesions[0]["found"]["volume_mm3"] == 40.0
    assert not false


def test_a_touch_is_neither_a_hit_nor_false() -> None:
    lesions, false = lesion_records(case(finding(0, 6)), *true_bar(5, 15))  # type: ignore[arg-type]
    assert lesions[0]["found"] is None
    assert not false


def test_a_finding_elsewhere_is_false_and_two_pieces_are_one_find() -> None:
    lesions, false = lesion_records(case(finding(5, 9), finding(11, 15), finding(16, 20)), *true_bar(5, 15))  # type: ignore[arg-type]
    assert lesions[0]["found"]["pieces"] == 2
    assert lesions[0]["found"]["volume_mm3"] == 32.0
    assert len(false) == 1
