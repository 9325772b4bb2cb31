"""Makes vertebra_prior.npz and level_looks.toml of src/spondyl/segmentation from whole spines of the phantoms room.

    python scripts/vertebra_prior.py [--people 24]

Each spine is scanned, straightened and cut into levels by the segmenter's own steps, so that its measure of a level is
the one used later; what a place belongs to is then known from the phantom.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

import spondyl.segmentation
from spondyl.anatomy.levels import Level
from spondyl.core.progress import silent
from spondyl.phantoms.render import finer, grid_of, render
from spondyl.phantoms.scanner import ScannerSpec, scan
from spondyl.phantoms.scene import build_scene
from spondyl.phantoms.spec import Person, PhantomSpec, Scan, SpineShape
from spondyl.segmentation.cord_canal import find_canal
from spondyl.segmentation.discs import find_discs
from spondyl.segmentation.looks import FEATURES, looks
from spondyl.segmentation.names import FILE as LOOKS
from spondyl.segmentation.prior import FILE, SHAPE, START, STEP, straight_places
from spondyl.segmentation.rows import Span, spans
from spondyl.segmentation.straight import Line, straighten
from spondyl.segmentation.walls import find_walls

SEED = 7
SLICE_MM = 1.25
LEVELS = tuple(level for level in Level if level <= Level.L5 or level is Level.S1)
NEAR = 0.2
"""A level is what fills the middle of its body, this share of its measures to each side."""


def spec_of(number: int) -> PhantomSpec:
    rng = np.random.default_rng((SEED, number))
    male = number % 2 == 0
    return PhantomSpec(
        seed=number,
        person=Person(
            sex="male" if male else "female",
            age=float(rng.uniform(40, 80)),
            stature_cm=float((176 if male else 163) + rng.normal(0, 7)),
        ),
        spine=SpineShape(
            cervical_lordosis_deg=float(rng.uniform(0, 35)),
            thoracic_kyphosis_deg=float(rng.uniform(20, 55)),
            lumbar_lordosis_deg=float(rng.uniform(30, 65)),
            scoliosis_deg=float(rng.normal(0, 10)),
        ),
        scan=Scan(first=Level.C1, last=Level.S1, margin_mm=30),
        scanner=ScannerSpec(voxel_mm=1.0, slice_spacing_mm=SLICE_MM, slice_thickness_mm=SLICE_MM, noise_hu=12),
    )


def scanned(spec: PhantomSpec) -> tuple[NDArray[np.int16], NDArray[np.uint8], tuple[float, float, float]]:
    """HU and levels (left, back, up), and the spacing."""
    scene = build_scene(spec)
    fine, thin = finer(grid_of(scene))
    layers = render(scene, fine, silent)
    ct = scan(layers.hu, spec.scanner, (spec.seed, "scan")).canonical()
    levels = layers.levels[:, :, thin // 2 :: thin]
    return ct.array.astype(np.int16), levels.astype(np.uint8), ct.spacing_mm


def learnt(
    hu: NDArray[np.int16], levels: NDArray[np.uint8], spacing_mm: tuple[float, float, float]
) -> dict[Level, tuple[NDArray[np.float32], NDArray[np.float64]]]:
    """Each level's vertebra on the grid of its own measure, and its look."""
    straight = straighten(hu, spacing_mm, find_canal(hu, spacing_mm))
    walls = find_walls(straight)
    found: dict[Level, tuple[NDArray[np.float32], NDArray[np.float64]]] = {}
    row = spans(straight, walls, find_discs(straight, walls))
    for span, look in zip(row, looks(straight, row), strict=True):
        level = level_at(span, straight.line, levels, spacing_mm)
        if level is None or level in found:  # the dens looks like a body above C2's
            continue
        out = np.empty((3, *SHAPE))
        straight_places(span.numbers(), START, STEP, out)
        places = straight.line.place(out[0], out[1], out[2]) / spacing_mm
        found[level] = sampled(levels, level, places), look
        if level is Level.C2:  # C1 has no body: it is told in C2's measure
            found[Level.C1] = sampled(levels, Level.C1, places), np.full(len(FEATURES), np.nan)
    return found


def sampled(levels: NDArray[np.uint8], level: Level, places: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much of each place (..., 3) of the labels' grid belongs to a level."""
    box = ndimage.find_objects((levels == level).astype(np.uint8))[0]
    soft = ndimage.gaussian_filter(np.pad((levels[box] == level).astype(np.float32), 3), 0.4)
    index = np.moveaxis(places, -1, 0) - np.array([side.start - 3 for side in box])[:, None, None, None]
    return ndimage.map_coordinates(soft, index, order=1, mode="constant", output=np.float32)


def level_at(span: Span, line: Line, levels: NDArray[np.uint8], spacing_mm: tuple[float, float, float]) -> Level | None:
    """The level whose bone fills most of the body's middle."""
    reach = np.linspace(-1, 1, 7)
    s, a, left = np.meshgrid(
        span.middle_s_mm + NEAR * span.height_mm * reach,
        span.middle_a_mm + NEAR * span.depth_mm * reach,
        span.middle_l_mm + NEAR * span.half_width_mm * reach,
        indexing="ij",
    )
    index = np.rint(line.place(s, a, left) / spacing_mm).astype(int).reshape(-1, 3)
    inside = index[((index >= 0) & (index < levels.shape)).all(axis=1)]
    counts = np.bincount(levels[tuple(inside.T)], minlength=40) if len(inside) else np.zeros(40)
    best = int(np.argmax(counts))
    return Level(best) if best and counts[best] > 0.8 * len(index) else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=24)
    people = parser.parse_args().people
    total = {level: np.zeros(SHAPE) for level in LEVELS}
    seen: dict[Level, list[NDArray[np.float64]]] = {level: [] for level in LEVELS}
    for number in range(people):
        for level, (soft, look) in learnt(*scanned(spec_of(number))).items():
            total[level] += soft
            seen[level].append(look)
        print(f"{number + 1} of {people}", {level.name: len(of) for level, of in seen.items()}, flush=True)
    arrays = {
        level.name: np.rint(255 * np.clip(total[level] / len(of), 0, 1)).astype(np.uint8)
        for level, of in seen.items()
        if of
    }
    folder = Path(spondyl.segmentation.__file__).parent
    np.savez_compressed(folder / FILE, **arrays)
    (folder / LOOKS).write_text(
        f"# Mean look of each level in {people} phantoms, as looks.py tells it; made by scripts/vertebra_prior.py.\n"
        + "".join(_line(level, np.nanmean(of, axis=0)) for level, of in seen.items() if of and level is not Level.C1)
    )
    print(f"{FILE}: {(folder / FILE).stat().st_size / 1e6:.1f} MB")


def _line(level: Level, look: NDArray[np.float64]) -> str:
    values = ", ".join(f"{feature} = {value:.3f}" for feature, value in zip(FEATURES, look, strict=True))
    return f"{level.name} = {{ {values} }}\n"


if __name__ == "__main__":
    main()
