"""Everything about one case, as the report is given it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.values.canal import CanalMeasure
from spondyl.values.density import Calibration, DensityMeasure
from spondyl.values.fracture import Fracture
from spondyl.values.lesion import Lesion
from spondyl.values.level_map import LevelMap
from spondyl.values.load import Ratio, TaskLoad
from spondyl.values.quality import LevelQuality, QualityReport
from spondyl.values.scan import CtScan
from spondyl.values.score import ClassificationResult, ScoreResult, UrgencyResult
from spondyl.values.strength import Strength
from spondyl.values.vertebra import Vertebra


@dataclass(frozen=True, eq=False)
class VertebraResult:
    """One level. When `quality.assessed` is False everything below it is None or empty."""

    level: Level
    quality: LevelQuality
    vertebra: Vertebra | None = None
    density: DensityMeasure | None = None
    density_reason: str = ""
    """Why there is no density, when there is none."""
    lesions: tuple[Lesion, ...] = ()
    canal: CanalMeasure | None = None
    fracture: Fracture | None = None
    """None where the loss of height can't be judged; the vertebra's geometry says why."""
    strength: Strength | None = None
    strength_reason: str = ""
    """Why there is no strength, when there is none."""
    loads: tuple[tuple[TaskLoad, Ratio], ...] = ()
    """What tasks load this level with, and that over its strength; empty where there is no strength."""
    sins: ScoreResult | None = None


@dataclass(frozen=True, eq=False)
class CaseResult:
    scan: CtScan
    level_map: LevelMap
    quality: QualityReport
    calibration: Calibration
    vertebrae: tuple[VertebraResult, ...]
    """From the head down."""
    urgency: UrgencyResult | None
    classification: ClassificationResult | None
    history_given: bool
    lesions_given: bool
    cord: Volume | None
    """Mask on the CT's grid, when one was given."""
    citations: tuple[str, ...]
    """Of the methods whose values carry no keys of their own; the report lists these and those."""
    inputs: dict[str, dict[str, Any]]
    """By role (ct, vertebrae, lesions, ...): sha256, kind, notes. No names, no paths."""
    provenance: dict[str, Any]
    """versions, parameters."""
    stage_seconds: dict[str, float]
    """Wall time by stage; shown on the terminal, never in the JSON, which must be the same on every run."""
    sac: Volume | None = None
    """Mask of the thecal sac, when one was given."""
    epidural: Volume | None = None
    """Mask of tumour in the canal, when one was given; empty: looked for, not found."""


@dataclass(frozen=True, eq=False)
class StrengthEntry:
    """One vertebra, or one block, of a strength study."""

    name: str
    """The level's name, or 'block'."""
    level: Level | None
    lesions: tuple[Lesion, ...]
    """In the order that the strengths' effects count them."""
    strengths: tuple[Strength, ...]
    """One for each load case asked for."""
    reason: str
    """Why there is none, when there is none."""
    loads: tuple[tuple[TaskLoad, Ratio], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class StrengthCase:
    """What `spondyl strength` found."""

    entries: tuple[StrengthEntry, ...]
    calibration: Calibration | None
    """None where densities were given."""
    inputs: dict[str, dict[str, Any]]
    provenance: dict[str, Any]
    stage_seconds: dict[str, float]
