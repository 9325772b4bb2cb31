"""A run keeps what it has, goes on where it was, and a case that can't be read stops nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spondyl.core.errors import SpondylError
from spondyl.validation.cases import ScanCase
from spondyl.validation.run import cases_of, run_all
from spondyl.validation.topics import run_topic

LESION = {
    "level": "T8",
    "type": "lytic",
    "place": "centre",
    "diameter_mm": 14.0,
    "volume_mm3": 1000.0,
    "noise_hu": 15.0,
    "assessed": True,
    "found": {"type": "lytic", "volume_mm3": 900.0},
}


def test_what_is_there_is_kept_and_an_unreadable_case_is_told(tmp_path: Path) -> None:
    missing = tmp_path / "no.nii.gz"
    cases = [ScanCase("scan1", missing, missing, 7, number, 2) for number in range(2)]
    kept = tmp_path / "out" / "parts" / f"{cases[0].name}.json"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps({"case": "kept"}), encoding="utf-8")
    first, second = run_all(cases, tmp_path / "out", workers=1)
    assert first == {"case": "kept"}
    assert "the CT is not there" in second["failed"]
    assert str(tmp_path) not in json.dumps(second)


def test_cases_are_phantoms_then_each_scan_as_it_is_and_with_lesions() -> None:
    cases = cases_of(phantoms=3, seed=1000, scans=[(Path("a"), Path("b"))], implant_runs=2)
    assert [case.name for case in cases] == [
        "phantom-1000-0000",
        "phantom-1000-0001",
        "phantom-1000-0002",
        "scan1-1000-0000",
        "scan1-1000-0001",
        "scan1-1000-0002",
    ]


def record(number: int, *, found: bool) -> dict[str, object]:
    return {
        "case": f"phantom-5-{number:04d}",
        "kind": "phantom",
        "seconds": 1.0,
        "assess_s": 1.0,
        "peak_mb": 100.0,
        "lesions": [LESION | ({} if found else {"found": None})],
        "false": [],
        "levels": {},
    }


def test_tables_and_picture_come_from_the_records(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in range(4):
        text = json.dumps(record(number, found=number > 0))
        (parts / f"phantom-5-{number:04d}.json").write_text(text, encoding="utf-8")
    page = run_topic("lesions", tmp_path, phantoms=4, seed=5, workers=1).read_text(encoding="utf-8")
    assert "| found, of 10 mm and more | 0.750 (0.301–0.954) | 4 | ≥ 0.9 | **missed** |" in page
    assert (tmp_path / "lesions.png").stat().st_size > 5000
    told = json.loads((tmp_path / "lesions.json").read_text(encoding="utf-8"))
    assert told["tables"]["Phantoms"][0]["met"] is False


def test_nothing_assessed_is_an_error(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "phantom-5-0000.json").write_text('{"case": "x", "failed": "no"}', encoding="utf-8")
    with pytest.raises(SpondylError, match="no case could be assessed"):
        run_topic("sins", tmp_path, phantoms=1, seed=5, workers=1)
