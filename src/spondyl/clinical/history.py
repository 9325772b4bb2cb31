"""What is known of the patient besides the scan: cancer, back pain, neurology, and imaging facts from elsewhere.

Every answer is optional and may be 'unknown'; an unanswered question is never taken for 'no'. Nothing that
could identify a person is asked or kept, and no question takes free text.

General answers and answers by level follow logic, not habit: 'some of the pain is mechanical' does not say
which vertebra hurts, but 'there is no pain' or 'none of it is mechanical' holds for every level. Answers that
contradict each other are refused.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from spondyl.anatomy.levels import Level
from spondyl.clinical.neurology_answers import (
    MOTOR_SEGMENTS,
    SENSORY_SEGMENTS,
    Answer,
    Body,
    Examination,
    Motor,
    Part,
    Sensory,
    Where,
)
from spondyl.core.errors import InvalidAnswer, UnreadableInput


def _level(name: str) -> str:
    if name not in Level.__members__:
        raise PydanticCustomError("level", "no level")
    return name


LevelName = Annotated[str, AfterValidator(_level), WithJsonSchema({"type": "string", "enum": list(Level.__members__)})]

# Primary sites and other words for them. Own choice: common sites, in words a form or a letter uses.
PRIMARIES = MappingProxyType(
    {
        "bladder": ("urothelial",),
        "breast": ("mammary",),
        "cervix": ("cervical cancer",),
        "colorectal": ("colon", "rectum", "bowel"),
        "head and neck": ("larynx", "pharynx", "nasopharynx"),
        "kidney": ("renal", "renal cell"),
        "leukaemia": ("leukemia",),
        "liver": ("hepatocellular", "hcc"),
        "lung": ("bronchus", "nsclc", "sclc"),
        "lymphoma": ("hodgkin", "non-hodgkin"),
        "melanoma": (),
        "myeloma": ("multiple myeloma", "plasmacytoma"),
        "oesophagus": ("esophagus",),
        "other": (),
        "ovary": ("ovarian",),
        "pancreas": ("pancreatic",),
        "prostate": ("prostatic",),
        "sarcoma": (),
        "stomach": ("gastric",),
        "testis": ("testicular", "germ cell"),
        "thyroid": (),
        "unknown primary": ("cup",),
        "uterus": ("endometrium", "endometrial"),
    }
)
_SITE_OF = {word: site for site, others in PRIMARIES.items() for word in (site, *others)}


def _site(value: Any) -> str | None:
    if value is None or value == "unknown":
        return None
    word = " ".join(value.lower().replace("_", " ").split()) if isinstance(value, str) else ""
    if word not in _SITE_OF:
        raise PydanticCustomError("primary_site", "not in the list", {"allowed": sorted(PRIMARIES)})
    return _SITE_OF[word]


PrimarySite = Annotated[
    str | None,
    BeforeValidator(_site),
    WithJsonSchema({"type": ["string", "null"], "enum": [*sorted(_SITE_OF), "unknown", None]}),
]


class Cancer(Part):
    status: Literal["known", "suspected", "none", "unknown"] = Field(
        default="unknown", description="Cancer now or in the past: known, suspected, none?"
    )
    primary: PrimarySite = Field(default=None, description="Where did the cancer begin?")


class Person(Part):
    """What the load on the spine depends on; no name, no age, no date."""

    weight_kg: float | None = Field(default=None, ge=20, le=300, description="Body weight in kilograms")
    height_cm: float | None = Field(default=None, ge=80, le=250, description="Body height in centimetres")
    sex: Literal["female", "male", "unknown"] = Field(default="unknown", description="Sex")


class LevelPain(Part):
    present: Answer = Field(default="unknown", description="Does this vertebra hurt?")
    mechanical: Answer = Field(
        default="unknown",
        description="Is the pain of this vertebra relieved by lying down, or brought on by movement or loading?",
    )


class Pain(Part):
    present: Answer = Field(default="unknown", description="Is there back or neck pain?")
    sudden: Answer = Field(default="unknown", description="Did the back pain begin suddenly?")
    much_worse: Answer = Field(default="unknown", description="Has the back pain become much worse?")
    mechanical: Answer = Field(
        default="unknown",
        description="Is any of the back pain relieved by lying down, or brought on by movement or loading?",
    )
    nocturnal: Answer = Field(default="unknown", description="Does the back pain come at night or disturb sleep?")
    unremitting: Answer = Field(default="unknown", description="Is the back pain severe and without a break?")
    straining: Answer = Field(
        default="unknown", description="Do coughing, sneezing or straining make the back pain worse?"
    )
    tender: Answer = Field(default="unknown", description="Is one place of the spine tender to touch or tapping?")
    claudication: Answer = Field(
        default="unknown", description="Do the legs hurt or tire on walking, and ease on sitting down?"
    )
    band_like: Answer = Field(default="unknown", description="Does pain run round chest or belly like a band?")
    radiating_to_arm: Answer = Field(default="unknown", description="Does pain radiate to an arm?")
    radiating_to_leg: Answer = Field(default="unknown", description="Does pain radiate to a leg?")
    levels: dict[LevelName, LevelPain] = Field(default_factory=dict, description="Answers for single vertebrae")


class Neurology(Part):
    bladder_or_bowel_control_lost: Answer = Field(
        default="unknown", description="Is control of bladder or bowel lost or changed?"
    )
    weakness_of_arm: Answer = Field(default="unknown", description="Is an arm or hand weak?")
    weakness_of_leg: Answer = Field(default="unknown", description="Is a leg or foot weak?")
    gait_disturbance: Answer = Field(default="unknown", description="Is walking difficult or unsteady?")
    numbness: Answer = Field(default="unknown", description="Is there numbness or tingling of trunk, arm or leg?")
    saddle_anaesthesia: Answer = Field(
        default="unknown", description="Is feeling lost around anus, genitals or inner thighs?"
    )
    ais_grade: Literal["A", "B", "C", "D", "E", "unknown"] = Field(
        default="unknown", description="ASIA Impairment Scale, as examined; E is normal"
    )


class LevelImaging(Part):
    """What a person read from a scan; the words of the SINS items. A given reading stands above a measured one."""

    earlier_alignment: Literal["normal", "same_as_now", "unknown"] = Field(
        default="unknown", description="How did this level stand on an earlier scan?"
    )
    lesion: Literal["lytic", "mixed", "blastic", "unknown"] = Field(default="unknown", description="Type of the lesion")
    alignment: Literal["subluxation_translation", "de_novo_deformity", "normal", "unknown"] = Field(
        default="unknown", description="Alignment at this level"
    )
    collapse: Literal["over_50", "under_50", "none_over_half_involved", "none", "unknown"] = Field(
        default="unknown", description="Collapse of the vertebral body, in per cent of its height"
    )
    posterolateral: Literal["bilateral", "unilateral", "none", "unknown"] = Field(
        default="unknown", description="Facet, pedicle or costovertebral joint fractured or replaced by tumour"
    )


class Imaging(Part):
    levels: dict[LevelName, LevelImaging] = Field(default_factory=dict, description="Readings for single vertebrae")


class History(Part):
    """The whole file; `History()` is the empty one."""

    person: Person = Field(default_factory=Person, description="Body weight, height, sex")
    cancer: Cancer = Field(default_factory=Cancer, description="Cancer")
    pain: Pain = Field(default_factory=Pain, description="Back pain")
    neurology: Neurology = Field(default_factory=Neurology, description="Nerves and spinal cord")
    body: Body = Field(default_factory=Body, description="Where the symptoms are")
    examination: Examination = Field(default_factory=Examination, description="Examination of the nerves")
    imaging: Imaging = Field(default_factory=Imaging, description="Facts from other scans or readings")

    @model_validator(mode="after")
    def _consistent(self) -> History:
        for path, other in _contradictions(self):
            raise PydanticCustomError("contradiction", "contradiction", {"path": path, "other": other})
        return self

    def answer(self, path: str) -> str:
        """The answer at 'pain.sudden', with what follows from others.

        No pain means no sudden pain, and back; a named primary site means that cancer is at least suspected.
        """
        part, _, name = path.partition(".")
        given: str = getattr(getattr(self, part), name)
        if path == "cancer.status" and given == "unknown" and self.cancer.primary is not None:
            return "suspected"
        if self._told_elsewhere(path):
            return "yes"
        if given != "unknown" or part != "pain":
            return given
        if name == "present" and self._some_pain_said():
            return "yes"
        if name in _KINDS_OF_PAIN and self.pain.present == "no":
            return "no"
        if name == "mechanical" and any(entry.mechanical == "yes" for entry in self.pain.levels.values()):
            return "yes"
        return given

    def _told_elsewhere(self, path: str) -> bool:
        """Whether a side or an examined muscle or point says yes to a general question, whatever was answered to it:
        an examination may find what its owner did not notice."""
        if any(getattr(self.body, name) in SIDES for name in _OF_BODY.get(path, ())):
            return True
        segments = _OF_SEGMENTS.get(path, "")
        found = self.examination.motor if path.startswith("neurology.weakness") else self.examination.sensory
        whole = 5 if path.startswith("neurology.weakness") else 2
        return any(
            score is not None and score < whole
            for name, entry in found.items()
            if name in segments
            for score in (entry.left, entry.right)
        )

    def _some_pain_said(self) -> bool:
        kinds = [getattr(self.pain, name) for name in _KINDS_OF_PAIN]
        by_level = [answer for entry in self.pain.levels.values() for answer in (entry.present, entry.mechanical)]
        return "yes" in (*kinds, *by_level)


_KINDS_OF_PAIN = ("sudden", "much_worse", "mechanical", "nocturnal", "unremitting", "straining")
"""Answers that are about the back pain itself, so that a 'yes' says there is some. Radiating pain may come alone."""


SIDES = ("left", "right", "both", "yes")
_OF_BODY = MappingProxyType(
    {
        "neurology.weakness_of_arm": ("weak_arm",),
        "neurology.weakness_of_leg": ("weak_leg",),
        "neurology.numbness": ("numb_arm", "numb_trunk", "numb_leg"),
        "pain.radiating_to_arm": ("pain_arm",),
        "pain.radiating_to_leg": ("pain_leg",),
        "pain.band_like": ("pain_band",),
    }
)
"""Answers about a side that say yes to a general question."""
_OF_SEGMENTS = MappingProxyType(
    {
        "neurology.weakness_of_arm": MOTOR_SEGMENTS[:5],
        "neurology.weakness_of_leg": MOTOR_SEGMENTS[5:],
        "neurology.numbness": SENSORY_SEGMENTS[:-2],
        "neurology.saddle_anaesthesia": SENSORY_SEGMENTS[-2:],
    }
)
"""Segments whose examination says yes to a general question."""


def _contradictions(history: History) -> Iterator[tuple[str, str]]:
    """Pairs of paths whose answers can't both be true."""
    pain = history.pain
    if pain.present == "no":
        yield from ((f"pain.{name}", "pain.present") for name in _KINDS_OF_PAIN if getattr(pain, name) == "yes")
    for level, entry in pain.levels.items():
        here = f"pain.levels.{level}"
        if pain.present == "no" and "yes" in (entry.present, entry.mechanical):
            yield here, "pain.present"
        if pain.mechanical == "no" and entry.mechanical == "yes":
            yield f"{here}.mechanical", "pain.mechanical"
        if entry.present == "no" and entry.mechanical == "yes":
            yield f"{here}.mechanical", f"{here}.present"
    for general, names in _OF_BODY.items():
        part, _, name = general.partition(".")
        if getattr(getattr(history, part), name) == "no":
            yield from ((f"body.{side}", general) for side in names if getattr(history.body, side) in SIDES)
    yield from _against_normal(history)
    if history.cancer.status == "none" and history.cancer.primary is not None:
        yield "cancer.primary", "cancer.status"


