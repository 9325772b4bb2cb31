"""Every finding of the gate is provoked by a synthetic spine that has just that fault, and by no other."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from bone_stack import BODY_HALF_MM, STEP_MM, THORACOLUMBAR, VOLUME_CM3, Stack

from data import demo_case
from spondyl.anatomy.levels import Level
from spondyl.core.volume import Volume
from spondyl.imaging.files import read_image_file
from spondyl.imaging.gate.measuring import measure
from spondyl.imaging.gate.quality import THICK, TOO_THICK, check_levels, is_too_thick, metal_mask
from spondyl.imaging.labels import read_level_map
from spondyl.values.level_map import LevelMap
from spondyl.values.quality import QualityReport
from spondyl.values.scan import CtScan

UP = np.array([0.0, 0.0, 1.0])


def gate(stack: Stack) -> QualityReport:
    return check_levels(stack.scan, stack.levels)


def stopped(report: QualityReport) -> set[Level]:
    return {entry.level for entry in report.levels if not entry.assessed}


def warned(report: QualityReport) -> set[Level]:
    return {entry.level for entry in report.levels if entry.warnings}


def test_a_sound_spine_passes_without_a_word() -> None:
    report = gate(Stack())
    assert [entry.level for entry in report.levels] == list(THORACOLUMBAR)
    assert not stopped(report)
    assert not warned(report)
    assert report.notes == ()


def test_volume_and_centroid_are_those_of_the_solid() -> None:
    stack = Stack()
    found = measure(stack.ct, stack.levels, Level.L1)
    assert found.volume_mm3 / 1000 == pytest.approx(VOLUME_CM3)
    behind = 26.0 * (20 * 24 * 12) / (VOLUME_CM3 * 1000)
    assert found.centroid_mm - stack.centre_mm(Level.L1) == pytest.approx([0.0, behind, 0.0])
    assert found.height_mm == pytest.approx(20.0 - 2.0)
    assert found.mean_hu == 300.0


@pytest.mark.parametrize("turn", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_anisotropic_and_oblique_grids_give_the_same_verdict(turn: tuple[int, int, int]) -> None:
    spacing = (1.0, 2.0, 4.0)
    stack = Stack(spacing_mm=(spacing[turn[0]], spacing[turn[1]], spacing[turn[2]]))
    angle = np.radians(12.0)
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    stack.affine = tilt @ stack.affine
    assert not stopped(gate(stack))


def test_a_second_body_under_one_name_stops_it() -> None:
    stack = Stack()
    stack.labels[stack.labels == int(Level.T11)] = int(Level.L1)
    report = gate(stack)
    reasons = " ".join(report.of(Level.L1).reasons)
    assert not report.of(Level.L1).assessed
    assert "two pieces" in reasons
    assert f"{2 * STEP_MM:.0f} mm apart" in reasons
    assert "50 %" in reasons


def test_an_arch_parted_from_its_body_warns_only() -> None:
    stack = Stack()
    gap = stack.within(stack.at(Level.L1, 0.0, 15.0, 0.0), (20.0, 2.0, 10.0))
    stack.labels[gap] = 0
    report = gate(stack)
    assert not stopped(report)
    assert "parted" in report.of(Level.L1).warnings[0]
    assert warned(report) == {Level.L1}


def test_crumbs_warn_and_stay_in_the_mask() -> None:
    stack = Stack()
    stack.box(int(Level.T12), stack.at(Level.T12, 26.0, 0.0, 0.0), (4.0, 4.0, 4.0))
    before = stack.labels.copy()
    report = gate(stack)
    assert report.of(Level.T12).assessed
    assert "crumbs of 512 mm³" in report.of(Level.T12).warnings[0]
    assert np.array_equal(stack.labels, before)


def test_a_label_without_any_adult_vertebra_size_is_stopped() -> None:
    stack = Stack((Level.L1,))
    stack.labels[...] = 0
    stack.box(int(Level.L1), stack.centre_mm(Level.L1), (6.0, 6.0, 6.0))
    assert "12 to 160 cm³" in gate(stack).of(Level.L1).reasons[0]


def test_a_label_that_swallowed_its_neighbour_is_stopped() -> None:
    stack = Stack()
    stack.labels[stack.labels == int(Level.T12)] = int(Level.L1)
    bridge = stack.within((stack.centre_mm(Level.T12) + stack.centre_mm(Level.L1)) / 2, (20.0, 14.0, 13.0))
    stack.labels[bridge] = int(Level.L1)
    reasons = " ".join(gate(stack).of(Level.L1).reasons)
    assert "of what its neighbours lead one to expect" in reasons
    assert "mixed" in reasons


def test_a_label_that_lost_most_of_its_vertebra_is_stopped() -> None:
    stack = Stack()
    rest = stack.within(stack.centre_mm(Level.L1) - 4.0 * UP, BODY_HALF_MM)
    stack.labels[(stack.labels == int(Level.L1)) & ~rest] = 0
    stack.labels[stack.within(stack.centre_mm(Level.L1) + 6.0 * UP, (30.0, 30.0, 8.0))] = 0
    report = gate(stack)
    assert stopped(report) == {Level.L1}
    assert "incomplete" in " ".join(report.of(Level.L1).reasons)


@pytest.mark.parametrize("share", [0.5, 0.25])
def test_mixed_neighbours_are_both_named(share: float) -> None:
    """L1's label takes the far part of L2's body, as automatic masks do."""
    stack = Stack()
    far = stack.centre_mm(Level.L2) - [0.0, 0.0, 10.0 * (1 - share)]
    stack.labels[stack.within(far, (21.0, 15.0, 10.0 * share))] = int(Level.L1)
    report = gate(stack)
    assert "front half lies where L2 is" in " ".join(report.of(Level.L1).reasons)


def test_a_strip_of_a_neighbour_along_one_side_is_found() -> None:
    stack = Stack()
    side = stack.at(Level.L2, 14.0, 0.0, 0.0)
    stack.labels[stack.within(side, (6.1, 14.1, 10.1))] = int(Level.L1)
    report = gate(stack)
    assert not report.of(Level.L1).assessed
    assert "mixed" in " ".join(report.of(Level.L1).reasons)


def test_a_sagging_spinous_process_is_not_called_mixed() -> None:
    """A thoracic spinous process reaches below the next body; it lies behind, where no body is."""
    stack = Stack()
    for name in THORACOLUMBAR[:-1]:
        tip = stack.at(name, 0.0, 34.0, -14.0)
        stack.box(int(name), tip, (4.0, 4.0, 16.0))
    report = gate(stack)
    assert not stopped(report)


def test_a_flipped_mask_gives_one_message_for_all() -> None:
    stack = Stack()
    stack.labels = np.ascontiguousarray(stack.labels[:, :, ::-1])
    report = gate(stack)
    assert stopped(report) == set(THORACOLUMBAR)
    assert all("feet up" in entry.reasons[0] for entry in report.levels)
    assert "5 of 5" in report.notes[0]


def test_two_swapped_names_are_found() -> None:
    stack = Stack()
    upper, lower = stack.labels == int(Level.T12), stack.labels == int(Level.L1)
    stack.labels[upper], stack.labels[lower] = int(Level.L1), int(Level.T12)
    report = gate(stack)
    assert stopped(report) == {Level.T12, Level.L1}
    assert "T12 lies below L1" in report.of(Level.L1).reasons[0]


def test_a_vertebra_without_label_leaves_a_gap_that_is_named() -> None:
    stack = Stack()
    stack.labels[stack.labels == int(Level.L1)] = 0
    report = gate(stack)
    assert not stopped(report)
    assert warned(report) == {Level.T12, Level.L2}
    assert "no label for T13, L1 between them" in report.notes[0] or "no label for L1" in report.notes[0]
    assert "2.0 times" in report.notes[0]


def test_a_gap_between_neighbouring_names_warns_of_shifted_names() -> None:
    stack = Stack()
    stack.labels[stack.labels == int(Level.L1)] = 0
    stack.labels[stack.labels == int(Level.L2)] = int(Level.L1)
    stack.labels[stack.labels == int(Level.L3)] = int(Level.L2)
    report = gate(stack)
    assert warned(report) == {Level.T12, Level.L1}
    assert "a vertebra between them has no label" in report.notes[0]


def test_names_that_skip_without_a_gap_are_named() -> None:
    report = gate(Stack((Level.T8, Level.T9, Level.T11, Level.T12, Level.L1)))
    assert not stopped(report)
    assert warned(report) == {Level.T9, Level.T11}
    assert "skip T10" in report.notes[0]


def test_spines_with_twelve_or_thirteen_ribs_and_four_or_six_lumbars_pass() -> None:
    for names in (
        (Level.T10, Level.T11, Level.L1, Level.L2),
        (Level.T11, Level.T12, Level.T13, Level.L1),
        (Level.L3, Level.L4, Level.L5, Level.L6),
    ):
        assert gate(Stack(names)).notes == ()


def test_one_vertebra_under_two_names_is_stopped() -> None:
    """T12's upper half is called T11, and all names above are shifted up by one."""
    names = (Level.T9, Level.T10, Level.T11, Level.L1, Level.L2, Level.L3)
    stack = Stack(names)
    doubled = stack.labels == int(Level.T11)
    lower = doubled & (stack.places_mm()[..., 2] < stack.centre_mm(Level.T11)[2])
    stack.labels[lower] = int(Level.T12)
    report = gate(stack)
    assert {Level.T11, Level.T12} <= stopped(report)
    assert "one vertebra bears two names" in " ".join(report.of(Level.T12).reasons)
    assert not {Level.T9, Level.T10, Level.L2, Level.L3} & stopped(report)


