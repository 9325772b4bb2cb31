"""What a clinical rule gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ScoredItem:
    name: str
    answer: str
    """The known answer, or 'unknown: one of ...'."""
    points_min: int
    points_max: int
    basis: str
    source: str


@dataclass(frozen=True)
class ScoreResult:
    rule: str
    version: str
    items: tuple[ScoredItem, ...]
    total_min: int
    total_max: int
    category: str
    """The band when the whole range lies in one, else the bands it spans: 'stable or indeterminate'."""
    advice: str
    missing: tuple[str, ...]
    citations: tuple[str, ...]
    applies: bool = True
    """False where the score has nothing to score: SINS at a level without a lesion. `advice` then says so."""


@dataclass(frozen=True)
class UrgencyResult:
    tier: str
    """'immediate', 'call_physician', 'routine' or 'not_enough_to_say'."""
    for_patient: str
    for_clinician: str
    reasons: tuple[str, ...]
    """Which answers made the tier."""
    would_change: tuple[str, ...]
    """Unanswered questions that could raise it."""
    citations: tuple[str, ...]
    least: str = "routine"
    most: str = "immediate"
    """The least and the most urgent tier that unanswered questions, and signs nobody looked for, leave."""
    call: str = ""
    """Whom to call."""
    how_soon: str = ""
    ask_again: str = ""
    """When to go through the questions again."""


@dataclass(frozen=True)
class ClassificationResult:
    origin: str
    compartment: str
    behaviour: str
    entity: str
    reasons: tuple[str, ...]
    citations: tuple[str, ...]
