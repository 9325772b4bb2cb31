"""A lesion in words: what it is, and what it has destroyed."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from spondyl.report.lesion_parts import LesionFinding
from spondyl.report.phrases import because, number, percent, told


def line(lesion: LesionFinding) -> str:
    """'lytic, 2.1 cm³, left pedicle; detected, confidence 0.62'."""
    volume = "volume not measured" if lesion.volume_mm3 is None else number(lesion.volume_mm3 / 1000, "cm³", 1)
    where = ", ".join(lesion.parts_touched) or "place not named"
    return f"{lesion.type}, {volume}, {where}; {origin(lesion)}"


def origin(lesion: LesionFinding) -> str:
    if lesion.origin == "given":
        return "given mask"
    if lesion.confidence is None:
        return "detected, confidence not known"
    return f"detected, confidence {lesion.confidence:.2f}"


def rows_of_size(lesion: LesionFinding) -> list[tuple[str, Markup]]:
    """Label and value of size and place."""
    return [
        ("Volume", told(lesion.volume_mm3, "mm³", 0, lesion.notes)),
        ("Longest diameter", told(lesion.longest_diameter_mm, "mm", 1, lesion.notes)),
        ("Share of the body", escape(percent(lesion.body_share))),
        ("Mean", told(lesion.mean_hu, "HU", 0, lesion.notes)),
        ("Touches", escape(", ".join(lesion.parts_touched) or "no named part")),
    ]


def rows_of_damage(lesion: LesionFinding) -> list[tuple[str, Markup]]:
    """Label and value of what it has destroyed, or that it has not, or that this can't be told."""
    return [
        (
            "Cortex",
            _breach(lesion.cortex_breached, lesion.cortex_breached_share, "the vertebra’s surface", lesion.notes),
        ),
        ("Endplates", _endplates(lesion)),
        ("Posterior wall", _breach(lesion.posterior_wall_breached, None, "", lesion.notes)),
        ("Pedicles", escape(_sides(lesion.pedicles_touched))),
        ("Facet joints", escape(_sides(lesion.facets_touched))),
        ("Rib joints", escape(_sides(lesion.costovertebral_touched))),
        ("In the canal", _volume(lesion.canal_mm3, lesion.notes, "canal")),
        ("In soft tissue", _volume(lesion.soft_tissue_mm3, lesion.notes, "soft tissue")),
    ]


def _breach(breached: bool | None, share: float | None, of: str, notes: Sequence[str]) -> Markup:
    if breached is None:
        return because(notes, "cortex", "wall", "coarse", "cut", verb="can’t be told")
    if not breached:
        return escape("not seen to be breached")
    return escape(f"breached: {_fine_percent(share)} of {of}" if share else "breached")


def _endplates(lesion: LesionFinding) -> Markup:
    share = lesion.endplate_breached_share
    if share is None:
        return because(lesion.notes, "endplate", "coarse", "cut", verb="can’t be told")
    return escape(f"breached: {_fine_percent(share)} of their surface" if share else "not seen to be breached")


def _fine_percent(share: float | None) -> str:
    """A share with a digit more where it is small."""
    return number(None if share is None else 100 * share, "%", 1 if share is not None and share < 0.1 else 0)


def _sides(sides: Sequence[str] | None) -> str:
    if sides is None:
        return "no ribs at this level"
    return {0: "not touched", 2: "both sides"}.get(len(sides), f"{', '.join(sides)} side")


def _volume(mm3: float | None, notes: Sequence[str], about: str) -> Markup:
    if mm3 is None:
        return because(notes, about)
    return escape(number(mm3, "mm³") if mm3 else "nothing of the mask")
