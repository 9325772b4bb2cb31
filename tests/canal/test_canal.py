"""The canal against vertebrae whose lumen is an exact elliptical cylinder."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from canal_rings import GRIDS, HALF_RING_MM, Ring, rotation
from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.compare import compare_with_neighbours
from spondyl.canal.measure import measure_canals
from spondyl.canal.tube import RAYS, polygon_areas_mm2
from spondyl.core.volume import Volume
from spondyl.values.lesion import Lesion
from spondyl.values.vertebra import Vertebra


def lesion_in(ring: Ring, deeper_than_mm: float, origin: str = "given") -> Lesion:
    """A lesion that fills the ring's neighbourhood up to `deeper_than_mm` behind the canal's axis."""
    grid = ring.grid()
    c = ring.across_canal(ring.local(grid))
    mask = Volume((c[..., 1] < deeper_than_mm) & (np.abs(c[..., 2]) < 4), grid.affine, "mask")
    return Lesion(mask, Level.T8, "lytic", 1.0, 1.0, (0.0, 0.0, 0.0), 0.0, 0.1, (), None, origin, None)  # type: ignore[arg-type]


def measure(found: Ring | Vertebra, *, cord: Volume | None = None, lesions: tuple[Lesion, ...] = ()):
    """One level by itself."""
    vertebra = found.vertebra() if isinstance(found, Ring) else found
    return measure_canals({vertebra.level: vertebra}, cord=cord, lesions={vertebra.level: lesions})[vertebra.level]


@pytest.mark.parametrize("spacing", GRIDS)
@pytest.mark.parametrize("axes", [np.eye(3), rotation(15, 10), rotation(-20, -12)], ids=["straight", "back", "front"])
@pytest.mark.parametrize("lean", [0.0, 20.0])
def test_area_and_diameters_of_an_exact_lumen(spacing, axes, lean):
    ring = Ring(spacing_mm=spacing, axes=axes, lean_deg=lean)
    found = measure(ring)
    seen = found.areas_mm2[np.isfinite(found.areas_mm2)]
    assert seen.size >= 8  # of a ring 14 mm high
    assert found.min_area_mm2 == pytest.approx(ring.area_mm2, rel=0.05)
    assert np.median(seen) == pytest.approx(ring.area_mm2, rel=0.05)
    assert found.ap_diameter_mm == pytest.approx(15.0, abs=1.0)
    assert found.transverse_diameter_mm == pytest.approx(20.0, abs=1.0)


def test_where_the_ring_is_open_there_is_no_area():
    found = measure(Ring())
    above = np.abs(found.positions_mm) > HALF_RING_MM + 2.5
    assert above.any()
    assert np.isnan(found.areas_mm2[above]).all()


@pytest.mark.parametrize("spacing", GRIDS)
def test_a_flaw_in_the_ring_is_bridged_and_an_opening_is_not(spacing):
    ring = Ring(spacing_mm=spacing)
    assert measure(replace(ring, gap_mm=2.0)).min_area_mm2 == pytest.approx(ring.area_mm2, rel=0.06)
    found = measure(replace(ring, gap_mm=9.0))
    assert found.min_area_mm2 is None
    assert found.ap_diameter_mm is None
    assert found.lumen is None
    assert any("close a ring" in note for note in found.notes)


def test_an_arch_cut_off_by_the_scan_is_said():
    vertebra = Ring().vertebra()
    keep = vertebra.parts.array * (np.arange(vertebra.parts.shape[2]) < vertebra.parts.shape[2] // 2 - 3)
    cut = replace(vertebra, parts=vertebra.parts.like(keep, "label"), cut_parts=(SubRegion.LAMINA_LEFT,))
    found = measure(cut)
    assert found.min_area_mm2 is None
    assert any("left lamina" in note for note in found.notes)


def test_the_atlas_has_no_body_and_is_not_measured():
    found = measure(replace(Ring().vertebra(), level=Level.C1))
    assert found.min_area_mm2 is None
    assert any("no body" in note for note in found.notes)


@pytest.mark.parametrize("spacing", [(0.7, 0.7, 2.5), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("bulge_mm", [3.0, 7.5, 9.5, 13.0])
def test_a_fragment_of_the_back_wall_is_measured_even_where_it_covers_the_axis(spacing, bulge_mm):
    ring = Ring(deep_mm=8.0, spacing_mm=spacing)
    vertebra = ring.vertebra()
    c = ring.across_canal(ring.local(vertebra.parts))
    fragment = (np.abs(c[..., 0]) < 4) & (c[..., 1] < bulge_mm - 8) & (c[..., 1] > -9) & (np.abs(c[..., 2]) < 4)
    parts = np.where(fragment, int(SubRegion.BODY), vertebra.parts.array).astype(np.uint8)
    found = measure(replace(vertebra, parts=vertebra.parts.like(parts, "label")))
    y, x = np.mgrid[-8:8:0.02, -10:10:0.02]
    lumen = (x / 10) ** 2 + (y / 8) ** 2 < 1
    left = (lumen & ~((np.abs(x) < 4) & (y < bulge_mm - 8))).sum() * 0.02**2
    assert found.min_area_mm2 == pytest.approx(left, rel=0.07)
    assert found.ap_diameter_mm == pytest.approx(16 - bulge_mm, abs=1.2)
    assert any("far into the canal" in note for note in found.notes) == (bulge_mm > 5)
    assert found.lumen is not None
    assert not (found.lumen.array & fragment).sum() > 0.02 * found.lumen.array.sum()


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_share_of_the_canal_held_by_a_lesion(share):
    ring = Ring()
    depth = np.linspace(-1, 1, 20001)
    held = np.cumsum(np.sqrt(1 - depth**2))
    front = depth[np.searchsorted(held / held[-1], share)] * ring.deep_mm
    found = measure(ring, lesions=(lesion_in(ring, front if share else -ring.deep_mm - 1),))
    assert found.lesion_encroachment == pytest.approx(share, abs=0.04)
    assert ("lesion mask holds up to" in found.escc_reason) == (share > 0)


def test_encroachment_is_unknown_without_a_mask_that_can_reach_the_canal():
    assert measure(Ring()).lesion_encroachment is None
    found = measure(Ring(), lesions=(lesion_in(Ring(), 0.0, origin="detected"),))
    assert found.lesion_encroachment is None
    assert any("detected" in note for note in found.notes)


@pytest.mark.parametrize("radius", [4.0, 7.0])
def test_cord_cross_section_and_its_plausibility(radius):
    ring = Ring()
    grid = ring.grid()
    c = ring.across_canal(ring.local(grid))
    whole = Volume(np.hypot(c[..., 0], c[..., 1]) < radius, grid.affine, "mask")
    found = measure(ring, cord=whole)
    assert found.cord_area_mm2 == pytest.approx(np.pi * radius**2, rel=0.05)
    assert any("thecal sac" in note for note in found.notes) == (radius == 7.0)
    assert found.min_area_mm2 == pytest.approx(ring.area_mm2, rel=0.05)


@pytest.mark.parametrize("cord", [True, False])
def test_no_escc_grade_from_bone(cord):
    ring = Ring()
    whole = Volume(np.zeros(ring.grid().shape, bool), ring.grid().affine, "mask") if cord else None
    found = measure(ring, cord=whole)
    assert found.escc_grade is None
    assert "MRI" in found.escc_reason


def spine(narrow: dict[Level, float]) -> dict[Level, Vertebra]:
    """T5 to T11, 30 mm apart, widening downwards by 3 % of area a level; the depth of some times a factor."""
    return {
        level: Ring(
            across_mm=9 + 0.27 * n,
            deep_mm=7.5 * narrow.get(level, 1.0),
            spacing_mm=(1.0, 1.0, 1.0),
            up_mm=-30.0 * n,
        ).vertebra(level)
        for n, level in enumerate(Level(number) for number in range(12, 19))
    }


def test_loss_is_seen_against_the_neighbours_and_does_not_rub_off_on_them():
    found = measure_canals(spine({Level.T8: 0.6}), cord=None, lesions={})
    assert found[Level.T8].area_loss == pytest.approx(0.4, abs=0.05)
    assert found[Level.T8].expected_area_mm2 == pytest.approx(np.pi * 9.81 * 7.5, rel=0.06)
    for level, one in found.items():
        if level is not Level.T8:
            assert one.area_loss == pytest.approx(0.0, abs=0.12 if level in (Level.T5, Level.T11) else 0.06)


def test_too_few_neighbours_give_no_expectation():
    two = {level: vertebra for level, vertebra in spine({}).items() if level in (Level.T8, Level.T9)}
    found = measure_canals(two, cord=None, lesions={})
    assert found[Level.T8].min_area_mm2 is not None
    assert found[Level.T8].area_loss is None
    assert "fewer than two neighbours" in found[Level.T8].notes[-1]


def test_levels_with_a_lesion_are_no_neighbours():
    vertebrae = spine({Level.T7: 0.6, Level.T9: 0.6, Level.T10: 0.6})
    alone = {level: measure(vertebra) for level, vertebra in vertebrae.items()}
    trusting = compare_with_neighbours(alone, vertebrae)
    warned = compare_with_neighbours(alone, vertebrae, with_lesion=(Level.T7, Level.T9, Level.T10))
    assert trusting[Level.T8].area_loss is not None
    assert trusting[Level.T8].area_loss < -0.1
    assert warned[Level.T8].area_loss == pytest.approx(0.0, abs=0.06)


def test_the_mask_holds_the_measured_lumen():
    ring = Ring(axes=rotation(15, 10))
    vertebra = ring.vertebra()
    found = measure(vertebra)
    assert found.lumen is not None
    assert found.lumen.same_grid(vertebra.parts)
    assert not (found.lumen.array & vertebra.mask()).sum() > 0.03 * found.lumen.array.sum()
    length = np.isfinite(found.areas_mm2).sum()  # planes lie 1 mm apart
    volume = found.lumen.array.sum() * found.lumen.voxel_volume_mm3
    assert volume == pytest.approx(ring.area_mm2 * length, rel=0.05)


def test_the_lumen_does_not_depend_on_how_much_of_the_scan_is_kept_around():
    vertebra = Ring(spacing_mm=(1.0, 1.0, 1.0)).vertebra()
    grid = vertebra.parts
    cropped = replace(vertebra, parts=grid.crop((10, 12, 20), (90, 90, 70)))
    lumen = measure(cropped).lumen
    direct = measure(vertebra).lumen
    assert lumen is not None
    assert direct is not None
    assert np.array_equal(lumen.resampled_onto(grid, order=0, outside=0).array > 0, direct.array)


def test_one_level_travels_to_another_process():
    vertebra = pickle.loads(pickle.dumps(Ring().vertebra()))
    there = pickle.loads(pickle.dumps(measure(vertebra)))
    here = measure(Ring())
    assert np.array_equal(there.areas_mm2, here.areas_mm2, equal_nan=True)


@settings(max_examples=50, deadline=None)
@given(radius=st.floats(3, 20), ratio=st.floats(0.5, 1.0))
def test_polygon_area_of_an_ellipse(radius, ratio):
    angle = np.arange(RAYS) * 2 * np.pi / RAYS
    radii = radius * ratio / np.sqrt((ratio * np.cos(angle)) ** 2 + np.sin(angle) ** 2)
    assert polygon_areas_mm2(radii) == pytest.approx(np.pi * radius**2 * ratio, rel=2e-3)
