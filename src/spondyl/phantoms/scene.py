"""Everything that is in a phantom, as shapes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.phantoms.cord import CanalContents, build_contents
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.mimics import Mimic, build_mimic
from spondyl.phantoms.shapes import FAR_MM, smooth_min
from spondyl.phantoms.spec import PhantomSpec
from spondyl.phantoms.spine import Spine, build_spine, row_of
from spondyl.phantoms.tissues import density_of_hu, hu_of_density, trabecular_hu
from spondyl.phantoms.tumour import BALL_MARGIN_MM, Tumour, place_tumour

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scene:
    spec: PhantomSpec
    spine: Spine
    tumours: tuple[Tumour, ...]
    mimics: tuple[Mimic, ...]

    @cached_property
    def contents(self) -> CanalContents:
        row = row_of(self.spec.spine.variant)
        conus = row.index(self.spec.spine.conus) if self.spec.spine.conus in row else row.index(Level.L1)
        return build_contents(self.spine, conus=float(conus), mass=self.mass_mm)

    def of(self, level: Level) -> Sequence[Tumour]:
        return [tumour for tumour in self.tumours if tumour.placed.level is level]

    def evaluate(
        self, level: Level, x: NDArray, y: NDArray, z: NDArray
    ) -> tuple[NDArray[np.floating], NDArray[np.uint8]]:
        """Distance to the bone of one level at points of its frame, spurs included, and the sub-regions."""
        distance, part = self.spine.evaluate(level, x, y, z)
        for mimic in self.mimics:
            if mimic.placed.level is level and mimic.kind == "osteophyte":
                spur = mimic.distance(x, y, z)
                part[(spur < distance) & (spur < 1.0)] = SubRegion.BODY
                distance = smooth_min(distance, spur.astype(distance.dtype), 1.5)
        return distance, part

    def trabecular_mg_cc(self, level: Level) -> float:
        """Density of the body's core without lesions."""
        person = self.spec.person
        return density_of_hu(trabecular_hu(level, person.sex, person.age, person.trabecular_mg_cc))

    def trabecular_hu(self, level: Level) -> float:
        """As scanned: by tube voltage and contrast medium."""
        scanner = self.spec.scanner
        return hu_of_density(self.trabecular_mg_cc(level) * scanner.mineral_factor) + scanner.rise_hu("marrow")

    def mass_mm(self, lps_mm: Array) -> Array:
        """Distance to what takes room in the canal (tumour or a retropulsed wall) at LPS points (n, 3)."""
        out = np.minimum(self.tumour_in_canal_mm(lps_mm), FAR_MM)
        for placed in self.spine.vertebrae:
            body = placed.shape.body
            if body is not None and body.fracture.retropulsion_mm > 0:
                near, local = _near(placed.frame.to_local(lps_mm), 60.0)
                fragment = body.fragment(*local.T)
                assert fragment is not None
                out[near] = np.minimum(out[near], fragment)
        return out

    def tumour_in_canal_mm(self, lps_mm: Array) -> Array:
        """Distance to tumour that grows into the canal; far where there is none."""
        out = np.full(len(lps_mm), FAR_MM)
        for tumour in self.tumours:
            if tumour.spec.canal_growth_mm <= 0:
                continue
            local = tumour.placed.frame.to_local(lps_mm)
            away = np.linalg.norm(local - tumour.shape.centre_mm, axis=1) - tumour.shape.furthest_mm
            # Well beyond the ball that holds it, the distance to the ball will do.
            near = np.flatnonzero(away < BALL_MARGIN_MM)
            away[near] = np.asarray(-tumour.shape.in_tongue_mm(local[near]))
            out = np.minimum(out, away)
        return out


def _near(local: Array, within_mm: float) -> tuple[NDArray[np.int64], Array]:
    near = np.flatnonzero((np.abs(local) < within_mm).all(axis=1))
    return near, local[near]


def build_scene(spec: PhantomSpec) -> Scene:
    """Raises InvalidAnswer where a lesion or mimic names a place its vertebra does not have."""
    spine = build_spine(
        spec.person.sex,
        spec.person.age,
        spec.person.stature_cm,
        variant=spec.spine.variant,
        curve=spec.spine.curve(),
        fractures={entry.level: entry.fracture() for entry in spec.fractures},
        joints={entry.level: entry.joint() for entry in spec.joints},
        compensated=spec.compensated,
    )
    tumours = tuple(
        place_tumour(n, entry, spine.of[entry.level], (spec.seed, "lesion", n))
        for n, entry in enumerate(spec.lesions, 1)
    )
    mimics = tuple(
        build_mimic(entry.kind, entry.size_mm, spine.of[entry.level], keyed(spec.seed, "mimic", n))
        for n, entry in enumerate(spec.mimics, 1)
    )
    return Scene(spec, spine, tumours, mimics)
