"""The image items of SINS at one level, from the spec and the lesions' truth."""

from __future__ import annotations

from typing import Any

from spondyl.anatomy.levels import Level, neighbours
from spondyl.phantoms.scene import Scene
from spondyl.phantoms.spine import Placed, wedge_deg

JUNCTIONAL = ("C1", "C2", "C7", "T1", "T2", "T11", "T12", "T13", "L1", "L5", "L6", "S1")
SEMIRIGID = tuple(f"T{n}" for n in range(3, 11))
POINTS: dict[str, dict[str, int]] = {
    "location": {"junctional": 3, "mobile": 2, "semirigid": 1},
    "lesion": {"lytic": 2, "mixed": 1, "blastic": 0},
    "alignment": {"subluxation_translation": 4, "de_novo_deformity": 2, "normal": 0},
    "collapse": {"over_50": 3, "under_50": 2, "none_over_half_involved": 1, "none": 0},
    "posterolateral": {"bilateral": 3, "unilateral": 1, "none": 0},
}
"""fisher2010; T13 and L6, which it does not know, go with their neighbours."""
PAIN_POINTS = 3
TRANSLATED_MM = 3.0
"""Own choice: a joint slipped by this much is a translation."""
DEFORMED_DEG = 10.0
"""Own choice: a joint bent by this much beyond the spine's own curve, or a body wedged by this much that no disc takes
back, is a deformity; a scoliosis that the spec gives the whole spine is its own curve and none."""


def sins_truth(scene: Scene, placed: Placed, level: dict[str, Any]) -> dict[str, Any]:
    """Answers by item, and the total's range over all answers to pain."""
    lesions = level["lesions"]
    items = {
        "location": _location(placed.level),
        "lesion": _lesion({lesion["type"] for lesion in lesions}),
        "alignment": _alignment(scene, placed),
        "collapse": _collapse(level),
        "posterolateral": _posterolateral(lesions),
    }
    total = sum(POINTS[name][answer] for name, answer in items.items())
    return {"items": items, "total_without_pain": total, "total_min": total, "total_max": total + PAIN_POINTS}


def _location(level: Level) -> str:
    if level.name in JUNCTIONAL:
        return "junctional"
    return "semirigid" if level.name in SEMIRIGID else "mobile"


def _lesion(kinds: set[str]) -> str:
    """Lytic beside blastic lesions are mixed as a whole; lytic beside mixed ones score as lytic."""
    if "lytic" in kinds:
        return "mixed" if kinds == {"lytic", "blastic"} else "lytic"
    return "mixed" if "mixed" in kinds else "blastic"


def _alignment(scene: Scene, placed: Placed) -> str:
    row = [v.level for v in scene.spine.vertebrae]
    _, below = neighbours(placed.level, row)
    joints = [joint for joint in scene.spec.joints if joint.level in (placed.level, below)]
    if any(max(abs(j.translation_ap_mm), abs(j.translation_lr_mm)) >= TRANSLATED_MM for j in joints):
        return "subluxation_translation"
    bent = sum(joint.kyphosis_deg for joint in joints)
    if not scene.spec.compensated:
        bent += max(0.0, wedge_deg(placed.shape))
    return "de_novo_deformity" if bent >= DEFORMED_DEG else "normal"


def _collapse(level: dict[str, Any]) -> str:
    loss = level["body"]["height_loss"] if level["body"] else 0.0
    if loss > 0.0:
        return "over_50" if loss >= 0.5 else "under_50"
    involved = sum(lesion["body_share"] for lesion in level["lesions"])
    return "none_over_half_involved" if involved > 0.5 else "none"


def _posterolateral(lesions: list[dict[str, Any]]) -> str:
    sides = {
        side: any(lesion[what][side] for lesion in lesions for what in ("pedicles", "facets", "costovertebral"))
        for side in ("left", "right")
    }
    return ("none", "unilateral", "bilateral")[sum(sides.values())]
