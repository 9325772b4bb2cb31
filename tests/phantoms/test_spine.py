"""Stacking: angles, slips and variants come out as they were asked for."""

from __future__ import annotations

import numpy as np
import pytest

from spondyl.anatomy.levels import Level, Region
from spondyl.phantoms.deform import Fracture
from spondyl.phantoms.spine import Curve, Joint, Spine, build_spine, row_of, wedge_deg


def flexion_deg(spine: Spine, upper: Level, lower: Level) -> float:
    """How far one vertebra leans forward against another in its sagittal plane."""
    up = spine.of[lower].frame.axes.T @ spine.of[upper].frame.axes[:, 2]
    return float(np.degrees(np.arctan2(-up[1], up[2])))


@pytest.mark.parametrize(("variant", "thoracic", "lumbar"), [("usual", 12, 5), ("T13", 13, 5), ("L6", 12, 6)])
def test_variants_and_curves(variant, thoracic, lumbar):
    spine = build_spine("male", 50, variant=variant, curve=Curve(25, 45, 60))
    row = [v.level for v in spine.vertebrae]
    assert sum(v.region is Region.THORACIC for v in row) == thoracic
    assert sum(v.region is Region.LUMBAR for v in row) == lumbar
    last = Level.T13 if variant == "T13" else Level.T12
    assert flexion_deg(spine, Level.C2, Level.C7) == pytest.approx(-25)
    assert flexion_deg(spine, Level.T1, last) == pytest.approx(45)
    assert flexion_deg(spine, Level.L1, Level.S1) == pytest.approx(-60)


def test_eleven_thoracic_and_four_lumbar():
    assert Level.T12 not in row_of("eleven thoracic")
    assert Level.L5 not in row_of("four lumbar")


def test_scoliosis_has_its_cobb_angle_and_side():
    spine = build_spine("female", 40, curve=Curve(scoliosis_deg=30.0, scoliosis_apex=Level.T9))
    up = [v.frame.axes[:, 2] for v in spine.vertebrae]
    lean = np.degrees([np.arctan2(z[0], z[2]) for z in up])
    assert lean.max() - lean.min() == pytest.approx(30, abs=3)
    x = {v.level: v.frame.origin_mm[0] for v in spine.vertebrae}
    ends = (x[Level.T5] + x[Level.L1]) / 2
    assert x[Level.T9] > ends  # left is where LPS grows


def test_a_wedge_tilts_all_above_unless_the_discs_take_it_back():
    fracture = {Level.T11: Fracture("wedge", 0.5)}
    plain = build_spine("male", 60)
    bent = build_spine("male", 60, fractures=fracture)
    held = build_spine("male", 60, fractures=fracture, compensated=True)
    wedge = wedge_deg(bent.of[Level.T11].shape)
    assert wedge > 12
    before = flexion_deg(plain, Level.T10, Level.T12)
    assert flexion_deg(bent, Level.T10, Level.T12) == pytest.approx(before + wedge)
    assert flexion_deg(held, Level.T10, Level.T12) == pytest.approx(before)


def test_slip_moves_all_above_along_the_lower_vertebra():
    plain = build_spine("male", 60)
    slipped = build_spine("male", 60, joints={Level.L5: Joint(translation_ap_mm=-6.0, translation_lr_mm=2.0)})

    def on_l5(spine: Spine) -> np.ndarray:
        return spine.of[Level.L5].frame.to_local(spine.of[Level.L4].frame.origin_mm)

    np.testing.assert_allclose(on_l5(slipped) - on_l5(plain), (2.0, -6.0, 0.0), atol=1e-9)


def test_neighbours_keep_their_gap():
    """No point lies in two vertebrae, lordotic joints included."""
    spine = build_spine("male", 60, curve=Curve(lumbar_lordosis_deg=75))
    rng = np.random.default_rng(0)
    for upper, lower in ((Level.L4, Level.L5), (Level.L5, Level.S1), (Level.T6, Level.T7), (Level.C5, Level.C6)):
        placed = spine.of[lower]
        local = rng.uniform(*placed.shape.box, (60000, 3))
        lps = placed.frame.to_lps(local)
        own, _ = spine.evaluate(lower, *local.T)
        other, _ = spine.evaluate(upper, *spine.of[upper].local(lps))
        assert not ((own < 0) & (other < 0)).any()


@pytest.mark.parametrize("flexion", [0.0, 24.0])
def test_bodies_never_eat_into_each_other(flexion):
    """Also in a sharp kyphosis, a scoliosis and beside a wedge that the discs take back: stated heights stay true."""
    spine = build_spine(
        "male",
        60,
        curve=Curve(scoliosis_deg=28.0, lumbar_lordosis_deg=72),
        fractures={Level.T12: Fracture("wedge", 0.5), Level.L3: Fracture("crush", 0.4)},
        joints={Level.T8: Joint(kyphosis_deg=flexion)},
        compensated=True,
    )
    for upper, lower in zip(spine.vertebrae[2:-1], spine.vertebrae[3:], strict=True):
        assert upper.shape.body is not None
        assert lower.shape.body is not None
        half = np.array([lower.shape.size.upper_width, lower.shape.size.upper_depth]) * 0.475
        x, y = (c.ravel() for c in np.meshgrid(*(np.linspace(-h, h, 25) for h in half), indexing="ij"))
        top, _ = lower.shape.body.endplates(x, y)
        inside = lower.shape.body.side(x, y, top) < 0
        lps = lower.frame.to_lps(np.column_stack([x, y, top])[inside])
        away = upper.shape.body(*upper.local(lps))
        assert away.min() > 0.9, (upper.level.name, lower.level.name, away.min())