def _against_normal(history: History) -> Iterator[tuple[str, str]]:
    """A grade E says that strength and feeling are normal everywhere."""
    examination = history.examination
    grades = {
        "neurology.ais_grade": history.neurology.ais_grade,
        "examination.frankel_grade": examination.frankel_grade,
    }
    for grade in (path for path, given in grades.items() if given == "E"):
        yield from ((path, grade) for path, given in grades.items() if given in ("A", "B", "C", "D"))
        if examination.voluntary_anal_contraction == "no":
            yield "examination.voluntary_anal_contraction", grade
        for kind, found, whole in (("motor", examination.motor, 5), ("sensory", examination.sensory, 2)):
            for segment, entry in found.items():
                if any(score is not None and score < whole for score in (entry.left, entry.right)):
                    yield f"examination.{kind}.{segment}", grade


def question(path: str) -> str:
    """The question behind a path, as asked: 'pain.sudden' -> 'Did the back pain begin suddenly?'."""
    part, _, name = path.partition(".")
    fields = PARTS[part].model_fields
    return fields[name].description or path


PARTS: dict[str, type[Part]] = {
    "person": Person,
    "cancer": Cancer,
    "pain": Pain,
    "neurology": Neurology,
    "body": Body,
    "examination": Examination,
    "imaging": Imaging,
}
_BY_NAME: dict[tuple[str, str], type[Part]] = {
    ("pain", "levels"): LevelPain,
    ("imaging", "levels"): LevelImaging,
    ("examination", "motor"): Motor,
    ("examination", "sensory"): Sensory,
}
"""What stands below a level's or a segment's name."""


