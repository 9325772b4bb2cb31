"""Whether a lesion is mixed: the ball around it that tumour of either type explains best, and what that ball holds.

Lytic and blastic parts of one lesion lie among each other. Each alone is smaller than the lesion and seen by itself at
the wrong size; a ball whose voxels are either, and hardly any bone, is one mixed lesion.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, signal

from spondyl.core.volume import Volume
from spondyl.lesions.boundary import ball, box_around
from spondyl.lesions.normal import weighted_mean
from spondyl.lesions.place import BODY_KIND, Place

RADII_MM = (4.5, 5.5, 6.5, 7.5, 9.0, 10.5)
"""Own choice: balls of 9 to 21 mm; larger mixed lesions keep the largest."""
LEAST_SHARE = {"body": 0.05, "arch": 0.3}
"""Own choice: on the tuning implants a lesion of one type in the body held next to nothing of the other (mostly 0.00).
In the arch compact bone stands beside every lesion, so more is asked."""
SMOOTHING_MM = 0.8
"""Own choice: takes most voxel noise out of the evidence and keeps the parts of a mixed lesion apart."""
MOST_NATS = (-2.0, 1.0)
"""Own choice: bounds of one voxel's say here, lest the dense part, whose evidence is greater, draw the ball in."""
LUMP_MM, LUMP_APART_MM, LUMP_REACH_MM, LUMP_DEPTH_MM = 2.0, 1.0, 5.0, 1.8
"""Own choice: the destroyed part beside a dense one is looked for with this window, so far from the dense part that
its blur no longer counts, so near that both are one lesion, and under the wall."""
LUMP_NATS, LUMP_CONTRAST_HU = 0.15, 35.0
"""Own choice: beside dense tumour less evidence a voxel is asked than of a lytic lesion by itself. On tuning cases all
mixed lesions of bodies of phantoms and 8 of 21 in a scan of 2.5 mm slices passed, and 1 of 32 blastic ones did. Marrow
that hardly differs from soft tissue can't tell."""
SOLID = 0.5
"""Own choice: of the best ball so much must be tumour rather than bone, or it is no one lesion."""


def mixed_around(
    mask: NDArray[np.bool_],
    lytic: NDArray[np.float32],
    blastic: NDArray[np.float32],
    contrast_hu: NDArray[np.float32],
    place: Place,
    grid: Volume,
    *,
    dense: bool,
) -> NDArray[np.bool_] | None:
    """The mixed lesion around a cluster, or None when it is of one type.

    `lytic`, `blastic`: evidence by voxel, in nats; `contrast_hu`: bone expected over soft tumour; `dense`: whether the
    cluster is blastic.
    """
    judged = place.judged
    in_body = bool((place.kind[mask] == BODY_KIND).mean() > 0.5)
    box = box_around(mask, RADII_MM[-1] + 2, grid)
    seed, known = mask[box], judged[box]
    weight = known.astype(np.float32)
    parts = [np.nan_to_num(weighted_mean(one[box], weight, SMOOTHING_MM, grid), nan=-4.0) for one in (lytic, blastic)]
    either = np.where(known, np.clip(np.maximum(parts[0], parts[1]), *MOST_NATS), 0.0)
    best, chosen = 0.0, None
    for radius in RADII_MM:
        kernel = ball(radius, grid).astype(np.float32)
        held = signal.fftconvolve(seed.astype(np.float32), kernel, mode="same")
        total = signal.fftconvolve(either, kernel, mode="same")
        total[held < 0.5 * min(seed.sum(), kernel.sum())] = -np.inf
        at = np.unravel_index(int(np.argmax(total)), total.shape)
        if total[at] > best:
            best, chosen = float(total[at]), (at, radius)
    if chosen is None:
        return None
    away = np.ones(seed.shape, dtype=bool)
    away[chosen[0]] = False
    inside = (ndimage.distance_transform_edt(away, sampling=grid.spacing_mm) <= chosen[1]) & known
    loss = inside & (parts[0] > 0) & (parts[0] > parts[1])
    gain = inside & (parts[1] > 0) & (parts[1] >= parts[0])
    tumour = int(loss.sum() + gain.sum())
    solid = tumour >= SOLID * inside.sum()
    both = min(loss.sum(), gain.sum()) >= LEAST_SHARE["body" if in_body else "arch"] * tumour
    lump = np.zeros(seed.shape, dtype=bool)
    if dense and in_body:
        deep = known & (place.depth_mm[box] > LUMP_DEPTH_MM) & (contrast_hu[box] > LUMP_CONTRAST_HU)
        lump = _lump_beside(seed, lytic[box], known, deep, grid)
    if not (solid and both) and not lump.any():
        return None
    whole = np.zeros(mask.shape, dtype=bool)
    whole[box] = inside | (seed & known) | lump
    return whole


def _lump_beside(
    seed: NDArray[np.bool_],
    lytic: NDArray[np.float32],
    known: NDArray[np.bool_],
    deep: NDArray[np.bool_],
    grid: Volume,
) -> NDArray[np.bool_]:
    """Where bone beside a dense cluster is gone; nothing where it is not."""
    away = ndimage.distance_transform_edt(~seed, sampling=grid.spacing_mm)
    free = known & (away > LUMP_APART_MM)
    window = weighted_mean(lytic, free.astype(np.float32), LUMP_MM, grid)
    return free & deep & (away <= LUMP_REACH_MM) & (np.nan_to_num(window, nan=-4.0) > LUMP_NATS)
