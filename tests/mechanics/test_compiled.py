"""Kernels are compiled once, kept, and work where the package can't be written to."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from spondyl.mechanics.bone import BoneBlock
from spondyl.mechanics.compiled import barrier, kernel, workers
from spondyl.mechanics.strength import strength

SOLVE = """
import logging
logging.basicConfig(level=logging.INFO, format="%(message)s")
import numpy as np
from spondyl.mechanics.bone import BoneBlock
from spondyl.mechanics.strength import strength
result = strength(BoneBlock(np.full((8, 8, 9), 100.0), np.ones((8, 8, 9), bool), (1.0, 1.0, 1.0)))
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


@kernel
def pass_round(thread, threads, sync, ring, seen):
    """Each thread writes its place, and after the barrier reads its neighbour's, many times over."""
    for turn in range(len(seen)):
        ring[16 * thread] = turn + 1
        barrier(sync, threads)
        if ring[16 * ((thread + 1) % threads)] != turn + 1:
            seen[turn] += 1
        barrier(sync, threads)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_after_the_barrier_every_thread_sees_what_the_others_wrote(threads):
    ring, wrong = np.zeros(16 * threads, np.int64), np.zeros(500, np.int64)
    with workers(threads) as team:
        team.together(pass_round, ring, wrong)
    assert (ring[::16] == 500).all()
    assert not wrong.any()


@pytest.mark.parametrize("phases", [1, 2])
def test_every_piece_is_worked_on_once(phases):
    @kernel
    def count(begin, step, out):
        for i in range(begin, len(out), step):
            out[i] += 1

    for threads in (1, 2, 3):
        out = np.zeros(17)
        with workers(threads) as team:
            team.run(count, out, phases=phases)
        assert (out == 1).all()


def test_without_a_place_to_keep_them_kernels_still_work(caplog):
    # Numba can't tell where code made from a string should be kept, as in a read-only place.
    made: dict = {}
    exec("def fill(begin, step, out):\n    for i in range(begin, len(out), step):\n        out[i] = i", made)
    with caplog.at_level("INFO"):
        fill = kernel(made["fill"])
    out = np.zeros(5)
    fill(1, 2, out)
    assert out.tolist() == [0, 1, 0, 3, 0]
    assert "NUMBA_CACHE_DIR" in caplog.text


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_worker_processes_give_the_same_answer_as_this_one(start):
    # Forking after threads have run is what breaks OpenMP; these kernels run on plain threads.
    shape = (16, 18, 20)
    blocks = [
        BoneBlock(np.random.default_rng(seed).uniform(50, 300, shape), np.ones(shape, bool), (1.0, 1.0, 1.0))
        for seed in range(3)
    ]
    solve_one = partial(strength, thorough=False, threads=2)
    here = [solve_one(block).stiffness_n_per_mm for block in blocks]
    with ProcessPoolExecutor(2, mp_context=get_context(start)) as pool:
        there = [result.stiffness_n_per_mm for result in pool.map(solve_one, blocks)]
    assert there == here
