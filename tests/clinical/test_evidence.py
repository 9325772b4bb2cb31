"""The registry of facts: each has a source, the framing figures stand in it, and losing one citation fails here."""

import re
import tomllib
from importlib.resources import files
from pathlib import Path

import pytest

from spondyl.clinical import evidence
from spondyl.core import citations
from spondyl.core.errors import RuleError

TEXT = files("spondyl.clinical").joinpath("rules", "facts.toml").read_text(encoding="utf-8")
IDS = [fact.id for fact in evidence.facts()]

# Typed here a second time from the papers, page and guideline, not from the registry: id, figure, sources needed.
FRAME = {
    "metastases_share": ("more than 90 %", {"simmons_zheng2006", "mclain2010"}),
    "extradural_share_metastases": ("more than 95 %", {"spine_health"}),
    "several_levels": ("more than 50 %", {"spine_health"}),
    "thoracic_share": ("about 70 %", {"constans1983", "orthclin2009"}),
    "lumbar_share": ("about 20 %", {"constans1983", "orthclin2009"}),
    "cervical_share": ("about 10 %", {"constans1983", "orthclin2009"}),
    "commonest_primaries": ("breast, lung, prostate", {"spine_health"}),
    "commonest_sites": ("lung, liver, bone", {"spine_health"}),
    "spine_commonest_bone": ("spine", {"spine_health"}),
    "spine_mets_systemic_cancer": ("about 80 %", {"lee_jung2012", "laufer2012", "muir2011"}),
    "asymptomatic": ("36 %", {"constans1983", "sir2013"}),
}
LEDGER = tomllib.loads((Path(__file__).with_name("cited.toml")).read_text(encoding="utf-8"))


def test_the_ledger_of_citations_has_every_fact_and_every_key():
    # Deleting one of several citations leaves a fact that loads; here it is seen.
    assert {fact.id: list(fact.citations) for fact in evidence.facts()} == LEDGER["facts"]


@pytest.mark.parametrize("id", FRAME)
def test_framing_figure(id):
    figure, sources = FRAME[id]
    assert evidence.fact(id).figure == figure
    assert sources <= set(evidence.fact(id).citations)


def test_what_could_not_be_read_is_marked():
    for id in ("spine_mets_systemic_cancer", "asymptomatic", "patchell_walking"):
        assert not evidence.fact(id).verified
        assert evidence.fact(id).note


def test_a_verified_fact_has_a_source_that_was_read():
    for fact in evidence.facts():
        read = [reference.verified for reference in citations.cite(fact.citations)]
        assert any(read) or not fact.verified


def test_where_the_literature_disagrees_both_are_there():
    for fact in evidence.facts():
        for other in fact.disagrees_with:
            assert fact.id in evidence.fact(other).disagrees_with
    assert evidence.fact("spine_mets_systemic_cancer").disagrees_with
    assert evidence.fact("asymptomatic").disagrees_with
    assert evidence.fact("mscc_population").disagrees_with


@pytest.mark.parametrize("id", IDS)
def test_a_fact_that_loses_its_sources_does_not_load(id):
    start = TEXT.index(f"[{id}]")
    broken = TEXT[:start] + re.sub(r"citations = \[.*?\]", "citations = []", TEXT[start:], count=1)
    with pytest.raises(RuleError, match=f"'{id}' has no source"):
        evidence.parse(broken)


def test_a_reference_that_is_lost_stops_the_facts(monkeypatch):
    known = citations.bibliography()
    for key in {key for fact in evidence.facts() for key in fact.citations}:
        rest = {other: reference for other, reference in known.items() if other != key}
        monkeypatch.setattr(citations, "bibliography", lambda rest=rest: rest)
        with pytest.raises(RuleError, match=key):
            evidence.parse(TEXT)


GOOD = """
[one]
statement = "S."
value = 1
unit = "%"
counts = "people"
citations = ["fisher2010"]
status = "verified"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('unit = "%"', "", "has no unit"),
        ('status = "verified"', 'status = "sure"', "status 'sure'"),
        ("fisher2010", "nobody1900", "nobody1900"),
        ("fisher2010", "sir2013", "none of its sources is"),
        ("value = 1", 'value = 1\nqualifier = "roughly"', "qualifier 'roughly'"),
        ("value = 1", "value = 1\ncolour = 2", "colour"),
        ("value = 1", 'value = 1\ndisagrees_with = ["two"]', "'one' disagrees with 'two'"),
        ("[one]", "[one", "no TOML"),
    ],
)
def test_a_faulty_fact_is_refused(old, new, said):
    assert evidence.parse(GOOD)[0].figure == "1 %"
    with pytest.raises(RuleError, match=said):
        evidence.parse(GOOD.replace(old, new))


def test_an_unknown_fact_is_named():
    with pytest.raises(RuleError, match="no fact 'nothing'"):
        evidence.fact("nothing")
