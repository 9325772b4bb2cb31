"""Whole grids in memory order: the same boxes as SciPy finds in index order, for every way an array may lie."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy import ndimage

from spondyl.core.memory import box_of, boxes_of, in_memory_order

LABELS = np.zeros((5, 7, 9), np.uint8)
LABELS[1:3, 2:6, 4:9] = 1
LABELS[4, 0, 3:5] = 4


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_boxes_are_those_of_scipy_however_the_array_lies(order: tuple[int, int, int]) -> None:
    for flips in product((1, -1), repeat=3):
        array = LABELS.transpose(order)[tuple(slice(None, None, step) for step in flips)]
        assert boxes_of(array) == ndimage.find_objects(array)
        assert in_memory_order(array).flags.c_contiguous
        assert box_of(array == 4) == ndimage.find_objects((array == 4).astype(int))[0]


def test_nothing_has_no_box() -> None:
    assert box_of(np.zeros((2, 3, 4), bool)) is None
    assert boxes_of(np.zeros((2, 3, 4), np.uint8)) == []
