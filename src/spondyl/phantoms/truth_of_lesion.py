"""What a lesion measures and what it has destroyed, by quadrature of its shape in the vertebra's frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist

from spondyl.anatomy.levels import Region
from spondyl.anatomy.subregions import SubRegion
from spondyl.phantoms.scene import Scene
from spondyl.phantoms.spine import Placed
from spondyl.phantoms.tumour import JOINT_PLACE, Tumour

STEPS = 48
"""Own choice: points across a lesion's box; a ball's volume then errs by under 0.3 %."""
COARSEST_MM, FINEST_MM = 0.5, 0.2
PART_STEP_MM = 0.8
WALL_MM = 1.0
"""Own choice: a lesion this near to the back wall of the body has reached it."""
TOUCHED_SHARE = 0.05
"""Own choice: of a pedicle, facet or other part so much must be replaced for it to count as destroyed."""
JOINT_PATCH_MM = 4.0
"""Own choice: radius of the patch of the body's side that bears a rib's head."""
JOINT_SHARE = 0.3
"""Own choice: of that patch so much must be eaten for the joint to count as destroyed."""

Volumes = dict[SubRegion, float]


def part_volumes(scene: Scene, placed: Placed) -> Volumes:
    """Volume of each sub-region in mm3."""
    low, high = placed.shape.box
    local = _lattice(low, high, PART_STEP_MM).astype(np.float32)
    distance, part = scene.evaluate(placed.level, *local.T)
    share = np.clip(0.5 - distance / PART_STEP_MM, 0, 1) * PART_STEP_MM**3
    return {name: float(share[part == name].sum()) for name in SubRegion}


def lesion_truth(scene: Scene, tumour: Tumour, volumes: Volumes) -> dict[str, Any]:
    placed = tumour.placed
    low, high = tumour.box
    step = float(np.clip((high - low).max() / STEPS, FINEST_MM, COARSEST_MM))
    local = _lattice(low, high, step)
    shape_mm = tumour.shape_mm(local)
    reached = np.maximum(*shape_mm) > -2 * step
    local, ball, tongue = local[reached], shape_mm[0][reached], shape_mm[1][reached]
    distance, part = scene.evaluate(placed.level, *local.T)
    depth = tumour.limited_mm(ball, tongue, distance)
    weight = np.clip(0.5 + depth / step, 0, 1)
    held_by = weight > 0
    local, distance, part = local[held_by], distance[held_by], part[held_by]
    depth, weight = depth[held_by], weight[held_by]
    in_bone = distance < 0
    x, y, z = local.T
    reach = placed.shape.size.height / 2 + placed.shape.size.disc
    in_canal = ~in_bone & (placed.shape.canal(x, y) < 0) & (np.abs(z) < reach)
    cell = step**3
    held = {name: float(weight[in_bone & (part == name)].sum() * cell) for name in SubRegion}
    shares = {name: held[name] / volumes[name] for name in SubRegion if volumes[name] > 0}
    rim = local[depth > 0]
    total = float(weight.sum())
    whole = not tumour.breach and _uncut(tumour, local, distance)
    return {
        "number": tumour.number,
        "type": tumour.spec.kind,
        "place": str(tumour.spec.place),
        "volume_mm3": tumour.shape.volume_mm3 if whole else total * cell,
        "volume_by": "integral" if whole else f"quadrature at {step:.2f} mm",
        "bone_volume_mm3": float(weight[in_bone].sum() * cell),
        "canal_volume_mm3": float(weight[in_canal].sum() * cell),
        "outside_volume_mm3": float(weight[~in_bone & ~in_canal].sum() * cell),
        "longest_diameter_mm": float(pdist(rim[ConvexHull(rim).vertices]).max()),
        "centroid_lps_mm": placed.frame.to_lps(weight @ local / total).tolist(),
        "body_share": shares.get(SubRegion.BODY, 0.0),
        "parts": {name.name: share for name, share in shares.items() if share > 0.001},
        "parts_destroyed": [name.name for name, share in shares.items() if share >= TOUCHED_SHARE],
        "cortex_breached": bool((distance[depth > 0] > -0.2).any()),
        "posterior_wall": _at_wall(placed, local[depth > 0], part[depth > 0]),
        "pedicles": _sides(shares, "PEDICLE"),
        "facets": _sides(shares, "FACET"),
        "costovertebral": {side: _joint_eaten(scene, tumour, sign) for side, sign in (("left", 1.0), ("right", -1.0))},
    }


def _lattice(low: NDArray, high: NDArray, step: float) -> NDArray[np.float64]:
    axes = [np.arange(a, b + step, step) for a, b in zip(low, high, strict=True)]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _uncut(tumour: Tumour, local: NDArray, distance: NDArray) -> bool:
    """Nothing of the shape is cut off by the bone's surface, so that its own integrals hold."""
    from spondyl.phantoms.tumour import SPARED_MM

    ball = tumour.shape.depth_mm(local, tongues=False)
    return not tumour.shape.outgrowths and bool((distance[ball > 0] < -SPARED_MM).all())


def _at_wall(placed: Placed, local: NDArray, part: NDArray) -> bool:
    body = placed.shape.body
    if body is None or not len(local):
        return False
    x, y, z = local[part == SubRegion.BODY].T
    near = body.wall_y(z) - y < WALL_MM
    return bool((near & (np.abs(x) < placed.shape.canal.half[0])).any())


def _sides(shares: dict[SubRegion, float], part: str) -> dict[str, bool]:
    return {side: shares.get(SubRegion[f"{part}_{side.upper()}"], 0.0) >= TOUCHED_SHARE for side in ("left", "right")}


def _joint_eaten(scene: Scene, tumour: Tumour, side: float) -> bool | None:
    """Whether the patch of the body that bears the rib's head is eaten; None where there is no rib."""
    placed = tumour.placed
    body = placed.shape.body
    if placed.level.region is not Region.THORACIC or body is None:
        return None
    size = placed.shape.size
    y, z = size.depth / 2 - JOINT_PLACE[0], JOINT_PLACE[1] * size.height
    outward = np.linspace(0.2 * size.width, 0.7 * size.width, 400)
    inside = body(outward, np.full(400, y), np.full(400, z)) < 0
    centre = np.array([side * outward[inside][-1], y, z]) if inside.any() else np.array([side * size.width / 2, y, z])
    local = _lattice(centre - JOINT_PATCH_MM, centre + JOINT_PATCH_MM, 0.4)
    local = local[np.linalg.norm(local - centre, axis=1) < JOINT_PATCH_MM]
    skin = np.abs(body(*local.T) + 0.75) < 0.75
    local = local[skin]
    distance, _ = scene.evaluate(placed.level, *local.T)
    return bool((tumour.depth_mm(local, distance) > 0).mean() >= JOINT_SHARE)
