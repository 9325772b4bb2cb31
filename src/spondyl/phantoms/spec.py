"""What a phantom is made from: the tables of its TOML file, checked with messages that name the place."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from spondyl.anatomy.levels import Level
from spondyl.core.errors import InvalidAnswer, UnreadableInput
from spondyl.phantoms.deform import Fracture, FractureShape
from spondyl.phantoms.lesion import LesionSpec
from spondyl.phantoms.morphometry import Sex
from spondyl.phantoms.scanner import ScannerSpec
from spondyl.phantoms.spine import Curve, Joint, Variant, row_of


def _level(value: object) -> object:
    return Level.parse(value) if isinstance(value, str) else value


NamedLevel = Annotated[Level, BeforeValidator(_level)]
MimicKind = Literal[
    "basivertebral vein", "Schmorl node", "endplate sclerosis", "osteophyte", "bone island", "haemangioma"
]


VOXEL_MM, SLICE_MM = 0.8, 1.0
"""Of a scan whose spec names none: a usual thin reconstruction of the spine."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Person(_Table):
    sex: Sex = "male"
    age: float = Field(default=60.0, ge=18, le=100)
    stature_cm: float | None = Field(default=None, ge=130, le=220)
    trabecular_mg_cc: float | None = Field(default=None, ge=20, le=400, description="Of L1; unset: by age and sex")


class SpineShape(_Table):
    variant: Variant = "usual"
    cervical_lordosis_deg: float = Field(default=20.0, ge=-20, le=60)
    thoracic_kyphosis_deg: float = Field(default=40.0, ge=0, le=80)
    lumbar_lordosis_deg: float = Field(default=55.0, ge=0, le=90)
    scoliosis_deg: float = Field(default=0.0, ge=-60, le=60, description="Cobb angle, apex to the left positive")
    scoliosis_apex: NamedLevel = Level.T9
    conus: NamedLevel = Field(default=Level.L1, description="The cord ends at this level's middle")

    def curve(self) -> Curve:
        return Curve(
            self.cervical_lordosis_deg,
            self.thoracic_kyphosis_deg,
            self.lumbar_lordosis_deg,
            self.scoliosis_deg,
            self.scoliosis_apex,
        )


class FractureSpec(_Table):
    level: NamedLevel
    shape: FractureShape = "wedge"
    loss: float = Field(default=0.3, gt=0, le=0.85, description="Share of the height lost where most is lost")
    retropulsion_mm: float = Field(default=0.0, ge=0, le=12)

    def fracture(self) -> Fracture:
        return Fracture(self.shape, self.loss, self.retropulsion_mm)


class JointSpec(_Table):
    """A joint of `level` with the level above it."""

    level: NamedLevel
    kyphosis_deg: float = Field(default=0.0, ge=-30, le=60)
    translation_ap_mm: float = Field(default=0.0, ge=-20, le=20, description="Of the level above, backward positive")
    translation_lr_mm: float = Field(default=0.0, ge=-20, le=20, description="To the patient's left positive")

    def joint(self) -> Joint:
        return Joint(self.kyphosis_deg, self.translation_ap_mm, self.translation_lr_mm)


class MimicSpec(_Table):
    level: NamedLevel
    kind: MimicKind
    size_mm: float = Field(default=6.0, ge=2, le=20)


class Scan(_Table):
    """Which part of the spine is scanned; the voxels are the scanner's."""

    first: NamedLevel = Level.T8
    last: NamedLevel = Level.L2
    margin_mm: float = Field(default=12.0, ge=-40, le=60, description="Beyond the bodies; negative cuts into them")
    width_mm: float = Field(default=150.0, ge=60, le=500, description="Field of view from side to side")
    shift_mm: tuple[float, float, float] = Field(default=(0, 0, 0), description="Of the grid, for partial voxels")


class PhantomSpec(_Table):
    """One phantom; the same spec gives the same bits."""

    name: str = "phantom"
    seed: int = Field(default=0, ge=0, description="Of noise, texture and the lesions' lobes")
    person: Person = Person()
    spine: SpineShape = SpineShape()
    scan: Scan = Scan()
    scanner: ScannerSpec = ScannerSpec()
    compensated: bool = Field(default=False, description="Discs take back the tilt of wedged bodies")
    marrow_texture_hu: float = Field(default=18.0, ge=0, le=80, description="SD of the texture of the marrow")
    marrow_texture_mm: float = Field(default=1.5, ge=0.3, le=6, description="Its correlation length (sigma)")
    fractures: tuple[FractureSpec, ...] = ()
    joints: tuple[JointSpec, ...] = ()
    lesions: tuple[LesionSpec, ...] = ()
    mimics: tuple[MimicSpec, ...] = ()

    @model_validator(mode="after")
    def _levels_exist(self) -> PhantomSpec:
        row = row_of(self.spine.variant)
        named: list[tuple[str, Level]] = [("scan.first", self.scan.first), ("scan.last", self.scan.last)]
        for what, entries in (("fractures", self.fractures), ("joints", self.joints)):
            levels = [entry.level for entry in entries]
            named += [(what, level) for level in levels]
            if len(set(levels)) < len(levels):
                raise ValueError(f"{what}: a level stands twice")
        named += [("lesions", entry.level) for entry in self.lesions]
        named += [("mimics", entry.level) for entry in self.mimics]
        for what, level in named:
            if level not in row:
                raise ValueError(f"{what}: {level.name} is no level of a spine of variant '{self.spine.variant}'")
        for entry in self.fractures:
            if entry.level in (Level.C1, Level.S1):
                raise ValueError(f"fractures: {entry.level.name} can't be fractured here; C2 to L6 can")
        if row.index(self.scan.first) > row.index(self.scan.last):
            raise ValueError(f"scan: first ({self.scan.first.name}) lies below last ({self.scan.last.name})")
        return self

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Of the CT."""
        voxel = self.scanner.voxel_mm or VOXEL_MM
        return voxel, voxel, self.scanner.slice_spacing_mm or SLICE_MM

    def scanned(self) -> tuple[Level, ...]:
        row = row_of(self.spine.variant)
        return row[row.index(self.scan.first) : row.index(self.scan.last) + 1]


def read_spec(path: Path) -> PhantomSpec:
    """Raises UnreadableInput for a file that is no TOML, InvalidAnswer for a wrong entry, naming its place."""
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableInput(f"the phantom's file can't be read: {error.strerror}.", "Name a TOML file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"the phantom's file is no TOML: {error}.", "Correct that line.") from error
    return parse_spec(entries)


def parse_spec(entries: dict) -> PhantomSpec:
    try:
        return PhantomSpec.model_validate(entries)
    except ValidationError as error:
        raise InvalidAnswer(
            "the phantom's file has wrong entries: " + "; ".join(_told(error)) + ".",
            "Correct them; docs/reference/phantom.md lists all entries.",
        ) from error


def _told(error: ValidationError) -> Iterable[str]:
    for entry in error.errors():
        place = ".".join(str(step) for step in entry["loc"])
        message = entry["msg"].removeprefix("Value error, ")
        yield f"{place}: {message}" if place else message
