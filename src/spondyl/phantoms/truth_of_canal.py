"""Canal, sac and cord at one level: closed forms where nothing presses, quadrature in planes where something does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from spondyl.phantoms.scene import Scene
from spondyl.phantoms.spine import Placed

STEP_MM = 0.25
"""Own choice: of the lattice in a plane; an ellipse of 8 mm then errs by under 0.1 %, as a test shows."""
PLANE_MM = 0.5
LEAST_EPIDURAL_MM2 = 3.0
"""Below it there is no epidural tumour (own choice; bilsky2010 gives no numbers)."""
SAC_DEFORMED = 0.05
"""Own choice: share of the sac's area lost from which it is deformed."""
ABUTMENT_MM = 1.0
"""A tumour this near to the cord abuts on it (own choice: one voxel of a fine scan)."""
CORD_AREA_LEFT = 0.90
"""A cord with less of its area is compressed (own choice)."""
CORD_MOVED_MM = 1.0
"""A cord moved by more is compressed (own choice; bilsky2010 gives no numbers)."""
CORD_SHAPE = 0.85
"""Own choice, about two SD in healthy adults (pam50_metrics): a cord whose depth over width falls below this share."""
CSF_VISIBLE = 0.10
"""Share of the cord's outline with fluid before it from which CSF is visible (own choice)."""
CSF_MM = 0.6
LEAST_CORD_HALF_MM = 1.5
"""Own choice: below it the cord has ended, and ESCC is not defined."""
RAYS = 72


def canal_truth(scene: Scene, placed: Placed) -> dict[str, Any]:
    shape = placed.shape
    area = shape.canal.area_mm2
    low, high, _ = shape.arch.ring
    free, tumour, bone, where = _narrowest(scene, placed)
    return {
        "area_mm2": area,
        "ap_diameter_mm": 2 * shape.canal.half[1],
        "transverse_diameter_mm": 2 * shape.canal.half[0],
        "ring_z_mm": [low, high],
        "free_area_mm2": free,
        "encroached_share": 1 - free / area,
        "tumour_share": tumour / area,
        "retropulsed_share": bone / area,
        "narrowest_z_mm": where,
        **_compression(scene, placed),
    }


def _narrowest(scene: Scene, placed: Placed) -> tuple[float, float, float, float]:
    """Free area at the worst plane across the canal beside the body, what tumour and bone hold there, and its z."""
    canal, half = placed.shape.canal, placed.shape.size.height / 2
    body = placed.shape.body
    retropulsed = body is not None and body.fracture.retropulsion_mm > 0
    growing = any(tumour.spec.canal_growth_mm > 0 for tumour in scene.tumours)
    if not (retropulsed or growing):
        return canal.area_mm2, 0.0, 0.0, 0.0
    u, v = (np.arange(-h, h + STEP_MM, STEP_MM) for h in canal.half)
    uv = np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2) + canal.centre
    share = np.clip(0.5 - canal(uv[:, 0], uv[:, 1]) / STEP_MM, 0, 1)
    uv, share = uv[share > 0], share[share > 0]
    cell = STEP_MM**2
    worst = (canal.area_mm2, 0.0, 0.0, 0.0)
    for z in np.arange(-half, half + PLANE_MM, PLANE_MM):
        local = np.column_stack([uv, np.full(len(uv), z)])
        lps = placed.frame.to_lps(local)
        tumour = np.clip(0.5 - scene.tumour_in_canal_mm(lps) / STEP_MM, 0, 1)
        bone = np.zeros(len(uv))
        if retropulsed and body is not None:
            fragment = body.fragment(*local.T)
            assert fragment is not None
            bone = np.clip(0.5 - fragment / STEP_MM, 0, 1)
        tumour = np.maximum(tumour - bone, 0)
        held = float(share @ tumour) * cell, float(share @ bone) * cell
        if canal.area_mm2 - sum(held) < worst[0]:
            worst = (canal.area_mm2 - sum(held), *held, float(z))
    return worst


def _compression(scene: Scene, placed: Placed) -> dict[str, Any]:
    """The worst station of the sac and cord at this level."""
    contents = scene.contents
    number = [v.level for v in scene.spine.vertebrae].index(placed.level)
    here = np.flatnonzero(np.abs(contents.position - number) <= 0.5)
    middle = here[np.argmin(np.abs(contents.position[here] - number))]
    stations = [_station(scene, int(n)) for n in here if _pressed(scene, int(n))]
    worst = max(stations, key=lambda s: (s["rank"], s["sac_loss"]), default=None)
    sac, cord = (float(np.pi * half[middle].prod()) for half in (contents.sac_half, contents.cord_half))
    has_cord = bool(contents.cord_half[middle].min() >= LEAST_CORD_HALF_MM)
    found = {
        "intact_sac_area_mm2": sac,
        "intact_cord_area_mm2": cord if has_cord else None,
        "sac_area_mm2": worst["sac_area"] if worst else sac,
        "cord_area_mm2": (worst["cord_area"] if worst else cord) if has_cord else None,
        "epidural_area_mm2": worst["epidural_area"] if worst else 0.0,
        "sac_loss": worst["sac_loss"] if worst else 0.0,
        "cord_distance_mm": worst["distance"] if worst and has_cord else None,
        "csf_share": worst["csf"] if worst and has_cord else None,
        "escc": None,
        "escc_reason": "",
    }
    if not scene.of(placed.level) and not (worst and worst["epidural_area"] >= LEAST_EPIDURAL_MM2):
        found["escc_reason"] = "no tumour at this level"
    elif not has_cord:
        found["escc_reason"] = "below the conus: sac compression, not ESCC"
    else:
        found["escc"] = worst["grade"] if worst else "0"
        found["escc_reason"] = "from the shapes, by the thresholds of the truth"
    return found


