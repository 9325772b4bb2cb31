"""What any stiffness must obey, on random lattices with holes and voxels of any shape."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mechanics.models import node_places, porous, pressed
from spondyl.mechanics.grid import lattice
from spondyl.mechanics.materials import largest_piece
from spondyl.mechanics.operator import operator
from spondyl.mechanics.solve import solve, to_array, to_vector
from spondyl.values.strength import SolveStatus

shapes = st.tuples(st.integers(1, 18), st.integers(1, 8), st.integers(1, 8))
small = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
steps = st.floats(0.2, 3.0)
spacings = st.tuples(steps, steps, steps)
mild_steps = st.floats(0.5, 2.0)
mild = st.tuples(mild_steps, mild_steps, mild_steps)
"""For whole solves: voxels ten times as long as thick converge slowly, and no scan that is modelled has them."""
ratios = st.floats(0.0, 0.45)
seeds = st.integers(0, 10**6)


def stiffness_of(shape, spacing, poisson, seed):
    """A function u -> K u on (3, nodes), and which nodes exist, of a random medium with holes."""
    modulus = np.ascontiguousarray(porous(shape, seed, lowest=1.0, highest=1e4).T)
    grid = lattice(modulus > 0)
    matrix_free = operator(grid, modulus, spacing, poisson)

    def apply(nodal):
        out = np.zeros(3 * grid.stride)
        matrix_free.apply(to_vector(grid, nodal), out)
        return to_array(grid, out)

    return apply, (grid.node >= 0).T


def rigid_motions(shape, spacing):
    places = node_places(shape, spacing)
    shifts = [np.eye(3)[axis][:, None, None, None] + 0 * places for axis in range(3)]
    return shifts + [np.cross(np.eye(3)[axis], places, axisb=0, axisc=0) for axis in range(3)]


@given(shapes, spacings, ratios, seeds)
@settings(max_examples=40, deadline=None)
def test_symmetric_positive_and_blind_to_rigid_motions(shape, spacing, poisson, seed):
    apply, exists = stiffness_of(shape, spacing, poisson, seed)
    rng = np.random.default_rng(seed)
    u, v = rng.standard_normal((2, 3, *exists.shape)) * exists
    ku, kv = apply(u), apply(v)
    assert abs((v * ku).sum() - (u * kv).sum()) <= 1e-12 * np.linalg.norm(v) * np.linalg.norm(ku)
    assert (u * ku).sum() > 0
    size = abs(ku).max() / abs(u).max()
    for motion in rigid_motions(shape, spacing):
        assert abs(apply(motion)).max() <= 1e-12 * size * abs(motion).max()
    # Inner forces balance: no net force and no net moment, whatever the displacement.
    for motion in rigid_motions(shape, spacing):
        assert abs((motion * ku).sum()) <= 1e-11 * np.linalg.norm(motion) * np.linalg.norm(ku)


@given(small, spacings, ratios, seeds)
@settings(max_examples=25, deadline=None)
def test_nothing_but_the_six_rigid_motions_costs_no_energy(shape, spacing, poisson, seed):
    apply, exists = stiffness_of(shape, spacing, poisson, seed)
    places = np.argwhere(np.broadcast_to(exists, (3, *exists.shape)))
    unit = np.zeros((3, *exists.shape))
    matrix = np.empty((len(places), len(places)))
    for column, place in enumerate(map(tuple, places)):
        unit[place] = 1
        matrix[:, column] = apply(unit)[tuple(places.T)]
        unit[place] = 0
    # Scaled by the diagonal: bare moduli of 1 beside 10,000 MPa would put soft modes near round-off.
    scale = 1 / np.sqrt(np.diag(matrix))
    values = np.linalg.eigvalsh((matrix + matrix.T) / 2 * scale * scale[:, None])
    assert abs(values[:6]).max() < 1e-11 * values[-1]
    assert values[6] > 1e-9 * values[-1]


@given(shapes, mild, seeds)
@settings(max_examples=15, deadline=None)
def test_work_of_the_supports_is_twice_the_energy_and_reactions_balance(shape, spacing, seed):
    # Clapeyron, through the whole solve: what the supports put in is what the body stores.
    modulus = np.concatenate([np.full((*shape[:2], 1), 300.0), porous(shape, seed), np.full((*shape[:2], 1), 300.0)], 2)
    modulus[:1, :1] = 300.0  # a column that joins both faces
    model = pressed(np.where(largest_piece(modulus > 0), modulus, 0.0), spacing, bonded=True)
    solution = solve(model, tolerance=1e-11)
    assert solution.report.status is SolveStatus.CONVERGED
    grid_modulus = np.ascontiguousarray(model.modulus_mpa.T)
    grid = lattice(grid_modulus > 0)
    u = to_vector(grid, solution.displacement_mm)
    product = np.zeros_like(u)
    operator(grid, grid_modulus, spacing, 0.3).apply(u, product)
    work = (solution.reaction_n * model.displacement_mm).sum()
    assert work > 0
    assert abs(work - u @ product) <= 1e-8 * work
    assert abs(solution.reaction_n.sum(axis=(1, 2, 3))).max() <= 1e-8 * abs(solution.reaction_n).sum()
