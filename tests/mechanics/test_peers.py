"""Against CalculiX on the same mesh, and the machinery that runs other programs and tells of them.

CalculiX prints seven significant digits: rounding alone changes a number by up to 5e-7 of itself.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from mechanics.models import porous, pressed
from spondyl.mechanics.benchmark.peers import calculix
from spondyl.mechanics.benchmark.peers.outcome import NotInstalled
from spondyl.mechanics.benchmark.problem import AROUND, force_n, load, mesh_of, rounded, save, save_mesh, study
from spondyl.mechanics.benchmark.process import CommandFailed, run_measured
from spondyl.mechanics.benchmark.run import Measurement, _taken_or_kept, run
from spondyl.mechanics.benchmark.summary import TARGETS, markdown, verdict
from spondyl.mechanics.reference import solve_assembled
from spondyl.mechanics.solve import solve

needs_calculix = pytest.mark.skipif(shutil.which("ccx") is None, reason="CalculiX (ccx) is not installed")
SAME = 1e-6
STRETCHED_MM = (0.7, 1.1, 1.6)


@pytest.fixture
def uneven():
    """Random moduli from 10 to 10,000 MPa with holes, stretched voxels, ends bonded, pressed and sheared."""
    model = pressed(porous((7, 6, 8), seed=3, highest=10000.0), STRETCHED_MM, bonded=True)
    model.displacement_mm[0, :, :, -1] = 0.05
    return model


def by_calculix(model, folder):
    """(forces, displacements, reactions (n, 3), mesh) by its direct solver."""
    mesh = mesh_of(model)
    calculix.write_input(mesh, model.poisson_ratio, folder / "model.inp", calculix.SOLVERS["direct"], every_node=True)
    outcome = calculix.run(folder)
    return outcome, *calculix.nodal_results(folder / "model.dat", len(mesh.node_mm)), mesh


@needs_calculix
def test_displacement_and_force_are_those_of_calculix(uneven, tmp_path):
    outcome, displacement, reaction, mesh = by_calculix(uneven, tmp_path)
    ours = solve(uneven, tolerance=1e-10)
    u, r = (nodal[:, *mesh.grid_index.T].T for nodal in (ours.displacement_mm, ours.reaction_n))
    moved = mesh.displacement_mm.any(axis=1)
    assert abs(displacement - u).max() <= SAME * abs(u).max()
    assert abs(reaction[mesh.held] - r[mesh.held]).max() <= SAME * abs(r).max()
    assert outcome.force_n == pytest.approx(abs(r[moved, 2].sum()), rel=SAME)


@needs_calculix
def test_calculix_would_notice_a_modulus_of_one_voxel_in_a_thousandth(uneven, tmp_path):
    """The comparison above can fail: one voxel changed by 0.1 % shows."""
    inside = tuple(np.argwhere(uneven.modulus_mpa > 1000)[10])
    changed = pressed(uneven.modulus_mpa.copy(), STRETCHED_MM, bonded=True)
    changed.displacement_mm[:] = uneven.displacement_mm
    changed.modulus_mpa[inside] *= 1.001
    _, displacement, _, mesh = by_calculix(changed, tmp_path)
    u = solve(uneven, tolerance=1e-10).displacement_mm[:, *mesh.grid_index.T].T
    assert abs(displacement - u).max() > SAME * abs(u).max()


@needs_calculix
def test_study_cylinder_has_the_force_of_calculix(tmp_path):
    model = study(4.0)
    outcome, *_ = by_calculix(model, tmp_path)
    assert force_n(model, solve(model).reaction_n) == pytest.approx(outcome.force_n, rel=SAME)


def test_missing_program_is_told_with_how_to_install_it(monkeypatch, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotInstalled, match="calculix-ccx"):
        calculix.run(tmp_path)


def test_mesh_is_that_of_the_assembled_reference(uneven, tmp_path):
    """Node and element lists, put together by hand, give the reaction of the assembled solve."""
    answer = solve_assembled(uneven)
    save_mesh(uneven, tmp_path / "mesh.npz")
    mesh = mesh_of(uneven)
    with np.load(tmp_path / "mesh.npz") as kept:
        element = kept["element"]
    u = answer.displacement_mm[:, *mesh.grid_index.T].T
    force = np.zeros_like(u)
    on_corners = mesh.modulus_mpa[:, None] * (u[mesh.corner].reshape(-1, 24) @ element)
    np.add.at(force, mesh.corner, on_corners.reshape(-1, 8, 3))
    reaction = answer.reaction_n[:, *mesh.grid_index.T].T
    assert force == pytest.approx(reaction, abs=1e-8 * abs(reaction).max())
    sizes = mesh.node_mm[mesh.corner] - mesh.node_mm[mesh.corner[:, :1]]
    assert sizes == pytest.approx(np.broadcast_to(AROUND * STRETCHED_MM, sizes.shape))


def test_rounding_keeps_three_digits():
    assert rounded(np.array([0.0, 5.0, 316.49, 11987.0])).tolist() == [0, 5, 316, 12000]


def test_kept_model_comes_back(uneven, tmp_path):
    save(uneven, tmp_path / "model.npz")
    back = load(tmp_path / "model.npz")
    assert back.spacing_mm == uneven.spacing_mm
    assert (back.modulus_mpa == uneven.modulus_mpa).all()
    assert (back.held == uneven.held).all()
    assert (back.displacement_mm == uneven.displacement_mm).all()


def test_peak_memory_of_a_command_is_told(tmp_path):
    """Asked from a small process: a child's peak counts from that of its parent, and this one may have grown."""
    ask = (
        "import sys; from pathlib import Path; from spondyl.mechanics.benchmark.process import run_measured;"
        "command = [sys.executable, '-c', 'b = bytearray(300_000_000)'];"
        "sys.stdout.write(str(run_measured(command, Path(sys.argv[1]), limit_s=60).peak_mb))"
    )
    told = subprocess.run([sys.executable, "-c", ask, str(tmp_path)], capture_output=True, text=True, check=True)
    assert 300 < float(told.stdout) < 400


