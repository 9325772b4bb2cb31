"""The problem everybody solves: an elliptic cylinder of bone with a stiff shell and a soft hole, pressed along z."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.element import Spacing, stiffness
from spondyl.values.voxel_model import VoxelModel

SIZE_MM = (48.0, 36.0, 28.0)
"""A lumbar vertebral body without its processes, roughly. Own choice, as all of this model's measures."""
CORE_MEDIAN_MPA, CORE_LOWEST_MPA, CORE_HIGHEST_MPA = 316.0, 100.0, 1000.0
CORE_LOG_SD = 0.55
CORE_GRAIN_MM = 1.5
SHELL_MM, SHELL_MPA = 0.8, 12000.0
SLOPE_MM = 20.0
"""Turns the relative distance from the side into mm; between the ellipse's half axes of 18 and 24 mm."""
HOLE_CENTRE_MM, HOLE_RADIUS_MM, HOLE_MPA = (30.0, 21.0, 13.0), 8.0, 5.0
STRAIN = 0.01
POISSON_RATIO = 0.3
DIGITS = 3
"""Significant digits of the moduli: a program that wants one material a modulus gets about a thousand of them."""


def unloaded(
    modulus_mpa: NDArray[np.float64], spacing_mm: Spacing = (1.0, 1.0, 1.0), poisson_ratio: float = POISSON_RATIO
) -> VoxelModel:
    """A model (nx, ny, nz) that is held nowhere; fill in `held` and `displacement_mm`."""
    nodes = (3, *(size + 1 for size in modulus_mpa.shape))
    return VoxelModel(modulus_mpa, spacing_mm, poisson_ratio, np.zeros(nodes, bool), np.zeros(nodes))


def pressed(
    modulus_mpa: NDArray[np.float64],
    spacing_mm: Spacing = (1.0, 1.0, 1.0),
    *,
    bonded: bool = False,
    strain: float = STRAIN,
) -> VoxelModel:
    """Shortened along z between its lowest and highest nodes; the end faces slide, or are bonded."""
    model = unloaded(modulus_mpa, spacing_mm)
    model.held[slice(None) if bonded else 2, :, :, [0, -1]] = True
    model.displacement_mm[2, :, :, -1] = -strain * modulus_mpa.shape[2] * spacing_mm[2]
    return model


def cylinder(spacing_mm: float, hole_mpa: float = HOLE_MPA, shell_mpa: float = SHELL_MPA) -> NDArray[np.float64]:
    """Moduli in MPa (nx, ny, nz) in cubes of `spacing_mm`; 0 outside. The same random core for the same spacing."""
    from scipy import ndimage

    shape = tuple(round(size / spacing_mm) for size in SIZE_MM)
    x, y, z = np.meshgrid(*((np.arange(size) + 0.5) * spacing_mm for size in shape), indexing="ij", sparse=True)
    half_x, half_y, height = SIZE_MM[0] / 2, SIZE_MM[1] / 2, SIZE_MM[2]
    radius = np.sqrt(((x - half_x) / half_x) ** 2 + ((y - half_y) / half_y) ** 2) + 0 * z
    noise = ndimage.gaussian_filter(np.random.default_rng(0).standard_normal(shape), CORE_GRAIN_MM / spacing_mm)
    core = CORE_MEDIAN_MPA * np.exp(CORE_LOG_SD * noise / noise.std())
    modulus = np.clip(core, CORE_LOWEST_MPA, CORE_HIGHEST_MPA)
    depth_mm = np.minimum((1 - radius) * SLOPE_MM, np.minimum(z, height - z))
    share_of_shell = np.clip((SHELL_MM - depth_mm) / spacing_mm + 0.5, 0, 1)
    modulus += share_of_shell * (shell_mpa - modulus)
    from_hole = sum((axis - centre) ** 2 for axis, centre in zip((x, y, z), HOLE_CENTRE_MM, strict=True))
    modulus[from_hole < HOLE_RADIUS_MM**2] = hole_mpa
    return np.where(radius <= 1, modulus, 0.0)


