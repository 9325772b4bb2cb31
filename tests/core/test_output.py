"""A result folder is whole or not there, whatever happens to the run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from spondyl.core.errors import OutputError
from spondyl.core.output import whole_folder

OURS = frozenset({"a.txt"})


def test_success_puts_everything_in_place(tmp_path: Path):
    with whole_folder(tmp_path / "out", OURS) as folder:
        (folder / "a.txt").write_text("1")
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out" / "a.txt").read_text() == "1"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_failure_leaves_nothing(tmp_path: Path):
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out", OURS) as folder:
        (folder / "a.txt").write_text("1")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_earlier_result(tmp_path: Path):
    with whole_folder(tmp_path / "out", OURS) as folder:
        (folder / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out", OURS) as folder:
        (folder / "a.txt").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "a.txt").read_text() == "old"


def test_success_replaces_the_earlier_result(tmp_path: Path):
    for text in ("old", "new"):
        with whole_folder(tmp_path / "out", OURS) as folder:
            (folder / "a.txt").write_text(text)
    assert (tmp_path / "out" / "a.txt").read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_other_things_is_refused_untouched(tmp_path: Path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(OutputError, match=r"thesis\.tex"), whole_folder(tmp_path, OURS):
        pass
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_file_is_refused(tmp_path: Path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(OutputError, match="a file"), whole_folder(tmp_path / "out", OURS):
        pass


SLOW = """
import sys, time
from pathlib import Path
from spondyl.core.output import whole_folder
with whole_folder(Path(sys.argv[1]), {"a.txt"}) as folder:
    (folder / "a.txt").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_leaves_nothing_in_the_folder(tmp_path: Path, how: signal.Signals):
    run = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path / "out")], stdout=subprocess.PIPE, stderr=-3)
    assert run.stdout is not None
    assert run.stdout.readline() == b"writing\n"
    os.kill(run.pid, how)
    run.wait(timeout=20)
    assert not (tmp_path / "out").exists()
    if how is not signal.SIGKILL:
        assert list(tmp_path.iterdir()) == []
    with whole_folder(tmp_path / "out", OURS) as folder:
        (folder / "a.txt").write_text("next")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_the_folder_of_a_living_run_is_left_alone(tmp_path: Path):
    run = subprocess.Popen([sys.executable, "-c", SLOW, str(tmp_path / "out")], stdout=subprocess.PIPE)
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"writing\n"
        with whole_folder(tmp_path / "out", OURS) as folder:
            (folder / "a.txt").write_text("mine")
        time.sleep(0.05)
        assert len(list(tmp_path.glob(".out.partial-*"))) == 1
    finally:
        run.terminate()
        run.wait(timeout=20)
