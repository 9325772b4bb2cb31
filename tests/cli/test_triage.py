"""`spondyl triage` as a person uses it: in a terminal, through a pipe, with a file."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import textstat

from data import UTF8
from spondyl.cli import triage_ask, triage_words
from spondyl.clinical import rules, urgency_questions
from spondyl.clinical.history import History
from spondyl.clinical.urgency import triage

pexpect = pytest.importorskip("pexpect")
SPONDYL = str(Path(sys.executable).with_name("spondyl"))
TERMINAL = {**os.environ, **UTF8, "COLUMNS": "100", "TERM": "xterm"}


def terminal(*arguments):
    return pexpect.spawn(
        SPONDYL, ["triage", *arguments], env=TERMINAL, encoding="utf-8", timeout=20, dimensions=(40, 100)
    )


def piped(text, *arguments):
    return subprocess.run(
        [SPONDYL, "triage", *arguments], input=text, capture_output=True, encoding="utf-8", env=UTF8, timeout=60
    )


def answer(child, question, word):
    child.expect_exact(question)
    child.expect_exact("y, n or d: ")
    child.sendline(word)


def test_a_person_answers_goes_back_changes_an_answer_and_reads_the_result():
    child = terminal()
    answer(child, "bladder or bowels?", "n")
    answer(child, "saddle?", "y")
    child.expect_exact("Stop here")
    answer(child, "leg or foot weak", "b")
    answer(child, "Your answer so far: yes. Enter keeps it.", "n")
    answer(child, "leg or foot weak", "h")
    child.expect_exact("Legs may give way")
    child.expect_exact("y, n or d: ")
    child.sendline("perhaps")
    child.expect_exact("'perhaps' is not an answer here")
    child.expect_exact("y, n or d: ")
    child.sendline("n")
    for _ in range(5):
        child.expect_exact("y, n or d: ")
        child.sendline("n")
    answer(child, "Do you have cancer", "y")
    answer(child, "like a band", "")
    answer(child, "back or neck hurt", "y")
    answer(child, "all of a sudden?", "y")
    # Nothing that is left but the band could raise it, so the questions end.
    child.expect_exact("That was the last question.")
    child.sendline("c")
    child.expect(r"(\d+)\. Does pain run round your chest or belly like a band\? don't know")
    number = child.match[1]
    child.expect_exact("Enter for none: ")
    child.sendline(number)
    answer(child, "like a band", "n")
    child.expect_exact("That was the last question.")
    child.sendline("")
    child.expect_exact("CALL YOUR DOCTOR TODAY")
    child.expect_exact("the back pain came suddenly")
    child.expect_exact("you have or had cancer")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0


def test_quit_gives_what_the_answers_so_far_mean():
    child = terminal()
    answer(child, "Question 1:", "y")
    answer(child, "Question 2:", "q")
    child.expect_exact("GET MEDICAL HELP RIGHT NOW")
    child.expect(pexpect.EOF)


def test_ctrl_c_leaves_cleanly():
    child = terminal()
    child.expect_exact("y, n or d: ")
    child.sendcontrol("c")
    child.expect_exact("Stopped. Nothing was kept.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert "Traceback" not in child.before


def test_ctrl_d_ends_with_the_result_so_far():
    child = terminal()
    answer(child, "Question 1:", "y")
    child.expect_exact("y, n or d: ")
    child.sendeof()
    child.expect_exact("GET MEDICAL HELP RIGHT NOW")


def test_one_key_answers_when_asked_to():
    child = terminal("--keys")
    child.expect_exact("y, n or d: ")
    child.send("n")
    child.expect_exact("no\r\n")
    child.expect_exact("Question 2:")
    child.expect_exact("y, n or d: ")
    child.send("b")
    child.expect_exact("Your answer so far: no.")
    child.expect_exact("y, n or d: ")
    child.send("\x03")
    child.expect_exact("Stopped.")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_nothing_is_redrawn_and_no_line_is_wider_than_the_screen():
    # A screen reader follows plain lines only: no escape sequence, no carriage return but at a line's end.
    child = terminal()
    for _ in range(30):
        if child.expect_exact(["y, n or d: ", "Your choice: ", pexpect.EOF]) != 0:
            break
        child.sendline("d")
    seen = child.before
    child.sendline("")
    child.expect(pexpect.EOF)
    seen += child.before
    assert "\x1b" not in seen
    assert not re.search(r"\r(?!\n)", seen.replace("\r\r\n", "\r\n"))
    assert max(len(line) for line in seen.splitlines()) <= 100


def test_a_pipe_works_and_its_end_gives_the_result_so_far():
    found = piped("n\nn\ny\n")
    assert found.returncode == 0
    assert "GET MEDICAL HELP RIGHT NOW" in found.stdout
    assert "NOT ENOUGH TO SAY" in piped("").stdout
    assert piped("\xff\n\xfe\nq\n").returncode == 0


def test_json_stands_alone_on_the_output_also_when_asking():
    found = json.loads(piped("n\nn\nn\nn\nn\nn\nn\ny\n", "--json").stdout)
    assert found["tier"] == "immediate"
    assert found["reasons"] == ["pain spreads down an arm"]
    assert found["sources"]


def test_kept_answers_are_a_valid_file_with_the_same_result(tmp_path):
    kept = tmp_path / "answers.json"
    asked = json.loads(piped("n\nn\nn\ny\nq\n", "--json", "--save", str(kept)).stdout)
    schema = json.loads(piped("", "--schema").stdout)
    jsonschema.Draft202012Validator(schema).validate(json.loads(kept.read_text(encoding="utf-8")))
    assert json.loads(piped("", str(kept), "--json").stdout) == asked


def test_a_wrong_answer_in_a_file_is_told_with_its_path_and_what_is_allowed(tmp_path):
    wrong = tmp_path / "answers.toml"
    wrong.write_text('[neurology]\nnumbness = "a bit"\n', encoding="utf-8")
    found = piped("", str(wrong))
    assert found.returncode == 2
    assert "'neurology.numbness'" in found.stderr
    assert "yes, no, unknown" in found.stderr


def test_an_empty_file_is_not_enough_to_say_and_leaves_the_full_range(tmp_path):
    empty = tmp_path / "answers.toml"
    empty.touch()
    found = json.loads(piped("", str(empty), "--json").stdout)
    assert (found["tier"], found["least"], found["most"]) == ("not_enough_to_say", "routine", "immediate")


def test_a_killed_interview_leaves_no_trace():
    child = terminal()
    child.expect_exact("y, n or d: ")
    child.kill(signal.SIGTERM)
    child.expect(pexpect.EOF)


def patients_texts():
    table = rules.load("urgency")
    entries = {path: entry.value for path, entry in table.entries.items()}
    yield from (text for path, text in entries.items() if path.startswith(("patient.", "ask_again.", "call.")))
    yield " ".join(f"{q.ask} {q.more}" for q in urgency_questions.QUESTIONS)
    yield " ".join((*triage_ask.WELCOME, *triage_ask.HELP, *triage_ask.STOP, triage_words.NOT_A_DOCTOR))


def test_words_for_patients_read_at_sixth_grade():
    # Both measures count letters, words and sentences, so that they need no dictionary. Grade 6, the reading
    # of a child of twelve, is our own choice after what is commonly asked of texts for patients.
    for text in patients_texts():
        assert textstat.automated_readability_index(text) <= 6, text
    everything = " ".join(patients_texts())
    assert textstat.automated_readability_index(everything) <= 4
    assert textstat.coleman_liau_index(everything) <= 6


def test_the_readability_check_can_fail():
    hard = "Contemporaneous neurological deterioration necessitates immediate multidisciplinary consultation."
    assert textstat.automated_readability_index(hard) > 12


@pytest.mark.parametrize("tier", ["immediate", "call_physician", "routine", "not_enough_to_say"])
def test_every_result_is_told_within_a_hundred_columns(tier, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    answers = {
        "immediate": {"neurology": {"numbness": "yes"}},
        "call_physician": {"pain": {"sudden": "yes"}},
        "routine": {
            "cancer": {"status": "none"},
            "neurology": {q.path.split(".")[1]: "no" for q in urgency_questions.QUESTIONS[:6]},
            "pain": {"radiating_to_arm": "no", "radiating_to_leg": "no"},
        },
        "not_enough_to_say": {},
    }[tier]
    result = triage(History.model_validate(answers))
    assert result.tier == tier
    text = triage_words.told(result)
    assert max(map(len, text.splitlines())) <= 100
    for part in ("Who to call:", "How soon:", "Why:", "What would change it:", "When to ask again:", "For a doctor"):
        assert part in text
