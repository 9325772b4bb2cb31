"""`laws.toml`, read and checked: no table without a source, or a reason where the choice is our own."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from spondyl.core.citations import cite
from spondyl.core.errors import RuleError

STATUSES = ("verified", "own choice", "unverified")
"""From the strongest to the weakest; they mean what they mean for the clinical rules."""

Tables = dict[str, Any]


@dataclass(frozen=True)
class Source:
    """Where a number comes from and how far it was checked."""

    citations: tuple[str, ...]
    status: str
    note: str


@cache
def packaged() -> Tables:
    """The tables of the package's own file. Raises RuleError."""
    return read(files("spondyl.mechanics").joinpath("laws.toml").read_text(encoding="utf-8"))


def read(text: str) -> Tables:
    """Tables from the text of a law file, every source checked. Raises RuleError naming the table."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"laws.toml is no TOML: {error}.", "Mend the line named.") from error
    for where, fields in _leaves(tables, ()):
        _check(fields, f"laws.toml: '{where}'")
    return tables


def source_of(fields: Tables) -> Source:
    return Source(tuple(fields["citations"]), fields["status"], fields["note"])


def _leaves(table: Tables, parents: tuple[str, ...]) -> Iterator[tuple[str, Tables]]:
    """Tables that hold no further tables, with their path."""
    inner = {name: content for name, content in table.items() if isinstance(content, dict)}
    if not inner:
        yield ".".join(parents), table
    for name, content in inner.items():
        yield from _leaves(content, (*parents, name))


def _check(fields: Tables, where: str) -> None:
    if missing := sorted({"citations", "status", "note"} - fields.keys()):
        raise RuleError(f"{where} has no {', '.join(missing)}.", "Every table has citations, status and note.")
    if fields["status"] not in STATUSES:
        raise RuleError(f"{where} has status '{fields['status']}'.", f"Known: {', '.join(STATUSES)}.")
    if not fields["citations"] and fields["status"] != "own choice":
        raise RuleError(f"{where} has no source.", "Name one or more keys of core/references.")
    if not fields["note"]:
        raise RuleError(f"{where} has an empty note.", "Say what was checked, or why it was chosen.")
    try:
        references = cite(fields["citations"])
    except RuleError as error:
        raise RuleError(f"{where}: {error.what}", error.remedy) from error
    if fields["status"] == "verified" and not any(reference.verified for reference in references):
        raise RuleError(f"{where} is called verified, but none of its sources is.", "Set status to 'unverified'.")
