"""Levels and grades of neurology against anatomy, published rules and properties."""

import re
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spondyl.anatomy.levels import Level
from spondyl.clinical import rules
from spondyl.clinical.history import History
from spondyl.clinical.neurology import SEGMENTS, VERTEBRAE, cord_at, foramen, part_at
from spondyl.clinical.neurology_answers import MOTOR_SEGMENTS, SENSORY_SEGMENTS, Examination
from spondyl.clinical.neurology_grades import ais, injury_level, motor_level, sensory_level
from spondyl.clinical.neurology_levels import LesionSite, localise
from spondyl.core.citations import cite
from spondyl.core.errors import RuleError

RANKS = {"A": 0, "B": 1, "C": 2, "D": 3, "E": 4}


def located(content, *lesions):
    return localise(History.model_validate(content), [LesionSite(Level[name]) for name in lesions])


def test_the_tables_hold_every_segment_and_have_sources():
    table = rules.load("neurology")
    assert {*table.under("key_muscle")} == {*MOTOR_SEGMENTS}
    assert {*table.under("key_point")} == {*SENSORY_SEGMENTS}
    assert {*table.under("cord")} == {*SEGMENTS}
    assert all(cite(entry.citations) for entry in table.entries.values())


def test_an_entry_that_loses_its_source_or_reason_does_not_load():
    text = files("spondyl.clinical").joinpath("rules", "neurology.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    entries = [n for n, line in enumerate(lines) if "= {" in line]
    assert len(entries) == len(rules.load("neurology").entries)
    for number in entries:
        bare = re.sub(r', why = ".*?"|citations = \[.*?\], ', "", lines[number])
        with pytest.raises(RuleError):
            rules.parse("\n".join((*lines[:number], bare, *lines[number + 1 :])), "rules/neurology.toml")


def test_the_cord_lies_in_order_and_ends_at_the_conus():
    tops, bottoms = zip(*(cord_at(segment) for segment in SEGMENTS), strict=True)
    assert [level.order for level in tops] == sorted(level.order for level in tops)
    assert [level.order for level in bottoms] == sorted(level.order for level in bottoms)
    assert max(bottoms, key=lambda level: level.order) is Level.L2
    assert [part_at(level) for level in (Level.T12, Level.L1, Level.L2, Level.L3)] == [
        "cord", "conus", "conus", "cauda equina",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("segment", "vertebrae"),
    # Anatomy: cervical roots leave above their vertebra, C8 between C7 and T1, all others below.
    [("C6", "C5 C6"), ("C8", "C7 T1"), ("T1", "T1 T2"), ("T12", "T12 L1"), ("L5", "L5 S1"), ("S1", "S1 S2")],
)
def test_roots_leave_where_anatomy_says(segment, vertebrae):
    assert [level.name for level in foramen(segment)] == vertebrae.split()


@pytest.mark.parametrize(
    ("segment", "vertebra"),
    # The textbooks' anchors: vertebra plus 2 in the thorax, T12 at T8 or T10, lumbar at T10 to T12, sacral at L1.
    [("T6", "T4"), ("T8", "T6"), ("T12", "T10"), ("T12", "T8"), ("L5", "T11"), ("L1", "T10"), ("S2", "L1")],
)
def test_cord_segments_lie_where_the_textbooks_say(segment, vertebra):
    first, last = cord_at(segment)
    assert first.order <= Level[vertebra].order <= last.order


CASES = [
    ("foot drop on one side with root pain", {"examination": {"pain": {"L5": "left"}}}, "L5", "T6"),
    ("weak hand and pain into it", {"body": {"pain_arm": "right", "weak_arm": "right"}}, "C7", "T8"),
    ("weak legs, arms well", {"body": {"weak_leg": "both", "weak_arm": "no", "numb_arm": "no"}}, "T6", "S5"),
    ("saddle", {"neurology": {"saddle_anaesthesia": "yes", "bladder_or_bowel_control_lost": "yes"}}, "L3", None),
    ("cord", {"examination": {"upper_motor_neurone_signs": "yes"}, "body": {"weak_leg": "both"}}, "T8", "L4"),
    ("band-like pain", {"body": {"pain_band": "left"}}, "T7", "C4"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "answers", "inside", "outside"), CASES, ids=[case[0] for case in CASES])
def test_levels_of_textbook_syndromes(name, answers, inside, outside):
    found = located(answers)
    assert Level[inside] in found.likely
    assert outside is None or Level[outside] not in found.possible


def test_arms_and_legs_point_to_the_neck_and_legs_alone_below_it():
    both = located({"body": {"weak_arm": "right", "weak_leg": "right"}})
    legs = located({"body": {"weak_arm": "no", "numb_arm": "no", "weak_leg": "right"}})
    assert all(level.order <= Level.T3.order for level in both.possible)
    assert Level.C5 not in legs.likely
    assert Level.C5 in legs.possible  # a compression in the neck may spare the arms at first
    assert both.side == "right"


def test_lesions_match_or_not_and_what_none_explains_is_told():
    answers = {"body": {"weak_leg": "both", "pain_arm": "left"}}
    found = located(answers, "L4", "T8")
    verdicts = {match.site.level.name: match.verdict for match in found.matches}
    assert verdicts == {"L4": "explains some", "T8": "explains some"}
    assert found.unexplained == ("pain radiating to an arm",)
    assert located({"examination": {"sensory": {"T10": {"left": 1}}}}, "T7").matches[0].verdict == "fits"


def test_nothing_answered_leaves_every_level():
    found = located({})
    assert found.possible == frozenset(VERTEBRAE)
    assert not found.symptoms
    assert ais(Examination()).possible == ("A", "B", "C", "D", "E")


WHERE = st.sampled_from(["left", "right", "both", "yes", "no", "unknown"])
SIDED = ("weak_arm", "weak_leg", "numb_arm", "numb_trunk", "numb_leg", "pain_arm", "pain_band", "pain_leg")
TOLD = ("bladder_or_bowel_control_lost", "saddle_anaesthesia", "gait_disturbance", "weakness_of_leg")


def some_of(names, answer):
    return st.fixed_dictionaries({}, optional=dict.fromkeys(names, answer))


def scored(segments, whole):
    return st.dictionaries(st.sampled_from(segments), some_of(("left", "right"), st.integers(0, whole)))


answers = st.fixed_dictionaries(
    {
        "body": some_of(SIDED, WHERE),
        "neurology": some_of(TOLD, st.sampled_from(["yes", "unknown"])),
        "examination": st.fixed_dictionaries(
            {"motor": scored(MOTOR_SEGMENTS, 5), "sensory": scored(SENSORY_SEGMENTS, 2)}
        ),
    }
)


def leaves(content, head=()):
    for name, value in content.items():
        if isinstance(value, dict):
            yield from leaves(value, (*head, name))
        else:
            yield (*head, name)


def without(content, place):
    name, *rest = place
    if not rest:
        return {key: value for key, value in content.items() if key != name}
    return {**content, name: without(content[name], rest)}


@given(answers, st.data())
def test_an_answer_less_never_narrows_the_levels_nor_the_grades(content, data):
    places = list(leaves(content))
    if not places:
        return
    fewer = without(content, data.draw(st.sampled_from(places)))
    assert located(fewer).possible >= located(content).possible
    grades = [ais(Examination.model_validate(c["examination"])).possible for c in (fewer, content)]
    assert {*grades[0]} >= {*grades[1]}


@given(answers)
def test_what_is_likely_is_possible(content):
    found = located(content)
    assert found.likely <= found.possible
    assert all(symptom.likely <= symptom.possible for symptom in found.symptoms)


def examined(sensory, motor, anal_contraction, pressure):
    """An examination with scores from the head down, the same on both sides."""
    return Examination.model_validate(
        {
            "sensory": {s: {"left": v, "right": v} for s, v in zip(SENSORY_SEGMENTS, sensory, strict=True)},
            "motor": {s: {"left": v, "right": v} for s, v in zip(MOTOR_SEGMENTS, motor, strict=True)},
            "voluntary_anal_contraction": anal_contraction,
            "deep_anal_pressure": pressure,
        }
    )


def felt_to(last, below=0):
    index = SENSORY_SEGMENTS.index(last) + 1
    return [2] * index + [below] * (len(SENSORY_SEGMENTS) - index)


@pytest.mark.parametrize(
    ("examination", "grade", "level"),
    [
        # The definitions of the scale, each as the plainest examination that meets it.
        (examined(felt_to("T6"), [5] * 5 + [0] * 5, "no", "no"), "A", "T6"),
        (examined(felt_to("T6", 1), [5] * 5 + [0] * 5, "no", "yes"), "B", "T6"),
        (examined(felt_to("T6", 1), [5] * 5 + [2] * 5, "yes", "yes"), "C", "T6"),
        (examined(felt_to("T6", 1), [5] * 5 + [4] * 5, "yes", "yes"), "D", "T6"),
        (examined(felt_to("S4-5"), [5] * 10, "yes", "yes"), "E", "S4-5"),
        # Half of the key muscles below C5 at grade 3 or more is D; one fewer is C.
        (examined(felt_to("C5", 1), [5, 2, 2, 2, 2, 2, 3, 3, 3, 3], "yes", "yes"), "C", "C5"),
        (examined(felt_to("C4", 1), [4, 2, 2, 2, 2, 3, 3, 3, 3, 3], "yes", "yes"), "D", "C4"),
        # No voluntary contraction, but movement more than three segments below the level, with sacral feeling.
        (examined(felt_to("C5", 1), [5, 1, 1, 1, 1, 1, 1, 0, 0, 0], "no", "yes"), "C", "C5"),
    ],
)
def test_grades_and_levels_by_the_definitions(examination, grade, level):
    assert ais(examination).possible == (grade,)
    assert injury_level(examination) == level


def test_levels_of_one_side_by_the_rules():
    found = examined(felt_to("T4", 1), [5, 5, 4, 1, 0, 0, 0, 0, 0, 0], "no", "yes")
    assert sensory_level(found, "left") == "T4"
    assert motor_level(found, "right") == "C7"
    # Where no key muscle lies the motor level goes with feeling.
    assert motor_level(examined(felt_to("T4", 1), [5] * 5 + [0] * 5, "no", "yes"), "left") == "T4"


@given(st.integers(0, 5), st.integers(0, 5))
def test_stronger_muscles_never_make_a_worse_grade(weak, strong):
    weak, strong = sorted((weak, strong))
    worse, better = (
        ais(examined(felt_to("T6", 1), [5] * 5 + [score] * 5, "unknown", "yes")).possible for score in (weak, strong)
    )
    assert max(RANKS[g] for g in better) >= max(RANKS[g] for g in worse)
    assert min(RANKS[g] for g in better) >= min(RANKS[g] for g in worse)
