"""What a user finds in the folder: a page that stands alone, the same bytes each time, nothing elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from page import Page
from synthetic_case import LEVELS, synthetic_case

from spondyl.core.citations import cite
from spondyl.core.errors import OutputError
from spondyl.report import phrases
from spondyl.report.write import write_report


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole") / "out"
    out.mkdir()
    write_report(synthetic_case(), out, workers=2)
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_folder_holds_what_is_promised_and_nothing_lies_beside_it(folder: Path) -> None:
    assert set(tree(folder)) == {
        "assessment.json",
        "report.html",
        "figures/spine.png",
        "figures/L1.png",
        "figures/L2.png",
        "figures/L3.png",
        "masks/vertebrae.nii.gz",
        "masks/parts.nii.gz",
        "masks/lesions.nii.gz",
        "masks/canal.nii.gz",
        "masks/labels.json",
    }
    assert [entry.name for entry in folder.parent.iterdir()] == ["out"]


def test_two_writes_are_the_same_bytes_whatever_the_workers(folder: Path, tmp_path: Path) -> None:
    write_report(replace(synthetic_case(), stage_seconds={"reading": 99.0}), tmp_path, workers=1)
    assert tree(tmp_path) == tree(folder)


def test_the_page_loads_nothing_and_runs_nothing(folder: Path, page: Page) -> None:
    assert page.loads
    assert all(load.startswith("data:image/png;base64,") for load in page.loads)
    assert not {"script", "link", "iframe", "object", "embed"} & set(page.tags)
    raw = (folder / "report.html").read_text(encoding="utf-8").lower()
    assert "@import" not in raw
    assert raw.count("url(") == raw.count("url(#")


def test_every_link_leads_somewhere_on_the_page(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids))
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_every_level_is_named_and_has_its_panel(page: Page) -> None:
    for level in LEVELS:
        assert level.name in page.ids
        assert f"#{level.name}" in page.links
    assert "its upper part is cut off by the scan" in page.text


def test_every_citation_of_the_case_is_printed(page: Page) -> None:
    references = cite(synthetic_case().citations)
    assert references
    for reference in references:
        assert " ".join(reference.text.split()) in page.text
        assert f"ref-{reference.key}" in page.ids


def test_the_page_says_what_it_is_not_before_anything_else(page: Page) -> None:
    text = page.text
    assert text.index("not a medical device") < text.index("Summary", text.index("Assessment of the spine"))
    assert text.index("seek immediate medical attention") < text.index("call a physician today")
    assert text.index("call a physician today") < text.index("From the history given")


def test_without_a_history_it_says_what_it_would_need(tmp_path: Path) -> None:
    write_report(synthetic_case(history=False), tmp_path)
    text = Page((tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "No history was given" in text
    assert "It would need:" in text
    assert "seek immediate medical attention" in text


def test_what_is_unknown_is_said_with_its_reason(page: Page) -> None:
    assert "not measured: a lesion reaches the endplate" in page.text
    assert "not measured: the slices are too thick for a finite-element model" in page.text
    assert "None" not in page.text.replace("None found", "")
    assert " nan" not in page.text


def test_a_sins_range_is_shown_as_a_range_and_only_where_there_is_a_lesion(page: Page) -> None:
    assert "L2 5 to 10 of 18" in page.text
    assert "no lesion to score" in page.text


def test_every_picture_says_what_it_shows(page: Page) -> None:
    assert len(page.alts) == 1 + 4 + 4 + 3  # the spine; three cuts a level, and the load where there is a strength
    assert all(alt and len(alt) > 20 for alt in page.alts)
    assert len(set(page.alts)) == len(page.alts)


def test_text_of_the_case_cannot_become_markup(tmp_path: Path) -> None:
    case = synthetic_case()
    sly = replace(case, scan=replace(case.scan, source="<script>alert(1)</script>"))
    write_report(sly, tmp_path)
    assert "script" not in Page((tmp_path / "report.html").read_text(encoding="utf-8")).tags


def test_progress_runs_from_one_to_all(tmp_path: Path) -> None:
    heard: list[tuple[str, int, int]] = []
    write_report(synthetic_case(), tmp_path, progress=lambda *said: heard.append(said), workers=2)
    assert [done for _, done, _ in heard] == list(range(1, heard[-1][2] + 1))


def test_a_folder_that_is_not_empty_or_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="empty"):
        write_report(synthetic_case(), tmp_path / "absent")
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(OutputError, match="empty"):
        write_report(synthetic_case(), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("Height loss not measured: A lesion reaches the endplate.", "not measured: a lesion reaches the endplate"),
        ("No alignment: the level above is absent", "not measured: the level above is absent"),
        ("CT too coarse", "not measured: CT too coarse"),
    ],
)
def test_a_note_becomes_a_reason_said_once(note: str, said: str) -> None:
    assert said in phrases.because([note])


def test_a_reason_is_never_borrowed_from_another_measure() -> None:
    notes = ["The wedge could not be fitted."]
    assert "see the notes" in phrases.because(notes, "width")
    assert "wedge" in phrases.because(notes, "wedge")
    assert "no reason was recorded" in phrases.because([])


def test_numbers_are_written_with_their_unit_and_no_more_digits_than_they_bear() -> None:
    assert phrases.number(4123.0, "N", -1) == "4\u2009120\u00a0N"
    assert phrases.number(-0.04, "mm", 1) == "0.0\u00a0mm"
    assert phrases.number(-3.26, "mm", 1) == "\u22123.3\u00a0mm"
    assert phrases.number(None, "mm") == "not measured"
    assert phrases.interval((0.1, None), "%") == "interval not known"
