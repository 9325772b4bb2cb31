"""All that is read for one case, before anything is measured."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spondyl.clinical.history import History, read_history
from spondyl.core.errors import InputError, InvalidAnswer, MaskMismatch
from spondyl.core.memory import box_of
from spondyl.core.progress import Progress
from spondyl.core.provenance import sha256_of
from spondyl.core.volume import Volume
from spondyl.imaging import calibration as lines
from spondyl.imaging.gate.metal import unusable_voxels
from spondyl.imaging.internal import internal
from spondyl.imaging.labels import cord_from, read_labels, read_level_map, read_mask, read_subregions
from spondyl.imaging.read import read_ct
from spondyl.imaging.rods import from_measured, rods_by_label
from spondyl.pipeline.request import Request
from spondyl.values.density import Calibration
from spondyl.values.level_map import LevelMap
from spondyl.values.scan import CtScan

FILES = 8
"""Kinds of file a request can name: the steps of the stage 'reading'."""
MOST_IN_BONE = 0.25
"""Own choice: a sac shifted by 4 mm has less of it in bone; one flipped front to back, or head to feet, some half."""


@dataclass(frozen=True, eq=False)
class Inputs:
    scan: CtScan
    level_map: LevelMap
    subregions: Volume | None
    lesions: Volume | None
    cord: Volume | None
    sac: Volume | None
    epidural: Volume | None
    unusable: Volume | None
    """Voxels of metal and its streaks; None without metal."""
    history: History | None
    calibration: Calibration
    described: dict[str, dict[str, Any]]
    """By role: sha256, what it is, notes. No names, no paths."""


def read_inputs(request: Request, progress: Progress) -> Inputs:
    """Read every file of the request. Raises an InputError that says what, where and what to do."""
    stage = "reading"
    # The history first: it is read in no time, and a slip in it should not cost the wait for the scan.
    history = read_history(request.history) if request.history else None
    calibration = _asked_calibration(request)
    progress(stage, 1, FILES)
    scan = read_ct(request.ct, series=request.series)
    grid = scan.volume
    progress(stage, 2, FILES)
    described: dict[str, dict[str, Any]] = {
        "ct": {"sha256": scan.sha256, "source": scan.source, "notes": list(scan.notes)}
    }
    level_map, cord = _vertebrae(request, scan, progress)
    progress(stage, 3, FILES)
    if request.cord:
        cord = read_mask(request.cord, grid, role="cord mask")
    notes = list(level_map.notes)
    if cord and not request.cord:
        notes.append("the spinal cord was taken from the same labels")
    described["vertebrae"] = {"sha256": level_map.sha256, "source": level_map.scheme, "notes": notes}
    progress(stage, 4, FILES)
    subregions = read_subregions(request.subregions, grid) if request.subregions else None
    progress(stage, 5, FILES)
    lesions = read_mask(request.lesions, grid, role="lesion mask") if request.lesions else None
    progress(stage, 6, FILES)
    sac = read_mask(request.sac, grid, role="mask of the thecal sac") if request.sac else None
    epidural = None
    if request.epidural:
        epidural = read_mask(request.epidural, grid, role="mask of tumour in the canal", may_be_empty=True)
    for role, mask in (("spinal cord", cord), ("thecal sac", sac)):
        _check_in_canal(mask, level_map, role)
    for role in ("subregions", "lesions", "cord", "sac", "epidural", "rod_mask", "history"):
        if path := getattr(request, role):
            described[role] = {"sha256": sha256_of(path), "source": "given", "notes": []}
    progress(stage, 7, FILES)
    unusable = unusable_voxels(grid)
    calibration = calibration or _found_calibration(request, scan, level_map, unusable)
    progress(stage, FILES, FILES)
    return Inputs(
        scan=scan,
        level_map=level_map,
        subregions=subregions,
        lesions=lesions,
        cord=cord,
        sac=sac,
        epidural=epidural,
        unusable=grid.like(unusable, "mask") if unusable.any() else None,
        history=history,
        calibration=calibration,
        described=described,
    )


def _check_in_canal(mask: Volume | None, level_map: LevelMap, role: str) -> None:
    """Raise MaskMismatch for a mask that lies in bone and not between it."""
    if mask is None or (box := box_of(mask.array)) is None:
        return
    in_bone = float((level_map.labels.array[box] > 0)[mask.array[box]].mean())
    if in_bone > MOST_IN_BONE:
        raise MaskMismatch(
            f"{100 * in_bone:.0f} % of the {role}'s mask lies in the vertebrae's labels, and not in their canal.",
            "It is flipped or of another scan; export it again with its place in the patient.",
        )


def _asked_calibration(request: Request) -> Calibration | None:
    if request.calibration and request.rods:
        raise InputError("a density line and a phantom's rods were both given.", "Give one of them.")
    if request.calibration:
        return lines.given_line(*request.calibration)
    if request.rod_mask and not request.rods:
        raise InputError("a mask of a phantom's rods was given without their densities.", "Add --rod LABEL=MG_CC.")
    if request.rods and not request.rod_mask:
        return lines.from_rods([hu for hu, _ in request.rods], [mg_cc for _, mg_cc in request.rods])
    return None


def _found_calibration(request: Request, scan: CtScan, level_map: LevelMap, unusable: NDArray[np.bool_]) -> Calibration:
    """From rods in the scan, else from the patient's own tissues where enough are found, else the general line."""
    if request.rod_mask:
        labels = read_labels(request.rod_mask, scan.volume, role="mask of the phantom's rods")
        return from_measured(rods_by_label(scan.volume, labels), dict(request.rods))
    if request.generic:
        return lines.with_contrast_note(lines.generic(request.kvp or scan.kvp), scan.contrast)
    return internal(scan, level_map, kvp=request.kvp, unusable=unusable)


SEGMENTERS = ("spondyl", "totalsegmentator")


def _vertebrae(request: Request, scan: CtScan, progress: Progress) -> tuple[LevelMap, Volume | None]:
    """The level map given or found, and the cord where the same labels hold one."""
    if request.segmenter not in SEGMENTERS:
        raise InvalidAnswer(f"no segmenter is named '{request.segmenter}'.", f"There are {' and '.join(SEGMENTERS)}.")
    if request.vertebrae is None and request.segmenter == "spondyl":
        from spondyl.segmentation.segment import segment

        return segment(scan.volume, dict(request.anchors), progress).level_map, None
    if request.anchors:
        raise InputError("anchors were given for labels that are not Spondyl's own.", "Leave out --anchor.")
    with tempfile.TemporaryDirectory() as scratch:
        labels = request.vertebrae or _by_totalsegmentator(scan, Path(scratch))
        level_map = read_level_map(labels, scan.volume, scheme=request.scheme)
        return level_map, None if request.cord else cord_from(labels, scan.volume, level_map)


def _by_totalsegmentator(scan: CtScan, scratch: Path) -> Path:
    from spondyl.segmentation.totalsegmentator import segment

    return segment(scan, scratch / "vertebrae.nii.gz")
