"""The picture of the whole spine: a sagittal and a coronal cut that follow the row of bodies, names between them.

Each row of the sagittal cut lies at the left-right place of the spine at its height, each row of the coronal
cut at its front-back place, so a bent spine is seen whole; in each picture its other curve is true.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.report.figures import AIR_HU, grey, rings
from spondyl.report.finding import Finding
from spondyl.report.picture import Label, Line, Outline, Picture
from spondyl.values.case import CaseResult

# Own choices for the page.
MM_PER_PX = 0.55
MARGIN_MM = 10.0
NAMES_PX = 110
NAME_PX = 19.0
"""Least distance of two names."""
SCALE_BAR_MM = 50.0


@dataclass(frozen=True, eq=False)
class _Sheet:
    """One of the two cuts and where it lies in the picture."""

    points: NDArray[np.float64]
    """LPS mm of each pixel, (rows, columns, 3)."""
    axis: int
    """LPS axis along which the columns run."""
    left: int
    """First column in the picture."""

    def column(self, lps_mm: NDArray[np.float64]) -> float:
        return self.left + (lps_mm[self.axis] - self.points[0, 0, self.axis]) / MM_PER_PX

    def pixels(self, ct: Volume) -> NDArray[np.uint8]:
        return grey(ct.sample(self.points, order=1, outside=AIR_HU))

    def outline(self, mask: Volume, title: str, finding: Finding) -> Outline:
        """A mask on this cut, sampled only where its grid lies."""
        low, high = _span(mask)
        z, across = self.points[:, 0, 2], self.points[0, :, self.axis]
        rows = np.flatnonzero((z >= low[2]) & (z <= high[2]))
        columns = np.flatnonzero((across >= low[self.axis]) & (across <= high[self.axis]))
        inside = mask.sample(self.points[np.ix_(rows, columns)], order=1, outside=0)
        found = rings(inside, 1.0, at=(self.left + columns[0], rows[0])) if inside.size else ()
        hatched = finding is Finding.NOT_ASSESSED
        return Outline(found, finding.colour, title, fill_opacity=0.25, hatched=hatched)


def spine_picture(case: CaseResult, findings: Mapping[Level, Finding]) -> Picture:
    """Every named vertebra tinted by its finding, its name beside it; a name links to the level's panel."""
    centres = _centres(case)
    sagittal, coronal = _sheets(case, centres)
    names = np.zeros((len(sagittal.points), NAMES_PX), np.uint8)
    base = np.hstack([sagittal.pixels(case.scan.volume), names, coronal.pixels(case.scan.volume)])
    outlines: list[Outline] = []
    lines: list[Line] = []
    labels = _letters(sagittal, coronal, base.shape[1])
    rows = [(sagittal.points[0, 0, 2] - centres[result.level][2]) / MM_PER_PX for result in case.vertebrae]
    for result, row, name_row in zip(case.vertebrae, rows, _apart(rows, len(base)), strict=True):
        level, finding = result.level, findings[result.level]
        said = f"{level.name}: {finding}"
        masks = [case.level_map.mask(level, margin_mm=3.0), *(lesion.mask for lesion in result.lesions)]
        outlines += [sheet.outline(mask, said, finding) for sheet in (sagittal, coronal) for mask in masks]
        middle = coronal.left - NAMES_PX / 2
        for sheet, rim, name in ((sagittal, 0, middle - 34), (coronal, NAMES_PX, middle + 28)):
            edge = coronal.left - NAMES_PX + rim
            lines.append(Line(sheet.column(centres[level]), row, edge, row, finding.colour, 0.7))
            lines.append(Line(edge, row, name, name_row, finding.colour, 0.7))
        outlines.append(marker(finding, middle - 24, name_row))
        labels.append(Label(middle - 12, name_row, level.name, size=15, link=level.name))
    bottom = base.shape[0] - 10
    lines.append(Line(10, bottom, 10 + SCALE_BAR_MM / MM_PER_PX, bottom, width=2))
    labels.append(Label(10, bottom - 9, f"{SCALE_BAR_MM:.0f} mm", size=11))
    said = "; ".join(f"{level.name}: {finding}" for level, finding in findings.items())
    alt = f"Sagittal and coronal cut of the CT along the spine, each vertebra tinted by what was found. {said}."
    return Picture(base, alt, tuple(e for e in outlines if e.rings), tuple(lines), tuple(labels))


