"""Masks of every kind against one exactly known spine; each refusal is provoked by a mask that deserves it."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from bone_stack import THORACOLUMBAR, Stack, write_nifti
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from data import demo_case, tptbox_case
from spondyl.anatomy.levels import Level, along_spine
from spondyl.core.errors import MaskMismatch, UnreadableInput
from spondyl.core.volume import Volume
from spondyl.imaging.files import read_image_file
from spondyl.imaging.labels import cord_from, read_level_map, read_mask, read_subregions
from spondyl.imaging.placing import label_stats
from spondyl.imaging.schemes import LEVELS_OF, TOTALSEGMENTATOR, VERSE, LabelStats, recognise

TO_TOTALSEGMENTATOR = {level: label for label, level in LEVELS_OF[TOTALSEGMENTATOR].items()}


@pytest.fixture
def stack() -> Stack:
    return Stack()


def renumbered(stack: Stack) -> NDArray[np.uint8]:
    """The stack's labels in TotalSegmentator's numbers."""
    out = np.zeros_like(stack.labels)
    for name in stack.names:
        out[stack.labels == int(name)] = TO_TOTALSEGMENTATOR[name]
    return out


def written(folder: Path, stack: Stack, array: NDArray) -> Path:
    return write_nifti(folder / "mask.nii.gz", Volume(array, stack.affine, "label"))


def test_verse_numbers_are_taken_as_they_are(stack: Stack, tmp_path: Path) -> None:
    found = read_level_map(written(tmp_path, stack, stack.labels), stack.ct)
    assert found.scheme == VERSE
    assert found.labels.array.dtype == np.uint8
    assert np.array_equal(found.labels.array, stack.labels)
    assert len(found.sha256) == 64
    assert found.notes == ()


def test_totalsegmentator_numbers_are_told_apart_and_other_organs_left_out(stack: Stack, tmp_path: Path) -> None:
    array = renumbered(stack)
    array[:5, :5, :] = 5  # liver
    array[-5:, -5:, :] = 52  # aorta
    found = read_level_map(written(tmp_path, stack, array), stack.ct)
    assert found.scheme == TOTALSEGMENTATOR
    assert np.array_equal(found.labels.array, stack.labels)
    assert "2 labels" in found.notes[0]


def test_the_numbering_is_the_published_one() -> None:
    table = LEVELS_OF[TOTALSEGMENTATOR]
    assert {label: table[label].name for label in (25, 26, 27, 28, 29, 31, 32, 43, 44, 50)} == {
        25: "S1", 26: "S1", 27: "L5", 28: "L4", 29: "L3", 31: "L1", 32: "T12", 43: "T1", 44: "C7", 50: "C1"
    }  # fmt: skip
    verse = LEVELS_OF[VERSE]
    assert [verse[label].name for label in (1, 7, 8, 19, 20, 24, 25, 26, 28)] == [
        "C1", "C7", "T1", "T12", "L1", "L5", "L6", "S1", "T13"
    ]  # fmt: skip


def test_discs_and_endplates_of_tptbox_are_dropped(stack: Stack, tmp_path: Path) -> None:
    array = stack.labels.copy()
    for name in THORACOLUMBAR:
        low = stack.within(stack.centre_mm(name) - [0.0, 0.0, 12.0], (18.0, 12.0, 2.0))
        array[low] = 100 + int(name)
    found = read_level_map(written(tmp_path, stack, array), stack.ct)
    assert found.scheme == VERSE
    assert np.array_equal(found.labels.array, stack.labels)


@given(
    first=st.integers(0, 20),
    count=st.integers(2, 8),
    step_mm=st.floats(12, 45),
    lean=st.floats(-15, 15),
    seed=st.integers(0, 1000),
)
def test_any_stretch_of_spine_is_recognised_in_both_numberings(
    first: int, count: int, step_mm: float, lean: float, seed: int
) -> None:
    """A leaning row with vertebrae of unequal size, in any region."""
    rng = np.random.default_rng(seed)
    row = along_spine(TO_TOTALSEGMENTATOR)[first : first + count]
    stats = {
        level: LabelStats(float(rng.uniform(8e3, 3e4)), np.array([lean * n, -lean * n, -step_mm * n]))
        for n, level in enumerate(row)
    }
    if len(row) >= 2:
        assert recognise({int(level): entry for level, entry in stats.items()}) == VERSE
        assert recognise({TO_TOTALSEGMENTATOR[level]: entry for level, entry in stats.items()}) == TOTALSEGMENTATOR


def test_organs_with_the_numbers_of_vertebrae_are_refused() -> None:
    """TotalSegmentator's 20 to 24 are colon, bladder, prostate and two cysts; in VerSe they are L1 to L5."""
    places = {20: (60, 0, 0), 21: (0, 0, -180), 22: (5, 10, -215), 23: (-70, 40, 60), 24: (70, 40, 60)}
    volumes = {20: 4e5, 21: 2e5, 22: 3e4, 23: 5e2, 24: 8e2}
    with pytest.raises(MaskMismatch) as caught:
        recognise({n: LabelStats(volumes[n], np.array(places[n], float)) for n in places})
    assert "--scheme verse" in caught.value.remedy
    assert "--scheme totalsegmentator" in caught.value.remedy