def test_slivers_at_the_scans_ends_are_not_assessed() -> None:
    stack = Stack()
    # Uppermost vertebra: 4 of 20 mm left; lowest: 16 of 20 mm left.
    top = STEP_MM * len(THORACOLUMBAR) - 10.0 + 4.0
    report = gate(stack.cropped(STEP_MM - 6.0, top))
    first, last = report.levels[0], report.levels[-1]
    assert (first.assessed, first.cut_by_border) == (False, True)
    assert "upper edge" in first.reasons[0]
    assert (last.assessed, last.cut_by_border) == (True, True)
    assert "lower edge" in last.warnings[0]
    assert not any(entry.cut_by_border for entry in report.levels[1:-1])
    assert warned(report) == {last.level}


def test_what_is_cut_off_says_nothing_of_its_neighbours_size() -> None:
    """Three levels, of which the outer two are cut to a fifth: the whole one is not called too large for it."""
    report = gate(Stack((Level.L1, Level.L2, Level.L3)).cropped(STEP_MM + 6.0, 3 * STEP_MM - 6.0))
    assert report.of(Level.L2).assessed
    assert not report.of(Level.L2).warnings


def test_body_and_arch_that_hang_on_the_edge_apart_are_not_two_vertebrae() -> None:
    """The scan ends below the pedicles: the spinous process reaches lower than the body and hangs free of it."""
    stack = Stack()
    stack.labels[stack.within(stack.at(Level.L3, 0.0, 17.0, 0.0), (20.0, 4.0, 12.0))] = 0
    stack.labels[stack.within(stack.at(Level.L3, 0.0, 26.0, 4.0), (20.0, 12.0, 6.0))] = 0
    stack.box(int(Level.L3), stack.at(Level.L3, 0.0, 30.0, -8.0), (10.0, 10.0, 7.0))
    report = gate(stack.cropped(STEP_MM - 8.0, 1000.0))
    assert report.of(Level.L3).assessed
    assert any("hangs on the scan's edge" in warning for warning in report.of(Level.L3).warnings)


