"""From symptoms to the vertebrae that could explain them, and whether lesions lie there.

A symptom of a segment can come from the cord at or above it, or from its root between cord and foramen. What is
`possible` follows from anatomy and only grows when an answer is taken away; what is `likely` is where such a symptom
most often comes from, and rests on what was told of other parts of the body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules
from spondyl.clinical.history import SIDES, History
from spondyl.clinical.neurology import (
    SEGMENTS,
    VERTEBRAE,
    between,
    conus,
    cord_at,
    foramen,
    part_at,
    region,
    segments_at,
    span,
    widened,
)
from spondyl.clinical.neurology_answers import MOTOR_SEGMENTS, SENSORY_SEGMENTS
from spondyl.clinical.neurology_grades import NORMAL_MOTOR, NORMAL_SENSORY

ALL = frozenset(VERTEBRAE)
NEIGHBOURS = 1
"""Own choice: a root may be pressed on one vertebra above or below its foramen, and levels are miscounted by one."""


@dataclass(frozen=True)
class Explained:
    """One symptom and the vertebrae that could explain it."""

    symptom: str
    side: str
    """'left', 'right', 'both', or empty where it was not told or has none."""
    segments: tuple[str, ...]
    likely: frozenset[Level]
    possible: frozenset[Level]


@dataclass(frozen=True)
class LesionSite:
    level: Level
    sides: tuple[str, ...] = ()
    """Sides of the vertebra that the lesion touches, where known."""


@dataclass(frozen=True)
class Match:
    """How one lesion fits the symptoms."""

    site: LesionSite
    verdict: str
    """'fits', 'could explain', 'explains some' or 'explains none'."""
    explains: tuple[str, ...]
    side: str
    """'same side', 'other side', or empty where one of both is not known."""


@dataclass(frozen=True)
class Localisation:
    symptoms: tuple[Explained, ...]
    likely: frozenset[Level]
    """Vertebrae that are likely for every symptom at once."""
    possible: frozenset[Level]
    """Vertebrae that could explain every symptom at once; all of them when there is no symptom."""
    side: str
    parts: tuple[str, ...]
    """What runs there: 'cord', 'conus', 'cauda equina'; of the likely levels, or of the possible ones."""
    matches: tuple[Match, ...]
    unexplained: tuple[str, ...]
    """Symptoms that no lesion given could explain; empty without lesions."""
    citations: tuple[str, ...]


def localise(history: History, lesions: Sequence[LesionSite] = ()) -> Localisation:
    """Levels that could explain all symptoms of a history, and how lesions fit them."""
    symptoms = tuple(_symptoms(history))
    likely, possible = ALL, ALL
    for symptom in symptoms:
        likely, possible = likely & symptom.likely, possible & symptom.possible
    side = _side(symptoms)
    matches = tuple(_match(site, symptoms, likely, side) for site in lesions) if symptoms else ()
    explained = {name for match in matches for name in match.explains}
    parts = dict.fromkeys(part_at(level) for level in VERTEBRAE if level in (likely or possible))
    return Localisation(
        symptoms=symptoms,
        likely=likely if symptoms else frozenset(),
        possible=possible,
        side=side,
        parts=tuple(parts) if symptoms else (),
        matches=matches,
        unexplained=tuple(s.symptom for s in symptoms if s.symptom not in explained) if matches else (),
        citations=_citations(),
    )


def _citations() -> tuple[str, ...]:
    table, used = rules.load("neurology"), ("cord", "anatomy", "region", "mismatch")
    return table.cited(path for path in table.entries if path.partition(".")[0] in used)


def _symptoms(history: History) -> Iterator[Explained]:
    body = history.body
    arms_spared = body.weak_arm == "no" and body.numb_arm == "no"
    told: Mapping[str, tuple[str, str, str]] = {
        "weak_arm": ("neurology.weakness_of_arm", "weakness of an arm", "arm"),
        "weak_leg": ("neurology.weakness_of_leg", "weakness of a leg", "leg"),
        "numb_arm": ("", "numbness of an arm", "arm"),
        "numb_trunk": ("", "numbness of the trunk", "trunk"),
        "numb_leg": ("", "numbness of a leg", "leg"),
    }
    for field, (general, name, where) in told.items():
        side = getattr(body, field)
        part, _, answer = general.partition(".")
        if side in SIDES or (general and getattr(getattr(history, part), answer) == "yes"):
            yield _tract(name, side, region(where), arms_spared=arms_spared)
    yield from _pains(history)
    if history.neurology.gait_disturbance == "yes":
        yield _tract("difficulty in walking", "", region("leg"), arms_spared=arms_spared)
    if history.neurology.bladder_or_bowel_control_lost == "yes":
        yield _tract("loss of control of bladder or bowel", "", region("sphincters"), arms_spared=arms_spared)
    if history.neurology.saddle_anaesthesia == "yes":
        yield _tract("numbness of the saddle area", "", region("saddle"), arms_spared=arms_spared)
    if history.examination.upper_motor_neurone_signs == "yes":
        above = span(VERTEBRAE[0], conus()[1])
        yield Explained("signs of the upper motor neurone", "", (), above, above)
    yield from _found(history)


def _sided(side: str) -> str:
    return side if side in ("left", "right", "both") else ""


def _tract(name: str, side: str, segments: tuple[str, ...], *, arms_spared: bool) -> Explained:
    """Weakness or loss of feeling: the cord at or above the segments, or their roots."""
    possible = span(VERTEBRAE[0], _lowest(segments))
    below_arms = SEGMENTS.index(segments[0]) > SEGMENTS.index("T1")
    spared = segments_at_any(region("arm")) if arms_spared and below_arms else frozenset()
    above = span(cord_at(region("arm")[0])[0], _lowest(segments)) if segments == region("arm") else possible
    return Explained(name, _sided(side), segments, (above - spared) or possible, possible)


def segments_at_any(segments: tuple[str, ...]) -> frozenset[Level]:
    """Vertebrae from the top down to where the lowest of these segments lies."""
    return span(VERTEBRAE[0], cord_at(segments[-1])[1])


def _lowest(segments: tuple[str, ...]) -> Level:
    """Lowest vertebra at which a root of these segments may be pressed on."""
    return max(widened(frozenset(foramen(segments[-1])), NEIGHBOURS), key=lambda level: level.order)


def _root(name: str, side: str, segments: tuple[str, ...]) -> Explained:
    """Pain along roots: at their foramina, or in the canal on the way there from the end of the cord."""
    likely = frozenset(level for segment in segments for level in foramen(segment))
    possible = widened(likely, NEIGHBOURS)
    if segments[-1][0] in "LS":
        possible |= span(conus()[0], max(likely, key=lambda level: level.order))
    return Explained(name, _sided(side), segments, likely, possible)


def _pains(history: History) -> Iterator[Explained]:
    told = {
        "arm": ("pain.radiating_to_arm", history.body.pain_arm, "pain radiating to an arm"),
        "trunk": ("pain.band_like", history.body.pain_band, "band-like pain of the trunk"),
        "leg": ("pain.radiating_to_leg", history.body.pain_leg, "pain radiating to a leg"),
    }
    for where, (general, side, name) in told.items():
        if history.answer(general) == "yes":
            yield _root(name, side, region(where))
    for segment, side in history.examination.pain.items():
        if side in SIDES:
            yield _root(f"pain along the root {segment}", side, (segment,))


def _found(history: History) -> Iterator[Explained]:
    """The highest loss of feeling and of strength on each side."""
    examination = history.examination
    kinds = (
        ("loss of feeling", SENSORY_SEGMENTS, examination.sensory, NORMAL_SENSORY),
        ("weakness", MOTOR_SEGMENTS, examination.motor, NORMAL_MOTOR),
    )
    for name, segments, table, normal in kinds:
        for side in ("left", "right"):
            scores = {s: getattr(table[s], side) for s in segments if s in table}
            lost = [s for s in segments if scores.get(s) is not None and scores[s] < normal]
            if lost:
                kept = [s for s in segments if scores.get(s) == normal]
                yield _level(f"{name} from {lost[0]} on the {side}", side, lost, kept)


def _level(name: str, side: str, lost: list[str], kept: list[str]) -> Explained:
    """A level on examination: the cord there or somewhat above; the root where feeling or strength returns below."""
    top = SEGMENTS.index(lost[0])
    reach = rules.load("neurology")
    above = int(reach.value("mismatch.below_segments")) - 1
    under = int(reach.value("mismatch.above_segments"))
    near = {*SEGMENTS[max(0, top - above) : top + under]}
    likely: frozenset[Level] = frozenset(level for level in VERTEBRAE if near.intersection(segments_at(level)))
    roots: frozenset[Level] = frozenset(level for segment in lost for level in foramen(segment))
    lumbosacral = lost[0][0] in "LS"
    returns = any(SEGMENTS.index(s) > SEGMENTS.index(lost[-1]) for s in kept)
    if returns and len(lost) == 1:
        likely = roots
    elif lumbosacral:
        likely |= roots | span(conus()[0], min(roots, key=lambda level: level.order))
    ends = {_lowest((lost[0],)), *widened(frozenset({cord_at(lost[0])[1]}), under)}
    possible = span(VERTEBRAE[0], max(ends, key=lambda level: level.order))
    return Explained(name, side, between(lost[0], lost[-1]), (likely & possible) or possible, possible)


def _side(symptoms: Sequence[Explained]) -> str:
    sides = {symptom.side for symptom in symptoms if symptom.side}
    return sides.pop() if len(sides) == 1 else "both" if sides else ""


def _match(site: LesionSite, symptoms: Sequence[Explained], likely: frozenset[Level], side: str) -> Match:
    explains = tuple(s.symptom for s in symptoms if site.level in s.possible)
    if len(explains) == len(symptoms):
        verdict = "fits" if site.level in likely else "could explain"
    else:
        verdict = "explains some" if explains else "explains none"
    where = ""
    if side in ("left", "right") and len(site.sides) == 1:
        where = "same side" if site.sides[0] == side else "other side"
    return Match(site, verdict, explains, where)
