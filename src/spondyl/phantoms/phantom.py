"""A whole phantom: from its spec to a CT, its masks and its truth.

spec ──► spine, tumours, canal's contents ──► tissue by tissue on the grid ──► scanner ──► CT
                    └──────────────────────► truth (from the shapes, never from the grid)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.core.progress import Progress, silent
from spondyl.core.volume import Volume
from spondyl.phantoms.render import finer, grid_of, render
from spondyl.phantoms.scanner import scan
from spondyl.phantoms.scene import build_scene
from spondyl.phantoms.spec import PhantomSpec
from spondyl.phantoms.truth import truth_of
from spondyl.values.level_map import LevelMap


@dataclass(frozen=True, eq=False)
class Phantom:
    """All volumes lie on the CT's grid."""

    spec: PhantomSpec
    ct: Volume
    level_map: LevelMap
    subregions: Volume
    """`SubRegion` numbers."""
    lesions: Volume
    """The lesion's number from 1, in the order of the spec."""
    cord: Volume
    sac: Volume
    epidural: Volume
    """Tumour in the canal."""
    truth: dict[str, Any]


def make(spec: PhantomSpec, progress: Progress = silent) -> Phantom:
    """Raises InvalidAnswer for a spec whose parts don't fit together (a lesion where there is no bone)."""
    scene = build_scene(spec)
    grid = grid_of(scene)
    fine, thin = finer(grid)
    layers = render(scene, fine, progress)
    middle = (slice(None), slice(None), slice(thin // 2, None, thin))
    progress("scanned", 0, 1)
    ct = scan(layers.hu, spec.scanner, (spec.seed, "scan"))
    grid = ct.like(np.broadcast_to(np.uint8(0), ct.shape), "label")
    progress("scanned", 1, 1)
    level_map = LevelMap(grid.like(layers.levels[middle], "label"), "verse")
    return Phantom(
        spec=spec,
        ct=ct,
        level_map=level_map,
        subregions=grid.like(layers.parts[middle], "label"),
        lesions=grid.like(layers.lesions[middle], "label"),
        cord=grid.like(layers.cord[middle], "mask"),
        sac=grid.like(layers.sac[middle], "mask"),
        epidural=grid.like(layers.epidural[middle], "mask"),
        truth=truth_of(scene, grid, level_map.levels, progress),
    )
