"""What tests of the CT door ask: is each voxel what its place says; does a refusal help without telling names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dicom_factory import SECRET, ramp_hu
from spondyl.core.errors import InputError, UnsuitableImage
from spondyl.core.volume import Volume
from spondyl.imaging.read import read_ct
from spondyl.values.scan import CtScan

LOWEST_HU = -1024


def ramp_error_hu(volume: Volume, *, margin: int = 0) -> float:
    """Largest difference between voxels and the ramp at their places, `margin` voxels inside the border."""
    index = np.stack(np.meshgrid(*[np.arange(margin, n - margin) for n in volume.shape], indexing="ij"), axis=-1)
    inside = tuple(slice(margin, n - margin) for n in volume.shape)
    truth = np.maximum(ramp_hu(volume.to_lps(index)), LOWEST_HU)
    return float(np.abs(volume.array[inside] - truth).max())


def is_canonical(volume: Volume) -> bool:
    direction = volume.affine[:3, :3] / np.array(volume.spacing_mm)
    return bool((np.argmax(np.abs(direction), axis=0) == [0, 1, 2]).all() and (np.diag(direction) > 0).all())


def assert_nameless(text: str, path: Path) -> None:
    """No entry that names the patient, no date, and not the name of the folder."""
    for word in (SECRET, "1955", str(path.parent)):
        assert word not in text


def refused(
    path: Path, *words: str, error: type[InputError] = UnsuitableImage, series: str | None = None
) -> InputError:
    """read_ct refuses with all of the words, with a remedy, and without a name."""
    with pytest.raises(error) as caught:
        read_ct(path, series=series)
    for word in words:
        assert word in str(caught.value), str(caught.value)
    assert caught.value.remedy
    assert_nameless(str(caught.value), path)
    return caught.value


def read_nameless(path: Path, *, series: str | None = None) -> CtScan:
    scan = read_ct(path, series=series)
    assert_nameless(" ".join((scan.source, *scan.notes)), path)
    return scan
