"""Axial compression strength of a block of bone between two cement caps.

The protocol is that of the published vertebral models (bonelab_spinefe): the lower face of the lower cap is held along
the load, the upper face of the upper cap is pushed down as a whole, sides and faces are free across the load. The
rigid motions that this leaves (two shifts and a turn) carry no strain and are taken out of the answer. The block's
stiffness K and height H give the failure load F = 0.0068 K H.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.caps import CappedBlock, capped
from spondyl.mechanics.fields import strain_energy_density
from spondyl.mechanics.laws import Law, law_named
from spondyl.mechanics.materials import (
    CEMENT_MPA,
    NOTED_SHARE,
    POISSON_RATIO,
    check_bone,
    largest_piece,
    load_bearing,
)
from spondyl.mechanics.solve import Solution, solve
from spondyl.values.strength import Strength
from spondyl.values.voxel_model import VoxelModel

FAILURE_STRAIN = 0.0068
"""F = 0.0068 K H, the linear failure estimate of bonelab_spinefe (20139 N/mm x 32 mm x 0.0068 = 4382 N, its table)."""
NONLINEAR_RATIO = 0.0063
NONLINEAR_RATIO_SD = 0.0013
"""Non-linear strength over K H in 160 of its models (bonelab_spinefe): what the linear estimate is uncertain by."""
NORMAL_95 = 1.959964
TEST_STRAIN = 0.005
"""Compression of the linear solve; any value gives the same stiffness. Own choice."""
FEWEST_LAYERS = 8
"""Elements over the height below which no strength is given. Own choice: fewer can't hold two endplates and a core."""
COARSE_MM = 2.0
"""Voxels larger than this are noted: 2 mm was the coarsest mesh found adequate (imai2015)."""


def axial_strength(
    density_mg_cc: NDArray,
    bone: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    law: str = "kopperdahl2002",
    relative_density_sd: float = 0.0,
    threads: int | None = None,
) -> Strength:
    """Stiffness and failure load of a block (x, y, z) compressed along z, z up.

    `density_mg_cc` is K2HPO4-equivalent, read where `bone` is True. `relative_density_sd` is the standard deviation of
    the density's scale (0.1 is 10 %) and widens the interval. Raises ModelError for a block that can't be modelled
    (no bone, no density, too thin, broken through); a solve that does not converge is told in `Strength.solve`.
    """
    chosen = law_named(law)
    _check_numbers(spacing_mm, relative_density_sd)
    check_bone(density_mg_cc, bone)
    bearing, notes = load_bearing(bone)
    block = capped(bearing, spacing_mm)
    _check_layers(block, spacing_mm)
    modulus, more_notes = _modulus(density_mg_cc, block, chosen)
    model = compression(modulus, spacing_mm)
    solution = solve(model, threads=threads)
    stiffness = _stiffness(solution, model)
    failure = FAILURE_STRAIN * stiffness * block.height_mm
    energy = strain_energy_density(model, solution) * (failure / stiffness / _shortening(model)) ** 2
    kept = _on_block(block, modulus > 0, bone.shape) & bone
    return Strength(
        stiffness_n_per_mm=stiffness,
        failure_load_n=failure,
        failure_load_interval_n=_interval(
            stiffness * block.height_mm, relative_density_sd * chosen.modulus.pieces[0].exponent
        ),
        method=_method(chosen, relative_density_sd),
        height_mm=block.height_mm,
        voxel_mm=spacing_mm,
        elements=solution.elements,
        solve=solution.report,
        strain_energy_density_mpa=np.where(kept, _on_block(block, energy, bone.shape), 0).astype(np.float32),
        bone=kept,
        citations=(*chosen.citations, "bonelab_spinefe", "imai2015", "lottes2023"),
        notes=notes + more_notes + _spacing_notes(spacing_mm) + _solve_notes(solution),
    )


def compression(modulus: NDArray[np.float64], spacing_mm: tuple[float, float, float]) -> VoxelModel:
    """A block (x, y, z) held in z at its lowest nodes and pushed down by `TEST_STRAIN` at its highest; sides free."""
    nodes = (3, *(size + 1 for size in modulus.shape))
    held = np.zeros(nodes, dtype=bool)
    held[2, :, :, [0, -1]] = True
    displacement = np.zeros(nodes)
    displacement[2, :, :, -1] = -TEST_STRAIN * modulus.shape[2] * spacing_mm[2]
    return VoxelModel(modulus, spacing_mm, POISSON_RATIO, held, displacement)


