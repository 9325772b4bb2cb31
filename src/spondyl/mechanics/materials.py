"""What a voxel of bone is made of: laws from density to modulus, and which voxels carry load at all."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError

POISSON_RATIO = 0.3
"""Bone and cement (bonelab_spinefe): isotropic, one value for both."""
CEMENT_MPA = 2500.0
"""PMMA of the caps (bonelab_spinefe)."""
SOFTEST_MPA = 1.0
"""Modulus where the law gives less (marrow fat, soft tumour, density at or below zero). Own choice: within what is
written of soft tumour (1 to 10 MPa), under 1/200 of osteoporotic bone, and it keeps the solve quick."""
SPANNING_SHARE = 0.8
"""A piece of bone carries load from cap to cap when it covers so much of the height. Own choice: endplates dip by less
than a fifth of the height unless the piece is a fragment."""
DEBRIS_SHARE = 0.01
"""Pieces under this share of the bone are not looked at for the height; own choice."""
NOTED_SHARE = 0.001
"""Less bone than this left out is a few stray voxels of the mask's surface and not worth a note. Own choice."""


@dataclass(frozen=True)
class DensityLaw:
    """modulus [MPa] = coefficient * density [g/cc] ** exponent."""

    name: str
    coefficient_mpa: float
    exponent: float
    density: str
    """Which density the law was fitted to."""
    citation: str


LAWS = {
    "kopperdahl2002": DensityLaw(
        name="Kopperdahl 2002, vertebral trabecular bone",
        coefficient_mpa=2980.0,
        exponent=1.05,
        density="quantitative CT, K2HPO4 equivalent",
        citation="kopperdahl2002",
    ),
}
"""Laws for densities in mg/cc K2HPO4. A law for apparent or ash density needs a conversion first, and is not here."""


def law_named(name: str) -> DensityLaw:
    """The law of that name. Raises ModelError for one that is not known."""
    if name not in LAWS:
        raise ModelError(f"no density law is called '{name}'.", f"Known: {', '.join(sorted(LAWS))}.")
    return LAWS[name]


def modulus_mpa(density_mg_cc: NDArray, law: DensityLaw, *, softest_mpa: float = SOFTEST_MPA) -> NDArray[np.float64]:
    """Young's modulus in MPa for densities in mg/cc, never below `softest_mpa`."""
    density_g_cc = np.maximum(np.asarray(density_mg_cc, dtype=np.float64), 0) / 1000
    return np.maximum(law.coefficient_mpa * density_g_cc**law.exponent, softest_mpa)


def check_bone(density_mg_cc: NDArray, bone: NDArray[np.bool_]) -> None:
    """Raise ModelError when the block holds no bone, or bone without a density."""
    if density_mg_cc.shape != bone.shape or bone.ndim != 3:
        raise ModelError(
            f"density of shape {density_mg_cc.shape} and bone of shape {bone.shape}.",
            "Give both on one (x, y, z) grid.",
        )
    if not bone.any():
        raise ModelError("the bone mask of the block is empty.", "Check that the mask and the CT show the same level.")
    missing = int((~np.isfinite(density_mg_cc[bone])).sum())
    if missing:
        raise ModelError(
            f"{missing} of {int(bone.sum())} bone voxels have no density.",
            "Cut the block where the scan ends, or leave these voxels out of the mask.",
        )


def load_bearing(bone: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], tuple[str, ...]]:
    """The pieces of bone (x, y, z) that reach from bottom to top, and a note on what was left out.

    Voxels that meet only in an edge or a corner are not connected: they would hinge. Raises ModelError when no piece
    reaches from bottom to top.
    """
    labels, count = cc3d.connected_components(bone, connectivity=6, return_N=True)
    sizes = np.bincount(labels.ravel())[1:]
    spans = np.array([(box[2].start, box[2].stop) for box in cc3d.statistics(labels)["bounding_boxes"][1:]])
    large = sizes >= DEBRIS_SHARE * sizes.sum()
    height = spans[large, 1].max() - spans[large, 0].min()
    reach = spans[:, 1] - spans[:, 0]
    spanning = large & (reach >= SPANNING_SHARE * height)
    if not spanning.any():
        raise ModelError(
            f"the bone is in {int(large.sum())} pieces, none of which reaches from bottom to top "
            f"(the longest covers {reach[large].max() / height:.0%} of the height).",
            "No axial strength can be given; look for a mask with gaps or a bone broken through.",
        )
    kept = np.isin(labels, np.flatnonzero(spanning) + 1)
    lost = 1 - kept.sum() / bone.sum()
    if lost < NOTED_SHARE:
        return kept, ()
    loose = count - int(spanning.sum())
    return kept, (f"{loose} loose piece(s), {lost:.1%} of the bone, carry no load and were left out.",)


def largest_piece(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest set of voxels that share faces."""
    return cc3d.largest_k(solid, k=1, connectivity=6) > 0