@pytest.mark.parametrize("fault", ["none", "sideways", "sizes"])
def test_a_row_must_be_narrow_and_of_one_size(fault: str) -> None:
    """Labels 20 to 24 one below the other: vertebrae, unless they jump aside or differ a hundredfold."""
    stats = {
        20 + n: LabelStats(
            3e4 * (100 if fault == "sizes" and n % 2 else 1),
            np.array([70.0 * (n % 2) if fault == "sideways" else 0.0, 0.0, -30.0 * n]),
        )
        for n in range(5)
    }
    if fault == "none":
        assert recognise(stats) == VERSE
        return
    with pytest.raises(MaskMismatch):
        recognise(stats)


def test_a_mask_that_runs_upward_is_refused_without_a_scheme_and_read_with_one(stack: Stack, tmp_path: Path) -> None:
    path = written(tmp_path, stack, stack.labels[:, :, ::-1])
    with pytest.raises(MaskMismatch, match="flipped"):
        read_level_map(path, stack.ct)
    assert np.array_equal(read_level_map(path, stack.ct, scheme="verse").labels.array, stack.labels[:, :, ::-1])


def test_one_vertebra_needs_the_scheme(tmp_path: Path) -> None:
    stack = Stack((Level.L3,))
    path = written(tmp_path, stack, stack.labels)
    with pytest.raises(MaskMismatch, match="One vertebra alone"):
        read_level_map(path, stack.ct)
    assert read_level_map(path, stack.ct, scheme="verse").levels == (Level.L3,)
    assert read_level_map(path, stack.ct, scheme="tptbox").levels == (Level.L3,)
    with pytest.raises(MaskMismatch, match="no vertebra in the numbering 'totalsegmentator'"):
        read_level_map(path, stack.ct, scheme="totalsegmentator")


def test_a_mask_of_ones_is_refused(stack: Stack, tmp_path: Path) -> None:
    path = written(tmp_path, stack, (stack.labels > 0).astype(np.uint8))
    with pytest.raises(MaskMismatch, match="not which vertebra"):
        read_level_map(path, stack.ct)


def test_parts_given_as_vertebrae_are_refused(tmp_path: Path) -> None:
    stack = Stack((Level.L3,))
    array = np.where(stack.labels > 0, 49, 0).astype(np.uint8)
    array[stack.within(stack.at(Level.L3, 0.0, 26.0, 0.0), (10.1, 12.1, 6.1))] = 41
    with pytest.raises(MaskMismatch, match="TPTBox's parts") as caught:
        read_level_map(written(tmp_path, stack, array), stack.ct)
    assert "sub-region mask" in caught.value.remedy


