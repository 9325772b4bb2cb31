"""The load on a vertebra in everyday tasks, and what share of its strength that is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TaskLoad:
    """Compression of one vertebra in one task; all three forces are None where they can't be given."""

    task: str
    words: str
    """The task in plain words."""
    force_n: float | None
    low_n: float | None
    high_n: float | None
    """A range of what is plausible, without a stated probability."""
    status: str
    """The weakest among the figures it rests on: verified, own choice or unverified."""
    citations: tuple[str, ...]
    reason: str
    """How it was reckoned, or why not."""


@dataclass(frozen=True)
class Ratio:
    """Load over strength. No verdict: from what ratio a vertebra with a metastasis breaks is not established."""

    value: float | None
    low: float | None
    high: float | None
    """None where the strength may be zero, or where there is no load."""
