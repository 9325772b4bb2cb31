"""A trunk whose every tissue is known: HU from compositions at one energy, not from the code under test's tables.

The body is a stack of equal slices: an ellipse of muscle in a rim of fat, lungs beside the spine, a vertebra with a
shell of compact bone around K2HPO4 dissolved in water, an aorta at its left front; a table behind.
"""

from __future__ import annotations

import numpy as np
import xraydb
from scipy import ndimage

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.level_map import LevelMap
from spondyl.values.scan import CtScan

# ICRU-44 as printed in NIST's table 2, written as formulas by weight for the library's own material reader.
TISSUES = {
    "fat": ({"H": 11.4, "C": 59.8, "N": 0.7, "O": 27.8, "Na": 0.1, "S": 0.1, "Cl": 0.1}, 0.95),
    "muscle": ({"H": 10.2, "C": 14.3, "N": 3.4, "O": 71.0, "Na": 0.1, "P": 0.2, "S": 0.3, "Cl": 0.1, "K": 0.4}, 1.05),
    "blood": (
        {"H": 10.2, "C": 11.0, "N": 3.3, "O": 74.5, "Na": 0.1, "P": 0.1, "S": 0.2, "Cl": 0.3, "K": 0.2, "Fe": 0.1},
        1.06,
    ),
    "bone": ({"H": 3.4, "C": 15.5, "N": 4.2, "O": 43.5, "Na": 0.1, "Mg": 0.2, "P": 10.3, "S": 0.3, "Ca": 22.5}, 1.92),
    "air": ({"C": 0.0124, "N": 75.5268, "O": 23.1781, "Ar": 1.2827}, 0.001205),
}


def hu_of_tissue(name: str, kev: float) -> float:
    parts, density = TISSUES[name]
    whole = sum(parts.values())
    mu = sum(share / whole * density * xraydb.mu_elam(element, 1000 * kev) for element, share in parts.items())
    return 1000 * (mu / xraydb.material_mu("H2O", 1000 * kev, density=1.0) - 1) if mu else -1000.0


def hu_of_solution(mg_cc: float, kev: float) -> float:
    """K2HPO4 in water, 0.2174 mg of water displaced by each mg."""
    salt = mg_cc / 1000 * xraydb.material_mu("K2HPO4", 1000 * kev, density=1.0)
    water = xraydb.material_mu("H2O", 1000 * kev, density=1.0)
    return 1000 * ((salt + (0.9996 - 0.2174 * mg_cc / 1000) * water) / water - 1)


def trunk(
    kev: float,
    mg_cc: float = 120.0,
    *,
    kvp: float | None = None,
    blood_hu: float | None = None,
    gain: float = 1.0,
    offset: float = 0.0,
    noise_hu: float = 12.0,
    spacing: tuple[float, float, float] = (1.5, 1.5, 4.0),
    half_mm: tuple[float, float] = (170.0, 120.0),
    screw: bool = False,
    seed: int = 3,
) -> tuple[CtScan, LevelMap]:
    """`half_mm`: half the field of view to the side and to front and back; 120 mm deep holds the body whole."""
    hu = {name: hu_of_tissue(name, kev) for name in TISSUES}
    shape = (int(2 * half_mm[0] / spacing[0]), int(2 * half_mm[1] / spacing[1]), 16)
    x = (np.arange(shape[0])[:, None] - shape[0] / 2) * spacing[0]
    y = (np.arange(shape[1])[None, :] - shape[1] / 2) * spacing[1]  # spine at the middle, patient's back at +y
    plane = np.full(shape[:2], hu["air"])
    skin = (x / 155) ** 2 + ((y + 20) / 95) ** 2 < 1
    plane[skin] = hu["fat"]
    plane[(x / 135) ** 2 + ((y + 20) / 75) ** 2 < 1] = hu["muscle"]
    plane[((np.abs(x) - 75) / 42) ** 2 + ((y + 25) / 55) ** 2 < 1] = -850.0  # lungs
    plane[((x - 22) / 24) ** 2 + ((y + 38) / 24) ** 2 < 1] = hu["fat"]
    plane[np.hypot(x - 22, y + 38) < 12] = hu["blood"] if blood_hu is None else blood_hu
    body = (x / 21) ** 2 + (y / 16) ** 2 < 1
    core = (x / 17) ** 2 + (y / 12) ** 2 < 1
    plane[body], plane[core] = hu["bone"], hu_of_solution(mg_cc, kev)
    plane[(np.abs(y - 110) < 3) & (np.abs(x) < 140)] = -100.0
    if screw:
        plane[np.hypot(x + 24, y - 22) < 3] = 8000.0
    array = np.repeat(ndimage.gaussian_filter(plane, 0.6 / spacing[0])[:, :, None], shape[2], axis=2)
    array = gain * array + offset
    array += np.random.default_rng(seed).normal(0, noise_hu, shape)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -half_mm[0], -half_mm[1], -300.0
    labels = np.zeros(shape, dtype=np.uint8)
    labels[body, :] = Level.T10
    ct = Volume(array.astype(np.float32), affine, "HU")
    levels = LevelMap(Volume(labels, affine, "label"), "made")
    return CtScan(ct, kvp, None, None, spacing[2], "made", ""), levels
