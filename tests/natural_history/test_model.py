"""What produces what: the canal, strength, load and policy each act where they should."""

import numpy as np
import pytest

from small_worlds import NEVER, people_under, usual
from spondyl.natural_history.figures import tally
from spondyl.natural_history.parameters import load_set
from spondyl.natural_history.targets import read_targets, verdicts

ATTENTION = ("attention_cervical", "attention_thoracic", "attention_lumbar")


def attention(chunk):
    counted = tally([chunk], ATTENTION)
    return np.array([counted.value(name) for name in ATTENTION])


def test_the_frame_comes_out():
    """The article's shares within 2 points (more where fewer people are counted) and its orders."""
    counted = tally([usual("article", 60_000)])
    rows = verdicts(read_targets("article"), counted)
    assert [row.statement for row in rows if row.verdict != "agrees"] == []


def test_canal_size_decides_where_tumour_comes_to_attention():
    """Lumbar canals as narrow as the mid-thoracic: seeding is the same, the symptomatic share moves to the lumbar."""
    p = load_set("article")
    area, neural = p["canal.area_mm2"].copy(), p["canal.neural_mm2"].copy()
    before = attention(usual("article"))
    area[19:], neural[19:] = area[12], neural[12]
    narrow = people_under(30_000, parameters="article", changes={"canal.area_mm2": area, "canal.neural_mm2": neural})
    after = attention(narrow)
    assert after[2] > before[2] + 0.08
    assert after[1] < before[1] - 0.05
    arrivals = usual("article").people["arrivals_spine"]
    assert np.array_equal(arrivals, narrow.people["arrivals_spine"])


def test_seeding_is_not_seventy_twenty_ten():
    levels = usual("article").lesions["level"]
    assert np.mean((levels >= 7) & (levels < 19)) < 0.55


def test_stronger_bone_breaks_less():
    usual_share = np.mean(usual("literature").people["fracture_day"] != NEVER)
    p = load_set("literature")
    strong = people_under(
        30_000,
        changes={f"body.strength_{sex}_kn": (2 * p[f"body.strength_{sex}_kn"]).tolist() for sex in ("male", "female")},
    )
    assert np.mean(strong.people["fracture_day"] != NEVER) < 0.6 * usual_share


def test_without_the_wall_open_nothing_reaches_the_canal():
    closed = people_under(
        20_000,
        changes={
            "compression.breach": [0.0, 0.0, 0.0],
            "seeding.intradural_share": 0.0,
            "seeding.intramedullary_share": 0.0,
            "loads.retropulsion": [0.0, 0.0, 0.0],
        },
        people={"with_spinal_primaries": False},
    )
    assert (closed.people["epidural_day"] == NEVER).all()
    assert (closed.people["spine_visible_day"] != NEVER).any()


def test_a_policy_changes_only_what_it_acts_on():
    """Under surveillance, everything up to a person's first scan that found something is the same, bit by bit."""
    usually, watched = (
        usual("literature"),
        people_under(30_000, surveillance={"interval_days": 91, "start": "diagnosis"}),
    )
    fixed = ["patient", "primary", "age_years", "arrivals_spine", "arrivals_bone", "overt_day", "spine_visible_day"]
    never = usually.people["levels"] == 0
    for name in ("patient", "primary", "age_years", "weight_kg", "arrivals_spine", "arrivals_bone"):
        assert np.array_equal(usually.people[name], watched.people[name]), name
    for name in fixed:
        assert np.array_equal(usually.people[name][never], watched.people[name][never]), name
    assert watched.people["scans"].sum() > 0
    assert usually.people["scans"].sum() == 0
    found = np.minimum(usually.people["known_day"], watched.people["known_day"])
    early = usually.people["pain_day"] < found
    assert np.array_equal(usually.people["pain_day"][early], watched.people["pain_day"][early])


def test_scans_find_earlier_and_preemptive_care_spares_deficits():
    watched = people_under(
        30_000,
        surveillance={"interval_days": 61, "start": "diagnosis"},
        care={"preemptive_from_grade": "1a"},
    )
    usually = usual("literature")
    assert watched.people["known_day"].astype(float).mean() <= usually.people["known_day"].astype(float).mean()
    assert np.sum(watched.people["deficit_day"] != NEVER) < np.sum(usually.people["deficit_day"] != NEVER)


def test_scans_come_as_often_as_asked():
    chunk = people_under(2000, surveillance={"interval_days": 100, "start": "diagnosis"})
    expected = np.ceil(chunk.people["end_day"] / 100)
    assert np.mean(np.abs(chunk.people["scans"] - expected)) < 0.6


@pytest.mark.parametrize("primary", ["prostate", "kidney"])
def test_only_the_primaries_asked_for(primary):
    chunk = people_under(500, people={"primaries": [primary], "with_spinal_primaries": False})
    assert len(np.unique(chunk.people["primary"])) == 1
