"""`spondyl localise` as typed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from data import UTF8

SPONDYL = str(Path(sys.executable).with_name("spondyl"))
FILE = """
[body]
weak_leg = "both"
weak_arm = "no"
numb_arm = "no"

[examination.sensory.T9]
left = 2
[examination.sensory.T10]
left = 1
"""


@pytest.fixture
def localise(tmp_path):
    def run(text, *arguments):
        file = tmp_path / "answers.toml"
        file.write_text(text, encoding="utf-8")
        return subprocess.run(
            [SPONDYL, "localise", str(file), *arguments],
            capture_output=True, encoding="utf-8", env={**UTF8, "COLUMNS": "100"}, timeout=60,
        )  # fmt: skip

    return run


def test_levels_and_lesions_are_told_within_a_hundred_columns(localise):
    found = localise(FILE, "--lesions", "T8,L4")
    assert found.returncode == 0
    assert "T8 (cord): fits" in found.stdout
    assert "L4 (cauda equina): explains some" in found.stdout or "could explain some" in found.stdout
    assert "[unverified]" in found.stdout
    assert max(map(len, found.stdout.splitlines())) <= 100


def test_json(localise):
    found = json.loads(localise(FILE, "--lesions", "T8", "--json").stdout)
    assert found["matches"][0]["verdict"] == "fits"
    assert "T8" in found["likely"]
    assert found["ais"]["possible"] == ["A", "B", "C", "D"]


def test_an_empty_file_is_not_enough_to_say(localise):
    found = localise("")
    assert found.returncode == 0
    assert "Not enough to say" in found.stdout
    assert "C1 to S5" in found.stdout


def test_wrong_entries_are_told_with_their_place(localise, tmp_path):
    assert "'body.weak_leg'" in localise('[body]\nweak_leg = "up"').stderr
    assert "--lesions" in localise(FILE, "--lesions", "X9").stderr
    wrong = tmp_path / "assessment.json"
    wrong.write_text('{"schema_version": "0"}', encoding="utf-8")
    told = localise(FILE, "--assessment", str(wrong))
    assert told.returncode == 2
    assert "schema_version" in told.stderr