def _pressed(scene: Scene, n: int) -> bool:
    contents = scene.contents
    return bool(scene.mass_mm(contents.centre[n : n + 1])[0] < 2 * contents.sac_half[n].max())


class _Lattice:
    """Points of a plane, and what a mask over them says at other points."""

    def __init__(self, half: NDArray) -> None:
        u, v = (np.arange(-h, h + STEP_MM, STEP_MM) for h in half)
        self.first = np.array([u[0], v[0]])
        self.shape = (len(u), len(v))
        self.points = np.stack(np.meshgrid(u, v, indexing="ij"), -1).reshape(-1, 2)

    def at(self, mask: NDArray[np.bool_], uv: NDArray) -> NDArray[np.bool_]:
        """Of the nearest point; False beyond the lattice."""
        index = np.rint((uv - self.first) / STEP_MM).astype(int)
        inside = np.all((index >= 0) & (index < self.shape), axis=-1)
        i, j = np.moveaxis(np.clip(index, 0, np.array(self.shape) - 1), -1, 0)
        return np.asarray(mask.reshape(self.shape)[i, j] & inside)


def _station(scene: Scene, n: int) -> dict[str, Any]:
    """Areas and grade in the plane of one station."""
    contents = scene.contents
    half = contents.sac_half[n] + 3.0
    lattice = _Lattice(half)
    flat = lattice.points
    lps = contents.centre[n] + flat[:, :1] * contents.side[n] + flat[:, 1:] * contents.back[n]
    station = np.full(len(flat), n)
    tumour = scene.tumour_in_canal_mm(lps)
    mass = scene.mass_mm(lps)
    whole = contents.sac(station, flat)
    sac = np.maximum(whole, -mass)
    cord = np.maximum(contents.cord(station, flat), sac)
    cell = STEP_MM**2

    def area(distance: NDArray) -> float:
        return float(np.clip(0.5 - distance / STEP_MM, 0, 1).sum()) * cell

    # The canal is the sac widened to the bone: tumour beyond it lies in bone or soft tissue.
    epidural = area(np.maximum(tumour, whole - 2.0))
    sac_loss = 1 - area(sac) / area(whole)
    found: dict[str, Any] = {"epidural_area": epidural, "sac_area": area(sac), "sac_loss": sac_loss}
    found |= {"cord_area": None, "distance": None, "csf": None}
    inside = cord < 0
    if contents.cord_half[n].min() >= LEAST_CORD_HALF_MM and inside.any():
        found["cord_area"] = area(cord)
        found["distance"] = _apart(flat, tumour, inside)
        found["csf"] = _csf(lattice, inside, sac)
    found["grade"] = _grade(contents, n, found, flat[inside])
    found["rank"] = ("0", "1a", "1b", "1c", "2", "3").index(found["grade"])
    return found


def _apart(flat: NDArray, tumour: NDArray, cord: NDArray) -> float:
    """Least distance in the plane between tumour and cord."""
    if not (tumour < 0).any():
        return float(tumour[cord].min())
    away, _ = cKDTree(flat[tumour < 0]).query(flat[cord])
    return max(0.0, float(away.min()) - STEP_MM)


def _csf(lattice: _Lattice, cord: NDArray, sac: NDArray) -> float:
    """Share of directions from the cord's middle in which fluid lies before its surface."""
    middle = lattice.points[cord].mean(axis=0)
    angle = 2 * np.pi * np.arange(RAYS) / RAYS
    ways = np.column_stack([np.cos(angle), np.sin(angle)])
    reach = np.arange(0.0, 20.0, STEP_MM / 2)
    held = lattice.at(cord, middle + reach[None, :, None] * ways[:, None, :])
    edge = reach[held.shape[1] - 1 - np.argmax(held[:, ::-1], axis=1)]
    before = middle + (edge + CSF_MM)[:, None] * ways
    return float((lattice.at(sac < 0, before) & ~lattice.at(cord, before)).mean())


def _grade(contents: Any, n: int, found: dict[str, Any], cord: NDArray) -> str:
    if found["epidural_area"] < LEAST_EPIDURAL_MM2:
        return "0"
    if found["sac_loss"] < SAC_DEFORMED:
        return "1a"
    if found["cord_area"] is None or found["distance"] > ABUTMENT_MM:
        return "1b"
    half = contents.cord_half[n]
    ratio = (np.ptp(cord[:, 1]) / np.ptp(cord[:, 0])) / (half[1] / half[0])
    moved = float(np.linalg.norm(cord.mean(axis=0)))
    compressed = (
        found["cord_area"] < CORD_AREA_LEFT * np.pi * half.prod() or ratio < CORD_SHAPE or moved > CORD_MOVED_MM
    )
    if not compressed:
        return "1c"
    return "2" if found["csf"] >= CSF_VISIBLE else "3"
