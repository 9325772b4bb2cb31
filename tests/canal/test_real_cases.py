"""The canal and the trabecular core in real scans: against the HU, the cord's own mask and published widths."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from data import demo_case, tptbox_case
from spondyl.anatomy.levels import Level
from spondyl.anatomy.subregions import SubRegion
from spondyl.canal.measure import measure_canals
from spondyl.canal.sections import SQUARE
from spondyl.canal.trace import find_canal
from spondyl.imaging.calibration import generic
from spondyl.imaging.labels import cord_from, read_level_map, read_subregions
from spondyl.imaging.read import read_ct
from spondyl.vertebrae.build import build_vertebrae
from spondyl.vertebrae.density import measure_density, trabecular_core


@cache
def demo():
    """(CT, cord, vertebrae, canals) of the demo case."""
    image, mask = demo_case()
    ct = read_ct(image).volume
    levels = read_level_map(mask, ct)
    cord = cord_from(mask, ct, levels)
    vertebrae, _ = build_vertebrae(levels, ct, cord=cord)
    return ct, cord, vertebrae, measure_canals(vertebrae, cord=cord, lesions={})


def test_every_whole_vertebra_shows_its_canal():
    canals = demo()[3]
    assert {Level.T1, Level.T6, Level.T12, Level.L1} <= set(canals)
    for level, canal in canals.items():
        assert canal.min_area_mm2 is not None, level
        assert np.isfinite(canal.areas_mm2).sum() >= 4, level


def test_widths_are_those_of_adults():
    # Bony AP diameter in young adults: 14.5 +- 1.5 mm (C5) to 16.7 +- 1.3 mm (L1) (Korean J Spine 2012;9:165);
    # soft-tissue area at T1 to T4 143 to 182 +- 32 mm2 (pam50_metrics). This spine is old and degenerative: wide bands.
    for level, canal in demo()[3].items():
        assert 100 < canal.min_area_mm2 < 330, level
        assert 10 < canal.ap_diameter_mm < 21, level
        assert 11 < canal.transverse_diameter_mm < 27, level


def test_lumen_is_soft_tissue_and_its_wall_is_bone():
    ct, _, vertebrae, canals = demo()
    for level, canal in canals.items():
        lumen = canal.lumen
        hu = ct.resampled_onto(lumen, order=1, outside=-1000.0).array
        across = (3, 3, 1)  # within slices: above and below the closed ring there is no wall
        core = ndimage.binary_erosion(lumen.array, np.ones(across), iterations=2)
        shell = ndimage.binary_dilation(lumen.array, np.ones(across), iterations=3)
        wall = shell & ~ndimage.binary_dilation(lumen.array, np.ones(across)) & vertebrae[level].mask()
        assert -30 < np.median(hu[core]) < 110, level
        assert np.median(hu[wall]) > 180, level


def test_the_cord_lies_in_the_tube():
    _, cord, vertebrae, canals = demo()
    (stretch,), failed = find_canal(vertebrae)
    assert not failed
    tube = stretch.tube
    for level, planes in stretch.bodies.items():
        held = outside = 0
        for plane in planes[tube.closed[planes]]:
            in_plane = cord.sample(tube.path.lps_mm(plane, SQUARE), order=1, outside=0) >= 0.5
            lumen, within = tube.pixels(plane)
            in_lumen = cord.sample(tube.path.lps_mm(plane, lumen[within]), order=1, outside=0) >= 0.5
            held += in_plane.sum()
            outside += in_plane.sum() - in_lumen.sum()
        assert held > 500, level
        assert outside < 0.02 * held, level
        assert canals[level].cord_area_mm2 < canals[level].min_area_mm2, level


def test_seed_from_the_ring_finds_the_same_canal_as_the_cord():
    _, _, vertebrae, with_cord = demo()
    alone = measure_canals(vertebrae)
    for level in vertebrae:
        assert alone[level].min_area_mm2 == pytest.approx(with_cord[level].min_area_mm2, rel=0.03), level


def test_no_level_of_the_demo_case_is_called_narrowed():
    for level, canal in demo()[3].items():
        assert abs(canal.area_loss) < 0.2, level


def test_trabecular_core_of_the_demo_case():
    # L1 of adults: 226 +- 44 HU below 30 years to 89 +- 38 above 90 (jang2019); upper thoracic bodies are denser.
    ct, _, vertebrae, _ = demo()
    for level, vertebra in vertebrae.items():
        found = measure_density(vertebra, ct, generic(None))
        assert found is not None, level
        assert 40 < found.trabecular_hu < 260, level
        core, _ = trabecular_core(vertebra)
        assert not (core & ~vertebra.mask(SubRegion.BODY)).any()
        hu = ct.resampled_onto(vertebra.parts, order=1, outside=-1000.0).array
        assert found.trabecular_hu < hu[vertebra.mask(SubRegion.BODY)].mean(), level


def test_an_l3_with_given_parts():
    image, mask, parts = tptbox_case()
    ct = read_ct(image).volume
    vertebrae, _ = build_vertebrae(read_level_map(mask, ct), ct, subregions=read_subregions(parts, ct))
    canal = measure_canals(vertebrae)[Level.L3]
    assert 200 < canal.min_area_mm2 < 420
    assert 13 < canal.ap_diameter_mm < 23
    assert 20 < canal.transverse_diameter_mm < 31
    density = measure_density(vertebrae[Level.L3], ct, generic(None))
    assert density is not None
    assert 0 < density.trabecular_hu < 250
