"""DICOM Segmentation objects: which segment is which vertebra, and its voxels in the patient."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spondyl.anatomy.levels import Level
from spondyl.core.errors import MaskMismatch, UnreadableInput
from spondyl.core.volume import Volume

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh"),
    *("eighth", "ninth", "tenth", "eleventh", "twelfth", "thirteenth"),
)
_ORDINAL = re.compile(rf"\b({'|'.join(_ORDINALS)})\s+(cervical|thoracic|lumbar|sacral)\b")
_SHORT = re.compile(r"(?<![a-z0-9])([ctls])[ -]?0?(\d{1,2})(?![0-9a-z])")
# A disc or a rib carries the name of a vertebra without being one.
_NOT_A_VERTEBRA = re.compile(
    r"\b(disc|disk|intervertebral|rib|nerve|root|endplate|muscle|lesion|metastas[ie]s|tumou?r)s?\b"
)


@dataclass(frozen=True)
class Segment:
    number: int
    level: Level | None
    is_cord: bool


def find_seg(path: Path) -> Path | None:
    """The DICOM file at `path`, or the only one in the folder; None when there is none."""
    files = [path] if path.is_file() else sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else []
    dicom = [file for file in files if _has_dicom_magic(file)]
    return dicom[0] if len(dicom) == 1 else None


def read_seg(path: Path, role: str, *, overlap: bool = False) -> tuple[Volume, tuple[Segment, ...]]:
    """Segment numbers as a canonical label `Volume`, and what each segment is.

    `overlap` lets later segments overwrite earlier ones, for masks whose segments need not be told apart.
    Raises UnreadableInput when it is no DICOM SEG, MaskMismatch when segments overlap.
    """
    import highdicom as hd

    try:
        seg = hd.seg.segread(path)
    except Exception as error:  # pydicom and highdicom raise many kinds for a file that is something else
        raise UnreadableInput(
            f"{role}: {path} is DICOM, but no Segmentation object that can be read.",
            "Give a DICOM SEG, NIfTI, NRRD or MHA mask.",
        ) from error
    try:
        volume = seg.get_volume(combine_segments=True, skip_overlap_checks=overlap)
    except (RuntimeError, ValueError) as error:
        raise MaskMismatch(
            f"{role}: the segments of {path} overlap, are fractional or do not lie on one regular grid.",
            "Export it again as binary, non-overlapping segments.",
        ) from error
    array: NDArray[Any] = np.asarray(volume.array)
    segments = tuple(_segment(item) for item in seg.SegmentSequence)
    return Volume(array, np.asarray(volume.affine), "label").canonical(), segments


def level_of_text(text: str) -> Level | None:
    """'First lumbar vertebra', 'L1 vertebra', 'vertebrae_L1', 'Sacrum' to the Level; None for anything else."""
    words = text.lower().replace("_", " ").strip()
    if _NOT_A_VERTEBRA.search(words):
        return None
    if "sacrum" in words:
        return Level.S1
    if "coccyx" in words:
        return Level.CO
    if found := _ORDINAL.search(words):
        name = f"{found[2][0].upper()}{_ORDINALS.index(found[1]) + 1}"
    elif short := _SHORT.search(words):
        name = f"{short[1].upper()}{int(short[2])}"
    else:
        return None
    return Level.__members__.get(name)


def _segment(item: Any) -> Segment:
    """By SNOMED CT code first, else by what the codes and the label say in words."""
    from pydicom.sr.codedict import codes

    known = {getattr(codes.SCT, f"{level.name}Vertebra").value: level for level in Level if _is_coded(level)}
    known |= {codes.SCT.Sacrum.value: Level.S1, codes.SCT.Coccyx.value: Level.CO}
    types = list(item.get("SegmentedPropertyTypeCodeSequence", []))
    anatomy = list(item.get("AnatomicRegionSequence", []))
    coded = [code for code in types + anatomy if code.get("CodingSchemeDesignator") == "SCT"]
    texts = [str(code.get("CodeMeaning", "")) for code in types + anatomy] + [str(item.get("SegmentLabel", ""))]
    levels = [known[code.CodeValue] for code in coded if code.get("CodeValue") in known]
    levels += [level for text in texts if (level := level_of_text(text)) is not None]
    cord = any(code.get("CodeValue") == codes.SCT.SpinalCord.value for code in coded)
    cord = cord or any("spinal cord" in text.lower().replace("_", " ") for text in texts)
    return Segment(int(item.SegmentNumber), levels[0] if levels else None, cord)


def _is_coded(level: Level) -> bool:
    """DICOM's context groups code C1 to C7, T1 to T12 and L1 to L5."""
    return level.name[0] in "CTL" and level.name[1:].isdigit() and level not in (Level.T13, Level.L6)


def _has_dicom_magic(path: Path) -> bool:
    with path.open("rb") as handle:
        return handle.read(132)[128:] == b"DICM"
