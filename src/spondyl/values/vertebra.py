"""One vertebra: its frame, its parts and its shape."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.core.volume import Volume
from spondyl.values.fracture import PlaceLoss


@dataclass(frozen=True, eq=False)
class Frame:
    """A vertebra's own axes: x to its left, y to its back, z up along its axis; right-handed like LPS."""

    origin_mm: NDArray[np.float64]
    """Centre of the body, LPS mm, (3,)."""
    axes: NDArray[np.float64]
    """(3, 3), columns are the unit vectors x, y, z in LPS."""

    def to_local(self, lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        """LPS mm (..., 3) to the vertebra's own coordinates in mm."""
        return (lps_mm - self.origin_mm) @ self.axes

    def to_lps(self, local_mm: NDArray[np.float64]) -> NDArray[np.float64]:
        return local_mm @ self.axes.T + self.origin_mm


@dataclass(frozen=True)
class Geometry:
    """Shape of the body and how it stands on its neighbours; None is 'could not be measured', said why in `notes`."""

    anterior_height_mm: float | None
    """This and the next two: within what thick slices leave open, drawn to what the neighbours predict."""
    middle_height_mm: float | None
    posterior_height_mm: float | None
    width_mm: float | None
    """At mid-height, where a body is slimmest: neither rims nor spurs count."""
    depth_mm: float | None
    """Mid-sagittal, at mid-height."""
    predicted_height_mm: float | None
    """What the neighbours lead one to expect of the height that lost most, were it intact."""
    height_loss: float | None
    """Of front, middle and back the one that lost most: 1 - height over what the neighbours predict for that place,
    within 0 and 1; 0.3 is 30 %. A uniform crush shows, and a normal wedge or hollow does not."""
    height_loss_interval: tuple[float, float] | None
    wedge_deg: float | None
    """Angle between this body's endplates in its sagittal plane, positive when the front is lower."""
    sagittal_angle_to_above_deg: float | None
    """Kyphosis positive, between this body's axis and that of the level above."""
    coronal_angle_to_above_deg: float | None
    """Lean of the level above to the patient's left positive."""
    translation_ap_mm: float | None
    """Offset of the level above on this one along this one's y, backward positive, beyond the spine's own curve and
    the step that its joints show alike."""
    translation_lr_mm: float | None
    """The same to the side; the patient's left positive."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stance:
    """How a body stands between the one above and the one below, beyond this patient's own curve; None: not seen."""

    kyphosis_deg: float | None
    """Over both joints and the body itself; positive is bent forward."""
    kyphosis_sd_deg: float | None
    """Of reading, and of what the patient's own curve is here."""
    side_bend_deg: float | None
    """To the left positive."""
    translation_ap_mm: float | None
    """Of the joints that are seen the larger step, backward of the upper body positive."""
    translation_lr_mm: float | None
    unseen: tuple[str, ...] = ()
    """'above' and 'below': neighbours that the scan does not show."""


@dataclass(frozen=True)
class EndplatePit:
    """A narrow dent in an endplate, as a Schmorl's node makes it."""

    depth_mm: float
    area_mm2: float
    plate_share: float
    """Of the endplate's area."""
    centre_lps_mm: tuple[float, float, float]


@dataclass(frozen=True)
class Endplate:
    hollow_mm: float
    """Depth of the smooth endplate's middle under the line from its front to its back, mid-sagittal; dome negative."""
    beside_midline_mm: float
    """How much deeper its back half is hollowed beside the midline than in it, on the shallower side."""
    pits: tuple[EndplatePit, ...] = ()


@dataclass(frozen=True)
class BodyForm:
    """What tells a fracture from its look-alikes; None is 'could not be measured'."""

    losses: tuple[PlaceLoss, ...] = ()
    """Front, middle and back against the neighbours' prediction; empty without two intact neighbours."""
    upper: Endplate | None = None
    lower: Endplate | None = None
    wall_convexity_mm: float | None = None
    """Mean place of the posterior wall's middle third behind (positive) or before the line from its upper to its
    lower end, mid-sagittal. Normal walls are hollow: 0 or less."""
    neighbours_wedge_deg: tuple[float, ...] = ()
    """Of the intact neighbours that the prediction rests on, nearest first."""


@dataclass(frozen=True, eq=False)
class Vertebra:
    level: Level
    frame: Frame
    parts: Volume
    """`SubRegion` labels on a crop of the CT's grid; 0 outside this vertebra."""
    geometry: Geometry
    subregion_source: str
    """'given' or 'shape'."""
    cut_parts: tuple[SubRegion, ...] = ()
    """Parts that the scan cuts, so that some of them is missing; one that only grazes its edge is whole."""
    form: BodyForm = field(default_factory=BodyForm)
    stance: Stance | None = None
    """None where its own endplates or walls could not be found."""

    def mask(self, *parts: SubRegion) -> NDArray[np.bool_]:
        """Boolean array on the grid of `parts`; all of the vertebra when none is named."""
        if not parts:
            return self.parts.array > 0
        return np.isin(self.parts.array, [int(part) for part in parts])

    def volume_mm3(self, *parts: SubRegion) -> float:
        return float(self.mask(*parts).sum() * self.parts.voxel_volume_mm3)
