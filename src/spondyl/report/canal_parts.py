"""The spinal canal at one level as it stands in the files: bone, norms, foramina, compression."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spondyl.report.parts import Degrees, Measured, Mm, Mm2, Part, Share, Unit, taken
from spondyl.values.canal import CanalMeasure
from spondyl.values.canal import Foramen as ForamenMeasure


class Norm(Part):
    """A measure beside the published mean of the same quantity."""

    quantity: str
    unit: str
    measured: Mm
    mean: Mm
    sd: Mm
    deviations: Unit = Field(description="standard deviations above the mean; null where the source gives none")
    source: str
    verified: bool


class Foramen(Measured):
    """The opening between this level's pedicle and that of the level below, on one side, as bone bounds it."""

    below: str
    side: Literal["left", "right"]
    height_mm: Mm
    width_mm: Mm
    area_mm2: Mm2
    fat_share: Share = Field(description="of the opening, with the CT numbers of fat")
    area_to_other_side: Unit
    area_to_neighbours: Unit


class Compression(Part):
    """What labels of cord, sac and tumour show at the worst cross-section."""

    position_mm: Mm = Field(description="along the vertebra's z axis")
    below_conus: bool = Field(description="true where the cord has ended: no ESCC grade, the sac's compression")
    epidural_area_mm2: Mm2
    canal_share: Share
    sac_area_mm2: Mm2
    sac_loss: Share
    tumour_to_cord_mm: Mm
    cord_area_share: Share
    cord_shape_share: Share
    cord_dent: Share
    cord_shift_mm: Mm = Field(description="off the line between the free cross-sections above and below")
    fluid_arc_share: Share
    tumour_arc_deg: Degrees


class Canal(Measured):
    positions_mm: tuple[Mm, ...] = Field(description="along the vertebra's z axis")
    areas_mm2: tuple[Mm2, ...] = Field(description="at each position; null where the bony ring is open")
    open_areas_mm2: tuple[Mm2, ...] = Field(description="where it is open, bounded by bone and the rings next to it")
    bounded_shares: tuple[Share, ...] = Field(description="of each cross-section's outline, where bone is met")
    min_area_mm2: Mm2
    ap_diameter_mm: Mm
    transverse_diameter_mm: Mm
    pedicle_area_mm2: Mm2 = Field(description="at the middle of the pedicles")
    pedicle_ap_mm: Mm
    pedicle_transverse_mm: Mm
    retropulsion_mm: Mm = Field(description="of the body's back wall behind the line of its neighbours'")
    retropulsion_share: Share = Field(description="that over the canal's front-to-back diameter")
    sac_area_mm2: Mm2
    norms: tuple[Norm, ...]
    foramina: tuple[Foramen, ...]
    compression: Compression | None
    expected_area_mm2: Mm2
    area_loss: Share
    lesion_encroachment: Share
    cord_area_mm2: Mm2
    escc_grade: str | None
    escc_possible: tuple[str, ...] = Field(description="every grade that the geometry allows within a voxel")
    escc_reason: str


def canal_part(canal: CanalMeasure) -> Canal:
    return taken(
        Canal,
        canal,
        positions_mm=tuple(canal.positions_mm.tolist()),
        areas_mm2=tuple(canal.areas_mm2.tolist()),
        open_areas_mm2=tuple(canal.open_areas_mm2.tolist()),
        bounded_shares=tuple(canal.bounded_shares.tolist()),
        norms=tuple(taken(Norm, norm) for norm in canal.norms),
        foramina=tuple(_foramen(foramen) for foramen in canal.foramina),
        compression=taken(Compression, canal.compression) if canal.compression else None,
    )


def _foramen(foramen: ForamenMeasure) -> Foramen:
    return taken(Foramen, foramen, below=foramen.below.name)
