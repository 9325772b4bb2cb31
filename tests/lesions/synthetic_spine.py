"""A synthetic spine with exactly known lesions: bodies with a wall and an arch, blur, texture and noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.vertebra import Frame, Geometry, Vertebra

FINE, COARSE = (1.0, 1.0, 1.0), (0.7, 0.7, 2.5)
PITCH_MM = 34.0
HALF = np.array([19.0, 15.0, 12.5])
"""Half width, depth and height of a body, mm."""
LEVELS = (Level.T10, Level.T11, Level.T12, Level.L1, Level.L2, Level.L3)
SOFT_HU, WALL_HU, TEXTURE_HU = 40.0, 650.0, 20.0
NO_GEOMETRY = Geometry(*[None] * 13)


@dataclass(frozen=True)
class Ball:
    """A lesion: centre in its vertebra's own coordinates, mm; contrast to spongy bone, HU."""

    level: Level
    centre_mm: tuple[float, float, float]
    radius_mm: float
    contrast_hu: float


@dataclass(frozen=True)
class Spine:
    ct: Volume
    vertebrae: dict[Level, Vertebra]
    lesions: Volume
    """Truth, boolean on the CT's grid."""
    base_hu: dict[Level, float]


def parts_at(p: NDArray) -> NDArray[np.uint8]:
    """Sub-region of points (..., 3) in the vertebra's own coordinates."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    parts = np.zeros(x.shape, dtype=np.uint8)

    def put(part: SubRegion, where: NDArray) -> None:
        parts[where & (parts == 0)] = int(part)

    put(SubRegion.BODY, ((x / HALF[0]) ** 2 + (y / HALF[1]) ** 2 < 1) & (np.abs(z) < HALF[2]))
    for name, s in (("LEFT", x), ("RIGHT", -x)):
        put(SubRegion[f"PEDICLE_{name}"], (np.abs(s - 13) < 5) & (y > 5) & (y < 24) & (np.abs(z - 3) < 7))
        put(SubRegion[f"TRANSVERSE_{name}"], (s > 18) & (s < 36) & (np.abs(y - 27) < 5) & (np.abs(z - 2) < 5))
        put(SubRegion[f"FACET_{name}"], (np.abs(s - 14) < 6) & (np.abs(y - 28) < 5) & (np.abs(z - 2) < 13))
        put(SubRegion[f"LAMINA_{name}"], (s >= 0) & (s < 9) & (np.abs(y - 32) < 4) & (np.abs(z + 2) < 8))
    put(SubRegion.SPINOUS, (np.abs(x) < 4) & (y > 35) & (y < 58) & (np.abs(z + 4) < 8))
    return parts


def make_spine(
    *,
    spacing_mm: tuple[float, float, float] = COARSE,
    lesions: Sequence[Ball] = (),
    noise_hu: float = 25.0,
    seed: int = 0,
    levels: Sequence[Level] = LEVELS,
    bone_hu: float = 150.0,
) -> Spine:
    """Soft tissue 40 HU, spongy bone about `bone_hu`, a wall of 1 mm at 650 HU; each level a little tilted."""
    rng = np.random.default_rng(seed)
    spacing = np.array(spacing_mm)
    shape = tuple(np.ceil(np.array([80, 90, PITCH_MM * len(levels) + 6]) / spacing).astype(int))
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = [-36.9, -198.3, -800.0]
    grid = Volume(np.zeros(shape, dtype=np.uint8), affine, "label")
    hu, truth = np.full(shape, SOFT_HU), np.zeros(shape, dtype=bool)
    vertebrae: dict[Level, Vertebra] = {}
    base_hu: dict[Level, float] = {}
    for n, level in enumerate(reversed(levels)):
        tilt = np.deg2rad(rng.uniform(-6, 6))
        axes = np.array([[1, 0, 0], [0, np.cos(tilt), -np.sin(tilt)], [0, np.sin(tilt), np.cos(tilt)]])
        frame = Frame(np.array([3.0, -172.0, -798.0 + PITCH_MM * (n + 0.5)]), axes)
        first = max(0, int((PITCH_MM * n - 2) / spacing[2]))
        block = grid.crop((0, 0, first), (shape[0], shape[1], int((PITCH_MM * (n + 1) + 6) / spacing[2])))
        base_hu[level] = bone_hu - 3.0 * n + rng.normal(0, 8)
        balls = [ball for ball in lesions if ball.level == level]
        share, density = _render(block, frame, base_hu[level], balls)
        window = (slice(None), slice(None), slice(first, first + block.shape[2]))
        hu[window] += share * (density - SOFT_HU)
        local = frame.to_local(block.to_lps(np.argwhere(np.ones(block.shape)))).reshape(*block.shape, 3)
        truth[window] |= _in_balls(local, balls) > 0
        box = ndimage.find_objects((parts_at(local) > 0).astype(np.uint8))[0]
        low = [s.start - round(10 / step) for s, step in zip(box, spacing, strict=True)]
        high = [s.stop + round(10 / step) for s, step in zip(box, spacing, strict=True)]
        parts = block.like(parts_at(local), "label").crop(tuple(low), tuple(high)).contiguous()
        vertebrae[level] = Vertebra(level, frame, parts, NO_GEOMETRY, "given")
    hu = ndimage.gaussian_filter(hu, np.array([0.7, 0.7, 0.4]) / spacing)
    texture = ndimage.gaussian_filter(rng.normal(size=shape), 1.2 / spacing)
    noise = ndimage.gaussian_filter(rng.normal(size=shape), np.array([0.6, 0.6, 0]) / spacing)
    hu += TEXTURE_HU * texture / texture.std() * (hu > 80) + noise_hu * noise / noise.std()
    ordered = {level: vertebrae[level] for level in levels}
    return Spine(Volume(hu.astype(np.float32), affine, "HU"), ordered, Volume(truth, affine, "mask"), base_hu)


def _in_balls(local: NDArray, balls: Sequence[Ball]) -> NDArray[np.intp]:
    """0 outside, else 1 + the ball's number."""
    inside = np.zeros(local.shape[:-1], dtype=np.intp)
    for number, ball in enumerate(balls, start=1):
        inside[((local - np.array(ball.centre_mm)) ** 2).sum(axis=-1) < ball.radius_mm**2] = number
    return inside


