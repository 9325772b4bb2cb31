"""A picture: grey or colour pixels below, outlines and words above. Drawn as SVG for the page, as PNG for a file."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FILE_SCALE = 2
"""A PNG file has this many pixels for one of the page, so that its words are legible."""
HATCH_PX = 5
"""Distance of the stripes of a hatched outline."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Closed or open rings in picture pixels (x, y); a ring inside another is a hole."""

    rings: tuple[NDArray[np.float64], ...]
    colour: str
    title: str
    width: float = 1.3
    fill_opacity: float = 0.0
    hatched: bool = False


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    colour: str = "#ffffff"
    width: float = 1.5


@dataclass(frozen=True)
class Label:
    """`y` is the middle of the letters. `link` is an anchor on the page ('T8') or empty."""

    x: float
    y: float
    text: str
    colour: str = "#ffffff"
    size: float = 12.0
    anchor: Literal["start", "middle", "end"] = "start"
    link: str = ""


@dataclass(frozen=True, eq=False)
class Picture:
    base: NDArray[np.uint8]
    """(rows, columns) grey or (rows, columns, 3)."""
    alt: str
    """What the picture shows, for who can't see it."""
    outlines: tuple[Outline, ...] = ()
    lines: tuple[Line, ...] = ()
    labels: tuple[Label, ...] = ()
    caption: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.base.shape[1], self.base.shape[0]


def to_svg(picture: Picture) -> str:
    """An SVG element that holds its own pixels; outlines stand in a group of class `outlines`."""
    width, height = picture.size
    pixels = base64.b64encode(_encoded(_image(picture.base))).decode("ascii")
    role = "group" if any(label.link for label in picture.labels) else "img"
    return "".join(
        [
            f'<svg class="picture" viewBox="0 0 {width} {height}" role="{role}" aria-label="{escape(picture.alt)}">',
            f'<image width="{width}" height="{height}" href="data:image/png;base64,{pixels}"/>',
            '<g class="outlines">',
            *map(_svg_outline, picture.outlines),
            "</g>",
            *(
                f'<line x1="{_n(e.x1)}" y1="{_n(e.y1)}" x2="{_n(e.x2)}" y2="{_n(e.y2)}" stroke="{e.colour}" '
                f'stroke-width="{_n(e.width)}"/>'
                for e in picture.lines
            ),
            *map(_svg_label, picture.labels),
            "</svg>",
        ]
    )


def _svg_outline(outline: Outline) -> str:
    path = "".join("M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in ring) + "Z" for ring in outline.rings)
    fill = "url(#hatch)" if outline.hatched else outline.colour if outline.fill_opacity else "none"
    opacity = f' fill-opacity="{_n(outline.fill_opacity)}"' if outline.fill_opacity and not outline.hatched else ""
    return (
        f'<path d="{path}" fill="{fill}"{opacity} fill-rule="evenodd" stroke="{outline.colour}" '
        f'stroke-width="{_n(outline.width)}"><title>{escape(outline.title)}</title></path>'
    )


def _svg_label(label: Label) -> str:
    text = (
        f'<text x="{_n(label.x)}" y="{_n(label.y)}" dy="0.35em" fill="{label.colour}" font-size="{_n(label.size)}" '
        f'text-anchor="{label.anchor}">{escape(label.text)}</text>'
    )
    return f'<a href="#{escape(label.link)}">{text}</a>' if label.link else text


def _n(value: float) -> str:
    """A number for SVG: one tenth of a pixel is enough."""
    return f"{value:.2f}".rstrip("0").rstrip(".") if abs(value) < 1 else f"{value:.1f}".removesuffix(".0")


def to_png(picture: Picture) -> bytes:
    return _encoded(_drawn(picture))


def row_to_png(pictures: Iterable[Picture]) -> bytes:
    """Pictures side by side in one file."""
    from PIL import Image

    drawn = [_drawn(picture) for picture in pictures]
    gap = 4 * FILE_SCALE
    sheet = Image.new("RGB", (sum(d.width + gap for d in drawn) - gap, max(d.height for d in drawn)), "#ffffff")
    left = 0
    for image in drawn:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    return _encoded(sheet)


def _drawn(picture: Picture) -> Any:
    """The picture with everything on it, as a Pillow image `FILE_SCALE` times as large."""
    from PIL import Image, ImageDraw, ImageFont

    width, height = (FILE_SCALE * n for n in picture.size)
    image = _image(picture.base).convert("RGB").resize((width, height), Image.Resampling.BILINEAR)
    for outline in picture.outlines:
        _draw_outline(image, outline)
    draw = ImageDraw.Draw(image)
    for e in picture.lines:
        ends = [FILE_SCALE * v for v in (e.x1, e.y1, e.x2, e.y2)]
        draw.line(ends, fill=e.colour, width=round(FILE_SCALE * e.width))
    for label in picture.labels:
        draw.text(
            (FILE_SCALE * label.x, FILE_SCALE * label.y),
            label.text,
            fill=label.colour,
            font=ImageFont.load_default(FILE_SCALE * label.size),
            anchor={"start": "lm", "middle": "mm", "end": "rm"}[label.anchor],
            stroke_width=FILE_SCALE,
            stroke_fill="#000000",
        )
    return image


def _draw_outline(image: Any, outline: Outline) -> None:
    from PIL import ImageDraw

    rings = [FILE_SCALE * ring for ring in outline.rings]
    if outline.fill_opacity or outline.hatched:
        _fill(image, rings, outline)
    draw = ImageDraw.Draw(image)
    for ring in rings:
        closed = [(float(x), float(y)) for x, y in (*ring, ring[0])]
        draw.line(closed, fill=outline.colour, width=round(FILE_SCALE * outline.width), joint="curve")


def _fill(image: Any, rings: list[NDArray[np.float64]], outline: Outline) -> None:
    """A veil or stripes over what lies in an odd number of rings; only their box is touched."""
    from PIL import Image, ImageDraw

    points = np.concatenate(rings)
    left, top = np.floor(points.min(axis=0)).astype(int)
    width, height = np.ceil(points.max(axis=0)).astype(int) - (left, top) + 1
    inside = np.zeros((height, width), bool)
    for ring in rings:
        area = Image.new("1", (int(width), int(height)))
        ImageDraw.Draw(area).polygon([(float(x - left), float(y - top)) for x, y in ring], fill=1)
        inside ^= np.asarray(area)
    opacity = outline.fill_opacity
    if outline.hatched:
        diagonal = np.add.outer(np.arange(height), np.arange(width)) // FILE_SCALE
        inside &= diagonal % HATCH_PX < 1.5
        opacity = 0.8
    veil = Image.fromarray(inside * np.uint8(round(255 * opacity)))
    image.paste(Image.new("RGB", veil.size, outline.colour), (int(left), int(top)), veil)


def _image(base: NDArray[np.uint8]) -> Any:
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(base))


def _encoded(image: Any) -> bytes:
    memory = io.BytesIO()
    image.save(memory, "PNG", compress_level=3)  # half the time of 6, a tenth larger
    return memory.getvalue()
