"""The load cases of a block between its caps: which way its upper face goes, and what is read off as the load."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.mechanics.caps import CappedBlock
from spondyl.mechanics.curve import CurveSolution
from spondyl.mechanics.loading import Faces, axial, eccentric, torsion
from spondyl.values.strength import LoadCase

ECCENTRICITY = 0.25
"""How far from the centre of the loaded face the force acts in bending, as a share of the face's depth or width. Own
choice: halfway to the rim, so that the far side is pulled; published loads of daily life do not settle a place."""


@dataclass(frozen=True, eq=False)
class Posed:
    """Supports and motion of one case. `pattern` is the displacement at an apparent strain of 1."""

    case: LoadCase
    held: NDArray[np.bool_]
    pattern: NDArray[np.float64]
    free: tuple[NDArray[np.float64], ...]
    about_mm: tuple[float, float, float]
    per_strain: float
    """mm of shortening, in torsion rad of twist, at an apparent strain of 1."""

    def load(self, curve: CurveSolution) -> NDArray[np.float64]:
        """(n,) N against the motion; in torsion N mm."""
        return curve.moment_nmm[:, 2] if self.case is LoadCase.TORSION else -curve.force_n[:, 2]


def posed(
    case: LoadCase,
    between: CappedBlock,
    solid: NDArray[np.bool_],
    spacing_mm: tuple[float, float, float],
    *,
    bonded: bool,
) -> Posed:
    """A case on the block's solid voxels (x, y, z); `bonded` faces are held across the load too, as in torsion."""
    faces = Faces(between.face(between.lower_layer, solid), between.face(between.upper_layer, solid))
    x, y, z = faces.upper_centre_mm(spacing_mm)
    width, depth = faces.upper_extent_mm(spacing_mm)
    height = between.height_mm
    if case is LoadCase.AXIAL:
        held, pattern = axial(faces, spacing_mm, bonded=bonded)
        return Posed(case, held, height * pattern, (), (x, y, z), height)
    if case is LoadCase.TORSION:
        rim = _rim_mm(between, spacing_mm, (x, y))
        held, pattern, free = torsion(faces, spacing_mm, about_mm=(x, y))
        return Posed(case, held, height / rim * pattern, free, (x, y, z), height / rim)
    aside = {LoadCase.FLEXION: (0.0, -depth), LoadCase.SIDE_LEFT: (width, 0.0), LoadCase.SIDE_RIGHT: (-width, 0.0)}[
        case
    ]
    through = (x + ECCENTRICITY * aside[0], y + ECCENTRICITY * aside[1])
    held, pattern, free = eccentric(faces, spacing_mm, through_mm=through, bonded=bonded)
    return Posed(case, held, height * pattern, free, (*through, z), height)


def _rim_mm(between: CappedBlock, spacing_mm: tuple[float, float, float], centre_mm: tuple[float, float]) -> float:
    """Mean over the directions across of how far the bone under the caps reaches from the axis of the twist.

    Processes that stand out beside the caps are twisted by nothing and don't count.
    """
    capped = between.bone.any(axis=2) & between.cement.any(axis=2)
    columns = (np.argwhere(capped) + 0.5) * np.array(spacing_mm[:2]) - np.array(centre_mm)
    return float(np.abs(columns).max(axis=0).mean())
