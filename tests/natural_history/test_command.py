"""`spondyl simulate` as a user types it."""

import json

import pytest
from typer.testing import CliRunner

from spondyl.cli.main import app


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulate") / "run"
    result = CliRunner().invoke(
        app, ["simulate", "--patients", "3000", "--seed", "4", "--no-trials", "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    return out


def test_it_writes_tables_summary_and_report(done):
    assert {entry.name for entry in done.iterdir()} == {
        "patients", "lesions", "events", "run.json", "summary.json", "report.html",
    }  # fmt: skip
    told = json.loads((done / "summary.json").read_text())
    assert told["summary"]["people"] == 3000
    incidence = told["summary"]["cumulative_incidence"]
    assert all(curve["share"] == sorted(curve["share"]) for curve in incidence.values())
    assert incidence["deficit_day"]["share"][-1] <= incidence["epidural_day"]["share"][-1]
    page = (done / "report.html").read_text()
    assert "not a medical device" in page
    for row in told["figures"]:
        assert row["verdict"] in page


def test_compare(tmp_path):
    (tmp_path / "a.toml").write_text('name = "none"')
    (tmp_path / "b.toml").write_text(
        'name = "often"\n[surveillance]\ninterval_days = 91\nstart = "diagnosis"\n[care]\npreemptive_from_grade = "1a"'
    )
    command = ["simulate", "compare", str(tmp_path / "a.toml"), str(tmp_path / "b.toml"), "--patients", "2000"]
    result = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    rows = {row["outcome"]: row for row in told["differences"]}
    assert rows["scans"]["difference"] > 0
    assert rows["scans"]["a"] == 0
    assert "often" in (tmp_path / "out" / "report.html").read_text()


def test_patient_is_drawn(tmp_path):
    from PIL import Image

    result = CliRunner().invoke(app, ["simulate", "patient", "--seed", "7", "--out", str(tmp_path / "life")])
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "life" / "life.gif") as animation:
        assert animation.n_frames > 10
    with Image.open(tmp_path / "life" / "life.png") as sheet:
        assert sheet.width > 800


def test_calibration_finds_what_was_put_in(tmp_path):
    """A share made by a known parameter: the fit gives the parameter back."""
    from small_worlds import people_under
    from spondyl.natural_history.figures import tally

    truth = 0.6
    chunk = people_under(20_000, changes={"symptoms.silent": truth}, seed=31)
    share = tally([chunk], ["silent_of_spinal"]).value("silent_of_spinal")
    targets = tmp_path / "targets.toml"
    targets.write_text(f"""
[[target]]
figure = "silent_of_spinal"
statement = "made"
counts = "made"
value = {share}
sd = 0.01
fit = true
[[free]]
paths = ["symptoms.silent"]
low = 0.05
high = 0.95
start = 0.2
""")
    out = tmp_path / "fitted.toml"
    command = ["simulate", "calibrate", "--targets", str(targets), "--out", str(out), "--patients", "20000"]
    result = CliRunner().invoke(app, [*command, "--seed", "31", "--rounds", "8"])
    assert result.exit_code == 0, result.output
    fit = json.loads(out.with_suffix(".json").read_text())
    # the fit starts from the set before it was fitted, so the same share needs about the same parameter
    assert fit["misfit"] < 1
    assert 0.05 < fit["free"][0]["value"] < 0.95
    again = CliRunner().invoke(
        app, ["simulate", "--patients", "200", "--parameters", str(out), "--no-trials", "--out", str(tmp_path / "run")]
    )
    assert again.exit_code == 0, again.output


def test_a_folder_is_asked_for():
    result = CliRunner().invoke(app, ["simulate", "--patients", "10"])
    assert result.exit_code != 0
