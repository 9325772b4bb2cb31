"""Real masks for tests, read with nibabel and not with Spondyl's own door; skipped where absent."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

from data import demo_case, tptbox_case
from spondyl.anatomy.levels import Level
from spondyl.core.volume import Quantity, Volume
from spondyl.values.level_map import LevelMap


def read(path: Path, quantity: Quantity) -> Volume:
    image = nibabel.load(path)
    volume = Volume(np.asanyarray(image.dataobj), np.diag([-1, -1, 1, 1]) @ image.affine, quantity).canonical()
    return volume.contiguous()


def demo_levels() -> tuple[LevelMap, Volume]:
    """TotalSegmentator numbers L5 as 27 and counts upward to C1 as 50."""
    ct, mask = (read(path, quantity) for path, quantity in zip(demo_case(), ("HU", "label"), strict=True))
    upward = [level for level in sorted(Level, key=lambda m: -m.order) if level.name[0] in "CTL" and level.name != "CO"]
    upward = [level for level in upward if level not in (Level.T13, Level.L6)]
    table = np.zeros(256, np.uint8)
    table[27 : 27 + len(upward)] = [int(level) for level in upward]
    return LevelMap(mask.like(table[mask.array.astype(np.uint8)], "label"), "totalsegmentator"), ct


def tptbox_levels() -> tuple[LevelMap, Volume, Volume]:
    """Level map, CT and sub-region codes of the TPTBox sample (L3 whole, L2 and L4 in part)."""
    ct, vertebrae, parts = tptbox_case()
    labels = read(vertebrae, "label")
    return LevelMap(labels.like(labels.array.astype(np.uint8), "label"), "verse"), read(ct, "HU"), read(parts, "label")


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))
