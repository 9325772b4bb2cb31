"""What kind of spinal tumour it is: origin, compartment, behaviour, and how far it has spread through the vertebra.

From what a person knows of it, not from an image (that is `classification`). A kind that is not answered stays
open; a metastatic tumour is always malignant. The entities that occur in each kind are a list to think along, not
a diagnosis: that takes tissue.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from spondyl.clinical import rules
from spondyl.clinical.answers import contradiction
from spondyl.clinical.rules import RuleSet

Answer = Literal["yes", "no", "unknown"]
Region = Literal[
    "body", "body_left", "body_right", "pedicle_left", "pedicle_right", "lamina_left", "lamina_right", "facet_left",
    "facet_right", "transverse_process_left", "transverse_process_right", "spinous_process",
]  # fmt: skip
ORIGINS = ("primary", "secondary")
COMPARTMENTS = ("extradural", "intradural_extramedullary", "intramedullary")
BEHAVIOURS = ("benign", "intermediate", "malignant")


class _Part(BaseModel):
    # Not strict: a list from a file becomes a tuple.
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tumour(_Part):
    origin: Literal["primary", "secondary", "unknown"] = Field(
        default="unknown", description="Did it begin here (primary), or has it spread here from elsewhere (secondary)?"
    )
    compartment: Literal["extradural", "intradural_extramedullary", "intramedullary", "unknown"] = Field(
        default="unknown", description="Outside the dura, inside it but outside the cord, or in the cord?"
    )
    behaviour: Literal["benign", "intermediate", "malignant", "unknown"] = Field(
        default="unknown", description="Behaviour, as tissue showed"
    )


class Extent(_Part):
    regions: tuple[Region, ...] | None = Field(default=None, description="Parts of the vertebra that hold tumour")
    depth: Literal["superficial", "deep", "both", "unknown"] = Field(
        default="unknown", description="In the outer or the inner part of the bone?"
    )
    canal: Answer = Field(default="unknown", description="Does it grow into the canal, outside the dura?")
    intradural: Answer = Field(default="unknown", description="Does it grow inside the dura?")
    paravertebral: Answer = Field(default="unknown", description="Does it grow into the soft tissue beside the bone?")
    vertebral_artery_canal: Answer = Field(default="unknown", description="Neck: in the canal of the vertebral artery?")
    neighbouring_vertebra: Answer = Field(default="unknown", description="Does it grow into a neighbouring vertebra?")
    elsewhere_in_spine: Answer = Field(default="unknown", description="Are there tumours at levels apart from it?")


class Kind(_Part):
    """Answers about one tumour, every one of them optional."""

    tumour: Tumour = Tumour()
    extent: Extent = Extent()

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Kind:
        if self.tumour.origin == "secondary" and self.tumour.behaviour in ("benign", "intermediate"):
            raise contradiction("tumour.behaviour", "tumour.origin")
        return self


@dataclass(frozen=True)
class KindRow:
    """One kind that is possible."""

    origin: str
    compartment: str
    behaviour: str
    entities: tuple[str, ...]
    verified: bool
    """Whether the entities were read in a source, not known from memory."""


@dataclass(frozen=True)
class KindResult:
    rows: tuple[KindRow, ...]
    zones: tuple[int, ...] | None
    """Weinstein-Boriani-Biagini zones, 1 to 12; None when no parts of the vertebra are given."""
    zone_convention: str
    layers: tuple[str, ...]
    """Layers that hold tumour."""
    layers_open: tuple[str, ...]
    """Layers of which it is not answered."""
    surgical_types: tuple[str, ...]
    """Tomita's surgical types that are possible, '1' to '7'; empty when none fits the answers."""
    surgical_meanings: tuple[str, ...]
    surgical_group: str
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    citations: tuple[str, ...]


