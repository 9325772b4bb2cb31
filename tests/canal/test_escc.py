"""ESCC from geometry: the rules on both sides of every threshold, and sac, cord and tumour of known shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from itertools import product

import numpy as np
import pytest

from canal_rings import Ring
from spondyl.anatomy.levels import Level
from spondyl.canal.compression import Labels, compress
from spondyl.canal.doubts import check_places
from spondyl.canal.escc import GRADES, Known, Section, grade, rules
from spondyl.canal.measure import measure_canals
from spondyl.canal.trace import find_canal
from spondyl.core.citations import bibliography
from spondyl.core.errors import MaskMismatch
from spondyl.core.volume import Volume
from spondyl.phantoms import truth_of_canal

FREE_CORD = Section(
    epidural_area_mm2=Known(30, 1),
    sac_loss=Known(0.2, 0.01),
    cord_gap_mm=Known(0.0, 0.1),
    cord_area_share=Known(1.0, 0.02),
    cord_shape_share=Known(1.0, 0.02),
    cord_shift_mm=Known(0.0, 0.1),
    fluid_arc_share=Known(0.5, 0.02),
)
"""A deformed sac, an abutted cord that is not compressed: 1c."""
FLAT = replace(FREE_CORD, cord_area_share=Known(0.7, 0.02))


@pytest.mark.parametrize(
    ("threshold", "field", "start", "below", "above"),
    [
        ("epidural_area_mm2", "epidural_area_mm2", FREE_CORD, "0", "1c"),
        ("sac_loss", "sac_loss", FREE_CORD, "1a", "1c"),
        ("sac_loss", "sac_loss", replace(FREE_CORD, cord_gap_mm=Known(4, 0.1)), "1a", "1b"),
        ("cord_gap_mm", "cord_gap_mm", FREE_CORD, "1c", "1b"),
        ("cord_area_share", "cord_area_share", FREE_CORD, "2", "1c"),
        ("cord_shape_share", "cord_shape_share", FREE_CORD, "2", "1c"),
        ("cord_shift_mm", "cord_shift_mm", FREE_CORD, "1c", "2"),
        ("fluid_arc_share", "fluid_arc_share", FLAT, "3", "2"),
        ("cord_gap_mm", "cord_gap_mm", FLAT, "2", "1b"),
    ],
)
def test_both_sides_of_every_threshold(threshold, field, start, below, above):
    limit = rules().thresholds[threshold]
    for value, expected in ((0.8 * limit, below), (1.2 * limit, above)):
        sure = grade(replace(start, **{field: Known(value, 0.1 * limit)}))
        assert (sure.grade, sure.possible) == (expected, (expected,))
        unsure = grade(replace(start, **{field: Known(value, 0.3 * limit)}))
        assert unsure.grade == expected
        assert set(unsure.possible) == {below, above}


def test_what_can_not_be_seen_leaves_a_range():
    unseen = replace(FREE_CORD, cord_gap_mm=None, cord_area_share=None, cord_shape_share=None, cord_shift_mm=None)
    assert grade(replace(unseen, fluid_arc_share=None)).possible == ("1b", "1c", "2", "3")
    assert grade(unseen).grade is None
    assert grade(replace(FLAT, fluid_arc_share=None)).possible == ("2", "3")
    assert grade(replace(unseen, epidural_area_mm2=Known(0, 0))).grade == "0"


def test_every_rule_has_a_source_or_says_that_it_is_an_own_choice():
    assert tuple(rules().definitions) == GRADES
    assert "bilsky2010" in bibliography()
    assert all(limit > 0 for limit in rules().thresholds.values())


def test_the_phantoms_truth_asks_the_same_questions_with_the_same_limits():
    limits = rules().thresholds
    assert limits == {
        "epidural_area_mm2": truth_of_canal.LEAST_EPIDURAL_MM2,
        "sac_loss": truth_of_canal.SAC_DEFORMED,
        "cord_gap_mm": truth_of_canal.ABUTMENT_MM,
        "cord_area_share": truth_of_canal.CORD_AREA_LEFT,
        "cord_shape_share": truth_of_canal.CORD_SHAPE,
        "cord_shift_mm": truth_of_canal.CORD_MOVED_MM,
        "fluid_mm": truth_of_canal.CSF_MM,
        "fluid_arc_share": truth_of_canal.CSF_VISIBLE,
    }
    assert np.pi * truth_of_canal.LEAST_CORD_HALF_MM**2 == pytest.approx(rules().least_cord_mm2, rel=0.02)
    # A case on either side of every limit, through both: the order of the questions is the same as well.
    for values in product(
        (2, 4), (0.04, 0.06), (0.5, 1.5), (0.8, 0.95), (0.8, 0.9, 1.15, 1.2), (0.5, 1.5), (0.05, 0.2)
    ):
        area, loss, gap, share, shape, moved, fluid = values
        told = {"epidural_area": area, "sac_loss": loss, "distance": gap, "cord_area": 40 * share}
        told |= {"shape": shape, "moved": moved, "csf": fluid}
        measured = (area, loss, gap, share, min(shape, 1 / shape), moved, fluid)
        ours = grade(Section(*(Known(value, 0.0) for value in measured)))
        assert truth_of_canal._grade(told, 40.0) == ours.grade, values


# ---- Shapes ----

LEVELS = (Level.T7, Level.T8, Level.T9)
CANAL, SAC, CORD = (10.0, 7.5), (8.0, 6.0), (4.0, 3.0)
TUMOUR_HALF_MM = 6.0


@dataclass(frozen=True)
class Shapes:
    """Tumour from one side to a depth, at T8 only; a cord that is moved back and changed there."""

    depth_mm: float = 0.0
    side: str = "front"
    cord: tuple[float, float] = CORD
    back_mm: float = 0.0
    ring: bool = False
    """Tumour all around the cord."""

    def labels(self, voxel: tuple[float, float, float]) -> Labels:
        frame = Ring(spacing_mm=voxel).frame()
        affine = np.diag([*voxel, 1.0])
        size = np.array([36.0, 36.0, 110.0])
        affine[:3, 3] = frame.origin_mm + np.array([0.0, 12.5 + CANAL[1], 0.0]) - size / 2 + 0.17
        shape = tuple(int(n) for n in size / voxel)
        grid = Volume(np.zeros(shape, np.uint8), affine, "label")
        c = grid.to_lps(np.moveaxis(np.indices(shape), 0, -1)) - frame.origin_mm - [0, 12.5 + CANAL[1], 0]
        x, y, z = np.moveaxis(c, -1, 0)
        here = np.abs(z) < TUMOUR_HALF_MM
        cord = _within(x, y, CORD) & ~here | _within(x, y - self.back_mm, self.cord) & here
        tumour = _within(x, y, CANAL) & here
        if not self.ring:
            into = {"front": y + CANAL[1], "left": CANAL[0] - x, "right": x + CANAL[0]}[self.side]
            tumour &= into < self.depth_mm
        tumour &= ~cord
        sac = (_within(x, y, SAC) | cord) & ~tumour
        return Labels(*(Volume(m, affine, "mask") for m in (cord, sac, tumour)))


def _within(x, y, half):
    return (x / half[0]) ** 2 + (y / half[1]) ** 2 < 1


def segment_mm2(half: tuple[float, float], depth_mm: float) -> float:
    """Area of an ellipse in front of a line that lies so deep in it."""
    h = depth_mm / half[1]
    return half[0] * half[1] * (np.arccos(1 - h) - (1 - h) * np.sqrt(2 * h - h**2))


@cache
def column(voxel=(0.7, 0.7, 1.5)):
    vertebrae = {level: Ring(spacing_mm=voxel, up_mm=-30.0 * (n - 1)).vertebra(level) for n, level in enumerate(LEVELS)}
    (stretch,), failed = find_canal(vertebrae)
    assert not failed
    return vertebrae, stretch


def graded(shapes: Shapes, voxel=(0.7, 0.7, 1.5), **changed):
    vertebrae, stretch = column()
    return compress(stretch, vertebrae, replace(shapes.labels(voxel), **changed), with_lesion=[Level.T8])


CASES = {
    "0": Shapes(),
    "1a": Shapes(1.3),
    "1b": Shapes(3.0),
    "1c": Shapes(4.3),
    "2": Shapes(6.0, cord=(4.6, 2.2), back_mm=0.9),
    "3": Shapes(ring=True, cord=(3.4, 2.4)),
}


@pytest.mark.parametrize("expected", GRADES)
@pytest.mark.parametrize("voxel", [(0.5, 0.5, 1.0), (0.7, 0.7, 2.0)])
def test_each_grade_from_its_shapes(expected, voxel):
    found = graded(CASES[expected], voxel)
    assert found[Level.T8].grade == expected
    assert expected in found[Level.T8].possible
    assert found[Level.T7].grade == found[Level.T9].grade == "0"
    assert rules().definitions[expected] in found[Level.T8].reason
    # Bone-only disease is disease: it is not said where there is none.
    assert "bone-only" not in found[Level.T7].reason
    assert "no tumour is labelled" in found[Level.T7].reason


def test_measures_behind_the_grade():
    found = graded(Shapes(3.0), (0.5, 0.5, 0.8))[Level.T8].compression
    canal = np.pi * CANAL[0] * CANAL[1]
    # The sac begins 1.5 mm behind the canal's front.
    lost = segment_mm2(SAC, 1.5)
    # A label's border lies within half a voxel of its shape's, here along 16 mm.
    assert found.epidural_area_mm2 == pytest.approx(segment_mm2(CANAL, 3.0), abs=0.25 * 16)
    assert found.canal_share == pytest.approx(segment_mm2(CANAL, 3.0) / canal, abs=0.01)
    assert found.sac_loss == pytest.approx(lost / (np.pi * SAC[0] * SAC[1]), abs=0.015)
    assert found.tumour_to_cord_mm == pytest.approx(1.5, abs=0.25)
    assert found.cord_area_share == pytest.approx(1.0, abs=0.02)
    assert found.fluid_arc_share == 1.0
    ring = graded(CASES["3"], (0.5, 0.5, 0.8))[Level.T8].compression
    assert ring.tumour_arc_deg >= 350  # told in steps of 5 degrees
    assert ring.cord_area_share == pytest.approx(3.4 * 2.4 / 12, abs=0.04)


@pytest.mark.parametrize("depth", [2.9, 4.6, 6.0])
def test_left_and_right_are_alike(depth):
    left, right = (graded(Shapes(depth, side))[Level.T8] for side in ("left", "right"))
    assert left.grade == right.grade
    assert left.grade == {2.9: "1a", 4.6: "1b", 6.0: "1c"}[depth]
    assert left.compression.sac_loss == pytest.approx(right.compression.sac_loss, abs=0.02)
    assert left.compression.tumour_arc_deg == pytest.approx(right.compression.tumour_arc_deg, abs=15)


def test_below_the_cord_the_sac_is_told_and_no_grade():
    vertebrae, stretch = column()
    lumbar = dict(zip(LEVELS, (Level.L1, Level.L2, Level.L3), strict=True))
    moved = {lumbar[level]: replace(v, level=lumbar[level]) for level, v in vertebrae.items()}
    names = {lumbar[level]: planes for level, planes in stretch.bodies.items()}
    lands = {lumbar[level]: planes for level, planes in stretch.territories.items()}
    here = replace(stretch, bodies=names, territories=lands)
    labels = Shapes(5.0).labels((0.7, 0.7, 1.5))
    ends = labels.cord.array.copy()
    ends[:, :, : int(ends.shape[2] * 0.62)] = False  # above the tumour at L2
    found = compress(here, moved, replace(labels, cord=Volume(ends, labels.cord.affine, "mask")))
    assert found[Level.L2].grade is None
    assert found[Level.L2].possible == ()
    assert found[Level.L2].compression.below_conus
    lost = segment_mm2(SAC, 3.5) / (np.pi * SAC[0] * SAC[1])
    assert found[Level.L2].compression.sac_loss == pytest.approx(lost, abs=0.02)
    assert f"{found[Level.L2].compression.sac_loss:.0%}" in found[Level.L2].reason
    assert found[Level.L1].grade == "0"


def test_what_can_be_said_with_fewer_labels():
    no_cord = graded(CASES["1c"], cord=None)[Level.T8]
    assert no_cord.grade is None
    assert no_cord.possible == ("1b", "1c", "2", "3")
    assert "cord" in no_cord.reason
    assert graded(CASES["1a"], cord=None)[Level.T7].grade == "0"
    no_sac = graded(CASES["2"], sac=None)[Level.T8]
    assert no_sac.possible == ("2", "3")
    no_tumour = graded(CASES["2"], epidural=None)[Level.T8]
    assert (no_tumour.grade, no_tumour.possible) == (None, ())
    assert "no label of epidural tumour" in no_tumour.reason
    alone = graded(CASES["2"], epidural=None, sac=None)[Level.T8]
    assert "MRI" in alone.fields(None)["escc_reason"]


def test_labels_that_can_not_all_be_right_are_said():
    labels = CASES["1c"].labels((0.7, 0.7, 1.5))
    beside = np.roll(labels.cord.array, 20, axis=0)
    outside = graded(CASES["1c"], cord=labels.cord.like(beside, "mask"))[Level.T8]
    assert outside.grade is None
    assert any("outside of the bony canal" in note and "T8" in note for note in outside.notes)
    covers = graded(CASES["1c"], epidural=labels.epidural.like(labels.epidural.array | labels.cord.array, "mask"))
    assert covers[Level.T8].grade is None
    assert "covers the cord" in covers[Level.T8].reason
    x = np.arange(labels.sac.shape[0])[:, None, None]
    half_sac = labels.sac.array & (x < labels.sac.shape[0] // 2 + 2)
    smaller = graded(CASES["1c"], sac=labels.sac.like(half_sac, "mask"))[Level.T8]
    assert any("smaller than the cord" in note for note in smaller.notes)
    gone = labels.cord.array.copy()
    gone[:, :, 30:45] = False
    missing = graded(CASES["1c"], cord=labels.cord.like(gone, "mask"))[Level.T8]
    assert missing.grade is None
    assert "missing" in missing.reason


@pytest.mark.parametrize("case", ["2", "left"])
def test_tumour_mirrored_within_the_canal_gives_no_grade(case):
    labels = (Shapes(7.0, "left") if case == "left" else CASES[case]).labels((0.7, 0.7, 1.5))
    axis = 0 if case == "left" else 1
    turned = np.flip(labels.epidural.array, axis)
    middle = np.argwhere(labels.sac.array)[:, axis].mean()
    turned = np.roll(turned, round(2 * middle - (turned.shape[axis] - 1)), axis=axis)
    vertebrae, stretch = column()
    found = compress(stretch, vertebrae, replace(labels, epidural=labels.epidural.like(turned, "mask")))[Level.T8]
    assert found.grade is None
    assert "mirrored" in found.reason or "covers the cord" in found.reason


def test_labels_outside_of_the_canal_are_refused():
    stretch = column()[1]
    labels = CASES["2"].labels((0.7, 0.7, 1.5))
    assert check_places(labels, [stretch]) == ()
    for name in ("cord", "sac", "epidural"):
        mask = getattr(labels, name)
        affine = mask.affine.copy()
        affine[0, 3] += 40.0
        with pytest.raises(MaskMismatch, match="lies in the spinal canal"):
            check_places(replace(labels, **{name: Volume(mask.array, affine, "mask")}), [stretch])
    # The grid's middle lies 15 mm beside the canal: turned round, the tumour leaves it.
    wide = np.pad(labels.epidural.array, ((0, 43), (0, 0), (0, 0)))
    turned = Volume(np.flip(wide, 0), labels.epidural.affine, "mask")
    with pytest.raises(MaskMismatch, match="mirrored left to right"):
        check_places(replace(labels, epidural=turned), [stretch])


def test_a_sac_label_of_fluid_alone_gives_the_same_grade():
    labels = CASES["2"].labels((0.7, 0.7, 1.5))
    fluid = labels.sac.like(labels.sac.array & ~labels.cord.array, "mask")
    found = graded(CASES["2"], sac=fluid)[Level.T8]
    assert found.grade == "2"
    assert found.notes == ()


def test_the_whole_way_to_the_measure():
    vertebrae, _ = column()
    labels = CASES["2"].labels((0.7, 0.7, 1.5))
    found = measure_canals(vertebrae, cord=labels.cord, sac=labels.sac, epidural=labels.epidural)
    assert found[Level.T8].escc_grade == "2"
    assert found[Level.T8].lesion_encroachment == pytest.approx(found[Level.T8].compression.canal_share, abs=0.03)
    assert found[Level.T9].lesion_encroachment == 0.0
    assert found[Level.T7].sac_area_mm2 == pytest.approx(np.pi * SAC[0] * SAC[1], rel=0.03)
    quantities = {norm.quantity: norm for norm in found[Level.T8].norms}
    assert all(("bony" in name) == (norm.source != "pam50_metrics") for name, norm in quantities.items())
    assert {norm.source for norm in quantities.values()} <= set(bibliography())
