"""The canal in words: bone, norms, foramina, compression. Unknown is said with its reason."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape

from spondyl.report.canal_parts import Canal, Compression, Foramen, Norm
from spondyl.report.phrases import because, listed, number, percent, told

UNITS = {"mm2": "mm²", "mm": "mm"}
ESCC = {
    "0": "no tumour in the canal",
    "1a": "tumour in the canal, the dural sac not deformed",
    "1b": "sac deformed, tumour not at the cord",
    "1c": "tumour at the cord, the cord not compressed",
    "2": "cord compressed, fluid still visible around it",
    "3": "cord compressed, no fluid visible around it",
}
"""The grades of bilsky2010 in our words."""


def rows_of_bone(canal: Canal, *, lesion_here: bool) -> list[tuple[str, Markup]]:
    """Label and value of each measure of the bony canal; `lesion_here` says whether the level holds a lesion."""

    def shown(value: float | None, unit: str, digits: int, *about: str, factor: float = 1.0) -> Markup:
        return told(value, unit, digits, canal.notes, *about, factor=factor)

    lost = shown(canal.area_loss, "%", 0, "loss", "expect", "neighbour", factor=100)
    if canal.area_loss is not None and canal.area_loss < 0:
        lost = escape(f"none: {percent(-canal.area_loss)} more than expected")
    held = shown(canal.lesion_encroachment, "%", 0, "lesion", factor=100)
    if canal.lesion_encroachment is None and not lesion_here:
        held = escape("no lesion at this level")
    return [
        ("Smallest area, depth × width", _section(canal, "min_area_mm2", "ap_diameter_mm", "transverse_diameter_mm")),
        ("The same at the pedicles", _section(canal, "pedicle_area_mm2", "pedicle_ap_mm", "pedicle_transverse_mm")),
        ("Smallest area expected from the neighbours", shown(canal.expected_area_mm2, "mm²", 0, "expect", "neighbour")),
        ("Area lost", lost),
        ("Back wall behind its neighbours’ line", _retropulsion(canal)),
        ("Share of the canal held by a lesion", held),
    ]


def _section(canal: Canal, *fields: str) -> Markup:
    """'196 mm² (14.7 × 16.0 mm)'."""
    area, depth, width = (getattr(canal, name) for name in fields)
    if area is None:
        return because(canal.notes, "area", "ring", "canal not measured")
    across = f" ({number(depth, '', 1)} × {number(width, 'mm', 1)})" if depth is not None and width is not None else ""
    return Markup("{}<span class='soft interval'>{}</span>").format(number(area, "mm²"), across)


def _retropulsion(canal: Canal) -> Markup:
    if canal.retropulsion_mm is None:
        return because(canal.notes, "retropulsion", verb="not judged")
    text = number(canal.retropulsion_mm, "mm", 1)
    if canal.retropulsion_share is not None:
        text += f", {percent(canal.retropulsion_share)} of the canal’s depth"
    return escape(text)


def norm_of(norm: Norm) -> tuple[str, str, str]:
    """What was measured, the published mean, and how far they are apart."""
    unit = UNITS.get(norm.unit, norm.unit)
    digits = 0 if unit == "mm²" else 1
    mean = number(norm.mean, unit, digits)
    if norm.sd is not None:
        mean = f"{number(norm.mean, '', digits)} ± {number(norm.sd, unit, digits)}"
    apart = "no SD given"
    if norm.deviations is not None:
        apart = f"{'+' if norm.deviations > 0 else ''}{number(norm.deviations, 'SD', 1)}"
    return number(norm.measured, unit, digits), mean, apart


def sides(canal: Canal) -> tuple[Foramen | None, Foramen | None]:
    """The left and the right foramen."""
    found = {foramen.side: foramen for foramen in canal.foramina}
    return found.get("left"), found.get("right")


def rows_of_foramina(canal: Canal) -> list[tuple[str, Markup, Markup]]:
    """Label, left and right of each measure."""
    rows = []
    for label, name, unit, digits, factor in (
        ("Height", "height_mm", "mm", 1, 1.0),
        ("Width", "width_mm", "mm", 1, 1.0),
        ("Area", "area_mm2", "mm²", 0, 1.0),
        ("Share that is fat", "fat_share", "%", 0, 100.0),
        ("Area to the other side’s", "area_to_other_side", "%", 0, 100.0),
        ("Area to those above and below", "area_to_neighbours", "%", 0, 100.0),
    ):
        values = [
            Markup("") if side is None else told(getattr(side, name), unit, digits, side.notes, factor=factor)
            for side in sides(canal)
        ]
        rows.append((label, values[0], values[1]))
    return rows


def tumour_seen(canal: Canal) -> bool:
    """Whether a label of tumour holds some of the canal at this level."""
    return bool(canal.compression and canal.compression.epidural_area_mm2)


def rows_of_compression(found: Compression) -> list[tuple[str, str]]:
    """Label and value of what the labels show at the worst place; what the labels don't tell is left out."""
    rows = [
        ("Tumour in the canal", _if_known(found.epidural_area_mm2, "mm²", 0)),
        ("Share of the canal’s area it holds", _if_known(found.canal_share, "%", 0, 100)),
        ("Area of the dural sac", _if_known(found.sac_area_mm2, "mm²", 0)),
        ("Sac’s area lost", _if_known(found.sac_loss, "%", 0, 100)),
        ("Tumour to cord", _if_known(found.tumour_to_cord_mm, "mm", 1)),
        ("Cord’s area to the expected", _if_known(found.cord_area_share, "%", 0, 100)),
        ("Cord’s depth over width, to the expected", _if_known(found.cord_shape_share, "%", 0, 100)),
        ("Cord dented by", _if_known(found.cord_dent, "%", 0, 100)),
        ("Cord moved aside by", _if_known(found.cord_shift_mm, "mm", 1)),
        ("Cord’s outline with fluid before it", _if_known(found.fluid_arc_share, "%", 0, 100)),
        (
            f"Outline of the {'sac' if found.below_conus else 'cord'} faced by tumour",
            _if_known(found.tumour_arc_deg, "°", 0).replace("\u00a0°", "°"),
        ),
    ]
    return [(label, value) for label, value in rows if value]


