"""The example that reads the tables counts what the tables hold."""

import importlib.util
from pathlib import Path

import pytest

from spondyl.natural_history import run as running
from spondyl.natural_history.scenario import Scenario
from spondyl.natural_history.states import PRIMARIES

EXAMPLE = Path(__file__).parents[2] / "examples" / "simulated_population.py"


def test_example_counts_deficits(tmp_path):
    spec = importlib.util.spec_from_file_location("simulated_population", EXAMPLE)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    running.simulate(running.Run(Scenario(parameters="article"), 4000, seed=2, chunk=2000), tmp_path / "run", workers=1)
    shares = example.deficits_by_primary(tmp_path / "run")
    people = next(iter(running.chunks_of(tmp_path / "run"))).people
    rest = list(running.chunks_of(tmp_path / "run"))[1].people
    lung = PRIMARIES.index("lung")
    had = sum(int(((part["primary"] == lung) & (part["deficit_level"] >= 0)).sum()) for part in (people, rest))
    assert shares["lung"] == pytest.approx(had / sum(int((part["primary"] == lung).sum()) for part in (people, rest)))
    assert had > 0
    assert example.median_days_from_pain_to_deficit(tmp_path / "run") > 0
