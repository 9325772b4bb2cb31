"""An idealised vertebral body between cement caps with a lytic defect of a given share of its volume.

Units: mm, MPa, mg/cc K2HPO4. Arrays (x, y, z), z up, y to the back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mechanics.models import pressed
from spondyl.mechanics.curve import CurveSolution, CurveStatus, load_curve
from spondyl.mechanics.plasticity import Plasticity
from spondyl.mechanics.solve import solve
from spondyl.values.strength import SolveStatus
from spondyl.values.voxel_model import VoxelModel

BODY_MM = (46.0, 34.0, 28.0)
"""Width, depth and height at the endplates, about an L2; own choice."""
WAIST = 0.88
"""Half axes at mid-height over those at the endplates; own choice."""
CORE_MG_CC = 110.0
"""Trabecular density of a middle-aged spine, between normal and low; own choice."""
SHELL_MG_CC = 350.0
SHELL_MM = 1.0
"""Cortex and endplates as clinical CT shows them: 0.3 to 0.5 mm of dense bone smeared over a voxel. Own choice."""
CAP_MM = 3.0
CEMENT_MPA = 2500.0
TUMOUR_MPA = 5.0
"""Lytic tissue, within the 1 to 10 MPa of finite-element papers."""
TUMOUR_YIELD_MPA = 0.1
"""Own choice: next to nothing, 2 % of its modulus."""
TENSION_SHARE = 0.88
"""Yield stress in tension over that in compression (Morgan and Keaveny 2001, as remembered)."""
RESIDUAL_SHARE, SOFTENING_STRAIN = 0.5, 0.05
"""Crushed bone keeps half its strength, after 5 % plastic strain in voxels of 1 mm. Own choice: what matters here is
that there is a peak, and the same rule with and without a defect."""
LOAD_STEPS = tuple(round(0.1 * step, 1) for step in range(1, 26))
"""In per cent of the height between the outer faces."""
SHARES = (0.0, 0.1, 0.2, 0.35, 0.5)
Place = Literal["central, body's shape", "central, sphere", "off-centre, sphere"]
PLACES: tuple[Place, ...] = ("central, body's shape", "central, sphere", "off-centre, sphere")
OFF_CENTRE_MM = (10.0, -8.0, 3.0)
"""To the left, the front and up; own choice. Such a defect breaks through the shell."""


@dataclass(frozen=True, eq=False)
class Body:
    density_mg_cc: NDArray[np.float64]
    """0 outside bone."""
    bone: NDArray[np.bool_]
    lesion: NDArray[np.bool_]
    cap: NDArray[np.bool_]
    spacing_mm: tuple[float, float, float]

    @property
    def modulus_mpa(self) -> NDArray[np.float64]:
        """Kopperdahl 2002: E = 2980 rho^1.05, rho in g/cc."""
        modulus = 2980.0 * (self.density_mg_cc / 1000) ** 1.05
        return np.where(self.cap, CEMENT_MPA, np.where(self.lesion, TUMOUR_MPA, modulus))

    @property
    def yield_mpa(self) -> NDArray[np.float64]:
        """Kopperdahl 2002: 37.4 rho^1.39; cement does not yield."""
        stress = 37.4 * (self.density_mg_cc / 1000) ** 1.39
        return np.where(self.cap, np.inf, np.where(self.lesion, TUMOUR_YIELD_MPA, stress))

    @property
    def model(self) -> VoxelModel:
        """Faces held across the load, as cement between the plates of a testing machine; pressed by 1 %."""
        return pressed(self.modulus_mpa, self.spacing_mm, bonded=True)


def body(step_mm: float, share: float, place: Place, *, shell_mg_cc: float = SHELL_MG_CC) -> Body:
    """The body with cubic voxels, `share` of its volume taken by the defect."""
    layers = round(CAP_MM / step_mm)
    shape = [round(size / step_mm) for size in BODY_MM]
    x, y, z = np.meshgrid(*[(np.arange(n) + 0.5) * step_mm - n * step_mm / 2 for n in shape], indexing="ij")
    height = BODY_MM[2] / 2
    narrow = WAIST + (1 - WAIST) * (z / height) ** 2
    radius = np.hypot(x / (BODY_MM[0] / 2), y / (BODY_MM[1] / 2)) / narrow
    bone = radius <= 1
    depth = np.minimum((1 - radius) * narrow * BODY_MM[1] / 2, height - abs(z))
    shell = np.clip((SHELL_MM - depth) / step_mm + 0.5, 0, 1)  # partial volume
    density = (CORE_MG_CC + shell * (shell_mg_cc - CORE_MG_CC)) * bone
    lesion = _nearest(bone, _distance(x, y, z, narrow, place), share)
    beyond = ((0, 0), (0, 0), (layers, layers))
    filled = np.pad(bone, beyond, mode="edge")
    return Body(
        density_mg_cc=np.pad(density, beyond),
        bone=np.pad(bone, beyond),
        lesion=np.pad(lesion, beyond),
        cap=filled & ~np.pad(bone, beyond),
        spacing_mm=(step_mm, step_mm, step_mm),
    )


def _distance(x: NDArray, y: NDArray, z: NDArray, narrow: NDArray, place: Place) -> NDArray[np.float64]:
    """From the defect's centre, in the measure in which the defect is a ball."""
    if place == "central, body's shape":
        width, depth, height = BODY_MM
        return np.sqrt((x / width / narrow) ** 2 + (y / depth / narrow) ** 2 + (z / height) ** 2)
    at = OFF_CENTRE_MM if place == "off-centre, sphere" else (0.0, 0.0, 0.0)
    return np.sqrt((x - at[0]) ** 2 + (y - at[1]) ** 2 + (z - at[2]) ** 2)


