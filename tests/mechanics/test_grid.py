"""The lattice: everything numbered once, and no two threads near one node."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.mechanics.grid import LANE, MAX_RUN, lattice

shapes = st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9))


def random_grid(shape, seed, share=0.6):
    active = np.random.default_rng(seed).random(shape) < share
    active.flat[0] = True
    return lattice(active)


def brute_force_elements(grid):
    """(element, corner places) of every active element, read off its runs."""
    found = []
    for n00, n10, n01, n11, first, length, _ in grid.runs.astype(int):
        for i in range(length):
            rows = (n00, n10, n01, n11)
            found.append((first + i, [row + i + right for row in rows for right in (0, 1)]))
    return found


@given(shapes, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_runs_name_every_element_once_with_its_own_corners(shape, seed):
    grid = random_grid(shape, seed)
    found = brute_force_elements(grid)
    assert [element for element, _ in found] == list(range(grid.element_count))
    for (z, y, x), (_, corners) in zip(np.argwhere(grid.active), found, strict=True):
        expected = [grid.node[z + k, y + j, x + i] for k in (0, 1) for j in (0, 1) for i in (0, 1)]
        assert corners == expected
    numbers = grid.node[grid.node >= 0]
    assert len(set(numbers.tolist())) == grid.node_count
    assert numbers.max() + LANE <= grid.stride


@given(shapes, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_blocks_that_run_together_write_to_disjoint_places(shape, seed):
    grid = random_grid(shape, seed)
    for parity in (0, 1):
        written: set[int] = set()
        for first, last, *_ in grid.blocks[parity::2].astype(int):
            mine: set[int] = set()
            for run in grid.runs[first:last].astype(int):
                width = -(-(run[5] + 1) // LANE) * LANE
                for row in run[:4]:
                    mine.update(range(row, row + width))
            assert not mine & written
            assert max(mine, default=0) < grid.stride
            written |= mine


@given(shapes, st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_every_place_is_cleared_once_and_before_anything_is_added(shape, seed):
    grid = random_grid(shape, seed)
    cleared = np.zeros(grid.stride, int)
    for _, _, start, stop, *_ in grid.blocks.astype(int):
        cleared[start:stop] += 1
    assert (cleared[grid.node[grid.node >= 0]] == 1).all()
    even_clears = {place for row in grid.blocks[::2].astype(int) for place in range(row[2], row[3])}
    for _, _, start, stop, *_ in grid.blocks[1::2].astype(int):
        assert not even_clears & set(range(start, stop))


def test_long_rows_are_cut():
    active = np.ones((1, 2, 3 * MAX_RUN + 5), bool)
    active[0, 1, 200] = False
    grid = lattice(active)
    assert grid.runs[:, 5].max() == MAX_RUN
    assert grid.runs[:, 5].sum() == active.sum() == grid.element_count


@given(shapes, st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_a_run_holds_one_material(shape, seed):
    rng = np.random.default_rng(seed)
    active = rng.random(shape) < 0.8
    active.flat[0] = True
    material = rng.integers(0, 3, shape).astype(np.uint8)
    grid = lattice(active, material)
    of_element = np.repeat(grid.runs[:, 6], grid.runs[:, 5].astype(int))
    assert (of_element == material[active]).all()


def test_layers_begin_where_the_layer_before_ends():
    grid = random_grid((7, 8, 9), 1)
    assert (np.diff(grid.layer_element.astype(int)) == grid.active.sum(axis=(1, 2))).all()
    assert (np.diff(grid.layer_start.astype(int)) == (grid.node >= 0).sum(axis=(1, 2)) + LANE).all()
    starts = (grid.node >= 0) & ~np.pad(grid.node >= 0, ((0, 0), (0, 0), (1, 0)))[:, :, :-1]
    assert (np.diff(grid.layer_row.astype(int)) == starts.sum(axis=(1, 2))).all()
