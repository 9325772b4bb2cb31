"""The response surface of the natural history: how much strength tumour in a vertebral body leaves, by finite elements.

    python benchmarks/strength_surface.py                # runs the blocks (some minutes), writes the table and the fit
    python benchmarks/strength_surface.py --fit-only     # fits the table that lies there

Synthetic scans of one vertebra each (`spondyl.phantoms`), intact and with one lesion of the same person, become blocks
of 2 mm voxels of the body; their failure loads are those of the voxel solver (`spondyl.mechanics`), axial:

    strength left = exp(-(b1 s + b2 s^2 + b3 s w))

with s the share of the body that is lesion and w 1 where it touches the posterior wall, b by type and not negative.
Dense tumour raises the load of the model, as the law of density has it, but woven bone is not as good as its density:
strength is not let rise above intact. Errors are of the strength left, what is above intact taken as intact.
"""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
from scipy.optimize import nnls

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.imaging.calibration import generic
from spondyl.mechanics.bone import BoneBlock, BoneLesion
from spondyl.mechanics.cases import posed
from spondyl.mechanics.composition import Variant, compose
from spondyl.mechanics.criteria import failure
from spondyl.mechanics.curve import load_curve
from spondyl.mechanics.laws import DEFAULT_LAW
from spondyl.mechanics.materials import POISSON_RATIO
from spondyl.mechanics.strength import BEYOND, STRAINS
from spondyl.phantoms.lesion import LesionSpec, Place
from spondyl.phantoms.phantom import Phantom, make
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.spec import Person, PhantomSpec, Scan
from spondyl.values.strength import LoadCase
from spondyl.values.vertebra import Frame
from spondyl.values.voxel_model import VoxelModel
from spondyl.vertebrae.block import grid_around, signed_distance

HERE = Path(__file__).parent / "results"
TABLE, FIT = HERE / "strength_surface.csv", HERE / "strength_surface.json"
VOXEL_MM, MARGIN_MM = 2.0, 4.0
KINDS = ("lytic", "mixed", "blastic")
PEOPLE = (("female", 50), ("male", 55), ("female", 75), ("male", 70))
LEVELS = (Level.T8, Level.L1, Level.L4)
DIAMETERS_MM = (10.0, 16.0, 22.0, 28.0)
COLUMNS = ("person", "sex", "age", "level", "kind", "place", "diameter_mm", "share", "at_wall", "intact_n", "failure_n")


def block_of(phantom: Phantom, level: Level, kind: str | None) -> tuple[BoneBlock, float, bool]:
    """The body at 2 mm in its own frame, the share of it that is lesion, and whether that touches the back wall."""
    truth = phantom.truth["levels"][level.name]["frame"]
    frame = Frame(np.array(truth["origin_lps_mm"]), np.array(truth["axes"]))
    label = phantom.level_map.labels.array == int(level)
    body = phantom.subregions.like(label & (phantom.subregions.array == SubRegion.BODY), "mask")
    grid = grid_around(body, frame, step_mm=VOXEL_MM, margin_mm=MARGIN_MM)
    inside = grid.sample(signed_distance(body), outside=-1.0) > 0
    hu = grid.sample(phantom.ct, outside=-1000.0)
    density = generic(120.0).density_mg_cc(hu).astype(np.float64)
    if kind is None:
        return BoneBlock(density, inside, (VOXEL_MM,) * 3), 0.0, False
    lesion = grid.sample(phantom.lesions.like(phantom.lesions.array > 0, "mask"), outside=0.0) > 0.5
    held = lesion & inside
    behind = np.zeros_like(inside)
    behind[:, :-1] = ~inside[:, 1:]
    _, y_mm, _ = grid.coordinates_mm()
    at_wall = bool((held & behind & (y_mm > 0)[None, :, None]).any())
    return BoneBlock(density, inside, (VOXEL_MM,) * 3, (BoneLesion(held, kind),)), held.sum() / inside.sum(), at_wall


