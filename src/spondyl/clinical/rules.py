"""Clinical rules as data: every number and every sentence of advice has a source, or it does not load.

A rule file, `rules/NAME.toml`, is a `[rule]` table (name, version, title) and entries, nested at will:

    [points.pain]
    mechanical = { value = 3, unit = "points", citations = ["fisher2010"], status = "verified", checked = 2026-11-23 }

`status` says how far an entry may go:

- `verified`: the figure was read in the source, or in two independent copies of it; it may carry a recommendation;
- `unverified`: known from memory or from one copy only; it may be shown, but carries no recommendation;
- `own choice`: no source settles it; `why` says what was chosen and for what reason. It may enter a score, but
  carries no recommendation.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from spondyl.core.citations import cite
from spondyl.core.errors import RuleError

STATUSES = ("verified", "unverified", "own choice")
_FIELDS = {"value", "unit", "citations", "status", "checked", "why"}


@dataclass(frozen=True)
class Entry:
    """One value of a rule, with where it comes from."""

    path: str
    """Place inside the file, 'points.pain.mechanical'."""
    value: Any
    unit: str
    citations: tuple[str, ...]
    status: str
    checked: date
    why: str = ""


@dataclass(frozen=True)
class RuleSet:
    name: str
    version: str
    title: str
    entries: Mapping[str, Entry]

    def __getitem__(self, path: str) -> Entry:
        """Raises RuleError when there is no such entry."""
        if path not in self.entries:
            raise RuleError(f"rules/{self.name}.toml has no entry '{path}'.", "Add it with its source.")
        return self.entries[path]

    def value(self, path: str) -> Any:
        return self[path].value

    def under(self, group: str) -> dict[str, Entry]:
        """Entries directly below a group, by their last name, in the file's order."""
        head = f"{group}."
        found = {path.removeprefix(head): entry for path, entry in self.entries.items() if path.startswith(head)}
        return {name: entry for name, entry in found.items() if "." not in name}

    def recommends(self, path: str) -> bool:
        """Whether advice may rest on this entry: only a verified one carries a recommendation."""
        return self[path].status == "verified"

    def cited(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Citation keys of the given entries, each once, sorted."""
        return tuple(sorted({key for path in paths for key in self[path].citations}))


@cache
def load(name: str) -> RuleSet:
    """The rules in `rules/NAME.toml` of this package. Raises RuleError naming the file and the path inside it."""
    source = files("spondyl.clinical").joinpath("rules", f"{name}.toml")
    if not source.is_file():
        raise RuleError(f"there are no rules named '{name}'.", "See clinical/rules/.")
    return parse(source.read_text(encoding="utf-8"), f"rules/{name}.toml")


def parse(text: str, file: str) -> RuleSet:
    """Rules from the text of a file; `file` names it in errors. Raises RuleError."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{file} is no TOML: {error}.", "Mend the line named.") from error
    head = content.pop("rule", None)
    if not isinstance(head, dict) or not {"name", "version", "title"} <= head.keys():
        raise RuleError(f"{file} has no [rule] table with name, version and title.", "Add it.")
    entries = {entry.path: entry for entry in _walk(content, (), file)}
    return RuleSet(head["name"], head["version"], head["title"], entries)


def _walk(table: dict[str, Any], parents: tuple[str, ...], file: str) -> Iterator[Entry]:
    for name, content in table.items():
        path = ".".join((*parents, name))
        if not isinstance(content, dict):
            raise RuleError(f"{file}: '{path}' is a bare value without unit, source or date.", "Make it an entry.")
        if _FIELDS & content.keys():
            yield _entry(content, path, file)
        else:
            yield from _walk(content, (*parents, name), file)


def _entry(fields: dict[str, Any], path: str, file: str) -> Entry:
    where = f"{file}: '{path}'"
    if missing := sorted({"value", "unit", "status", "checked"} - fields.keys()):
        raise RuleError(f"{where} has no {', '.join(missing)}.", "Every entry has value, unit, status and checked.")
    if unknown := sorted(fields.keys() - _FIELDS):
        raise RuleError(f"{where} has unknown fields {', '.join(unknown)}.", f"Known: {', '.join(sorted(_FIELDS))}.")
    if fields["status"] not in STATUSES:
        raise RuleError(f"{where} has status '{fields['status']}'.", f"Known: {', '.join(STATUSES)}.")
    # A datetime is a date to Python; only a plain date is wanted.
    if type(fields["checked"]) is not date:
        raise RuleError(f"{where}: 'checked' is no date.", "Write it as 2026-01-31, without quotes.")
    citations = tuple(fields.get("citations", ()))
    _require_source(fields, citations, where)
    return Entry(
        path,
        fields["value"],
        fields["unit"],
        citations,
        fields["status"],
        fields["checked"],
        fields.get("why", ""),
    )


def _require_source(fields: dict[str, Any], citations: tuple[str, ...], where: str) -> None:
    """No entry without a known source; an own choice needs its reason, a verified entry a source that was read."""
    if fields["status"] == "own choice":
        if not fields.get("why"):
            raise RuleError(f"{where} is an own choice without 'why'.", "Say what was chosen and for what reason.")
    elif not citations:
        raise RuleError(f"{where} has no source.", "Name one or more keys of core/references in 'citations'.")
    try:
        references = cite(citations)
    except RuleError as error:
        raise RuleError(f"{where}: {error.what}", error.remedy) from error
    if fields["status"] == "verified" and not any(reference.verified for reference in references):
        raise RuleError(f"{where} is called verified, but none of its sources is.", "Set status to 'unverified'.")
