"""The pool keeps order, tells progress, and says in words when a worker is lost."""

from __future__ import annotations

import math
import os

import pytest

from spondyl.core.errors import SpondylError
from spondyl.core.progress import silent
from spondyl.pipeline.workers import workers


@pytest.mark.parametrize("count", [1, 2])
def test_results_come_in_the_order_of_the_tasks(count: int):
    heard = []
    with workers(count) as team:
        assert team.map(math.factorial, [3, 1, 4], lambda *told: heard.append(told), "counting") == [6, 1, 24]
    assert heard == [("counting", done, 3) for done in range(4)]


def test_a_lost_worker_is_told_in_words():
    with workers(2) as team, pytest.raises(SpondylError, match="--workers 1"):
        team.map(os._exit, [1, 1], silent, "measuring")
