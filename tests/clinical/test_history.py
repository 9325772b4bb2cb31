"""History files: what is read, and what is refused with its place."""

import contextlib
import json
import re
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from spondyl.anatomy.levels import Level
from spondyl.clinical import history, rules
from spondyl.clinical.history import History, read_history
from spondyl.core.errors import InvalidAnswer, UnreadableInput

FULL = """
[cancer]
status = "known"
primary = "NSCLC"

[pain]
present = "yes"
sudden = "no"
mechanical = "yes"
nocturnal = "unknown"
radiating_to_leg = "no"

[pain.levels.T8]
mechanical = "yes"

[neurology]
numbness = "no"
ais_grade = "E"

[imaging.levels.T8]
earlier_alignment = "normal"
collapse = "under_50"
"""


@pytest.fixture
def read(tmp_path):
    def read_text(text, ending=".toml"):
        path = tmp_path / f"history{ending}"
        path.write_text(text, encoding="utf-8")
        return read_history(path)

    return read_text


def test_a_full_file(read):
    found = read(FULL)
    assert found.cancer.primary == "lung"
    assert found.pain.levels["T8"].mechanical == "yes"
    assert found.neurology.ais_grade == "E"
    assert found.imaging.levels["T8"].collapse == "under_50"
    assert found.pain.much_worse == "unknown"


@pytest.mark.parametrize(
    ("text", "ending"), [("", ".toml"), ("# nothing yet\n", ".toml"), ("", ".json"), ("{}", ".json")]
)
def test_an_empty_file_is_a_history_of_unknowns(read, text, ending):
    assert read(text, ending) == History()


def test_toml_and_json_say_the_same(read):
    from_toml = read(FULL)
    assert read(from_toml.model_dump_json(), ".json") == from_toml


def test_a_fhir_questionnaire_response_says_the_same(read):
    pytest.importorskip("fhir.resources")
    item = [
        {"linkId": "cancer.status", "answer": [{"valueCoding": {"code": "known"}}]},
        {"linkId": "pain.sudden", "answer": [{"valueBoolean": True}]},
        {"linkId": "neurology.numbness"},
    ]
    content = {"resourceType": "QuestionnaireResponse", "status": "completed", "item": item}
    expected = History.model_validate({"cancer": {"status": "known"}, "pain": {"sudden": "yes"}})
    assert read(json.dumps(content), ".json") == expected
    wrong = {**content, "item": [{"linkId": "pain.sudden", "answer": [{"valueString": "often"}]}]}
    with pytest.raises(InvalidAnswer, match=r"'pain.sudden'.*yes, no, unknown"):
        read(json.dumps(wrong), ".json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[pain]\nmechanical = "maybe"', ["'pain.mechanical'", '"maybe"', "yes, no, unknown"]),
        ("[pain]\nmechanical = true", ["'pain.mechanical'", "true", "yes, no, unknown"]),
        ('[pain]\nmecanical = "yes"', ["'pain.mecanical'", "Did you mean 'pain.mechanical'"]),
        ('mechanical = "yes"', ["'mechanical'", "Did you mean 'pain.mechanical'"]),
        ('[neurology]\nweak_arm = "yes"', ["'neurology.weak_arm'", "weakness_of_arm"]),
        ('[pain.levels.T99]\npresent = "yes"', ["'pain.levels.T99'", "T1 to T13"]),
        ('[pain.levels.T8]\npresent = "often"', ["'pain.levels.T8.present'", '"often"']),
        ('[pain.levels.T8]\npresnt = "yes"', ["Did you mean 'pain.levels.T8.present'"]),
        ('[pain.levels]\nT8 = "yes"', ["'pain.levels.T8'", "table"]),
        ('pain = "yes"', ["'pain'", "table"]),
        ('[cancer]\nprimary = "brest"', ["'cancer.primary'", "Did you mean 'breast'", "prostate"]),
        ("[cancer]\nprimary = 3", ["'cancer.primary'", "3"]),
        ("[person]\nweight_kg = 720", ["'person.weight_kg'", "720", "from 20 to 300"]),
        ('[person]\nheight_cm = "1.68"', ["'person.height_cm'", '"1.68"', "from 80 to 250"]),
        ("[person]\nweight_kg = nan", ["'person.weight_kg'", "from 20 to 300"]),
        ('[cancer]\nstatus = "cured"', ["'cancer.status'", "known, suspected, none, unknown"]),
        ('[imaging.levels.T8]\ncollapse = "half"', ["'imaging.levels.T8.collapse'", "over_50"]),
        ('[neurology]\nais_grade = "F"', ["'neurology.ais_grade'", "A, B, C, D, E, unknown"]),
        ("[examination.motor.L4]\nleft = 6", ["'examination.motor.L4.left'", "6", "from 0 to 5"]),
        ('[examination.motor.L4]\nleft = "4"', ["'examination.motor.L4.left'", '"4"', "from 0 to 5"]),
        ("[examination.sensory.T10]\nright = 3", ["'examination.sensory.T10.right'", "from 0 to 2"]),
        ("[examination.motor.T5]\nleft = 4", ["'examination.motor.T5'", "C5, C6, C7, C8, T1, L2"]),
        ("[examination.sensory.S9]\nleft = 1", ["'examination.sensory.S9'", "S4-5"]),
        ('[examination.pain]\nL5 = "outside"', ["'examination.pain.L5'", "left, right, both, yes, no, unknown"]),
        ('[body]\nweak_leg = "lft"', ["'body.weak_leg'", "left, right, both"]),
        ('[body]\nweak_leg = "left"\n[neurology]\nweakness_of_leg = "no"', ["'body.weak_leg'", "contradicts"]),
        ('[pain]\nsudden = "a"\nmuch_worse = "b"', ["'pain.sudden'", "'pain.much_worse'"]),
    ],
)
def test_a_wrong_entry_is_named_by_its_path(read, text, said):
    with pytest.raises(InvalidAnswer) as caught:
        read(text)
    for part in said:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("text", "ending", "place"),
    [
        ("[pain]\nsudden = no", ".toml", "line 2, column 10"),
        ("[pain\n", ".toml", "line 1"),
        ('[pain]\n\nsudden = "yes', ".toml", "line 3"),
        ('{\n "pain": }', ".json", "line 2, column 10"),
    ],
)
def test_a_syntax_error_is_named_by_line_and_column(read, text, ending, place):
    with pytest.raises(InvalidAnswer, match=place):
        read(text, ending)


