"""`spondyl benchmark lesions|canal|sins|density`: answers beside the truth, as tables."""

from __future__ import annotations

from pathlib import Path

import typer

from spondyl.cli.progress import terminal_progress
from spondyl.core.errors import InvalidAnswer
from spondyl.core.output import check_replaceable
from spondyl.validation.run import PARTS
from spondyl.validation.topics import TOPICS, run_topic

OUTPUTS = {PARTS, *(f"{name}.{kind}" for name in TOPICS for kind in ("md", "json", "png"))}


def run_benchmark(
    topic: str, out: Path, phantoms: int, seed: int, scans: tuple[str, ...], implant_runs: int, workers: int
) -> None:
    """Raises InvalidAnswer for a scan that is not CT=MASK."""
    pairs = [_pair(text) for text in scans]
    check_replaceable(out, OUTPUTS)
    with terminal_progress() as progress:
        table = run_topic(
            topic,
            out,
            phantoms=phantoms,
            seed=seed,
            scans=pairs,
            implant_runs=implant_runs,
            workers=workers,
            progress=progress,
        )
    typer.echo(table.read_text(encoding="utf-8"))


def _pair(text: str) -> tuple[Path, Path]:
    ct, equals, mask = text.partition("=")
    pair = Path(ct), Path(mask)
    if not equals or not all(path.exists() for path in pair):
        raise InvalidAnswer(
            "--scan names no CT and vertebra labels that are there.", "Write --scan ct.nii.gz=vertebrae.nii.gz."
        )
    return pair