def rows_of_labels(canal: Canal) -> list[tuple[str, str]]:
    """Label and value of what labels of sac and cord show away from tumour; empty without labels."""
    rows = [
        ("Area of the dural sac at the pedicles", _if_known(canal.sac_area_mm2, "mm²", 0)),
        ("Area of the cord at the narrowest place", _if_known(canal.cord_area_mm2, "mm²", 0)),
    ]
    return [(label, value) for label, value in rows if value]


def _if_known(value: float | None, unit: str, digits: int, factor: float = 1.0) -> str:
    return "" if value is None else number(factor * value, unit, digits)


def escc_short(canal: Canal | None) -> str:
    """For a table's cell: '1c', '1c (or 2)', '1b or 1c', 'none given'."""
    if canal is None or not (canal.escc_grade or canal.escc_possible):
        return "none given"
    if canal.escc_grade is None:
        return _or(canal.escc_possible)
    other = [grade for grade in canal.escc_possible if grade != canal.escc_grade]
    return f"{canal.escc_grade} (or {_or(other)})" if other else canal.escc_grade


def why_no_grade(by_level: Sequence[tuple[str, Canal]]) -> list[str]:
    """A sentence for each reason that there is no grade, with its levels."""
    levels: dict[str, list[str]] = {}
    for level, canal in by_level:
        if not (canal.escc_grade or canal.escc_possible):
            levels.setdefault(canal.escc_reason.removeprefix("No ESCC grade: "), []).append(level)
    return [
        f"No ESCC grade at {'any level' if len(where) == len(by_level) > 1 else listed(where)}: {reason}"
        for reason, where in levels.items()
    ]


def _or(grades: Sequence[str]) -> str:
    return " or ".join([", ".join(grades[:-1]), grades[-1]]) if len(grades) > 1 else "".join(grades)


def sentence(by_level: Sequence[tuple[str, Canal]]) -> str:
    """What is known of the cord in the whole case, in one or two sentences."""
    graded = [(level, canal) for level, canal in by_level if canal.escc_grade or canal.escc_possible]
    tumour = [(level, canal) for level, canal in graded if set(canal.escc_possible or (canal.escc_grade,)) != {"0"}]
    below = [
        level
        for level, canal in by_level
        if canal.compression and canal.compression.below_conus and canal.compression.epidural_area_mm2
    ]
    if not graded and not below:
        return "Whether the cord is compressed was not graded: that needs MRI, or labels of cord, sac and tumour."
    said = []
    if tumour:
        grades = "; ".join(f"{level} grade {escc_short(canal)}, {_most(canal)}" for level, canal in tumour)
        said.append(f"Tumour in the canal, graded by ESCC from the given labels: {grades}.")
    elif graded:
        said.append("The given labels show no tumour in the canal where the cord runs.")
    if below:
        said.append(f"Below the cord’s end tumour lies in the canal at {listed(below)}.")
    return " ".join(said)


def _most(canal: Canal) -> str:
    return ESCC.get(canal.escc_grade or canal.escc_possible[-1], "")
