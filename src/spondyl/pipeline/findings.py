"""From what was measured at a level to what the clinical rules are asked: SINS items, known or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import POSTEROLATERAL, SubRegion
from spondyl.clinical import sins
from spondyl.clinical.history import History
from spondyl.clinical.loads import load_to_strength, task_loads
from spondyl.values.canal import CanalMeasure
from spondyl.values.findings import Item, LevelFindings
from spondyl.values.fracture import Fracture, FractureFacts
from spondyl.values.lesion import Lesion
from spondyl.values.load import Ratio, TaskLoad
from spondyl.values.score import ScoreResult
from spondyl.values.strength import Strength
from spondyl.values.vertebra import Geometry, Stance, Vertebra
from spondyl.vertebrae.fracture import fracture_of

RETROPULSED_MM = 3.0
"""Own choice: a back wall this far behind its neighbours' line holds a fragment and not a bulge of the mask."""

REPLACED_SHARE = 0.05
"""Own choice: so much of a pedicle or facet must a lesion hold to count as involved; less is where two parts meet."""


def sins_of(
    level: Level, vertebrae: Mapping[Level, Vertebra], lesions: Sequence[Lesion], history: History | None
) -> ScoreResult:
    """SINS of one level; where there is no lesion the score does not apply, and says so."""
    findings = LevelFindings(
        level=level,
        pain=sins.pain_item(history, level),
        lesion=_read(history, level, "lesion") or _lesion(lesions),
        alignment=_read(history, level, "alignment") or _alignment(vertebrae[level], history),
        collapse=_read(history, level, "collapse") or _collapse(vertebrae[level].geometry, lesions),
        posterolateral=_read(history, level, "posterolateral") or _posterolateral(vertebrae[level], lesions),
    )
    result = sins.score(findings)
    if lesions or findings.lesion.source == "given":
        return result
    return replace(
        result,
        applies=False,
        advice="No lesion was found at this level, and SINS scores a lesion. The range is what one would make of it.",
    )


def _read(history: History | None, level: Level, name: str) -> Item | None:
    """A reading by a person goes before our measurement."""
    return sins.given_item(history, level, name)


def _lesion(lesions: Sequence[Lesion]) -> Item:
    if not lesions:
        return sins.lesion_item((), "no lesion found")
    described = ", ".join(f"{lesion.kind} {lesion.volume_mm3 / 1000:.1f} cm3 ({lesion.origin})" for lesion in lesions)
    return sins.lesion_item({lesion.kind for lesion in lesions}, described)


def _collapse(geometry: Geometry, lesions: Sequence[Lesion]) -> Item:
    share = min(1.0, sum(lesion.body_share for lesion in lesions))
    return sins.collapse_item(geometry.height_loss, geometry.height_loss_interval, share)


def _posterolateral(vertebra: Vertebra, lesions: Sequence[Lesion]) -> Item:
    replaced = _replaced(vertebra, lesions)
    joints = {side for lesion in lesions for side in lesion.costovertebral_touched or ()}
    # A side that the scan cuts may hide a lesion: unknown unless one is seen there.
    sides = {
        side: True if side in joints or parts & replaced else None if parts & set(vertebra.cut_parts) else False
        for side, parts in POSTEROLATERAL.items()
    }
    return sins.posterolateral_item(sides["left"], sides["right"])


def _replaced(vertebra: Vertebra, lesions: Sequence[Lesion]) -> set[SubRegion]:
    """Parts of which lesions hold more than an outline's edge may."""
    labels = vertebra.parts.array
    held = np.zeros(len(SubRegion) + 1)
    for lesion in lesions:
        held += np.bincount(labels[lesion.mask.array].ravel(), minlength=len(held))
    whole = np.bincount(labels.ravel(), minlength=len(held))
    return {part for part in SubRegion if whole[part] and held[part] >= REPLACED_SHARE * whole[part]}


def _alignment(vertebra: Vertebra, history: History | None) -> Item:
    stance = vertebra.stance or Stance(None, None, None, None, None)
    return sins.alignment_item(
        stance.translation_ap_mm,
        stance.translation_lr_mm,
        stance.kyphosis_deg,
        stance.side_bend_deg,
        kyphosis_sd_deg=stance.kyphosis_sd_deg,
        unseen=stance.unseen,
        earlier=sins.earlier_alignment(history, vertebra.level),
    )


def fracture_at(
    level: Level,
    vertebrae: Mapping[Level, Vertebra],
    lesions: Mapping[Level, Sequence[Lesion]],
    canal: CanalMeasure,
    *,
    looked_in_canal: bool,
) -> Fracture | None:
    """Height lost at one level as a finding of its own, with what lesions and canal say of its cause."""
    here = lesions[level]
    facts = FractureFacts(
        pedicle_involved=_any([bool(lesion.pedicles_touched) for lesion in here]),
        bone_destroyed=_any([_destroys(lesion) for lesion in here]),
        # Soft tissue beside the bone is seen only where a mask holds it: without one its absence is not known.
        paravertebral_mass=_any([_holds(lesion.soft_tissue_mm3) for lesion in here]) if here else None,
        epidural_mass=_epidural(here, canal, looked_in_canal=looked_in_canal),
        retropulsed_fragment=None if canal.retropulsion_mm is None else canal.retropulsion_mm >= RETROPULSED_MM,
        other_metastases=any(found for other, found in lesions.items() if other is not level),
    )
    return fracture_of(vertebrae[level], facts, vertebrae)


def _destroys(lesion: Lesion) -> bool | None:
    if lesion.kind == "blastic":
        return False
    return lesion.cortex_breached


def _epidural(here: Sequence[Lesion], canal: CanalMeasure, *, looked_in_canal: bool) -> bool | None:
    if canal.compression is not None and canal.compression.epidural_area_mm2 > 0:
        return True
    return _any([_holds(lesion.canal_mm3) for lesion in here] + ([False] if looked_in_canal else [None]))


def _holds(volume_mm3: float | None) -> bool | None:
    return None if volume_mm3 is None else volume_mm3 > 0


def _any(answers: Sequence[bool | None]) -> bool | None:
    """Yes as soon as one says yes; unknown while one is unknown; else no."""
    return True if True in answers else None if None in answers else False


def loads_on(level: Level, strength: Strength | None, history: History | None) -> tuple[tuple[TaskLoad, Ratio], ...]:
    """What tasks load a level with, and that over its strength; nothing where it has none in newton."""
    if strength is None or strength.failure_load_n is None or strength.failure_load_interval_n is None:
        return ()
    person = (history or History()).person
    tasks = task_loads(level, weight_kg=person.weight_kg, height_cm=person.height_cm, sex=person.sex)
    return tuple(
        (task, load_to_strength(task, strength.failure_load_n, strength.failure_load_interval_n)) for task in tasks
    )
