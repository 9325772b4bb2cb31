"""What the failure load is uncertain by: one source at a time, then together.

Each source is taken to its two ends with everything else left as it is, and the model is run again. The calibration's
ends are those of 95 %; the others' are stated alternatives (half a voxel, other laws, other supports, softer and
stiffer tumour), of which nobody knows the probability. The sources are taken as independent: their deviations add as
squares, upward and downward by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spondyl.mechanics.composition import Variant
from spondyl.values.strength import Spread

NORMAL_95 = 1.959964
HALF_A_VOXEL = 0.5
"""By how much a mask's surface may lie off; own choice: what two careful contours of one vertebra differ by."""
OTHER_LAWS = ("crawford2003", "morgan2003")
"""Laws for vertebral trabecular bone that others use in place of the chosen one; own choice, see docs/explanation."""
LYTIC_SWEEP_MPA = (1.0, 20.0)
"""Soft tumour is written of with 0.1 to 20 MPa; under 1 MPa nothing changes any more. Own choice from the dossier's
sweep, whose sources are papers on finite elements (unverified)."""


REACH = "the calibration's ends being those of 95 % and the others' stated alternatives"
"""What the ends of an interval mean, for the sentence that names its method."""


@dataclass(frozen=True)
class Source:
    name: str
    words: str
    variants: tuple[Variant, ...]


def sources(
    base: Variant, *, relative_density_sd: float, lytic: bool, surface_voxels: float = HALF_A_VOXEL
) -> tuple[Source, ...]:
    """What is varied about `base`; `lytic` where it holds a soft lesion."""
    found = []
    if relative_density_sd > 0:
        reach = min(NORMAL_95 * relative_density_sd, 0.9)
        ends = tuple(replace(base, density_factor=base.density_factor * (1 + sign * reach)) for sign in (-1, 1))
        found.append(Source("calibration", f"density {reach:.0%} lower and higher (95 %)", ends))
    moved = tuple(replace(base, surface_voxels=sign * surface_voxels) for sign in (-1, 1))
    found.append(Source("segmentation", "the mask's surface half a voxel further in and out", moved))
    laws = tuple(replace(base, law=law) for law in OTHER_LAWS if law != base.law)
    found.append(Source("law", f"the laws {' and '.join(variant.law for variant in laws)} in its place", laws))
    found.append(Source("supports", "the caps' faces held across the load too", (replace(base, bonded=True),)))
    if lytic:
        low, high = LYTIC_SWEEP_MPA
        swept = tuple(replace(base, lytic_mpa=modulus) for modulus in LYTIC_SWEEP_MPA)
        found.append(Source("tumour", f"lytic tissue of {low:g} and of {high:g} MPa", swept))
    return tuple(found)


def spread(source: Source, base_load: float, loads: Sequence[float]) -> Spread:
    """What the source does to the failure load."""
    shares = [load / base_load - 1 for load in loads]
    return Spread(source.name, min(0.0, *shares), max(0.0, *shares), source.words)


def together(load: float, spreads: Sequence[Spread]) -> tuple[float, float]:
    """Interval of the failure load."""
    low = float(np.sqrt(sum(entry.low_share**2 for entry in spreads)))
    high = float(np.sqrt(sum(entry.high_share**2 for entry in spreads)))
    return load * max(0.0, 1 - low), load * (1 + high)
