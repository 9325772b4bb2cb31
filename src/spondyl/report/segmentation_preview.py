"""One picture of a vertebra mask on its CT: the spine from the side and from the front, each level named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap

WINDOW_HU = (-150.0, 600.0)
MARGIN_MM = 25.0


def draw_preview(ct: Volume, level_map: LevelMap, path: Path) -> None:
    """A PNG; each level lies in the plane through its own middle."""
    from matplotlib.figure import Figure

    upright, labels = ct.canonical(), level_map.labels.canonical()
    box = _box(labels)
    side, side_labels = _curved(upright, labels, box, axis=0)
    front, front_labels = _curved(upright, labels, box, axis=1)
    height = side.shape[1] * labels.spacing_mm[2]
    widths = [side.shape[0] * labels.spacing_mm[1], front.shape[0] * labels.spacing_mm[0]]
    inches = 9.0 / height
    figure = Figure(figsize=(max(5.0, sum(widths) * inches + 1.0), 9.6), layout="constrained", facecolor="black")
    axes = figure.subplots(1, 2, width_ratios=widths)
    for ax, image, mask, step, title in (
        (axes[0], side, side_labels, labels.spacing_mm[1], "from the left"),
        (axes[1], front, front_labels, labels.spacing_mm[0], "from the front"),
    ):
        extent = (0, image.shape[0] * step, 0, height)
        shown = np.clip(image.T, *WINDOW_HU)
        ax.imshow(shown, cmap="gray", origin="lower", extent=extent, vmin=WINDOW_HU[0], vmax=WINDOW_HU[1])
        _overlay(ax, mask, step, labels.spacing_mm[2], extent)
        ax.set_title(title, color="white", fontsize=9)
        ax.axis("off")
    figure.savefig(path, dpi=110)


def _overlay(ax, mask: NDArray[np.uint8], step: float, rise: float, extent: tuple[float, ...]) -> None:  # type: ignore[no-untyped-def]
    """Two tints in turn, and the name beside each level."""
    for number, level in enumerate(sorted({int(n) for n in np.unique(mask)} - {0}, key=lambda n: Level(n).order)):
        here = mask == level
        tint = np.zeros((*here.T.shape, 4))
        tint[here.T] = (*((0.25, 0.75, 1.0) if number % 2 else (1.0, 0.7, 0.2)), 0.38)
        ax.imshow(tint, origin="lower", extent=extent)
        x, z = np.argwhere(here).mean(axis=0)
        ax.text(x * step, z * rise, Level(level).name, color="white", fontsize=8, ha="center", va="center")


def _box(labels: Volume) -> tuple[slice, slice, slice]:
    found = np.argwhere(labels.array.any(axis=2)), np.flatnonzero(labels.array.any(axis=(0, 1)))
    margin = [int(np.ceil(MARGIN_MM / step)) for step in labels.spacing_mm]
    (x0, y0), (x1, y1) = found[0].min(axis=0), found[0].max(axis=0) + 1
    return (
        slice(max(0, x0 - margin[0]), x1 + margin[0]),
        slice(max(0, y0 - margin[1]), y1 + margin[1]),
        slice(max(0, found[1][0] - margin[2]), found[1][-1] + 1 + margin[2]),
    )


def _curved(
    ct: Volume, labels: Volume, box: tuple[slice, slice, slice], axis: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """(across, z): each slice's row through the spine's middle, held between levels and past their ends."""
    mask, hu = labels.array[box], ct.array[box]
    z = np.flatnonzero(mask.any(axis=(0, 1)))
    weights = (mask > 0).sum(axis=1 - axis)
    middle = (weights * np.arange(len(weights))[:, None]).sum(axis=0)[z] / weights.sum(axis=0)[z]
    if axis == 1:  # the body, not its processes, is wanted from the front
        front = np.array([np.flatnonzero(mask[:, :, k].any(axis=0))[0] for k in z])
        middle = front + 0.35 * (middle - front)
    rows = np.rint(np.interp(np.arange(mask.shape[2]), z, middle)).astype(int)
    pick = [(row, slice(None), k) if axis == 0 else (slice(None), row, k) for k, row in enumerate(rows)]
    return np.stack([hu[at] for at in pick], axis=1).astype(np.float32), np.stack([mask[at] for at in pick], axis=1)
