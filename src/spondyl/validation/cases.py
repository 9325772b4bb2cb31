"""One case: made, written as files, assessed with the files a user would give, compared with its truth."""

from __future__ import annotations

import resource
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spondyl.core.errors import SpondylError
from spondyl.imaging.labels import read_level_map
from spondyl.imaging.read import read_ct
from spondyl.phantoms.implants import random_implants
from spondyl.phantoms.keyed import keyed
from spondyl.phantoms.phantom import Phantom, make
from spondyl.phantoms.random_spec import random_spec
from spondyl.phantoms.write import write_nifti, write_phantom
from spondyl.pipeline.assess import assess
from spondyl.pipeline.request import Request
from spondyl.validation.compare import (
    Record,
    TrueLesion,
    canal_record,
    density_record,
    lesion_records,
    shape_record,
    sins_record,
)
from spondyl.validation.compressed import compressed_spec
from spondyl.values.case import CaseResult, VertebraResult

PAINS = {
    "mechanical": {"mechanical": "yes"},
    "other": {"mechanical": "no", "present": "yes"},
    "none": {"present": "no"},
}
"""Answers of the history that leave no range in SINS's pain."""


@dataclass(frozen=True)
class PhantomCase:
    seed: int
    number: int
    compressed: bool = False
    """Tumour in the canal at most levels (see validation/compressed.py)."""

    @property
    def name(self) -> str:
        return f"{'compressed' if self.compressed else 'phantom'}-{self.seed}-{self.number:04d}"

    def record(self) -> Record:
        return _phantom_record(self)


@dataclass(frozen=True)
class ScanCase:
    """A real scan: as it is (`number` 0, presumed without lesions) or with random lesions put in."""

    scan: str
    ct: Path
    vertebrae: Path
    seed: int
    number: int
    lesions: int

    @property
    def name(self) -> str:
        return f"{self.scan}-{self.seed}-{self.number:04d}"

    def record(self) -> Record:
        return _scan_record(self)


Case = PhantomCase | ScanCase


def take(case: Case) -> Record:
    """The record of a case; one that ends in an error keeps its message."""
    start = time.perf_counter()
    try:
        found = case.record()
    except SpondylError as error:
        found = {"failed": _without_paths(f"{error.what} {error.remedy}", case)}
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"case": case.name, "seconds": time.perf_counter() - start, "peak_mb": peak_mb, **found}


def _without_paths(message: str, case: Case) -> str:
    """Records are shared: a path can hold a name."""
    for path in (case.ct, case.vertebrae) if isinstance(case, ScanCase) else ():
        message = message.replace(str(path), "its file")
    return message


def _phantom_record(case: PhantomCase) -> Record:
    """Assessed twice: from CT and vertebra masks alone; with lesions, cord, sac and tumour in the canal labelled."""
    start = time.perf_counter()
    phantom = make((compressed_spec if case.compressed else random_spec)(case.seed, case.number))
    made_s = time.perf_counter() - start
    with tempfile.TemporaryDirectory(prefix="spondyl-phantom-") as scratch:
        folder = Path(scratch) / "phantom"
        write_phantom(phantom, folder)
        history = Path(scratch) / "history.toml"
        pains = _pains(case, phantom)
        history.write_text(_history(pains), encoding="utf-8")
        given = {"ct": folder / "ct.nii.gz", "vertebrae": folder / "vertebrae.nii.gz", "history": history}
        start = time.perf_counter()
        alone = assess(Request(**given, strength=False))  # type: ignore[arg-type]
        alone_s = time.perf_counter() - start
        masks = {name: folder / f"{name}.nii.gz" for name in ("cord", "sac", "epidural")}
        if phantom.lesions.array.any():
            masks["lesions"] = folder / "lesions.nii.gz"
        if not phantom.cord.array.any():
            del masks["cord"]
        labelled = assess(Request(**given, **masks, strength=False))  # type: ignore[arg-type]
    lesions, false = lesion_records(alone, _true_lesions(phantom), phantom.lesions)
    return {
        "kind": "compressed" if case.compressed else "phantom",
        "made_s": made_s,
        "assess_s": alone_s,
        "voxels": int(np.prod(phantom.ct.shape)),
        "spacing_mm": phantom.truth["spacing_mm"],
        "noise_hu": phantom.truth["scanner"]["noise_hu"],
        "calibration": alone.calibration.method,
        "lesions": lesions,
        "false": false,
        "mimics": sorted({mimic["kind"] for level in phantom.truth["levels"].values() for mimic in level["mimics"]}),
        "levels": {
            name: _level_record(level, pains[name], _of(alone, name), _of(labelled, name))
            for name, level in phantom.truth["levels"].items()
        },
    }


