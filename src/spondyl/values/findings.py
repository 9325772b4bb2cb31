"""What the clinical rules are given: no arrays, every item known or unknown, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from spondyl.anatomy.levels import Level

Source = Literal["image", "history", "given", "unknown"]


@dataclass(frozen=True)
class Item:
    """One answer. `possible` holds what it can still be: one entry when known, several when not."""

    possible: tuple[str, ...]
    basis: str
    """What it rests on, in plain words: 'lytic lesion of 2.1 cm3, given mask', 'no history given'."""
    source: Source

    def __post_init__(self) -> None:
        if not self.possible:
            raise ValueError("an item must be able to be something")

    @property
    def known(self) -> bool:
        return len(self.possible) == 1


@dataclass(frozen=True)
class LevelFindings:
    """SINS needs these six; the allowed words are the keys in `clinical/rules/sins.toml`."""

    level: Level
    pain: Item
    lesion: Item
    alignment: Item
    collapse: Item
    posterolateral: Item
