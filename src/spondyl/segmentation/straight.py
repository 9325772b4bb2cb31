"""The scan along the spine: one axial image a millimetre, perpendicular to the canal and turned to be symmetric.

A place in it is (s, a, l): mm along the canal upward, mm in front of its middle, mm to the left.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import UnivariateSpline

from spondyl.segmentation.compiled import kernel
from spondyl.segmentation.cord_canal import CanalTrack
from spondyl.segmentation.sampling import AIR_HU, sample
from spondyl.segmentation.tracking import track

BACK_MM, FRONT_MM, SIDE_MM = 72, 62, 56
"""What a slice shows behind, in front of and beside the canal's middle. Own choices: the longest spinous processes, the
deepest bodies with the front of what lies before them, and the widest transverse processes."""
BEYOND_MM = 22
"""Own choice: most of a level; how far the line is drawn on past where the canal is seen."""
SMOOTH_MM = 1.0
"""Own choice: what the canal's middle may stray from its smooth line."""
TANGENT_MM = 6.0
"""Own choice: standard deviation of the mean that directions are taken from, half a vertebra's height in all."""
SPACING_OF_TURNS = 4
TURNS_DEG = np.arange(-25.0, 26.0, 2.5)
SHIFTS_MM = np.arange(-6.0, 6.1, 1.5)
TURN_SPREAD_DEG, SHIFT_SPREAD_MM = 15.0, 3.0
"""Own choices: scoliosis with a Cobb angle of 60 degrees turns vertebrae by some 20 to 25; the line is that far off."""


@dataclass(frozen=True, eq=False)
class Line:
    """The canal's middle every mm from below, with its axes; places in mm of the grid."""

    middle_mm: NDArray[np.float64]
    """(n, 3)."""
    up: NDArray[np.float64]
    front: NDArray[np.float64]
    left: NDArray[np.float64]

    def place(self, s: NDArray, a: NDArray, left: NDArray) -> NDArray[np.float64]:
        """Places (..., 3) in mm of the grid of straightened ones; beyond the ends the line goes straight on."""
        s = np.asarray(s, dtype=np.float64)
        whole = np.clip(np.floor(s).astype(int), 0, len(self.middle_mm) - 2)
        part = (s - whole)[..., None]
        inside = np.clip(part, 0, 1)

        def between(rows: NDArray[np.float64], share: NDArray[np.float64]) -> NDArray[np.float64]:
            return rows[whole] * (1 - share) + rows[whole + 1] * share

        at = between(self.middle_mm, part)
        return (
            at
            + np.asarray(a)[..., None] * between(self.front, inside)
            + np.asarray(left)[..., None] * between(self.left, inside)
        )


@dataclass(frozen=True, eq=False)
class Straight:
    line: Line
    hu: NDArray[np.float32]
    """(s, a, l) every mm; a from -BACK_MM, l from -SIDE_MM; air outside the scan."""
    seen: NDArray[np.bool_]
    """(s,), where the canal's middle and the body before it lie in the scan."""
    ring: NDArray[np.float64]
    """(s,), the canal's score; 0 past where it was tracked."""
    scan_hu: NDArray[Any]
    spacing_mm: tuple[float, float, float]


def straighten(hu: NDArray[Any], spacing_mm: tuple[float, float, float], canal: CanalTrack) -> Straight:
    line, ring = _line(canal)
    turn, shift = _symmetric(_along(hu, spacing_mm, line))
    line = _turned(line, turn, shift)
    straight = _along(hu, spacing_mm, line)
    wall = straight[:, BACK_MM + 8 : BACK_MM + 24, SIDE_MM - 6 : SIDE_MM + 7]
    seen = (wall > AIR_HU + 1).mean(axis=(1, 2)) > 0.9
    return Straight(line, straight, seen, ring, hu, spacing_mm)


