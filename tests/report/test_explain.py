"""The page for patients: every figure from the registry, plain words, self-contained, readable by everybody."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
import textstat
from synthetic_case import synthetic_case

from data import UTF8
from spondyl.clinical.evidence import fact, facts
from spondyl.report.explain import explain
from spondyl.report.schema import from_case

CSS = (Path(sys.modules["spondyl.report.explain"].__file__).parent / "templates" / "explain.css").read_text("utf-8")
VOID = {"meta", "link", "br", "path", "rect", "circle", "ellipse"}


class Page(HTMLParser):
    """Text by where it stands: ids and tags of everything that is open."""

    def __init__(self, html):
        super().__init__()
        self.open, self.texts, self.tags = [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open[-1][0] == tag, f"<{self.open[-1][0]}> is closed by </{tag}>"
            self.open.pop()

    def handle_data(self, data):
        if data.strip():
            self.texts.append((tuple(self.open), data.strip()))

    def text(self, *, without=(), ids=()):
        """Text outside the tags and the ids named."""
        return [
            said
            for where, said in self.texts
            if not any(tag in {*without, "style", "title"} or attrs.get("id") in ids for tag, attrs in where)
        ]


@pytest.fixture(scope="module")
def page():
    return Page(explain())


@pytest.fixture(scope="module")
def assessed():
    return from_case(synthetic_case())


def numbers(text):
    """Figures in a text; a level's name (T8) is none."""
    return {float(n) for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])", text)}


def registry():
    known = set()
    for entry in facts():
        known |= numbers(f"{entry.statement} {entry.plain} {entry.figure} {entry.counts}".replace("-", " "))
    return known


def test_every_figure_on_the_page_stands_in_the_registry(page):
    found = set()
    for text in page.text(without=("sup",), ids=("sources",)):
        found |= numbers(text.replace("-", " "))
    assert len(found) > 15
    assert found <= registry()


def test_every_figure_outside_the_comparison_is_that_of_the_fact_named(page):
    for where, said in page.texts:
        told = [attrs["data-fact"] for _, attrs in where if "data-fact" in attrs]
        if told:
            assert said == fact(told[0]).plain
        elif not any(tag in ("table", "sup", "style") or attrs.get("id") == "sources" for tag, attrs in where):
            assert not numbers(said), f"a figure without a fact: {said}"


def test_every_fact_told_has_its_sources_and_what_disagrees(page):
    html = explain()
    marked = {attrs.get("href") for tag, attrs in page.tags if tag == "a"}
    ids = {attrs.get("id") for _, attrs in page.tags}
    told = {attrs["data-fact"] for _, attrs in page.tags if "data-fact" in attrs}
    assert len(told) > 20
    assert {link[1:] for link in marked} <= ids
    table = html[html.index('id="differ"') :]
    for id in told:
        after = html[html.index(f'data-fact="{id}"') :]
        assert "#source-" in after[: after.index("</li>") if "</li>" in after else 900]
        for other in fact(id).disagrees_with:
            assert fact(other).statement[:40].replace("'", "&#39;") in table
        if not fact(id).verified:
            assert "could not check" in after[: after.index("</sup>")]


def test_a_figure_that_is_not_in_the_registry_would_be_seen():
    assert not numbers("About 63 in 100") <= registry()


def test_the_page_is_self_contained_and_well_formed(page):
    assert not page.open
    html = explain()
    assert "http" not in html.replace("http-equiv", "")
    assert "<script" not in html
    assert "@import" not in CSS
    assert "url(" not in CSS


def test_headings_pictures_and_tables_are_accessible(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))
    ids = {attrs.get("id") for _, attrs in page.tags}
    pictures = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(pictures) == 2
    for attrs in pictures:
        assert attrs["role"] == "img"
        assert {*attrs["aria-labelledby"].split()} <= ids
    assert ("html", {"lang": "en"}) in page.tags
    assert "main" in [tag for tag, _ in page.tags]
    assert all(attrs.get("scope") == "col" for tag, attrs in page.tags if tag == "th")


def luminance(colour):
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """Ratio of WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_its_ground(scheme):
    colours = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block)) for block in CSS.split("@media")[:2]][scheme]
    for ink in ("ink", "soft", "accent"):
        for ground in ("ground", "raised", "stop-ground", "warn-ground"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    # What pictures show: 3 to 1 against what lies beside it.
    assert contrast(colours["tumour"], colours["bone"]) >= 3
    assert contrast(colours["bone-edge"], colours["ground"]) >= 3


def patients_text(html):
    """Everything but sources, comparison and pictures, sentence by sentence."""
    said = Page(html).text(without=("sup", "svg", "table"), ids=("sources", "differ"))
    return " ".join(text if text.endswith((".", ":", "?")) else f"{text}." for text in said)


def test_words_read_at_sixth_grade(assessed):
    for html in (explain(), explain(assessed)):
        text = patients_text(html)
        assert len(text.split()) > 500
        assert textstat.automated_readability_index(text) <= 6
        assert textstat.coleman_liau_index(text) <= 8


def test_an_assessment_is_told_in_the_same_words(assessed):
    html = explain(assessed)
    found = html[html.index('id="found"') :]
    for vertebra in assessed.vertebrae:
        assert (f"{vertebra.level}, a bone of the" in found) == bool(vertebra.lesions)
        if vertebra.status == "not_assessed":
            assert vertebra.level in found[found.index("could not be judged") :][:100]
    assert "What only a doctor can say" in found
    assert assessed.urgency.for_patient in found
    assert 'id="found"' not in explain()


def test_without_lesions_or_history_nothing_is_called_well(assessed):
    bare = replace(synthetic_case(history=False), vertebrae=())
    html = explain(from_case(bare))
    assert "This does not mean that there is none" in html
    assert "depends on how you feel" in html


def test_the_command_writes_the_page(tmp_path, assessed):
    given = tmp_path / "assessment.json"
    given.write_text(assessed.to_json(), encoding="utf-8")
    spondyl = str(Path(sys.executable).with_name("spondyl"))
    out = tmp_path / "page.html"
    run = lambda *words: subprocess.run(  # noqa: E731
        [spondyl, "explain", *words], capture_output=True, encoding="utf-8", env=UTF8, timeout=60
    )
    assert run(str(given), "--out", str(out)).returncode == 0
    assert 'id="found"' in out.read_text(encoding="utf-8")
    assert run("--out", str(tmp_path / "no" / "page.html")).returncode == 2
    assert run(str(out), "--out", str(out)).returncode == 2
