"""What lies in the canal: thecal sac and cord along the canal's course, and what a mass there makes of them.

A mass (epidural tumour, retropulsed bone) takes its room from the sac. The cord gives way by half of what it is
pressed, and is flattened into what is left of the sac: it keeps its outline where that is free, and grows sideways
until it has the area that the pressure leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spondyl.anatomy.levels import Level, Region
from spondyl.phantoms.spine import Placed, Spine

Array = NDArray[np.float64]
Mass = Callable[[Array], Array]
"""Distance in mm to what fills the canal at LPS points (n, 3), negative inside."""

CORD_MM: dict[str, tuple[float, float]] = {
    "C1": (7.8, 11.7), "C2": (7.8, 11.7), "C3": (7.6, 12.1), "C4": (7.6, 12.9), "C5": (7.5, 13.0), "C6": (7.1, 12.4),
    "C7": (6.6, 10.9), "T1": (6.3, 9.4), "T2": (6.1, 8.7), "T3": (5.8, 8.2), "T4": (5.7, 8.0), "T5": (5.7, 7.9),
    "T6": (5.7, 7.7), "T7": (5.8, 7.7), "T8": (6.1, 7.8), "T9": (6.2, 8.0), "T10": (6.5, 8.2), "T11": (7.0, 8.7),
    "T12": (6.8, 8.4),
}  # fmt: skip
"""Depth and width, means of healthy adults on MRI (PAM50 normalized metrics; T5, T9, T12 an own choice)."""
SAC_GAP_MM = {Region.CERVICAL: 1.2, Region.THORACIC: 1.3, Region.LUMBAR: 1.6, Region.SACRAL: 4.0}
"""Own choice: epidural fat between the bony canal and the sac."""
STATION_MM = 0.5
PLANE_MM = 0.3
"""Own choice: quadrature in planes across the canal where a mass presses."""
YIELD = 0.5
"""Own choice: share of a pressure that the cord evades by moving."""
SQUEEZE = 0.5
"""Own choice: share of its area that a cord pressed through its whole depth loses."""


@dataclass(frozen=True, eq=False)
class CanalContents:
    """By station down the canal, about every `STATION_MM`; half axes are (side, depth)."""

    centre: Array
    side: Array
    """Unit vectors to the left and to the back, (n, 3)."""
    back: Array
    position: Array
    """Along the row of vertebrae: 3.0 is the middle of the fourth."""
    sac_half: Array
    cord_half: Array
    """0 below the conus."""
    cord_shift: Array
    """(n, 2)"""
    cord_growth: Array
    """How far the cord's outline is blown up to hold its area, 1 where nothing presses."""
    _tree: cKDTree

    def stations(self, lps_mm: Array, within_mm: float = 16.0) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Which of the points (n, 3) lie near the canal, their stations, and (side, back) from its middle, (m, 2)."""
        away, station = self._tree.query(lps_mm, distance_upper_bound=within_mm)
        near = np.flatnonzero(np.isfinite(away))
        station = station[near]
        off = lps_mm[near] - self.centre[station]
        uv = np.stack([(off * self.side[station]).sum(1), (off * self.back[station]).sum(1)], axis=1)
        # Beyond either end of the row there is no canal.
        along = np.abs((off * np.cross(self.side[station], self.back[station])).sum(1)) < 2 * STATION_MM
        return near[along], station[along], uv[along]

    def sac(self, station: NDArray, uv: Array) -> Array:
        """Distance to the sac without any mass, to first order."""
        return _ellipse(uv, self.sac_half[station])

    def cord(self, station: NDArray, uv: Array) -> Array:
        """Distance to the cord, where neither the sac's wall nor a mass cuts it."""
        half = self.cord_half[station] * self.cord_growth[station][:, None]
        return np.where(half[:, 0] > 0.2, _ellipse(uv - self.cord_shift[station], np.maximum(half, 0.2)), 1e3)