def test_an_unknown_scheme_is_refused_with_the_choices(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(MaskMismatch, match="--scheme tptbox"):
        read_level_map(written(tmp_path, stack, stack.labels), stack.ct, scheme="nnunet")


def test_an_empty_mask_is_refused(stack: Stack, tmp_path: Path) -> None:
    path = written(tmp_path, stack, np.zeros_like(stack.labels))
    with pytest.raises(MaskMismatch, match="the vertebra mask is empty"):
        read_level_map(path, stack.ct)
    with pytest.raises(MaskMismatch, match="the lesion mask is empty"):
        read_mask(path, stack.ct, role="lesion mask")


@pytest.mark.parametrize("factor", [0.5, np.nan, -1.0, 1e4])
def test_numbers_that_are_no_labels_are_refused(stack: Stack, tmp_path: Path, factor: float) -> None:
    path = written(tmp_path, stack, stack.labels.astype(np.float32) * np.float32(factor))
    with pytest.raises(MaskMismatch, match=r"not whole|no labels"):
        read_level_map(path, stack.ct)


def test_whole_numbers_stored_as_floats_are_read(stack: Stack, tmp_path: Path) -> None:
    found = read_level_map(written(tmp_path, stack, stack.labels.astype(np.float64)), stack.ct)
    assert np.array_equal(found.labels.array, stack.labels)


def test_a_mask_beside_the_ct_is_refused_with_both_extents(stack: Stack, tmp_path: Path) -> None:
    far = stack.affine.copy()
    far[2, 3] += 1000.0
    path = write_nifti(tmp_path / "mask.nii.gz", Volume(stack.labels, far, "label"))
    with pytest.raises(MaskMismatch) as caught:
        read_level_map(path, stack.ct)
    # The labels reach from 10 mm below the lowest centre (26 mm above -500) to 10 mm above the highest.
    assert "516 to 666 mm feet to head" in caught.value.what
    assert "-500 to -318 mm feet to head" in caught.value.what


def test_labels_that_only_touch_the_edge_of_the_scan_are_counted(stack: Stack, tmp_path: Path) -> None:
    upper = Volume(stack.hu[:, :, stack.hu.shape[2] // 2 :], stack.affine, "HU")
    affine = stack.affine.copy()
    affine[2, 3] += 2.0 * (stack.hu.shape[2] // 2)
    found = read_level_map(written(tmp_path, stack, stack.labels), Volume(upper.array, affine, "HU"))
    assert found.levels == (Level.T10, Level.T11, Level.T12)
    assert "50 % of it lies outside the CT" in found.notes[1]


@settings(max_examples=5, deadline=None)
@given(angle=st.floats(-20, 20), shift=st.floats(-3, 3))
def test_a_mask_on_a_turned_finer_grid_comes_back_in_its_place(
    tmp_path_factory: pytest.TempPathFactory, angle: float, shift: float
) -> None:
    stack = Stack(THORACOLUMBAR[:3])
    turn = np.eye(4)
    a = np.radians(angle)
    turn[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    finer = turn @ np.diag([1.5, 1.5, 1.5, 1.0])
    finer[:3, 3] = turn[:3, :3] @ [-60.0 + shift, -50.0, -502.0 + shift]
    grid = Volume(np.zeros((90, 100, 80), np.uint8), finer, "label")
    truth = Volume(stack.labels, stack.affine, "label")
    path = write_nifti(
        tmp_path_factory.mktemp("turned") / "mask.nii.gz", truth.resampled_onto(grid, order=0, outside=0)
    )
    found = read_level_map(path, stack.ct)
    assert "another grid" in found.notes[0]
    assert found.labels.same_grid(stack.ct)
    for level in stack.names:
        one, other = found.labels.array == int(level), stack.labels == int(level)
        assert 2 * (one & other).sum() / (one.sum() + other.sum()) > 0.93


def test_the_voxel_order_of_the_file_does_not_matter(stack: Stack, tmp_path: Path) -> None:
    image = nib.load(written(tmp_path, stack, stack.labels))
    for codes in ("RAS", "LPS", "PIR", "SAL"):
        turn = nib.orientations.ornt_transform(
            nib.orientations.io_orientation(image.affine), nib.orientations.axcodes2ornt(codes)
        )
        path = tmp_path / f"{codes}.nii.gz"
        nib.save(image.as_reoriented(turn), path)
        assert np.array_equal(read_level_map(path, stack.ct).labels.array, stack.labels)


def test_a_totalsegmentator_folder_is_read(stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "segmentations"
    folder.mkdir()
    for name in stack.names:
        part = Volume((stack.labels == int(name)).astype(np.uint8), stack.affine, "mask")
        write_nifti(folder / f"vertebrae_{name.name}.nii.gz", part)
    cord = stack.within(np.array([0.0, 26.0, -420.0]), (4.0, 4.0, 60.0))
    write_nifti(folder / "spinal_cord.nii.gz", Volume(cord, stack.affine, "mask"))
    for other in ("liver", "rib_left_1", "vertebrae_C1"):
        write_nifti(folder / f"{other}.nii.gz", Volume(np.zeros_like(stack.labels), stack.affine, "mask"))
    found = read_level_map(folder, stack.ct)
    assert np.array_equal(found.labels.array, stack.labels)
    assert found.scheme == TOTALSEGMENTATOR
    read_cord = cord_from(folder, stack.ct, found)
    assert read_cord is not None
    assert np.array_equal(read_cord.array, cord)


def test_a_folder_without_vertebrae_is_refused(stack: Stack, tmp_path: Path) -> None:
    write_nifti(tmp_path / "liver.nii.gz", Volume(stack.labels, stack.affine, "mask"))
    with pytest.raises(UnreadableInput, match="vertebrae_L1"):
        read_level_map(tmp_path, stack.ct)


def test_a_folder_on_two_grids_and_an_empty_one_are_refused(stack: Stack, tmp_path: Path) -> None:
    shifted = stack.affine.copy()
    shifted[0, 3] += 1.0
    empty = np.zeros_like(stack.labels)
    write_nifti(tmp_path / "vertebrae_L1.nii.gz", Volume(empty, stack.affine, "mask"))
    with pytest.raises(MaskMismatch, match="empty"):
        read_level_map(tmp_path, stack.ct)
    write_nifti(tmp_path / "vertebrae_L2.nii.gz", Volume(empty, shifted, "mask"))
    with pytest.raises(MaskMismatch, match="different grids"):
        read_level_map(tmp_path, stack.ct)


def test_the_cord_of_a_totalsegmentator_file_is_given_and_of_verse_is_not(stack: Stack, tmp_path: Path) -> None:
    array = renumbered(stack)
    cord = stack.within(np.array([0.0, 40.0, -420.0]), (4.0, 2.0, 60.0))
    array[cord] = 79
    path = written(tmp_path, stack, array)
    found = cord_from(path, stack.ct, read_level_map(path, stack.ct))
    assert found is not None
    assert found.array.dtype == np.bool_
    assert np.array_equal(found.array, cord)
    path = written(tmp_path, stack, renumbered(stack))
    assert cord_from(path, stack.ct, read_level_map(path, stack.ct)) is None
    path = written(tmp_path, stack, stack.labels)
    assert cord_from(path, stack.ct, read_level_map(path, stack.ct)) is None


def test_a_lesion_mask_is_boolean_on_the_ct(stack: Stack, tmp_path: Path) -> None:
    lesion = stack.within(stack.centre_mm(Level.T12), (8.0, 8.0, 8.0))
    path = write_nifti(tmp_path / "lesion.nii.gz", Volume(lesion.astype(np.float32) * 3, stack.affine, "mask"))
    found = read_mask(path, stack.ct, role="lesion mask")
    assert (found.quantity, found.array.dtype) == ("mask", np.dtype(bool))
    assert np.array_equal(found.array, lesion)


def test_a_missing_mask_is_named_by_its_role(stack: Stack, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="the cord mask"):
        read_mask(tmp_path / "nothing.nii.gz", stack.ct, role="cord mask")


def test_subregions_keep_tptbox_codes_only(stack: Stack, tmp_path: Path) -> None:
    array = np.where(stack.labels == int(Level.L1), 50, 0).astype(np.uint8)
    array[:2, :2, :2] = 60  # TPTBox's spinal cord
    found = read_subregions(written(tmp_path, stack, array), stack.ct)
    assert found.array.dtype == np.uint8
    assert np.array_equal(found.array, np.where(array == 50, 50, 0))
    with pytest.raises(MaskMismatch, match="41 to 50"):
        read_subregions(written(tmp_path, stack, stack.labels), stack.ct)


def test_the_demo_mask_is_totalsegmentators() -> None:
    ct_path, mask_path = demo_case()
    ct = read_image_file(ct_path, "the CT")
    found = read_level_map(mask_path, ct)
    assert found.scheme == TOTALSEGMENTATOR
    assert found.levels == along_spine(
        level for level in Level if Level.C5.order <= level.order <= Level.L3.order and level is not Level.T13
    )
    # Counted by nibabel, in the file's own numbers: 31 is L1, 43 is T1.
    stored = np.asarray(nib.load(mask_path).dataobj)
    for label, level in ((31, Level.L1), (43, Level.T1)):
        assert (found.labels.array == int(level)).sum() == (stored == label).sum()
    cord = cord_from(mask_path, ct, found)
    assert cord is not None
    assert cord.array.sum() == (stored == 79).sum()
    # In the patient, the cord lies behind L1's body and to neither side.
    offset = cord.to_lps(np.argwhere(cord.array)).mean(axis=0) - found.points_lps_mm(Level.T7).mean(axis=0)
    assert abs(offset[0]) < 15


def test_the_tptbox_sample_is_read() -> None:
    ct_path, vertebrae, parts = tptbox_case()
    ct = read_image_file(ct_path, "the CT")
    found = read_level_map(vertebrae, ct)
    assert (found.scheme, found.levels) == (VERSE, (Level.L2, Level.L3, Level.L4))
    subregions = read_subregions(parts, ct)
    assert set(np.unique(subregions.array)) == {0, *range(41, 51)}
    assert not (found.labels.array[subregions.array > 0] == 0).any()
    with pytest.raises(MaskMismatch, match="sub-region"):
        read_level_map(parts, ct)


def test_slivers_at_the_scans_edges_do_not_hide_the_row() -> None:
    """Four whole vertebrae between slivers of the levels above and below, which a tilted spine leaves far aside."""
    array = np.zeros((40, 60, 64), np.uint8)
    for n, label in enumerate((14, 13, 12, 11)):
        array[10:30, 20:40, 8 + 12 * n : 18 + 12 * n] = label
    array[15:20, 2:6, 62:] = 9  # cut by the upper edge, and beside the row
    array[15:20, 54:58, :2] = 16
    array[15:18, 2:4, 63] = 10
    stats = label_stats(Volume(array, np.eye(4), "label"))
    assert {label for label, entry in stats.items() if entry.cut} == {9, 10, 16}
    assert recognise(stats) == VERSE
