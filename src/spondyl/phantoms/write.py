"""A phantom as files: CT, masks and truth, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from spondyl.anatomy.subregions import SubRegion
from spondyl.core.output import whole_folder
from spondyl.core.volume import Volume
from spondyl.phantoms.phantom import Phantom
from spondyl.phantoms.spec import PhantomSpec

TRUTH = "truth.json"
FILES = frozenset(
    {
        "ct.nii.gz",
        "vertebrae.nii.gz",
        "parts.nii.gz",
        "subregions.nii.gz",
        "lesions.nii.gz",
        "cord.nii.gz",
        "sac.nii.gz",
        "epidural.nii.gz",
        TRUTH,
    }
)
TPTBOX_CODE = {
    SubRegion.BODY: 49,
    SubRegion.PEDICLE_LEFT: 41,
    SubRegion.PEDICLE_RIGHT: 41,
    SubRegion.LAMINA_LEFT: 41,
    SubRegion.LAMINA_RIGHT: 41,
    SubRegion.SPINOUS: 42,
    SubRegion.TRANSVERSE_LEFT: 43,
    SubRegion.TRANSVERSE_RIGHT: 44,
    SubRegion.FACET_LEFT: 45,
    SubRegion.FACET_RIGHT: 46,
}
"""Codes of TPTBox and SPINEPS (moeller2024), which know no pedicles."""


def write_phantom(phantom: Phantom, out: Path) -> None:
    """Writes `FILES` into `out`, replacing an earlier phantom there. Raises OutputError for a folder of other things.

    `parts.nii.gz` has `SubRegion` numbers, `subregions.nii.gz` TPTBox codes as `spondyl assess --subregions` takes.
    """
    codes = np.zeros(len(SubRegion) + 1, np.uint8)
    for part, code in TPTBOX_CODE.items():
        codes[part] = code
    with whole_folder(out, FILES) as folder:
        write_nifti(phantom.ct, folder / "ct.nii.gz", np.int16)
        masks = {
            "vertebrae": phantom.level_map.labels,
            "parts": phantom.subregions,
            "subregions": phantom.subregions.like(codes[phantom.subregions.array], "label"),
            "lesions": phantom.lesions,
            "cord": phantom.cord,
            "sac": phantom.sac,
            "epidural": phantom.epidural,
        }
        for name, mask in masks.items():
            write_nifti(mask, folder / f"{name}.nii.gz", np.uint8)
        (folder / TRUTH).write_text(json.dumps(phantom.truth, indent=1) + "\n", encoding="utf-8")


def is_written(out: Path, spec: PhantomSpec) -> bool:
    """Whether `out` holds this very phantom already."""
    try:
        truth = json.loads((out / TRUTH).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(truth.get("spec") == spec.model_dump(mode="json"))


def write_nifti(volume: Volume, path: Path, kind: type[np.integer]) -> None:
    """SimpleITK holds LPS, as `Volume` does; values are rounded."""
    import SimpleITK as sitk

    array: NDArray = np.asarray(volume.array)
    if array.dtype.kind == "f":
        array = np.rint(array)
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0), dtype=kind))
    image.SetSpacing(volume.spacing_mm)
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / np.array(volume.spacing_mm)).ravel().tolist())
    sitk.WriteImage(image, str(path), useCompression=True)