def marker(finding: Finding, x: float, y: float, radius: float = 6.0) -> Outline:
    """The sign of a finding: its shape says what its colour says."""
    corners = finding.sides or 24
    turn = np.pi / 4 if corners in (2, 4) else 0.0
    angle = 2 * np.pi * np.arange(corners) / corners - np.pi / 2 + turn
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
    return Outline((ring,), finding.colour, str(finding), width=2.0, fill_opacity=1.0)


def _sheets(case: CaseResult, centres: Mapping[Level, NDArray[np.float64]]) -> tuple[_Sheet, _Sheet]:
    spans = [_span(case.level_map.mask(level)) for level in centres]
    low = np.min([span[0] for span in spans], axis=0) - MARGIN_MM
    high = np.max([span[1] for span in spans], axis=0) + MARGIN_MM
    x, y = np.arange(low[0], high[0], MM_PER_PX), np.arange(low[1], high[1], MM_PER_PX)
    z = np.arange(high[2], low[2], -MM_PER_PX)[:, None]
    bent_x, bent_y = _along(centres, z, 0), _along(centres, z, 1)
    sagittal = np.stack(np.broadcast_arrays(bent_x, y, z), axis=-1)
    coronal = np.stack(np.broadcast_arrays(x, bent_y, z), axis=-1)
    return _Sheet(sagittal, 1, 0), _Sheet(coronal, 0, len(y) + NAMES_PX)


def _apart(rows: list[float], height: int) -> list[float]:
    """Rows for the names: near their vertebrae, never on top of each other, inside the picture."""
    placed: list[float] = []
    for row in rows:
        placed.append(max(row, placed[-1] + NAME_PX if placed else NAME_PX))
    for n in reversed(range(len(placed))):
        placed[n] = min(placed[n], height - NAME_PX * (len(placed) - n))
    return placed


def _letters(sagittal: _Sheet, coronal: _Sheet, width: int) -> list[Label]:
    end = sagittal.points.shape[1]
    return [
        Label(8, 14, "A"),
        Label(end - 8, 14, "P", anchor="end"),
        Label(coronal.left + 8, 14, "R"),
        Label(width - 8, 14, "L", anchor="end"),
    ]


def _span(volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest LPS mm over a grid's corners."""
    index = np.array(np.meshgrid(*[(0, n - 1) for n in volume.shape], indexing="ij")).reshape(3, -1).T
    corners = volume.to_lps(index)
    return corners.min(axis=0), corners.max(axis=0)


def _centres(case: CaseResult) -> dict[Level, NDArray[np.float64]]:
    """Body centres in LPS mm; where there is no frame, the middle of the mask moved forward as in the others."""
    middles = {r.level: case.level_map.points_lps_mm(r.level).mean(axis=0) for r in case.vertebrae}
    known = {r.level: r.vertebra.frame.origin_mm for r in case.vertebrae if r.vertebra}
    moves = [origin - middles[level] for level, origin in known.items()]
    move = np.mean(moves, axis=0) if moves else np.zeros(3)
    return {level: known.get(level, middle + move) for level, middle in middles.items()}


def _along(centres: Mapping[Level, NDArray[np.float64]], z: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The spine's x or y at heights z, straight between body centres and straight down beyond its ends."""
    rising = sorted(centres.values(), key=lambda centre: centre[2])
    return np.interp(z, [centre[2] for centre in rising], [centre[axis] for centre in rising])
