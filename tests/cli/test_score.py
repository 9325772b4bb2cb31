"""`spondyl score`, `classify` and `evidence` as they are typed."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from typer.testing import CliRunner

from data import ROOT, UTF8
from spondyl.cli.main import app
from spondyl.cli.score import NAMES
from spondyl.clinical import evidence, prognosis

SPONDYL = Path(sys.executable).with_name("spondyl")

# Fisher 2010: the points of each answer, typed here a second time.
SINS = {
    "level": {"C7": 3, "L3": 2, "T7": 1, "S3": 0},
    "pain": {"mechanical": 3, "occasional_not_mechanical": 1, "pain_free": 0},
    "lesion": {"lytic": 2, "mixed": 1, "blastic": 0},
    "alignment": {"subluxation_translation": 4, "de_novo_deformity": 2, "normal": 0},
    "collapse": {"over_50": 3, "under_50": 2, "none_over_half_involved": 1, "none": 0},
    "posterolateral": {"bilateral": 3, "unilateral": 1, "none": 0},
}


PUBLISHED = [
    case
    for case in tomllib.loads((ROOT / "tests" / "cases" / "sins.toml").read_text(encoding="utf-8"))["case"]
    if case["kind"] == "published"
]


def typed(*arguments: str) -> str:
    answer = CliRunner().invoke(app, list(arguments))
    assert answer.exit_code == 0, answer.output
    return answer.stdout


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SPONDYL, *arguments], capture_output=True, encoding="utf-8", env=UTF8, timeout=60, check=False
    )


def one_answer_a_total() -> dict[int, dict[str, str]]:
    """For each total of SINS one set of answers that adds up to it."""
    found: dict[int, dict[str, str]] = {}
    for answers in itertools.product(*SINS.values()):
        chosen = dict(zip(SINS, answers, strict=True))
        found.setdefault(sum(SINS[name][word] for name, word in chosen.items()), chosen)
    return found


@pytest.mark.parametrize("total", range(19))
def test_each_of_the_19_totals_of_sins_is_reached_by_the_typed_command(total: int, tmp_path: Path):
    file = tmp_path / "case.toml"
    file.write_text("[sins]\n" + "".join(f'{name} = "{word}"\n' for name, word in one_answer_a_total()[total].items()))
    band = "stable" if total <= 6 else "indeterminate" if total <= 12 else "unstable"
    assert f"SINS: {total}, {band}\n" in typed("score", "sins", str(file))
    result = json.loads(typed("score", "sins", str(file), "--json"))["result"]
    assert (result["total_min"], result["total_max"], result["category"]) == (total, total, band)


@pytest.mark.parametrize("case", PUBLISHED, ids=[case["name"] for case in PUBLISHED])
def test_published_vignettes_of_sins_by_the_typed_command(case: dict[str, Any], tmp_path: Path):
    file = tmp_path / "case.json"
    file.write_text(json.dumps({"sins": {name: case[name] for name in SINS}}))
    assert f"SINS: {case['total']}, {case['category']}\n" in typed("score", "sins", str(file))


def test_sins_says_its_bands_and_what_it_is_known_not_to_do():
    said = " ".join(typed("score", "sins").split())
    assert "0 to 6 stable, 7 to 12 indeterminate, 13 to 18 unstable" in said
    assert "area under the curve 0.67" in said


@pytest.mark.parametrize("name", NAMES)
def test_without_a_file_every_score_says_that_it_is_not_enough(name: str):
    said = typed("score", name)
    assert "ot enough to say" in said
    assert "not a medical device" in said
    json.loads(typed("score", name, "--json"))


@pytest.mark.parametrize("name", NAMES)
def test_the_text_keeps_within_100_columns(name: str):
    assert max(map(len, typed("score", name).splitlines())) <= 100


def test_the_command_itself_runs_and_an_empty_file_is_no_error(tmp_path: Path):
    (tmp_path / "empty.toml").write_text("")
    answer = run("score", "tokuhashi", str(tmp_path / "empty.toml"))
    assert answer.returncode == 0
    assert "Revised Tokuhashi score: 0 to 15" in answer.stdout
    assert "Not enough to say" in answer.stdout


def test_a_wrong_answer_is_told_with_its_place(tmp_path: Path):
    (tmp_path / "case.toml").write_text("[condition]\nkps = 75\n")
    answer = run("score", "tokuhashi", str(tmp_path / "case.toml"))
    assert answer.returncode == 2
    assert "'condition.kps' is 75" in answer.stderr
    assert "10, 20, 30" in answer.stderr


def test_an_unknown_score_is_refused_with_the_known_ones():
    answer = run("score", "sorg")
    assert answer.returncode == 2
    assert "van-der-linden" in answer.stderr


def test_sorg_is_named_and_not_computed():
    assert "SORG" in typed("score", "all")
    assert "sorg" not in NAMES


def test_side_by_side_shows_the_same_totals_as_each_score_alone(tmp_path: Path):
    file = tmp_path / "case.json"
    answers = {"cancer": {"primary": "lung"}, "condition": {"kps": 60, "walks": "yes"}, "spread": {"visceral": "yes"}}
    file.write_text(json.dumps(answers))
    together = {one["score"]: one for one in json.loads(typed("score", "all", str(file), "--json"))["prognosis"]}
    assert tuple(together) == prognosis.SCORES
    table = typed("score", "all", str(file))
    for name, result in together.items():
        assert json.loads(typed("score", name.replace("_", "-"), str(file), "--json"))["result"] == result
        low, high = result["total_min"], result["total_max"]
        total = str(low) if low == high else f"{low} to {high}"
        row = next(line for line in table.splitlines() if line.startswith(result["title"].removesuffix(" score")))
        assert f" {total} " in row


def test_a_score_from_memory_gives_no_suggestion_and_says_so():
    said = typed("score", "rades")
    assert "carries no recommendation" in " ".join(said.split())
    assert "suggested" not in said


def test_schemas_are_json_schemas():
    for command in (("score", "sins"), ("classify",)):
        jsonschema.Draft202012Validator.check_schema(json.loads(typed(*command, "--schema")))


def test_classify_shows_every_kind_without_a_file_and_one_with_answers(tmp_path: Path):
    assert "Not enough to say" in typed("classify")
    file = tmp_path / "kind.toml"
    file.write_text(
        '[tumour]\norigin = "secondary"\ncompartment = "extradural"\n'
        '[extent]\nregions = ["body", "pedicle_left"]\ncanal = "yes"\n'
    )
    said = typed("classify", str(file))
    assert "benign" not in said.split("More than")[0]
    assert "Zones 4, 5, 6, 7, 8" in said
    result = json.loads(typed("classify", str(file), "--json"))["result"]
    assert [row["behaviour"] for row in result["rows"]] == ["malignant"]


def test_evidence_lists_every_fact_and_every_entry():
    everything = json.loads(typed("evidence", "--json"))
    assert [fact["id"] for fact in everything["facts"]] == [fact.id for fact in evidence.facts()]
    assert len(everything["entries"]) == len(evidence.entries())
    for known in (*everything["facts"], *everything["entries"]):
        assert set(known["citations"]) <= {reference["key"] for reference in everything["references"]}


def test_evidence_of_a_term_shows_value_status_and_source():
    said = typed("evidence", "thoracic share")
    assert "about 70 %" in said
    assert "68 to 80 %" in said  # the disagreeing figure stands beside it
    assert "verified" in said
    assert "orthclin2009" in said
    assert "Nothing in the registry" in typed("evidence", "qqqq")


def test_evidence_marks_what_was_not_read():
    rows = json.loads(typed("evidence", "systemic cancer", "--json"))["facts"]
    eighty = next(row for row in rows if row["id"] == "spine_mets_systemic_cancer")
    assert eighty["verified"] is False
    assert {row["id"] for row in rows} >= set(eighty["disagrees_with"])
