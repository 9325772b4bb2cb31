"""Small populations for the tests of the natural history."""

from functools import cache

import numpy as np

from spondyl.natural_history.chunk import Chunk, simulate_chunk
from spondyl.natural_history.model import model
from spondyl.natural_history.parameters import load_set
from spondyl.natural_history.scenario import Scenario

NEVER = int(np.int32(2**31 - 1))


def people_under(count: int, *, seed: int = 2001, changes: dict | None = None, **fields: object) -> Chunk:
    scenario = Scenario.model_validate({"changes": changes or {}, **fields})
    return simulate_chunk(model(scenario.parameter_set(), scenario), seed, 0, count)


@cache
def usual(parameters: str, count: int = 30_000) -> Chunk:
    return people_under(count, parameters=parameters)


def values(name: str) -> dict:
    return dict(load_set(name).entries)