@pytest.mark.parametrize("text", ["null", "[1]", '"yes"', '{"pain": null}', "[" * 100_000])
def test_json_of_another_shape_is_refused(read, text):
    with pytest.raises(InvalidAnswer):
        read(text, ".json")


def test_a_question_answered_twice_is_refused(read):
    with pytest.raises(InvalidAnswer, match="'sudden' twice"):
        read('{"pain": {"sudden": "yes", "sudden": "no"}}', ".json")
    with pytest.raises(InvalidAnswer, match="line 3"):
        read('[pain]\nsudden = "yes"\nsudden = "no"')


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ('[pain]\npresent = "no"\nsudden = "yes"', ("pain.sudden", "pain.present")),
        ('[pain]\npresent = "no"\n[pain.levels.T8]\npresent = "yes"', ("pain.levels.T8", "pain.present")),
        (
            '[pain]\nmechanical = "no"\n[pain.levels.T8]\nmechanical = "yes"',
            ("pain.levels.T8.mechanical", "pain.mechanical"),
        ),
        (
            '[pain.levels.T8]\npresent = "no"\nmechanical = "yes"',
            ("pain.levels.T8.mechanical", "pain.levels.T8.present"),
        ),
        ('[cancer]\nstatus = "none"\nprimary = "lung"', ("cancer.primary", "cancer.status")),
    ],
)
def test_answers_that_contradict_each_other_are_refused(read, text, paths):
    with pytest.raises(InvalidAnswer) as caught:
        read(text)
    assert f"'{paths[0]}' contradicts '{paths[1]}'" in str(caught.value)


def test_pain_may_radiate_without_back_pain(read):
    assert read('[pain]\npresent = "no"\nradiating_to_leg = "yes"').pain.radiating_to_leg == "yes"


