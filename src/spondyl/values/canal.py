"""The spinal canal at one level, its foramina, and what is known of cord and sac in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume


@dataclass(frozen=True)
class NormComparison:
    """One measure beside the published mean of the same quantity: bone with bone, soft tissue with soft tissue."""

    quantity: str
    """'bony canal, front to back', 'thecal sac, area', ..."""
    unit: str
    measured: float
    mean: float
    sd: float | None
    source: str
    """Citation key."""
    verified: bool

    @property
    def deviations(self) -> float | None:
        """Standard deviations above the mean; None where the source gives none."""
        return None if self.sd is None else (self.measured - self.mean) / self.sd


@dataclass(frozen=True)
class Foramen:
    """The opening between the pedicles of two levels on one side, as bone bounds it; None: said why in `notes`.

    Sizes serve to compare sides and levels only, and not with published ones (not verified): the narrowest passage of a
    slab 6 mm thick is less than what one sagittal plane shows.
    """

    above: Level
    below: Level
    side: Literal["left", "right"]
    height_mm: float | None = None
    width_mm: float | None = None
    area_mm2: float | None = None
    fat_share: float | None = None
    """Share of the opening with the CT numbers of fat, which surrounds a free root; None without CT or metal."""
    area_to_other_side: float | None = None
    """Area over that of the other side."""
    area_to_neighbours: float | None = None
    """Area over the mean of the foramina of this side above and below."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compression:
    """What the labels of cord, sac and epidural tumour show at the worst cross-section of one level."""

    position_mm: float
    """Of that cross-section along the vertebra's z."""
    below_conus: bool
    """True where the cord has ended: then the sac's compression is told, and there is no ESCC grade."""
    epidural_area_mm2: float
    canal_share: float | None
    """Share of the canal's cross-section that the tumour holds; None where its outline is not known."""
    sac_area_mm2: float | None = None
    sac_loss: float | None = None
    """Share of the sac's expected cross-section that is missing."""
    tumour_to_cord_mm: float | None = None
    cord_area_share: float | None = None
    """Cord's area over what the free cross-sections above and below lead one to expect."""
    cord_shape_share: float | None = None
    """Its front-to-back over side-to-side diameter, over the same of the free cross-sections."""
    cord_dent: float | None = None
    """Share of the cord's convex hull that is not cord."""
    cord_shift_mm: float | None = None
    """How far the cord's middle lies off the line between the free cross-sections above and below."""
    fluid_arc_share: float | None = None
    """Share of the cord's circumference with fluid around it."""
    tumour_arc_deg: float | None = None
    """Of the circumference of the cord (of the sac below the conus) as seen from its middle, faced by tumour."""


@dataclass(frozen=True, eq=False)
class CanalMeasure:
    """None is 'could not be measured', said why in `notes`."""

    positions_mm: NDArray[np.float64]
    """Along the vertebra's z, (n,)."""
    areas_mm2: NDArray[np.float64]
    """Bony canal cross-section at each position; nan where the ring is open (disc and foramen level)."""
    min_area_mm2: float | None
    ap_diameter_mm: float | None
    """At the narrowest."""
    transverse_diameter_mm: float | None
    """At the narrowest."""
    expected_area_mm2: float | None
    """What the neighbours lead one to expect."""
    area_loss: float | None
    """1 - measured over expected at the narrowest place; 0.2 is 20 %."""
    lesion_encroachment: float | None
    """Share of the canal's cross-section held by a given or detected lesion at the worst place; None if unseen."""
    cord_area_mm2: float | None
    escc_grade: str | None
    """'0', '1a', '1b', '1c', '2' or '3'; None where none can be given."""
    escc_reason: str
    """Why that grade, or why none can be given (bone alone on CT: MRI is needed)."""
    notes: tuple[str, ...] = ()
    lumen: Volume | None = field(default=None, repr=False)
    """Boolean, on the grid of the vertebra's `parts`; only where the ring is closed."""
    escc_possible: tuple[str, ...] = ()
    """Every grade the geometry allows within a voxel, from the lowest; empty where nothing can be said."""
    compression: Compression | None = None
    pedicle_area_mm2: float | None = None
    """At the middle of the pedicles, where the ring is closed."""
    pedicle_ap_mm: float | None = None
    pedicle_transverse_mm: float | None = None
    open_areas_mm2: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    """As `areas_mm2`, where the ring is open: bounded by the bone that is there and, in its gaps, by the outlines of
    the nearest closed rings above and below; nan where closed or too far from one."""
    bounded_shares: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    """Share of each cross-section's outline where bone is met; 1 in a closed ring without flaws."""
    retropulsion_mm: float | None = None
    """How far the body's back wall stands behind the line of its neighbours' back walls, at most."""
    retropulsion_share: float | None = None
    """That over the canal's front-to-back diameter before it."""
    sac_area_mm2: float | None = None
    """Of the thecal sac at the middle of the pedicles, where a sac label is given."""
    norms: tuple[NormComparison, ...] = ()
    foramina: tuple[Foramen, ...] = ()
    """Between this level's pedicles and those of the level below."""