def failure_load_n(block: BoneBlock) -> float:
    composed = compose(block, Variant(DEFAULT_LAW))
    way = posed(LoadCase.AXIAL, composed.between, composed.modulus_mpa > 0, block.spacing_mm, bonded=False)
    strains = np.array(STRAINS)
    last = BEYOND[-1]
    model = VoxelModel(composed.modulus_mpa, block.spacing_mm, POISSON_RATIO, way.held, last * way.pattern)
    curve = load_curve(
        model, composed.plasticity, steps=(strains / last).tolist(), free=way.free, about_mm=way.about_mm, threads=1
    )
    highest = failure(curve.load_factor * last, way.load(curve))
    if highest is None:
        raise ValueError(curve.remedy)
    return float(highest)


def phantom_of(person: int, level: Level, lesion: LesionSpec | None) -> Phantom:
    sex, age = PEOPLE[person]
    return make(
        PhantomSpec(
            seed=person,
            person=Person(sex=sex, age=age),
            scan=Scan(first=level, last=level, width_mm=80, margin_mm=4),
            scanner=ScannerSpec(noise_hu=0.0),
            lesions=(lesion,) if lesion else (),
        )
    )


def run() -> None:
    rows = []
    rng = np.random.default_rng(20)
    for person in range(len(PEOPLE)):
        for level in LEVELS:
            intact = failure_load_n(block_of(phantom_of(person, level, None), level, None)[0])
            plan = [(kind, d) for kind in KINDS for d in (DIAMETERS_MM if kind == "lytic" else DIAMETERS_MM[1::2])]
            for kind, diameter in plan:
                place = Place.POSTERIOR if rng.random() < 0.6 else Place.CENTRE
                try:
                    lesion = LesionSpec(level=level, kind=kind, diameter_mm=diameter, place=place, breach=None)
                    block, share, at_wall = block_of(phantom_of(person, level, lesion), level, kind)
                    load = failure_load_n(block)
                except Exception as error:
                    print(f"person {person}, {level.name}, {kind} {diameter:g} mm: {error}", flush=True)
                    continue
                sex, age = PEOPLE[person]
                values = (person, sex, age, level.name, kind, place.value, diameter, share, int(at_wall), intact, load)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
                print(f"{person} {level.name} {kind} {diameter:g} mm, {share:.3f}: {load / intact:.3f}", flush=True)
    with TABLE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({k: f"{v:.4f}" if isinstance(v, float) else v for k, v in row.items()})


def fit() -> None:
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = {}
    for kind in KINDS:
        mine = [row for row in rows if row["kind"] == kind]
        share, wall = (np.array([float(row[key]) for row in mine]) for key in ("share", "at_wall"))
        left = np.array([float(row["failure_n"]) / float(row["intact_n"]) for row in mine])
        terms = np.column_stack([share, share**2, share * wall])
        b, rest = surface(terms, left)
        people = np.array([row["person"] for row in mine])
        held_out = np.concatenate([_left_out(terms, left, people == person) for person in sorted(set(people))])
        told[kind] = {
            "b": [round(float(value), 4) for value in b],
            "runs": len(mine),
            "largest_share": round(float(share.max()), 3),
            "rms_error_of_strength_left": round(float(np.sqrt(np.mean(rest**2))), 4),
            "rms_error_leaving_one_person_out": round(float(np.sqrt(np.mean(held_out**2))), 4),
            "runs_not_weaker_than_intact": int(np.sum(left >= 1.0)),
            "lowest_and_highest_strength_left": [round(float(left.min()), 3), round(float(left.max()), 3)],
        }
    FIT.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=2))


def surface(terms: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """b, and the residuals of the strength left; strength is not let rise with tumour."""
    b, _ = nnls(terms, -np.log(np.minimum(left, 1.0)))
    return b, predicted(terms, b) - np.minimum(left, 1.0)


def _left_out(terms: np.ndarray, left: np.ndarray, out: np.ndarray) -> np.ndarray:
    b, _ = surface(terms[~out], left[~out])
    return predicted(terms[out], b) - np.minimum(left[out], 1.0)


def predicted(terms: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.minimum(np.exp(-terms @ b), 1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--fit-only", action="store_true")
    if not parser.parse_args().fit_only:
        run()
    fit()