@pytest.mark.parametrize(
    ("content", "path", "follows"),
    [
        ({}, "pain.sudden", "unknown"),
        ({"pain": {"present": "no"}}, "pain.sudden", "no"),
        ({"pain": {"present": "no"}}, "pain.radiating_to_leg", "unknown"),
        ({"pain": {"sudden": "yes"}}, "pain.present", "yes"),
        ({"pain": {"levels": {"T8": {"mechanical": "yes"}}}}, "pain.present", "yes"),
        ({"pain": {"levels": {"T8": {"mechanical": "yes"}}}}, "pain.mechanical", "yes"),
        ({"pain": {"levels": {"T8": {"present": "no"}}}}, "pain.present", "unknown"),
        ({"cancer": {"primary": "lung"}}, "cancer.status", "suspected"),
        ({"cancer": {"primary": "unknown"}}, "cancer.status", "unknown"),
    ],
)
def test_what_follows_from_other_answers(content, path, follows):
    assert History.model_validate(content).answer(path) == follows


@pytest.mark.parametrize(
    ("word", "site"), [("NSCLC", "lung"), ("Renal_Cell", "kidney"), ("breast", "breast"), ("CUP", "unknown primary")]
)
def test_synonyms_of_primary_sites(word, site):
    assert History.model_validate({"cancer": {"primary": word}}).cancer.primary == site


def test_unreadable_files(tmp_path):
    with pytest.raises(UnreadableInput, match="can't be read"):
        read_history(tmp_path / "absent.toml")
    (tmp_path / "history.txt").write_text("")
    with pytest.raises(UnreadableInput, match="neither"):
        read_history(tmp_path / "history.txt")
    (tmp_path / "latin.toml").write_bytes(b"# \xe9\xff\n")
    with pytest.raises(UnreadableInput, match="UTF-8"):
        read_history(tmp_path / "latin.toml")
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf[pain]\nsudden = 'no'\n")
    assert read_history(tmp_path / "bom.toml").pain.sudden == "no"


def test_no_question_asks_who_the_patient_is_or_takes_free_text():
    def leaves(node, path=""):
        for name, field in node.get("properties", {}).items():
            yield f"{path}.{name}", field

    document = history.schema()
    for name, part in {"": document, **document["$defs"]}.items():
        assert part["additionalProperties"] is False, name
        for path, field in leaves(part, name):
            is_group = "$ref" in field or field.get("type") == "object"
            is_bounded_number = any({"minimum", "maximum"} <= kind.keys() for kind in field.get("anyOf", ()))
            assert is_group or is_bounded_number or "enum" in field, f"{path} takes anything"
    words = json.dumps(document).lower()
    for identity in ("patient_id", "birth", "surname", "address", "date of"):
        assert identity not in words


def test_the_schema_accepts_what_is_read_and_refuses_what_is_not(read):
    document = history.schema()
    jsonschema.Draft202012Validator.check_schema(document)
    check = jsonschema.Draft202012Validator(document)
    assert check.is_valid({})
    assert check.is_valid(json.loads(read(FULL).model_dump_json()))
    for wrong in ({"pain": {"sudden": "maybe"}}, {"name": "x"}, {"pain": {"levels": {"T99": {}}}}):
        assert not check.is_valid(wrong)
        with pytest.raises(ValidationError):
            History.model_validate(wrong)


def test_every_level_and_every_word_of_sins_can_be_given():
    for level in Level:
        assert History.model_validate({"pain": {"levels": {level.name: {"present": "yes"}}}})
    document = history.schema()["$defs"]["LevelImaging"]["properties"]
    for item in ("lesion", "alignment", "collapse", "posterolateral"):
        assert set(document[item]["enum"]) == {*rules.load("sins").under(f"points.{item}"), "unknown"}


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(st.sampled_from(["pain", "cancer", "levels", "T8", "sudden", "primary", "x"]), x)
        ),
    )
)
def test_whatever_json_holds_it_is_a_history_or_a_named_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "history.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    # Any other error than this one fails the test.
    with contextlib.suppress(InvalidAnswer):
        assert isinstance(read_history(path), History)


def test_the_example_in_the_reference_is_read(read):
    page = (Path(__file__).parents[2] / "docs" / "reference" / "history.md").read_text(encoding="utf-8")
    examples = re.findall(r"```(toml|json)\n(.*?)```", page, flags=re.S)
    assert len(examples) >= 2
    for kind, text in examples:
        assert read(text, f".{kind}") != History()
    every_path = {
        f"{part}.{name}" for part in ("cancer", "pain", "neurology") for name in history.PARTS[part].model_fields
    }
    for path in every_path - {"pain.levels"}:
        assert f"`{path}`" in page, path
    for site in history.PRIMARIES:
        assert site in page
