"""Smooth endplates, pits, the posterior wall's bulge and the ribs' joints, on bodies of exactly known shape."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Geometry, Vertebra
from spondyl.vertebrae.endplates import with_smooth_endplates
from spondyl.vertebrae.form import body_form
from spondyl.vertebrae.ribs import costotransverse_points_mm, costovertebral_points_mm
from spondyl.vertebrae.shape import EDGE_SHARE, measure_shape
from spondyl.vertebrae.surface import body_surface

HEIGHT, WIDTH, DEPTH = 24.0, 40.0, 30.0


def body(turn: Rotation, spacing, *, hollow=0.0, spur=0.0, pit=0.0, bulge=0.0, shift=0.0):
    """Mask and frame: a Lamé body with endplates hollowed as paraboloids, turned against the grid.

    `spur` is a hook of that length on the lower front rim, `pit` the depth of a dent of 8 mm across in the upper
    plate, `bulge` the height of a parabola by which the back wall stands out (positive) or in.
    """
    spacing = np.array(spacing)
    count = np.ceil(np.array([60.0, 60.0, 52.0]) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = (-30.0, -30.0, -26.0) + shift * spacing
    index = np.stack(np.meshgrid(*map(np.arange, count), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis((index * spacing + affine[:3, 3]) @ turn.as_matrix(), -1, 0)
    bowl = hollow * np.clip(1 - (2 * x / WIDTH) ** 2 - (2 * y / DEPTH) ** 2, 0, 1)
    wall = DEPTH / 2 + bulge * (1 - (2 * z / HEIGHT) ** 2)
    deep = np.where(y > 0, wall, DEPTH / 2)
    inside = (2 * abs(x) / WIDTH) ** 4 + (abs(y) / deep) ** 4 <= 1
    top = HEIGHT / 2 - bowl - np.where(np.hypot(x, y) < 4, pit, 0.0)
    bone = inside & (z <= top) & (z >= -HEIGHT / 2 + bowl)
    hook = (abs(x) < 10) & (y < -DEPTH / 2 + 2) & (y > -DEPTH / 2 - spur) & (abs(z + HEIGHT / 2 - 2) < 2)
    return Volume(bone | (hook & (spur > 0)), affine, "mask"), Frame(np.zeros(3), turn.as_matrix())


def measured(*arguments, **settings):
    mask, frame = body(*arguments, **settings)
    raw = body_surface(mask, frame)
    smooth = with_smooth_endplates(raw, mask, frame)
    shape = measure_shape(smooth)
    return shape, body_form(raw, smooth, shape, frame, max(mask.spacing_mm))


TILTS = [Rotation.from_euler("xy", angles, degrees=True) for angles in ((9, 3), (-14, 2), (20, -6))]


@pytest.mark.parametrize("turn", TILTS, ids=["9", "-14", "20"])
@pytest.mark.parametrize(("slice_mm", "bound"), [(1.0, 0.5), (2.5, 1.0)])
@pytest.mark.parametrize("settings", [{}, {"hollow": 3.0}, {"spur": 5.0}], ids=["flat", "biconcave", "spur"])
def test_heights_width_and_depth_of_oblique_bodies(turn, slice_mm, bound, settings):
    shape, _ = measured(turn, (0.7, 0.7, slice_mm), shift=0.37, **settings)
    hollow = settings.get("hollow", 0.0)
    edge = HEIGHT - 2 * hollow * (1 - (1 - 2 * EDGE_SHARE) ** 2)
    for found, true in zip(shape.heights_mm, (edge, HEIGHT - 2 * hollow, edge), strict=True):
        assert found == pytest.approx(true, abs=bound)
    assert shape.width_mm == pytest.approx(WIDTH, abs=1.0)
    assert shape.depth_mm == pytest.approx(DEPTH, abs=1.0)


def test_hollows_are_measured_and_a_pit_is_no_hollow():
    flat, hollow = (measured(TILTS[0], (0.7, 0.7, 1.0), hollow=depth)[1] for depth in (0.0, 4.0))
    for plate in (flat.upper, flat.lower):
        assert plate.hollow_mm == pytest.approx(0.0, abs=0.4)
        assert not plate.pits
    for plate in (hollow.upper, hollow.lower):
        # The paraboloid over the middle fifth, less that at a tenth of the depth, where the rim is read.
        assert plate.hollow_mm == pytest.approx(4.0 * ((1 - 0.2**2 / 3) - (1 - 0.8**2)), abs=0.5)
    shape, pitted = measured(TILTS[0], (0.7, 0.7, 1.0), pit=5.0)
    assert shape.middle_mm == pytest.approx(HEIGHT, abs=1.0)
    assert not pitted.lower.pits
    (pit,) = pitted.upper.pits
    assert pit.depth_mm == pytest.approx(5.0, abs=1.0)
    assert pit.area_mm2 == pytest.approx(16 * np.pi, rel=0.5)


@pytest.mark.parametrize("bulge", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("slice_mm", [1.0, 2.5])
def test_the_walls_bulge(bulge, slice_mm):
    _, form = measured(TILTS[1], (0.7, 0.7, slice_mm), bulge=bulge)
    # The parabola's mean over its middle third, above the chord between its places at 21 % of the height.
    end = 1 - (1 - 2 * 0.21) ** 2
    mean = 1 - 1 / 27
    assert form.wall_convexity_mm == pytest.approx(bulge * (mean - end), abs=0.4)


def painted(level: Level, flip: bool = False) -> Vertebra:
    """A box of a body with box pedicles and transverse processes, on voxels of 1 mm in the frame."""
    x, y, z = np.moveaxis(np.moveaxis(np.indices((80, 70, 40)), 0, -1) - (40.0, 20.0, 20.0), -1, 0)
    parts = np.zeros(x.shape, np.uint8)
    parts[(abs(x) <= 14) & (abs(y) <= 12) & (abs(z) <= 10)] = SubRegion.BODY
    for sign, side in ((1, "LEFT"), (-1, "RIGHT")):
        parts[(abs(sign * x - 11) <= 3) & (y > 12) & (y <= 22) & (z >= 0) & (z <= 9)] = SubRegion[f"PEDICLE_{side}"]
        arm = (sign * x > 14) & (sign * x <= 35) & (y > 18) & (y <= 26) & (z >= 0) & (z <= 8)
        parts[arm] = SubRegion[f"TRANSVERSE_{side}"]
    affine = np.eye(4)
    affine[:3, 3] = (-40, -20, -20)
    if flip:  # the same patient on a mirrored grid
        parts, affine = parts[::-1], affine @ np.diag([-1.0, 1, 1, 1])
        affine[:3, 3] = (39, -20, -20)
    frame = Frame(np.zeros(3), np.eye(3))
    return Vertebra(level, frame, Volume(parts, affine, "label"), Geometry(*[None] * 13), "shape")


@pytest.mark.parametrize("flip", [False, True])
def test_rib_joints_lie_where_ribs_meet_the_bone(flip):
    head, low = (costovertebral_points_mm(painted(level, flip)) for level in (Level.T6, Level.T11))
    for side, sign in (("left", 1), ("right", -1)):
        assert head[side] == pytest.approx((sign * 14, 13, 8), abs=2.5)
        assert low[side] == pytest.approx((sign * 14, 13, 4.5), abs=2.5)
        tip = costotransverse_points_mm(painted(Level.T6, flip))[side]
        assert tip == pytest.approx((sign * 32, 20, 4), abs=2.5)
    assert costotransverse_points_mm(painted(Level.T11)) is None
    assert costovertebral_points_mm(painted(Level.L1)) is None


def test_a_side_without_pedicle_has_no_joint():
    whole = painted(Level.T6)
    labels = np.where(whole.parts.array == SubRegion.PEDICLE_LEFT, 0, whole.parts.array)
    half = Vertebra(Level.T6, whole.frame, whole.parts.like(labels, "label"), whole.geometry, "shape")
    assert set(costovertebral_points_mm(half)) == {"right"}
