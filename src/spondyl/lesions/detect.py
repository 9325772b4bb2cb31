"""Lesions found without training data: where one vertebra is better explained by tumour than by the patient's own bone.

    collect_reference (each level by itself) ─► fit_reference ─► detect_in: expected density ─► evidence ─► seeds
        ─► edges ─► one type or mixed ─► look-alikes ─► lesions

A lesion whose density and texture are those of the patient's marrow can't be seen this way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.volume import Volume
from spondyl.lesions.boundary import ball, grow
from spondyl.lesions.measure import describe_at
from spondyl.lesions.mimics import look_alikes
from spondyl.lesions.mixed import mixed_around
from spondyl.lesions.normal import (
    FEWEST_LEVELS,
    Expected,
    Reference,
    collect_reference,
    expect,
    fit_reference,
    sample_of,
)
from spondyl.lesions.place import Place, crop_to, locate
from spondyl.lesions.search import voxel_evidence
from spondyl.lesions.seeds import Cluster, clusters_in, merged, mixed_seeds
from spondyl.values.lesion import Lesion, LesionType
from spondyl.values.vertebra import Vertebra

CITATIONS = ("burns2013", "jang2019", "tzika2021", "ulano2016")

SMALLEST_MM3 = 150.0
"""Own choice: half of the 0.3 cm3 that published detectors were asked for [burns2013]: a lesion of 10 mm in a thin
lamina holds no more."""
REPORTED_FROM = 0.5
"""Own choice: few false findings matter more than the faintest true one."""
LEAST_SURE, SURE_NATS = 0.6, 1.0
"""Own choice: confidence of what just passes, and the evidence above that which earns full confidence; it orders
findings and is no probability."""
ONE_PART_NATS = 0.25
"""Own choice: evidence above what is asked, where tumour of both types is likely but no part of either stands out."""
CORE_MM = 2.5
"""Own choice: the middles of windows full of tumour lie this far within a lesion that has no single edge to grow to."""
INSIDE_SHARE = 0.3
"""Own choice: what lies by this share within a surer lesion is part of it."""


def detect_lesions(
    ct: Volume, vertebrae: Mapping[Level, Vertebra], *, unfit: Collection[Level] = ()
) -> dict[Level, tuple[Lesion, ...]]:
    """Lesions by level, surest first; levels in `unfit` are neither judged nor used as reference.

    Composes `collect_reference`, `fit_reference` and `detect_in`, which a pipeline may spread over processes.
    """
    fit = [level for level in along_spine(vertebrae) if level not in unfit]
    reference = fit_reference([collect_reference(ct, vertebrae[level]) for level in fit])
    found = {level: detect_in(ct, vertebrae[level], reference) for level in fit}
    return {level: lesions for level, lesions in found.items() if lesions}


def detect_in(ct: Volume, vertebra: Vertebra, reference: Reference) -> tuple[Lesion, ...]:
    """Lesions of one level, surest first. `ct` is the CT or any crop that covers the grid of the vertebra's `parts`."""
    hu = crop_to(ct, vertebra)
    place = locate(vertebra, hu)
    own = sample_of(hu, place, vertebra)
    expected = expect(reference, own)
    found = clusters_in(hu, place, vertebra, expected)
    if found:
        # A lesion moves its vertebra's own middle: looked at again with what was found left out of it.
        held = np.any([cluster.mask for cluster in found], axis=0)
        again = sample_of(hu, place, vertebra, exclude=held)
        if np.isfinite(again.base_hu):
            expected = expect(reference, again)
            found = clusters_in(hu, place, vertebra, expected)
    clusters = _with_mixed(merged(found, vertebra.parts), hu, place, vertebra, expected)
    lesions = [_lesion(cluster, hu, place, vertebra, expected) for cluster in clusters]
    kept = [one for one in lesions if one is not None and (one.confidence or 0) >= REPORTED_FROM]
    return tuple(sorted(kept, key=lambda one: (-(one.confidence or 0), -one.volume_mm3, one.centroid_lps_mm)))


def _with_mixed(
    clusters: list[Cluster], hu: NDArray[np.float32], place: Place, vertebra: Vertebra, expected: Expected
) -> list[Cluster]:
    """Clusters, surest first; what lies within a surer lesion is part of it."""
    by_voxel = voxel_evidence(hu, place, expected)
    contrast_hu = expected.field(place)[0] - expected.lytic_hu
    out: list[Cluster] = []
    for one in sorted(clusters, key=lambda one: -one.surplus):
        if any((one.mask & other.mask).sum() > INSIDE_SHARE * one.mask.sum() for other in out):
            continue
        whole = mixed_around(
            one.mask,
            by_voxel["lytic"],
            by_voxel["blastic"],
            contrast_hu,
            place,
            vertebra.parts,
            dense=one.kind == "blastic",
        )
        out.append(one if whole is None else replace(one, mask=whole, kind="mixed"))
    return out + _only_mixed(out, by_voxel, contrast_hu, hu, place, vertebra, expected)


def _only_mixed(
    found: list[Cluster],
    by_voxel: dict[LesionType, NDArray[np.float32]],
    contrast_hu: NDArray[np.float32],
    hu: NDArray[np.float32],
    place: Place,
    vertebra: Vertebra,
    expected: Expected,
) -> list[Cluster]:
    """Mixed lesions neither part of which was seen by itself."""
    grid = vertebra.parts
    normal, _ = expected.field(place)
    held = np.any([one.mask for one in found], axis=0) if found else np.zeros(grid.shape, dtype=bool)
    out = []
    for seed in mixed_seeds(hu, place, vertebra, expected, [one.mask for one in found]):
        whole = mixed_around(seed.mask, by_voxel["lytic"], by_voxel["blastic"], contrast_hu, place, grid, dense=False)
        kind: LesionType = "mixed"
        if whole is None:
            if found or seed.surplus < ONE_PART_NATS:
                continue  # beside a lesion already found it is a piece of that one
            whole, kind = grow(seed.mask, 1.0, hu, normal, place, grid), "blastic"
            if not whole.any():
                whole, kind = place.judged & ndimage.binary_dilation(seed.mask, ball(CORE_MM, grid)), "mixed"
        if not whole.any() or (whole & held).sum() > INSIDE_SHARE * whole.sum():
            continue
        whole &= ~held
        held |= whole
        out.append(replace(seed, mask=whole, kind=kind))
    return out


def _lesion(
    cluster: Cluster, hu: NDArray[np.float32], place: Place, vertebra: Vertebra, expected: Expected
) -> Lesion | None:
    """The cluster measured and held against its look-alikes, or None when it is too small."""
    if cluster.mask.sum() * vertebra.parts.voxel_volume_mm3 < SMALLEST_MM3:
        return None
    kind: LesionType = cluster.kind
    normal, _ = expected.field(place)
    confidence = LEAST_SURE + (1 - LEAST_SURE) * min(1.0, cluster.surplus / SURE_NATS)
    findings = look_alikes(cluster.mask, kind, hu, normal, place, vertebra, expected=expected)
    confidence *= float(np.prod([factor for factor, _ in findings]))
    notes = tuple(note for _, note in findings)
    if expected.levels_asked < FEWEST_LEVELS:
        notes += ("fewer than three other levels to compare with: judged against this vertebra alone",)
    return describe_at(cluster.mask, hu, place, vertebra, expected, "detected", round(confidence, 3), notes, kind=kind)
