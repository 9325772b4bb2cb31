"""Bibliography: every method names its source by a key, and only known keys are accepted.

Entries live in `core/references/*.toml`, one file a room:

    [fisher2010]
    text = "Fisher CG et al. A novel classification system for spinal instability ... Spine 2010;35:E1221-9."
    doi = "10.1097/BRS.0b013e3181e16ae2"     # optional
    verified = true                          # a source text was read and the figures used agree with it
    note = "points of all items and the bands read in ..."   # optional; what was and was not checked
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from spondyl.core.errors import RuleError


@dataclass(frozen=True)
class Reference:
    key: str
    text: str
    verified: bool
    doi: str = ""
    note: str = ""


@cache
def bibliography() -> dict[str, Reference]:
    """All known references by key. Raises RuleError on a doubled key or an entry without text or `verified`."""
    found: dict[str, Reference] = {}
    for entry in sorted(files("spondyl.core").joinpath("references").iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".toml"):
            continue
        for key, fields in tomllib.loads(entry.read_text(encoding="utf-8")).items():
            if key in found:
                raise RuleError(f"reference '{key}' stands twice, the second time in {entry.name}.", "Keep one.")
            try:
                found[key] = Reference(key=key, **fields)
            except TypeError as error:
                raise RuleError(f"reference '{key}' in {entry.name}: {error}.", "See core/citations.py.") from error
    return found


def cite(keys: Iterable[str]) -> tuple[Reference, ...]:
    """References for the given keys, each once, in order of key. Raises RuleError for an unknown key."""
    known = bibliography()
    wanted = sorted(set(keys))
    if missing := [key for key in wanted if key not in known]:
        raise RuleError(f"no reference for {', '.join(missing)}.", "Add it under core/references/.")
    return tuple(known[key] for key in wanted)
