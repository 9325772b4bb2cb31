"""Masks of other programs, brought to the CT's grid and to Spondyl's names.

    file or folder -> labels on the mask's own grid -> which label is which level -> the CT's grid

Nothing is guessed: a mask that is empty, not made of whole numbers, beside the CT, or of a numbering that
can't be told is refused. Discs, ribs and other organs in the same file are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.core.errors import MaskMismatch, UnreadableInput
from spondyl.core.memory import in_memory_order
from spondyl.core.provenance import sha256_of
from spondyl.core.volume import Volume
from spondyl.imaging.dicom.seg import find_seg, read_seg
from spondyl.imaging.files import read_image_file
from spondyl.imaging.placing import label_stats, onto_ct
from spondyl.imaging.schemes import (
    DICOM_SEG,
    LEVELS_OF,
    TOTALSEGMENTATOR,
    TOTALSEGMENTATOR_CORD,
    TPTBOX_SUBREGIONS,
    choices,
    recognise,
)
from spondyl.values.level_map import LevelMap

_ROLE = "the vertebra mask"
_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha")
_LARGEST_LABEL = 65535  # own choice: beyond it the numbers are no labels but an image
_CORD_FILE = "spinal_cord"


@dataclass(frozen=True, eq=False)
class _Labelled:
    labels: Volume
    """`Level` integers on the mask's own grid, uint8."""
    scheme: str
    notes: tuple[str, ...] = ()


def read_level_map(path: Path, ct: Volume, *, scheme: str | None = None) -> LevelMap:
    """A vertebra mask as a `LevelMap` on the CT's grid.

    `path` is a label file (VerSe, TPTBox/SPINEPS or TotalSegmentator v2 numbers), a TotalSegmentator folder of
    one file a class, or a DICOM SEG. `scheme` ('verse', 'tptbox', 'totalsegmentator') is only needed where the
    numbering can't be told. Raises MaskMismatch, UnreadableInput or UnsuitableImage.
    """
    if scheme is not None and scheme not in LEVELS_OF:
        raise MaskMismatch(f"'{scheme}' is no numbering known here.", f"Use {choices()}.")
    if seg := find_seg(path):
        found = _from_seg(seg)
    elif path.is_dir():
        found = _from_folder(path)
    else:
        found = _from_label_file(path, scheme)
    labels, notes = onto_ct(found.labels, ct, _ROLE)
    return LevelMap(labels, found.scheme, sha256_of(path), found.notes + notes)


def read_mask(path: Path, ct: Volume, *, role: str, may_be_empty: bool = False) -> Volume:
    """A yes/no mask ('lesion mask', 'cord mask') on the CT's grid, boolean; every label above 0 is a yes.

    An empty one is refused unless it `may_be_empty`, where that says something: looked for and not found.
    """
    role = f"the {role}"
    labels = read_seg(seg, role, overlap=True)[0] if (seg := find_seg(path)) else _read_labels(path, role)
    mask = Volume((labels.array > 0).view(np.uint8), labels.affine, "mask")
    if may_be_empty and not mask.array.any():
        return ct.like(np.zeros(ct.shape, dtype=np.bool_), "mask")
    placed, _ = onto_ct(mask, ct, role)
    return Volume(placed.array.view(np.bool_), placed.affine, "mask")


def read_labels(path: Path, ct: Volume, *, role: str) -> Volume:
    """Any whole numbers ('mask of the phantom's rods') on the CT's grid, uint8 or uint16."""
    return onto_ct(_read_labels(path, f"the {role}"), ct, f"the {role}")[0]


def cord_from(path: Path, ct: Volume, level_map: LevelMap) -> Volume | None:
    """The spinal cord, boolean on the CT's grid, when the vertebra mask at `path` carries it itself; else None."""
    role = "the spinal cord in the vertebra mask"
    if seg := find_seg(path):
        labels, segments = read_seg(seg, role)
        array = np.isin(labels.array, [segment.number for segment in segments if segment.is_cord])
    elif path.is_dir():
        file = next((path / f"{_CORD_FILE}{suffix}" for suffix in _SUFFIXES if _is_file(path, suffix)), None)
        if file is None:
            return None
        labels = _read_labels(file, role)
        array = labels.array > 0
    elif level_map.scheme == TOTALSEGMENTATOR:
        labels = _read_labels(path, role)
        array = labels.array == TOTALSEGMENTATOR_CORD
    else:
        return None
    if not array.any():
        return None
    placed, _ = onto_ct(Volume(array.view(np.uint8), labels.affine, "mask"), ct, role)
    return Volume(placed.array.view(np.bool_), placed.affine, "mask")


