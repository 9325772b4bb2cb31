"""Synthetic CTs whose every voxel is known from its place, written as DICOM slices with a patient's name in them.

The value is a ramp of the place in LPS, so a reader that mirrors, shifts, swaps or tilts anything shows it in
every voxel, and linear interpolation must reproduce it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SECRET = "SECRETNAME"
"""Stands in every entry that can name a patient, and must never come out."""
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SHAPE = (12, 14, 18)
"""Frames, rows, columns."""
SPACING_MM = (1.5, 2.0, 3.0)
"""Along columns, rows, frames."""
ORIGIN_MM = (-20.0, -3.0, 100.0)

Edit = Callable[[Dataset, int], Any]


def ramp_hu(lps_mm: NDArray) -> NDArray[np.float64]:
    """Places (..., 3) in LPS mm to HU: from air to bone over the phantom, different along each axis."""
    return 20.0 * (lps_mm[..., 0] + 7.0) + 15.0 * (lps_mm[..., 1] - 10.0) + 25.0 * (lps_mm[..., 2] - 116.0)


def slice_datasets(
    *,
    shape: tuple[int, int, int] = SHAPE,
    spacing_mm: tuple[float, float, float] = SPACING_MM,
    origin_mm: tuple[float, float, float] = ORIGIN_MM,
    orientation: tuple[float, ...] = AXIAL,
    step_mm: tuple[float, float, float] | None = None,
    slope: float = 1.0,
    intercept: float = -1024.0,
    stored: type = np.int16,
    edit: Edit | None = None,
    **entries: Any,
) -> list[FileDataset]:
    """One dataset a slice. `entries` are set on all, `edit(dataset, slice)` after that on each."""
    frames, rows, columns = shape
    right, down = np.array(orientation[:3]), np.array(orientation[3:])
    step = np.array(step_mm) if step_mm is not None else np.cross(right, down) * spacing_mm[2]
    series, study = generate_uid(), generate_uid()
    datasets = []
    for index in range(frames):
        position = np.array(origin_mm) + index * step
        j, i = np.meshgrid(np.arange(rows), np.arange(columns), indexing="ij")
        places = position + i[..., None] * right * spacing_mm[0] + j[..., None] * down * spacing_mm[1]
        pixels = np.rint((ramp_hu(places) - intercept) / slope)
        limits = np.iinfo(stored)
        dataset = _dataset(series, study, index)
        dataset.update(
            {
                "Rows": rows,
                "Columns": columns,
                "ImageOrientationPatient": [f"{v:.9g}" for v in orientation],
                "ImagePositionPatient": [f"{v:.9g}" for v in position],
                "PixelSpacing": [spacing_mm[1], spacing_mm[0]],
                "SliceThickness": spacing_mm[2],
                "RescaleSlope": slope,
                "RescaleIntercept": intercept,
                "PixelRepresentation": int(limits.min < 0),
            }
        )
        dataset.PixelData = np.clip(pixels, limits.min, limits.max).astype(stored).tobytes()
        for keyword, value in entries.items():
            setattr(dataset, keyword, value)
        if edit is not None:
            edit(dataset, index)
        datasets.append(dataset)
    return datasets


def write_series(folder: Path, **options: Any) -> list[Path]:
    """The slices as files without an extension, named out of their order; paths in the slices' order."""
    return write(folder, slice_datasets(**options))


def write(folder: Path, datasets: list[FileDataset]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, dataset in enumerate(datasets):
        path = folder / f"IM{(index * 7919) % 1009:04d}_{index}"
        pydicom.dcmwrite(path, dataset, enforce_file_format=True)
        paths.append(path)
    return paths


def _dataset(series: str, study: str, index: int) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = series, study
    dataset.FrameOfReferenceUID = study
    for keyword in ("PatientName", "PatientID", "SeriesDescription", "StudyDescription", "AccessionNumber"):
        setattr(dataset, keyword, SECRET)
    for keyword in ("StudyDate", "SeriesDate", "ContentDate", "AcquisitionDate", "PatientBirthDate"):
        setattr(dataset, keyword, "19550505")
    dataset.StudyTime = dataset.ContentTime = "121212"
    dataset.StudyID = dataset.PatientSex = ""
    dataset.ReferringPhysicianName = dataset.Manufacturer = dataset.PositionReferenceIndicator = ""
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.SeriesNumber, dataset.InstanceNumber, dataset.AcquisitionNumber = 4, index + 1, 1
    dataset.KVP, dataset.ConvolutionKernel = 120, "B30f"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    return dataset