def test_failure_of_a_command_is_told(tmp_path):
    with pytest.raises(CommandFailed, match="no such thing"):
        run_measured([sys.executable, "-c", "raise SystemExit('no such thing')"], tmp_path, limit_s=60)
    with pytest.raises(CommandFailed, match="stopped after"):
        run_measured([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path, limit_s=0.5)


def test_finished_measurements_are_kept_and_failed_ones_tried_again(tmp_path):
    tries = []

    def take(folder):
        tries.append(folder)
        if len(tries) == 1:
            raise CommandFailed("out of memory")
        return {"seconds": [1.0]}

    measurement = Measurement("one", {"kind": "linear"}, take)
    results = [_taken_or_kept(measurement, tmp_path, tmp_path) for _ in range(3)]
    assert ["failed" in result for result in results] == [True, False, False]
    assert len(tries) == 2
    assert results[1] == results[2] == json.loads((tmp_path / "one.json").read_text())


def test_run_writes_table_figure_and_numbers_and_goes_on_where_it_was(monkeypatch, tmp_path):
    tries = []

    def wanted(scratch, **options):
        for name in ("machine", "linear"):
            about = {key: value for key, value in results(0.1, {})[0].items() if key not in ("when", "seconds")}
            yield Measurement(
                name, {**about, "kind": name}, lambda _, name=name: tries.append(name) or {"seconds": [0.1]}
            )

    monkeypatch.setattr("spondyl.mechanics.benchmark.run.measurements", wanted)
    table = run(tmp_path)
    assert "| cylinder 0.5 mm | 303,520 | 2 | 0.100 |" in table.read_text(encoding="utf-8")
    assert len(json.loads((tmp_path / "mechanics.json").read_text(encoding="utf-8"))) == 2
    assert (tmp_path / "mechanics.png").read_bytes().startswith(b"\x89PNG")
    run(tmp_path)
    assert tries == ["machine", "linear"]
    run(tmp_path, again=True)
    assert tries == ["machine", "linear"] * 2


def results(ours_s, peer):
    about = {"problem": "cylinder 0.5 mm", "threads": 2, "when": "2026-01-01"}
    linear = {
        "kind": "linear",
        "seconds": [ours_s],
        "elements": 303520,
        "iterations": 12,
        "peak_mb": 500.0,
        "before_mb": 300.0,
        "force_n": 100.0,
    }
    return [{**about, **linear}, {**about, "name": "p", "kind": "peer", "peer": "PETSc GAMG", **peer}]


def test_targets_are_judged_plainly():
    peer = {
        "judged_seconds": 6.0,
        "seconds": 9.0,
        "parts": {},
        "iterations": 15,
        "residual": None,
        "peak_mb": 1.0,
        "version": "PETSc",
        "force_n": 100.01,
    }
    measured = results(0.1, peer)
    verdicts = {target.work: verdict(target, target.value(measured)) for target in TARGETS}
    assert verdicts["303,520 elements linear, 1e-6"] == "**stretch met**"
    assert verdicts["times faster than PETSc GAMG, 303,520"] == "**reach met**"
    assert verdicts["times faster than parosol-py, 303,520"] == "not measured"
    slow = results(0.3, peer)
    assert verdict(TARGETS[0], TARGETS[0].value(slow)) == "**missed**"
    assert "+1.0e-04" in markdown(measured)


def test_absent_peer_stands_in_the_table_with_how_to_install_it():
    assert "not installed: apt-get install it" in markdown(results(0.1, {"not_installed": "apt-get install it"}))