def read_subregions(path: Path, ct: Volume) -> Volume:
    """TPTBox's codes 41 to 50 on the CT's grid, uint8; other labels are dropped. Refused when none is there."""
    role = "the sub-region mask"
    labels = _read_labels(path, role)
    kept = np.where(np.isin(labels.array, TPTBOX_SUBREGIONS), labels.array, 0).astype(np.uint8)
    if not kept.any():
        raise MaskMismatch(
            f"{role} holds none of TPTBox's codes 41 to 50 ({_shown(labels)}).",
            "Give the sub-region mask of TPTBox or SPINEPS, or leave it out.",
        )
    return onto_ct(Volume(kept, labels.affine, "label"), ct, role)[0]


def _from_label_file(path: Path, scheme: str | None) -> _Labelled:
    labels = _read_labels(path, _ROLE)
    stats = label_stats(labels)
    if not stats:
        raise _empty(_ROLE)
    name = scheme or recognise(stats)
    table = LEVELS_OF[name]
    used = {label: table[label] for label in stats if label in table}
    if not used:
        raise MaskMismatch(f"{_ROLE} holds no vertebra in the numbering '{name}' ({_shown(labels)}).", choices())
    left_out = len(stats) - len(used)
    notes = (f"{left_out} labels of the vertebra mask that are no vertebrae were left out.",) if left_out else ()
    return _Labelled(_relabelled(labels, used), name, notes)


def _from_folder(path: Path) -> _Labelled:
    """TotalSegmentator's folder: one file a class, all of them on one grid; a class that is not there is empty."""
    merged: Volume | None = None
    array = np.zeros(0, np.uint8)
    for file in sorted(p for p in path.iterdir() if p.name.lower().endswith(_SUFFIXES)):
        level = _level_of_file(file.name)
        if level is None:
            continue
        labels = _read_labels(file, _ROLE)
        if merged is None:
            merged, array = labels, np.zeros(labels.shape, np.uint8)
        elif not merged.same_grid(labels):
            raise MaskMismatch("the files of the vertebra mask's folder lie on different grids.", "Export them again.")
        array[labels.array > 0] = int(level)
    if merged is None:
        raise UnreadableInput(
            f"{_ROLE}: the folder {path} holds no file named like vertebrae_L1.nii.gz and no DICOM SEG.",
            "Give TotalSegmentator's output folder, a label file or a DICOM SEG.",
        )
    if not array.any():
        raise _empty(_ROLE)
    return _Labelled(Volume(array, merged.affine, "label"), TOTALSEGMENTATOR, ("Read from one file a class.",))


def _from_seg(path: Path) -> _Labelled:
    labels, segments = read_seg(path, _ROLE)
    used = {segment.number: segment.level for segment in segments if segment.level is not None}
    if not used:
        raise MaskMismatch(
            f"{_ROLE}: no segment of the DICOM SEG is coded or labelled as a vertebra.",
            "Name the segments by level ('L1 vertebra') or by DICOM's codes for vertebrae.",
        )
    relabelled = _relabelled(labels, used)
    if not relabelled.array.any():
        raise _empty(_ROLE)
    return _Labelled(relabelled, DICOM_SEG)


def _read_labels(path: Path, role: str) -> Volume:
    """Whole non-negative numbers, uint8 or uint16. Raises MaskMismatch for anything else."""
    volume = read_image_file(path, role)
    array = volume.array
    if np.issubdtype(array.dtype, np.floating) and not np.array_equal(array, np.rint(array)):  # NaN is unequal too
        raise MaskMismatch(
            f"{role} holds numbers that are not whole: it is an image, a probability map or was resampled smoothly.",
            "Give labels (resample them with nearest neighbour).",
        )
    voxels = in_memory_order(array)
    low, high = voxels.min(), voxels.max()
    if low < 0 or high > _LARGEST_LABEL:
        raise MaskMismatch(f"{role} holds numbers from {low:g} to {high:g}, which are no labels.", "Give a label mask.")
    kind = np.uint8 if high <= np.iinfo(np.uint8).max else np.uint16
    return Volume(array.astype(kind, copy=False), volume.affine, "label")


def _relabelled(labels: Volume, table: Mapping[int, Level]) -> Volume:
    to_level = np.zeros(int(labels.array.max()) + 1, np.uint8)
    for label, level in table.items():
        if label < len(to_level):
            to_level[label] = int(level)
    return labels.like(to_level[labels.array], "label")


def _level_of_file(name: str) -> Level | None:
    stem = name.split(".")[0].lower()
    if not (stem.startswith("vertebra") or stem == "sacrum"):
        return None
    try:
        return Level.parse(stem)
    except ValueError:
        return None


def _is_file(folder: Path, suffix: str) -> bool:
    return (folder / f"{_CORD_FILE}{suffix}").is_file()


def _shown(labels: Volume) -> str:
    found = [str(label) for label in np.unique(labels.array) if label]
    return f"its labels are {', '.join(found[:12])}{' …' if len(found) > 12 else ''}" if found else "it is empty"


def _empty(role: str) -> MaskMismatch:
    return MaskMismatch(f"{role} is empty: no voxel belongs to a vertebra.", "Check the export of the mask.")
