"""Rigid motions that the supports leave free: they carry no strain, so the solve must not be asked about them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from spondyl.mechanics.element import Spacing
from spondyl.mechanics.grid import Lattice

FREE_BELOW = 1e-12
"""Share of a motion's square that held components may see before it counts as held. Own choice: round-off leaves
about 1e-30, and one held node of ten million sees 1e-8."""


def free_rigid_modes(grid: Lattice, spacing_mm: Spacing, held: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(m, vector length), m from 0 to 6: orthonormal rigid motions that vanish at every held component."""
    node_z, node_y, node_x = np.nonzero(grid.node >= 0)
    place = np.stack([node_x, node_y, node_z], axis=1) * np.array(spacing_mm)
    place -= place.mean(axis=0)
    # Three shifts and three turns about the mean place: their inner products are the nodes' moments.
    moments = place.T @ place
    products = linalg.block_diag(len(place) * np.eye(3), np.trace(moments) * np.eye(3) - moments)
    seen = np.zeros((6, 6))
    for axis in range(3):
        motion = _along(axis, place[held[axis, node_z, node_y, node_x]])
        seen += motion.T @ motion
    values, vectors = linalg.eigh(seen, products)
    free = vectors[:, values < FREE_BELOW]
    modes = np.zeros((free.shape[1], 3 * grid.stride))
    number = grid.node[node_z, node_y, node_x]
    for axis in range(3):
        for mode, weights in zip(modes, free.T, strict=True):
            turn = np.cross(weights[3:], np.eye(3))[:, axis]  # linear in place: (turn x place) along this axis
            mode[axis * grid.stride + number] = weights[axis] + place @ turn
    return modes


def _along(axis: int, place: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 6): the component along `axis` of the six rigid motions at places (n, 3)."""
    motion = np.zeros((len(place), 6))
    motion[:, axis] = 1
    for turn in range(3):
        motion[:, 3 + turn] = np.cross(np.eye(3)[turn], place)[:, axis] if len(place) else 0
    return motion
