"""A made scan through the pipeline and the report: the file keeps its schema, and nothing says whose scan it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import jsonschema
import pytest
from page import Page

from spondyl.phantoms.phantom import make
from spondyl.phantoms.spec import parse_spec
from spondyl.phantoms.write import write_phantom
from spondyl.pipeline.assess import assess
from spondyl.pipeline.request import Request
from spondyl.report.schema import json_schema
from spondyl.report.write import write_report

NAME = "Mustermann-1957"
SPEC = {
    "seed": 11,
    "scan": {"first": "T7", "last": "T11"},
    "scanner": {"voxel_mm": 1.2, "slice_spacing_mm": 1.5, "slice_thickness_mm": 1.5},
    "lesions": [{"level": "T8", "kind": "lytic", "diameter_mm": 18, "place": "posterior", "canal_growth_mm": 6}],
    "fractures": [{"level": "T10", "shape": "wedge", "loss": 0.35}],
}
ROLES = {
    "ct": "ct",
    "vertebrae": "vertebrae",
    "lesions": "lesions",
    "cord": "cord",
    "sac": "sac",
    "epidural": "epidural",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom's files under a patient's name, assessed and reported."""
    root = tmp_path_factory.mktemp("real")
    made, named = root / "made", root / NAME
    made.mkdir()
    named.mkdir()
    write_phantom(make(parse_spec(SPEC)), made)
    files = {role: named / f"{NAME}-{role}.nii.gz" for role in ROLES}
    for role, path in files.items():
        shutil.copy(made / f"{role}.nii.gz", path)
    report = root / "report"
    report.mkdir()
    write_report(assess(Request(**files, strength=False, workers=1)), report)
    return report


def test_a_whole_assessment_keeps_the_schema(out: Path) -> None:
    written = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(json_schema()).validate(written)
    levels = {entry["level"]: entry for entry in written["vertebrae"]}
    assert levels["T8"]["canal"]["compression"]["epidural_area_mm2"] > 10
    assert levels["T8"]["lesions"][0]["canal_mm3"] > 0
    assert levels["T10"]["fracture"]["shape"] == "wedge"
    assert levels["T10"]["fracture"]["best_grade"] == 2  # 35 % was taken away
    assert set(written["inputs"]) == set(ROLES)


def test_nothing_written_names_a_file_or_a_patient(out: Path) -> None:
    for path in out.rglob("*"):
        assert NAME not in path.name
        if path.suffix in (".json", ".html"):
            text = path.read_text(encoding="utf-8")
            assert NAME.lower() not in text.lower()
            assert "mustermann" not in text.lower()
            assert str(out.parent) not in text


def test_its_page_shows_what_was_made(out: Path) -> None:
    page = Page((out / "report.html").read_text(encoding="utf-8"))
    assert "counts as a fracture in T10 (grade" in page.text
    assert "Tumour in the canal, graded by ESCC from the given labels: T8 grade" in page.text
    assert "Signs of the fracture’s cause" in page.text
    assert "The canal along the spine" in page.text
    assert "None" not in page.text.replace("None found", "").replace("None has", "")
