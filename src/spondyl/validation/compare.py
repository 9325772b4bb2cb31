"""Results of one assessed case beside its truth: plain numbers and words, one record a level and a lesion.

A true lesion is found where a finding shares enough voxels with it; a finding that shares none with any is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.core.volume import Volume
from spondyl.values.case import CaseResult, VertebraResult
from spondyl.values.lesion import Lesion
from spondyl.values.score import ScoredItem

Record = dict[str, Any]

MATCH_SHARE = 0.2
"""Share of the smaller of finding and truth that both hold. Own choice: a touch at the rim is no find, and a finding
that is half too large is one."""


@dataclass(frozen=True, eq=False)
class TrueLesion:
    number: int
    """In the label volume, from 1."""
    level: str
    kind: str
    place: str
    diameter_mm: float
    volume_mm3: float
    """Within bone."""
    noise_hu: float | None


def lesion_records(case: CaseResult, truth: Sequence[TrueLesion], labels: Volume) -> tuple[list[Record], list[Record]]:
    """(true lesions, false findings). `labels`: numbers of the true lesions, on any grid."""
    findings = [(result, lesion) for result in case.vertebrae for lesion in result.lesions]
    shares = [_voxels_by_number(lesion, labels) for _, lesion in findings]
    hits: dict[int, list[int]] = {one.number: [] for one in truth}
    true_mm3 = np.bincount(labels.array.ravel().astype(np.intp)) * labels.voxel_volume_mm3
    for n, ((_, lesion), held_mm3) in enumerate(zip(findings, shares, strict=True)):
        for number, shared in held_mm3.items():
            if number in hits and shared >= MATCH_SHARE * min(lesion.volume_mm3, true_mm3[number]):
                hits[number].append(n)
    assessed = {result.level.name: result.quality.assessed for result in case.vertebrae}
    records = [
        {
            "level": one.level,
            "type": one.kind,
            "place": one.place,
            "diameter_mm": one.diameter_mm,
            "volume_mm3": one.volume_mm3,
            "noise_hu": one.noise_hu,
            "assessed": assessed.get(one.level, False),
            "found": _best([findings[n][1] for n in hits[one.number]]),
        }
        for one in truth
    ]
    hit = {n for numbers in hits.values() for n in numbers}
    false = [_false(result, lesion) for n, (result, lesion) in enumerate(findings) if n not in hit and not shares[n]]
    return records, false


def _voxels_by_number(lesion: Lesion, labels: Volume) -> dict[int, float]:
    """mm3 of the finding inside each true lesion that it touches."""
    places: NDArray[np.intp] = np.rint(labels.to_index(lesion.mask.to_lps(np.argwhere(lesion.mask.array)))).astype(int)
    inside = np.all((places >= 0) & (places < labels.shape), axis=1)
    numbers = labels.array[tuple(places[inside].T)]
    counts = np.bincount(numbers.astype(np.intp))
    return {int(n): float(counts[n] * lesion.mask.voxel_volume_mm3) for n in np.flatnonzero(counts) if n}


def _best(lesions: Sequence[Lesion]) -> Record | None:
    """The largest of those that hit, with the volume of all: one lesion found in two pieces is found."""
    if not lesions:
        return None
    largest = max(lesions, key=lambda lesion: lesion.volume_mm3)
    return {
        "type": largest.kind,
        "volume_mm3": sum(lesion.volume_mm3 for lesion in lesions),
        "diameter_mm": largest.longest_diameter_mm,
        "confidence": largest.confidence,
        "pieces": len(lesions),
    }


def _false(result: VertebraResult, lesion: Lesion) -> Record:
    return {
        "level": result.level.name,
        "type": lesion.kind,
        "volume_mm3": lesion.volume_mm3,
        "confidence": lesion.confidence,
        "centroid_lps_mm": list(lesion.centroid_lps_mm),
        "notes": list(lesion.notes),
    }


def sins_record(result: VertebraResult) -> Record | None:
    """Answers by item and the total; None where SINS was not scored."""
    if result.sins is None:
        return None
    return {
        "applies": result.sins.applies,
        "items": {item.name: _answer(item) for item in result.sins.items},
        "total_min": result.sins.total_min,
        "total_max": result.sins.total_max,
        "category": result.sins.category,
    }


def _answer(item: ScoredItem) -> Record:
    return {"answer": item.answer, "points_min": item.points_min, "points_max": item.points_max, "basis": item.basis}


def canal_record(result: VertebraResult) -> Record | None:
    canal = result.canal
    if canal is None:
        return None
    return {
        "min_area_mm2": canal.min_area_mm2,
        "pedicle_area_mm2": canal.pedicle_area_mm2,
        "ap_diameter_mm": canal.pedicle_ap_mm,
        "transverse_diameter_mm": canal.pedicle_transverse_mm,
        "encroachment": canal.lesion_encroachment,
        "escc": canal.escc_grade,
        "escc_possible": list(canal.escc_possible),
        "below_conus": bool(canal.compression and canal.compression.below_conus),
    }


def shape_record(result: VertebraResult) -> Record | None:
    if result.vertebra is None:
        return None
    shape = result.vertebra.geometry
    return {
        "heights_mm": {
            "anterior": shape.anterior_height_mm,
            "middle": shape.middle_height_mm,
            "posterior": shape.posterior_height_mm,
        },
        "height_loss": shape.height_loss,
        "width_mm": shape.width_mm,
        "depth_mm": shape.depth_mm,
    }


def density_record(result: VertebraResult) -> Record | None:
    density = result.density
    if density is None:
        return None
    return {
        "mg_cc": density.trabecular_mg_cc,
        "interval_mg_cc": list(density.trabecular_mg_cc_interval),
        "hu": density.trabecular_hu,
    }
