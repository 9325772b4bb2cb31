"""From a block of bone to a voxel model: caps, moduli, yield stresses, and what is changed in a variant of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError
from spondyl.mechanics.bone import BoneBlock, own_bone, surface_moved
from spondyl.mechanics.caps import CappedBlock, capped, with_given_caps
from spondyl.mechanics.laws import Law, law_named
from spondyl.mechanics.materials import (
    CEMENT_MPA,
    CEMENT_YIELD_MPA,
    NOTED_SHARE,
    largest_piece,
    load_bearing,
)
from spondyl.mechanics.plasticity import Plasticity
from spondyl.mechanics.tumour import LYTIC, tumour_modulus, tumour_yield

FEWEST_LAYERS = 8
"""Elements over the height below which no strength is given. Own choice: fewer can't hold two endplates and a core."""
RESIDUAL_SHARE = 0.5
SOFTENING_STRAIN = 0.2
"""Past yield the stress falls over so much equivalent plastic strain (in voxels of 1 mm) to `RESIDUAL_SHARE` of it. Own
choice: crushed bone keeps part of its strength, and a gentle fall gives a peak. On the published vertebra strains of
0.1, 0.2 and 0.4 give peaks of 1629, 1708 and 1759 N; without any fall it bears 1854 N at 1.9 % (its body alone,
benchmarks/softening.py)."""


@dataclass(frozen=True)
class Variant:
    """One way to model a block."""

    law: str
    density_factor: float = 1.0
    surface_voxels: float = 0.0
    """The mask's surface moved outward by so many voxels, at most half a one either way."""
    bonded: bool = False
    """The caps' faces are held across the load too."""
    lytic_mpa: float = LYTIC.value
    own: frozenset[int] = frozenset()
    """Lesions (places in the block's tuple) replaced by the patient's own bone."""
    cemented: frozenset[int] = frozenset()
    """Lesions filled with PMMA."""


@dataclass(frozen=True, eq=False)
class Composition:
    """A block between its caps; arrays (x, y, z) on the grid of `between`."""

    between: CappedBlock
    modulus_mpa: NDArray[np.float64]
    plasticity: Plasticity
    bone: NDArray[np.bool_]
    """On the grid of the block that was handed in: the bone that carries load."""
    law: Law
    notes: tuple[str, ...]


def compose(block: BoneBlock, variant: Variant, filled: NDArray[np.float64] | None = None) -> Composition:
    """The model of a checked block. `filled` is its density with own bone for lesions, where a variant asks for it.

    Raises ModelError for bone that can't be loaded: broken through, too thin, not between its caps.
    """
    law = law_named(variant.law)
    bone = block.bone if not variant.surface_voxels else _moved(block, variant.surface_voxels)
    bearing, notes = load_bearing(bone) if block.cement is None else (bone, ())
    between = (
        capped(bearing, block.spacing_mm)
        if block.cement is None
        else with_given_caps(bearing, block.cement, block.spacing_mm)
    )
    _check_layers(between, block.spacing_mm)
    return _joined(block, between, _materials(block, variant, law, filled), law, notes)


def _joined(
    block: BoneBlock,
    between: CappedBlock,
    of_bone: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
    law: Law,
    notes: tuple[str, ...],
) -> Composition:
    """Bone and caps on one grid, without what hangs on neither face."""
    modulus = np.where(between.cement, CEMENT_MPA, 0.0)
    compression = np.where(between.cement, CEMENT_YIELD_MPA, np.inf)
    tension = compression.copy()
    x, y, z = np.nonzero(between.bone)
    for whole, bone in zip((modulus, compression, tension), of_bone, strict=True):
        whole[x, y, z] = bone[x, y, z - between.offset]
    piece = largest_piece(modulus > 0)
    lost = 1 - (piece & between.bone).sum() / between.bone.sum()
    if not all(between.face(layer, piece).any() for layer in (between.lower_layer, between.upper_layer)):
        raise ModelError(
            "no piece of bone joins both caps.", "No strength can be given; look for a bone broken through."
        )
    if lost >= NOTED_SHARE:
        notes += (f"{lost:.1%} of the bone stands beside the loaded block and was left out.",)
    return Composition(
        between=between,
        modulus_mpa=np.where(piece, modulus, 0.0),
        plasticity=Plasticity(compression, tension, residual_share=RESIDUAL_SHARE, softening_strain=SOFTENING_STRAIN),
        bone=on_block(between, piece & between.bone, block.bone.shape),
        law=law,
        notes=notes,
    )


def _materials(
    block: BoneBlock, variant: Variant, law: Law, filled: NDArray[np.float64] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Modulus and yield stress in compression and tension (x, y, z), as if every voxel were bone, or lesion."""
    density = np.nan_to_num(block.density_mg_cc) * variant.density_factor
    modulus, stress = law.modulus_mpa(density), law.yield_mpa(density)
    for place, lesion in enumerate(block.lesions):
        at = lesion.mask
        if place in variant.cemented:
            modulus[at], stress[at] = CEMENT_MPA, CEMENT_YIELD_MPA
        elif place in variant.own:
            if filled is None:
                raise ModelError("no own bone for the lesions.", "Give the density with them filled.")
            own = filled[at] * variant.density_factor
            modulus[at], stress[at] = law.modulus_mpa(own), law.yield_mpa(own)
        else:
            here = density[at]
            modulus[at] = tumour_modulus(lesion.kind, here, law, lytic_mpa=variant.lytic_mpa)
            stress[at] = tumour_yield(lesion.kind, here, law, lytic_mpa=variant.lytic_mpa)
    tension = law.tension_share * stress
    for place in variant.cemented:
        tension[block.lesions[place].mask] = CEMENT_YIELD_MPA
    return modulus, stress, tension


def filled_with_own_bone(block: BoneBlock) -> tuple[NDArray[np.float64] | None, str]:
    """The block's density with own bone in place of its lesions, or why not; nothing where it holds none."""
    return own_bone(block) if block.lesions else (None, "")


def on_block(between: CappedBlock, values: NDArray, shape: tuple[int, ...]) -> NDArray:
    """Values between the caps on the grid of the block that was handed in; zero elsewhere."""
    placed = np.zeros(shape, dtype=values.dtype)
    start = max(0, -between.offset)
    stop = min(shape[2], values.shape[2] - between.offset)
    placed[:, :, start:stop] = values[:, :, start + between.offset : stop + between.offset]
    return placed


def fit_to_run(block: BoneBlock) -> bool:
    """Whether a block has layers enough to be modelled."""
    return bool(block.bone.any()) and int(block.bone.any(axis=(0, 1)).sum()) >= FEWEST_LAYERS


def _moved(block: BoneBlock, voxels: float) -> NDArray[np.bool_]:
    moved = surface_moved(block.bone, voxels)
    added = moved & ~block.bone
    if added.any() and not (block.density_mg_cc[added] > 0).any():
        raise ModelError("the density image is blank outside the bone.", "Give one that is not cut out along the mask.")
    moved &= np.isfinite(block.density_mg_cc)
    return moved if block.cement is None else moved & ~block.cement


def _check_layers(between: CappedBlock, spacing_mm: tuple[float, float, float]) -> None:
    layers = round(between.height_mm / spacing_mm[2])
    if layers < FEWEST_LAYERS:
        raise ModelError(
            f"the bone is {layers} voxels high (of {spacing_mm[2]:.2g} mm); {FEWEST_LAYERS} are needed.",
            "Sample the block finer, from a scan with thinner slices.",
        )
