"""Canal, sac and cord at one level: closed forms where nothing presses, quadrature in planes where something does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from spondyl.phantoms.scene import Scene
from spondyl.phantoms.shapes import FAR_MM
from spondyl.phantoms.spine import Placed

STEP_MM = 0.25
"""Own choice: of the lattice in a plane; an ellipse of 8 mm then errs by under 0.1 %, as a test shows."""
PLANE_MM = 0.5
# Questions, their order and their limits are those of the grades' own rules (canal/escc.toml), where each is explained;
# written out again here so that the truth hangs on nothing that it judges. A test holds the two together.
LEAST_EPIDURAL_MM2 = 3.0
"""Below it there is no epidural tumour: of a cross-section within the bony canal."""
SAC_DEFORMED = 0.05
"""Share of the sac's area lost from which it is deformed."""
ABUTMENT_MM = 1.0
"""A tumour this near to the cord abuts on it."""
CORD_AREA_LEFT = 0.90
"""A cord with less of its area is compressed."""
CORD_SHAPE = 0.85
"""A cord whose depth over width, or its inverse, falls below this share is compressed."""
CORD_MOVED_MM = 1.0
"""A cord moved by more is compressed."""
CSF_VISIBLE = 0.10
"""Share of the cord's outline with fluid before it from which CSF is visible."""
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
        **compression_truth(scene, placed),
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


def compression_truth(scene: Scene, placed: Placed) -> dict[str, Any]:
    """The worst station of the sac and cord at this level."""
    contents = scene.contents
    here, middle = _beside(scene, placed)
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
        "cord_shape_share": worst["shape"] if worst and has_cord else None,
        "cord_moved_mm": worst["moved"] if worst and has_cord else None,
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


def _beside(scene: Scene, placed: Placed) -> tuple[NDArray[np.intp], int]:
    """Stations of a level: beside its body and half of the discs above and below; and the one at its middle."""
    spine, contents = scene.spine.vertebrae, scene.contents
    number = [v.level for v in spine].index(placed.level)
    near = np.flatnonzero(np.abs(contents.position - number) < 1)
    held = np.ones(near.size, bool)
    for other, up in ((number - 1, 1), (number + 1, -1)):
        if 0 <= other < len(spine):
            lps = contents.centre[near]
            held &= _past_end(placed, lps, up) < _past_end(spine[other], lps, -up)
    return near[held], int(near[np.argmin(np.abs(contents.position[near] - number))])


def _past_end(placed: Placed, lps_mm: NDArray, up: int) -> NDArray:
    """How far points lie above a body's upper end, or below its lower one, at the canal."""
    z = placed.frame.to_local(lps_mm)[:, 2]
    body, half = placed.shape.body, placed.shape.size.height / 2
    top, bottom = (half, -half) if body is None else body.endplates_at(0.0, placed.shape.size.depth / 2)
    return np.asarray(z - top if up > 0 else bottom - z)


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

    def outline(self, distance: NDArray) -> NDArray:
        """Points of a shape's outline, far closer to it than the lattice's step."""
        padded = np.pad(distance.reshape(self.shape), 1, constant_values=1e3)
        lines = [(line - 1) * STEP_MM + self.first for line in find_contours(padded, 0.0)]
        return np.concatenate([np.empty((0, 2)), *lines])

    def at(self, mask: NDArray[np.bool_], uv: NDArray) -> NDArray[np.bool_]:
        """Of the nearest point; False beyond the lattice."""
        index = np.rint((uv - self.first) / STEP_MM).astype(int)
        inside = np.all((index >= 0) & (index < self.shape), axis=-1)
        i, j = np.moveaxis(np.clip(index, 0, np.array(self.shape) - 1), -1, 0)
        return np.asarray(mask.reshape(self.shape)[i, j] & inside)


def _station(scene: Scene, n: int) -> dict[str, Any]:
    """Areas and grade in the plane of one station."""
    contents = scene.contents
    lattice = _Lattice(contents.sac_half[n] + 3.0)
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

    epidural = area(_epidural_mm(scene, lps))
    sac_loss = 1 - area(sac) / area(whole)
    found: dict[str, Any] = {"epidural_area": epidural, "sac_area": area(sac), "sac_loss": sac_loss}
    found |= dict.fromkeys(("cord_area", "distance", "csf", "shape", "moved"))
    inside = cord < 0
    if contents.cord_half[n].min() >= LEAST_CORD_HALF_MM and inside.any():
        found["cord_area"] = area(cord)
        found["distance"] = _apart(lattice, tumour, cord)
        found["csf"] = _csf(lattice, inside, sac)
        share = np.clip(0.5 - cord / STEP_MM, 0, 1)
        middle = share @ flat / share.sum()
        spread = np.sqrt(share @ (flat - middle) ** 2 / share.sum())
        found["moved"] = float(np.linalg.norm(middle))
        found["shape"] = float(spread[1] / spread[0] / (contents.cord_half[n][1] / contents.cord_half[n][0]))
    found["grade"] = _grade(found, float(np.pi * contents.cord_half[n].prod()))
    found["rank"] = ("0", "1a", "1b", "1c", "2", "3").index(found["grade"])
    return found


def _epidural_mm(scene: Scene, lps_mm: NDArray) -> NDArray:
    """Distance to tumour within the bony canal of the vertebra that it grows from, as far as the next bodies."""
    out = np.full(len(lps_mm), FAR_MM)
    for tumour in scene.tumours:
        if tumour.spec.canal_growth_mm > 0:
            placed = tumour.placed
            local = placed.frame.to_local(lps_mm)
            reach = placed.shape.size.height / 2 + placed.shape.size.disc
            bounds = np.maximum(placed.shape.canal(local[:, 0], local[:, 1]), np.abs(local[:, 2]) - reach)
            out = np.minimum(out, np.maximum(-tumour.shape.in_tongue_mm(local), bounds))
    return out


def _apart(lattice: _Lattice, tumour: NDArray, cord: NDArray) -> float | None:
    """Least distance in the plane between the outlines of tumour and cord, which never overlap; None without tumour."""
    mass = lattice.outline(tumour)
    return float(cKDTree(mass).query(lattice.outline(cord))[0].min()) if len(mass) else None


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


def _grade(found: dict[str, Any], intact_cord_mm2: float) -> str:
    if found["epidural_area"] < LEAST_EPIDURAL_MM2:
        return "0"
    abutted = found["distance"] is not None and found["distance"] <= ABUTMENT_MM
    compressed = abutted and (
        found["cord_area"] < CORD_AREA_LEFT * intact_cord_mm2
        or min(found["shape"], 1 / found["shape"]) < CORD_SHAPE
        or found["moved"] > CORD_MOVED_MM
    )
    if compressed:
        return "2" if found["csf"] >= CSF_VISIBLE else "3"
    if found["sac_loss"] < SAC_DEFORMED:
        return "1a"
    return "1c" if abutted else "1b"
