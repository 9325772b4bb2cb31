"""The tables against counts made by hand, and the interval against published values."""

from __future__ import annotations

from typing import Any

import pytest

from spondyl.validation import tables


def lesion(diameter_mm: float, found: dict[str, Any] | None, **more: Any) -> dict[str, Any]:
    return {
        "level": "T8",
        "type": "lytic",
        "place": "centre",
        "diameter_mm": diameter_mm,
        "volume_mm3": 1000.0,
        "noise_hu": 15.0,
        "assessed": True,
        "found": found,
        **more,
    }


def find(kind: str = "lytic", volume_mm3: float = 1000.0) -> dict[str, Any]:
    return {"type": kind, "volume_mm3": volume_mm3}


def record(*lesions: dict[str, Any], false: int = 0) -> dict[str, Any]:
    return {"kind": "phantom", "lesions": list(lesions), "false": [{}] * false, "levels": {}}


def test_wilsons_interval_is_the_published_one() -> None:
    """81 of 263 gives 0.2553 to 0.3662, and 0 of 20 gives 0 to 0.1611 (Newcombe 1998, table I, method 3)."""
    assert tables.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert tables.wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_only_large_lesions_of_assessed_levels_count() -> None:
    lines = {
        line.name: line
        for line in tables.lesion_lines(
            [
                record(lesion(12, find(volume_mm3=1100.0)), lesion(9, None), lesion(20, None, assessed=False), false=3),
                record(lesion(15, None), lesion(15, find("blastic", 700.0))),
            ]
        )
    }
    assert lines["found, of 10 mm and more"].value == pytest.approx(2 / 3)
    assert lines["found, of 10 mm and more"].count == 3
    assert lines["false findings a scan"].value == 1.5
    assert lines["false findings a scan"].met is False
    assert lines["type right, of those found"].value == 0.5
    assert lines["volume error, median"].value == pytest.approx(0.2)


def test_groups_are_in_the_order_of_their_sizes() -> None:
    lines = tables.lesions_by([record(lesion(25, find()), lesion(9, None), lesion(11, find()))], tables.size_group)
    assert [(line.name, line.value) for line in lines] == [
        ("8 to 10 mm", 0.0),
        ("10 to 12 mm", 1.0),
        ("20 mm and more", 1.0),
    ]


@pytest.mark.parametrize(
    ("total_min", "total_max", "right"), [(7, 9, True), (6, 9, False), (10, 13, False), (4, 5, False)]
)
def test_a_band_is_right_when_the_whole_range_lies_in_it(total_min: int, total_max: int, right: bool) -> None:
    """Truth: 6 points from the image and 1 for pain make 7, indeterminate."""
    level = {
        "pain": "other",
        "truth": {"sins": {"items": dict.fromkeys(ITEMS, "x"), "total_without_pain": 6}},
        "alone": {
            "sins": {
                "applies": True,
                "items": {name: {"answer": "x"} for name in ITEMS},
                "total_min": total_min,
                "total_max": total_max,
            }
        },
    }
    lines = {line.name: line.value for line in tables.sins_lines([{**record(), "levels": {"T8": level}}], "alone")}
    assert lines["band of the total right"] == (1.0 if right else 0.0)
    assert lines["collapse right"] == 1.0
    assert lines["total within the range told"] == (1.0 if total_min <= 7 <= total_max else 0.0)


@pytest.mark.parametrize(
    ("applies", "answer", "total_max", "how"),
    [
        (True, "x", 7, "right"),
        (True, "y", 7, "wrong"),
        (True, "unknown: one of x, y", 9, "open"),
        (True, "unknown: one of y, xx", 9, "wrong"),
        (False, "x", 7, None),
    ],
)
def test_what_is_not_right_is_told_as_open_wrong_or_not_scored(
    applies: bool, answer: str, total_max: int, how: str | None
) -> None:
    """Truth: x at each item and 7 points."""
    found = {"applies": applies, "items": {name: {"answer": answer} for name in ITEMS}}
    level = {
        "pain": "other",
        "truth": {"sins": {"items": dict.fromkeys(ITEMS, "x"), "total_without_pain": 6}},
        "labelled": {"sins": {**found, "total_min": 7, "total_max": total_max}},
    }
    lines = {line.name: line.value for line in tables.sins_lines([{**record(), "levels": {"T8": level}}], "labelled")}
    said = ("alignment right", "alignment left open, the truth being possible", "alignment wrong")
    words = ("right", "open", "wrong")
    assert [lines[name] for name in said] == [float(how == word) for word in words]
    assert lines["no lesion found, so not scored"] == float(not applies)


ITEMS = ("location", "lesion", "alignment", "collapse", "posterolateral")


@pytest.mark.parametrize(("kind", "count"), [("phantom", 1), ("compressed", 1), ("scan", 0)])
def test_canals_of_phantoms_count_those_with_tumour_at_most_levels_too(kind: str, count: int) -> None:
    found = {"canal": {"pedicle_area_mm2": 206.0, "escc": "1b", "escc_possible": ["1b", "1c"]}}
    level = {"truth": {"canal": {"area_mm2": 200.0, "escc": "1c"}}, "alone": found, "labelled": found}
    lines = {line.name: line for line in tables.canal_lines([{**record(), "kind": kind, "levels": {"T8": level}}])}
    assert [lines[name].count for name in ("area within 5 %", "ESCC grade right")] == [count, count]
    if count:
        assert lines["area within 5 %"].value == 1
        assert lines["ESCC grade right"].value == 0
        assert lines["true ESCC grade among those possible"].value == 1
