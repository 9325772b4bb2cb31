"""The reference of scores against what the commands say."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

from typer.testing import CliRunner

from data import ROOT
from spondyl.cli.main import app
from spondyl.clinical import kinds
from spondyl.clinical.answers import questions
from spondyl.clinical.case import SITES, Case
from spondyl.clinical.kinds import Kind

PAGE = (ROOT / "docs" / "reference" / "score.md").read_text(encoding="utf-8")
CASE, KIND = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_the_worked_example_is_what_the_command_gives(tmp_path: Path):
    file = tmp_path / "case.toml"
    file.write_text(CASE, encoding="utf-8")
    answer = json.loads(CliRunner().invoke(app, ["score", "all", str(file), "--json"]).stdout)
    for result in answer["prognosis"]:
        low, high = result["total_min"], result["total_max"]
        total = str(low) if low == high else f"{low} to {high}"
        bands = ", ".join(result["bands"]).replace("_", " ")
        better = "higher" if result["higher_is_better"] else "lower"
        title = result["title"].removesuffix(" score")
        assert f"| {title} | {total} | {result['lowest']}-{result['highest']} | {better} | {bands} |" in PAGE
    sins = answer["sins"]
    assert f"| SINS | {sins['total_min']} to {sins['total_max']} | 0-18 | | {sins['category']} |" in PAGE
    assert answer["escc"]["grades"] == ["1c", "2", "3"]


def test_the_table_of_questions_is_that_of_the_file():
    for path, words in questions(Case).items():
        assert f"| `{path}` | {words} |" in PAGE
    assert ", ".join((*SITES, "unknown")) in PAGE


def test_the_example_of_a_kind():
    result = kinds.classify(Kind.model_validate(tomllib.loads(KIND)))
    assert result.zones == (4, 5, 6, 7, 8)
    assert result.layers == ("B", "C", "D")
    assert result.surgical_types == ("4", "7")
    for path in questions(Kind):
        assert re.search(rf"\b{path.rpartition('.')[2]}\b", PAGE)
