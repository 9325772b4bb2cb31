"""Names, order and neighbours, transitional spines included."""

from __future__ import annotations

import pytest

from spondyl.anatomy.levels import Level, Region, along_spine, are_adjacent, neighbours
from spondyl.anatomy.subregions import SubRegion


def test_verse_numbering():
    assert [Level(n).name for n in (1, 7, 8, 19, 20, 24, 25, 28)] == ["C1", "C7", "T1", "T12", "L1", "L5", "L6", "T13"]


def test_order_runs_down_the_spine():
    assert along_spine([Level.L1, Level.T13, Level.C1, Level.T12]) == (Level.C1, Level.T12, Level.T13, Level.L1)
    assert along_spine([Level.S1, Level.L6, Level.L5]) == (Level.L5, Level.L6, Level.S1)


@pytest.mark.parametrize(
    ("upper", "lower", "adjacent"),
    [
        ("C7", "T1", True),
        ("T12", "L1", True),
        ("T12", "T13", True),
        ("T13", "L1", True),
        ("T11", "L1", True),  # eleven thoracic
        ("L4", "S1", True),  # four lumbar
        ("L5", "L6", True),
        ("L6", "S1", True),
        ("T11", "T10", False),
        ("L1", "L3", False),
        ("T3", "T3", False),
    ],
)
def test_adjacency(upper: str, lower: str, adjacent: bool):
    assert are_adjacent(Level[upper], Level[lower]) is adjacent


def test_neighbours_skip_nothing():
    assert neighbours(Level.L2, [Level.L1, Level.L2, Level.L4]) == (Level.L1, None)
    assert neighbours(Level.L1, [Level.T12, Level.T13, Level.L1]) == (Level.T13, None)


@pytest.mark.parametrize("name", ["L1", "l1", " L01 ", "vertebrae_L1"])
def test_parse(name: str):
    assert Level.parse(name) is Level.L1


@pytest.mark.parametrize("name", ["", "L9", "K3", "20", "L-1"])
def test_parse_refuses(name: str):
    with pytest.raises(ValueError, match="level"):
        Level.parse(name)


def test_regions():
    assert [Level[n].region for n in ("C3", "T13", "L6", "S1", "CO")] == [
        Region.CERVICAL,
        Region.THORACIC,
        Region.LUMBAR,
        Region.SACRAL,
        Region.COCCYGEAL,
    ]


def test_words():
    assert SubRegion.TRANSVERSE_LEFT.words == "left transverse process"
    assert SubRegion.BODY.words == "vertebral body"
    assert SubRegion.SPINOUS.words == "spinous process"
