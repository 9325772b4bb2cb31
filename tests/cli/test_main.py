"""The commands that answer without a scan."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import spondyl
from data import UTF8, tptbox_case

SPONDYL = Path(sys.executable).with_name("spondyl")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SPONDYL, *arguments], capture_output=True, encoding="utf-8", env=UTF8, timeout=60, check=False
    )


def test_help_says_what_it_is_not():
    assert "not a medical device" in " ".join(run("--help").stdout.split())


@pytest.mark.parametrize("heavy", ["numpy", "scipy", "numba", "SimpleITK", "pydicom", "matplotlib", "pydantic"])
def test_help_imports_nothing_heavy(heavy: str):
    """What keeps --help quick is that it loads none of these."""
    code = f"import sys, spondyl.cli.main; sys.exit('{heavy}' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_version():
    assert run("--version").stdout.strip() == f"spondyl {spondyl.__version__}"


@pytest.mark.parametrize("what", ["assessment", "strength", "history"])
def test_schemas_are_json_schemas(what: str):
    schema = json.loads(run("schema", what).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)


def test_an_unknown_schema_is_refused_in_words():
    answer = run("schema", "weather")
    assert answer.returncode == 2
    assert "'strength' or 'history'" in answer.stderr


def test_a_missing_argument_is_told():
    answer = run("assess", "ct.nii.gz")
    assert answer.returncode == 2
    assert "--out" in answer.stderr


def test_a_terminal_without_dashes_loses_no_result(tmp_path: Path):
    ct, labels, _ = tptbox_case()
    out = tmp_path / "out"
    words = [SPONDYL, "assess", ct, "--vertebrae", labels, "--out", out, "--workers", "1"]
    answer = subprocess.run(
        words, capture_output=True, env={**UTF8, "PYTHONIOENCODING": "ascii"}, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert (out / "report.html").is_file()
