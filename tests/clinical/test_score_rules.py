"""Rule files of scores, ESCC, NOMS and kinds: every entry has its source, and losing one citation fails here."""

from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from spondyl.clinical import evidence, prognosis, rules
from spondyl.core import citations
from spondyl.core.errors import RuleError

RULES = files("spondyl.clinical").joinpath("rules")
NAMES = (*prognosis.SCORES, "not_computed", "escc", "noms", "kinds")
LEDGER = tomllib.loads(Path(__file__).with_name("cited.toml").read_text(encoding="utf-8"))


def text_of(name):
    return RULES.joinpath(f"{name}.toml").read_text(encoding="utf-8")


def test_the_ledger_of_citations_has_every_file_of_rules():
    files_of_rules = {path.name.removesuffix(".toml") for path in RULES.iterdir() if path.name.endswith(".toml")}
    assert files_of_rules == {*LEDGER}


@pytest.mark.parametrize("name", [name for name in LEDGER if name != "facts"])
def test_the_ledger_of_citations_has_every_entry_and_every_key(name):
    # Deleting one of several citations leaves an entry that loads; here it is seen.
    assert {path: list(entry.citations) for path, entry in rules.load(name).entries.items()} == LEDGER[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_value_unit_source_and_date(name):
    for entry in rules.load(name).entries.values():
        assert entry.unit
        assert entry.citations or (entry.status == "own choice" and entry.why)
        assert entry.why or entry.status == "verified"


@pytest.mark.parametrize("name", NAMES)
def test_an_entry_that_loses_its_source_does_not_load(name):
    lines = text_of(name).splitlines()
    for number, line in enumerate(lines):
        if not re.match(r"[\w]+ = \{", line):
            continue
        bare = re.sub(r"citations = \[.*?\]", "citations = []", line)
        if 'status = "own choice"' in line:
            bare = re.sub(r', why = ".*?"', "", bare)
        with pytest.raises(RuleError, match=r"has no source|own choice without 'why'"):
            rules.parse("\n".join([*lines[:number], bare, *lines[number + 1 :]]), f"rules/{name}.toml")


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_that_is_lost_stops_every_rule_that_cites_it(name, monkeypatch):
    known = citations.bibliography()
    for key in {key for entry in rules.load(name).entries.values() for key in entry.citations}:
        rest = {other: reference for other, reference in known.items() if other != key}
        monkeypatch.setattr(citations, "bibliography", lambda rest=rest: rest)
        with pytest.raises(RuleError, match=key):
            rules.parse(text_of(name), f"rules/{name}.toml")


@pytest.mark.parametrize("name", prognosis.SCORES)
def test_survival_names_a_cohort_and_its_bands(name):
    table = rules.load(name)
    for path in table.entries:
        if path.startswith("survival."):
            _, cohort, _, band = path.split(".")
            assert f"cohorts.{cohort}" in table.entries
            assert f"strata.{band}" in table.entries


def test_the_registry_holds_every_entry_of_every_rule_file():
    names = {path.name for path in files("spondyl.clinical").joinpath("rules").iterdir() if path.name.endswith(".toml")}
    assert {entry.file for entry in evidence.entries()} == names - {"facts.toml"}
    for name in NAMES:
        assert {entry.path for entry in evidence.entries() if entry.file == f"{name}.toml"} == set(
            rules.load(name).entries
        )


def test_search_finds_by_word_by_source_and_by_status():
    facts, _ = evidence.search("asymptomatic")
    assert "asymptomatic" in {fact.id for fact in facts}
    assert "symptomatic_only_10" in {fact.id for fact in facts}  # what disagrees comes along
    _, entries = evidence.search("tokuhashi2005 points.palsy")
    assert [entry.value for entry in entries] == [0, 1, 2]
    _, entries = evidence.search("status:unverified rades")
    assert len(entries) > 20
    assert evidence.search("no such thing at all") == ((), ())
