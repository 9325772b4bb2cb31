"""Pictures for the page for patients, drawn by code: the spine from the side, and a cut through it three times."""

from __future__ import annotations

import math
from collections.abc import Collection

from markupsafe import Markup

from spondyl.anatomy.levels import Level, Region
from spondyl.clinical.neurology import VERTEBRAE

NAMES = {
    Region.CERVICAL: "neck",
    Region.THORACIC: "chest part (upper and middle back)",
    Region.LUMBAR: "lower back",
    Region.SACRAL: "sacrum (between the hip bones)",
}
TALL = {Region.CERVICAL: 13.0, Region.THORACIC: 19.0, Region.LUMBAR: 26.0, Region.SACRAL: 15.0}
DEEP = {Region.CERVICAL: 20.0, Region.THORACIC: 27.0, Region.LUMBAR: 36.0, Region.SACRAL: 30.0}
GAP = 4.0
FRONT = 90.0
BOWS = ((0.0, 130.0, -8.0), (130.0, 405.0, 18.0), (405.0, 575.0, -14.0), (575.0, 800.0, 26.0))
"""Own choice: sizes, place and bows (from, to, how far back) on the paper, so that the parts read well; they measure
no spine."""
COMPARTMENTS = (
    ("In the bone, outside the covering", "extradural", (105.0, 66.0, 26.0)),
    ("Inside the covering, beside the cord", "intradural extramedullary", (124.0, 128.0, 9.0)),
    ("Inside the cord itself", "intramedullary", (110.0, 135.0, 8.0)),
)
"""Title, term, and the tumour's centre and radius in the picture."""


def spine(marked: Collection[Level] = ()) -> Markup:
    """The spine seen from the left, front of the body to the left; `marked` vertebrae get a dot and their name."""
    bones, labels, y = [], [], 14.0
    starts: dict[Region, float] = {}
    for level in VERTEBRAE:
        region = level.region
        starts.setdefault(region, y)
        centre = y + TALL[region] / 2
        bones.append(_bone(level, _curve(centre), centre, found=level in marked))
        y += TALL[region] + (GAP if region is not Region.SACRAL else 1.0)
    for region, top in starts.items():
        head, _, rest = NAMES[region].partition(" (")
        labels.append(f'<text class="label" x="186" y="{top + 22:.0f}">{head}</text>')
        if rest:
            labels.append(f'<text class="label" x="186" y="{top + 40:.0f}">({rest}</text>')
    said = f" Marked: {', '.join(level.name for level in VERTEBRAE if level in marked)}." if marked else ""
    about = f"The bones of the spine, one above the other, from the neck down to the tail bone.{said}"
    body = "".join((*bones, *labels))
    return Markup(
        f'<svg class="drawing" viewBox="0 0 400 {y + 10:.0f}" role="img" aria-labelledby="spine-t spine-d">'
        f'<title id="spine-t">The spine from the side</title><desc id="spine-d">{about}</desc>{body}</svg>'
    )


def _curve(y: float) -> float:
    """Sideways place of the spine on the paper, back to the right: hollow at neck and lower back, round at chest."""
    first, last, bulge = next(bow for bow in BOWS if y < bow[1])
    return FRONT + bulge * math.sin(math.pi * (y - first) / (last - first))


def _bone(level: Level, x: float, y: float, *, found: bool) -> str:
    tall, deep = TALL[level.region], DEEP[level.region]
    tilt = math.degrees(math.atan((_curve(y + 1) - _curve(y - 1)) / 2))
    kind = f"bone {level.region.value}{' found' if found else ''}"
    body = f'<rect class="{kind}" x="{-deep / 2:.1f}" y="{-tall / 2:.1f}" width="{deep}" height="{tall}" rx="4"/>'
    back, out, down = deep / 2 + 9, deep * 0.7, tall * 0.4
    process = f'<path class="{kind}" d="M{back:.1f},-3 l{out:.1f},{down:.1f} l-3,5 l{-out:.1f},-3 z"/>'
    process = "" if level.region is Region.SACRAL else process
    mark = (
        f'<circle class="tumour" cx="0" cy="0" r="{tall * 0.32:.1f}"/>'
        f'<text class="name" x="{-deep / 2 - 8:.1f}" y="5" text-anchor="end">{level.name}</text>'
        if found
        else ""
    )
    return f'<g transform="translate({x:.1f},{y:.1f}) rotate({-tilt:.1f})">{body}{process}{mark}</g>'


def compartments() -> Markup:
    """A cut through a vertebra, seen from above, three times: with a tumour in each of the three compartments."""
    panels = "".join(_panel(n, title, term, place) for n, (title, term, place) in enumerate(COMPARTMENTS))
    about = "; ".join(f"{title.lower()} ({term})" for title, term, _ in COMPARTMENTS)
    return Markup(
        '<svg class="drawing" viewBox="0 0 690 270" role="img" aria-labelledby="three-t three-d">'
        '<title id="three-t">The three places where a tumour of the spine can sit</title>'
        f'<desc id="three-d">Three cuts through the spine, seen from above. The tumour is {about}.</desc>{panels}</svg>'
    )


def _panel(number: int, title: str, term: str, place: tuple[float, float, float]) -> str:
    x, y, r = place
    words = title.split(", ")
    lines = "".join(
        f'<text class="label" x="110" y="{226 + 17 * n}" text-anchor="middle">{w}</text>' for n, w in enumerate(words)
    )
    return (
        f'<g transform="translate({230 * number},0)">'
        '<path class="bone lumbar" d="M110,12 c48,0 70,26 68,54 c-1,20 -14,34 -24,42 l30,22 l-8,14 l-30,-8 l-26,34 '
        'l-4,34 h-12 l-4,-34 l-26,-34 l-30,8 l-8,-14 l30,-22 c-10,-8 -23,-22 -24,-42 c-2,-28 20,-54 68,-54 z"/>'
        '<ellipse class="canal" cx="110" cy="134" rx="34" ry="27"/>'
        '<ellipse class="sac" cx="110" cy="134" rx="26" ry="20"/>'
        '<ellipse class="cord" cx="110" cy="135" rx="14" ry="10"/>'
        f'<circle class="tumour" cx="{x}" cy="{y}" r="{r}"/>{lines}'
        f'<text class="term" x="110" y="{226 + 17 * len(words)}" text-anchor="middle">{term}</text></g>'
    )
