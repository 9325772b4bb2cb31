"""strength.json and strength.html: what `spondyl strength` writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from spondyl.core.citations import cite
from spondyl.report.calibration_parts import Calibration, calibration_part
from spondyl.report.figures import load_picture, yield_picture
from spondyl.report.parts import DISCLAIMER, Citation, Part, plain, taken
from spondyl.report.picture import row_to_png, to_svg
from spondyl.report.strength_parts import StrengthEstimate, TaskRatio, strength_estimate, task_ratios
from spondyl.report.templating import environment
from spondyl.values.case import StrengthCase

OUTPUTS = frozenset({"strength.json", "strength.html", "figures"})
"""Everything a result folder holds, at its top."""


class StrengthOfLevel(Part):
    name: str = Field(description="level, or 'block'")
    lesions: tuple[str, ...] = Field(description="type and volume, in the order that the costs count them from 1")
    strengths: tuple[StrengthEstimate, ...] = Field(description="one for each load case")
    reason: str = Field(description="why there is none, when there is none")
    loads: tuple[TaskRatio, ...]
    notes: tuple[str, ...]


class StrengthStudy(Part):
    """The strengths of one run."""

    schema_version: Literal["1.0"]
    disclaimer: str
    inputs: dict[str, dict[str, Any]]
    calibration: Calibration | None = Field(description="null where densities were given")
    levels: tuple[StrengthOfLevel, ...]
    citations: tuple[Citation, ...]
    provenance: dict[str, Any]

    def to_json(self) -> str:
        return json.dumps(self.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of strength.json."""
    schema = StrengthStudy.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Spondyl strength study"}


def from_strengths(case: StrengthCase) -> StrengthStudy:
    keys = set(case.calibration.citations if case.calibration else ())
    for entry in case.entries:
        keys.update(key for found in entry.strengths for key in found.citations)
        keys.update(key for load, _ in entry.loads for key in load.citations)
    return StrengthStudy(
        schema_version="1.0",
        disclaimer=DISCLAIMER,
        inputs=plain(case.inputs),
        calibration=calibration_part(case.calibration) if case.calibration else None,
        levels=tuple(
            StrengthOfLevel(
                name=entry.name,
                lesions=tuple(f"{lesion.kind}, {lesion.volume_mm3 / 1000:.1f} cm³" for lesion in entry.lesions),
                strengths=tuple(strength_estimate(found) for found in entry.strengths),
                reason=entry.reason,
                loads=task_ratios(entry.loads),
                notes=entry.notes,
            )
            for entry in case.entries
        ),
        citations=tuple(taken(Citation, reference) for reference in cite(keys)),
        provenance=plain(case.provenance),
    )


def write_strength(case: StrengthCase, out: Path) -> None:
    """Fills an existing, empty folder. The same case gives the same bytes."""
    from markupsafe import Markup

    study = from_strengths(case)
    (out / "figures").mkdir()
    pictures = {}
    for entry in case.entries:
        for found in entry.strengths:
            shown = load_picture(entry.name, found), yield_picture(entry.name, found)
            (out / "figures" / f"{entry.name}-{found.load_case}.png").write_bytes(row_to_png(shown))
            pictures[entry.name, str(found.load_case)] = [(Markup(to_svg(one)), one.caption) for one in shown]
    page = environment().get_template("strength.html.j2").render(s=study, pictures=pictures)
    (out / "strength.html").write_text(page, encoding="utf-8")
    (out / "strength.json").write_text(study.to_json(), encoding="utf-8")
