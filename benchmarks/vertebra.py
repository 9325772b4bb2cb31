"""Time of a whole vertebra's strength: failure load, interval, and what two lesions cost and cement gives back.

    python benchmarks/vertebra.py

The body of the published second lumbar vertebra (files of bonelab_spinefe, see tests/data.py) at 1 mm, with two lytic
balls of 8 and 5 mm radius put into it; on all cores, compiled code at hand.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

# In place of this folder, whose mechanics.py would hide the tests' folder of that name.
sys.path[0] = str(Path(__file__).resolve().parents[1] / "tests")

from mechanics.models import published_images  # noqa: E402
from spondyl.mechanics.bone import BoneBlock, BoneLesion  # noqa: E402
from spondyl.mechanics.strength import strength  # noqa: E402

REPETITIONS = 3
LESION_MG_CC = 30.0
BALLS = (((6, -4, 0), 8.0), ((-10, 2, 4), 5.0))
"""Centre from the body's own, in mm, and radius."""


def with_lesions() -> BoneBlock:
    density, labels = published_images()
    bone = np.isin(labels, (1, 2))
    place = np.indices(bone.shape) - np.argwhere(bone).mean(axis=0)[:, None, None, None]
    lesions = []
    for centre, radius in BALLS:
        ball = ((place - np.array(centre)[:, None, None, None]) ** 2).sum(axis=0) < radius**2
        lesions.append(BoneLesion(ball & bone, "lytic"))
        density = np.where(ball, LESION_MG_CC, density)
    return BoneBlock(density, bone, (1.0, 1.0, 1.0), tuple(lesions))


def measure(block: BoneBlock, *, thorough: bool) -> None:
    models: list[int] = []
    seconds = []
    for _ in range(1 + REPETITIONS):
        start = time.perf_counter()
        found = strength(
            block,
            relative_density_sd=0.05,
            thorough=thorough,
            progress=lambda stage, done, total: models.append(total),
        )
        seconds.append(time.perf_counter() - start)
    lost = found.lesions[-1].lost_share
    print(
        f"{'all on the fine voxels' if thorough else 'as `assess` does it'}: {models[-1]} models, {found.elements} "
        f"elements, median {np.median(seconds[1:]):.1f} s; failure load {found.failure_load_n:.0f} N, both lesions "
        f"cost {'unknown' if lost is None else f'{lost:.0%}'}"
    )


def main() -> None:
    block = with_lesions()
    for thorough in (True, False):
        measure(block, thorough=thorough)


if __name__ == "__main__":
    main()
