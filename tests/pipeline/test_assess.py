"""The demo case through the command a user types, and what its files then say."""

from __future__ import annotations

import html.parser
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from data import UTF8, demo_case, tptbox_case

SPONDYL = Path(sys.executable).with_name("spondyl")
WHOLE = ["T1", "T2", "T3", "T4", "T5", "T6", "T7", "T8", "T9", "T10", "T11", "T12", "L1", "L2"]
CUT = ["C5", "C6", "C7", "L3"]


def spondyl(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SPONDYL, *map(str, arguments)],
        capture_output=True,
        encoding="utf-8",
        env=UTF8,
        timeout=600,
        check=False,
        **options,
    )  # type: ignore[call-overload]


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    ct, labels = demo_case()
    out = tmp_path_factory.mktemp("demo") / "report"
    run = spondyl("assess", ct, "--vertebrae", labels, "--out", out)
    assert run.returncode == 0, run.stderr
    return out, run


@pytest.fixture(scope="module")
def assessment(demo) -> dict:
    return json.loads((demo[0] / "assessment.json").read_text(encoding="utf-8"))


def level(assessment: dict, name: str) -> dict:
    return next(entry for entry in assessment["vertebrae"] if entry["level"] == name)


def test_whole_vertebrae_are_assessed_and_cut_ones_are_not(assessment):
    status = {entry["level"]: entry["status"] for entry in assessment["vertebrae"]}
    assert [name for name, word in status.items() if word == "assessed"] == WHOLE
    assert sorted(name for name, word in status.items() if word == "not_assessed") == CUT
    for name in CUT:
        assert any("cut off" in reason for reason in level(assessment, name)["reasons"]), name


def test_the_report_says_what_the_cut_arch_means_for_l2(assessment):
    entry = level(assessment, "L2")
    warning = next(text for text in entry["warnings"] if "arch" in text)
    assert "posterolateral" in warning
    item = next(item for item in entry["sins"]["items"] if item["name"] == "posterolateral")
    assert item["points_max"] > item["points_min"]
    assert entry["strength"]["failure_load_n"] > 0  # the body is whole


def test_the_file_keeps_its_published_schema(assessment):
    schema = json.loads(spondyl("schema", "assessment").stdout)
    jsonschema.validate(assessment, schema)
    assert set(assessment) >= {
        "schema_version",
        "inputs",
        "quality",
        "vertebrae",
        "urgency",
        "classification",
        "citations",
        "provenance",
    }
    entry = level(assessment, "T8")
    assert set(entry) >= {"level", "status", "reasons", "geometry", "density", "lesions", "canal", "strength", "sins"}
    assert set(entry["strength"]) >= {"stiffness_n_per_mm", "failure_load_n", "failure_load_interval_n", "method"}
    assert set(entry["sins"]) >= {"items", "total_min", "total_max", "category"}


def test_unknown_sins_items_make_a_range_and_never_a_zero(assessment):
    for name in WHOLE:
        sins = level(assessment, name)["sins"]
        pain = next(item for item in sins["items"] if item["name"] == "pain")
        assert (pain["points_min"], pain["points_max"]) == (0, 3)
        assert sins["total_min"] < sins["total_max"]


def test_numbers_are_those_of_a_human_spine(assessment):
    """Wide bounds from published morphometry (Panjabi 1991-92: T1 14 mm to L2 24 mm high; bony canal 150-350 mm2)."""
    for name in WHOLE:
        entry = level(assessment, name)
        tallest = max(entry["geometry"][f"{place}_height_mm"] for place in ("anterior", "middle", "posterior"))
        assert 12 < tallest < 31, name
        assert 110 < entry["canal"]["min_area_mm2"] < 350, name
        assert 30 < entry["density"]["trabecular_mg_cc"] < 250, name
        assert 300 < entry["strength"]["failure_load_n"] < 10_000, name


def test_heights_grow_down_the_spine(assessment):
    middle = [level(assessment, name)["geometry"]["middle_height_mm"] for name in WHOLE]
    assert np.corrcoef(np.arange(len(middle)), middle)[0, 1] > 0.9


