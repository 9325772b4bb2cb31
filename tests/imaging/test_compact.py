"""Voxels keep their values in whatever type they are held, and a file of 64 bits costs no more than one of 16."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spondyl.imaging.compact import compact, joined
from spondyl.imaging.files import read_image_file

KINDS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]


@given(st.sampled_from(KINDS).flatmap(lambda kind: hnp.arrays(kind, st.integers(0, 20))))
def test_whole_numbers_are_kept_exactly_and_fractions_in_single_precision(values: np.ndarray) -> None:
    held = compact(values)
    assert held.dtype.itemsize <= values.dtype.itemsize
    if values.dtype.kind == "f":
        with np.errstate(over="ignore"):
            assert np.array_equal(held.astype("f4"), values.astype("f4"), equal_nan=True)
    else:
        assert np.array_equal(held, values)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([-1024.0, 3071.0], "i2"),
        ([0.0, 65535.0], "i4"),
        ([0.5, 2.0], "f4"),
        ([np.nan, 2.0], "f4"),
        ([1e300, 2.0], "f8"),
    ],
)
def test_the_smallest_type_that_holds_them(values: list[float], kind: str) -> None:
    assert compact(np.array(values)).dtype == kind


def test_pieces_of_several_types_are_joined_in_one_that_holds_all() -> None:
    array = joined([np.array([1, 2], "i2"), np.array([0.5], "f4"), np.array([70000], "i4")])
    assert array.tolist() == [1.0, 2.0, 0.5, 70000.0]


@pytest.mark.parametrize(("suffix", "bytes_a_voxel"), [(".nii", 6.0), (".nii.gz", 6.0)])
def test_a_file_of_64_bits_takes_the_memory_of_16(tmp_path: Path, suffix: str, bytes_a_voxel: float) -> None:
    """Twice 2 bytes a voxel while the pieces are joined, and one piece of 16 MB with its copies beside them."""
    shape = (256, 256, 300)
    hu = np.random.default_rng(4).integers(-1024, 2000, shape[:2])[:, :, None] + np.zeros(shape)
    file = tmp_path / f"ct{suffix}"
    nib.Nifti1Image(hu, np.diag([1.0, 1.0, 1.0, 1.0])).to_filename(file)
    tracemalloc.start()
    volume = read_image_file(file, "the CT")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert volume.array.dtype == np.int16
    assert np.array_equal(volume.array[::-1, ::-1], hu)
    assert peak < bytes_a_voxel * hu.size + 3 * 2**24
