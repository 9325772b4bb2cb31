"""One contract for every backend: the CPU's solver, the GPU's on a GPU, and the GPU's code under Numba's simulator."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanics.gpu_cases import Cpu, Gpu, answers, deep, displacement, grained, models
from mechanics.models import cylinder, pressed
from spondyl.core.errors import SpondylError
from spondyl.mechanics import modes
from spondyl.mechanics.element import corner_signs, modal_coefficients, stiffness
from spondyl.mechanics.gpu.boxes import box
from spondyl.mechanics.gpu.device import available, why_not
from spondyl.mechanics.gpu.solve import solve_on_gpu
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.reference import solve_assembled
from spondyl.mechanics.solve import solve

steps = st.floats(0.2, 3.0)
needs_gpu = pytest.mark.skipif(not available(), reason=f"no GPU: {why_not()}")


@given(st.tuples(steps, steps, steps), st.floats(0, 0.45), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_scalar_element_is_the_textbook_element(spacing, poisson, seed):
    u = np.random.default_rng(seed).standard_normal((8, 3))
    amplitudes = [mode for component in range(3) for mode in modes.modal_amplitudes(*u[:, component])]
    forces = modes.modal_forces(*amplitudes, *modal_coefficients(spacing, poisson), 1 / 3)
    found = [[modes.corner_force(*forces[7 * c : 7 * c + 7], *corner) for c in range(3)] for corner in corner_signs()]
    expected = stiffness(spacing, poisson) @ u.ravel()
    assert abs(np.ravel(found) - expected).max() < 1e-13 * abs(expected).max()


def test_boxes_keep_every_node_and_element():
    model = deep()
    grid = lattice(model.modulus_mpa.T > 0)
    layout = box(grid)
    nodal = displacement(model)
    exists = (grid.node >= 0).T
    assert (layout.nodal(layout.vector(nodal)) == np.where(exists, nodal, 0)).all()
    assert np.count_nonzero(layout.vector(nodal)) == 3 * grid.node_count == 3 * len(layout.places)
    values = np.arange(grid.element_count) + 1.0
    at = layout.elements(values, np.float64)
    # An element and its first corner share a place.
    corner = np.zeros(model.held.shape)
    corner[0][np.nonzero(model.modulus_mpa)] = 1.0
    assert (np.flatnonzero(at) == np.flatnonzero(layout.vector(corner)[: layout.size])).all()
    assert at.sum() == values.sum()


def simulated(folder):
    """The GPU code's answers under the simulator, from a process of its own."""
    file = folder / "answers.npz"
    environment = os.environ | {
        "NUMBA_ENABLE_CUDASIM": "1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]),
    }
    script = str(Path(__file__).with_name("gpu_cases.py"))
    done = subprocess.run([sys.executable, script, str(file)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with np.load(file) as found:
        return {tuple(key.split("|")): value for key, value in found.items()}


@pytest.fixture(scope="module")
def of_cpu():
    return answers(Cpu)


@pytest.fixture(scope="module", params=["cpu", "simulator", pytest.param("gpu", marks=needs_gpu)])
def found(request, of_cpu, tmp_path_factory):
    if request.param == "simulator":
        pytest.importorskip("numba.cuda", reason="Numba's CUDA target is not installed, nor its simulator")
        return simulated(tmp_path_factory.mktemp("simulated"))
    return of_cpu if request.param == "cpu" else answers(Gpu)


def touched(model):
    """(nx + 1, ny + 1, nz + 1), nodes that exist."""
    solid = np.pad(model.modulus_mpa > 0, 1)
    return np.logical_or.reduce(
        [solid[x : x - 1 or None, y : y - 1 or None, z : z - 1 or None] for x, y, z in np.ndindex(2, 2, 2)]
    )


def by_elements(model, nodal):
    """K times nodal values, one textbook element after the other."""
    corners = (corner_signs() > 0).astype(int)
    kinds = [stiffness(model.spacing_mm, kind) for kind in (model.poisson_ratio, *model.grained)]
    product = np.zeros_like(nodal)
    for voxel in np.argwhere(model.modulus_mpa):
        at = (slice(None), *(voxel + corners).T)
        element = kinds[0 if model.material is None else model.material[*voxel]]
        product[at] += model.modulus_mpa[*voxel] * (element @ nodal[at].T.ravel()).reshape(8, 3).T
    return product


@pytest.mark.parametrize(("name", "model"), [("deep", deep()), ("grained", grained())])
def test_operator_equals_the_sum_of_textbook_elements(found, name, model):
    expected = by_elements(model, displacement(model))
    assert abs(found[name, "applied"] - expected).max() <= 1e-10 * abs(expected).max()


@pytest.mark.parametrize("name", models())
def test_solution_is_in_balance(found, name):
    model = models()[name]
    u, reaction = found[name, "displacement"], found[name, "reaction"]
    exists = touched(model)
    outer = reaction if model.force_n is None else reaction + np.where(exists, model.force_n, 0)
    assert abs(by_elements(model, u) - outer).max() < 1e-8 * abs(outer).max()
    held = model.held & exists
    assert u[held] == pytest.approx(model.displacement_mm[held], abs=1e-12)
    assert not reaction[~held].any()
    assert not u[:, ~exists].any()


def test_solution_equals_the_factorised_reference(found):
    expected = solve_assembled(models()["pressed"])
    for what, theirs in (("displacement", expected.displacement_mm), ("reaction", expected.reaction_n)):
        assert abs(found["pressed", what] - theirs).max() < 1e-8 * abs(theirs).max()


@pytest.mark.parametrize("name", models())
def test_same_displacement_force_and_iterations_as_the_cpu(found, of_cpu, name):
    for what in ("displacement", "reaction"):
        ours, theirs = found[name, what], of_cpu[name, what]
        assert abs(ours - theirs).max() <= 1e-8 * abs(theirs).max()
    ours, theirs = found[name, "residuals"], of_cpu[name, "residuals"]
    assert abs(len(ours) - len(theirs)) <= 1
    assert ours[:5] == pytest.approx(theirs[:5], rel=0.01)


def test_one_cycle_through_all_levels_is_the_cpus(found, of_cpu):
    ours, theirs = found["deep", "cycled"], of_cpu["deep", "cycled"]
    assert abs(ours - theirs).max() < 1e-5 * abs(theirs).max()
    assert not ours[deep().held].any()


def test_refusals_and_reports_are_the_cpus(found, of_cpu):
    assert str(found["pushed sideways", "error"]) == str(of_cpu["pushed sideways", "error"])
    status, remedy = found["stopped early", "report"]
    assert status == "not converged"
    assert "more iterations" in remedy


@needs_gpu
@pytest.mark.parametrize("bonded", [True, False])
def test_a_vertebra_sized_body_on_a_gpu(bonded):
    model = pressed(cylinder(1.0), bonded=bonded)
    ours, again, theirs = (
        solve_on_gpu(model, tolerance=1e-11),
        solve_on_gpu(model, tolerance=1e-11),
        solve(model, tolerance=1e-11),
    )
    assert abs(ours.displacement_mm - theirs.displacement_mm).max() < 1e-8 * abs(theirs.displacement_mm).max()
    assert ours.reaction_n[2, :, :, -1].sum() == pytest.approx(theirs.reaction_n[2, :, :, -1].sum(), rel=1e-9)
    assert abs(ours.report.iterations - theirs.report.iterations) <= 1
    assert ours.displacement_mm.tobytes() == again.displacement_mm.tobytes()


@pytest.mark.skipif(available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_why_and_what_to_do():
    with pytest.raises(SpondylError) as caught:
        solve_on_gpu(deep())
    assert caught.value.what == why_not()
    assert "gpu" in caught.value.remedy


def test_nothing_of_cuda_is_loaded_by_the_cpus_solver():
    code = "import sys, spondyl.mechanics.solve, spondyl.mechanics.gpu.solve; sys.exit('numba.cuda' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_kernel_compiles_for_a_device(monkeypatch):
    cuda = pytest.importorskip("numba.cuda", reason="Numba's CUDA target is not installed")
    dispatcher = pytest.importorskip("numba.cuda.dispatcher", reason="Numba's simulator compiles nothing")
    # Parts of kernels ask the present device what to compile for, and there may be none.
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: SimpleNamespace(compute_capability=TARGET))
    try:
        cuda.compile_ptx(lambda: None, (), cc=TARGET)
    except Exception as problem:
        pytest.skip(f"Numba's CUDA target is installed without NVIDIA's compiler: {problem}")
    from spondyl.mechanics.gpu.kernels import KERNELS, apply

    cases = [(kernel.py_func, DOUBLE.get(kernel.py_func.__name__, ())) for kernel in KERNELS]
    for function, double in [*cases, (apply.py_func, ())]:
        text, _ = cuda.compile_ptx(function, signature(function, double), cc=TARGET)
        assert ".entry" in text
        assert ".local" not in text, "a thread's values do not fit its registers"
        if not double:
            assert ".f64" not in text, "double precision is 64 times slower on many devices"


TARGET = (8, 0)
DOUBLE = {
    "apply": ("u", "out", "modulus", "table"),
    "advance": ("x", "scale"),
    "true_residual": ("load", "q", "inverse"),
    "inner": ("partial",),
}
"""Kernels that work in double precision, and which of their arguments do."""
SCALARS = {"alpha", "beta", "scale", "factor", "inverse"}
INTEGERS = {"row", "layer", "size", "length"}


def signature(function, double):
    """Types of a kernel's arguments, from their names; those in `double` are in double precision."""
    from numba import types

    found = []
    for name in inspect.signature(function).parameters:
        real = types.float64 if name in double else types.float32
        if name.split("_")[-1] in INTEGERS:
            found.append(types.uint64)
        elif name in SCALARS:
            found.append(real)
        else:
            dtype = {"places": types.uint64, "kind": types.uint8}.get(name, real)
            found.append(types.Array(dtype, {"table": 2, "matrix": 4}.get(name, 1), "C"))
    return tuple(found)
