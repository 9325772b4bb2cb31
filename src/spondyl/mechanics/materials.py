"""Which voxels carry load at all, and the constants of bone and cement; laws from density are in `laws.py`."""

from __future__ import annotations

import cc3d
import numpy as np
from numpy.typing import NDArray

from spondyl.core.errors import ModelError

POISSON_RATIO = 0.3
"""Bone and cement (bonelab_spinefe): isotropic, one value for both."""
CEMENT_MPA = 2500.0
"""PMMA of the caps (bonelab_spinefe)."""
CEMENT_YIELD_MPA = 70.0
"""PMMA of the caps, in compression and tension (bonelab_spinefe)."""
SPANNING_SHARE = 0.8
"""A piece of bone carries load from cap to cap when it covers so much of the height. Own choice: endplates dip by less
than a fifth of the height unless the piece is a fragment."""
DEBRIS_SHARE = 0.01
"""Pieces under this share of the bone are not looked at for the height; own choice."""
NOTED_SHARE = 0.001
"""Less bone than this left out is a few stray voxels of the mask's surface and not worth a note. Own choice."""


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
            "No strength can be given; look for a mask with gaps or a bone broken through.",
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
