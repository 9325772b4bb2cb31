"""The lesion's shape against closed form and an independent count; its tissue by its own claims."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.spatial.distance import pdist

from spondyl.anatomy.levels import Level
from spondyl.phantoms.lesion import (
    BLASTIC_HU,
    LYTIC_HU,
    LesionSpec,
    Outgrowth,
    make_shape,
    make_tissue,
    settle_centre,
    smooth_field,
)

CENTRE = np.array([3.0, -2.0, 1.0])


def lattice(shape, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Points and shares within the shape, by plain counting."""
    low, high = shape.box_mm
    axes = [np.arange(a - step, b + step, step) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
    share = np.clip(0.5 + shape.depth_mm(points) / step, 0, 1)
    return points[share > 0], share[share > 0]


def test_without_lobes_it_is_a_ball_in_closed_form() -> None:
    ball = make_shape(14.0, 0.0, (1,), centre_mm=CENTRE)
    assert ball.volume_mm3 == pytest.approx(4 / 3 * np.pi * 7**3, rel=1e-12)
    assert ball.longest_diameter_mm == pytest.approx(14.0, abs=1e-9)
    np.testing.assert_allclose(ball.centroid_mm, CENTRE, atol=1e-9)


@pytest.mark.parametrize(("irregularity", "tongue"), [(0.15, False), (0.3, False), (0.1, True)])
def test_volume_and_centroid_agree_with_a_plain_count(irregularity: float, tongue: bool) -> None:
    grown = (Outgrowth(np.array([0.0, 0.6, 0.8]), 16.0, 8.0),) if tongue else ()
    shape = make_shape(14.0, irregularity, (5,), centre_mm=CENTRE, outgrowths=grown)
    points, share = lattice(shape, 0.25)
    assert shape.volume_mm3 == pytest.approx(share.sum() * 0.25**3, rel=2e-3)
    np.testing.assert_allclose(shape.centroid_mm, share @ points / share.sum(), atol=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_longest_diameter_is_what_was_asked_whatever_the_lobes(seed: int) -> None:
    shape = make_shape(20.0, 0.2, (seed,), centre_mm=CENTRE)
    u = np.random.default_rng(seed).normal(size=(3000, 3))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    apart = pdist(shape.radius_at(u)[:, None] * u).max()
    assert shape.longest_diameter_mm == pytest.approx(20.0, abs=1e-6)
    assert 20.0 * 0.985 < apart < 20.0 + 1e-6


def test_a_tongue_reaches_as_far_as_it_should() -> None:
    ahead = np.array([0.0, 1.0, 0.0])
    shape = make_shape(12.0, 0.1, (2,), centre_mm=CENTRE, outgrowths=(Outgrowth(ahead, 15.0, 8.0),))
    assert shape.radius_at(ahead) == pytest.approx(15.0)
    assert shape.radius_at(-ahead) == pytest.approx(shape.ball_radius_at(-ahead), abs=1e-6)


def test_the_same_key_gives_the_same_shape_and_another_key_another() -> None:
    first, again, other = (make_shape(14.0, 0.2, key, centre_mm=CENTRE) for key in ((1,), (1,), (2,)))
    u = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]])
    assert (first.radius_at(u) == again.radius_at(u)).all()
    assert (first.radius_at(u) != other.radius_at(u)).any()


def test_smooth_field_has_unit_variance() -> None:
    points = np.random.default_rng(0).uniform(-200, 200, (20000, 3))
    values = smooth_field(5.0, (3,)).at(points)
    assert abs(values.mean()) < 0.05
    assert values.std() == pytest.approx(1.0, abs=0.05)


def test_tissues_lie_within_their_ranges_and_half_of_the_bone_is_replaced_on_the_surface() -> None:
    points = np.random.default_rng(0).uniform(-8, 8, (5000, 3))
    for seed in range(5):
        lytic = make_tissue(LesionSpec(level=Level.L1, kind="lytic"), (seed,))
        assert (lytic.hu_at(points) == lytic.lytic_hu).all()
        assert LYTIC_HU[0] <= lytic.lytic_hu <= LYTIC_HU[1]
        blastic = make_tissue(LesionSpec(level=Level.L1, kind="blastic"), (seed,))
        assert BLASTIC_HU[0] <= np.mean(blastic.hu_at(points)) <= BLASTIC_HU[1] * 1.05
        mixed = make_tissue(LesionSpec(level=Level.L1, kind="mixed"), (seed,)).blastic_share_at(points)
        assert (mixed < 0.1).any()
        assert (mixed > 0.9).any()
        assert lytic.cover(np.array([-5.0, 0.0, 5.0])) == pytest.approx([0, 0.5, 1])


def test_centre_is_set_as_far_out_as_its_clearance_allows() -> None:
    def ball(points: np.ndarray) -> np.ndarray:
        return 20.0 - np.linalg.norm(points, axis=-1)

    centre = settle_centre(ball, np.zeros(3), np.array([0.0, 0.0, -1.0]), 8.0, 40.0)
    np.testing.assert_allclose(centre, [0, 0, -12], atol=0.3)
    deepest = settle_centre(ball, np.array([0.0, 0.0, 5.0]), np.array([0.0, 0.0, -1.0]), 30.0, 40.0)
    np.testing.assert_allclose(deepest, [0, 0, 0], atol=0.3)


@pytest.mark.parametrize(
    "wrong", [{"level": "Q9"}, {"kind": "soft"}, {"diameter_mm": -1}, {"place": "pedicle"}, {"colour": "red"}]
)
def test_wrong_entries_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        LesionSpec.model_validate({"level": "L1", **wrong})