def schema() -> dict[str, Any]:
    """JSON schema of a history file."""
    return History.model_json_schema()


def read_history(path: Path) -> History:
    """A history from a TOML or JSON file (by its ending), or a FHIR QuestionnaireResponse. An empty file is valid.

    Raises UnreadableInput when the file can't be read, InvalidAnswer when an entry is wrong: the message names
    the path inside the file, what stood there and what is allowed, or line and column of a syntax error.
    """
    content = _content(path)
    if isinstance(content, dict) and content.get("resourceType") == "QuestionnaireResponse":
        from spondyl.clinical.fhir_answers import from_questionnaire

        content = from_questionnaire(content, History, str(path))
    try:
        return History.model_validate(content)
    except ValidationError as error:
        found = [_explain(detail) for detail in error.errors()]
        more = f" Wrong too: {' '.join(what for what, _ in found[1:])}" if len(found) > 1 else ""
        raise InvalidAnswer(f"The history file {path}: {found[0][0]}", f"{found[0][1]}{more}") from error


def _content(path: Path) -> Any:
    kind = path.suffix.lower()
    if kind not in (".toml", ".json"):
        raise UnreadableInput(f"The history file {path} ends in neither .toml nor .json.", "Rename it to what it is.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"The history file {path} is not UTF-8 text.", "Save it as UTF-8.") from error
    except OSError as error:
        raise UnreadableInput(f"The history file {path} can't be read: {error.strerror}.", "Check the path.") from error
    if not text.strip():
        return {}
    try:
        return tomllib.loads(text) if kind == ".toml" else json.loads(text, object_pairs_hook=_once_each)
    except tomllib.TOMLDecodeError as error:
        where = str(error).replace("(at end of document)", f"(at line {text.count(chr(10)) + 1}, the end of the file)")
        raise InvalidAnswer(f"The history file {path} is no valid TOML: {where}.", _TOML_REMEDY) from error
    except json.JSONDecodeError as error:
        where = f"{error.msg} (at line {error.lineno}, column {error.colno})"
        raise InvalidAnswer(f"The history file {path} is no valid JSON: {where}.", "Mend that line.") from error
    except RecursionError as error:
        raise InvalidAnswer(f"The history file {path} is nested too deeply.", "See the history reference.") from error


_TOML_REMEDY = 'Mend that line; answers stand in quotes, like sudden = "yes".'


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys stand once; of two answers to one question neither can be trusted."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise InvalidAnswer(f"The history file answers '{key}' twice in one place.", "Keep one of the answers.")
        found[key] = value
    return found


def _explain(detail: ErrorDetails) -> tuple[str, str]:
    """(what was found and where, what is allowed) of one pydantic error."""
    place = [str(step) for step in detail["loc"] if step != "[key]"]
    context = detail.get("ctx", {})
    where = f"'{'.'.join(place)}'" if place else "the file as a whole"
    match detail["type"]:
        case "contradiction":
            return f"'{context['path']}' contradicts '{context['other']}'.", "Correct one, or answer 'unknown'."
        case "extra_forbidden":
            return f"{where} is no question of a history.", _nearest(place)
        case "level":
            return f"{where} is no vertebral level.", "Levels are written C1 to C7, T1 to T13, L1 to L6, S1 to S5, CO."
        case "segment":
            return f"{where} is no segment with a key point.", f"Allowed: {context['allowed']}."
        case "primary_site":
            allowed = context["allowed"]
            close = _close(detail["input"], [*_SITE_OF])
            return f"{where} is {_shown(detail['input'])}.", f"{close}Allowed: {', '.join(allowed)}."
        case "literal_error":
            return f"{where} is {_shown(detail['input'])}.", f"Allowed: {', '.join(_allowed(place))}."
        case "greater_than_equal" | "less_than_equal" | "float_type" | "int_type" | "finite_number":
            low, high = _bounds(place)
            return f"{where} is {_shown(detail['input'])}.", f"Give a number from {low:g} to {high:g}, without quotes."
        case _:
            return f"{where} is {_shown(detail['input'])} and not a group of answers.", "Write it as a table."


def _shown(value: Any) -> str:
    """What stood there, short enough for one line."""
    if isinstance(value, dict | list):
        return "a table" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _model_at(place: list[str]) -> type[Part]:
    """The model whose fields may stand at this place (a path of groups)."""
    if not place:
        return History
    if len(place) >= 3:
        return _BY_NAME[place[0], place[1]]
    return PARTS[place[0]]


def _allowed(place: list[str]) -> tuple[str, ...]:
    if place[:2] == ["examination", "pain"]:
        return get_args(Where)
    return get_args(_model_at(place[:-1]).model_fields[place[-1]].annotation)


def _bounds(place: list[str]) -> tuple[float, float]:
    """Smallest and largest number that may stand here."""
    rules = _model_at(place[:-1]).model_fields[place[-1]].metadata
    low = next(rule.ge for rule in rules if hasattr(rule, "ge"))
    high = next(rule.le for rule in rules if hasattr(rule, "le"))
    return float(low), float(high)


def _paths() -> Iterator[str]:
    for part, model in PARTS.items():
        yield part
        yield from (f"{part}.{name}" for name in model.model_fields)


def _nearest(place: list[str]) -> str:
    """The nearest allowed name: first among those of the same group, then anywhere in a history."""
    *groups, name = place
    here = list(_model_at(groups).model_fields)
    if close := difflib.get_close_matches(name, here, n=1):
        return f"Did you mean '{'.'.join((*groups, close[0]))}'?"
    if name in (last := {path.rpartition(".")[2]: path for path in _paths()}):
        return f"Did you mean '{last[name]}'?"
    return f"Nearest: '{_most_alike(name, here)}'. Allowed here: {', '.join(here)}."


def _most_alike(name: str, names: list[str]) -> str:
    return max(names, key=lambda other: difflib.SequenceMatcher(None, name, other).ratio())


def _close(value: Any, words: list[str]) -> str:
    close = difflib.get_close_matches(value.lower(), words, n=1) if isinstance(value, str) else []
    return f"Did you mean '{close[0]}'? " if close else ""
