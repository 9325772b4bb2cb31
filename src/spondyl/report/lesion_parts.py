"""A lesion as it stands in the files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spondyl.report.parts import Hu, Measured, Mm, Mm3, Share, Unit, taken
from spondyl.values.lesion import Lesion


class LesionFinding(Measured):
    number: int = Field(description="value in masks/lesions.nii.gz")
    level: str
    type: Literal["lytic", "blastic", "mixed"]
    origin: Literal["given", "detected"]
    confidence: Unit = Field(description="0 to 1; null when given")
    volume_mm3: Mm3
    longest_diameter_mm: Mm
    centroid_lps_mm: tuple[Mm, Mm, Mm]
    mean_hu: Hu
    body_share: Share = Field(description="share of the vertebral body's volume held by this lesion")
    parts_touched: tuple[str, ...]
    cortex_breached: bool | None
    cortex_breached_share: Share = Field(description="of the vertebra's surface, where the wall has gone")
    endplate_breached_share: Share
    posterior_wall_breached: bool | None
    pedicles_touched: tuple[str, ...]
    facets_touched: tuple[str, ...]
    costovertebral_touched: tuple[str, ...] | None = Field(description="null where the level bears no ribs")
    canal_mm3: Mm3 = Field(description="of the mask in the canal; null where it was not looked for")
    soft_tissue_mm3: Mm3 = Field(description="of the mask in other soft tissue")


def lesion_part(lesion: Lesion, number: int) -> LesionFinding:
    """`number` is its value in the mask of lesions."""
    return taken(
        LesionFinding,
        lesion,
        number=number,
        level=lesion.level.name,
        type=lesion.kind,
        parts_touched=tuple(part.words for part in sorted(lesion.parts_touched)),
    )