def _render(block: Volume, frame: Frame, base: float, balls: Sequence[Ball]) -> tuple[NDArray, NDArray]:
    """Share of bone or lesion in each voxel and its mean density; thick slices are averaged from thin ones."""
    thin = max(1, round(block.spacing_mm[2] / 0.85))
    affine = block.affine.copy()
    affine[:3, 3] = block.to_lps([0, 0, -0.5 + 0.5 / thin])
    affine[:3, 2] /= thin
    fine = Volume(np.zeros((*block.shape[:2], block.shape[2] * thin), dtype=np.uint8), affine, "label")
    index = np.stack(np.meshgrid(*[np.arange(n) for n in fine.shape], indexing="ij"), axis=-1)
    local = frame.to_local(fine.to_lps(index))
    bone = parts_at(local) > 0
    reach = [2 * max(1, round(1.0 / step)) + 1 for step in fine.spacing_mm]
    value = np.where(ndimage.binary_erosion(bone, np.ones(reach)), base, WALL_HU)
    ball = _in_balls(local, balls)
    contrast = np.array([0.0, *[one.contrast_hu for one in balls]])
    value = np.where(ball > 0, base + contrast[ball], value)
    filled = (bone | (ball > 0)).reshape(*block.shape, thin)
    share = filled.mean(axis=-1)
    total = (value.reshape(*block.shape, thin) * filled).mean(axis=-1)
    return share, total / np.maximum(share, 1e-9)
