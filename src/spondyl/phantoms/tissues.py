"""What every tissue measures in HU, and where the soft tissues lie around a spine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spondyl.anatomy.levels import Level, Region
from spondyl.phantoms.morphometry import Sex
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.shapes import Bar, coverage
from spondyl.phantoms.spine import Spine

AIR_HU = -1000.0
LUNG_HU = -850.0
FAT_HU = -100.0
MUSCLE_HU = 55.0
SOFT_HU = 40.0
BLOOD_HU = 42.0
DISC_HU = 85.0
CORTEX_HU = 1150.0
CSF_HU = 8.0
CORD_HU = 38.0
TUMOUR_HU = 45.0
"""Own choice within the usual ranges of unenhanced CT at 120 kVp; a cortex of half a millimetre is blurred to less."""

L1_HU_AT = (226.0, 27.0)
L1_HU_PER_YEAR = -2.5
"""L1 by age on CT, without regard to sex (jang2019)."""
FEMALE_HU_AT_65 = -12.0
"""Own choice: women lose more after the menopause; zero below 50, this at 65, and on in proportion."""
LEAST_TRABECULAR_HU = 25.0
HU_PER_MG_CC = 1.35
HU_AT_ZERO = -0.4
"""Density is that of K2HPO4 dissolved in water with the same HU, as a phantom on the table reads it (mindways2011: each
mg displaces 0.2174 mg of water of 999.6 mg/cc). HU of such solutions at 120 kVp: own calculation over a whole spectrum
through 25 cm of water (NIST attenuation by xraydb), repeated in `tests/phantoms/test_mineral.py`."""
LEVEL_FACTOR = {
    Level.C1: 1.5, Level.C2: 1.54, Level.C3: 1.70, Level.C4: 1.77, Level.C5: 1.77, Level.C6: 1.66, Level.C7: 1.48,
    Level.T1: 1.36, Level.T2: 1.28, Level.T3: 1.23, Level.T4: 1.20, Level.T5: 1.17, Level.T6: 1.15, Level.T7: 1.13,
    Level.T8: 1.11, Level.T9: 1.09, Level.T10: 1.06, Level.T11: 1.03, Level.T12: 1.02, Level.T13: 1.01,
    Level.L1: 1.0, Level.L2: 0.98, Level.L3: 0.96, Level.L4: 0.97, Level.L5: 1.0, Level.L6: 1.0, Level.S1: 0.9,
}  # fmt: skip
"""Density of the body's core over L1's: C2, C5, T12 and L4 after quantitative CT of healthy adults (PMID 11176311),
others an own choice between them."""
ARCH_FACTOR = 1.25
"""Own choice: the spongiosa of pedicles and processes is denser than that of the body."""

LUNG_LEVELS = (Level.T1, Level.T11)
SKIN_BEHIND_MM = 14.0
"""Own choice: subcutaneous fat of the back; muscles end behind the spinous tips."""


def trabecular_hu(level: Level, sex: Sex, age: float, l1_mg_cc: float | None = None) -> float:
    """Of the body's core, by age, sex and level; or by level alone from a given density of L1."""
    if l1_mg_cc is not None:
        return hu_of_density(l1_mg_cc * LEVEL_FACTOR[level])
    l1 = L1_HU_AT[0] + L1_HU_PER_YEAR * (age - L1_HU_AT[1])
    if sex == "female":
        l1 += FEMALE_HU_AT_65 * max(0.0, (age - 50) / 15)
    return max(LEAST_TRABECULAR_HU, l1) * LEVEL_FACTOR[level]


def hu_of_density(mg_cc: float) -> float:
    return HU_PER_MG_CC * mg_cc + HU_AT_ZERO


def density_of_hu(hu: float) -> float:
    return (hu - HU_AT_ZERO) / HU_PER_MG_CC


@dataclass(frozen=True, eq=False)
class Course:
    """Slice by slice: where the spine lies (LPS mm)."""

    x: NDArray
    y: NDArray
    behind: NDArray
    """From the bodies' middle to the tips of the spinous processes."""
    row: NDArray
    """Place along the row of vertebrae."""


def course_of(spine: Spine, z_mm: NDArray) -> Course:
    """The spine's course at heights z (LPS mm), smooth, straight on beyond its ends."""
    origins = np.array([v.frame.origin_mm for v in spine.vertebrae])[::-1]
    tips = np.array([v.shape.size.depth / 2 + v.shape.size.spinous for v in spine.vertebrae])[::-1]
    rows = np.arange(len(spine.vertebrae))[::-1].astype(float)
    tips = ndimage.gaussian_filter1d(tips, 1.5, mode="nearest")
    x, y, behind, row = (np.interp(z_mm, origins[:, 2], v) for v in (origins[:, 0], origins[:, 1], tips, rows))
    return Course(x, y, behind, row)


