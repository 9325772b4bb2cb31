"""summary.json and report.html of a simulated population, and of a comparison of two policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spondyl.core.citations import cite
from spondyl.report import simulation_charts
from spondyl.report.parts import DISCLAIMER
from spondyl.report.templating import environment

SCHEMA_VERSION = "1.0"
_CURVES = {
    "Where tumour comes to be": ("overt_day", "bone_overt_day", "spine_visible_day", "known_day"),
    "What it does": (
        "pain_day", "fracture_day", "epidural_day", "compression_day", "deficit_day", "nonambulatory_day",
    ),
}  # fmt: skip


def write_simulation(told: Mapping[str, Any], out: Path) -> None:
    """`told`: 'run' (manifest), 'about', 'summary', 'figures', 'other_figures', 'trials', 'parameters', 'fit'.

    Writes summary.json (all of it) and report.html into an existing folder.
    """
    keys = {key for row in (*told["figures"], *told["trials"]) for key in row["citations"]}
    keys.update(key for row in told["parameters"] for key in row["citations"])
    whole = {"schema_version": SCHEMA_VERSION, "disclaimer": DISCLAIMER, **told}
    _write_json(whole, out / "summary.json")
    page = environment().get_template("simulation.html.j2")
    html = page.render(
        t=whole, curves=_CURVES, charts=simulation_charts, citations=cite(keys), known={c.key for c in cite(keys)}
    )
    (out / "report.html").write_text(html, encoding="utf-8")


def write_comparison(told: Mapping[str, Any], out: Path) -> None:
    """`told`: 'a' and 'b' (manifests), 'people', 'differences'. Writes summary.json and report.html."""
    whole = {"schema_version": SCHEMA_VERSION, "disclaimer": DISCLAIMER, **told}
    _write_json(whole, out / "summary.json")
    html = environment().get_template("comparison.html.j2").render(t=whole, charts=simulation_charts)
    (out / "report.html").write_text(html, encoding="utf-8")


def _write_json(told: Mapping[str, Any], path: Path) -> None:
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
