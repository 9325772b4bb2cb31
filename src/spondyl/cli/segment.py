"""`spondyl segment`: vertebra labels of a raw CT, how sure they are, and a picture of them."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from spondyl.anatomy.levels import Level
from spondyl.cli.progress import terminal_progress
from spondyl.core.errors import InvalidAnswer, OutputError
from spondyl.imaging.read import read_ct
from spondyl.report.masks import write_nifti
from spondyl.report.segmentation_preview import draw_preview
from spondyl.segmentation.segment import Segmentation, segment
from spondyl.values.level_map import LevelMap

ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha")


def run_segment(
    ct: Path,
    out: Path,
    *,
    anchors: Sequence[str],
    levels: Sequence[Level] | None,
    preview: Path | None,
    series: str | None,
) -> None:
    """Write the mask, in VerSe's numbers, and tell of each level. Raises InputError or OutputError."""
    if not out.name.endswith(ENDINGS):
        raise OutputError(f"--out ends in none of {', '.join(ENDINGS)}.", "Name a file such as vertebrae.nii.gz.")
    held = parse_anchors(anchors)
    with terminal_progress() as progress:
        scan = read_ct(ct, series=series)
        found = segment(scan.volume, held, progress)
        chosen = _only(found.level_map, levels)
        _write_whole(chosen, out)
        if preview:
            draw_preview(scan.volume, chosen, preview)
    _tell(found, levels, out)


def parse_anchors(texts: Sequence[str]) -> dict[Level, float]:
    """'T12=-214.5' to a level and its z in mm. Raises InvalidAnswer."""
    held: dict[Level, float] = {}
    for text in texts:
        name, equals, z_mm = text.partition("=")
        try:
            if not equals:
                raise ValueError
            held[Level.parse(name)] = float(z_mm)
        except ValueError:
            remedy = "Write the level and the z of its body's middle in mm (patient space, LPS): --anchor T12=-214.5."
            raise InvalidAnswer(f"--anchor {text} is not LEVEL=Z.", remedy) from None
    return held


def _only(level_map: LevelMap, levels: Sequence[Level] | None) -> LevelMap:
    if levels is None:
        return level_map
    if missing := [level.name for level in levels if level not in level_map.levels]:
        found = ", ".join(level.name for level in level_map.levels)
        raise InvalidAnswer(f"the scan shows no {', '.join(missing)}.", f"It shows {found}.")
    labels = level_map.labels
    kept = np.where(np.isin(labels.array, [int(level) for level in levels]), labels.array, 0)
    return replace(level_map, labels=labels.like(kept, "label"))


def _write_whole(level_map: LevelMap, out: Path) -> None:
    """Beside its place first: a mask is whole or not there."""
    if not out.parent.is_dir():
        raise OutputError(f"the folder {out.parent} for --out is not there.", "Make it first.")
    ending = next(ending for ending in ENDINGS if out.name.endswith(ending))
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".segment-") as scratch:
        path = Path(scratch) / f"mask{ending}"
        write_nifti(level_map.labels, path)
        os.replace(path, out)


def _tell(found: Segmentation, levels: Sequence[Level] | None, out: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    table = Table(header_style="bold")
    for column in ("level", "of its body in the scan", "doubts"):
        table.add_column(column)
    for entry in found.levels:
        if levels is None or entry.level in levels:
            table.add_row(entry.level.name, f"{entry.seen:.0%}", "; ".join(entry.doubts) or "none")
    console.print(table)
    for note in found.notes:
        console.print(note)
    console.print("Research software, not a medical device: look at the mask before you use it.")
    console.print(f"Mask: {out}")


def as_anchors(held: Mapping[Level, float]) -> tuple[tuple[Level, float], ...]:
    """As a `Request` holds them."""
    return tuple(sorted(held.items()))