def background(spine: Spine, x: NDArray, y: NDArray, z: NDArray, scanner: ScannerSpec) -> NDArray[np.float32]:
    """Soft tissue in HU on a grid of LPS coordinates (x, y, z along the axes), shape (len(x), len(y), len(z))."""
    course = course_of(spine, z)
    out = np.empty((len(x), len(y), len(z)), dtype=np.float32)
    step = float(x[1] - x[0])
    levels = [v.level for v in spine.vertebrae]
    top, low = levels.index(LUNG_LEVELS[0]), levels.index(LUNG_LEVELS[1])
    diaphragm = next(n for n, v in enumerate(levels) if v.region is Region.LUMBAR)
    for k in range(len(z)):
        u = (x - course.x[k]).astype(np.float32)[:, None]
        v = (y - course.y[k]).astype(np.float32)[None, :]
        out[:, :, k] = _slice(
            u,
            v,
            step,
            behind=float(course.behind[k]),
            lungs=top <= course.row[k] <= low + 0.5,
            cervical=course.row[k] < top - 0.5,
            lumbar=course.row[k] > diaphragm - 0.5,
            blood=(BLOOD_HU + scanner.rise_hu("aorta"), BLOOD_HU + scanner.rise_hu("veins")),
            muscle=MUSCLE_HU + scanner.rise_hu("muscle"),
        )
    return out


def _slice(
    u: NDArray,
    v: NDArray,
    step: float,
    *,
    behind: float,
    lungs: bool,
    cervical: bool,
    lumbar: bool,
    blood: tuple[float, float],
    muscle: float,
) -> NDArray[np.float32]:
    """One axial slice; u to the left and v to the back of the bodies' middle."""
    hu = np.full(np.broadcast_shapes(u.shape, v.shape), SOFT_HU if not lumbar else FAT_HU, dtype=np.float32)

    def put(distance: NDArray, value: float) -> None:
        share = coverage(distance, step)
        hu[:] = hu * (1 - share) + np.float32(value) * share

    if lungs:
        for side in (-1, 1):
            put(_oval(u - side * 68, v - 8, 50, 46), LUNG_HU)
    if lumbar:
        for side in (-1, 1):
            put(_oval(u - side * 40, v - 4, 17, 24), muscle)
    tips = behind + 2.0
    for side in (-1, 1):
        put(_oval(u - side * 30, v - (tips - 20), 30 if not cervical else 26, 21), muscle)
    put(_oval(u, v - 28, 27, 24), muscle)
    put(np.maximum(np.abs(u) - 1.5, 25 - v), FAT_HU)
    put(tips - v, FAT_HU)
    put(tips + SKIN_BEHIND_MM - 2 - v, muscle)
    put(tips + SKIN_BEHIND_MM - v, AIR_HU)
    if not cervical:
        aorta = (14.0, -32.0, 11.5) if not lumbar else (8.0, -32.0, 9.5)
        put(np.hypot(u - aorta[0], v - aorta[1]) - aorta[2] - 2.0, FAT_HU)
        put(np.hypot(u - aorta[0], v - aorta[1]) - aorta[2], blood[0])
        if not lungs:
            put(_oval(u + 20, v + 32, 12, 9), blood[1])
    return hu


def _oval(u: NDArray, v: NDArray, a: float, b: float) -> NDArray:
    return (np.sqrt((u / a) ** 2 + (v / b) ** 2) - 1) * min(a, b)


def ribs_of(spine: Spine) -> dict[Level, tuple[Bar, ...]]:
    """Both ribs of each thoracic level in its own frame: head at the body's upper corner, neck, and out to the side."""
    found = {}
    for placed in spine.vertebrae:
        if placed.level.region is not Region.THORACIC:
            continue
        size, canal = placed.shape.size, placed.shape.canal
        edge = 0.5 * size.upper_width * 0.86
        head = (edge + 4.0, size.depth / 2 - 4.0, 0.32 * size.height)
        neck = (size.transverse / 2 - 4.0, canal.centre[1] + 0.2 * canal.half[1] + 2.0, 0.25 * size.height)
        out = (max(size.transverse / 2 + 22.0, 58.0), neck[1] + 12.0, -0.1 * size.height)
        far = (max(size.transverse / 2 + 55.0, 95.0), neck[1] - 8.0, -1.2 * size.height)
        left = (
            Bar(head, neck, (4.0, 3.2), (4.0, 3.0)),
            Bar(neck, out, (4.0, 3.0), (5.0, 3.0)),
            Bar(out, far, (5.0, 3.0), (5.5, 3.0)),
        )
        found[placed.level] = (*left, *(bar.mirrored() for bar in left))
    return found
