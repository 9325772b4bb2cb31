"""Several known lesions in one real CT: those asked for, or a random set with healthy levels left as controls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spondyl.anatomy.levels import Level, Region, along_spine
from spondyl.core.errors import InputError, MaskMismatch
from spondyl.core.progress import Progress, silent
from spondyl.core.volume import Volume
from spondyl.phantoms.implant import Implanted, ImplantSpec, implant
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import Place
from spondyl.values.level_map import LevelMap
from spondyl.values.vertebra import Vertebra
from spondyl.vertebrae.build import build_vertebrae

DIAMETERS_MM = (6.0, 25.0)
KIND_SHARES = {"lytic": 0.5, "blastic": 0.3, "mixed": 0.2}
BODY_SHARE = 0.7
"""Own choice: most metastases lie in the body."""
BREACH_SHARE, CANAL_SHARE, PARAVERTEBRAL_SHARE = 0.3, 0.1, 0.1
"""Own choice: how many are asked to breach, and to grow out of the bone."""
CONTROL_SHARE = 1 / 3
"""Own choice: of the levels at least so many stay as they are."""
TRIES = 30


@dataclass(frozen=True, eq=False)
class ImplantedCase:
    ct: Volume
    lesions: Volume
    """Number of the lesion, from 1, on the CT's grid; 0 none."""
    truths: tuple[dict[str, Any], ...]
    """Of lesion 1, 2, ... in turn."""
    controls: tuple[Level, ...]
    """Levels that could be built and were left as they are."""


def implant_all(
    ct: Volume, levels: LevelMap, specs: Sequence[ImplantSpec], progress: Progress = silent
) -> ImplantedCase:
    """All of `specs` in one CT. Raises InputError where one has no place or two overlap."""
    vertebrae, reasons = _built(levels)
    for spec in specs:
        _check_level(spec.level, levels, vertebrae, reasons)
    case = _Growing(ct, levels, vertebrae)
    for n, spec in enumerate(specs, 1):
        case.add(spec)
        progress("lesions", n, len(specs))
    return case.done()


def random_implants(ct: Volume, level_map: LevelMap, seed: int, number: int) -> ImplantedCase:
    """Up to `number` lesions of 6 to 25 mm in as many levels of one CT, of all kinds and places; keyed by `seed`.

    At least a third of the levels (where there are three) stay as controls, so that fewer may come back. A draw that
    has no place in its level is drawn anew.
    """
    vertebrae, _ = _built(level_map)
    if not vertebrae:
        raise MaskMismatch("no vertebra of the mask is seen whole.", "Give a scan with a whole vertebra.")
    case = _Growing(ct, level_map, vertebrae)
    built = along_spine(vertebrae)
    most = max(1, len(built) - int(np.ceil(CONTROL_SHARE * len(built))))
    chosen = keyed(seed, "levels").permutation(len(built))[: min(number, most)]
    for n in chosen:
        for attempt in range(TRIES):
            try:
                case.add(random_spec_for(built[n], seed, attempt))
                break
            except InputError:
                continue
    return case.done()


def random_spec_for(level: Level, seed: int, attempt: int = 0) -> ImplantSpec:
    """A lesion drawn for one level, keyed by (seed, level, attempt)."""
    rng = keyed(seed, level.name, attempt, "implant")
    body = [place for place in Place if place.in_body]
    joints = Place.COSTOVERTEBRAL_LEFT, Place.COSTOVERTEBRAL_RIGHT
    arch = [place for place in Place if not place.in_body and (level.region is Region.THORACIC or place not in joints)]
    places = body if rng.random() < BODY_SHARE else arch
    low, high = np.log(DIAMETERS_MM)
    breach, canal, beside = rng.random(3) < (BREACH_SHARE, CANAL_SHARE, PARAVERTEBRAL_SHARE)
    return ImplantSpec(
        level=level,
        kind=rng.choice(list(KIND_SHARES), p=list(KIND_SHARES.values())),
        diameter_mm=round(float(np.exp(rng.uniform(low, high))), 1),
        place=places[int(rng.integers(len(places)))],
        irregularity=round(float(rng.uniform(0.0, 0.2)), 2),
        breach=True if breach else None,
        canal_growth_mm=round(float(rng.uniform(2, 6)), 1) if canal else 0.0,
        paravertebral_growth_mm=round(float(rng.uniform(3, 15)), 1) if beside else 0.0,
        seed=seed,
    )


def _built(levels: LevelMap) -> tuple[dict[Level, Vertebra], dict[Level, str]]:
    turned = LevelMap(levels.labels.canonical(), levels.scheme)
    return build_vertebrae(turned, turned.labels)


def _check_level(level: Level, levels: LevelMap, vertebrae: dict[Level, Vertebra], reasons: dict[Level, str]) -> None:
    if level in vertebrae:
        return
    if level not in levels.levels:
        names = ", ".join(known.name for known in levels.levels)
        raise MaskMismatch(f"{level.name} is not in the vertebra mask, which holds {names}.", "Name one of these.")
    names = ", ".join(known.name for known in vertebrae) or "none"
    raise MaskMismatch(f"no lesion can be placed in {level.name}: {reasons[level]}.", f"Levels seen whole: {names}.")


class _Growing:
    """The CT as lesion after lesion is added."""

    def __init__(self, ct: Volume, levels: LevelMap, vertebrae: dict[Level, Vertebra]) -> None:
        self._ct, self._levels, self._vertebrae = ct, levels, vertebrae
        self._lesions = np.zeros(ct.shape, np.uint8)
        self._truths: list[dict[str, Any]] = []

    def add(self, spec: ImplantSpec) -> None:
        bone = self._levels.labels.like(self._levels.labels.array == int(spec.level), "mask")
        made: Implanted = implant(self._ct, bone, spec, vertebra=self._vertebrae[spec.level])
        if (overlap := self._lesions[made.mask.array]).any():
            raise InputError(
                f"the lesion at {spec.place} of {spec.level.name} overlaps lesion {int(overlap.max())}.",
                "Set them further apart, or make them smaller.",
            )
        self._ct = made.ct
        self._lesions[made.mask.array] = len(self._truths) + 1
        self._truths.append({"label": len(self._truths) + 1, **made.truth})

    def done(self) -> ImplantedCase:
        touched = {truth["level"] for truth in self._truths}
        controls = tuple(level for level in along_spine(self._vertebrae) if level.name not in touched)
        lesions = Volume(self._lesions, self._ct.affine, "label")
        return ImplantedCase(self._ct, lesions, tuple(self._truths), controls)
