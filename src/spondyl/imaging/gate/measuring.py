"""What the quality gate measures of one labelled vertebra, on a crop of the scan."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.imaging.gate.metal import metal_in
from spondyl.values.level_map import LevelMap

NEARBY_MM = 10.0
"""Own choice: metal this close sends streaks and shadows through a vertebra."""
_DENSEST_BONE_HU = 2000.0  # so that a screw does not lift the mean of what should be bone
_ROUNDING_MM = 1e-6  # a label one voxel deep has all of its voxels at its centroid
_EDGES = (("right", "left"), ("front", "back"), ("lower", "upper"))  # of canonical axes: low index, high index


@dataclass(frozen=True)
class Piece:
    volume_mm3: float
    centroid_mm: NDArray[np.float64]
    up_mm: tuple[float, float]
    """Lowest and highest voxel centre, along patient superior."""
    edges: tuple[str, ...]
    """Edges of the scan it touches: 'upper', 'left', ..."""


@dataclass(frozen=True)
class Measured:
    level: Level
    volume_mm3: float
    centroid_mm: NDArray[np.float64]
    """LPS, (3,)."""
    front_mm: NDArray[np.float64]
    """Voxel centres in front of the centroid, LPS (n, 3): the body, less its back wall, and no spinous process."""
    pieces: tuple[Piece, ...]
    """Connected parts, the largest first."""
    mean_hu: float
    metal_mm3: float
    metal_nearby_mm3: float

    @property
    def edges(self) -> tuple[str, ...]:
        return tuple(sorted({edge for piece in self.pieces for edge in piece.edges}))

    @property
    def height_mm(self) -> float:
        """From the lowest to the highest voxel along patient superior, processes included."""
        return max(p.up_mm[1] for p in self.pieces) - min(p.up_mm[0] for p in self.pieces)

    @property
    def is_cut(self) -> bool:
        return bool(self.edges)


def measure(ct: Volume, levels: LevelMap, level: Level) -> Measured:
    """One level's place, size, pieces and HU. `ct` is on the grid of `levels`."""
    mask = levels.mask(level)
    start, _ = levels.box(level)
    points = mask.to_lps(np.argwhere(mask.array))
    centroid = points.mean(axis=0)
    hu = ct.crop(*levels.box(level)).array[mask.array]
    inside, nearby = _metal(ct, levels, level)
    return Measured(
        level=level,
        volume_mm3=len(points) * mask.voxel_volume_mm3,
        centroid_mm=centroid,
        front_mm=points[points[:, 1] <= centroid[1] + _ROUNDING_MM],
        pieces=_pieces(mask, start, levels.labels.shape),
        mean_hu=float(np.minimum(hu, _DENSEST_BONE_HU).mean()),
        metal_mm3=inside,
        metal_nearby_mm3=nearby,
    )


def _pieces(mask: Volume, start: tuple[int, int, int], shape: tuple[int, int, int]) -> tuple[Piece, ...]:
    import cc3d

    # cc3d takes no read-only arrays.
    labels, count = cc3d.connected_components(mask.array.copy(order="K"), connectivity=26, return_N=True)
    found = cc3d.statistics(labels)
    pieces = []
    for n in range(1, count + 1):
        box = found["bounding_boxes"][n]
        edges = []
        for axis, (low, high) in enumerate(_EDGES):
            edges += [low] if start[axis] + box[axis].start == 0 else []
            edges += [high] if start[axis] + box[axis].stop == shape[axis] else []
        ends = mask.to_lps([[b.start for b in box], [b.stop - 1 for b in box]])[:, 2]
        pieces.append(
            Piece(
                float(found["voxel_counts"][n]) * mask.voxel_volume_mm3,
                mask.to_lps(found["centroids"][n]),
                (float(ends.min()), float(ends.max())),
                tuple(edges),
            )
        )
    return tuple(sorted(pieces, key=lambda piece: -piece.volume_mm3))


def _metal(ct: Volume, levels: LevelMap, level: Level) -> tuple[float, float]:
    """mm³ of metal inside the label, and in the box NEARBY_MM around it."""
    box = levels.box(level, NEARBY_MM)
    around = ct.crop(*box)
    metal = metal_in(around.array, around.voxel_volume_mm3)
    inside = metal & (levels.labels.crop(*box).array == int(level))
    voxel = around.voxel_volume_mm3
    return float(inside.sum()) * voxel, float(metal.sum()) * voxel
