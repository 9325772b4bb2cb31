"""Every section is there when there is something to show, and says why when there is not."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from page import Page
from rich_case import WORST_MM, broken, rich_case
from synthetic_case import synthetic_case

from spondyl.anatomy.levels import Level
from spondyl.report import canal_curves, canal_words, fracture_words, overview, tissue_chart
from spondyl.report.canal_parts import Norm, canal_part
from spondyl.report.figures import LABELS, WORST, cuts_of, labels_of, vertebra_pictures
from spondyl.report.fracture_parts import fracture_part
from spondyl.report.schema import Assessment, from_case
from spondyl.report.write import write_report
from spondyl.values.case import CaseResult
from spondyl.values.fracture import Verdict


@pytest.fixture(scope="module")
def case() -> CaseResult:
    return rich_case()


@pytest.fixture(scope="module")
def known(case: CaseResult) -> Assessment:
    return from_case(case)


@pytest.fixture(scope="module")
def raw(case: CaseResult, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = tmp_path_factory.mktemp("rich")
    write_report(case, out)
    return (out / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(raw: str) -> Page:
    return Page(raw)


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Page:
    out = tmp_path_factory.mktemp("poor")
    write_report(synthetic_case(), out)
    return Page((out / "report.html").read_text(encoding="utf-8"))


def level(assessment: Assessment, name: str):
    return next(v for v in assessment.vertebrae if v.level == name)


def test_a_fracture_is_shown_with_grade_shape_look_alike_and_signs(page: Page) -> None:
    assert "Genant grade 2 (moderate); the interval allows 1 or 2." in page.text
    assert "Wedge: the front lost most." in page.text
    assert "Schmorl’s node (stays possible): a narrow dent of 2.0 mm" in page.text
    assert "31 % (25 to 37)" in page.text
    for said in ("Convex posterior border", "not assessable", "not seen"):
        assert said in page.text
    assert "So much height is lost that it counts as a fracture in L3 (grade 1 or 2 wedge" in page.text


def test_where_no_fracture_can_be_judged_it_says_so(poor: Page) -> None:
    assert "A fracture can’t be judged where the height to expect is not known." in poor.text
    assert "Genant grade" not in poor.text


@pytest.mark.parametrize("verdict", ["benign", "suspicious", "cannot tell"])
def test_a_verdict_is_never_worded_as_a_diagnosis(verdict: Verdict) -> None:
    found = fracture_part(replace(broken(Level.L3), verdict=verdict, verdict_reason="two signs"))
    said = fracture_words.verdict(found)
    assert "two signs" in said
    assert not re.search(r"\b(malignant|benign|diagnos|metasta|is tumour|is a )", said)


def test_norms_name_their_source_and_whether_it_was_checked(page: Page, known: Assessment) -> None:
    number = 1 + [citation.key for citation in known.citations].index("kjs2012canal")
    assert f"[ source {number} , not checked]" in page.text
    assert "#ref-kjs2012canal" in page.links
    assert "ref-kjs2012canal" in page.ids
    assert "17.3 ± 1.1 mm" in page.text.replace("\u00a0", " ")
    assert "no SD given" in page.text


def test_left_and_right_foramina_are_not_exchanged(known: Assessment) -> None:
    canal = level(known, "L2").canal
    left, right = canal_words.sides(canal)
    assert (left.side, right.side) == ("left", "right")
    rows = {label: (left, right) for label, left, right in canal_words.rows_of_foramina(canal)}
    assert rows["Area"][0].startswith("111")
    assert "the facet is cut off" in rows["Area"][1]


def test_compression_is_shown_with_what_else_fits(page: Page, known: Assessment) -> None:
    assert "deformation of the thecal sac with abutment of the cord" in page.text
    assert page.text.count("Within a voxel 1c and 2 are possible.") == 1
    assert "L2 grade 1c (or 2), tumour at the cord" in page.text
    shown = dict(canal_words.rows_of_compression(level(known, "L2").canal.compression))
    assert shown["Sac’s area lost"] == "31\u00a0%"
    assert shown["Tumour to cord"] == "0.4\u00a0mm"


def test_without_labels_compression_says_what_is_needed(poor: Page) -> None:
    assert "that needs MRI, or labels of cord, sac and tumour" in poor.text
    assert "No ESCC grade at any level: bone alone on CT: MRI is needed" in poor.text


def test_what_a_lesion_destroyed_is_told_and_what_was_not_looked_for_too(page: Page) -> None:
    assert "breached: 2.1 % of the vertebra’s surface" in page.text.replace("\u00a0", " ")
    assert "left side" in page.text
    assert "no ribs at this level" in page.text
    assert "not measured: soft tissue beside the bone was not looked for" in page.text


def test_the_calibration_shows_its_tissues_and_contrast_medium(page: Page, poor: Page) -> None:
    assert "Contrast medium: yes." in page.text
    assert "Air: not found: no air is in the scan" in page.text
    assert "effective energy 70" in page.text
    assert "Contrast medium:" not in poor.text  # it was not looked for: the scan's header stands under Methods


def test_the_table_has_the_columns_that_say_something(page: Page, poor: Page, known: Assessment) -> None:
    assert overview.columns(known.vertebrae) == ["fracture", "escc", "load"]
    assert "Fracture (Genant)" in page.text
    assert overview.columns(from_case(synthetic_case()).vertebrae) == ["load"]
    assert "Fracture (Genant)" not in poor.text


def test_nothing_unknown_becomes_a_word_of_the_language(page: Page) -> None:
    assert not re.search(r"\b(None|nan|inf|True|False)\b", page.text.replace("None found", "").replace("None has", ""))


def test_every_link_of_the_full_page_leads_somewhere_and_every_drawing_has_words(page: Page, raw: str) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert all(link[1:] in page.ids for link in page.links)
    drawings = re.findall(r"<svg[^>]*>", raw)
    assert all('aria-label="' in tag or 'aria-hidden="true"' in tag for tag in drawings)
    assert all(len(words) > 20 for words in re.findall(r'<svg class="chart"[^>]*aria-label="([^"]*)"', raw))


def test_the_canals_curve_is_broken_where_the_ring_is_open_and_lies_to_scale(known: Assessment) -> None:
    canal = level(known, "L2").canal
    drawn = str(canal_curves.level_svg(canal))
    stretches = re.findall(r'<polyline class="([^"]*)" points="([^"]*)"', drawn)
    assert [kind for kind, _ in stretches] == ["curve open", "curve", "curve open"]
    points = {tuple(map(float, pair.split(","))) for _, run in stretches for pair in run.split()}
    assert len(points) == 6
    expected = float(re.search(r'class="level"[^>]*y1="([\d.]+)"', drawn).group(1))
    axis = float(re.search(r'class="axis"[^>]*y1="([\d.]+)"', drawn).group(1))
    heights = [axis - y for _, y in sorted(points)]
    areas = [291.0, 262.3, 255.1, 249.8, 258.0, 287.0]
    assert np.allclose(np.array(heights) / areas, (axis - expected) / 258.0, rtol=0.005)


def test_the_canal_along_the_spine_runs_from_the_head_down(known: Assessment) -> None:
    drawn = str(canal_curves.spine_svg([v for v in known.vertebrae if v.status == "assessed"]))
    places = {name: float(x) for x, name in re.findall(r'<text x="([\d.]+)"[^>]*>(L\d)</text>', drawn)}
    assert places["L1"] < places["L2"] < places["L3"]
    # the frames' own distances, in the same scale
    origins = [np.array(v.frame.origin_lps_mm) for v in known.vertebrae if v.frame]
    steps = [np.linalg.norm(b - a) for a, b in itertools.pairwise(origins)]
    assert (places["L2"] - places["L1"]) / (places["L3"] - places["L2"]) == pytest.approx(steps[0] / steps[1], rel=0.01)
    assert canal_curves.spine_svg([]) == ""


@pytest.mark.parametrize(("measured", "place"), [(14.0, 50.0), (16.0, 66.0), (30.0, 98.0), (1.0, 2.0)])
def test_a_norms_bar_has_its_dot_at_the_deviation(measured: float, place: float) -> None:
    fields = {"quantity": "depth", "unit": "mm", "measured": measured, "mean": 14.0, "source": "a", "verified": False}
    norm = Norm(**fields, sd=2.0, deviations=(measured - 14) / 2)
    assert float(re.search(r'cx="([\d.]+)"', str(canal_curves.norm_bar(norm))).group(1)) == pytest.approx(place)
    assert canal_curves.norm_bar(Norm(**fields, sd=None, deviations=None)) == ""


def test_tissues_lie_on_the_line_and_those_left_out_are_hollow(known: Assessment) -> None:
    drawn = str(tissue_chart.tissue_svg(known.calibration, [150.0]))
    dots = re.findall(r'<circle class="(dot[^"]*)" cx="([\d.]+)" cy="([\d.]+)"', drawn)
    assert [kind for kind, *_ in dots] == ["dot"] * 4 + ["dot hollow"] * 2
    (x1, y1), (x2, y2), (x3, y3) = [(float(x), float(y)) for _, x, y in dots[::2]]
    assert (x2 - x1) / (x3 - x1) == pytest.approx(160 / 280, rel=0.01)
    assert (y2 - y1) / (x2 - x1) == pytest.approx((y3 - y1) / (x3 - x1), rel=0.02)
    assert y3 < y1  # denser is higher
    assert tissue_chart.tissue_svg(from_case(synthetic_case()).calibration, []) == ""


def test_given_labels_are_outlined_and_the_worst_place_has_its_own_cut(case: CaseResult) -> None:
    result = next(entry for entry in case.vertebrae if entry.level is Level.L2)
    cut = next(cut for cut in cuts_of(result) if cut.name == WORST)
    assert cut.corner[2] == pytest.approx(WORST_MM)
    picture = vertebra_pictures(result, case.scan.volume, labels_of(case))[WORST]
    titles = {outline.title for outline in picture.outlines}
    assert {"thecal sac", "tumour in the canal"} <= titles
    assert titles & set(LABELS) == set(labels_of(case))
    tumour = next(outline for outline in picture.outlines if outline.title == "tumour in the canal")
    sac = next(outline for outline in picture.outlines if outline.title == "thecal sac")
    assert np.concatenate(tumour.rings)[:, 1].mean() < np.concatenate(sac.rings)[:, 1].mean()  # in front is above


def test_a_canal_without_rings_has_no_curve(case: CaseResult) -> None:
    canal = next(entry for entry in case.vertebrae if entry.level is Level.L1).canal
    nowhere = replace(canal, areas_mm2=np.full(6, np.nan), min_area_mm2=None, notes=("Bony canal not measured: open.",))
    part = canal_part(nowhere)
    assert canal_curves.level_svg(part) == ""
    assert (
        "not measured: open" in dict(canal_words.rows_of_bone(part, lesion_here=False))["Smallest area, depth × width"]
    )


def test_the_page_is_the_same_twice(case: CaseResult, raw: str, tmp_path: Path) -> None:
    write_report(case, tmp_path)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == raw
