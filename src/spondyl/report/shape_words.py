"""A vertebra's shape in words: heights and their loss, width, angles, steps."""

from __future__ import annotations

from markupsafe import Markup, escape

from spondyl.report.phrases import because, interval, number, percent, told
from spondyl.report.schema import Geometry


def rows_of_heights(geometry: Geometry) -> list[tuple[str, Markup]]:
    """Label and value of the heights, for where the loss at each place is not known."""
    g = geometry
    loss = because(g.notes, "height loss", "predict", "neighbour")
    if g.height_loss is not None:
        loss = escape(f"{percent(g.height_loss)} (95 %: {interval(g.height_loss_interval, '%', 0, 100)})")
    return [
        ("Height in front", told(g.anterior_height_mm, "mm", 1, g.notes, "height", "endplate")),
        ("Height in the middle", told(g.middle_height_mm, "mm", 1, g.notes, "height", "endplate")),
        ("Height behind", told(g.posterior_height_mm, "mm", 1, g.notes, "height", "endplate")),
        (
            "Height expected from the neighbours",
            told(g.predicted_height_mm, "mm", 1, g.notes, "predict", "neighbour"),
        ),
        ("Height loss", loss),
    ]


def rows_of_shape(geometry: Geometry) -> list[tuple[str, Markup]]:
    """Label and value of width, depth, angles and steps."""
    g = geometry

    def mm(value: float | None, *about: str) -> Markup:
        return told(value, "mm", 1, g.notes, *about)

    def deg(value: float | None, *about: str) -> Markup:
        return because(g.notes, *about) if value is None else escape(number(value, "°", 1).replace("\u00a0", ""))

    step = ("translation", "alignment", "above")
    angle = ("angle", "alignment", "above")
    return [
        ("Width × depth of the body", _times(mm(g.width_mm, "width"), mm(g.depth_mm, "depth"))),
        ("Wedge angle (front lower +)", deg(g.wedge_deg, "wedge", "endplate")),
        ("Angle to the level above, sagittal (kyphosis +)", deg(g.sagittal_angle_to_above_deg, *angle)),
        ("Angle to the level above, coronal", deg(g.coronal_angle_to_above_deg, *angle)),
        ("Level above moved backward (+) or forward", mm(g.translation_ap_mm, *step)),
        ("Level above moved to the left (+) or right", mm(g.translation_lr_mm, *step)),
    ]


def _times(width: Markup, depth: Markup) -> Markup:
    if width == depth and width.startswith("<"):
        return width  # both unknown for one reason
    return Markup("{} × {}").format(width, depth)
