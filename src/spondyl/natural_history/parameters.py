"""The numbers of the natural history, each with its source: common, a set, its fit, a user's file on top.

An entry: { value, unit, citations, status, why }. `status` is "source" (the figure was read in a source), "unverified"
(a source is named, but the figure was read at second hand or remembered), "own choice", or "fitted" (set by fitting,
to targets that stand beside the set). An entry that is no "source" says why it is what it is.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core.errors import InvalidAnswer, RuleError, UnreadableInput

SETS = ("article", "literature")
STATUSES = ("source", "unverified", "own choice", "fitted")


@dataclass(frozen=True)
class Entry:
    value: np.ndarray
    unit: str
    status: str
    citations: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class ParameterSet:
    """All parameters by path ('growth.capacity'), and what the set is."""

    title: str
    about: str
    entries: Mapping[str, Entry]

    def __getitem__(self, path: str) -> np.ndarray:
        return self.entries[path].value

    def with_values(self, changes: Mapping[str, Any], *, status: str = "own choice", why: str = "") -> ParameterSet:
        """A copy with other values; 'seeding.arrivals.2' changes one number of a list.

        Raises InvalidAnswer naming the path, when it is unknown or the value does not have its shape or sign.
        """
        entries = dict(self.entries)
        for path, value in changes.items():
            name, place = _split(entries, path)
            old = entries[name]
            entries[name] = Entry(_changed(old.value, place, value, path), old.unit, status, old.citations, why)
        return ParameterSet(self.title, self.about, entries)


def unfitted(name: str) -> ParameterSet:
    """A set of ours before it was fitted: where a fit starts from."""
    return _layered(["common.toml", f"{name}.toml"])


def load_set(name: str) -> ParameterSet:
    """A set by its name ('article', 'literature') or the path of a TOML file laid over the one it names as its base.

    Raises InvalidAnswer or UnreadableInput for a user's file, RuleError for one of ours that is not fit.
    """
    if name in SETS:
        return _layered(["common.toml", f"{name}.toml", f"fit_{name}.toml"])
    path = Path(name)
    if not path.is_file():
        raise UnreadableInput(f"no parameter set '{name}'.", f"Give {' or '.join(SETS)}, or the path of a TOML file.")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"{path.name} is no TOML: {error}.", "Mend the file.") from error
    return over(given)


def over(given: Mapping[str, Any]) -> ParameterSet:
    """The content of a user's parameter file over its base set (`set.base`, else 'literature')."""
    about = dict(given.get("set", {}))
    base = about.get("base", "literature")
    if base not in SETS:
        raise InvalidAnswer(f"set.base is '{base}'.", f"Allowed: {', '.join(SETS)}.")
    layered = load_set(base)
    for room, fields in given.items():
        if room == "set":
            continue
        if not isinstance(fields, Mapping):
            raise InvalidAnswer(f"{room} is no table.", "Write [room] and below it name = value.")
        for name, value in fields.items():
            entry = value if isinstance(value, Mapping) else {"value": value}
            changes = {f"{room}.{name}": entry.get("value")}
            layered = layered.with_values(changes, status=entry.get("status", "own choice"), why=entry.get("why", ""))
    return ParameterSet(str(about.get("title", "own")), str(about.get("about", f"Over {base}.")), layered.entries)


def _layered(names: list[str]) -> ParameterSet:
    entries: dict[str, Entry] = {}
    title = about = ""
    for name in names:
        text = files("spondyl.natural_history").joinpath("data", name).read_text(encoding="utf-8")
        fitted = name.startswith("fit_")
        for room, fields in tomllib.loads(text).items():
            if room == "set":
                title, about = (title, about) if fitted else (fields["title"], fields["about"])
                continue
            for key, raw in fields.items():
                entries[f"{room}.{key}"] = _entry(f"{room}.{key}", raw, entries.get(f"{room}.{key}"))
    return ParameterSet(title, about, entries)


def _entry(path: str, raw: Mapping[str, Any], under: Entry | None) -> Entry:
    value = np.asarray(raw["value"], dtype=float)
    unit = raw.get("unit", under.unit if under else "")
    entry = Entry(value, unit, raw["status"], tuple(raw.get("citations", ())), raw.get("why", ""))
    if entry.status not in STATUSES or not unit or not (entry.citations or entry.why):
        raise RuleError(f"parameter '{path}' is not fit to load: {raw}.", "Give a status, a unit, a source or a why.")
    if under is not None and under.value.shape != value.shape:
        raise RuleError(f"parameter '{path}' has shape {value.shape}, not {under.value.shape}.", "Give as many.")
    return entry


def _split(entries: Mapping[str, Entry], path: str) -> tuple[str, tuple[int, ...]]:
    parts = path.split(".")
    name, places = ".".join(parts[:2]), parts[2:]
    if name not in entries:
        near = sorted(known for known in entries if known.split(".")[0] == parts[0])
        room = f"In '{parts[0]}' are {', '.join(near)}." if near else f"Rooms: {', '.join(_rooms(entries))}."
        raise InvalidAnswer(f"there is no parameter '{path}'.", room)
    if not all(place.isdigit() for place in places):
        raise InvalidAnswer(f"there is no parameter '{path}'.", f"After '{name}' only positions from 0 may follow.")
    return name, tuple(int(place) for place in places)


def _rooms(entries: Mapping[str, Entry]) -> list[str]:
    return sorted({known.split(".")[0] for known in entries})


def _changed(old: np.ndarray, place: tuple[int, ...], value: Any, path: str) -> np.ndarray:
    try:
        given = np.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidAnswer(f"{path} is {value!r}, no number.", "Give a number or a list of numbers.") from error
    new = old.copy()
    if len(place) > new.ndim or any(n >= size for n, size in zip(place, new.shape, strict=False)):
        raise InvalidAnswer(f"{path} points outside a table of shape {old.shape}.", "Positions count from 0.")
    if given.shape != new[place].shape:
        raise InvalidAnswer(
            f"{path} has the shape {given.shape}, not {new[place].shape}.", "Give as many numbers as the set does."
        )
    if not np.all(np.isfinite(given)) or (np.all(old >= 0) and np.any(given < 0)):
        raise InvalidAnswer(f"{path} is {value!r}.", "Give finite numbers, none below 0.")
    new[place] = given
    return new
