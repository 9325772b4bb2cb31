"""What the contract tests ask of every backend: a few models, solved. Run as a script it answers for the GPU's code,
so that the tests can run that code under Numba's simulator, which must be chosen before Numba is loaded."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from mechanics.models import model_of, porous, pressed
from spondyl.core.errors import ModelError
from spondyl.mechanics.compiled import ALONE
from spondyl.mechanics.multigrid import v_cycle
from spondyl.mechanics.solve import prepare, solve, to_array, to_vector
from spondyl.values.voxel_model import TransverselyIsotropic

TIGHT = 1e-10


def stretched():
    """A bar pulled by forces whose sides are free: it may shift in x and turn about z."""
    model = model_of(np.linspace(100.0, 200.0, 2 * 2 * 4).reshape(2, 2, 4), (1.0, 0.9, 1.2))
    model.held[2, :, :, 0] = True
    model.held[1, 1, 1, 0] = True
    force = np.zeros(model.held.shape)
    force[2, :, :, -1] = 1.0
    return replace(model, force_n=force)


def models():
    """Solved tightly; tiny, as the simulator runs some thousand nodes a second and a solve visits each 40 times an
    iteration."""
    return {
        "pressed": pressed(porous((4, 2, 4), 5, 100.0, 300.0, 0.1), (0.8, 1.0, 1.2), bonded=True),
        "pulled": stretched(),
    }


def pushed_sideways():
    model = models()["pulled"]
    force = np.zeros(model.held.shape)
    force[0, 1, 1, 1] = 1.0
    return replace(model, force_n=force)


def deep():
    """Three levels with holes, odd sizes and held components: for one V-cycle, whose errors no iteration hides."""
    return pressed(porous((7, 5, 6), 8), (0.7, 1.0, 1.6), bonded=True)


def grained():
    """Two materials, one with a grain, voxel by voxel."""
    model = models()["pressed"]
    material = np.random.default_rng(2).integers(0, 2, model.modulus_mpa.shape, dtype=np.uint8)
    return replace(model, material=material, grained=(TransverselyIsotropic(0.4, 0.3, 0.35, 0.2),))


def displacement(model):
    """Any at all, nodal."""
    return np.random.default_rng(1).standard_normal(model.held.shape)


def right_side(model):
    """Where a component is free, nodal."""
    return np.where(model.held, 0, displacement(model)).astype(np.float32)


class Cpu:
    solve = staticmethod(solve)

    @staticmethod
    def applied(model):
        system = prepare(model)
        grid = system.stiffness.lattice
        return to_array(grid, system.apply(to_vector(grid, displacement(model)), ALONE))

    @staticmethod
    def cycled(model):
        levels = prepare(model).levels
        grid = levels[0].operator.lattice
        levels[0].scratch[0][:] = to_vector(grid, right_side(model))
        return to_array(grid, v_cycle(levels, ALONE).astype(np.float64))


class Gpu:
    @staticmethod
    def solve(model, **options):
        from spondyl.mechanics.gpu.solve import solve_on_gpu

        return solve_on_gpu(model, **options)

    @staticmethod
    def applied(model):
        from numba import cuda

        from spondyl.mechanics.gpu.boxes import boxed_operator
        from spondyl.mechanics.gpu.cycle import on_device

        stiffness = boxed_operator(prepare(model).stiffness)
        box = stiffness.box
        out = cuda.to_device(np.zeros(3 * box.size))
        on_device(stiffness).apply(cuda.to_device(box.vector(displacement(model))), out)
        return box.nodal(out.copy_to_host())

    @staticmethod
    def cycled(model):
        from spondyl.mechanics.gpu import cycle
        from spondyl.mechanics.gpu.boxes import boxed_levels

        levels = boxed_levels(prepare(model).levels)
        box, on_device = levels[0].operator.box, cycle.levels_on_device(levels)
        on_device[0].vectors[0].copy_to_device(box.vector(right_side(model), np.float32))
        return box.nodal(cycle.v_cycle(on_device).copy_to_host())


def answers(backend):
    """Every case's arrays by (case, what)."""
    found = {("deep", "applied"): backend.applied(deep()), ("grained", "applied"): backend.applied(grained())}
    found["deep", "cycled"] = backend.cycled(deep())
    for name, model in models().items():
        solution = backend.solve(model, tolerance=TIGHT, max_iterations=40)
        found[name, "displacement"] = solution.displacement_mm
        found[name, "reaction"] = solution.reaction_n
        found[name, "residuals"] = np.array(solution.report.residuals)
    report = backend.solve(models()["pulled"], max_iterations=1).report
    found["stopped early", "report"] = np.array([str(report.status), report.remedy])
    try:
        backend.solve(pushed_sideways())
    except ModelError as problem:
        found["pushed sideways", "error"] = np.array(str(problem))
    return found


if __name__ == "__main__":
    np.savez(Path(sys.argv[1]), **{"|".join(key): value for key, value in answers(Gpu).items()})
