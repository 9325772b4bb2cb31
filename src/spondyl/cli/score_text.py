"""Scores as text in a terminal: each item with its points, the total or range, the bands, and what they rest on."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from spondyl.cli.words import heading, listed, paragraph, sources, table
from spondyl.clinical import rules
from spondyl.clinical.escc import EsccResult
from spondyl.clinical.noms import NomsResult
from spondyl.clinical.prognosis import PrognosisResult, Survival
from spondyl.values.score import ScoredItem, ScoreResult

NOT_ENOUGH = "Not enough to say: nothing that was answered narrows it."


def prognosis(out: Console, result: PrognosisResult) -> None:
    heading(out, f"{result.title}: {_range(result.total_min, result.total_max)}")
    better = "higher" if result.higher_is_better else "lower"
    paragraph(out, f"The score runs from {result.lowest} to {result.highest}; {better} is better.")
    if result.says_nothing:
        paragraph(out, NOT_ENOUGH)
    _items(out, result.items)
    _survival(out, result)
    if result.suggested and not result.says_nothing:
        heading(out, "What the authors suggested at their time (not advice)")
        listed(out, [f"{_words(band)}: {words}" for band, words in result.suggested])
    _missing(out, result.missing)
    if result.unverified:
        heading(out, "Unverified")
        paragraph(out, "The total rests on points or lists that could not be read in a source. It is shown for")
        paragraph(out, "orientation and carries no recommendation.")
    heading(out, "What the score is known not to do")
    listed(out, [f"Made from {result.made_from}.", *result.limits])
    sources(out, result.citations)


def sins(out: Console, result: ScoreResult) -> None:
    heading(out, f"SINS: {_range(result.total_min, result.total_max)}, {result.category}")
    bands = rules.load("sins").under("bands").items()
    said = ", ".join(f"{entry.value[0]} to {entry.value[1]} {name}" for name, entry in bands)
    paragraph(out, f"The score runs from 0 to 18: {said}.")
    if (result.total_min, result.total_max) == (0, 18):
        paragraph(out, NOT_ENOUGH)
    _items(out, result.items)
    heading(out, "What follows")
    paragraph(out, result.advice)
    _missing(out, _paths("sins", result.missing))
    sources(out, result.citations)


def escc(out: Console, result: EsccResult) -> None:
    said = result.grades[0] if len(result.grades) == 1 else f"one of {', '.join(result.grades)}"
    heading(out, f"ESCC: {said} ({result.group})")
    if len(result.grades) == len(rules.load("escc").under("grades")):
        paragraph(out, NOT_ENOUGH)
    rows = table("grade", "meaning")
    for grade, meaning in zip(result.grades, result.meanings, strict=True):
        rows.add_row(grade, meaning)
    out.print(rows)
    _missing(out, _paths("escc", result.missing))
    heading(out, "What the scale is known not to do")
    listed(out, result.limits)
    sources(out, result.citations)


def noms(out: Console, result: NomsResult) -> None:
    heading(out, "NOMS: neurologic, oncologic, mechanical, systemic")
    if all(len(part.possible) > 1 for part in result.considerations):
        paragraph(out, NOT_ENOUGH)
    rows = table("consideration", "answer", "because")
    for part in result.considerations:
        rows.add_row(part.name, " or ".join(map(_words, part.possible)), "; ".join(part.reasons))
    out.print(rows)
    heading(out, "Radiation, and operation to free the cord")
    listed(out, result.radiation)
    heading(out, "Stability, a question of its own")
    listed(out, result.stability)
    if len(result.radiation) > 1 or len(result.stability) > 1:
        paragraph(out, "Several lines: all of them are possible under these answers.")
    _missing(out, result.missing)
    paragraph(out, "The frame tells how its authors think; which treatment is right is for the team and the patient.")
    sources(out, result.citations)


def side_by_side(
    out: Console,
    stability: ScoreResult,
    compression: EsccResult,
    frame: NomsResult,
    all_of: tuple[PrognosisResult, ...],
) -> None:
    heading(out, "Stability and compression")
    rows = table("score", "result", "not answered")
    total = _range(stability.total_min, stability.total_max)
    rows.add_row("SINS", f"{total}, {stability.category}", _names(stability.missing))
    grades = " or ".join(compression.grades)
    rows.add_row("ESCC", f"{grades} ({compression.group})", _names(compression.missing))
    nothing = all(len(part.possible) > 1 for part in frame.considerations)
    said = "not enough to say" if nothing else "; or ".join(frame.radiation)
    rows.add_row("NOMS", said, _names(path.rpartition(".")[2] for path in frame.missing))
    out.print(rows)
    heading(out, "Prognosis scores, side by side")
    rows = table("score", "total", "of", "better", "band", "what became of such people")
    for result in all_of:
        star = " *" if result.unverified else ""
        rows.add_row(
            result.title.removesuffix(" score") + star,
            _range(result.total_min, result.total_max),
            f"{result.lowest}-{result.highest}",
            "higher" if result.higher_is_better else "lower",
            "not enough to say" if result.says_nothing else ", ".join(map(_words, result.bands)),
            "" if result.says_nothing else _shortest(result),
        )
    out.print(rows)
    if any(result.unverified for result in all_of):
        paragraph(out, "* rests on points or lists that could not be read in a source: for orientation only.")
    paragraph(
        out,
        "They disagree: they ask different things of different people at different times. None is the right one.",
    )
    heading(out, "Not computed")
    listed(out, [str(entry.value) for entry in rules.load("not_computed").under("scores").values()])
    _missing(out, dict.fromkeys(path for result in all_of for path in result.missing))


def _items(out: Console, items: tuple[ScoredItem, ...]) -> None:
    out.print()
    rows = table("item", "points", "answer", "from")
    for item in items:
        rows.add_row(_words(item.name), _range(item.points_min, item.points_max), _words(item.answer), item.basis)
    out.print(rows)


def _survival(out: Console, result: PrognosisResult) -> None:
    """By cohort, then by band: all that the cohort showed of it."""
    strata = rules.load(result.score).under("strata")
    heading(out, "What became of people in these bands" if len(result.bands) > 1 else "What became of such people")
    for cohort in dict.fromkeys(found.cohort for found in result.survival):
        paragraph(out, f"{cohort}:")
        of_cohort = [found for found in result.survival if found.cohort == cohort]
        rows = []
        for band in result.bands:
            said = [
                f"{found.measure} {dict(found.figures)[band]}" for found in of_cohort if band in dict(found.figures)
            ]
            if said:
                rows.append(f"{_band(band, strata[band].value)}: {', '.join(said)}")
        listed(out, rows)


def _band(name: str, limits: list[int]) -> str:
    """'short (0 to 8)'; a band named after its only total is 'score 2'."""
    return _words(name) if name.endswith(f"_{limits[0]}") else f"{_words(name)} ({_range(limits[0], limits[1])})"


def _shortest(result: PrognosisResult) -> str:
    """One cohort in one line: with numbers and read in a source, where there is such a one."""
    if not result.survival:
        return "no figures for these bands"

    def doubt(found: Survival) -> tuple[bool, bool]:
        return any("[unverified]" in figure for _, figure in found.figures), found.measure == "predicted"

    found = min(result.survival, key=doubt)
    return f"{found.measure} {', '.join(figure for _, figure in found.figures)}: {found.cohort}"


def _missing(out: Console, paths: Iterable[str]) -> None:
    said = ", ".join(paths)
    if said:
        heading(out, "Not answered, and would narrow it (places in the file)")
        paragraph(out, said)


def _paths(group: str, names: Iterable[str]) -> list[str]:
    return [f"{group}.{'level' if name == 'location' else name}" for name in names]


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_words, names))


def _words(name: str) -> str:
    return name.replace("_", " ")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"