def classify(kind: Kind) -> KindResult:
    """Kinds, zones, layers and surgical types that agree with the answers."""
    table = rules.load("kinds")
    rows = _rows(kind.tumour, table)
    layers, layers_open = _layers(kind.extent)
    types = _surgical_types(kind.extent)
    groups = [name for name, entry in table.under("tomita_group").items() if set(types) & set(entry.value)]
    return KindResult(
        rows=rows,
        zones=_zones(kind.extent, table),
        zone_convention=table.value("wbb.convention"),
        layers=layers,
        layers_open=layers_open,
        surgical_types=types,
        surgical_meanings=tuple(table.value(f"tomita_type.{name}") for name in types),
        surgical_group=" or ".join(groups),
        missing=_missing(kind),
        notes=_notes(rows, table),
        citations=table.cited(table.entries),
    )


def _rows(tumour: Tumour, table: RuleSet) -> tuple[KindRow, ...]:
    found = []
    for origin in ORIGINS:
        for compartment in COMPARTMENTS:
            for behaviour, entry in table.under(f"{origin}.{compartment}").items():
                given = (tumour.origin, tumour.compartment, tumour.behaviour)
                if all(
                    answer in ("unknown", word)
                    for answer, word in zip(given, (origin, compartment, behaviour), strict=True)
                ):
                    verified = entry.status == "verified"
                    found.append(KindRow(origin, compartment, behaviour, tuple(entry.value), verified))
    return tuple(found)


def _notes(rows: tuple[KindRow, ...], table: RuleSet) -> tuple[str, ...]:
    if not any(row.origin == "secondary" for row in rows):
        return ()
    return (table.value("origin.secondary_is_malignant"),)


def _zones(extent: Extent, table: RuleSet) -> tuple[int, ...] | None:
    if extent.regions is None:
        return None
    return tuple(sorted({zone for region in extent.regions for zone in table.value(f"wbb.zones.{region}")}))


def _layers(extent: Extent) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(layers with tumour, layers of which it is not known)."""
    in_bone = None if extent.regions is None else bool(extent.regions)
    states = {
        "A": _known(extent.paravertebral),
        "B": False if in_bone is False else _depth(extent, "superficial"),
        "C": False if in_bone is False else _depth(extent, "deep"),
        "D": _known(extent.canal),
        "E": _known(extent.intradural),
        "F": _known(extent.vertebral_artery_canal),
    }
    held = tuple(layer for layer, state in states.items() if state)
    return held, tuple(layer for layer, state in states.items() if state is None)


def _known(answer: str) -> bool | None:
    return None if answer == "unknown" else answer == "yes"


def _depth(extent: Extent, part: str) -> bool | None:
    return None if extent.depth == "unknown" else extent.depth in (part, "both")


def _surgical_types(extent: Extent) -> tuple[str, ...]:
    """The highest type that holds, and every higher one that is not ruled out."""
    ladder = (
        ("7", _known(extent.elsewhere_in_spine)),
        ("6", _known(extent.neighbouring_vertebra)),
        ("5", _known(extent.paravertebral)),
        ("4", _known(extent.canal)),
    )
    found = []
    for name, state in ladder:
        if state is not False:
            found.append(name)
        if state is True:
            return tuple(reversed(found))
    return (*_within(extent), *reversed(found))


def _within(extent: Extent) -> tuple[str, ...]:
    """Types 1 to 3, by the parts of the vertebra that hold tumour."""
    if extent.regions is None:
        return ("1", "2", "3")
    parts = {region.removesuffix("_left").removesuffix("_right") for region in extent.regions}
    if not parts:
        return ()
    behind = parts - {"body", "pedicle"}
    if "body" in parts and behind:
        return ("3",)
    return ("2",) if "pedicle" in parts else ("1",)


def _missing(kind: Kind) -> tuple[str, ...]:
    open_paths = [f"tumour.{name}" for name in Tumour.model_fields if getattr(kind.tumour, name) == "unknown"]
    if kind.tumour.origin == "secondary":
        open_paths = [path for path in open_paths if path != "tumour.behaviour"]
    return (
        *open_paths,
        *(f"extent.{name}" for name in Extent.model_fields if getattr(kind.extent, name) in (None, "unknown")),
    )


def schema() -> dict[str, Any]:
    """JSON schema of the file of answers."""
    return Kind.model_json_schema()
