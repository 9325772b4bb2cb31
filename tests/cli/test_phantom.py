"""`spondyl phantom` as typed."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from tests.data import UTF8

from spondyl.anatomy.levels import Level
from spondyl.imaging.files import read_image_file
from spondyl.imaging.labels import read_level_map
from spondyl.phantoms.phantom import make
from spondyl.phantoms.spec import read_spec
from spondyl.phantoms.write import FILES

SPEC = """
seed = 4
[scan]
first = "T12"
last = "L1"
[scanner]
voxel_mm = 1.5
slice_spacing_mm = 2.0
[[lesions]]
level = "L1"
place = "pedicle_left"
diameter_mm = 12
"""


def spondyl(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from spondyl.cli.main import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, env=UTF8, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    (folder / "spec.toml").write_text(SPEC, encoding="utf-8")
    done = spondyl("phantom", "--spec", folder / "spec.toml", "--out", folder / "out")
    assert done.returncode == 0, done.stderr
    return folder


def test_files_are_whole_and_read_back_as_made(written):
    out = written / "out"
    assert {path.name for path in out.iterdir()} == FILES
    made = make(read_spec(written / "spec.toml"))
    ct = read_image_file(out / "ct.nii.gz", "the CT").canonical()
    assert ct.same_grid(made.ct)
    assert (ct.array == made.ct.array).all()
    levels = read_level_map(out / "vertebrae.nii.gz", ct)
    assert (levels.labels.array == made.level_map.labels.array).all()
    assert Level.L1 in levels.levels
    truth = json.loads((out / "truth.json").read_text(encoding="utf-8"))
    assert truth == json.loads(json.dumps(made.truth))
    lesion = np.argwhere(made.lesions.array == 1).mean(axis=0)
    body = np.argwhere(made.level_map.labels.array == Level.L1).mean(axis=0)
    assert lesion[0] > body[0]


def test_a_folder_of_other_things_is_refused(written):
    (written / "mine").mkdir()
    (written / "mine" / "thesis.txt").write_text("x", encoding="utf-8")
    done = spondyl("phantom", "--spec", written / "spec.toml", "--out", written / "mine")
    assert done.returncode == 2
    assert "holds other things" in done.stderr
    assert [path.name for path in (written / "mine").iterdir()] == ["thesis.txt"]


def test_a_wrong_spec_and_no_spec_are_told_without_a_traceback(written):
    (written / "wrong.toml").write_text("[person]\nage = 'old'", encoding="utf-8")
    done = spondyl("phantom", "--spec", written / "wrong.toml", "--out", written / "no")
    assert done.returncode == 2
    assert "person.age" in done.stderr
    assert "Traceback" not in done.stderr
    assert spondyl("phantom", "--out", written / "no").returncode == 2
    assert not (written / "no").exists()


def test_a_set_goes_on_where_it_was_cut_off(tmp_path, monkeypatch):
    """A finished phantom is not made again; a stop in the middle of one leaves none of it."""
    from spondyl.cli import phantom as command

    small = read_spec_text(SPEC)
    calls = []

    def spec_of(seed, number):
        return small.model_copy(update={"name": f"phantom-{seed}-{number:04d}", "seed": number})

    def counted(spec, progress):
        calls.append(spec.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return make(spec, progress)

    monkeypatch.setattr(command, "random_spec", spec_of)
    monkeypatch.setattr(command, "make", counted)
    with pytest.raises(KeyboardInterrupt):
        command.run_phantom(spec=None, random=2, seed=9, start=0, out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["phantom-9-0000"]
    command.run_phantom(spec=None, random=2, seed=9, start=0, out=tmp_path)
    assert calls == ["phantom-9-0000", "phantom-9-0001", "phantom-9-0001"]
    assert {path.name for path in tmp_path.iterdir()} == {"phantom-9-0000", "phantom-9-0001"}


def read_spec_text(text: str):
    import tomllib

    from spondyl.phantoms.spec import parse_spec

    return parse_spec(tomllib.loads(text))
