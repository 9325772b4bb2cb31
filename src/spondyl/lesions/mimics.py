"""What else a candidate could be: harmless look-alikes lower its confidence and are named in its notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.core.volume import Volume
from spondyl.lesions.place import Place
from spondyl.values.lesion import LesionType
from spondyl.values.vertebra import Vertebra

ENDPLATE_MM = 6.0
"""Own choice: degenerative sclerosis and nodes of disc tissue lie under the endplate; metastases keep no such rule."""
ENDPLATE_UP = 0.5
"""Own choice: and in the outer quarters of the height, lest a low thoracic body be all endplate."""
ENDPLATE_SHARE = 0.5
MIDDLE_SHARE = 0.35
"""Own choice: with more than a third of it in the middle half of the height it is no layer under an endplate."""
RIM = 0.75
"""Own choice: beyond this relative distance from the body's middle lie osteophytes and the ring."""
STRANDS_SHARE, STRANDS_SKEWNESS = 0.03, 0.4
"""Own choice: bright dots in a dark field, the look of a haemangioma's thickened trabeculae; the noise of some hundred
correlated voxels alone gives a skewness of about 0.2."""
ELONGATED = 1.9
"""Own choice: longest diameter over that of a ball of the same volume; a 3 : 1 spindle has 2.1."""
FAT_HU = -20.0
"""Own choice: well below water, whatever the noise of a mean over a lesion: fat or gas, not tumour."""
ISLAND_MEAN_HU, ISLAND_MAX_HU = 885.0, 1060.0
"""Denser than both speaks for a bone island [ulano2016]."""
VEIN_MIDLINE, VEIN_BACK, VEIN_UP, VEIN_MM = 0.35, 0.2, 0.5, 10.0
"""Own choice, after the place of the basivertebral foramen [tzika2021]: near the midline, back half, middle height."""
ARCH_SHARE = 0.6
"""Own choice: dense bone that lies mostly in the arch. Compact bone there reaches 700 to 1000 HU, as metastases do
[ulano2016], so that density alone can't tell them apart."""
SYMMETRIC = 0.6
"""Own choice: the mirrored place deviates this much as well, so the bone is built so rather than ill."""

Finding = tuple[float, str]
"""Factor on the confidence, and the note."""


def look_alikes(
    mask: NDArray[np.bool_],
    kind: LesionType,
    hu: NDArray,
    normal: NDArray,
    place: Place,
    *,
    ball_diameter_mm: float,
    longest_diameter_mm: float,
) -> list[Finding]:
    """All look-alikes that fit a candidate; `ball_diameter_mm` is that of a ball of its volume."""
    body = mask & np.isfinite(place.up)
    in_body = bool(body.sum() > 0.5 * mask.sum())
    found: list[Finding] = []
    near_endplate = (place.endplate_mm < ENDPLATE_MM) & (np.abs(place.up) > ENDPLATE_UP)
    reaches_middle = (np.abs(place.up[body]) < ENDPLATE_UP).mean() > MIDDLE_SHARE if in_body else False
    under_endplate = near_endplate[body].mean() if in_body and not reaches_middle else 0.0
    at_rim = (np.maximum(np.abs(place.left[body]), np.abs(place.back[body])) > RIM).mean() if in_body else 0.0
    if longest_diameter_mm > ELONGATED * ball_diameter_mm:
        found.append((0.6, "long and thin: the edge of a wall or a joint is possible"))
    if kind == "lytic":
        if hu[mask].mean() < FAT_HU:
            found.append((0.4, "holds fat or gas: haemangioma, fatty marrow or vacuum are likelier"))
        inner = ndimage.binary_erosion(mask, np.ones((3, 3, 1)))
        if _strands_stand((hu - normal)[inner]):
            found.append((0.7, "dense strands stand in it: a haemangioma or fatty marrow is likelier"))
        if in_body and _at_vein(body, place) and ball_diameter_mm < VEIN_MM:
            found.append((0.75, "lies where the basivertebral vein enters"))
        if under_endplate > ENDPLATE_SHARE:
            found.append((0.5, "lies under an endplate: a Schmorl node is possible"))
    else:
        if under_endplate > ENDPLATE_SHARE:
            found.append((0.4, "lies under an endplate: degenerative sclerosis is possible"))
        if at_rim > ENDPLATE_SHARE:
            found.append((0.6, "lies at the rim of the body: an osteophyte is possible"))
        if place.arch[mask].mean() > ARCH_SHARE:
            found.append((0.4, "lies in the arch, whose compact bone varies: arthrosis or load is possible"))
        if hu[mask].mean() > ISLAND_MEAN_HU and hu[mask].max() > ISLAND_MAX_HU:
            found.append((0.8, "as dense as a bone island (enostosis)"))
    return found


def _strands_stand(contrast: NDArray) -> bool:
    """Tumour leaves noise, which is symmetric; trabeculae left standing in fat are a tail of bright dots."""
    contrast = contrast[np.isfinite(contrast)]
    if contrast.size < 50 or (contrast > 0).mean() < STRANDS_SHARE:
        return False
    centred = contrast - contrast.mean()
    return bool((centred**3).mean() / contrast.std() ** 3 > STRANDS_SKEWNESS)


def _at_vein(body: NDArray[np.bool_], place: Place) -> bool:
    left, back, up = (float(axis[body].mean()) for axis in (place.left, place.back, place.up))
    return abs(left) < VEIN_MIDLINE and back > VEIN_BACK and abs(up) < VEIN_UP


def mirrored(mask: NDArray[np.bool_], deviation: NDArray[np.float32], vertebra: Vertebra) -> list[Finding]:
    """Left against right: a candidate off the midline whose mirror image deviates as well is less likely ill."""
    here = mask & np.isfinite(deviation)
    if not here.any():
        return []
    grid: Volume = vertebra.parts
    local = vertebra.frame.to_local(grid.to_lps(np.argwhere(here)))
    if abs(local[:, 0].mean()) < 2 * np.std(local[:, 0]):
        return []
    index = grid.to_index(vertebra.frame.to_lps(local * [-1, 1, 1]))
    there = ndimage.map_coordinates(deviation, index.T, order=0, mode="constant", cval=np.nan)
    if np.isfinite(there).mean() < 0.5:
        return []
    if np.nanmean(there) / deviation[here].mean() > SYMMETRIC:
        return [(0.6, "the same place on the other side looks alike")]
    return []
