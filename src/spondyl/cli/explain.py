"""`spondyl explain`: the page for patients and families."""

from __future__ import annotations

from pathlib import Path

import typer

from spondyl.cli.localise import read_assessment
from spondyl.core.errors import OutputError
from spondyl.report.explain import explain


def run_explain(assessment: Path | None, out: Path) -> None:
    page = explain(read_assessment(assessment) if assessment else None)
    try:
        out.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"the page can't be written: {error.strerror}.", "Give a writable --out.") from error
    typer.echo(f"Page: {out}")
