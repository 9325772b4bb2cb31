"""Time against elements, ours and the peers'."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from spondyl.mechanics.benchmark.summary import failure

Series = dict[str, list[tuple[int, float]]]
OURS = {1: "Spondyl, 1 thread", 2: "Spondyl, 2 threads"}
OUR_COLOUR = "black"
COLOURS = ("#0072b2", "#56b4e9", "#999999", "#d55e00", "#e69f00", "#009e73", "#cc79a7", "#8c564b")
"""Okabe and Ito's, told apart by the colour-blind, and a brown."""
MARKERS = "D^vP*X<>"


def draw(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Seconds of a linear solve over the number of elements, both logarithmic, as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    lines = series(results)
    for name, dashes in zip(OURS.values(), ("--", "-"), strict=True):
        _line(axes, name, lines.pop(name, []), color=OUR_COLOUR, ls=dashes, lw=2.2, marker="o")
    for (name, points), colour, marker in zip(lines.items(), COLOURS, MARKERS, strict=False):
        _line(axes, name, points, color=colour, lw=1.2, marker=marker)
    axes.set(xlabel="elements", ylabel="time of one linear solve, s")
    axes.grid(visible=True, which="major", alpha=0.4)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, handlelength=3.2)
    figure.savefig(path, dpi=150)


def _line(axes: Any, name: str, points: list[tuple[int, float]], **style: Any) -> None:
    if points:
        axes.loglog(*zip(*points, strict=True), label=name, **style)


def series(results: Sequence[dict[str, Any]]) -> Series:
    """(elements, seconds) by program, only of the cylinder, by size."""
    lines: Series = {}
    for result in results:
        if failure(result) or not str(result.get("problem", "")).startswith("cylinder"):
            continue
        if result["kind"] == "linear":
            name, seconds = OURS[result["threads"]], median(result["seconds"])
        elif result["kind"] == "peer":
            name, seconds = result["peer"], result["judged_seconds"]
        else:
            continue
        lines.setdefault(name, []).append((result["elements"], seconds))
    return {name: sorted(points) for name, points in lines.items()}
