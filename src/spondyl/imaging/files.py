"""Image files of one volume (NIfTI, NRRD, MetaImage) to a canonical `Volume`, for the CT and for every mask."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from spondyl.core.errors import UnreadableInput, UnsuitableImage
from spondyl.core.volume import Volume
from spondyl.imaging.compact import compact, joined, slabs
from spondyl.imaging.grid_checks import check_affine, check_shape
from spondyl.imaging.nifti import EXPORT_AGAIN, read_nifti

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".mha")
HEADER_BYTES = 1 << 16
_NRRD_SPACE = re.compile(rb"space: *(left|right)-(anterior|posterior)-superior *$|space: *(ras|las|lps) *$")
_MHA_DIRECTIONS = re.compile(rb"^(transformmatrix|rotation|orientation) *=", re.MULTILINE)
IMAGE_SUFFIXES = NIFTI_SUFFIXES + ITK_SUFFIXES


def read_image_file(path: Path, role: str) -> Volume:
    """One image file to a canonical `Volume` (axes closest to left, posterior, superior; LPS mm).

    The array is scaled where the file says so and of the smallest type that holds it (`compact`); `quantity` is "HU"
    and is the caller's to change. `role` names the file in messages: "the CT", "the vertebra mask". Raises
    UnreadableInput for a file that is missing, cut off or of an unknown kind, UnsuitableImage for one without three
    dimensions or without a usable place in the patient.
    """
    if not path.is_file():
        raise UnreadableInput(f"{role} is not there: no file at {path}.", "Check the path.")
    if path.stat().st_size == 0:
        raise UnreadableInput(f"{role} is an empty file.", EXPORT_AGAIN)
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES):
        return read_nifti(path, role).canonical()
    if name.endswith(ITK_SUFFIXES):
        return _read_with_itk(path, role).canonical()
    raise UnreadableInput(
        f"{role} has a name that ends in '{path.suffix}', which is no kind of image read here.",
        f"Known are {', '.join(IMAGE_SUFFIXES)}.",
    )


def _read_with_itk(path: Path, role: str) -> Volume:
    import SimpleITK as sitk

    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        # ITK's text names the file's place on the machine, so it is kept for the traceback only.
        raise UnreadableInput(f"{role} is damaged, or not what its name ends in.", EXPORT_AGAIN) from error
    if reader.GetNumberOfComponents() != 1:
        raise UnsuitableImage(
            f"{role} holds {reader.GetNumberOfComponents()} numbers a voxel (colour or vectors).",
            "A grey-value image is needed.",
        )
    check_shape(reader.GetSize(), role)
    _check_place_stated(path, role)
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(reader.GetDirection(), (3, 3)) * np.array(reader.GetSpacing())
    affine[:3, 3] = reader.GetOrigin()
    check_affine(affine, role)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise UnreadableInput(f"{role} is damaged or cut off: its voxels could not be read.", EXPORT_AGAIN) from error
    # A view into ITK's memory, which ends with `image`: copied in any case.
    stored = sitk.GetArrayViewFromImage(image)
    array = joined([compact(piece).copy() for piece in slabs(stored.ravel())]).reshape(stored.shape)
    return Volume(array.transpose(2, 1, 0), affine, "HU")


def _check_place_stated(path: Path, role: str) -> None:
    """ITK takes the array's axes for the patient's where a header does not place them; that is refused."""
    with path.open("rb") as file:
        start = file.read(HEADER_BYTES).lower()
    if path.name.lower().endswith(".nrrd"):
        lines = start.split(b"\n\n")[0].splitlines()
        directions = [line for line in lines if line.startswith(b"space directions:")]
        stated = bool(directions) and not re.search(rb"none|nan", directions[0])
        placed = stated and any(_NRRD_SPACE.match(line) for line in lines)
        lacking = "'space' (anatomical) or 'space directions'"
    else:
        placed = _MHA_DIRECTIONS.search(start) is not None
        lacking = "'TransformMatrix'"
    if not placed:
        raise UnsuitableImage(
            f"{role} does not say how it lies in the patient: its header lacks {lacking}.",
            "Convert it from DICOM again with a program that keeps the orientation.",
        )
