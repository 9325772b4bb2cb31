"""strength.json and strength.html: what a study looks like on disk."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from synthetic_case import synthetic_case

from spondyl.report.curves import curve_svg, spreads_svg, tasks_svg
from spondyl.report.strength_page import OUTPUTS, StrengthStudy, json_schema, write_strength
from spondyl.report.strength_parts import strength_estimate, task_ratios
from spondyl.values.case import StrengthCase, StrengthEntry
from spondyl.values.load import Ratio, TaskLoad
from spondyl.values.strength import LoadCase, Spread, Strength

ROOT = Path(__file__).resolve().parents[2]
NASTY = "<script>alert('&')</script>"


def in_torsion(strength: Strength) -> Strength:
    return replace(
        strength,
        load_case=LoadCase.TORSION,
        failure_load_n=None,
        failure_load_interval_n=None,
        failure_moment_nmm=11_500.0,
        failure_moment_interval_nmm=(4_100.0, 25_900.0),
        stiffness_n_per_mm=None,
        torsional_stiffness_nmm_per_rad=969_000.0,
        curve=replace(strength.curve, load=tuple(2.7 * load for load in strength.curve.load)),
        criteria=replace(strength.criteria, linear=None),
    )


def study(**changed: str) -> StrengthCase:
    case = synthetic_case()
    entries = []
    for result in case.vertebrae:
        if result.strength is None:
            entries.append(StrengthEntry(result.level.name, result.level, (), (), "cut by the scan's edge"))
            continue
        axial = replace(result.strength, **changed)  # type: ignore[arg-type]
        side = replace(axial, load_case=LoadCase.SIDE_LEFT)
        strengths = (axial, side, in_torsion(axial))
        entries.append(StrengthEntry(result.level.name, result.level, result.lesions, strengths, "", result.loads))
    return StrengthCase(tuple(entries), case.calibration, case.inputs, case.provenance, {"strength": 1.0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("study")
    write_strength(study(), out)
    return out


def charts(page: str) -> list[ET.Element]:
    return [ET.fromstring(text) for text in re.findall(r'<svg class="chart".*?</svg>', page, re.DOTALL)]


def test_the_file_keeps_its_schema_and_reads_back(folder: Path) -> None:
    text = (folder / "strength.json").read_text(encoding="utf-8")
    jsonschema.Draft202012Validator(json_schema()).validate(json.loads(text))
    assert StrengthStudy.model_validate_json(text).to_json() == text


def test_every_key_is_explained_in_the_documentation() -> None:
    text = (ROOT / "docs" / "reference" / "strength.md").read_text(encoding="utf-8")
    schema = json_schema()
    keys = {key for part in (schema, *schema["$defs"].values()) for key in part["properties"]}
    assert not {key for key in keys if f"`{key}`" not in text}


def test_the_folder_holds_what_is_promised_and_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    assert {path.name for path in folder.iterdir()} == OUTPUTS
    write_strength(study(), tmp_path)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    for path in files:
        assert (folder / path).read_bytes() == (tmp_path / path).read_bytes(), path


def test_every_cited_key_is_listed(folder: Path) -> None:
    file = json.loads((folder / "strength.json").read_text(encoding="utf-8"))
    listed = {entry["key"] for entry in file["citations"]}
    used = {key for level in file["levels"] for found in level["strengths"] for key in found["citations"]}
    assert used | set(file["calibration"]["citations"]) <= listed


def test_the_page_loads_nothing_and_holds_no_path(folder: Path) -> None:
    page = (folder / "strength.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!#)', page.replace('href="data:', ""))
    assert "<script" not in page
    assert str(folder) not in page
    assert str(Path.home()) not in page
    assert "NaN" not in page
    assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_torsion_is_told_in_newton_metres(folder: Path) -> None:
    page = (folder / "strength.html").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "11.5 N m (4.1 to 25.9 N m)" in page
    assert "969 N m/rad" in page
    assert "N mm" not in page


def test_only_the_calibration_is_said_to_be_95_per_cent(folder: Path) -> None:
    page = (folder / "strength.html").read_text(encoding="utf-8")
    for found in re.finditer("95 %", page):
        assert "alibration" in page[found.start() - 120 : found.end()]


def test_words_of_others_are_escaped() -> None:
    strength = next(result.strength for result in synthetic_case().vertebrae if result.strength)
    estimate = strength_estimate(replace(strength, spreads=(Spread(NASTY, -0.1, 0.2, NASTY),), method=NASTY))
    load = TaskLoad(NASTY, NASTY, 500.0, 400.0, 600.0, "unverified", (), NASTY)
    drawn = [spreads_svg(estimate.spreads), tasks_svg(task_ratios([(load, Ratio(0.4, 0.2, 0.9))])), curve_svg(estimate)]
    for svg in drawn:
        assert "<script" not in svg
        ET.fromstring(svg)


def test_a_page_of_foreign_words_is_escaped(tmp_path: Path) -> None:
    write_strength(study(method=NASTY), tmp_path)
    assert "<script" not in (tmp_path / "strength.html").read_text(encoding="utf-8")


def test_the_drawing_holds_the_whole_interval_and_the_curve(folder: Path) -> None:
    drawn = [
        chart
        for chart in charts((folder / "strength.html").read_text(encoding="utf-8"))
        if chart.find("polyline") is not None
    ]
    assert len(drawn) == 3 * sum(bool(entry.strengths) for entry in study().entries)
    for chart in drawn:
        _, _, wide, high = map(float, chart.get("viewBox", "").split())
        band = chart.find("rect")
        assert band is not None
        top, tall = float(band.get("y", "-1")), float(band.get("height", "-1"))
        assert top > 0
        assert tall > 0
        points = [tuple(map(float, pair.split(","))) for pair in chart.find("polyline").get("points").split()]  # type: ignore[union-attr]
        assert all(0 <= x <= wide and 0 <= y <= high for x, y in points)
        # the failure line crosses the band: both are drawn on one scale
        line = next(line for line in chart.iter("line") if line.get("class") == "level")
        assert top < float(line.get("y1", "0")) < top + tall


def test_a_ratio_past_the_end_of_the_drawing_is_still_told() -> None:
    load = TaskLoad("lift", "lifting", 5000.0, 4000.0, 9000.0, "unverified", (), "reckoned")
    svg = tasks_svg(task_ratios([(load, Ratio(2.5, 1.1, 9.3))]))
    assert "2.50 (1.1 to 9.3)" in svg
    svg = tasks_svg(task_ratios([(load, Ratio(6.0, 5.0, 9.3))]))
    assert "6.00 (5 to 9.3)" in svg
    assert "<circle" not in svg  # a dot at the edge would say another number
