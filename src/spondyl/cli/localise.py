"""`spondyl localise`: which vertebrae could explain the symptoms, and whether the lesions lie there."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import typer
from pydantic import ValidationError

from spondyl.anatomy.levels import Level
from spondyl.cli.triage_words import wrapped
from spondyl.clinical import rules
from spondyl.clinical.history import History, read_history
from spondyl.clinical.history import schema as history_schema
from spondyl.clinical.neurology import VERTEBRAE, part_at
from spondyl.clinical.neurology_grades import AisResult, ais
from spondyl.clinical.neurology_levels import LesionSite, Localisation, Match, localise
from spondyl.core.citations import cite
from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.report.schema import Assessment

NOTES = {
    "fits": "fits: likely for every symptom",
    "could explain": "could explain every symptom, though not the likeliest place",
    "explains some": "could explain some",
    "explains none": "could explain none of them",
}


def run_localise(
    file: Path | None, *, assessment: Path | None, lesions: str | None, as_json: bool, schema: bool
) -> None:
    if schema:
        typer.echo(json.dumps(history_schema(), indent=2))
        return
    if file is None:
        raise UnreadableInput("no file of answers is named.", "Name one; --schema prints what stands in it.")
    history = read_history(file)
    found = localise(history, _sites(assessment, lesions))
    grade = ais(history.examination)
    typer.echo(_json(found, grade) if as_json else _told(found, grade, history))


def read_assessment(path: Path) -> Assessment:
    """An assessment.json. Raises UnreadableInput when it can't be read or is none of this version."""
    try:
        return Assessment.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path} can't be read: {error}.", "Check the path.") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the file as a whole"
        raise UnreadableInput(
            f"{path} is no assessment of this version of Spondyl: '{place}', {first['msg'].lower()}.",
            "Give the assessment.json that spondyl assess wrote.",
        ) from error


def _sites(assessment: Path | None, lesions: str | None) -> list[LesionSite]:
    sites = [LesionSite(_level(name)) for name in (lesions or "").split(",") if name.strip()]
    if assessment is None:
        return sites
    for vertebra in read_assessment(assessment).vertebrae:
        touched = {side for lesion in vertebra.lesions for side in (*lesion.pedicles_touched, *lesion.facets_touched)}
        if vertebra.lesions:
            sites.append(LesionSite(Level[vertebra.level], tuple(sorted(touched))))
    return sites


def _level(name: str) -> Level:
    try:
        return Level.parse(name)
    except ValueError as error:
        raise InvalidAnswer(f"--lesions: {error}", "Write them as T8,L1.") from error


def _runs(levels: Iterable[Level]) -> str:
    """Levels in runs: 'C5 to T2, L1'."""
    wanted, runs = set(levels), list[list[Level]]()
    for before, level in zip((None, *VERTEBRAE), VERTEBRAE, strict=False):
        if level in wanted:
            if runs and runs[-1][-1] is before:
                runs[-1].append(level)
            else:
                runs.append([level])
    return ", ".join(r[0].name if len(r) == 1 else f"{r[0].name} to {r[-1].name}" for r in runs) or "none"


def _told(found: Localisation, grade: AisResult, history: History) -> str:
    lines = ["Which vertebrae could explain the symptoms", ""]
    if not found.symptoms:
        lines += [f"Not enough to say: no symptom is answered yes. Any of {_runs(found.possible)} is left.", ""]
    for symptom in found.symptoms:
        side = f" ({symptom.side})" if symptom.side and symptom.side not in symptom.symptom else ""
        lines.append(f"- {symptom.symptom}{side}")
        lines.append(f"    likely {_runs(symptom.likely)}; possible {_runs(symptom.possible)}")
    if found.symptoms:
        lines += ["", *_together(found)]
    lines += _lesions(found)
    lines += _grades(grade, history)
    lines += _cautions()
    lines += ["Sources:", *(f"  {c.text}{'' if c.verified else ' [unverified]'}" for c in cite(_keys(found)))]
    lines += ["", "Research software, not a medical device: it does not diagnose."]
    return wrapped(lines)


def _together(found: Localisation) -> list[str]:
    if not found.possible:
        return ["No single vertebra explains all of it: think of several levels, or of another cause.", ""]
    lines = [f"All of it at once: likely {_runs(found.likely)}; possible {_runs(found.possible)}."]
    lines.append(f"There run: {', '.join(found.parts)}.")
    if found.side:
        lines.append(f"Side of the symptoms: {found.side}.")
    return [*lines, ""]


def _lesions(found: Localisation) -> list[str]:
    if not found.matches:
        return []
    lines = ["Lesions:", *(f"- {_match(match)}" for match in found.matches)]
    if found.unexplained:
        lines.append(f"No lesion given explains: {'; '.join(found.unexplained)}. Another level may be affected.")
    return [*lines, ""]


def _match(match: Match) -> str:
    some = f": {'; '.join(match.explains)}" if match.verdict == "explains some" else ""
    side = f"; {match.side} as the symptoms" if match.side == "same side" else ""
    side = "; on the other side than the symptoms" if match.side == "other side" else side
    return f"{match.site.level.name} ({part_at(match.site.level)}): {NOTES[match.verdict]}{some}{side}."


def _grades(grade: AisResult, history: History) -> list[str]:
    table = rules.load("neurology")
    given = history.neurology.ais_grade
    lines = [f"ASIA Impairment Scale: {' or '.join(grade.possible)} by the examination given."]
    lines += [f"    {name}: {table.value(f'ais.{name}')}" for name in grade.possible]
    if grade.missing:
        lines.append(f"    To settle it: {'; '.join(grade.missing)}.")
    if given != "unknown" and given not in grade.possible:
        lines.append(f"    The grade given, {given}, does not agree with the examination given.")
    if (frankel := history.examination.frankel_grade) != "unknown":
        lines.append(f"Frankel {frankel}: {table.value(f'frankel.{frankel}')} [unverified].")
    return [*lines, ""]


def _cautions() -> list[str]:
    value = rules.load("neurology").value
    return [
        f"Levels mislead: in {value('mismatch.below_percent')} % of people the level of feeling lay "
        f"{value('mismatch.below_segments')} or more segments below the compression, in "
        f"{value('mismatch.above_percent')} % {value('mismatch.above_segments')} or more above it, and "
        f"{value('mismatch.several_levels_percent')} % had two or more compressions. A lesion that fits is no proof, "
        "and one that does not rules nothing out: the whole spine has to be seen. Sources differ by up to two "
        "vertebrae on where a cord segment lies; the spans here cover all of them (own choice).",
        "",
    ]


def _keys(found: Localisation) -> list[str]:
    grades = rules.load("neurology")
    return [*found.citations, *grades.cited(p for p in grades.entries if p.startswith(("ais", "frankel", "key")))]


def _json(found: Localisation, grade: AisResult) -> str:
    def plain(value: object) -> object:
        if isinstance(value, Level):
            return value.name
        if isinstance(value, frozenset):
            return [level.name for level in VERTEBRAE if level in value]
        if isinstance(value, dict):
            return {key: plain(entry) for key, entry in value.items()}
        return [plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value

    return json.dumps({**plain(asdict(found)), "ais": asdict(grade)}, indent=2)  # type: ignore[dict-item]
