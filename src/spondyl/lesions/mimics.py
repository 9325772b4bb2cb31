"""What else a candidate could be: harmless look-alikes lower its confidence and are named in its notes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.lesions.normal import Expected
from spondyl.lesions.place import PEDICLE_KIND, Place
from spondyl.values.lesion import LesionType
from spondyl.values.vertebra import Vertebra

ENDPLATE_MM = 6.0
"""Own choice: degenerative sclerosis and nodes of disc tissue lie under the endplate; metastases keep no such rule."""
LAYER_MM, CONTACT_MM, CONTACT_SHARE, ENDPLATE_SHARE = 3.7, 2.0, 0.3, 0.7
"""Own choice: sclerosis and osteophytes are a layer on the surface of the body: no ball of more than 7.4 mm fits in,
nearly a third of it is surface, and most of it lies under an endplate; or it is flat."""
OFF_MIDDLE = 0.35
"""Own choice: and most of it lies beyond this relative height: in a low or collapsed body all is near an endplate."""
DENSE_LAYER_HU = 680.0
"""Own choice: sclerosis under endplates and osteophytes of a degenerative chest CT have means of 500 to 625 HU;
what is denser than that on the whole is likelier tumour, whatever its shape."""
RIM = 0.75
"""Own choice: beyond this relative distance from the body's middle lie osteophytes and the ring."""
STRANDS_SHARE, STRANDS_SKEWNESS = 0.03, 0.4
"""Own choice: bright dots in a dark field, the look of a haemangioma's thickened trabeculae; the noise of some hundred
correlated voxels alone gives a skewness of about 0.2."""
FAT_HU = -20.0
"""Own choice: well below water, whatever the noise of a mean over a lesion: fat or gas, not tumour."""
ISLAND_MEAN_HU, ISLAND_MAX_HU = 885.0, 1060.0
"""Denser than both speaks for a bone island [ulano2016]."""
VEIN_MIDLINE, VEIN_BACK, VEIN_UP, VEIN_MM3 = 0.35, 0.2, 0.5, 524.0
"""Own choice, after the place of the basivertebral foramen [tzika2021]: near the midline, back half, middle height; and
no larger than a 10 mm ball."""

VEIN_ALIKE = 0.5
"""Own choice: the other bodies lose at least half as much there."""
PEDICLE_SHARE = 0.5
"""Own choice: what lies in a pedicle for the most part is no worn joint, whichever level it is."""
FLAT = 0.4
"""Own choice: SD along the vertebra's axis over that across it; 1 in a ball."""

Finding = tuple[float, str]
"""Factor on the confidence, and the note."""


def look_alikes(
    mask: NDArray[np.bool_],
    kind: LesionType,
    hu: NDArray,
    normal: NDArray,
    place: Place,
    vertebra: Vertebra,
    *,
    expected: Expected,
) -> list[Finding]:
    """All look-alikes that fit a candidate."""
    body = mask & np.isfinite(place.up)
    in_body = bool(body.sum() > 0.5 * mask.sum())
    found: list[Finding] = []
    if kind == "lytic":
        inner = ndimage.binary_erosion(mask, np.ones((3, 3, 1)))
        if hu[mask].mean() < FAT_HU:
            found.append((0.4, "holds fat or gas: haemangioma, fatty marrow or vacuum are likelier"))
        if _strands_stand((hu - normal)[inner]):
            found.append((0.7, "dense strands stand in it: a haemangioma or fatty marrow is possible"))
        if in_body and _at_vein(body, place) and mask.sum() * vertebra.parts.voxel_volume_mm3 < VEIN_MM3:
            shown = expected.vein_hu < VEIN_ALIKE * (hu[mask].mean() - expected.base_hu)
            alike = "; this patient's other bodies show it as well" if shown else ""
            found.append((0.4 if shown else 0.9, "lies where the basivertebral vein enters" + alike))
        if in_body and (place.endplate_mm[body] < ENDPLATE_MM).mean() > ENDPLATE_SHARE:
            found.append((0.9, "lies under an endplate: a Schmorl node is possible"))
        if expected.one_sided:
            found.append((0.75, "first or last of the levels: the bone expected is known from one side only"))
    else:
        if in_body and (note := _surface_layer(mask, body, place, vertebra)):
            dense = float(hu[mask].mean()) > DENSE_LAYER_HU
            found.append((0.9, note + ", but it is denser") if dense else (0.45, note))
        if not in_body and kind == "blastic":
            found.append((0.84, "lies in the arch, whose compact bone varies: arthrosis or load is possible"))
            if expected.one_sided and (place.kind[mask] == PEDICLE_KIND).mean() < PEDICLE_SHARE:
                found.append((0.59, "first or last of the levels: the usual arch is known from one side only"))
        if kind == "blastic" and hu[mask].mean() > ISLAND_MEAN_HU and hu[mask].max() > ISLAND_MAX_HU:
            found.append((0.8 if in_body else 1.0, "as dense as a bone island (enostosis)"))
    return found


def _surface_layer(mask: NDArray[np.bool_], body: NDArray[np.bool_], place: Place, vertebra: Vertebra) -> str:
    """The note on a dense layer under an endplate, with or without the rim; empty when it is none."""
    near = (place.endplate_mm[body] < ENDPLATE_MM) & (np.abs(place.up[body]) > OFF_MIDDLE)
    if near.mean() <= ENDPLATE_SHARE:
        return ""
    thickness = ndimage.distance_transform_edt(np.pad(mask, 1), sampling=vertebra.parts.spacing_mm).max()
    on_surface = thickness < LAYER_MM and (place.depth_mm[body] <= CONTACT_MM).mean() > CONTACT_SHARE
    spread = vertebra.frame.to_local(vertebra.parts.to_lps(np.argwhere(body))).std(axis=0)
    if not on_surface and spread[2] > FLAT * np.sqrt(spread[0] * spread[1]):
        return ""
    if (np.maximum(np.abs(place.left[body]), np.abs(place.back[body])) > RIM).mean() > 0.5:
        return "a layer at the rim under an endplate: an osteophyte is likelier"
    return "a layer under an endplate: degenerative sclerosis is likelier"


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