def rounded(modulus_mpa: NDArray[np.float64]) -> NDArray[np.float64]:
    """To `DIGITS` significant digits."""
    unit = 10.0 ** (np.floor(np.log10(np.where(modulus_mpa > 0, modulus_mpa, 1))) - DIGITS + 1)
    return np.round(modulus_mpa / unit) * unit


def study(spacing_mm: float) -> VoxelModel:
    """The cylinder as it is timed: moduli rounded, both ends bonded, shortened by 1 %."""
    return pressed(rounded(cylinder(spacing_mm)), (spacing_mm,) * 3, bonded=True)


def force_n(model: VoxelModel, reaction_n: NDArray[np.float64]) -> float:
    """Force that moves the moved supports, along their motion; `reaction_n` as in `solve.Solution`."""
    moved = np.where(model.held, model.displacement_mm, 0)
    return float(abs((reaction_n * moved).sum()) / abs(moved).max())


@dataclass(frozen=True, eq=False)
class Mesh:
    """The model as other programs want it: nodes and elements by number, only those that exist, z slowest."""

    node_mm: NDArray[np.float64]
    """(n, 3)"""
    corner: NDArray[np.int32]
    """(m, 8) node numbers from 0; bottom face counter-clockwise seen from above, then the top face."""
    modulus_mpa: NDArray[np.float64]
    """(m,)"""
    held: NDArray[np.bool_]
    """(n, 3)"""
    displacement_mm: NDArray[np.float64]
    """(n, 3), zero where not held."""
    grid_index: NDArray[np.int64]
    """(n, 3), where each node stands in the model's node arrays."""


AROUND = np.array([(0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)])
"""Corners of a hexahedron in the order of Abaqus, CalculiX and VTK."""


def mesh_of(model: VoxelModel) -> Mesh:
    """Every voxel with a modulus as one hexahedron."""
    voxel = np.argwhere(model.modulus_mpa.T > 0)[:, ::-1]
    shape = tuple(size + 1 for size in model.modulus_mpa.shape)
    flat = np.ravel_multi_index(tuple(np.moveaxis(voxel[:, None] + AROUND, 2, 0)), shape, order="F")
    existing, corner = np.unique(flat, return_inverse=True)
    at = np.stack(np.unravel_index(existing, shape, order="F"), axis=1)
    held = model.held[:, *at.T].T
    return Mesh(
        node_mm=at * np.array(model.spacing_mm),
        corner=corner.reshape(flat.shape).astype(np.int32),
        modulus_mpa=model.modulus_mpa[tuple(voxel.T)],
        held=held,
        displacement_mm=np.where(held, model.displacement_mm[:, *at.T].T, 0),
        grid_index=at,
    )


def save_mesh(model: VoxelModel, path: Path) -> None:
    """Keep `mesh_of` a model with the element's stiffness (24, 24) for 1 MPa, in the order of `AROUND`."""
    mesh = mesh_of(model)
    corner = AROUND @ (1, 2, 4)
    place = (3 * corner[:, None] + np.arange(3)).ravel()
    np.savez(
        path,
        node_mm=mesh.node_mm,
        corner=mesh.corner,
        modulus_mpa=mesh.modulus_mpa,
        held=mesh.held,
        displacement_mm=mesh.displacement_mm,
        element=stiffness(model.spacing_mm, model.poisson_ratio)[np.ix_(place, place)],
    )


def save(model: VoxelModel, path: Path) -> None:
    """Keep a model without forces and grain for another process."""
    np.savez(
        path,
        modulus_mpa=model.modulus_mpa,
        spacing_mm=model.spacing_mm,
        poisson_ratio=model.poisson_ratio,
        held=model.held,
        displacement_mm=model.displacement_mm,
    )


def load(path: Path) -> VoxelModel:
    """What `save` kept."""
    with np.load(path) as kept:
        return VoxelModel(
            kept["modulus_mpa"],
            tuple(map(float, kept["spacing_mm"])),  # type: ignore[arg-type]
            float(kept["poisson_ratio"]),
            kept["held"],
            kept["displacement_mm"],
        )


def elements_of(path: Path) -> int:
    """How many elements a kept model has."""
    with np.load(path) as kept:
        return int((kept["modulus_mpa"] > 0).sum())
