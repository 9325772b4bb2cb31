"""One simulated life in pictures: the spine and the tightest canal at several times, and as an animation."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spondyl.values.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTPUTS = frozenset({"life.png", "life.gif"})
GRADES = ("0", "1a", "1b", "1c", "2", "3")
_TUMOUR, _BLASTIC, _CORD, _BONE, _EDGE, _HURT = "#d55e00", "#0072b2", "#e6c200", "#e8e2d6", "#7b7568", "#c0143c"
_START_DEG, _BEND = -8.0, {"C": 2.6, "T": -1.6, "L": 3.0, "s": 1.0}
"""Inclination of the drawing at its top and degrees of bend by region for 8 mm of height: for the eye only."""
_FRAMES, _FRAME_MS = 36, 220
_SNAPSHOTS = 5
_COLLAPSED = (1.0, 0.78, 0.68, 0.48)
_GAP_MM = 4.0
_TALLEST_MM = 30.0


def write_life(life: Trajectory, out: Path) -> None:
    """life.png (times side by side, volumes below) and life.gif (the animation)."""
    _sheet(life, out / "life.png")
    _animation(life, out / "life.gif")


def _weeks(life: Trajectory, count: int) -> np.ndarray:
    """Weeks from shortly before the first lesion shows to the last."""
    seen = [int(np.argmax(track.volume_mm3 > 0)) for track in life.tracks] or [0]
    first = max(min(seen) - 4, 0)
    return np.unique(np.linspace(first, len(life.days) - 1, count).astype(int))


def _sheet(life: Trajectory, path: Path) -> None:
    from matplotlib.figure import Figure

    weeks = _weeks(life, _SNAPSHOTS)
    figure = Figure(figsize=(13, 9.2), layout="constrained")
    grid = figure.add_gridspec(3, len(weeks), height_ratios=(3.4, 1.5, 1.7))
    figure.suptitle(_title(life), x=0.01, ha="left", fontsize=12)
    for column, week in enumerate(weeks):
        axes = figure.add_subplot(grid[0, column])
        _spine(axes, life, int(week))
        axes.set_title(_date(life.days[week]), fontsize=10)
        _canal(figure.add_subplot(grid[1, column]), life, int(week))
    _volumes(figure.add_subplot(grid[2, :]), life, None)
    figure.savefig(path, dpi=110)


def _animation(life: Trajectory, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    frames = []
    for week in _weeks(life, _FRAMES):
        figure = Figure(figsize=(8.4, 6.4), dpi=80)
        canvas = FigureCanvasAgg(figure)
        grid = figure.add_gridspec(
            2, 2, width_ratios=(1, 1.35), left=0.01, right=0.98, bottom=0.09, top=0.9, wspace=0.12
        )
        _spine(figure.add_subplot(grid[:, 0]), life, int(week))
        _canal(figure.add_subplot(grid[0, 1]), life, int(week))
        _volumes(figure.add_subplot(grid[1, 1]), life, int(week))
        figure.suptitle(f"{_title(life)}\n{_date(life.days[week])}", x=0.01, ha="left", fontsize=9)
        canvas.draw()
        frames.append(Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3]).quantize(96))
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=_FRAME_MS, loop=0, optimize=True)


def _title(life: Trajectory) -> str:
    end = "death" if life.died else "end of follow-up"
    return (
        f"Simulated life, seed {life.seed}, person {life.patient}: {life.sex}, {life.age_years:.0f} years, "
        f"{life.primary} cancer; {end} after {life.end_day / 365.25:.1f} years ({life.scenario})"
    )


def _date(day: float) -> str:
    return f"{day / 30.4375:.0f} months after diagnosis"


def _spine(axes: Axes, life: Trajectory, week: int) -> None:
    """Side view, face to the left; tumour filled in the bodies, the canal behind."""
    from matplotlib.patches import Circle, Polygon

    tracks = {track.level: track for track in life.tracks}
    x, y, angle = 0.0, 0.0, _START_DEG
    for shape in life.shapes:
        track = tracks.get(shape.level)
        fallen = _COLLAPSED[int(track.collapse[week])] if track is not None else 1.0
        height = min(shape.body_height_mm, _TALLEST_MM) * fallen
        angle += _BEND[shape.level[0]] * height / 8
        bend = math.radians(angle)
        along, across = np.array([math.sin(bend), -math.cos(bend)]), np.array([math.cos(bend), math.sin(bend)])
        top = np.array([x, y])
        half = shape.body_depth_mm / 2
        front = height * (0.7 if fallen < 1 else 1.0)
        corners = [top - half * across, top + half * across, top + height * along + half * across,
                   top + front * along - half * across]  # fmt: skip
        axes.add_patch(Polygon(corners, closed=True, facecolor=_BONE, edgecolor=_EDGE, linewidth=0.7))
        if track is not None and track.volume_mm3[week] > 0:
            radius = (0.75 * track.volume_mm3[week] / math.pi) ** (1 / 3)
            middle = top + 0.5 * height * along + (half - min(0.3 * shape.body_depth_mm, half)) * across
            colour = _BLASTIC if track.bone_type == "blastic" else _TUMOUR
            axes.add_patch(Circle(tuple(middle), min(radius, 1.3 * half), facecolor=colour, alpha=0.75, linewidth=0))
            label = f"{shape.level}" + (f"  ESCC {GRADES[track.escc[week]]}" if track.escc[week] else "")
            label += " fractured" if track.collapse[week] else ""
            weight = "bold" if track.pain[week] else "normal"
            where = top + 0.5 * height * along + (half + shape.canal_depth_mm + 6) * across
            ink = _HURT if track.pain[week] else "black"
            axes.text(float(where[0]), float(where[1]), label, fontsize=7, va="center", weight=weight, color=ink)
        for side in (half, half + shape.canal_depth_mm):
            ends = np.array([top + side * across, top + (height + _GAP_MM * 0.6) * along + side * across])
            axes.plot(ends[:, 0], ends[:, 1], color=_CORD, linewidth=1.2, solid_capstyle="round")
        x, y = (top + (height + _GAP_MM * 0.6) * along).tolist()
    axes.set_aspect("equal")
    axes.set_xlim(-75, 125)
    axes.set_ylim(y - 12, 12)
    axes.axis("off")


def _canal(axes: Axes, life: Trajectory, week: int) -> None:
    """Axial view of the canal whose room is used most; the body lies in front, above."""
    from matplotlib.patches import Ellipse

    track = max(life.tracks, key=lambda one: float(one.room_used[week]), default=None)
    shape = next((s for s in life.shapes if track is not None and s.level == track.level), life.shapes[11])
    wide, deep = shape.canal_width_mm, shape.canal_depth_mm
    canal = Ellipse((0, 0), wide, deep, facecolor="#dfe9f2", edgecolor=_EDGE, linewidth=1.2)
    axes.add_patch(canal)
    used = float(track.room_used[week]) if track is not None else 0.0
    filled = min(used * (shape.canal_mm2 - shape.neural_mm2), shape.canal_mm2)
    height = _height_of(filled, wide, deep)
    ratio = math.sqrt(shape.neural_mm2 / (math.pi / 4 * wide * deep))
    back = max(height - (deep - ratio * deep) / 2, 0.0)
    cord = Ellipse(
        (0, -min(back, (1 - ratio) * deep / 2)), ratio * wide, ratio * deep, facecolor=_CORD, edgecolor=_EDGE
    )
    axes.add_patch(cord)
    if height > 0:
        tumour = axes.fill_between([-wide, wide], deep / 2 - height, deep, color=_TUMOUR, alpha=0.8, linewidth=0)
        tumour.set_clip_path(canal)
    grade = GRADES[int(track.escc[week])] if track is not None else "0"
    axes.set_title(f"canal {shape.level}: ESCC {grade}", fontsize=8)
    axes.set_xlim(-15, 15)
    axes.set_ylim(-11, 11)
    axes.set_aspect("equal")
    axes.axis("off")


def _height_of(area_mm2: float, wide_mm: float, deep_mm: float) -> float:
    """Height of the front part of an ellipse that has an area."""
    heights = np.linspace(0, deep_mm, 200)
    u = 1 - 2 * heights / deep_mm
    areas = wide_mm * deep_mm / 4 * (np.arccos(u) - u * np.sqrt(1 - u * u))
    return float(np.interp(area_mm2, areas, heights))


def _volumes(axes: Axes, life: Trajectory, week: int | None) -> None:
    """Volume of each lesion, with what happened."""
    months = life.days / 30.4375
    for n, track in enumerate(life.tracks):
        seen = track.volume_mm3 > 0
        axes.plot(months[seen], track.volume_mm3[seen] / 1000, linewidth=1.4, label=track.level, color=f"C{n % 10}")
    told: dict[str, Any] = {"pain": ("v", _HURT), "fracture": ("X", "black"), "deficit": ("D", "#6a3d9a"),
                            "radiotherapy": ("P", "#117733"), "stereotactic radiotherapy": ("P", "#117733"),
                            "surgery": ("s", "#117733")}  # fmt: skip
    named = set()
    for day, what, level, _ in life.events:
        found = next((one for one in life.tracks if one.level == level), None)
        if what not in told or found is None:
            continue
        marker, colour = told[what]
        at = min(int(day // 7), len(life.days) - 1)
        axes.plot(day / 30.4375, found.volume_mm3[at] / 1000, marker, color=colour, markersize=6,
                  label=None if what in named else what)  # fmt: skip
        named.add(what)
    if week is not None:
        axes.axvline(months[week], color=_EDGE, linewidth=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("months after diagnosis", fontsize=8)
    axes.set_ylabel("tumour, cm³", fontsize=8)
    axes.tick_params(labelsize=7)
    if life.tracks:
        axes.legend(fontsize=6, ncols=2, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
