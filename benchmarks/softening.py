"""How the failure load depends on how steeply crushed bone softens, on the body of the published vertebra at 1 mm.

    python benchmarks/softening.py

Needs the files of bonelab_spinefe, see tests/data.py.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from mechanics.models import published_images  # noqa: E402
from spondyl.mechanics.bone import BoneBlock  # noqa: E402
from spondyl.mechanics.cases import posed  # noqa: E402
from spondyl.mechanics.composition import Variant, compose  # noqa: E402
from spondyl.mechanics.criteria import failure  # noqa: E402
from spondyl.mechanics.curve import load_curve  # noqa: E402
from spondyl.mechanics.laws import DEFAULT_LAW  # noqa: E402
from spondyl.mechanics.materials import POISSON_RATIO  # noqa: E402
from spondyl.mechanics.strength import STRAINS  # noqa: E402
from spondyl.values.strength import LoadCase  # noqa: E402
from spondyl.values.voxel_model import VoxelModel  # noqa: E402

SOFTENINGS = ((0.5, 0.1), (0.5, 0.2), (0.5, 0.4), (1.0, np.inf))
"""Share of the yield stress left, and the plastic strain over which it falls; the last is none at all."""


def main() -> None:
    density, labels = published_images()
    spacing_mm = (1.0, 1.0, 1.0)
    block = BoneBlock(density, np.isin(labels, (1, 2)), spacing_mm)
    composed = compose(block, Variant(DEFAULT_LAW))
    way = posed(LoadCase.AXIAL, composed.between, composed.modulus_mpa > 0, spacing_mm, bonded=False)
    strains = np.array(STRAINS)
    model = VoxelModel(composed.modulus_mpa, spacing_mm, POISSON_RATIO, way.held, strains[-1] * way.pattern)
    for share, over in SOFTENINGS:
        plasticity = replace(composed.plasticity, residual_share=share, softening_strain=over)
        curve = load_curve(model, plasticity, steps=strains / strains[-1], stop_below_peak=None)
        load = way.load(curve)
        highest = failure(curve.load_factor * strains[-1], load)
        said = "not reached" if highest is None else f"{highest:.0f} N"
        fall = f"to {share:.0%} of the yield stress over a plastic strain of {over:g}"
        print(f"{fall}: failure {said}, at the end {load[-1]:.0f} N")


if __name__ == "__main__":
    main()
