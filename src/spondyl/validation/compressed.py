"""Phantoms in which tumour grows into the canal at most levels, spread over the grades of compression.

Random phantoms seldom compress a cord; a grade read right in them says little. Here each inner level is given a grade
to have, in turn and in random order, and how far its lesion grows is drawn until the truth has that grade.
"""

from __future__ import annotations

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.lesion import LesionSpec, Place
from spondyl.phantoms.morphometry import dimensions
from spondyl.phantoms.random_spec import random_spec
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.scene import build_scene
from spondyl.phantoms.spec import PhantomSpec, Scan
from spondyl.phantoms.spine import row_of
from spondyl.phantoms.truth_of_canal import compression_truth

GRADES = ("0", "1a", "1b", "1c", "2", "3")
INNER = 4
"""Levels with a lesion; one more on each side may be cut."""
FIRST, LAST = Level.C3, Level.T12
"""Own choice: the levels beside which a cord runs, in so far as they lie above this person's conus."""
PLACES = (Place.POSTERIOR, Place.PEDICLE_LEFT, Place.PEDICLE_RIGHT, Place.LAMINA_LEFT, Place.LAMINA_RIGHT)
OPPOSITE = {
    Place.POSTERIOR: Place.LAMINA_LEFT,
    Place.PEDICLE_LEFT: Place.PEDICLE_RIGHT,
    Place.PEDICLE_RIGHT: Place.PEDICLE_LEFT,
    Place.LAMINA_LEFT: Place.POSTERIOR,
    Place.LAMINA_RIGHT: Place.POSTERIOR,
}
"""Grade 3 mostly needs tumour on both sides of the cord."""
GROWTH_MM = (0.5, 14.0)
TRIES = 8
"""Own choice: each halves, about, what the growth may be; a grade that is not met then is left."""
VOXEL_MM = (0.4, 1.0)
SLICES_MM = (0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0)
WIDTH_MM = 90.0
"""Own choice: canal and ribs' heads; enough for the canal, and quick."""


def compressed_spec(seed: int, number: int) -> PhantomSpec:
    """The same seed and number give the same phantom on any machine; person, spine and scanner as `random_spec`'s."""
    usual = random_spec(seed, number)
    rng = keyed(seed, number, "compressed")
    row = row_of(usual.spine.variant)
    low = row.index(FIRST)
    high = row.index(LAST) if LAST in row else row.index(Level.L1) - 1
    high = min(high, row.index(usual.spine.conus) - 1)
    start = int(rng.integers(low, high - INNER + 2))
    inner = row[start : start + INNER]
    thickness = float(rng.choice(SLICES_MM))
    scanner: ScannerSpec = usual.scanner.model_copy(
        update={
            "voxel_mm": round(float(rng.uniform(*VOXEL_MM)), 3),
            "slice_spacing_mm": thickness,
            "slice_thickness_mm": thickness,
        }
    )
    bare = usual.model_copy(
        update={
            "name": f"compressed-{seed}-{number:04d}",
            "scan": Scan(
                first=row[start - 1],
                last=row[start + INNER],
                margin_mm=6.0,
                width_mm=WIDTH_MM,
                shift_mm=tuple(rng.uniform(0, 1, 3).tolist()),
            ),
            "scanner": scanner,
            "lesions": (),
            "fractures": (),
            "joints": (),
            "mimics": (),
        }
    )
    # Over the numbers every grade comes equally often.
    grades = [GRADES[(INNER * number + n) % len(GRADES)] for n in range(INNER)]
    rng.shuffle(grades)
    lesions = [entry for level, grade in zip(inner, grades, strict=True) for entry in _lesions(bare, level, grade, rng)]
    return bare.model_copy(update={"lesions": tuple(lesions)})


def _lesions(bare: PhantomSpec, level: Level, grade: str, rng: np.random.Generator) -> tuple[LesionSpec, ...]:
    """One lesion of a level, or two on both sides of the canal, that give it this grade if any growth does."""
    size = dimensions(level, bare.person.sex, bare.person.stature_cm, bare.person.age)
    places = [PLACES[int(rng.integers(len(PLACES)))]]
    if grade == "3":
        places.append(OPPOSITE[places[0]])
    diameter = round(float(rng.uniform(0.6, 0.9)) * size.height, 1)
    irregularity = float(rng.uniform(0, 0.2))

    def grown(growth_mm: float) -> tuple[LesionSpec, ...]:
        return tuple(
            LesionSpec(
                level=level, diameter_mm=diameter, place=place, irregularity=irregularity, canal_growth_mm=growth_mm
            )
            for place in places
        )

    if grade == "0":
        return grown(0.0)
    low, high = GROWTH_MM
    lesions = grown(low)
    for _ in range(TRIES):
        growth = round(low + float(rng.uniform(0.25, 0.75)) * (high - low), 2)
        lesions = grown(growth)
        found = _grade(bare, level, lesions)
        if found == grade:
            break
        if GRADES.index(found) < GRADES.index(grade):
            low = growth
        else:
            high = growth
    return lesions


def _grade(bare: PhantomSpec, level: Level, lesions: tuple[LesionSpec, ...]) -> str:
    scene = build_scene(bare.model_copy(update={"lesions": lesions}))
    return str(compression_truth(scene, scene.spine.of[level])["escc"] or "0")
