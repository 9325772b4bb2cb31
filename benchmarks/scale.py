"""Memory and time of `spondyl assess` on a large scan: a whole spine in a body, 512 x 512 x 700 voxels of 0.8 mm.

    python benchmarks/scale.py --out FOLDER [--workers 1 2]

The scan is a phantom of the whole spine in an oval of soft tissue with skin and air around it. Memory is the sum of
the proportional set sizes (PSS) of the command and its workers, sampled; Linux only.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.phantoms.lesion import LesionSpec, Place
from spondyl.phantoms.phantom import Phantom, make
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.spec import Person, PhantomSpec, Scan
from spondyl.phantoms.write import write_nifti

SHAPE, STEP_MM = (512, 512, 700), 0.8
HALF_WIDTH_MM, HALF_DEPTH_MM, SKIN_MM = 170.0, 115.0, 20.0
AIR_HU, FAT_HU, SOFT_HU, NOISE_HU = -1000, -100, 40, 15
MASKS = ("cord", "sac", "epidural", "lesions")
SAMPLED_EVERY_S = 0.05
SPEC = PhantomSpec(
    name="scale",
    seed=512,
    person=Person(sex="female", age=62, stature_cm=150),
    scan=Scan(first=Level.C1, last=Level.S1, margin_mm=5),
    scanner=ScannerSpec(voxel_mm=STEP_MM, slice_spacing_mm=STEP_MM, slice_thickness_mm=STEP_MM, noise_hu=NOISE_HU),
    lesions=(
        LesionSpec(level=Level.T8, kind="lytic", diameter_mm=14, place=Place.POSTERIOR, canal_growth_mm=4),
        LesionSpec(level=Level.L2, kind="blastic", diameter_mm=16),
    ),
)


@dataclass(frozen=True)
class Run:
    workers: int
    masks: bool
    peak_gb: float
    wall_s: float
    stages: str
    """As the command prints them."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for the scan and the table")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if not (asked.out / "ct.nii.gz").exists():
        write_scan(asked.out)
    runs = [measure(asked.out, workers, masks) for workers in asked.workers for masks in (False, True)]
    table = as_table(runs)
    (asked.out / "scale.md").write_text(table, encoding="utf-8")
    print(table)


def write_scan(folder: Path) -> None:
    phantom = make(SPEC)
    ct, corner = in_body(phantom)
    for name in MASKS:
        write_nifti(placed(getattr(phantom, name), ct, corner), folder / f"{name}.nii.gz", np.uint8)
    write_nifti(placed(phantom.level_map.labels, ct, corner), folder / "vertebrae.nii.gz", np.uint8)
    write_nifti(ct, folder / "ct.nii.gz", np.int16)  # last: its presence says that all is there


def in_body(phantom: Phantom) -> tuple[Volume, tuple[int, int, int]]:
    """The phantom's scan in a body on the large grid, and where on it the phantom's first voxel lies.

    Behind the phantom's skin is air; the oval of each slice ends at that skin.
    """
    small = phantom.ct.array
    corner = tuple((n - m) // 2 for n, m in zip(SHAPE, small.shape, strict=True))
    if min(corner) < 0:
        raise ValueError(f"the phantom {small.shape} does not fit into {SHAPE}")
    rng = np.random.default_rng(SPEC.seed)
    x = (np.arange(SHAPE[0]) - SHAPE[0] / 2)[:, None] * STEP_MM
    y = np.arange(SHAPE[1])[None, :] * STEP_MM
    hu = np.empty(SHAPE, np.int16, order="F")
    for k in range(SHAPE[2]):
        inner = small[:, :, int(np.clip(k - corner[2], 0, small.shape[2] - 1))]
        skin_mm = (corner[1] + np.flatnonzero(inner[small.shape[0] // 2] > FAT_HU - 100)[-1]) * STEP_MM
        out = oval(x, y - (skin_mm - HALF_DEPTH_MM))
        plane = np.where(out > 0, AIR_HU, np.where(out > -SKIN_MM, FAT_HU, SOFT_HU))
        hu[:, :, k] = np.rint(plane + NOISE_HU * rng.standard_normal(SHAPE[:2], dtype=np.float32))
    hu[tuple(slice(c, c + n) for c, n in zip(corner, small.shape, strict=True))] = small
    affine = phantom.ct.affine.copy()
    affine[:3, 3] = phantom.ct.to_lps(-np.array(corner))
    return Volume(hu, affine, "HU"), (corner[0], corner[1], corner[2])


def oval(x: NDArray, y: NDArray) -> NDArray:
    """About the distance to the skin in mm, negative inside."""
    return (np.sqrt((x / HALF_WIDTH_MM) ** 2 + (y / HALF_DEPTH_MM) ** 2) - 1) * HALF_DEPTH_MM


def placed(mask: Volume, grid: Volume, corner: tuple[int, int, int]) -> Volume:
    array = np.zeros(grid.shape, np.uint8, order="F")
    array[tuple(slice(c, c + n) for c, n in zip(corner, mask.shape, strict=True))] = mask.array
    return grid.like(array, "label")


def measure(folder: Path, workers: int, masks: bool) -> Run:
    """One run of the command, watched."""
    command = [sys.executable, "-c", "from spondyl.cli.main import main; main()", "assess", str(folder / "ct.nii.gz")]
    command += ["--vertebrae", str(folder / "vertebrae.nii.gz"), "--no-strength", "--workers", str(workers)]
    command += [f"--{name}={folder / name}.nii.gz" for name in MASKS] if masks else []
    command += ["--out", str(folder / f"report-{workers}{'-masks' if masks else ''}")]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, sum(pss_bytes(number) for number in tree(process.pid)))
            time.sleep(SAMPLED_EVERY_S)
        printed = process.stdout.read() if process.stdout else ""
    if process.returncode:
        raise RuntimeError(f"the command ended with {process.returncode}: {printed}")
    wall = time.perf_counter() - began
    stages = " ".join(line for line in printed.splitlines() if re.match(r"[\d.]+ s( a vertebra| \()", line))
    return Run(workers, masks, peak / 1e9, wall, stages)


def tree(process: int) -> list[int]:
    """A process and all that it started."""
    found = [process]
    for number in found:
        try:
            for task in Path(f"/proc/{number}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:  # it has ended
            continue
    return found


def pss_bytes(process: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{process}/smaps_rollup").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return 1024 * int(found[1]) if found else 0


def as_table(runs: list[Run]) -> str:
    size = " x ".join(map(str, SHAPE))
    lines = [
        "# A large scan",
        "",
        f"Made by `python benchmarks/scale.py`: {size} voxels of {STEP_MM} mm, a phantom of the whole spine in a body; "
        f"`spondyl assess --no-strength` on {os.cpu_count()} cores ({platform.machine()}). Memory is the largest sum "
        "of PSS over the command and its workers. Other work on the machine lengthens the times, not the memory.",
        "",
        "| workers | masks of cord, sac, epidural tumour and lesions | peak memory, GB | wall time, s | as printed |",
        "|---|---|---|---|---|",
    ]
    for run in runs:
        given = "given" if run.masks else "none"
        lines.append(f"| {run.workers} | {given} | {run.peak_gb:.2f} | {run.wall_s:.0f} | {run.stages} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