def test_a_field_of_view_that_cuts_sideways_is_named() -> None:
    stack = Stack()
    cut = stack.within(stack.at(Level.L1, 26.0, 0.0, 0.0), (6.1, 4.1, 4.1))
    stack.labels[cut] = int(Level.L1)
    report = gate(stack)
    assert report.of(Level.L1).cut_by_border
    assert "left edge" in report.of(Level.L1).warnings[0]


def test_metal_inside_stops_metal_beside_warns() -> None:
    stack = Stack()
    stack.hu[stack.within(stack.centre_mm(Level.T11), (4.0, 14.0, 4.0))] = 3071  # 8 x 28 x 8 mm: 1792 mm³
    stack.hu[stack.within(stack.at(Level.L2, 26.0, 0.0, 0.0), (4.0, 4.0, 4.0))] = 3071
    report = gate(stack)
    assert stopped(report) == {Level.T11}
    assert report.of(Level.T11).metal_mm3 == pytest.approx(8 * 28 * 8)
    assert "1792 mm³ of metal" in report.of(Level.T11).reasons[0]
    assert report.of(Level.L2).metal_mm3 == 0.0
    assert "512 mm³ of metal" in report.of(Level.L2).warnings[0]
    assert metal_mask(stack.ct).array.sum() * 8 == 8 * 28 * 8 + 512


def test_a_lone_bright_voxel_is_no_metal() -> None:
    stack = Stack(spacing_mm=(1.0, 1.0, 2.0))
    stack.hu[tuple(np.argwhere(stack.labels == int(Level.T11))[0])] = 3071
    assert not metal_mask(stack.ct).array.any()
    assert not warned(gate(stack))


