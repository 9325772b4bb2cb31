"""Fits that were made: written as parameter files, and kept beside the sets with what was and was not pinned down."""

from __future__ import annotations

import json
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

from spondyl.core.errors import OutputError
from spondyl.natural_history.calibrate import Calibration
from spondyl.natural_history.targets import Targets


def write_fit(found: Calibration, targets: Targets, path: Path, *, patients: int, seed: int) -> None:
    """`path` (TOML, a parameter set) and beside it, as JSON, how well it fits. Raises OutputError when it can't."""
    lines = [
        "# Written by `spondyl simulate calibrate`.",
        "",
        "[set]",
        'title = "fitted"',
        f'base = "{targets.base}"',
        "",
    ]
    rooms = sorted({name.split(".")[0] for name in found.changes})
    for room in rooms:
        lines.append(f"[{room}]")
        for name in sorted({".".join(changed.split(".")[:2]) for changed in found.changes}):
            if name.split(".")[0] == room:
                value = json.dumps(found.parameters[name].tolist())
                lines.append(
                    f'{name.split(".")[1]} = {{ value = {value}, status = "fitted", why = "Fitted to the targets." }}'
                )
        lines.append("")
    told = fit_told(found, targets, patients=patients, seed=seed)
    try:
        path.write_text("\n".join(lines), encoding="utf-8")
        path.with_suffix(".json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path.name} can't be written: {error.strerror}.", "Give a writable --out.") from error


def fit_told(found: Calibration, targets: Targets, *, patients: int, seed: int) -> dict[str, Any]:
    return {
        "base": targets.base,
        "patients": patients,
        "seed": seed,
        "simulations": found.simulations,
        "misfit": found.misfit,
        "targets": len(targets.fitted()),
        "free": [asdict(one) | {"pinned": one.pinned} for one in found.free],
    }


def committed_fit(name: str) -> dict[str, Any] | None:
    """What was found when a set of ours was fitted; None where none is kept."""
    kept = files("spondyl.natural_history").joinpath("data", f"fit_{name}.json")
    return dict(json.loads(kept.read_text(encoding="utf-8"))) if kept.is_file() else None
