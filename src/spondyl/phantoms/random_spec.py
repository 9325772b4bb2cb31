"""A random phantom by (seed, number): every decision has its own stream, so that one never shifts another.

The shares and ranges are an own choice: they are there to try measurements over the whole of what may come, and are
no model of how often it comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from spondyl.anatomy.levels import Level, Region
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import LesionSpec, Place
from spondyl.phantoms.morphometry import MEAN_STATURE_CM, Dimensions, Sex, dimensions
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.spec import FractureSpec, JointSpec, MimicSpec, Person, PhantomSpec, Scan, SpineShape
from spondyl.phantoms.spine import row_of

HEALTHY_SHARE = 0.3
WHOLE_SHARE = 0.03
LENGTHS = (6, 9)
LESION_MM = (6.0, 28.0)
BODY_PLACES = tuple(place for place in Place if place.in_body)
COSTAL_PLACES = (Place.COSTOVERTEBRAL_LEFT, Place.COSTOVERTEBRAL_RIGHT)
ARCH_PLACES = tuple(place for place in Place if place not in BODY_PLACES and place not in COSTAL_PLACES)
GROWING_PLACES = (Place.CENTRE, Place.POSTERIOR, Place.PEDICLE_LEFT, Place.PEDICLE_RIGHT)
MIMICS = ("basivertebral vein", "Schmorl node", "endplate sclerosis", "osteophyte", "bone island", "haemangioma")
LOSSES = ((0.22, 0.45), (0.55, 0.75))
"""Away from the half, which divides two answers of SINS."""


def random_spec(seed: int, number: int) -> PhantomSpec:
    """The same seed and number give the same phantom on any machine."""

    def rng(what: str) -> np.random.Generator:
        return keyed(seed, number, what)

    person = _person(rng("person"))
    spine = _spine(rng("spine"))
    scan = _scan(rng("scan"), spine)
    row = row_of(spine.variant)
    whole = row[row.index(scan.first) : row.index(scan.last) + 1]
    # The outermost levels may be cut; what is to be found lies within.
    inner: list[Level] = [level for level in whole[1:-1] if level not in (Level.C1, Level.C2, Level.S1)]
    healthy = rng("healthy").random() < HEALTHY_SHARE
    lesions: tuple[LesionSpec, ...] = () if healthy else _lesions(rng("lesions"), inner, person)
    fractures = _fractures(rng("fractures"), inner, lesions)
    return PhantomSpec(
        name=f"phantom-{seed}-{number:04d}",
        seed=int(rng("seed").integers(2**31)),
        person=person,
        spine=spine,
        scan=scan,
        scanner=_scanner(rng("scanner")),
        compensated=bool(rng("compensated").random() < 0.5),
        marrow_texture_hu=float(rng("texture").uniform(8, 28)),
        marrow_texture_mm=float(rng("texture length").uniform(0.8, 2.2)),
        lesions=lesions,
        fractures=fractures,
        joints=() if healthy else _joints(rng("joints"), inner, lesions),
        mimics=_mimics(rng("mimics"), inner, {entry.level for entry in lesions} | {entry.level for entry in fractures}),
    )


def _pick(rng: np.random.Generator, choices: Any, weights: Any = None) -> Any:
    p = None if weights is None else np.asarray(weights) / np.sum(weights)
    return choices[int(rng.choice(len(choices), p=p))]


def _person(rng: np.random.Generator) -> Person:
    sex: Sex = _pick(rng, ("female", "male"))
    stature = float(np.clip(rng.normal(MEAN_STATURE_CM[sex], 7), 145, 200))
    return Person(sex=sex, age=float(round(rng.uniform(35, 88))), stature_cm=round(stature))


def _spine(rng: np.random.Generator) -> SpineShape:
    variant = _pick(rng, ("usual", "T13", "L6", "eleven thoracic", "four lumbar"), (0.88, 0.03, 0.03, 0.03, 0.03))
    scoliotic = rng.random() < 0.2
    return SpineShape(
        variant=variant,
        cervical_lordosis_deg=float(rng.uniform(0, 35)),
        thoracic_kyphosis_deg=float(rng.uniform(22, 55)),
        lumbar_lordosis_deg=float(rng.uniform(30, 72)),
        scoliosis_deg=float(rng.uniform(8, 28) * rng.choice([-1, 1])) if scoliotic else 0.0,
        scoliosis_apex=_pick(rng, (Level.T7, Level.T8, Level.T9, Level.L1, Level.L2)),
        conus=_pick(rng, (Level.T11, Level.L1, Level.L2), (0.2, 0.6, 0.2)),
    )


def _scan(rng: np.random.Generator, spine: SpineShape) -> Scan:
    row = row_of(spine.variant)
    first, last = 0, len(row) - 1
    if rng.random() >= WHOLE_SHARE:
        length = int(rng.integers(LENGTHS[0], LENGTHS[1] + 1))
        # Cervical scans are rarer than those of the trunk.
        starts = np.arange(1, len(row) - length + 1)
        weight = np.where(starts < 5, 0.4, 1.0)
        first = int(_pick(rng, starts, weight))
        last = first + length - 1
    return Scan(
        first=row[first],
        last=row[last],
        margin_mm=float(rng.uniform(-6, 18)),
        shift_mm=tuple(rng.uniform(0, 1, 3).tolist()),
    )


def _scanner(rng: np.random.Generator) -> ScannerSpec:
    thickness = float(_pick(rng, (0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0), (1, 3, 2, 2, 1, 1.5, 1)))
    return ScannerSpec(
        voxel_mm=round(float(rng.uniform(0.6, 0.98)), 3),
        slice_spacing_mm=thickness if rng.random() < 0.7 or thickness < 1.2 else 0.8 * thickness,
        slice_thickness_mm=thickness,
        kernel=_pick(rng, ("soft", "standard", "sharp", "bone"), (1, 3, 1, 1)),
        noise_hu=float(rng.uniform(8, 40)),
        kvp=float(_pick(rng, (100.0, 120.0, 140.0), (1, 4, 1))),
        contrast=_pick(rng, ("none", "portal", "arterial"), (5, 4, 1)),
        table=bool(rng.random() < 0.3),
    )


def _lesions(rng: np.random.Generator, levels: list[Level], person: Person) -> tuple[LesionSpec, ...]:
    count = int(_pick(rng, (1, 2, 3, 4), (4, 3, 2, 1)))
    chosen = rng.permutation(len(levels))[: min(count, len(levels))]
    found: list[LesionSpec] = []
    for n in chosen:
        level = levels[int(n)]
        size = dimensions(level, person.sex, person.stature_cm, person.age)
        lesion = _lesion(rng, level, size)
        found.append(lesion)
        if lesion.place.name.startswith("PEDICLE") and rng.random() < 0.35:
            other = Place.PEDICLE_RIGHT if lesion.place is Place.PEDICLE_LEFT else Place.PEDICLE_LEFT
            found.append(
                LesionSpec(level=level, kind=lesion.kind, place=other, diameter_mm=lesion.diameter_mm, breach=True)
            )
    return tuple(found)


def _lesion(rng: np.random.Generator, level: Level, size: Dimensions) -> LesionSpec:
    costal = level.region is Region.THORACIC
    groups = (BODY_PLACES, ARCH_PLACES, COSTAL_PLACES if costal else BODY_PLACES)
    places = _pick(rng, groups, (0.65, 0.23, 0.12))
    place = _pick(rng, places)
    in_body = place in BODY_PLACES
    largest = 0.85 * min(size.height * 1.2, size.depth) if in_body else 1.4 * max(size.pedicle_height, 9.0)
    if place in COSTAL_PLACES:
        largest = 0.8 * size.height
    diameter = float(np.clip(rng.uniform(*LESION_MM), LESION_MM[0], largest))
    kind = _pick(rng, ("lytic", "blastic", "mixed"), (0.5, 0.25, 0.25))
    grows = kind != "blastic" and place in GROWING_PLACES and diameter > 10
    return LesionSpec(
        level=level,
        kind=kind,
        diameter_mm=round(diameter, 1),
        place=place,
        irregularity=float(rng.uniform(0, 0.2)),
        canal_growth_mm=float(rng.uniform(1, 0.8 * size.canal_depth)) if grows and rng.random() < 0.5 else 0.0,
        paravertebral_growth_mm=float(rng.uniform(3, 15)) if kind != "blastic" and rng.random() < 0.1 else 0.0,
    )


def _fractures(
    rng: np.random.Generator, levels: list[Level], lesions: tuple[LesionSpec, ...]
) -> tuple[FractureSpec, ...]:
    found: dict[Level, FractureSpec] = {}
    ill = [entry.level for entry in lesions if entry.place.in_body]
    candidates = [(level, 0.3) for level in dict.fromkeys(ill)]
    if rng.random() < 0.25 and levels:
        candidates.append((_pick(rng, levels), 1.0))
    for level, chance in candidates:
        draws = rng.random(), rng.random()
        if draws[0] >= chance or level in found:
            continue
        low, high = LOSSES[0] if draws[1] < 0.75 else LOSSES[1]
        shape = _pick(rng, ("wedge", "biconcave", "crush"), (3, 2, 1))
        found[level] = FractureSpec(
            level=level,
            shape=shape,
            loss=round(float(rng.uniform(low, high)), 3),
            retropulsion_mm=round(float(rng.uniform(1, 6)), 1) if shape != "wedge" and rng.random() < 0.5 else 0.0,
        )
    return tuple(found.values())


def _joints(rng: np.random.Generator, levels: list[Level], lesions: tuple[LesionSpec, ...]) -> tuple[JointSpec, ...]:
    """A slip or a sharp kyphosis at a diseased level, now and then."""
    draw = rng.random()
    if not lesions or draw >= 0.16:
        return ()
    level = lesions[0].level
    if draw < 0.08:
        slip = float(rng.uniform(4.5, 8) * rng.choice([-1, 1]))
        return (JointSpec(level=level, translation_ap_mm=slip),)
    return (JointSpec(level=level, kyphosis_deg=float(rng.uniform(16, 28))),)


def _mimics(rng: np.random.Generator, levels: list[Level], taken: set[Level]) -> tuple[MimicSpec, ...]:
    free = [level for level in levels if level not in taken]
    order = rng.permutation(len(free))[: int(rng.integers(0, 4))]
    return tuple(
        MimicSpec(level=free[int(n)], kind=_pick(rng, MIMICS), size_mm=round(float(rng.uniform(4, 9)), 1))
        for n in order
    )
