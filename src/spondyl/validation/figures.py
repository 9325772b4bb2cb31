"""The lesions' curves as one picture: sensitivity by size, type, place and noise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from spondyl.validation import tables
from spondyl.validation.compare import Record
from spondyl.validation.tables import SENSITIVITY, Line, wilson

PANELS = (
    ("longest diameter", tables.size_group),
    ("type (10 mm and more)", tables.kind_group),
    ("place (10 mm and more)", tables.place_group),
    ("noise of the scan (10 mm and more)", tables.noise_group),
)


def draw_lesions(records: Sequence[Record], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    for axes, (title, group) in zip(figure.subplots(2, 2).ravel(), PANELS, strict=True):
        _draw(axes, tables.lesions_by(records, group), title)
    figure.suptitle("Share of true lesions found, with 95 % intervals and numbers")
    figure.savefig(path, dpi=120)


def _draw(axes, lines: list[Line], title: str) -> None:  # type: ignore[no-untyped-def]
    known = [line for line in lines if line.value is not None]
    places = list(range(len(known)))
    values = [line.value or 0.0 for line in known]
    ends = [wilson(line.value or 0.0, line.count) for line in known]
    spans = [[v - low for v, (low, _) in zip(values, ends, strict=True)],
             [high - v for v, (_, high) in zip(values, ends, strict=True)]]  # fmt: skip
    axes.errorbar(values, places, xerr=spans, fmt="o", color="#1f5f8b", capsize=3)
    axes.axvline(SENSITIVITY, color="#999999", linestyle=":", linewidth=1)
    axes.set_yticks(places, [f"{line.name} ({line.count})" for line in known])
    axes.invert_yaxis()
    axes.set_xlim(-0.02, 1.02)
    axes.set_title(title, fontsize=10)
