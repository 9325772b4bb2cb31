"""Vertebrae of exactly known shape, written as inequalities in their own coordinates and put on any voxel grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial.transform import Rotation

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap

BODY, PEDICLE, RING, SPINOUS, TRANSVERSE = 1, 2, 3, 4, 5


@dataclass(frozen=True)
class Bone:
    """A superelliptic cylinder with a ring arch behind it; x left, y back, z up, origin in the body's centre."""

    height: float = 24.0
    width: float = 40.0
    depth: float = 30.0
    wedge_deg: float = 0.0
    """The upper endplate tilts forward about the posterior wall: the posterior height stays."""
    crush_mm: float = 0.0
    """Taken from the whole upper endplate."""
    canal: tuple[float, float] = (11.0, 8.0)
    """Half width and half depth."""
    transverse: tuple[float, float] = (38.0, 38.0)
    """Reach to the left and to the right."""
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn: Rotation = field(default_factory=Rotation.identity)

    @property
    def canal_y(self) -> float:
        return self.depth / 2 + self.canal[1]

    def front_height(self) -> float:
        return self.height - self.crush_mm - self.depth * np.tan(np.radians(self.wedge_deg))

    def parts_at(self, lps_mm: np.ndarray) -> np.ndarray:
        """Part numbers of points (..., 3); 0 outside."""
        x, y, z = np.moveaxis(self.turn.inv().apply((lps_mm - self.centre).reshape(-1, 3)), -1, 0)
        part = np.zeros(len(x), np.uint8)
        a, b = self.canal
        ring = np.hypot(x / a, (y - self.canal_y) / b)
        outer = np.hypot(x / (a + 5), (y - self.canal_y) / (b + 5))
        part[(ring > 1) & (outer <= 1) & (abs(z) < 9) & (y > self.depth / 2)] = RING
        part[(abs(x) < 3.5) & (y > self.canal_y + b) & (y < self.canal_y + b + 25) & (z < 2) & (z > -12)] = SPINOUS
        left, right = self.transverse
        arm = (abs(y - self.canal_y - 2) < 3.5) & (abs(z - 2) < 4) & (abs(x) > a + 2)
        part[arm & (x > 0) & (x < left)] = TRANSVERSE
        part[arm & (x < 0) & (x > -right)] = TRANSVERSE
        pedicle = (abs(abs(x) - a - 3.5) < 3.5) & (y > self.depth / 2 - 3) & (y < self.canal_y) & (abs(z - 3) < 6)
        part[pedicle] = PEDICLE
        top = self.height / 2 - self.crush_mm - (self.depth / 2 - y) * np.tan(np.radians(self.wedge_deg))
        # A Lamé curve of power four is nearly as square at its back corners as a vertebral body.
        inside = (x / (self.width / 2)) ** 4 + (y / (self.depth / 2)) ** 4 <= 1
        part[(ring > 1) & inside & (z >= -self.height / 2) & (z <= top)] = BODY
        return part.reshape(lps_mm.shape[:-1])


def stack(levels: Mapping[Level, Bone], disc_mm: float = 6.0, whole: Rotation | None = None) -> dict[Level, Bone]:
    """Bones one below the other in the order given, discs between them, and the whole row turned."""
    whole = whole or Rotation.identity()
    placed, z = {}, 0.0
    for level, bone in levels.items():
        z -= bone.height / 2
        centre = whole.apply(np.array([0.0, 0.0, z]) + bone.centre)
        placed[level] = replace(bone, centre=tuple(centre), turn=whole * bone.turn)
        z -= bone.height / 2 + disc_mm
    return placed


def voxelise(
    bones: Mapping[Level, Bone], spacing: tuple[float, float, float] = (1.0, 1.0, 1.0), margin: float = 52.0
) -> tuple[LevelMap, Volume, Volume]:
    """Level map, a CT (300 HU in bone, 40 outside) and the true part numbers on one canonical grid."""
    centres = np.array([bone.centre for bone in bones.values()])
    low, high = centres.min(axis=0) - margin, centres.max(axis=0) + margin
    shape = np.ceil((high - low) / spacing).astype(int)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low
    labels, parts = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    for level, bone in bones.items():
        start = np.maximum(0, np.floor((np.array(bone.centre) - margin - low) / spacing)).astype(int)
        stop = np.minimum(shape, np.ceil((np.array(bone.centre) + margin - low) / spacing)).astype(int)
        index = np.stack(np.meshgrid(*map(np.arange, start, stop), indexing="ij"), axis=-1)
        part = bone.parts_at(index * spacing + low)
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        labels[box][part > 0] = int(level)
        parts[box][part > 0] = part[part > 0]
    ct = Volume(np.where(labels > 0, 300.0, 40.0).astype(np.float32), affine, "HU")
    return LevelMap(ct.like(labels, "label"), "verse"), ct, ct.like(parts, "label")
