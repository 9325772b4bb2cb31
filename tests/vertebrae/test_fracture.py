"""Fracture as a finding: shapes and grades by construction, look-alikes, signs and verdict."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from spondyl.anatomy.levels import Level
from spondyl.core.citations import cite
from spondyl.core.volume import Volume
from spondyl.values.fracture import FractureFacts, PlaceLoss
from spondyl.values.vertebra import BodyForm, Endplate, EndplatePit, Frame, Geometry, Vertebra
from spondyl.vertebrae.expected import TYPICAL_HEIGHT_MM, expected_height
from spondyl.vertebrae.fracture import CONVEX_MM, fracture_of, grade_of
from spondyl.vertebrae.shape import BodyShape

FLAT = Endplate(hollow_mm=1.0, beside_midline_mm=0.0)
CLEAR = FractureFacts(**dict.fromkeys((field.name for field in fields(FractureFacts)), False))


def vertebra(
    front: float, middle: float, back: float, *, level: Level = Level.L1, half: float = 0.0, wedge: float = 0.0, **form
) -> Vertebra:
    """A vertebra that lost these shares of 24 mm, each known to within `half`."""
    losses = tuple(
        PlaceLoss(place, 24 * (1 - loss), 24.0, loss, (max(0.0, loss - half), loss + half))
        for place, loss in zip(("front", "middle", "back"), (front, middle, back), strict=True)
    )
    empty = Volume(np.zeros((1, 1, 1), np.uint8), np.eye(4), "label")
    geometry = replace(Geometry(*[None] * 13), wedge_deg=wedge)
    whole = {"upper": FLAT, "lower": FLAT, "wall_convexity_mm": -0.5, **form}
    return Vertebra(level, Frame(np.zeros(3), np.eye(3)), empty, geometry, "shape", form=BodyForm(losses, **whole))


@pytest.mark.parametrize(
    ("loss", "grade"),
    [(0.0, 0), (0.199, 0), (0.2, 1), (0.249, 1), (0.251, 2), (0.399, 2), (0.401, 3), (0.9, 3)],
)
def test_grades_on_both_sides_of_each_of_genants_bounds(loss, grade):
    assert grade_of(loss) == grade
    found = fracture_of(vertebra(loss, loss / 2, 0.0))
    assert found.best_grade == grade
    assert found.grade == (grade, grade)


@pytest.mark.parametrize(
    ("losses", "shape"),
    [
        ((0.4, 0.2, 0.0), "wedge"),
        ((0.3, 0.29, 0.15), "wedge"),
        ((0.0, 0.3, 0.0), "biconcave"),
        ((0.2, 0.3, 0.1), "biconcave"),
        ((0.3, 0.3, 0.3), "crush"),
        ((0.3, 0.35, 0.26), "crush"),
        ((0.1, 0.1, 0.4), "crush"),
    ],
)
def test_shapes(losses, shape):
    found = fracture_of(vertebra(*losses))
    assert found.shape == shape
    assert found.worst.loss == max(losses)


def test_an_interval_across_a_bound_gives_a_range_and_without_losses_there_is_none():
    assert fracture_of(vertebra(0.38, 0.1, 0.0, half=0.05)).grade == (2, 3)
    assert fracture_of(vertebra(0.18, 0.1, 0.0, half=0.05)).grade == (0, 1)
    assert fracture_of(vertebra(0.18, 0.1, 0.0, half=0.05)).verdict is None
    intact = fracture_of(vertebra(0.02, 0.0, 0.0, half=0.05))
    assert (intact.grade, intact.shape, intact.verdict) == ((0, 0), None, None)
    unknown = vertebra(0, 0, 0)
    assert fracture_of(replace(unknown, form=BodyForm())) is None


def names(found) -> set[str]:
    return {entry.name for entry in found.look_alikes}


def test_a_physiological_wedge_is_no_fracture():
    """T12 and L1 are wedged in everyone: heights in the neighbours' measure, front 8 % lower all along the row."""
    row = {
        level: BodyShape(0.92 * h, 0.95 * h, h, 40.0, 30.0, 4.5, 0.0, h)
        for level in (Level.T10, Level.T11, Level.T12, Level.L1, Level.L2)
        for h in [TYPICAL_HEIGHT_MM[level]]
    }
    expected = expected_height(Level.T12, row)
    assert [entry.loss for entry in expected.losses] == pytest.approx([0, 0, 0], abs=1e-9)
    wedged = vertebra(0.05, 0, 0, level=Level.T12, wedge=5, neighbours_wedge_deg=(4.5, 4.5))
    found = fracture_of(wedged)
    assert found.best_grade == 0
    assert names(found) == {"physiological wedge"}
    assert not names(fracture_of(vertebra(0.3, 0.1, 0, wedge=12, neighbours_wedge_deg=(1.0, 1.0))))


