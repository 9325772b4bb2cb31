"""`spondyl phantom`: one phantom from a file, or a random set that goes on where it was cut off."""

from __future__ import annotations

from pathlib import Path

import typer

from spondyl.cli.progress import terminal_progress
from spondyl.core.errors import InvalidAnswer, OutputError
from spondyl.core.output import check_replaceable
from spondyl.core.progress import Progress, silent
from spondyl.phantoms.phantom import make
from spondyl.phantoms.random_spec import random_spec
from spondyl.phantoms.spec import PhantomSpec, read_spec
from spondyl.phantoms.write import FILES, is_written, write_phantom


def run_phantom(*, spec: Path | None, random: int | None, seed: int, start: int, out: Path) -> None:
    """Raises InvalidAnswer, UnreadableInput or OutputError."""
    if (spec is None) == (random is None):
        raise InvalidAnswer("a phantom needs either --spec or --random.", "Give a TOML file, or a number of phantoms.")
    with terminal_progress() as progress:
        if spec is not None:
            wanted = read_spec(spec)
            check_replaceable(out, FILES)
            write_phantom(make(wanted, progress), out)
            typer.echo(f"{wanted.name} written to {out}")
            return
        made, there = _set(random or 0, seed, start, out, progress)
    typer.echo(f"{made} phantoms made, {there} were there already, in {out}")


def _set(count: int, seed: int, start: int, out: Path, progress: Progress) -> tuple[int, int]:
    if out.exists() and not out.is_dir():
        raise OutputError("--out names a file, not a folder.", "Name a folder.")
    made = there = 0
    for n in range(start, start + count):
        progress("phantoms", n - start, count)
        wanted: PhantomSpec = random_spec(seed, n)
        folder = out / wanted.name
        if is_written(folder, wanted):
            there += 1
            continue
        check_replaceable(folder, FILES)
        write_phantom(make(wanted, silent), folder)
        made += 1
    progress("phantoms", count, count)
    return made, there
