"""A synthetic spine: boxes of bone in a row, each a body with an arch behind it, exactly known.

Each vertebra is a body of 40 x 28 x 20 mm and behind it, joined, an arch of 20 x 24 x 12 mm: 28.2 cm³.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.values.scan import CtScan

STEP_MM = 26.0
BODY_HALF_MM = (20.0, 14.0, 10.0)
ARCH_HALF_MM = (10.0, 12.0, 6.0)
ARCH_BEHIND_MM = 26.0
VOLUME_CM3 = (40 * 28 * 20 + 20 * 24 * 12) / 1000
SOFT_HU, BONE_HU = 40, 300
THORACOLUMBAR = (Level.T10, Level.T11, Level.T12, Level.L1, Level.L2, Level.L3)


@dataclass
class Stack:
    """Editable arrays; `place` paints, `scan` and `levels` hand them out."""

    names: Sequence[Level] = THORACOLUMBAR
    spacing_mm: tuple[float, float, float] = (2.0, 2.0, 2.0)
    step_mm: float = STEP_MM
    hu: NDArray[np.int16] = field(init=False)
    labels: NDArray[np.uint8] = field(init=False)
    affine: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        extent = np.array([64.0, 84.0, self.step_mm * (len(self.names) + 1)])
        shape = tuple(int(n) for n in np.round(extent / self.spacing_mm))
        self.affine = np.diag([*self.spacing_mm, 1.0])
        # Half a step off, so that no voxel centre lies on a vertebra's surface.
        self.affine[:3, 3] = np.array([-32.0, -24.0, -500.0]) + np.array(self.spacing_mm) / 2
        self.hu = np.full(shape, SOFT_HU, np.int16)
        self.labels = np.zeros(shape, np.uint8)
        for name in self.names:
            self.paint(int(name), self.centre_mm(name))

    def centre_mm(self, name: Level) -> NDArray[np.float64]:
        """Middle of the body, LPS mm."""
        return np.array([0.0, 0.0, -500.0 + self.step_mm * (len(self.names) - list(self.names).index(name))])

    def at(self, name: Level, left_mm: float, back_mm: float, up_mm: float) -> NDArray[np.float64]:
        """A place by its offset from the middle of a body, LPS mm."""
        return self.centre_mm(name) + np.array([left_mm, back_mm, up_mm])

    def paint(self, label: int, centre_mm: NDArray[np.float64]) -> None:
        self.box(label, centre_mm, BODY_HALF_MM)
        self.box(label, centre_mm + np.array([0.0, ARCH_BEHIND_MM, 0.0]), ARCH_HALF_MM)

    def box(
        self, label: int, centre_mm: NDArray[np.float64], half_mm: Sequence[float], hu: int | None = BONE_HU
    ) -> None:
        inside = self.within(centre_mm, half_mm)
        self.labels[inside] = label
        if hu is not None:
            self.hu[inside] = hu

    def within(self, centre_mm: NDArray[np.float64], half_mm: Sequence[float]) -> NDArray[np.bool_]:
        return np.all(np.abs(self.places_mm() - centre_mm) < np.array(half_mm), axis=-1)

    def places_mm(self) -> NDArray[np.float64]:
        index = np.stack(np.meshgrid(*map(np.arange, self.labels.shape), indexing="ij"), axis=-1)
        return self.ct.to_lps(index)

    def cropped(self, low: float, high: float) -> Stack:
        """Cut by the scan: only what lies between two heights (mm above the grid's lower end) is kept."""
        start, stop = round(low / self.spacing_mm[2]), round(high / self.spacing_mm[2])
        self.hu, self.labels = self.hu[:, :, start:stop], self.labels[:, :, start:stop]
        self.affine[2, 3] += start * self.spacing_mm[2]
        return self

    @property
    def ct(self) -> Volume:
        return Volume(self.hu, self.affine, "HU")

    @property
    def scan(self) -> CtScan:
        return CtScan(self.ct, 120.0, False, None, None, "synthetic", "")

    @property
    def levels(self) -> LevelMap:
        return LevelMap(Volume(self.labels, self.affine, "label"), "verse")


def write_nifti(path: Path, volume: Volume) -> Path:
    """By nibabel, whose RAS convention is the file's own."""
    import nibabel as nib

    array = volume.array.astype(np.uint8) if volume.array.dtype == np.bool_ else volume.array
    nib.save(nib.Nifti1Image(np.asarray(array), np.diag([-1.0, -1.0, 1.0, 1.0]) @ volume.affine), path)
    return path