@pytest.mark.parametrize(("count", "wedge", "seen"), [(3, 5.5, True), (2, 5.5, False), (3, 4.5, False)])
def test_scheuermann_needs_three_in_a_row_of_five_degrees(count, wedge, seen):
    levels = [Level.T7, Level.T8, Level.T9, Level.T10]
    row = {
        level: vertebra(0.22, 0.1, 0, level=level, wedge=wedge if n < count else 1.0) for n, level in enumerate(levels)
    }
    found = fracture_of(row[Level.T8], row=row)
    assert ("Scheuermann" in names(found)) is seen
    # A gap in the row breaks it.
    gap = {level: entry for level, entry in row.items() if level is not Level.T8}
    assert "Scheuermann" not in names(fracture_of(row[Level.T7], row=gap))


def test_cupids_bow_short_height_and_schmorl_are_known_by_name():
    bowed = Endplate(2.0, 2.0)
    assert names(fracture_of(vertebra(0, 0.1, 0, level=Level.L4, lower=bowed))) == {"cupid's bow"}
    assert not names(fracture_of(vertebra(0, 0.1, 0, level=Level.T8, lower=bowed)))
    assert not names(fracture_of(vertebra(0, 0.1, 0, level=Level.L4, upper=bowed)))
    short = fracture_of(vertebra(0.22, 0.22, 0.22))
    assert names(short) == {"short vertebral height"}
    assert (short.best_grade, short.grade) == (1, (0, 1))
    for no_short in (
        vertebra(0.3, 0.3, 0.3),
        vertebra(0.22, 0.24, 0.2, upper=Endplate(4.0, 0.0)),
        vertebra(0.22, 0.22, 0.22, wall_convexity_mm=2.0),
    ):
        assert not names(fracture_of(no_short))
    pitted = Endplate(1.0, 0.0, (EndplatePit(4.0, 50.0, 0.08, (0.0, 0.0, 0.0)),))
    assert names(fracture_of(vertebra(0, 0, 0, upper=pitted))) == {"Schmorl's node"}


@pytest.mark.parametrize(
    ("facts", "convexity", "verdict"),
    [
        (CLEAR, -0.5, "cannot tell"),
        (FractureFacts(), -0.5, "cannot tell"),
        (replace(CLEAR, pedicle_involved=True), -0.5, "suspicious"),
        (replace(CLEAR, bone_destroyed=True), -0.5, "suspicious"),
        (replace(CLEAR, epidural_mass=True), None, "suspicious"),
        (FractureFacts(paravertebral_mass=True), None, "suspicious"),
        (CLEAR, CONVEX_MM + 0.1, "cannot tell"),
        (replace(CLEAR, other_metastases=True), CONVEX_MM + 0.1, "suspicious"),
        (replace(CLEAR, other_metastases=True), CONVEX_MM - 0.1, "cannot tell"),
        (replace(CLEAR, cleft=True), -0.5, "benign"),
        (replace(CLEAR, retropulsed_fragment=True), -0.5, "benign"),
        (replace(CLEAR, cleft=True, pedicle_involved=True), -0.5, "cannot tell"),
        (replace(CLEAR, cleft=True, epidural_mass=None), -0.5, "cannot tell"),
    ],
)
def test_the_verdict_weighs_signs_and_may_say_it_cannot_tell(facts, convexity, verdict):
    found = fracture_of(vertebra(0.35, 0.2, 0, wall_convexity_mm=convexity), facts)
    assert found.verdict == verdict
    assert found.verdict_reason


def test_an_answer_that_is_missing_is_never_called_not_seen_and_all_keys_are_known():
    found = fracture_of(vertebra(0.3, 0.1, 0, wall_convexity_mm=None), FractureFacts())
    assert {sign.state for sign in found.signs} == {"not assessable"}
    assert len(found.signs) == 8
    assert cite(found.citations)
