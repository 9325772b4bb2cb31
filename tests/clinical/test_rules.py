"""Rules are data: each entry has a source, and losing one fails here."""

import re
from importlib.resources import files

import pytest

from spondyl.clinical import rules
from spondyl.core import citations
from spondyl.core.errors import RuleError

NAMES = ("sins", "urgency", "classification", "loads")
GOOD = """
[rule]
name = "made"
version = "1"
title = "Made up"
[points]
one = { value = 1, unit = "points", citations = ["fisher2010"], status = "verified", checked = 2026-01-31 }
"""


def text_of(name):
    return files("spondyl.clinical").joinpath("rules", f"{name}.toml").read_text(encoding="utf-8")


def entries_with_lines():
    for name in NAMES:
        lines, group = text_of(name).splitlines(), ""
        for number, line in enumerate(lines):
            if head := re.match(r"\[(.+)\]", line):
                group = head[1]
            elif entry := re.match(r"(\w+) = \{", line):
                yield name, f"{group}.{entry[1]}", number


@pytest.mark.parametrize("name", NAMES)
def test_every_entry_has_value_unit_source_and_date(name):
    table = rules.load(name)
    assert table.entries
    for entry in table.entries.values():
        assert entry.unit
        assert entry.citations or (entry.status == "own choice" and entry.why)
        assert entry.checked.year >= 2026


def test_the_line_walker_sees_every_entry():
    # Else the deletion tests below would pass by skipping what they do not see.
    for name in NAMES:
        assert {path for file, path, _ in entries_with_lines() if file == name} == set(rules.load(name).entries)


@pytest.mark.parametrize(("name", "path", "number"), list(entries_with_lines()), ids=lambda value: str(value))
def test_an_entry_that_loses_its_source_does_not_load(name, path, number):
    lines = text_of(name).splitlines()
    if rules.load(name)[path].status == "own choice":
        lines[number] = re.sub(r', why = ".*?"', "", lines[number])
    else:
        lines[number] = re.sub(r"citations = \[.*?\], ", "", lines[number])
    with pytest.raises(RuleError) as caught:
        rules.parse("\n".join(lines), f"rules/{name}.toml")
    assert path in str(caught.value)
    assert f"rules/{name}.toml" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_that_is_lost_stops_every_rule_that_cites_it(name, monkeypatch):
    known = citations.bibliography()
    for key in {key for entry in rules.load(name).entries.values() for key in entry.citations}:
        rest = {other: reference for other, reference in known.items() if other != key}
        monkeypatch.setattr(citations, "bibliography", lambda rest=rest: rest)
        with pytest.raises(RuleError, match=key):
            rules.parse(text_of(name), f"rules/{name}.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("value = 1, ", "", "no value"),
        ('unit = "points", ', "", "no unit"),
        (", checked = 2026-01-31", "", "no checked"),
        ("2026-01-31", '"today"', "no date"),
        ("2026-01-31", "2026-01-31T10:00:00", "no date"),
        ('"verified"', '"believed"', "status 'believed'"),
        ("fisher2010", "nobody1900", "nobody1900"),
        ("fisher2010", "sir2013", "none of its sources is"),
        ("value = 1", "value = 1, colour = 2", "colour"),
        ("one = {", "two = 2\none = {", "'points.two' is a bare value"),
        ("[rule]", "[ruler]", r"no \[rule\]"),
        ("[points]", "[points", "no TOML"),
    ],
)
def test_a_faulty_rule_file_is_refused_with_its_place(old, new, said):
    assert rules.parse(GOOD, "rules/made.toml").value("points.one") == 1
    with pytest.raises(RuleError, match=said) as caught:
        rules.parse(GOOD.replace(old, new), "rules/made.toml")
    assert "rules/made.toml" in str(caught.value)


def test_only_verified_entries_carry_a_recommendation():
    own = '{ value = 1, unit = "points", citations = [], status = "own choice", why = "so", checked = 2026-01-31 }'
    table = rules.parse(f"{GOOD}two = {own}\n", "rules/made.toml")
    assert table.recommends("points.one")
    assert not table.recommends("points.two")


def test_unknown_rules_and_entries_are_named():
    with pytest.raises(RuleError, match="nothing_here"):
        rules.load("nothing_here")
    with pytest.raises(RuleError, match=r"points\.grip"):
        rules.load("sins").value("points.grip")