def test_labels_without_bone_are_refused_for_all() -> None:
    stack = Stack()
    stack.hu[...] = 45
    report = gate(stack)
    assert stopped(report) == set(THORACOLUMBAR)
    assert "does not belong to this CT" in report.notes[0]
    assert all("45 HU" in entry.reasons[0] for entry in report.levels)


def test_one_destroyed_vertebra_is_assessed_with_a_warning() -> None:
    stack = Stack()
    stack.hu[stack.labels == int(Level.L1)] = 50
    report = gate(stack)
    assert not stopped(report)
    assert "50 HU" in report.of(Level.L1).warnings[0]


def test_one_label_in_air_is_stopped() -> None:
    stack = Stack()
    stack.hu[stack.labels == int(Level.L1)] = -800
    assert stopped(gate(stack)) == {Level.L1}


@pytest.mark.parametrize(("slices_mm", "prefix"), [(2.0, None), (4.0, THICK), (6.0, TOO_THICK)])
def test_thick_slices_are_said(slices_mm: float, prefix: str | None) -> None:
    # Steps of 24 mm put every slice in the same place on every vertebra.
    report = gate(Stack(spacing_mm=(2.0, 2.0, slices_mm), step_mm=24.0))
    for entry in report.levels:
        assert entry.assessed
        assert any(w.startswith(prefix) for w in entry.warnings) if prefix else not entry.warnings
        assert is_too_thick(entry) == (prefix == TOO_THICK)


def test_a_stated_thickness_above_the_spacing_counts() -> None:
    stack = Stack()
    report = check_levels(replace(stack.scan, slice_thickness_mm=5.5), stack.levels)
    assert all(is_too_thick(entry) for entry in report.levels)


def test_the_sacrum_is_not_measured() -> None:
    report = gate(Stack((Level.L3, Level.L4, Level.L5, Level.S1, Level.CO)))
    assert stopped(report) == {Level.S1, Level.CO}
    assert report.of(Level.S1).reasons == ("the sacrum and coccyx are not measured in this version.",)
    assert not warned(report)


def test_a_map_on_another_grid_is_a_programming_error() -> None:
    stack = Stack()
    other = Volume(stack.labels, stack.affine + np.diag([1.0, 0, 0, 0]), "label")
    with pytest.raises(ValueError, match="grid"):
        check_levels(stack.scan, LevelMap(other, "verse"))


def test_the_demo_case_names_what_the_scan_cuts() -> None:
    """Real chest CT: L3, C7, C6 and C5 are cut by the scan, of L2 only the arch (per the data's own description)."""
    ct_path, mask_path = demo_case()
    ct = read_image_file(ct_path, "the CT")
    report = check_levels(CtScan(ct, None, None, None, None, "", ""), read_level_map(mask_path, ct))
    cut = {entry.level for entry in report.levels if entry.cut_by_border}
    assert cut == {Level.C5, Level.C6, Level.C7, Level.L2, Level.L3}
    assert stopped(report) == {Level.C5, Level.C6}
    assert report.notes == ()
    assert warned(report) == {Level.C7, Level.L2, Level.L3}


@pytest.mark.parametrize("fault", ["flip", "merge", "skip", "shift"])
def test_faults_put_into_the_demo_mask_are_found(fault: str) -> None:
    ct_path, mask_path = demo_case()
    ct = read_image_file(ct_path, "the CT")
    labels = read_level_map(mask_path, ct).labels.array.copy(order="K")
    if fault == "flip":
        labels = labels[:, :, ::-1]
    elif fault == "merge":
        labels[labels == int(Level.T7)] = int(Level.T8)
    elif fault == "skip":
        labels[labels == int(Level.T7)] = 0
    else:
        labels = np.roll(labels, 90, axis=0)  # 63 mm to the left, into the lung
    report = check_levels(
        CtScan(ct, None, None, None, None, "", ""), LevelMap(Volume(labels, ct.affine, "label"), "totalsegmentator")
    )
    if fault == "flip":
        assert all("feet up" in " ".join(entry.reasons) for entry in report.levels)
    elif fault == "merge":
        assert Level.T8 in stopped(report)
    elif fault == "skip":
        assert warned(report) >= {Level.T6, Level.T8}
        assert "T7" in report.notes[0]
    else:
        assert len(stopped(report)) == len(report.levels)


def test_order_of_the_report_is_from_the_head_down() -> None:
    levels = [entry.level for entry in gate(Stack((Level.T12, Level.T13, Level.L1))).levels]
    assert all(a.order < b.order for a, b in pairwise(levels))