def _line(canal: CanalTrack) -> tuple[Line, NDArray[np.float64]]:
    """A smooth line through the canal, drawn on past its ends, and the score along it."""
    places = canal.places_mm
    z = places[:, 2]
    weight = np.sqrt(np.clip(canal.score, 0.05, None))
    weight /= weight.mean()
    fine = np.linspace(z[0], z[-1], 4 * len(z))
    curves = [
        UnivariateSpline(z, ndimage.median_filter(places[:, axis], 5), w=weight, k=3, s=len(z) * SMOOTH_MM**2)(fine)
        for axis in (0, 1)
    ]
    points = np.stack([*curves, fine], axis=1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    every = np.arange(0, length[-1], 1.0)
    middle = np.stack([np.interp(every, length, points[:, axis]) for axis in range(3)], axis=1)
    ring = np.interp(np.interp(every, length, fine), z, canal.score)
    beyond = np.arange(1, BEYOND_MM + 1)[:, None]
    few = min(14, len(middle) - 1)
    down, up = middle[0] - middle[few], middle[-1] - middle[-1 - few]
    below = middle[0] + beyond[::-1] * down / np.linalg.norm(down)
    above = middle[-1] + beyond * up / np.linalg.norm(up)
    middle = np.concatenate([below, middle, above])
    nothing = np.zeros(BEYOND_MM)
    return _with_axes(middle), np.concatenate([nothing, ring, nothing])


def _with_axes(middle: NDArray[np.float64]) -> Line:
    up = np.gradient(ndimage.gaussian_filter1d(middle, TANGENT_MM, axis=0, mode="nearest"), axis=0)
    up /= np.linalg.norm(up, axis=1, keepdims=True)
    front = np.array([0.0, -1.0, 0.0]) - up * (up @ [0.0, -1.0, 0.0])[:, None]
    front /= np.linalg.norm(front, axis=1, keepdims=True)
    return Line(middle, up, front, np.cross(up, front))


def _turned(line: Line, turn_rad: NDArray[np.float64], shift_mm: NDArray[np.float64]) -> Line:
    c, s = np.cos(turn_rad)[:, None], np.sin(turn_rad)[:, None]
    front, left = c * line.front + s * line.left, c * line.left - s * line.front
    return replace(line, middle_mm=line.middle_mm + shift_mm[:, None] * left, front=front, left=left)


@kernel
def _warp(hu: Any, spacing: Any, middle: Any, front: Any, left: Any, out: Any) -> None:
    points = np.empty((out.shape[1] * out.shape[2], 3))
    flat = np.empty(len(points), np.float32)
    for s in range(out.shape[0]):
        p = 0
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                a, b = i - BACK_MM, j - SIDE_MM
                for q in range(3):
                    points[p, q] = middle[s, q] + a * front[s, q] + b * left[s, q]
                p += 1
        sample(hu, spacing, points, flat)
        p = 0
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[s, i, j] = flat[p]
                p += 1


def _along(hu: NDArray[Any], spacing_mm: tuple[float, float, float], line: Line) -> NDArray[np.float32]:
    out = np.empty((len(line.middle_mm), BACK_MM + FRONT_MM, 2 * SIDE_MM + 1), np.float32)
    _warp(hu, np.array(spacing_mm), line.middle_mm, line.front, line.left, out)
    return out


@kernel
def _unlikeness(images: Any, turns: Any, shifts: Any, out: Any) -> None:
    """Mean difference between the left and right of each image (2 mm pixels) about each axis tried."""
    for k in range(len(images)):
        image = images[k]
        for i in range(len(turns)):
            c, s = np.cos(turns[i]), np.sin(turns[i])
            for j in range(len(shifts)):
                total, count = 0.0, 0
                for a in range(-36, 26, 2):
                    for b in range(0, 28, 2):
                        both = np.zeros(2)
                        for side in range(2):
                            lateral = -b if side else b
                            row = (a * c - lateral * s + BACK_MM) / 2
                            column = (shifts[j] + a * s + lateral * c + SIDE_MM) / 2
                            r, q = int(row), int(column)
                            fr, fq = row - r, column - q
                            both[side] = (image[r, q] * (1 - fq) + image[r, q + 1] * fq) * (1 - fr)
                            both[side] += (image[r + 1, q] * (1 - fq) + image[r + 1, q + 1] * fq) * fr
                        total += min(abs(both[0] - both[1]), 200.0)
                        count += 1
                out[k, i, j] = total / count


def _symmetric(straight: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(s,) turn in radians and shift in mm that make each slice symmetric, changing slowly along the spine.

    Judged on what lies within 36 mm of the canal: a vessel full of contrast would turn it otherwise.
    """
    limited = ndimage.gaussian_filter(np.clip(straight, -100, 400), (6, 1, 1))
    images = np.clip(limited, -50, 350)[::SPACING_OF_TURNS, ::2, ::2]
    turns = np.deg2rad(TURNS_DEG)
    out = np.zeros((len(images), len(turns), len(SHIFTS_MM)), np.float32)
    _unlikeness(np.ascontiguousarray(images), turns, SHIFTS_MM, out)
    usual = 0.15 * (TURNS_DEG[:, None] / TURN_SPREAD_DEG) ** 2 + 0.05 * (SHIFTS_MM / SHIFT_SPREAD_MM) ** 2
    score = ndimage.gaussian_filter1d(-out / 100 - usual.astype(np.float32), 2, axis=0, mode="nearest")
    path = track(score, reach=2, cost=(0.09, 0.03))
    at, every = np.arange(len(images)) * SPACING_OF_TURNS, np.arange(len(straight))
    turn = np.interp(every, at, ndimage.gaussian_filter1d(turns[path[:, 0]], 2))
    return turn, np.interp(every, at, ndimage.gaussian_filter1d(SHIFTS_MM[path[:, 1]], 2))


@kernel
def _where(middle: Any, up: Any, front: Any, left: Any, spacing: Any, start: Any, nearest: Any, out: Any) -> None:
    """(s, a, l) of each voxel of a box of the scan; s is NaN where it lies past the line's ends."""
    last = len(middle) - 1
    for x in range(out.shape[1]):
        for y in range(out.shape[2]):
            for z in range(out.shape[3]):
                px, py, pz = (x + start[0]) * spacing[0], (y + start[1]) * spacing[1], (z + start[2]) * spacing[2]
                s = nearest[z]
                inside = True
                for _ in range(8):
                    k = min(max(int(np.floor(s)), 0), last - 1)
                    f = s - k
                    g = min(max(f, 0.0), 1.0)
                    ahead = 0.0
                    for q in range(3):
                        p = px if q == 0 else (py if q == 1 else pz)
                        here = middle[k, q] + (middle[k + 1, q] - middle[k, q]) * f
                        ahead += (p - here) * (up[k, q] * (1 - g) + up[k + 1, q] * g)
                    s += 0.8 * ahead
                    if abs(ahead) < 0.05:
                        break
                    if s < -15 or s > last + 15:
                        inside = False
                        break
                if not inside:
                    out[0, x, y, z] = np.nan
                    continue
                k = min(max(int(np.floor(s)), 0), last - 1)
                f = s - k
                g = min(max(f, 0.0), 1.0)
                a = b = 0.0
                for q in range(3):
                    p = px if q == 0 else (py if q == 1 else pz)
                    off = p - middle[k, q] - (middle[k + 1, q] - middle[k, q]) * f
                    a += off * (front[k, q] * (1 - g) + front[k + 1, q] * g)
                    b += off * (left[k, q] * (1 - g) + left[k + 1, q] * g)
                out[0, x, y, z], out[1, x, y, z], out[2, x, y, z] = s, a, b


def places_of_voxels(
    line: Line, spacing_mm: tuple[float, float, float], start: NDArray[np.int64], stop: NDArray[np.int64]
) -> NDArray[np.float32]:
    """(3, ...): s, a, l of every voxel in a box of the scan; s is NaN past the line's ends."""
    out = np.empty((3, *(stop - start)), np.float32)
    z = (np.arange(stop[2] - start[2]) + start[2]) * spacing_mm[2]
    nearest = np.abs(line.middle_mm[None, :, 2] - z[:, None]).argmin(axis=1).astype(np.float64)
    _where(line.middle_mm, line.up, line.front, line.left, np.array(spacing_mm), start, nearest, out)
    return out
