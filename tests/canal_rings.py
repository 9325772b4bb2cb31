"""Vertebrae whose lumen is an exact elliptical cylinder."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Geometry, Vertebra

NO_GEOMETRY = Geometry(*[None] * 13)
GRIDS = [(0.7, 0.7, 2.5), (1.0, 1.0, 1.0)]
HALF_RING_MM = 7.0
"""Pedicles and laminae reach this far above and below the body's middle."""


def rotation(about_x_deg: float, about_z_deg: float = 0.0) -> np.ndarray:
    a, b = np.deg2rad([about_x_deg, about_z_deg])
    lean = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    turn = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
    return turn @ lean


@dataclass(frozen=True)
class Ring:
    """An elliptical body, and a ring around a lumen of half axes across x deep, leaning by `lean_deg` to the back."""

    across_mm: float = 10.0
    deep_mm: float = 7.5
    lean_deg: float = 0.0
    gap_mm: float = 0.0
    spacing_mm: tuple[float, float, float] = GRIDS[0]
    axes: np.ndarray | None = None
    up_mm: float = 0.0

    def frame(self) -> Frame:
        return Frame(np.array([3.1, -20.3, 110.7 + self.up_mm]), np.eye(3) if self.axes is None else self.axes)

    def grid(self) -> Volume:
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = self.frame().origin_mm - 48.3
        shape = tuple(int(96 / step) for step in self.spacing_mm)
        return Volume(np.zeros(shape, np.uint8), affine, "label")

    def local(self, grid: Volume) -> np.ndarray:
        return self.frame().to_local(grid.to_lps(np.moveaxis(np.indices(grid.shape), 0, -1)))

    def across_canal(self, local: np.ndarray) -> np.ndarray:
        """Coordinates (left, back, along) about the canal's axis."""
        turn = rotation(-self.lean_deg)
        return (local - np.array([0, 12.5 + self.deep_mm, 0])) @ turn

    def vertebra(self, level: Level = Level.T8) -> Vertebra:
        grid = self.grid()
        p = self.local(grid)
        c = self.across_canal(p)
        wall = 4.5
        lumen = (c[..., 0] / self.across_mm) ** 2 + (c[..., 1] / self.deep_mm) ** 2 < 1
        hull = (c[..., 0] / (self.across_mm + wall)) ** 2 + (c[..., 1] / (self.deep_mm + wall)) ** 2 < 1
        body = ((p[..., 0] / 18) ** 2 + (p[..., 1] / 14) ** 2 < 1) & (np.abs(p[..., 2]) < 12)
        arch = hull & (np.abs(c[..., 2]) < HALF_RING_MM) & ~((np.abs(c[..., 0]) < self.gap_mm / 2) & (c[..., 1] > 0))
        beside = np.abs(c[..., 0]) > 0.8 * self.across_mm
        parts = np.zeros(grid.shape, np.uint8)
        parts[arch & (c[..., 0] > 0)] = SubRegion.LAMINA_LEFT
        parts[arch & (c[..., 0] <= 0)] = SubRegion.LAMINA_RIGHT
        parts[arch & beside & (c[..., 0] > 0)] = SubRegion.PEDICLE_LEFT
        parts[arch & beside & (c[..., 0] <= 0)] = SubRegion.PEDICLE_RIGHT
        parts[body] = SubRegion.BODY
        parts[lumen] = 0
        return Vertebra(level, self.frame(), Volume(parts, grid.affine, "label"), NO_GEOMETRY, "shape")

    @property
    def area_mm2(self) -> float:
        return np.pi * self.across_mm * self.deep_mm