def _check_numbers(spacing_mm: tuple[float, float, float], relative_density_sd: float) -> None:
    if len(spacing_mm) != 3 or not all(np.isfinite(step) and step > 0 for step in spacing_mm):
        raise ModelError(f"voxels of {spacing_mm} mm.", "Give three positive sizes.")
    if not (np.isfinite(relative_density_sd) and relative_density_sd >= 0):
        raise ModelError(
            f"a relative standard deviation of the density of {relative_density_sd}.", "Give 0 or more; 0.1 is 10 %."
        )


def _check_layers(block: CappedBlock, spacing_mm: tuple[float, float, float]) -> None:
    layers = round(block.height_mm / spacing_mm[2])
    if layers < FEWEST_LAYERS:
        raise ModelError(
            f"the bone is {layers} voxels high (of {spacing_mm[2]:.2g} mm); {FEWEST_LAYERS} are needed.",
            "Sample the block finer, from a scan with thinner slices.",
        )


def _modulus(density_mg_cc: NDArray, block: CappedBlock, law: Law) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Moduli of bone and caps (x, y, z), of the one piece that joins both faces."""
    modulus = np.where(block.cement, CEMENT_MPA, 0.0)
    x, y, z = np.nonzero(block.bone)
    modulus[x, y, z] = law.modulus_mpa(density_mg_cc[x, y, z - block.offset])
    piece = largest_piece(modulus > 0)
    lost = 1 - (piece & block.bone).sum() / block.bone.sum()
    if not (piece[:, :, 0].any() and piece[:, :, -1].any()):
        raise ModelError(
            "no piece of bone joins both caps.", "No axial strength can be given; look for a bone broken through."
        )
    note = (f"{lost:.1%} of the bone stands beside the loaded block and was left out.",) if lost >= NOTED_SHARE else ()
    return np.where(piece, modulus, 0), note


def _stiffness(solution: Solution, model: VoxelModel) -> float:
    """Force on the moved face over its displacement, N/mm."""
    return float(-solution.reaction_n[2, :, :, -1].sum() / _shortening(model))


def _shortening(model: VoxelModel) -> float:
    return float(-model.displacement_mm[2, 0, 0, -1])


def _interval(stiffness_height_n: float, relative_modulus_sd: float) -> tuple[float, float]:
    """95 % for the non-linear strength: scatter of its ratio to K H, and of the density, in quadrature."""
    middle = NONLINEAR_RATIO * stiffness_height_n
    spread = NORMAL_95 * float(np.hypot(NONLINEAR_RATIO_SD / NONLINEAR_RATIO, relative_modulus_sd))
    return max(0.0, middle * (1 - spread)), middle * (1 + spread)


def _method(law: Law, relative_density_sd: float) -> str:
    return (
        f"Linear-elastic axial compression between cement caps, modulus by {law.title}, failure load 0.0068 K H; the "
        f"95 % interval holds the published scatter of non-linear strength over K H ({NONLINEAR_RATIO}, SD "
        f"{NONLINEAR_RATIO_SD}, 160 models) and a standard deviation of the density of {relative_density_sd:.0%}, and "
        f"not the law's or the model's own error."
    )


def _spacing_notes(spacing_mm: tuple[float, float, float]) -> tuple[str, ...]:
    if max(spacing_mm) <= COARSE_MM:
        return ()
    return (f"Voxels of up to {max(spacing_mm):.2g} mm are coarser than the {COARSE_MM:g} mm found adequate.",)


def _solve_notes(solution: Solution) -> tuple[str, ...]:
    return (f"The solve did not converge. {solution.report.remedy}",) if solution.report.remedy else ()


def _on_block(block: CappedBlock, values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Values of the capped block on the grid of the block that was handed in; zero elsewhere."""
    placed = np.zeros(shape, dtype=values.dtype)
    start = max(0, -block.offset)
    stop = min(shape[2], values.shape[2] - block.offset)
    placed[:, :, start:stop] = values[:, :, start + block.offset : stop + block.offset]
    return placed
