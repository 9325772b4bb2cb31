"""A small scan of one analytic vertebra, tilted in the patient, for tests that put lesions into it."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Geometry, Vertebra

HALF = np.array([20.0, 16.0, 13.0])
BONE_HU, WALL_HU, SOFT_HU = 160.0, 700.0, 40.0
LEVEL = Level.T8


def frame() -> Frame:
    angle = np.radians(12)
    tilt = np.array([[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]])
    return Frame(np.array([5.0, -30.0, 100.0]), tilt)


def parts_at(p: np.ndarray) -> np.ndarray:
    """A body of an elliptic cylinder, pedicles, laminae and facets as boxes; first named wins."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    parts = np.zeros(x.shape, np.uint8)

    def put(part: SubRegion, where: np.ndarray) -> None:
        parts[where & (parts == 0)] = int(part)

    put(SubRegion.BODY, ((x / HALF[0]) ** 2 + (y / HALF[1]) ** 2 < 1) & (np.abs(z) < HALF[2]))
    for name, s in (("LEFT", x), ("RIGHT", -x)):
        put(SubRegion[f"PEDICLE_{name}"], (np.abs(s - 14) < 4.5) & (y > 5) & (y < 24) & (np.abs(z - 3) < 7))
        put(SubRegion[f"FACET_{name}"], (np.abs(s - 15) < 7) & (np.abs(y - 29) < 6) & (np.abs(z - 2) < 13))
        put(SubRegion[f"LAMINA_{name}"], (s >= 0) & (s < 9) & (np.abs(y - 32) < 4) & (np.abs(z + 2) < 8))
    return parts


def make(
    spacing_mm: tuple[float, float, float] = (0.7, 0.7, 1.25), noise_hu: float = 20.0, seed: int = 0
) -> tuple[Volume, Volume, Vertebra]:
    """CT (int16), mask and vertebra: spongy bone and a wall in soft tissue, blurred, with white noise."""
    span = np.array([76.0, 82.0, 56.0])
    shape = tuple(np.ceil(span / spacing_mm).astype(int))
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = frame().origin_mm - [38.0, 30.0, 28.0]
    grid = Volume(np.zeros(shape, np.uint8), affine, "label")
    parts = parts_at(frame().to_local(grid.to_lps(np.stack(np.indices(shape), -1))))
    bone = parts > 0
    wall = bone & (ndimage.distance_transform_edt(bone, sampling=spacing_mm) < 1.3)
    hu = np.where(wall, WALL_HU, np.where(bone, BONE_HU, SOFT_HU))
    hu = ndimage.gaussian_filter(hu, [0.5 / step for step in spacing_mm])
    hu += np.random.default_rng(seed).normal(0, noise_hu, shape)
    geometry = Geometry(*[None] * 13)
    vertebra = Vertebra(LEVEL, frame(), grid.like(parts, "label"), geometry, "given")
    return grid.like(np.rint(hu).astype(np.int16), "HU"), grid.like(bone, "mask"), vertebra
