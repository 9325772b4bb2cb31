"""Published widths of the canal by level, each laid only beside a measure of the same kind.

The bony canal (CT, dry bones) is wider than what MRI shows of sac and fluid, so bone is never compared with soft
tissue: measures between bony walls stand beside norms of bone, those of sac and cord labels beside norms of MRI.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from spondyl.anatomy.levels import Level
from spondyl.core.errors import RuleError
from spondyl.values.canal import CanalMeasure, NormComparison

CITATIONS = ("pam50_metrics", "kjs2012canal", "panjabi1991cervical", "panjabi1991", "panjabi1992")

MAX_CORD_MM2 = 100.0
"""Mean and three standard deviations of the cord at C4, where it is thickest (77.3 +- 7.5 mm2; pam50_metrics)."""


@dataclass(frozen=True)
class Norm:
    name: str
    kind: str
    """'bone' or 'soft tissue'."""
    quantity: str
    unit: str
    source: str
    verified: bool
    values: dict[Level, tuple[float, float | None]]
    """Mean and standard deviation."""


def with_norms(level: Level, measure: CanalMeasure) -> CanalMeasure:
    """The measure with each of its quantities beside what is published of it at this level."""
    measured = {
        "soft_tissue_area": measure.sac_area_mm2,
        "cord_area": measure.cord_area_mm2,
        "bony_depth": measure.pedicle_ap_mm,
        "bony_width": measure.pedicle_transverse_mm,
    }
    if measure.cord_area_mm2 is not None and measure.cord_area_mm2 > MAX_CORD_MM2:
        measured["cord_area"] = None  # the label holds more than cord
    found = []
    for norm in norms():
        value = next(value for name, value in measured.items() if norm.name.startswith(name))
        if value is None or level not in norm.values:
            continue
        mean, sd = norm.values[level]
        found.append(NormComparison(norm.quantity, norm.unit, value, mean, sd, norm.source, norm.verified))
    return replace(measure, norms=tuple(found))


@cache
def norms() -> tuple[Norm, ...]:
    """All norms of the table. Raises RuleError on one without kind, source or values."""
    text = files("spondyl.canal").joinpath("norms.toml").read_text(encoding="utf-8")
    read = []
    for name, entry in tomllib.loads(text).items():
        try:
            values = {
                Level.parse(level): (float(pair[0]), float(pair[1]) if len(pair) > 1 else None)
                for level, pair in entry["values"].items()
            }
            known = {key: entry[key] for key in ("kind", "quantity", "unit", "source", "verified")}
        except (KeyError, ValueError, IndexError) as error:
            raise RuleError(f"norm '{name}' of the canal: {error}.", "See the head of canal/norms.toml.") from error
        read.append(Norm(name=name, values=values, **known))
    return tuple(read)