def build_contents(spine: Spine, *, conus: float, mass: Mass | None = None) -> CanalContents:
    """`conus` is the cord's lower end along the row (see `CanalContents.position`)."""
    path = spine.canal_path
    fine = np.linspace(0, len(spine.vertebrae) - 1, 40 * len(spine.vertebrae))
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path(fine), axis=0), axis=1))])
    position = np.interp(np.arange(0.0, length[-1], STATION_MM), length, fine)
    down = path(position, 1)
    down /= np.linalg.norm(down, axis=1, keepdims=True)
    numbers = np.arange(len(spine.vertebrae))
    backs = np.array([v.frame.axes[:, 1] for v in spine.vertebrae])
    back = np.stack([np.interp(position, numbers, backs[:, k]) for k in range(3)], axis=1)
    back -= (back * down).sum(1, keepdims=True) * down
    back /= np.linalg.norm(back, axis=1, keepdims=True)
    side = np.cross(back, -down)
    sac = np.array([_sac_half(v) for v in spine.vertebrae])
    cord = np.array([_cord_half(v.level) for v in spine.vertebrae])
    sac_half, cord_half = (
        np.stack([np.interp(position, numbers, half[:, k]) for k in (0, 1)], axis=1) for half in (sac, cord)
    )
    # The conus tapers over one and a half levels as a parabola does.
    cord_half = cord_half * np.sqrt(np.clip((conus - position) / 1.5, 0.0, 1.0))[:, None]
    centre = path(position)
    shift, growth = np.zeros((len(position), 2)), np.ones(len(position))
    contents = CanalContents(centre, side, back, position, sac_half, cord_half, shift, growth, cKDTree(centre))
    if mass is not None:
        _press(contents, mass)
    return contents


def _sac_half(placed: Placed) -> tuple[float, float]:
    a, b = placed.shape.canal.half
    gap = SAC_GAP_MM[placed.level.region]
    if placed.level is Level.C1:
        return a - 4.0, b - 6.5
    return a - gap, b - gap


def _cord_half(level: Level) -> tuple[float, float]:
    depth, width = CORD_MM.get(level.name, (6.2, 7.6))
    return width / 2, depth / 2


def _ellipse(uv: Array, half: Array) -> Array:
    scaled = np.sqrt(((uv / half) ** 2).sum(1))
    slope = np.sqrt(((uv / half**2) ** 2).sum(1))
    return np.where(scaled > 1e-3, scaled * (scaled - 1) / np.maximum(slope, 1e-6), -half.min(1))


def plane(half: Array, step_mm: float) -> Array:
    """Points (n, 2) of a square grid over an ellipse's box."""
    u, v = (np.arange(-h - step_mm, h + 1.5 * step_mm, step_mm) for h in half)
    return np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)


def _press(contents: CanalContents, mass: Mass) -> None:
    """Fills `cord_shift` and `cord_growth` where a mass enters the sac."""
    touched = mass(contents.centre) < 2 * contents.sac_half.max()
    for n in np.flatnonzero(touched):
        half, cord = contents.sac_half[n], contents.cord_half[n]
        uv = plane(half, PLANE_MM)
        uv = uv[_ellipse(uv, np.broadcast_to(half, uv.shape)) < 0]
        lps = contents.centre[n] + uv[:, :1] * contents.side[n] + uv[:, 1:] * contents.back[n]
        filled = mass(lps) < 0
        if not filled.any() or cord[0] < 0.5:
            continue
        contents.cord_shift[n], contents.cord_growth[n] = _yielding(uv, filled, half, cord)


def _yielding(uv: Array, filled: NDArray[np.bool_], sac: Array, cord: Array) -> tuple[Array, float]:
    """Where a cord pressed by what fills part of the sac goes, and how far its outline is blown up."""
    away = -uv[filled].mean(0)
    away /= max(float(np.linalg.norm(away)), 1e-6)
    facing = np.abs(uv @ np.array([-away[1], away[0]])) < cord.max()
    cord_reach, sac_reach = (1 / np.sqrt(((away / half) ** 2).sum()) for half in (cord, sac))
    front = uv[filled & facing] @ away
    pressed = max(0.0, float(front.max()) + cord_reach) if len(front) else 0.0
    shift = away * YIELD * min(pressed, max(0.0, sac_reach - cord_reach))
    scaled = np.sqrt((((uv - shift) / cord) ** 2).sum(1))
    room = np.sort(scaled[~filled]) * 1.0
    wanted = np.pi * cord.prod() * (1 - SQUEEZE * min(1.0, pressed / (2 * cord_reach)))
    cells = int(wanted / PLANE_MM**2)
    if not len(room) or (room <= 1.0).sum() >= cells:
        return shift, 1.0
    return shift, float(np.clip(room[min(cells, len(room)) - 1], 1.0, 2.5))