def _nearest(bone: NDArray[np.bool_], distance: NDArray, share: float) -> NDArray[np.bool_]:
    """The voxels of bone nearest to the defect's centre that make up `share` of it: the share is exact."""
    lesion = np.zeros_like(bone)
    order = np.argsort(np.where(bone, distance, np.inf), axis=None, kind="stable")
    lesion.flat[order[: round(share * bone.sum())]] = True
    return lesion


def stiffness_n_per_mm(case: Body) -> float:
    model = case.model
    solution = solve(model)
    assert solution.report.status is SolveStatus.CONVERGED
    return float(solution.reaction_n[2, :, :, -1].sum() / model.displacement_mm[2, 0, 0, -1])


def load_displacement(case: Body, steps: tuple[float, ...] = LOAD_STEPS) -> CurveSolution:
    """Until the load has fallen to nine tenths of its peak. Raises where no peak was reached in balance."""
    plasticity = Plasticity(case.yield_mpa, TENSION_SHARE * case.yield_mpa, RESIDUAL_SHARE, SOFTENING_STRAIN)
    curve = load_curve(case.model, plasticity, steps=steps)
    peaked = curve.work_rate_nmm[-1] < curve.work_rate_nmm.max()
    if curve.status is not CurveStatus.COMPLETE and not peaked:
        raise RuntimeError(f"no peak was reached. {curve.remedy}")
    return curve


def peak_n(curve: CurveSolution) -> float:
    return float(abs(curve.force_n[:, 2]).max())


def weakest_slice(case: Body) -> float:
    """Axial rigidity (E times area) of the weakest layer of bone, in N: what a structural analysis of the CT gives."""
    rigidity = np.where(case.bone, case.modulus_mpa, 0).sum(axis=(0, 1)) * case.spacing_mm[0] * case.spacing_mm[1]
    return float(rigidity[case.bone.any(axis=(0, 1))].min())


@dataclass(frozen=True)
class Line:
    """A straight line through strength over defect share, both relative to the body without a defect."""

    slope: float
    """Share of the strength lost for each share of the volume lost."""
    r: float
    largest_gap: float
    """Largest distance from the line, as a share of the whole body's strength."""


def straight_line(shares: NDArray, values: NDArray) -> Line:
    relative = np.asarray(values) / values[0]
    slope, start = np.polyfit(shares, relative, 1)
    gap = relative - (start + slope * np.asarray(shares))
    return Line(float(-slope), float(np.corrcoef(shares, relative)[0, 1]), float(abs(gap).max()))