def _level_record(truth: Record, pain: str, alone: VertebraResult | None, labelled: VertebraResult | None) -> Record:
    record = {
        "cut": truth["cut"],
        "pain": pain,
        "truth": {key: truth[key] for key in ("body", "canal", "trabecular", "sins", "fracture", "alignment")},
        "not_assessed": None if alone and alone.quality.assessed else _why_not(alone),
    }
    for name, result in (("alone", alone), ("labelled", labelled)):
        if result is not None and result.quality.assessed:
            record[name] = {
                "sins": sins_record(result),
                "canal": canal_record(result),
                "shape": shape_record(result),
                "density": density_record(result),
            }
    return record


def _why_not(result: VertebraResult | None) -> str:
    return "; ".join(result.quality.reasons) if result else "its label was not seen"


def _of(case: CaseResult, name: str) -> VertebraResult | None:
    return next((result for result in case.vertebrae if result.level.name == name), None)


def _true_lesions(phantom: Phantom) -> list[TrueLesion]:
    return [
        TrueLesion(
            number=lesion["number"],
            level=name,
            kind=lesion["type"],
            place=lesion["place"],
            diameter_mm=lesion["longest_diameter_mm"],
            volume_mm3=lesion["bone_volume_mm3"],
            noise_hu=phantom.truth["scanner"]["noise_hu"],
        )
        for name, level in phantom.truth["levels"].items()
        for lesion in level["lesions"]
    ]


def _pains(case: PhantomCase, phantom: Phantom) -> dict[str, str]:
    """One answer a level, drawn by (seed, number, level)."""
    return {
        name: str(keyed(case.seed, case.number, name, "pain").choice(list(PAINS))) for name in phantom.truth["levels"]
    }


def _history(pains: dict[str, str]) -> str:
    lines = []
    for level, pain in pains.items():
        lines.append(f"[pain.levels.{level}]")
        lines += [f'{question} = "{answer}"' for question, answer in PAINS[pain].items()]
    return "\n".join(lines) + "\n"


def _scan_record(case: ScanCase) -> Record:
    scan = read_ct(case.ct)
    levels = read_level_map(case.vertebrae, scan.volume)
    truth: list[TrueLesion] = []
    labels = scan.volume.like(np.zeros(scan.volume.shape, np.uint8), "label")
    ct = scan.volume
    if case.number:
        made = random_implants(ct, levels, keyed_number(case), case.lesions)
        ct, labels = made.ct, made.lesions
        truth = [_implanted(entry) for entry in made.truths]
    with tempfile.TemporaryDirectory(prefix="spondyl-scan-") as scratch:
        path = Path(scratch) / "ct.nii.gz"
        write_nifti(ct, path, np.int16)
        start = time.perf_counter()
        found = assess(Request(ct=path, vertebrae=case.vertebrae, strength=False))
        assess_s = time.perf_counter() - start
    lesions, false = lesion_records(found, truth, labels)
    return {"kind": "scan", "scan": case.scan, "healthy": not case.number, "assess_s": assess_s,
            "levels_assessed": sum(result.quality.assessed for result in found.vertebrae),
            "lesions": lesions, "false": false}  # fmt: skip


def keyed_number(case: ScanCase) -> int:
    return case.seed * 10_000 + case.number


def _implanted(entry: dict[str, Any]) -> TrueLesion:
    return TrueLesion(
        number=entry["label"],
        level=entry["level"],
        kind=entry["kind"],
        place=entry["place"],
        diameter_mm=entry["longest_diameter_mm"],
        volume_mm3=sum(entry["parts_mm3"].values()),
        noise_hu=entry["scan"]["noise_sd_hu"],
    )
