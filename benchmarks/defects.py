"""Stiffness and strength of an idealised vertebral body over the size of a lytic defect: table, straight line, figure.

    python benchmarks/defects.py              1 mm voxels, to benchmarks/results/defects.{md,png}, some minutes
    python benchmarks/defects.py --step 2     coarser and faster

The body, its materials and its defects are those of tests/mechanics/test_theory_defects.py.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).resolve().parent
# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(HERE.parent / "tests")

from mechanics.defect import (  # noqa: E402
    PLACES,
    SHARES,
    SHELL_MM,
    Body,
    Place,
    body,
    load_displacement,
    peak_n,
    stiffness_n_per_mm,
    straight_line,
    weakest_slice,
)

COLOURS = ("#0072B2", "#D55E00", "#009E73")
"""Of Okabe and Ito, told apart by the colour-blind."""
SMALL_SHARE = 0.04
"""The smallest lesion of the micro finite-element study, beside its largest of 0.35."""
MICRO_FE = ((SMALL_SHARE, 0.35), (0.97, 0.70))
"""Stiffness left at these lesion volumes: 3 % and 30 % lost (abstract of a microFE study of lytic holes)."""


SHELLS_MG_CC = (350.0, 700.0, 1000.0)


@dataclass(frozen=True, eq=False)
class Row:
    place: Place
    stiffness_n_per_mm: NDArray[np.float64]
    peak_n: NDArray[np.float64]
    weakest_slice_n: NDArray[np.float64]
    curves: list[tuple[NDArray[np.float64], NDArray[np.float64]]]
    """Strain in per cent and force in N."""
    stiffness_at_small_share: float


def measured(place: Place, step_mm: float) -> Row:
    bodies = [body(step_mm, share, place) for share in SHARES]
    curves = [load_displacement(case) for case in bodies]
    stiffness = np.array([stiffness_n_per_mm(case) for case in bodies])
    for share, k, curve in zip(SHARES, stiffness, curves, strict=True):
        state = f"{curve.status}, {curve.iterations} cycles"
        print(f"{place:22s} {share:5.0%} {k:8.0f} N/mm {peak_n(curve):7.0f} N  {state}", flush=True)
    return Row(
        place,
        stiffness,
        np.array([peak_n(curve) for curve in curves]),
        np.array([weakest_slice(case) for case in bodies]),
        [(curve.load_factor, abs(curve.force_n[:, 2])) for curve in curves],
        stiffness_n_per_mm(body(step_mm, SMALL_SHARE, place)) / stiffness[0],
    )


def table(rows: list[Row], step_mm: float) -> str:
    lines = [
        "# Strength of a vertebral body over the size of a lytic defect",
        "",
        f"Made by `python benchmarks/defects.py --step {step_mm:g}`: an idealised body of 46 x 34 x 28 mm with a waist "
        "between cement caps, core 110 mg/cc, shell 350 mg/cc, modulus and yield stress by Kopperdahl's laws; a defect "
        "of 5 MPa that takes the given share of the body's volume. Cubic voxels of "
        f"{step_mm:g} mm. Left of the whole body's value:",
        "",
        f"| defect | quantity | {' | '.join(f'{share:.0%}' for share in SHARES)} | slope | r | largest gap |",
        f"|---|---|{'---|' * len(SHARES)}---|---|---|",
    ]
    for row in rows:
        for name, values, unit in (
            ("stiffness", row.stiffness_n_per_mm, "N/mm"),
            ("peak load", row.peak_n, "N"),
            ("weakest slice", row.weakest_slice_n, ""),
        ):
            line = straight_line(np.array(SHARES), values)
            left = " | ".join(f"{value:.0%}" for value in values[1:] / values[0])
            whole = f"{values[0]:.0f} {unit}" if unit else "100%"
            fit = f"{line.slope:.2f} | {line.r:.3f} | {line.largest_gap:.1%}"
            lines.append(f"| {row.place} | {name} | {whole} | {left} | {fit} |")
    return "\n".join([*lines, "", *_reading(rows)]) + "\n"


def _reading(rows: list[Row]) -> list[str]:
    small = [1 - row.stiffness_at_small_share for row in rows]
    large = [1 - row.stiffness_n_per_mm[SHARES.index(0.35)] / row.stiffness_n_per_mm[0] for row in rows]
    lines = [_line(row) for row in rows]
    here = f"r {_span([line.r for line in lines], '.3f')}, at most {max(line.largest_gap for line in lines):.1%} off"
    return [
        "Slope: share of the value lost for each share of the volume lost, of the straight line fitted through the "
        "five sizes; r is its correlation. Largest gap: from that line, in per cent of the whole body's value. Weakest "
        "slice: axial rigidity (E times area) of the weakest layer alone.",
        "",
        "| beside what was published | there | here |",
        "|---|---|---|",
        "| 9 vertebral bodies tested, defects of 0 to 50 % | strength linear with the defect; finite elements against "
        f"test r = 0.97 | peak load against defect: {here} |",
        f"| microFE, stiffness lost at {SMALL_SHARE:.0%} of the volume | 3% | {_span(small, '.0%')} |",
        f"| microFE, stiffness lost at 35% of the volume | 30% | {_span(large, '.0%')} |",
    ]


def shells(step_mm: float) -> list[str]:
    """What the shell, which no clinical scan resolves, has to do with the share of the stiffness that is lost."""
    lines = [
        "",
        f"Stiffness lost to a defect of the body's shape, by the density of the shell ({SHELL_MM:g} mm of it):",
        "",
        f"| shell, mg/cc | whole body, N/mm | lost at {SMALL_SHARE:.0%} | lost at 35% |",
        "|---|---|---|---|",
    ]
    for shell in SHELLS_MG_CC:
        bodies = [body(step_mm, share, PLACES[0], shell_mg_cc=shell) for share in (0.0, SMALL_SHARE, 0.35)]
        whole, small, large = (stiffness_n_per_mm(case) for case in bodies)
        lines.append(f"| {shell:.0f} | {whole:.0f} | {1 - small / whole:.1%} | {1 - large / whole:.1%} |")
    return lines


def _line(row: Row):  # type: ignore[no-untyped-def]
    return straight_line(np.array(SHARES), row.peak_n)


def _span(values: list[float], form: str) -> str:
    return f"{min(values):{form}} to {max(values):{form}}"


def draw(rows: list[Row], step_mm: float, path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure = plt.figure(figsize=(13.5, 4.4), layout="constrained")
    grid = figure.add_gridspec(3, 4, width_ratios=[1, 1, 1, 0.62])
    left, middle, right = (figure.add_subplot(grid[:, column]) for column in range(3))
    _over_share(left, rows, "stiffness_n_per_mm", "Stiffness")
    left.plot(np.multiply(100, MICRO_FE[0]), np.multiply(100, MICRO_FE[1]), "k--", lw=1.3, label="microFE, published")
    left.legend(frameon=False, fontsize=8, loc="lower left")
    _over_share(middle, rows, "peak_n", "Peak load")
    middle.legend(frameon=False, fontsize=8, loc="lower left")
    for share, (strain, force), shade in zip(SHARES, rows[0].curves, np.linspace(1, 0.35, len(SHARES)), strict=True):
        right.plot(strain, force, color=COLOURS[0], alpha=shade, lw=1.5)
        at = int(np.argmax(force))
        right.annotate(f"{share:.0%}", (strain[at], force[at]), (0, 4), textcoords="offset points", ha="center")
    right.set(title=f"Load curves, {rows[0].place}", xlabel="shortening, % of the height with caps", ylabel="force, N")
    right.set_xlim(left=0)
    right.set_ylim(0, 1.1 * max(force.max() for _, force in rows[0].curves))
    for line, (place, colour) in enumerate(zip(PLACES, COLOURS, strict=True)):
        axes = figure.add_subplot(grid[line, 3])
        axes.imshow(_section(body(step_mm, 0.35, place)), origin="lower")
        axes.set_title(f"{place}, 35 %", fontsize=8, color=colour)
        axes.axis("off")
    figure.savefig(path, dpi=150)


def _section(case: Body) -> NDArray[np.float64]:
    """Frontal section (z, x, rgb) where the defect is widest: cement light, bone grey, the defect red."""
    shown = np.ones((*case.bone.shape, 3))
    shown[case.cap] = 0.85
    grey = 0.75 - 0.6 * case.density_mg_cc / case.density_mg_cc.max()
    shown[case.bone] = grey[case.bone][:, None]
    shown[case.lesion] = (0.75, 0.25, 0.2)
    at = int(np.argmax(case.lesion.sum(axis=(0, 2))))
    return shown[:, at].transpose(1, 0, 2)


def _over_share(axes, rows: list[Row], name: str, title: str) -> None:  # type: ignore[no-untyped-def]
    per_cent = 100 * np.array(SHARES)
    for colour, row in zip(COLOURS, rows, strict=True):
        values = getattr(row, name)
        line = straight_line(np.array(SHARES), values)
        axes.plot(per_cent, 100 * values / values[0], "o", color=colour, ms=5, label=f"{row.place}, r = {line.r:.3f}")
        fit = np.polyfit(per_cent, 100 * values / values[0], 1)
        axes.plot(per_cent, np.polyval(fit, per_cent), color=colour, lw=1)
    axes.set(title=title, xlabel="defect, % of the body's volume", ylabel="left, % of the whole body's", ylim=(0, 108))
    axes.grid(color="#ededed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step", type=float, default=1.0, help="voxel size in mm")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the table and the figure")
    chosen = parser.parse_args()
    rows = [measured(place, chosen.step) for place in PLACES]
    text = table(rows, chosen.step) + "\n".join([*shells(chosen.step), ""])
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "defects.md").write_text(text, encoding="utf-8")
    draw(rows, chosen.step, chosen.out / "defects.png")


if __name__ == "__main__":
    main()
