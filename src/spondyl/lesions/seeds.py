"""Seeds of lesions: connected windows whose evidence for tumour exceeds what is asked, grown to their edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.subregions import ARCH, SubRegion
from spondyl.core.volume import Volume
from spondyl.lesions.boundary import ball, grow
from spondyl.lesions.normal import Expected
from spondyl.lesions.place import BODY_KIND, PEDICLE_KIND, Place
from spondyl.lesions.search import MOST_NATS, evidence
from spondyl.values.lesion import LesionType
from spondyl.values.vertebra import Vertebra

LEAST_NATS: dict[LesionType, tuple[tuple[float, float], ...]] = {
    "lytic": ((0.64, 0.28), (0.3, -0.3), (0.3, -0.3), (0.3, -0.3), (0.65, 0.0), (0.4, -0.2)),
    "blastic": ((1.2, 0.5), (1.5, 1.0), (1.5, 0.8), (2.0, 1.4), (3.4, 2.9), (2.4, 1.6)),
    "mixed": ((1.1, 0.6), (1.2, 0.7), (1.1, 0.7), (1.2, 0.9), (2.4, 1.9), (1.6, 1.1)),
}
"""Own choice: mean evidence a voxel from which a window is called tumour, by kind of part (`place.KINDS`) and window:
above what phantoms without lesions show, and what a degenerative chest CT shows at its worst places but for one or two;
set on phantoms of seed 7 and on lesions put into that CT with seeds below 1000. Compact bone of the arch is as dense as
tumour; where joints wear (facets, and ribs at the transverse processes) more is asked. Mixed, set on seeds 900 and 901:
sound bodies of phantoms stay below 0, those of that CT below 1 but for worn endplates; mixed lesions that neither other
kind showed reached 1.3 to 2.1."""
SOUND_HU, SOUND_NATS = 115.0, (0.45, 0.0)
"""Own choice: in a body with spongy bone this dense, chance holes in its marrow look less like soft tissue."""
ASYMMETRY_NATS = {"blastic": 2.5, "mixed": 1.0}
"""Own choice: dense bone of the arch must outdo the other side by this much a voxel; both sides alike are built so."""
PEDICLE_NATS = 3.0
"""Own choice: pedicles this dense are tumour though both are; no worn joint lies there."""
MIRROR_MM = 3.0
"""Own choice: the two sides of an arch match each other to this."""
SEED_VOXELS = 2
RIM_MM = 4.0
"""Own choice: within this of a lesion already found, soft and dense by parts is its rim and no lesion of its own."""
MERGE_MM = 1.5
"""Own choice: seeds of one type whose edges come this near are one lesion."""


@dataclass(frozen=True, eq=False)
class Cluster:
    mask: NDArray[np.bool_]
    kind: LesionType
    surplus: float
    """Greatest evidence above what is asked, nats a voxel."""


def clusters_in(hu: NDArray[np.float32], place: Place, vertebra: Vertebra, expected: Expected) -> list[Cluster]:
    """Lytic and blastic clusters of one vertebra, each with its edge."""
    normal, _ = expected.field(place)
    windows = evidence(hu, place, expected, vertebra.parts)
    sound = min(expected.base_hu, expected.own_hu) > SOUND_HU
    found: list[Cluster] = []
    kinds: tuple[tuple[LesionType, float], ...] = (("lytic", -1.0), ("blastic", 1.0))
    for kind, sign in kinds:
        asked: NDArray[np.float64] = np.array(LEAST_NATS[kind])[place.kind]
        if kind == "lytic" and sound:
            asked = np.where((place.kind == BODY_KIND)[..., None], SOUND_NATS, asked)
        surplus = np.max([window - asked[..., n] for n, window in enumerate(windows[kind])], axis=0)
        if kind == "blastic":
            _hold_against_other_side(surplus, windows[kind][0], [one.mask for one in found], place, vertebra, kind)
        for seed in _connected(surplus):
            mask = grow(seed, sign, hu, normal, place, vertebra.parts)
            if mask.any():
                found.append(Cluster(mask, kind, float(surplus[seed].max())))
    return found


def mixed_seeds(
    hu: NDArray[np.float32], place: Place, vertebra: Vertebra, expected: Expected, found: Sequence[NDArray[np.bool_]]
) -> list[Cluster]:
    """Where bone is gone and dense by parts, though neither part is seen by itself; `found` is left out. Surest first.

    The masks are the seeds, not grown: no single edge divides such a lesion from bone.
    """
    windows = evidence(hu, place, expected, vertebra.parts)["mixed"]
    asked = np.array(LEAST_NATS["mixed"])[place.kind]
    surplus = np.max([window - asked[..., n] for n, window in enumerate(windows)], axis=0)
    _hold_against_other_side(surplus, windows[0], list(found), place, vertebra, "mixed")
    if found:
        away = ndimage.distance_transform_edt(~np.any(found, axis=0), sampling=vertebra.parts.spacing_mm)
        surplus[away <= RIM_MM] = -np.inf
    seeds = [Cluster(seed, "mixed", float(surplus[seed].max())) for seed in _connected(surplus)]
    return sorted(seeds, key=lambda one: -one.surplus)


def _connected(surplus: NDArray[np.float32]) -> list[NDArray[np.bool_]]:
    numbered = cc3d.connected_components((surplus > 0).astype(np.uint8), connectivity=26)
    return [numbered == number for number in np.flatnonzero(np.bincount(numbered.ravel()) >= SEED_VOXELS) if number]


def _hold_against_other_side(
    surplus: NDArray[np.float32],
    window: NDArray[np.float32],
    lost: list[NDArray[np.bool_]],
    place: Place,
    vertebra: Vertebra,
    kind: LesionType,
) -> None:
    """Lowers the surplus of the arch to what exceeds the mirrored place; where that is cut off or lost, to nothing."""
    arch = (place.kind > BODY_KIND) & (surplus > 0)
    if not arch.any():
        return
    if set(vertebra.cut_parts) & (ARCH - {SubRegion.SPINOUS}):
        surplus[arch] = -np.inf
        return
    grid = vertebra.parts
    best = ndimage.maximum_filter(np.where(np.isfinite(window), window, -np.inf), footprint=ball(MIRROR_MM, grid))
    best[best == -np.inf] = MOST_NATS  # no bone there to compare with
    if lost:
        near = ndimage.distance_transform_edt(~np.any(lost, axis=0), sampling=grid.spacing_mm) <= 3 * MIRROR_MM
        best[near] = MOST_NATS
    local = vertebra.frame.to_local(grid.to_lps(np.argwhere(arch)))
    index = grid.to_index(vertebra.frame.to_lps(local * [-1, 1, 1]))
    there = ndimage.map_coordinates(best, index.T, order=1, mode="nearest")
    held = np.minimum(surplus[arch], window[arch] - there - ASYMMETRY_NATS[kind])
    if kind == "mixed":
        surplus[arch] = held
        return
    both = np.where(place.kind[arch] == PEDICLE_KIND, window[arch] - PEDICLE_NATS, -np.inf)
    surplus[arch] = np.maximum(held, np.minimum(surplus[arch], both))


def merged(clusters: list[Cluster], grid: Volume) -> list[Cluster]:
    """Clusters of one type that touch are one; of two types that share voxels, the surer keeps them."""
    out: list[Cluster] = []
    kinds: tuple[LesionType, ...] = ("lytic", "blastic")
    for kind in kinds:
        same = [one for one in clusters if one.kind == kind]
        if not same:
            continue
        union = np.any([one.mask for one in same], axis=0)
        near = union
        if len(same) > 1:
            near = ndimage.distance_transform_edt(~union, sampling=grid.spacing_mm) <= MERGE_MM / 2
        numbered = cc3d.connected_components(near.astype(np.uint8), connectivity=26)
        for number in range(1, int(numbered.max()) + 1):
            here = numbered == number
            held = [one.surplus for one in same if (one.mask & here).any()]
            if held:
                out.append(Cluster(union & here, kind, max(held)))
    taken = np.zeros(grid.shape, dtype=bool)
    kept = []
    for one in sorted(out, key=lambda one: -one.surplus):
        if (free := one.mask & ~taken).any():
            kept.append(Cluster(free, one.kind, one.surplus))
            taken |= free
    return kept
