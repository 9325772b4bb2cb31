"""What is true of a phantom, from its shapes: closed forms, and quadrature far finer than any voxel.

The grid of the scan enters only to tell which levels it holds and which it cuts.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.core.progress import Progress
from spondyl.core.volume import Volume
from spondyl.phantoms.scene import Scene
from spondyl.phantoms.spine import Placed
from spondyl.phantoms.truth_of_canal import canal_truth
from spondyl.phantoms.truth_of_lesion import lesion_truth, part_volumes
from spondyl.phantoms.truth_of_sins import sins_truth

VERSION = 1
SEEN_STEP_MM = 2.0
"""Own choice: quadrature of how much of a vertebra lies inside the scan."""
WHOLE_SHARE = 0.999
FRACTURE_GRADES = ((0.40, 3), (0.25, 2), (0.20, 1))
"""Height loss from which a fracture is of that grade (genant1993)."""


def truth_of(scene: Scene, grid: Volume, held: Collection[Level], progress: Progress) -> dict[str, Any]:
    """A dictionary of plain numbers, lists and strings, ready for JSON; None is 'does not apply', said in the docs.

    `held` are the levels of which the scan holds at least a voxel.
    """
    levels = {}
    seen = [(placed, *_seen(scene, placed, grid)) for placed in scene.spine.vertebrae if placed.level in held]
    for n, (placed, share, body_share) in enumerate(seen):
        progress("truth", n, len(seen))
        levels[placed.level.name] = _level_truth(scene, placed, share, body_share)
    progress("truth", len(seen), len(seen))
    spec = scene.spec
    return {
        "version": VERSION,
        "name": spec.name,
        "seed": spec.seed,
        "spec": spec.model_dump(mode="json"),
        "person": spec.person.model_dump(mode="json"),
        "scanner": spec.scanner.model_dump(mode="json"),
        "spacing_mm": [float(step) for step in grid.spacing_mm],
        "levels": levels,
    }


def _level_truth(scene: Scene, placed: Placed, share: float, body_share: float) -> dict[str, Any]:
    tumours = scene.of(placed.level)
    parts = part_volumes(scene, placed) if tumours else None
    lesions = [lesion_truth(scene, tumour, parts) for tumour in tumours] if parts is not None else []
    found = {
        "label": int(placed.level),
        "cut": share < WHOLE_SHARE,
        "share_seen": share,
        "body_cut": body_share < WHOLE_SHARE,
        "frame": {"origin_lps_mm": placed.frame.origin_mm.tolist(), "axes": placed.frame.axes.tolist()},
        "body": _body_truth(placed),
        "fracture": _fracture_truth(placed),
        "alignment": alignment_truth(scene, placed),
        "canal": canal_truth(scene, placed),
        "trabecular": {
            "mg_cc_k2hpo4": scene.trabecular_mg_cc(placed.level),
            "hu_as_scanned": scene.trabecular_hu(placed.level),
        },
        "lesions": lesions,
        "mimics": [
            {
                "kind": mimic.kind,
                "size_mm": mimic.size_mm,
                "centre_lps_mm": placed.frame.to_lps(mimic.centre_mm).tolist(),
            }
            for mimic in scene.mimics
            if mimic.placed.level is placed.level
        ],
    }
    found["sins"] = sins_truth(scene, placed, found) if lesions else None
    return found


def _seen(scene: Scene, placed: Placed, grid: Volume) -> tuple[float, float]:
    """Share of the bone, and of the body, that lies inside the scan."""
    low, high = placed.shape.box
    corners = np.array(np.meshgrid(*zip(low, high, strict=True), indexing="ij")).reshape(3, -1).T
    index = grid.to_index(placed.frame.to_lps(corners))
    last = np.array(grid.shape) - 0.5
    if (index.max(axis=0) < -0.5).any() or (index.min(axis=0) > last).any():
        return 0.0, 0.0
    if index.min() > -0.5 and (index.max(axis=0) < last).all():
        return 1.0, 1.0
    axes = [np.arange(a, b, SEEN_STEP_MM) for a, b in zip(low, high, strict=True)]
    local = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    distance, part = scene.evaluate(placed.level, *local.T)
    bone = distance < 0
    index = grid.to_index(placed.frame.to_lps(local[bone]))
    held = np.all((index > -0.5) & (index < last), axis=1)
    body = part[bone] == 1
    return float(held.mean()), float(held[body].mean()) if body.any() else 1.0


def _body_truth(placed: Placed) -> dict[str, Any] | None:
    body = placed.shape.body
    if body is None:
        return None
    names = ("anterior", "middle", "posterior")
    half_width, half_depth, _ = (float(np.asarray(size).ravel()[0]) for size in body.outline(np.zeros(1)))
    return {
        "heights_mm": dict(zip(names, map(float, body.heights()), strict=True)),
        "intact_heights_mm": dict(zip(names, map(float, body.intact_heights()), strict=True)),
        "height_loss": float(body.height_loss()),
        "width_mm": 2 * half_width,
        "depth_mm": 2 * half_depth,
    }


def _fracture_truth(placed: Placed) -> dict[str, Any] | None:
    fracture = placed.shape.fracture
    if fracture.loss == 0.0:
        return None
    grade = next((grade for loss, grade in FRACTURE_GRADES if fracture.loss >= loss), 0)
    return {
        "shape": fracture.shape,
        "loss": fracture.loss,
        "grade": grade,
        "retropulsion_mm": fracture.retropulsion_mm,
    }


def alignment_truth(scene: Scene, placed: Placed) -> dict[str, Any]:
    """The joint with the level above: angles between the bodies' axes, and the slip that the spec gave it."""
    above = scene.spine.above(placed.level)
    if above is None:
        return {"sagittal_angle_to_above_deg": None, "coronal_angle_to_above_deg": None, "translation_mm": None}
    x, y, z = placed.body_axis() @ placed.frame.axes
    up = above.body_axis() @ placed.frame.axes
    joint = next((entry for entry in scene.spec.joints if entry.level is placed.level), None)
    return {
        "sagittal_angle_to_above_deg": float(np.degrees(np.arctan2(y, z) - np.arctan2(up[1], up[2]))),
        "coronal_angle_to_above_deg": float(np.degrees(np.arctan2(up[0], up[2]) - np.arctan2(x, z))),
        "translation_mm": {
            "ap": joint.translation_ap_mm if joint else 0.0,
            "lr": joint.translation_lr_mm if joint else 0.0,
        },
    }
