"""How the solver's error falls with the voxels, and that its iterations do not grow: the figure and the table.

    python benchmarks/convergence.py            to benchmarks/results/convergence.{md,png}, about a minute
    python benchmarks/convergence.py --small    the sizes of the tests only

The problems are those of tests/mechanics/test_theory_*.py on finer meshes as well.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(HERE.parent / "tests")

from mechanics.gallery import GALLERY, reduction  # noqa: E402
from mechanics.sphere import sphere_problem  # noqa: E402
from mechanics.theory import (  # noqa: E402
    Problem,
    cantilever,
    displacement_error,
    graded_bar,
    orders,
    solved,
    square_torsion,
)
from spondyl.mechanics.solve import solve  # noqa: E402

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#7F7F7F", "#E69F00", "#000000")
"""Of Okabe and Ito, told apart by the colour-blind."""
SMOOTH: dict[str, tuple[Callable[[int], Problem], tuple[int, ...]]] = {
    "graded bar": (lambda n: graded_bar(n)[0], (24, 48, 96, 192)),
    "cantilever (Timoshenko)": (cantilever, (4, 8, 16, 32)),
    "torsion (Saint-Venant)": (square_torsion, (6, 12, 24, 48)),
}
JAGGED: dict[str, tuple[Callable[[int], Problem], tuple[int, ...]]] = {
    "sphere 10 x stiffer": (lambda n: sphere_problem(n, 10.0), (8, 16, 32, 64)),
    "sphere 10 x softer": (lambda n: sphere_problem(n, 0.1), (8, 16, 32, 64)),
    "cavity": (lambda n: sphere_problem(n, 0.0), (8, 16, 32, 64)),
    "10 x stiffer, partial volume": (lambda n: sphere_problem(n, 10.0, partial_volume=True), (8, 16, 32, 64)),
    "10 x softer, partial volume": (lambda n: sphere_problem(n, 0.1, partial_volume=True), (8, 16, 32, 64)),
}
FINER_MM = {
    "uniform bar": (0.125,),
    "study cylinder": (0.7, 0.5, 0.35),
    "clinical CT": (0.7, 0.5, 0.35),
    "clinical CT, 1 : 1 : 2": (0.56, 0.4, 0.28),
    "clinical CT, 1 : 1 : 4": (0.5, 0.35),
    "published vertebra with its arch": (0.5,),
}


@dataclass(frozen=True)
class Curve:
    name: str
    voxels: tuple[int, ...]
    errors: tuple[float, ...]

    @property
    def order(self) -> float:
        """Fitted over all meshes."""
        return float(-np.polyfit(np.log(self.voxels), np.log(self.errors), 1)[0])


@dataclass(frozen=True)
class Cycles:
    name: str
    step_mm: tuple[float, ...]
    elements: tuple[int, ...]
    iterations: tuple[int, ...]
    reductions: tuple[float, ...]


def measured(name: str, make: Callable[[int], Problem], sizes: tuple[int, ...]) -> Curve:
    problems = [make(size) for size in sizes]
    return Curve(name, sizes, tuple(displacement_error(problem, solved(problem.model)) for problem in problems))


def cycles(name: str, make: Callable, steps_mm: tuple[float, ...]) -> Cycles:
    solutions = [solve(make(step)) for step in steps_mm]
    return Cycles(
        name,
        steps_mm,
        tuple(solution.elements for solution in solutions),
        tuple(solution.report.iterations for solution in solutions),
        tuple(reduction(solution.report) for solution in solutions),
    )


def available(name: str) -> bool:
    """The published vertebra is not on every machine."""
    try:
        GALLERY[name][0](GALLERY[name][1][0])
    except BaseException as reason:  # the tests' own way to skip is not an Exception
        if type(reason).__name__ != "Skipped":
            raise
        print(f"{name}: left out ({reason})")
        return False
    return True


def table(smooth: list[Curve], jagged: list[Curve], gallery: list[Cycles]) -> str:
    lines = [
        "# Convergence of the voxel solver",
        "",
        "Made by `python benchmarks/convergence.py`. Error: root of the mean square over the nodes, relative to the "
        "exact displacement (torsion: to its warping; spheres: to what the sphere changes).",
        "",
        "| problem | voxels across | error | order between meshes | order fitted |",
        "|---|---|---|---|---|",
    ]
    for curve in smooth + jagged:
        between = orders(1 / np.array(curve.voxels), curve.errors)
        lines.append(
            f"| {curve.name} | {', '.join(map(str, curve.voxels))} | {', '.join(f'{e:.2g}' for e in curve.errors)} | "
            f"{', '.join(f'{order:.2f}' for order in between)} | {curve.order:.2f} |"
        )
    lines += [
        "",
        "Iterations to a relative residual of 1e-6, and mean factor by which one iteration shrinks the residual.",
        "",
        "| model | voxel, mm | elements | iterations | factor |",
        "|---|---|---|---|---|",
    ]
    for row in gallery:
        lines.append(
            f"| {row.name} | {', '.join(f'{step:g}' for step in row.step_mm)} | "
            f"{', '.join(f'{count:,}' for count in row.elements)} | {', '.join(map(str, row.iterations))} | "
            f"{', '.join(f'{factor:.2f}' for factor in row.reductions)} |"
        )
    return "\n".join(lines) + "\n"


def draw(smooth: list[Curve], jagged: list[Curve], gallery: list[Cycles], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13.5, 4.4), layout="constrained")
    _errors(left, smooth, 2, "Smooth problems: second order", "voxels over the height or length")
    _errors(middle, jagged, 1, "Jagged surface: about first order", "voxels over the sphere's diameter")
    for colour, row in zip(COLOURS, gallery, strict=False):
        right.semilogx(row.elements, row.iterations, "o-", color=colour, ms=4, lw=1.4, label=row.name)
    right.set_ylim(0, 44)
    right.set(title="Iterations do not grow with size", xlabel="elements", ylabel="iterations to a residual of 1e-6")
    right.legend(frameon=False, fontsize=8, ncols=2, loc="upper left", columnspacing=1.0)
    right.grid(axis="y", color="#e5e5e5")
    figure.savefig(path, dpi=150)


def _errors(axes, curves: list[Curve], order: int, title: str, label: str) -> None:  # type: ignore[no-untyped-def]
    from matplotlib.ticker import FixedLocator, NullLocator

    for colour, curve in zip(COLOURS, curves, strict=False):
        style = "s--" if "partial" in curve.name else "o-"
        name = f"{curve.name}: {curve.order:.2f}"
        axes.loglog(curve.voxels, curve.errors, style, color=colour, ms=4, lw=1.4, label=name)
    sizes = np.array(sorted({size for curve in curves for size in curve.voxels}))
    lowest = min(error * n**order for curve in curves for n, error in zip(curve.voxels, curve.errors, strict=True))
    guide = lowest / 1.6 / sizes.astype(float) ** order
    axes.loglog(sizes, guide, color="#999999", lw=1, ls=":")
    middle = len(sizes) // 2
    below = {"xytext": (-6, -9), "textcoords": "offset points"}
    axes.annotate(f"order {order}", (sizes[middle], guide[middle]), ha="right", color="#666666", **below)
    axes.set(title=title, xlabel=label, ylabel="relative error of the displacement")
    axes.xaxis.set_major_locator(FixedLocator(list(sizes)))
    axes.xaxis.set_major_formatter("{x:.0f}")
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(color="#ededed")
    axes.legend(frameon=False, fontsize=8, title="fitted order", alignment="left", loc="upper right")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="the sizes of the tests only")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the table and the figure")
    chosen = parser.parse_args()
    last = -1 if chosen.small else None
    smooth = [measured(name, make, sizes[:last]) for name, (make, sizes) in SMOOTH.items()]
    jagged = [measured(name, make, sizes[:last]) for name, (make, sizes) in JAGGED.items()]
    gallery = [
        cycles(name, make, steps + (() if chosen.small else FINER_MM.get(name, ())))
        for name, (make, steps) in GALLERY.items()
        if available(name)
    ]
    text = table(smooth, jagged, gallery)
    print(text)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "convergence.md").write_text(text, encoding="utf-8")
    draw(smooth, jagged, gallery, chosen.out / "convergence.png")


if __name__ == "__main__":
    main()