def test_masks_lie_where_the_given_mask_lies(demo):
    _, labels = demo_case()
    given, written = sitk.ReadImage(str(labels)), sitk.ReadImage(str(demo[0] / "masks" / "vertebrae.nii.gz"))
    on_given = sitk.GetArrayFromImage(sitk.Resample(written, given, sitk.Transform(), sitk.sitkNearestNeighbor))
    theirs = sitk.GetArrayFromImage(given)
    # TotalSegmentator's T8 is 36 and L1 31; ours are VerSe's 15 and 20.
    for totalsegmentator, verse in ((36, 15), (31, 20)):
        np.testing.assert_array_equal(theirs == totalsegmentator, on_given == verse)


class Links(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outside: list[str] = []

    def handle_starttag(self, tag, attrs) -> None:
        for name, value in attrs:
            if name in ("src", "href") and tag != "a" and value and not value.startswith(("data:", "#")):
                self.outside.append(f"{tag} {value}")


def test_the_page_is_one_file_that_names_every_level(demo):
    page = (demo[0] / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert links.outside == []
    for name in WHOLE + CUT:
        assert f">{name}<" in page, name
    assert "not a medical device" in page


def test_nothing_of_paths_or_times_is_written(demo):
    ct, _ = demo_case()
    for file in ("assessment.json", "report.html"):
        text = (demo[0] / file).read_text(encoding="utf-8")
        assert str(ct.parent) not in text
        assert ct.name not in text
        assert str(demo[0]) not in text


def test_plain_lines_where_nobody_watches(demo):
    _, run = demo
    assert "measuring: 14 of 14" in run.stderr
    assert "\x1b" not in run.stderr + run.stdout
    assert "report.html" in run.stdout
    assert "not a medical device" in run.stdout


def test_same_input_same_bytes_whatever_the_number_of_workers(tmp_path):
    ct, labels, _ = tptbox_case()
    outs = [tmp_path / name for name in ("one", "two")]
    for workers, out in enumerate(outs, 1):
        assert spondyl("assess", ct, "--vertebrae", labels, "--workers", workers, "--out", out).returncode == 0
    files = sorted(path.relative_to(outs[0]) for path in outs[0].rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(outs[1]) for path in outs[1].rglob("*") if path.is_file())
    for file in files:
        assert (outs[0] / file).read_bytes() == (outs[1] / file).read_bytes(), file


def test_given_parts_lesions_cord_and_history_are_used(tmp_path):
    ct, labels, parts = tptbox_case()
    mask = sitk.ReadImage(str(labels))
    array = sitk.GetArrayFromImage(mask)
    body = (sitk.GetArrayFromImage(sitk.ReadImage(str(parts))) == 50) & (array == 22)
    offset = np.argwhere(body) - np.argwhere(body).mean(axis=0)
    lesion = np.zeros_like(body)
    lesion[tuple(np.argwhere(body)[(offset**2).sum(axis=1) < 5**2].T)] = True
    arch = (sitk.GetArrayFromImage(sitk.ReadImage(str(parts))) == 41) & (array == 22)
    middle = ((np.argwhere(body).mean(axis=0) + np.argwhere(arch).mean(axis=0)) / 2).round().astype(int)
    cord = np.zeros_like(body)
    cord[tuple(slice(n - 2, n + 3) for n in middle)] = True
    for name, given in (("lesion", lesion), ("cord", cord & (array == 0))):
        image = sitk.GetImageFromArray(given.astype(np.uint8))
        image.CopyInformation(mask)
        sitk.WriteImage(image, str(tmp_path / f"{name}.nii.gz"))
    history = tmp_path / "history.toml"
    history.write_text('[cancer]\nstatus = "known"\nprimary = "breast"\n[pain]\npresent = "yes"\nmuch_worse = "yes"\n')
    out = tmp_path / "out"
    run = spondyl(
        *("assess", ct, "--vertebrae", labels, "--subregions", parts, "--lesions", tmp_path / "lesion.nii.gz"),
        *("--cord", tmp_path / "cord.nii.gz", "--history", history, "--calibration", 0.8, -5, "--out", out),
    )
    assert run.returncode == 0, run.stderr
    found = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    entry = level(found, "L3")
    assert entry["parts_source"] == "given"
    assert [lesion["origin"] for lesion in entry["lesions"]] == ["given"]
    assert entry["lesions"][0]["volume_mm3"] == pytest.approx(lesion.sum() * 1.5**3, rel=1e-3)
    assert found["urgency"]["tier"] == "call_physician"
    assert "metasta" in found["classification"]["entity"]
    assert (found["calibration"]["slope_mg_cc_per_hu"], found["calibration"]["intercept_mg_cc"]) == (0.8, -5)
    assert set(found["inputs"]) == {"ct", "vertebrae", "subregions", "lesions", "cord", "history"}
    assert "call" in run.stdout.lower()


def test_a_scan_without_a_whole_vertebra_still_gets_its_report(tmp_path):
    ct, labels, _ = tptbox_case()
    mask = sitk.ReadImage(str(labels))
    array = sitk.GetArrayFromImage(mask)
    array[array == 22] = 0  # L3, the only one that is whole
    without = sitk.GetImageFromArray(array)
    without.CopyInformation(mask)
    sitk.WriteImage(without, str(tmp_path / "labels.nii.gz"))
    out = tmp_path / "out"
    run = spondyl("assess", ct, "--vertebrae", tmp_path / "labels.nii.gz", "--scheme", "verse", "--out", out)
    assert run.returncode == 0, run.stderr
    found = json.loads((out / "assessment.json").read_text(encoding="utf-8"))
    assert {entry["level"]: entry["status"] for entry in found["vertebrae"]} == dict.fromkeys(
        ("L2", "L4"), "not_assessed"
    )
    assert found["classification"] is None


def wrong_case(name: str, folder: Path) -> list[object]:
    """Arguments of a run that must fail, each for its own reason."""
    ct, labels, _ = tptbox_case()
    out = ("--out", folder / "out")
    if name == "no such CT":
        return ["assess", folder / "nothing.nii.gz", "--vertebrae", labels, *out]
    if name == "truncated CT":
        (folder / "cut.nii.gz").write_bytes(ct.read_bytes()[:20_000])
        return ["assess", folder / "cut.nii.gz", "--vertebrae", labels, *out]
    if name == "mask elsewhere":
        image = sitk.ReadImage(str(labels))
        image.SetOrigin((5000.0, 5000.0, 5000.0))
        sitk.WriteImage(image, str(folder / "elsewhere.nii.gz"))
        return ["assess", ct, "--vertebrae", folder / "elsewhere.nii.gz", *out]
    if name == "wrong history":
        (folder / "history.toml").write_text('[pain]\nmechanical = "sometimes"\n')
        return ["assess", ct, "--vertebrae", labels, "--history", folder / "history.toml", *out]
    if name == "two calibrations":
        return ["assess", ct, "--vertebrae", labels, "--calibration", 1, 0, "--rod", "1=2", *out]
    if name == "a rod in words":
        return ["assess", ct, "--vertebrae", labels, "--rod", "water", *out]
    if name == "no segmenter of that name":
        return ["assess", ct, "--segmenter", "magic", *out]
    if name == "no such segmenter":
        return ["assess", ct, "--segmenter", "totalsegmentator", *out]
    raise AssertionError(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no such CT", "Check the path"),
        ("truncated CT", "truncated|cut off|ends"),
        ("mask elsewhere", "overlap"),
        ("wrong history", r"pain\.mechanical"),
        ("two calibrations", "Give one"),
        ("a rod in words", "HU=MG_CC"),
        ("no such segmenter", "TotalSegmentator"),
        ("no segmenter of that name", "spondyl and totalsegmentator"),
    ],
)
def test_a_refused_run_says_why_and_leaves_nothing(tmp_path, name, said):
    import re

    run = spondyl(*wrong_case(name, tmp_path))
    assert run.returncode == 2, run.stdout + run.stderr
    assert re.search(said, run.stderr), run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_run_leaves_no_result_and_no_process(tmp_path, how):
    ct, labels = demo_case()
    out = tmp_path / "out"
    run = subprocess.Popen(
        [SPONDYL, "assess", ct, "--vertebrae", labels, "--out", out, "--workers", "2"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        encoding="utf-8",
        env=UTF8,
        start_new_session=True,
    )
    assert run.stderr is not None
    for line in run.stderr:
        if line.startswith("vertebrae"):
            break
    os.kill(run.pid, how)
    assert run.wait(timeout=60) != 0
    assert not out.exists()
    if how is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []
    deadline = time.monotonic() + 30
    while _session_alive(run.pid):
        assert time.monotonic() < deadline, "worker processes outlived the run"
        time.sleep(0.2)


def _session_alive(session: int) -> bool:
    """Whether any process of the killed run's session is still there (zombies do not count)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, its_session = stat.read_text(encoding="utf-8").rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(its_session) == session and state != "Z":
            return True
    return False
