"""Where the scan is better explained by tumour than by bone: a likelihood-ratio scan over small Gaussian windows.

Each voxel's density is weighed under four hypotheses: bone of its place (`normal`), lytic tumour (soft tissue without
trabeculae: only the scan's noise is left), blastic tumour (mineral where marrow should be) and mixed tumour (a voxel is
either, or both by parts). The mean of the log
ratio over a window is the evidence a voxel of it gives for tumour, in nats; windows have the size of the smallest
lesions sought.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spondyl.core.volume import Volume
from spondyl.lesions.normal import Expected, weighted_mean
from spondyl.lesions.place import BODY_KIND, LAYERS, Place
from spondyl.values.lesion import LesionType

LYTIC_SD_HU = 15.0
"""Own choice: spread of soft tumours about `Expected.lytic_hu`; noise comes on top."""
BLASTIC_HU, BLASTIC_SD_HU = 750.0, 220.0
"""Untreated osteoblastic metastases lie mostly below a mean of 885 HU [ulano2016]; denser counts as this dense."""
MIXED_SHARE, MIXED_HU, MIXED_SD_HU = 0.6, 400.0, 250.0
"""Own choice: of mixed tumour somewhat more than half holds mineral, in all degrees between soft and dense, as dense
and soft parts are blurred into each other."""
ODD_SHARE, ODD_HU = 0.02, 800.0
"""Own choice: of any tissue so much may have any density over this range: streaks, vessels, strands."""
MOST_NATS = 4.0
"""Own choice: no single voxel may say more than this."""
WALL_WEIGHT = 0.3
"""Own choice: of voxels in the outermost layer, where a mask's error and the blur tell more than the tissue."""
SCALES_MM = (1.8, 2.6)
"""Own choice: standard deviations of the windows; they suit balls of 8 to 12 mm (0.2 of the diameter), and larger
lesions hold many such windows."""
PEAK_DEPTH_MM = (3.0, 1.2)
"""Own choice: a lesion of 10 mm has its middle deeper than this in the body; in the thin arch it can't."""


def voxel_evidence(hu: NDArray[np.float32], place: Place, expected: Expected) -> dict[LesionType, NDArray[np.float32]]:
    """Log ratio of 'lytic', 'blastic' and 'mixed' tumour to bone by voxel, nats; 0 where not judged."""
    normal, spread = expected.field(place)
    known = np.isfinite(normal) & np.isfinite(spread)
    seen = hu[known]
    bone = _log_density(seen, normal[known], spread[known])
    tumours: dict[LesionType, NDArray] = {
        "lytic": _log_density(seen, expected.lytic_hu, np.hypot(expected.noise_hu, LYTIC_SD_HU)),
        "blastic": _log_density(np.minimum(seen, BLASTIC_HU), BLASTIC_HU, BLASTIC_SD_HU),
    }
    soft, dense = tumours["lytic"], _log_density(seen, MIXED_HU, MIXED_SD_HU)
    tumours["mixed"] = np.logaddexp(soft + np.log(1 - MIXED_SHARE), dense + np.log(MIXED_SHARE))
    found = {kind: np.zeros(hu.shape, dtype=np.float32) for kind in tumours}
    for kind, tumour in tumours.items():
        found[kind][known] = np.clip(tumour - bone, -MOST_NATS, MOST_NATS)
    return found


def evidence(
    hu: NDArray[np.float32], place: Place, expected: Expected, grid: Volume
) -> dict[LesionType, list[NDArray[np.float32]]]:
    """Its mean over the window, by scale; -inf where no middle of a lesion may lie."""
    normal, spread = expected.field(place)
    known = np.isfinite(normal) & np.isfinite(spread)
    weight = known * np.where(place.cell % LAYERS == 0, WALL_WEIGHT, 1.0).astype(np.float32)
    middle = known & (place.depth_mm > np.where(place.kind == BODY_KIND, *PEAK_DEPTH_MM))
    return {
        kind: [
            np.where(middle, weighted_mean(ratio, weight, scale, grid), -np.inf).astype(np.float32)
            for scale in SCALES_MM
        ]
        for kind, ratio in voxel_evidence(hu, place, expected).items()
    }


def _log_density(hu: NDArray, mean: NDArray | float, sd: NDArray | float) -> NDArray:
    """Log of a normal density (but for a constant) with a share of odd values."""
    return np.logaddexp(-np.log(sd) - 0.5 * ((hu - mean) / sd) ** 2, np.log(ODD_SHARE / ODD_HU))
