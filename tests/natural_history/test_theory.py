"""Parts of the model alone, each against what theory says."""

import math

import numpy as np
import pytest
from numba import njit
from scipy import stats
from scipy.integrate import solve_ivp

from small_worlds import NEVER, people_under, usual
from spondyl.natural_history import growth, seeding
from spondyl.natural_history.model import level_shares, model
from spondyl.natural_history.parameters import load_set
from spondyl.natural_history.scenario import Scenario
from spondyl.natural_history.states import PRIMARIES, SPINAL_PRIMARY

PROSTATE = PRIMARIES.index("prostate")


def test_seeding_alone_is_poisson():
    """Without spread between people, arrivals in lung are Poisson with the closed-form mean up to the horizon."""
    changes = {"seeding.spread_shape": 0.0, "seeding.arrivals": [2.0] * 9}
    chunk = people_under(40_000, changes=changes, people={"primaries": ["lung"], "with_spinal_primaries": False})
    p = load_set("literature")
    tau, rho = float(p["seeding.shedding_days"]), float(p["seeding.shedding_after"])
    factor = 1 + rho * 3652.5 / tau
    for organ, column in enumerate(("arrivals_lung", "arrivals_liver", "arrivals_bone")):
        mean = 2.0 * p["seeding.organ_share"][1, organ] * factor
        counts = chunk.people[column]
        assert counts.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / len(counts)))
        top = int(stats.poisson(mean).ppf(0.999))
        seen = np.bincount(np.minimum(counts, top), minlength=top + 1)
        expected = stats.poisson(mean).pmf(np.arange(top + 1)) * len(counts)
        expected[-1] = len(counts) - expected[:-1].sum()
        enough = expected > 5
        assert (
            stats.chisquare(seen[enough], expected[enough] * seen[enough].sum() / expected[enough].sum()).pvalue > 1e-3
        )
    spine = 2.0 * p["seeding.organ_share"][1, 2] * factor * float(p["seeding.spine_of_bone"])
    assert chunk.people["arrivals_spine"].mean() == pytest.approx(spine, abs=0.02)


def test_spread_makes_counts_negative_binomial():
    """A gamma mixture of Poisson counts has variance mean + mean^2 / shape."""
    changes = {"seeding.spread_shape": 0.8, "seeding.arrivals": [3.0] * 9, "seeding.shedding_after": 0.0}
    chunk = people_under(60_000, changes=changes, people={"primaries": ["lung"], "with_spinal_primaries": False})
    mean = 3.0 * float(load_set("literature")["seeding.organ_share"][1, 0])
    counts = chunk.people["arrivals_lung"]
    assert counts.mean() == pytest.approx(mean, rel=0.03)
    assert counts.var() == pytest.approx(mean + mean**2 / 0.8, rel=0.06)


@njit
def _arrival(expected, amount, record):
    return seeding.arrival_day(expected, amount, record)


@njit
def _expected(day, amount, record):
    return seeding.expected_arrivals(day, amount, record)


def test_arrival_times_invert_the_expected_count():
    record = model(load_set("literature"), Scenario())
    for count in (0.01, 0.5, 1.99, 2.0, 2.3, 5.0):
        assert _expected(_arrival(count, 2.0, record), 2.0, record) == pytest.approx(count)


def test_levels_follow_marrow():
    shares = level_shares(load_set("literature"))
    assert np.allclose(shares.sum(axis=1), 1)
    kidney = PRIMARIES.index("kidney")
    regions = [shares[kidney][a:b].sum() for a, b in ((0, 7), (7, 19), (19, 24), (24, 25))]
    assert regions == pytest.approx([0.092, 0.382, 0.291, 0.235], abs=0.002)  # ICRP 145
    assert shares[PROSTATE][19:].sum() > shares[kidney][19:].sum()  # the venous plexus


def test_growth_alone_is_gompertz():
    """Any step gives the solution of dV/dt = a V ln(K / V), and the time to a volume inverts it."""
    capacity, a, start = math.log(4e4), 0.004, math.log(65.0)
    days = 700.0
    whole = growth.log_volume_after(start, capacity, a, days)
    stepped = start
    for _ in range(100):
        stepped = growth.log_volume_after(stepped, capacity, a, days / 100)
    solved = solve_ivp(lambda t, v: a * v * np.log(4e4 / v), (0, days), [65.0], rtol=1e-10, atol=1e-8).y[0, -1]
    assert math.exp(whole) == pytest.approx(solved, rel=1e-6)
    assert stepped == pytest.approx(whole, rel=1e-12)
    assert growth.days_to(start, whole, capacity, a) == pytest.approx(days)


def test_doubling_at_the_reference_volume():
    capacity = math.log(4e4)
    a = growth.gompertz_rate(math.log(2) / 90, 1000.0, capacity)
    step = growth.log_volume_after(math.log(1000.0), capacity, a, 1e-3) - math.log(1000.0)
    assert step / 1e-3 == pytest.approx(math.log(2) / 90, rel=1e-4)


def test_survival_alone_is_its_weibull():
    """Deaths after the first overt metastasis, nothing else killing: the input's survival curve."""
    changes = {
        "survival.background_hazard_at_70": [1e-9, 1e-9],
        "survival.after_loss_of_walking": 1.0,
        "seeding.arrivals": [20.0] * 9,
        "seeding.spread_shape": 0.0,
    }
    chunk = people_under(8000, changes=changes, people={"primaries": ["lung"]}, years=40)
    people = chunk.people[(chunk.people["primary"] != SPINAL_PRIMARY) & (chunk.people["overt_day"] == 0)]
    assert len(people) > 3000
    p = load_set("literature")
    shape, median = float(p["survival.metastatic_shape"]), p["survival.metastatic_median_months"][1] * 30.4375
    law = stats.weibull_min(shape, scale=median / math.log(2) ** (1 / shape))
    assert stats.kstest(people["death_day"] + 0.5, law.cdf).statistic < 1.95 / math.sqrt(len(people)) + 0.004
    assert np.median(people["death_day"]) == pytest.approx(median, rel=0.05)


def test_background_survival_is_gompertz():
    changes = {"seeding.arrivals": [0.0] * 9, "people.age_sd_years": [0.0] * 10, "people.age_mean_years": [70.0] * 10}
    chunk = people_under(
        20_000, changes=changes, people={"primaries": ["prostate"], "with_spinal_primaries": False}, years=40
    )
    b, h = 0.095, 0.022
    years = 10.0
    alive = np.mean(chunk.people["death_day"] > years * 365.25)
    assert alive == pytest.approx(math.exp(-h / b * (math.exp(b * years) - 1)), abs=0.012)
    assert (chunk.people["spine_visible_day"] == NEVER).all()


def test_nothing_comes_before_its_cause():
    for name in ("article", "literature"):
        lesions, people = usual(name).lesions, usual(name).people
        for day in ("pain_day", "fracture_day", "epidural_day", "known_day", "treated_day"):
            later = lesions[day] != NEVER
            assert (lesions[day][later] >= lesions["visible_day"][later] - 7).all()
        treated = lesions["treated_day"] != NEVER
        assert (lesions["known_day"][treated] <= lesions["treated_day"][treated]).all()
        compressing = lesions["compression_day"] != NEVER
        assert (lesions["epidural_day"][compressing] <= lesions["compression_day"][compressing]).all()
        assert (people["end_day"] <= 3653).all()
        assert (usual(name).events["day"] >= 0).all()
        assert (people["quality_days"] <= people["end_day"] + 1).all()
        assert (np.bincount(lesions["patient"], minlength=len(people)) == people["levels"]).all()
