"""`spondyl triage`: how soon someone should be seen, from a file or by asking in plain words."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import asdict
from pathlib import Path

import typer

from spondyl.cli.triage_ask import Interview, Stopped
from spondyl.cli.triage_words import told
from spondyl.clinical.history import History, read_history
from spondyl.clinical.history import schema as history_schema
from spondyl.clinical.urgency import triage
from spondyl.core.citations import cite
from spondyl.core.errors import OutputError
from spondyl.values.score import UrgencyResult


def run_triage(file: Path | None, *, as_json: bool, schema: bool, keys: bool, save: Path | None) -> None:
    if schema:
        typer.echo(json.dumps(history_schema(), indent=2))
        return
    history = read_history(file) if file else _ask(as_json=as_json, keys=keys)
    if save:
        _save(history, save)
    result = triage(history)
    assert result is not None  # only no history at all gives none
    typer.echo(_json(result) if as_json else told(result))


def _ask(*, as_json: bool, keys: bool) -> History:
    """Asks on the terminal. With --json the talk goes to the error stream, so that the output is JSON alone."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a stray byte is a wrong answer, not an end
    interview = Interview(sys.stdin, sys.stderr if as_json else sys.stdout, keys=keys)
    try:
        return interview.run()
    except Stopped as stopped:
        typer.echo(f"\n{stopped}", err=True)
        raise typer.Exit(130) from None


def _json(result: UrgencyResult) -> str:
    sources = [{"key": entry.key, "text": entry.text, "verified": entry.verified} for entry in cite(result.citations)]
    return json.dumps({**asdict(result), "sources": sources}, indent=2, ensure_ascii=False)


def _save(history: History, path: Path) -> None:
    if path.suffix.lower() != ".json":
        raise OutputError("--save names no .json file.", "Give a name that ends in .json.")
    try:
        path.write_text(history.model_dump_json(exclude_unset=True, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the answers can't be saved: {error.strerror}.", "Give a writable --save.") from error
