"""Kernels are compiled once, kept, and work where the package can't be written to."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np

from spondyl.mechanics.compiled import BLOCK, block_count, dot, workers

SOLVE = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import numpy as np
from spondyl.mechanics.strength import axial_strength
result = axial_strength(np.full((8, 8, 9), 100.0), np.ones((8, 8, 9), bool), (1.0, 1.0, 1.0))
print(repr(result.stiffness_n_per_mm))
"""


def solved_in_a_new_process(cache):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run([sys.executable, "-c", SOLVE], env=environment, capture_output=True, text=True, check=True)


def test_the_second_process_finds_the_kernels_of_the_first(tmp_path):
    first = solved_in_a_new_process(tmp_path)
    second = solved_in_a_new_process(tmp_path)
    assert first.stderr.count("compiling the mechanics kernels once") == 1
    assert "compiling" not in second.stderr
    assert second.stdout == first.stdout
    assert list(tmp_path.rglob("*.nbc"))


def test_sums_do_not_depend_on_the_number_of_threads():
    values = np.random.default_rng(0).standard_normal(5 * BLOCK + 77)
    single = values.astype(np.float32)
    found = set()
    for threads in (1, 2, 3, 7):
        with workers(threads) as team:
            found.add((dot(team, values, values), dot(team, values, single)))
    assert len(found) == 1
    assert np.isclose(found.pop()[0], values @ values, rtol=1e-13)


def test_no_entry_is_left_out_of_the_blocks():
    assert [block_count(n) for n in (1, BLOCK, BLOCK + 1)] == [1, 1, 2]
