"""The segmenter's steps by themselves: exact cases, geometry there and back, names of looks that are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spondyl.anatomy.levels import Level
from spondyl.core.errors import UnsuitableImage
from spondyl.core.volume import Volume
from spondyl.segmentation.cord_canal import CanalTrack
from spondyl.segmentation.looks import FEATURES
from spondyl.segmentation.names import ROWS, expected_looks, name_levels
from spondyl.segmentation.prior import SHAPE, START, STEP, normal_place, priors, straight_places
from spondyl.segmentation.sampling import coarse_copy, values_at
from spondyl.segmentation.segment import segment
from spondyl.segmentation.straight import places_of_voxels, straighten
from spondyl.segmentation.tracking import track, track_line


def test_a_linear_field_is_sampled_exactly():
    index = np.indices((9, 8, 7)).astype(float)
    field = (2 * index[0] * 0.7 - 3 * index[1] * 1.1 + 5 * index[2] * 2.5).astype(np.float32)
    places = np.random.default_rng(1).uniform(0, 1, (50, 3)) * [8 * 0.7, 7 * 1.1, 6 * 2.5]
    assert values_at(field, (0.7, 1.1, 2.5), places) == pytest.approx(places @ [2, -3, 5], rel=1e-5, abs=1e-4)
    assert values_at(field, (0.7, 1.1, 2.5), np.array([[-1.0, 0, 0]]))[0] == -1000


@pytest.mark.parametrize("spacing", [(0.5, 0.7, 0.6), (3.0, 2.0, 5.0)])
def test_a_coarse_copy_keeps_a_linear_field_away_from_the_edges(spacing):
    shape = tuple(int(40 / step) for step in spacing)
    index = np.indices(shape).astype(float)
    field = sum(k * axis * step for k, axis, step in zip((1, 2, 3), index, spacing, strict=True))
    coarse = coarse_copy(field, spacing, 2.0)
    expected = sum(2.0 * k * axis for k, axis in zip((1, 2, 3), np.indices(coarse.shape), strict=True))
    inner = (slice(2, -3),) * 3
    assert coarse[inner] == pytest.approx(expected[inner], abs=0.02 * expected.max())


def brute_force(score, reach, cost):
    """Best sum over all paths of a (layers, places) score."""
    best, paths = score[0].copy(), [[n] for n in range(score.shape[1])]
    for layer in score[1:]:
        steps = [
            max((best[m] - cost * (m - n) ** 2, m) for m in range(len(layer)) if abs(m - n) <= reach)
            for n in range(len(layer))
        ]
        best = np.array([value for value, _ in steps]) + layer
        paths = [[*paths[m], n] for n, (_, m) in enumerate(steps)]
    return best.max(), paths[int(best.argmax())]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_the_track_is_the_best_of_all(seed):
    score = np.random.default_rng(seed).normal(size=(7, 6)).astype(np.float32)
    path = track_line(score, reach=1, cost=0.2)
    total = score[np.arange(7), path].sum() - 0.2 * (np.diff(path) ** 2).sum()
    assert total == pytest.approx(brute_force(score, 1, 0.2)[0], abs=1e-4)
    assert np.abs(np.diff(path)).max() <= 1


def test_a_track_in_two_directions_follows_a_ridge():
    score = np.zeros((12, 15, 15), np.float32)
    ridge = np.array([(4 + z // 3, 9 - z // 2) for z in range(12)])
    score[np.arange(12), ridge[:, 0], ridge[:, 1]] = 5
    assert np.array_equal(track(score, reach=2, cost=(0.1, 0.1)), ridge)


@pytest.fixture(scope="module")
def bent():
    """A curved canal in an empty scan, straightened."""
    z = np.arange(0, 200, 2.0)
    places = np.column_stack([60 + 8 * np.sin(z / 60), 70 + 15 * np.cos(z / 70), z])
    hu = np.full((120, 140, 100), 40, np.int16)
    return straighten(hu, (1.0, 1.0, 2.0), CanalTrack(places, np.ones(len(z))))


def test_straightened_places_lead_back_to_their_voxels(bent):
    start, stop = np.array([30, 40, 20]), np.array([90, 100, 80])
    s, a, left = places_of_voxels(bent.line, bent.spacing_mm, start, stop)
    known = np.isfinite(s)
    back = bent.line.place(s[known], a[known], left[known]) / bent.spacing_mm
    index = np.argwhere(known) + start
    assert np.abs(back - index).max() < 0.1


def test_axes_are_upright_and_of_one_hand(bent):
    line = bent.line
    for one, other in ((line.up, line.front), (line.up, line.left), (line.front, line.left)):
        assert np.abs((one * other).sum(axis=1)).max() < 1e-9
    assert (line.up[:, 2] > 0).all()
    assert (line.left[:, 0] > 0).all()
    assert (line.front[:, 1] < 0).all()


def test_a_levels_own_measure_leads_there_and_back():
    numbers = np.array([100.0, 0.1, -0.05, 128.0, -0.08, 0.04, 8.0, 30.0, 19.0, 1.0])
    out = np.empty((3, *SHAPE))
    straight_places(numbers, START, STEP, out)
    for i, j, k in ((0, 0, 0), (40, 60, 50), (85, 94, 100), (20, 80, 10)):
        assert normal_place(numbers, *out[:, i, j, k]) == pytest.approx(START + STEP * [i, j, k], abs=1e-9)


@pytest.mark.parametrize("level", [Level.C2, Level.C5, Level.T1, Level.T7, Level.T12, Level.L3, Level.L5])
def test_the_prior_is_one_vertebra_with_its_canal(level):
    prior = priors()[level]
    u, v, x = (START[axis] + STEP[axis] * np.arange(SHAPE[axis]) for axis in range(3))
    assert prior.max() > 0.95
    body = prior[np.abs(u) < 0.15][:, (v > 0.3) & (v < 0.7)][:, :, np.abs(x) < 0.4]
    assert body.mean() > 0.9
    canal = prior[np.abs(u) < 0.15][:, (v > -0.35) & (v < -0.2)][:, :, np.abs(x) < 0.15]
    assert canal.mean() < 0.1
    assert np.abs(prior - prior[:, :, ::-1]).mean() < 0.01  # neither side is favoured


def looks_of(row):
    """From below upward."""
    return np.array([expected_looks()[level] for level in reversed(row)])


@pytest.mark.parametrize(("upper", "lower"), [("C3", "T6"), ("T8", "L3"), ("L1", "S1"), ("C2", "S1")])
def test_levels_that_look_as_expected_get_their_own_names(upper, lower):
    row = [level for level in ROWS["usual"] if Level[upper].order <= level.order <= Level[lower].order]
    found = looks_of(row)
    found[:, :2] += 0.15  # a tall person
    naming = name_levels(found, [1.0] * len(row))
    assert naming.levels[::-1] == tuple(row)
    assert naming.margin > 0


def test_a_thirteenth_rib_bearer_is_a_possible_answer():
    row = [*ROWS["usual"][7:19], Level.T12, *ROWS["usual"][19:]]  # T1 .. T12, one more with ribs, L1 .. S1
    naming = name_levels(looks_of(row), [1.0] * len(row))
    assert naming.variant == "T13"
    assert Level.T13 in naming.levels


def test_an_anchor_always_wins():
    row = ROWS["usual"][10:16]
    free = name_levels(looks_of(row), [1.0] * 6)
    held = name_levels(looks_of(row), [1.0] * 6, {0: Level.L2})
    assert free.levels[0] is row[-1]
    assert held.levels[0] is Level.L2
    with pytest.raises(ValueError, match="row"):
        name_levels(looks_of(row), [1.0] * 6, {0: Level.T3, 1: Level.T4})


def test_what_is_not_seen_does_not_decide():
    row = ROWS["usual"][12:18]
    found = looks_of(row)
    found[:, FEATURES.index("near")] = np.nan
    whole, part = (name_levels(looks, [1.0] * 6).margin for looks in (looks_of(row), found))
    assert part <= whole


def test_scans_that_show_no_spine_or_have_thick_slices_are_refused():
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    noise = np.random.default_rng(0).normal(40, 20, (60, 60, 60)).astype(np.int16)
    with pytest.raises(UnsuitableImage, match="no spinal canal"):
        segment(Volume(noise, affine, "HU"))
    with pytest.raises(UnsuitableImage, match="too thick"):
        segment(Volume(noise, np.diag([1.0, 1.0, 7.5, 1.0]), "HU"))
